"""How repetitive texts are, for a whole batch at once: all texts lie end to end in one array, and sorting finds what occurs twice.

A gram's key holds its text's number in the upper bits and 40 bits of a hash in the lower ones, so one sort serves all texts
and no text's answer depends on another's. Every function gives one number per text, in the order of the texts.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dadeum.record import put

RULED: Final = r"(?m)^[ \t]*[-=_*~#─━+|:]{4,150}[ \t]*$"
"""A line that is drawn: no loop, unless it is longer than any page is wide."""
BITS: Final = np.uint64(40)
LOW: Final = np.uint64((1 << 40) - 1)
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def undrawn(texts: pl.Series) -> pl.Series:
    """The texts without what stands on drawn lines.

    >>> undrawn(pl.Series(["a\\n-----\\nb", "----"])).to_list()
    ['a\\n\\nb', '']
    """
    drawn = texts.str.contains(RULED).fill_null(False).arg_true()
    return put(texts, drawn, texts.gather(drawn).str.replace_all(RULED, ""))


def characters(texts: pl.Series) -> tuple[NDArray[np.uint32], Ints]:
    """All characters end to end as code points, and each text's number of them."""
    points = np.frombuffer("".join(texts.to_list()).encode("utf-32-le"), dtype=np.uint32)
    return points, texts.str.len_chars().cast(pl.Int64).to_numpy()


def words(texts: pl.Series) -> tuple[NDArray[np.uint32], Ints, Ints]:
    """All words end to end as numbers (equal words, equal numbers), each word's length, each text's number of words."""
    lists = texts.str.to_lowercase().str.extract_all(r"\S+")
    flat = lists.explode(empty_as_null=False)
    numbers = flat.rank("dense").cast(pl.UInt32).to_numpy() if len(flat) else np.zeros(0, dtype=np.uint32)
    return numbers, flat.str.len_chars().cast(pl.Int64).to_numpy(), lists.list.len().cast(pl.Int64).to_numpy()


def longest_run(points: NDArray[np.uint32], lengths: Ints) -> Floats:
    """Length of the longest run of one character over the text's length."""
    out = np.zeros(len(lengths))
    if not len(points):
        return out
    owner = np.repeat(np.arange(len(lengths)), lengths)
    begins = np.flatnonzero(np.r_[True, (points[1:] != points[:-1]) | (owner[1:] != owner[:-1])])
    np.maximum.at(out, owner[begins], np.diff(np.r_[begins, len(points)]))
    return out / np.maximum(lengths, 1)


def repeated(symbols: NDArray[np.uint32], lengths: Ints, n: int) -> Floats:
    """Share of a text's n-grams that occurred in it before."""
    keys, _ = _keys(symbols, lengths, n)
    keys.sort()
    total = np.maximum(lengths - n + 1, 0)
    first = np.r_[True, keys[1:] != keys[:-1]] if len(keys) else np.zeros(0, dtype=bool)
    distinct = np.bincount((keys[first] >> BITS).astype(np.int64), minlength=len(lengths))
    return (total - distinct) / np.maximum(total, 1)


def top_share(symbols: NDArray[np.uint32], sizes: Ints, lengths: Ints, n: int) -> Floats:
    """Characters in all occurrences of the n-gram that holds most of them, over the text's characters; 0 if none occurs twice."""
    out = np.zeros(len(lengths))
    keys, at = _keys(symbols, lengths, n)
    if not len(keys):
        return out
    order = np.argsort(keys, kind="stable")
    keys, at = keys[order], at[order]
    begins = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
    counts = np.diff(np.r_[begins, len(keys)])
    before = np.r_[0, np.cumsum(sizes)]
    held = (before[at[begins] + n] - before[at[begins]]) * counts
    np.maximum.at(out, (keys[begins] >> BITS).astype(np.int64), np.where(counts > 1, held, 0))
    return np.minimum(out / np.maximum(_sums(sizes, lengths), 1), 1.0)


def covered(symbols: NDArray[np.uint32], sizes: Ints, lengths: Ints, n: int) -> Floats:
    """Characters of the words that stand in an n-gram which occurred before, over the text's characters."""
    keys, at = _keys(symbols, lengths, n)
    if not len(keys):
        return np.zeros(len(lengths))
    order = np.argsort(keys, kind="stable")
    keys, at = keys[order], at[order]
    again = at[np.r_[False, keys[1:] == keys[:-1]]]  # a stable sort: the first occurrence comes first
    edge = np.zeros(len(symbols) + 1, dtype=np.int64)
    np.add.at(edge, again, 1)
    np.add.at(edge, again + n, -1)
    inside = np.cumsum(edge)[:-1] > 0
    return _sums(np.where(inside, sizes, 0), lengths) / np.maximum(_sums(sizes, lengths), 1)


def _sums(sizes: Ints, lengths: Ints) -> Floats:
    owner = np.repeat(np.arange(len(lengths)), lengths)
    return np.bincount(owner, weights=sizes, minlength=len(lengths)).astype(np.float64)


def _keys(symbols: NDArray[np.uint32], lengths: Ints, n: int) -> tuple[NDArray[np.uint64], Ints]:
    """The key of every n-gram that lies within one text, and the position of its first symbol."""
    if len(symbols) < n:
        return np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int64)
    owner = np.repeat(np.arange(len(lengths), dtype=np.uint64), lengths)
    m = len(symbols) - n + 1
    at = np.flatnonzero(owner[:m] == owner[n - 1 :])
    hashed = np.zeros(m, dtype=np.uint64)
    for k in range(n):
        hashed = (hashed ^ symbols[k : k + m].astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        hashed ^= hashed >> np.uint64(29)
    return (owner[at] << BITS) | (hashed[at] & LOW), at
