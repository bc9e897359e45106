"""All pairs of sets that are so similar: candidates by groups, refused by bitmaps, verified by counting what they share.

Rows with the same key or the same set are taken as one before anything is compared. Where rare values are not rare (`MOST`), or where it is asked for, the groups are MinHash buckets; either way a pair is given with its true similarity,
and none that has less than the threshold.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import polars as pl

from dadeum.steps.dedup._near.crowd import Crowd, absorb, crowded, outside
from dadeum.steps.dedup._near.groups import Groups, bands, prefixes
from dadeum.steps.dedup._near.sets import (
    BLOCK,
    U64,
    Floats,
    Ints,
    Sets,
    bitmaps,
    blocks,
    differing,
    distinct,
    least,
    mixed,
    ragged,
    shared,
    words,
)

Method = Literal["auto", "exact", "minhash"]
MOST: Final = 32
"""Words of bitmaps for each value of the sets, and 4 more for each candidate, beyond which MinHash costs half of what the exact join
does or less (8 ns a word; 130 ns a value for 125 minima)."""
ALWAYS: Final = 1 << 24
"""Candidates that the exact join may have whatever the number of rows."""
LOOKED: Final = 4
"""Bands in which crowds are looked for."""
PAIRS: Final = {"a": pl.UInt32(), "b": pl.UInt32(), "similarity": pl.Float64()}


@dataclass(frozen=True)
class Related:
    """What is alike among `n` texts, as positions in their Sets."""

    same: Ints
    """`[n]`: the first text with the same key or the same set; all that follows is of these first ones alone."""
    a: Ints
    b: Ints
    similarity: Floats
    """`[pairs]`: of the pairs a < b with at least the threshold, those that are not of one crowd."""
    crowd: Ints
    """`[n]`: the number of the crowd that a text is in, from 1, else 0. Pairs within a crowd are not listed."""
    method: str
    """exact or minhash."""


def pairs(sets: Sets, threshold: float, method: Method = "auto") -> pl.DataFrame:
    """Every pair of texts that are at least so similar: `a`, `b` (UInt32, positions in `sets`, a < b), `similarity` (Float64).

    threshold: Jaccard similarity, above 0, up to 1; texts with the same key have 1. method: exact finds every pair; minhash those
    of 0.8 and more with a probability of 0.9999; auto takes exact where it is the cheaper one. Sorted by a, b.

    A thousand texts that are all alike have half a million pairs. Where they need not be known one by one, take `links`.
    """
    found = related(sets, threshold, method)
    a, b, similarity = every_pair(sets, found, threshold)
    firsts = pl.DataFrame({"a": a, "b": b, "similarity": similarity})
    every = pl.DataFrame({"first": found.same, "text": np.arange(len(sets))})
    spread = firsts.join(every, left_on="a", right_on="first").rename({"text": "x"}).join(every, left_on="b", right_on="first")
    equal = every.join(every, on="first").filter(pl.col("text") < pl.col("text_right"))
    return pl.concat([
        spread.select(pl.min_horizontal("x", "text").alias("a"), pl.max_horizontal("x", "text").alias("b"), "similarity"),
        equal.select(pl.col("text").alias("a"), pl.col("text_right").alias("b"), pl.lit(1.0).alias("similarity")),
    ]).cast(pl.Schema(PAIRS)).sort("a", "b")  # fmt: skip


def every_pair(sets: Sets, found: Related, threshold: float) -> tuple[Ints, Ints, Floats]:
    """(a, b, similarity) of all pairs of first texts that are at least so similar, those within crowds too."""
    enough = found.similarity >= threshold
    a, b, similarity = [found.a[enough]], [found.b[enough]], [found.similarity[enough]]
    for members, crowd in crowds(sets, found.crowd):
        for one in range(len(members)):
            like, value = crowd.like(one, np.arange(one + 1, len(members)), threshold)
            a.append(np.full(len(like), members[one]))
            b.append(members[like])
            similarity.append(value)
    return np.concatenate(a), np.concatenate(b), np.concatenate(similarity)


def overlooked(sets: Sets, floor: float, threshold: float, method: Method) -> tuple[Ints, Ints, Floats]:
    """`every_pair` of what `related` finds down to `floor` among distinct texts, each with a set, that stayed when buckets had
    found who is alike. The same buckets find nothing new among them, so that they are not asked."""
    rows = np.argsort(sets.sizes, kind="stable")
    made, used = _groups(sets, sets.offsets[rows], sets.sizes[rows], floor, method)
    if used == "minhash" and not (len(rows) and crowded([groups for _, groups in zip(range(LOOKED), made)], len(rows)).any()):
        none = np.zeros(0, dtype=np.int64)
        return none, none, np.zeros(0)
    return every_pair(sets, related(sets, floor, method), threshold)


def links(sets: Sets, threshold: float, method: Method = "auto") -> pl.DataFrame:
    """As `pairs`, but of them only enough to connect the texts that are connected: at most 20 or so for each text, however many
    are alike. What a union-find makes of them is what it would make of all pairs."""
    found = related(sets, threshold, method)
    same = np.flatnonzero(found.same != np.arange(len(sets)))
    a, b, similarity = [found.a, found.same[same]], [found.b, same], [found.similarity, np.ones(len(same))]
    for members, crowd in crowds(sets, found.crowd):
        open_ = np.arange(len(members))
        reached = np.zeros(0, dtype=np.int64)
        while len(open_):
            if not len(reached):
                reached, open_ = open_[:1], open_[1:]
            now, reached = int(reached[0]), reached[1:]
            like, value = crowd.like(now, open_, threshold)
            open_ = open_[~np.isin(open_, like)]
            reached = np.concatenate([reached, like])
            a.append(np.full(len(like), members[now]))
            b.append(members[like])
            similarity.append(value)
    one, other = np.concatenate(a), np.concatenate(b)
    made = {"a": np.minimum(one, other), "b": np.maximum(one, other), "similarity": np.concatenate(similarity)}
    return pl.DataFrame(made).cast(pl.Schema(PAIRS)).sort("a", "b")


def crowds(sets: Sets, crowd: Ints) -> Iterator[tuple[Ints, Crowd]]:
    """Of each crowd (the texts in it, as positions in `sets`; their sets)."""
    members = np.flatnonzero(crowd)
    members = members[np.argsort(crowd[members], kind="stable")]
    for mine in np.split(members, np.flatnonzero(np.diff(crowd[members])) + 1) if len(members) else ():
        yield mine, Crowd(sets.values, sets.offsets[mine], sets.sizes[mine])


def related(sets: Sets, threshold: float, method: Method = "auto") -> Related:
    """What is alike: `pairs` and `links` without the parts that may be large.

    Memory, besides the sets: about 60 bytes a text, 16 for each of its (1 - threshold) n rare values, 24 a pair.
    """
    n = len(sets)
    same = first(sets)
    sizes = sets.sizes
    rows = np.flatnonzero((same == np.arange(n)) & (sizes > 0))
    rows = rows[np.argsort(sizes[rows], kind="stable")]
    starts, size = sets.offsets[rows], sizes[rows]
    made, used = _groups(sets, starts, size, threshold, method)
    crowd = np.zeros(len(rows), dtype=np.int64)
    codes = [np.zeros(0, dtype=np.uint64)]
    if len(rows) > 1:
        bits = bitmaps(sets.values, starts, size, words(size))
        looked = [groups for _, groups in zip(range(LOOKED), made)]
        crowd = crowded(looked, len(rows))
        while looked:
            codes += _listed(outside(looked.pop(0), crowd), crowd, bits, size, threshold)
        for groups in made:
            absorb(groups, crowd)
            codes += _listed(outside(groups, crowd), crowd, bits, size, threshold)
        del bits
    code = distinct(np.concatenate(codes))
    a, b = (code >> np.uint64(32)).astype(np.int64), (code & np.uint64(0xFFFFFFFF)).astype(np.int64)
    apart = (crowd[a] == 0) | (crowd[a] != crowd[b])  # a row may have joined a crowd after it was listed
    a, b = a[apart], b[apart]
    both = shared(sets.values, starts, size, a, b)
    similarity = both / (size[a] + size[b] - both)
    enough = similarity >= threshold
    a, b, similarity = rows[a[enough]], rows[b[enough]], similarity[enough]
    placed = np.zeros(n, dtype=np.int64)
    placed[rows] = crowd
    return Related(same, np.minimum(a, b), np.maximum(a, b), similarity, placed, used)


def first(sets: Sets) -> Ints:
    """`[n]`: the first text with the same set, of texts without a set with the same key; of a key 0 (nothing said) itself."""
    sizes = sets.sizes
    mark = mixed(sets.keys)
    for part in blocks(sizes):
        some = np.flatnonzero(sizes[part]) + part.start
        if len(some):
            values = sets.values[sets.offsets[part.start] : sets.offsets[part.stop]].astype(np.uint64)
            mark[some] = np.add.reduceat(mixed(values + np.uint64(0x9E3779B97F4A7C15)), sets.offsets[some] - sets.offsets[part.start])
    _, index, inverse = np.unique(mark, return_index=True, return_inverse=True)
    silent = (sets.keys == 0) & (sizes == 0)
    return np.where(silent, np.arange(len(sets)), index[inverse])


def _groups(sets: Sets, starts: Ints, sizes: Ints, threshold: float, method: Method) -> tuple[Iterator[Groups], str]:
    if method != "minhash":
        made = next(prefixes(sets.values, starts, sizes, threshold))
        if method == "exact" or _affordable(int(outside(made, crowded([made], len(sizes))).partners.sum()), sizes):
            return iter([made]), "exact"
    return bands(sets.values, starts, sizes, threshold), "minhash"


def _affordable(candidates: int, sizes: Ints) -> bool:
    return candidates <= ALWAYS or candidates * (words(sizes) + 4) <= MOST * int(sizes.sum())


def _listed(groups: Groups, crowd: Ints, bits: U64, sizes: Ints, threshold: float) -> Iterator[U64]:
    """The groups' pairs `a << 32 | b` that the bitmaps don't refuse and that are not of one crowd; some more than once."""
    rows = groups.rows
    within = crowd.any()
    for part in blocks(groups.partners, max(BLOCK // bits.shape[1], 1)):
        count = groups.partners[part]
        a = np.repeat(rows[part], count)
        b = rows[ragged(np.arange(part.start, part.stop) + 1, count)]
        together = sizes[a] + sizes[b]
        near = differing(bits.take(a, axis=0), bits.take(b, axis=0)) <= together - 2 * least(threshold, together)
        if within:
            near &= (crowd[a] == 0) | (crowd[a] != crowd[b])
        a, b = a[near], b[near]
        yield distinct((a.astype(np.uint64) << np.uint64(32)) | b.astype(np.uint64))
