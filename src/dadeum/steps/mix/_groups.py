"""Rows that belong together: their groups numbered, united where they share something, and the stratum each counts for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

Ints = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]

KEPT: Final = 80
"""Characters of a stratum's name."""


def named(rows: pl.DataFrame, columns: Sequence[str]) -> pl.Expr:
    """The value of several columns as one string, null where all of them are."""
    parts = [pl.col(c).cast(pl.String) for c in columns]
    if len(parts) == 1:
        return parts[0]
    whole = pl.concat_str([p.fill_null("\0") for p in parts], separator="\x1f")
    return pl.when(pl.any_horizontal(p.is_not_null() for p in parts)).then(whole)


def stratum(rows: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
    """The stratum of each row as the report calls it: `positive · short`; a missing value is `-`."""
    parts = [pl.col(c).cast(pl.String).fill_null("-").str.slice(0, KEPT) for c in columns]
    return rows.select(pl.concat_str(parts, separator=" · ").alias("stratum")).to_series()


def numbered(columns: Sequence[pl.Series]) -> Ints:
    """Equal values get equal numbers, from 1; 0 where the first column is null."""
    frame = pl.DataFrame([c.alias(str(i)) for i, c in enumerate(columns)])
    rank = pl.struct(pl.all()).rank("dense") if len(columns) > 1 else pl.col("0").rank("dense")
    return frame.select(pl.when(pl.col("0").is_not_null()).then(rank.cast(pl.Int64)).otherwise(0)).to_series().to_numpy()


def united(group: Ints, keys: Sequence[Ints] = (), links: tuple[Ints, Ints] | None = None) -> Ints:
    """`[rows]`: the groups as they are, those as one that share a key (0 is none) or that a link joins; numbered from 0.

    Connected components by hooking and pointer jumping: every pass points each group straight at its root.
    """
    a, b = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for key in keys:
        order = np.lexsort((group, key))
        order = order[key[order] > 0]
        same = key[order[1:]] == key[order[:-1]]
        a.append(group[order[:-1]][same])
        b.append(group[order[1:]][same])
    if links is not None:
        a.append(group[links[0]])
        b.append(group[links[1]])
    one, other = np.concatenate(a), np.concatenate(b)
    parent = np.arange(int(group.max(initial=0)) + 1)
    if not len(one):
        return _closed(group)
    while True:
        x, y = parent[one], parent[other]
        if (x == y).all():
            return _closed(parent[group])
        np.minimum.at(parent, np.maximum(x, y), np.minimum(x, y))
        while (parent != parent[parent]).any():
            parent = parent[parent]


def _closed(numbers: Ints) -> Ints:
    """The numbers from 0, without gaps, in the same order."""
    used = np.zeros(int(numbers.max(initial=0)) + 1, dtype=bool)
    used[numbers] = True
    return (np.cumsum(used) - 1)[numbers]


def strata(unit: Ints, values: pl.Series, n: int) -> Ints:
    """`[n]`: the stratum of each unit, numbered: its most frequent value, the first by its letters of two."""
    seen = pl.DataFrame({"unit": unit, "stratum": values}).group_by("unit", "stratum").len()
    best = seen.sort("unit", "len", "stratum", descending=[False, True, False]).unique("unit", keep="first", maintain_order=True)
    out = np.zeros(n, dtype=np.int64)
    out[best["unit"].to_numpy()] = best["stratum"].rank("dense").to_numpy() - 1
    return out


def mixed(hashes: U64) -> U64:
    """SplitMix64's finaliser: the smallest hash of a group of united ones is not uniform any more, its mix is."""
    x = hashes + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
