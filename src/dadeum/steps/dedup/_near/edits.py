"""Texts too short for shingles that differ in a letter or two: pairs by edit distance (insert, delete, replace), in jamo.

Hangul is taken apart (NFD), so that a typo in one vowel is one edit of a syllable and not a third of a text. How similar two texts
are is 1 - edits / jamo of the longer one. Numbers are no typos: texts whose digits differ are never alike.

Of two texts with at most e edits between them, one cut into e + 1 parts has one part in common with the other, at most e places
away (partition filter; Li, Deng, Wang and Feng 2011, Pass-Join). Whoever shares one is verified by the distance itself.
"""

from __future__ import annotations

import itertools
from typing import Final

import numpy as np
import polars as pl

from dadeum.steps.dedup._near.sets import U32, Floats, Ints

CHUNK: Final = 1 << 16
"""Pairs verified at once."""


def close(texts: pl.Series, edits: int, floor: float) -> tuple[Ints, Ints, Floats]:
    """(a, b, similarity) of the pairs a < b of distinct texts with at most `edits` edits and at least that similarity; null is like none.

    >>> close(pl.Series(["재밌어요", "재밋어요", "재미없어요", "3점", "4점"]), 1, 0.7)
    (array([0]), array([1]), array([0.88888889]))
    """
    spelled = pl.DataFrame({"at": np.arange(len(texts)), "text": texts}).drop_nulls().with_columns(pl.col("text").str.normalize("NFD"))
    spelled = spelled.with_columns(size=pl.col("text").str.len_chars().cast(pl.Int64), digits=pl.col("text").str.replace_all(r"\D", ""))
    found = [pl.DataFrame(schema={"at": pl.Int64, "at_right": pl.Int64})]
    for part, shorter in itertools.product(range(edits + 1), range(edits + 1)):
        held = spelled.select("at", "size", "digits", piece=_piece(pl.col("size"), part, edits, 0))
        for shift in range(-edits, edits + 1):
            asked = spelled.select("at", "digits", size=pl.col("size") - shorter, piece=_piece(pl.col("size") - shorter, part, edits, shift))
            both = held.join(asked.drop_nulls(), on=["size", "digits", "piece"])
            found.append(both.filter((pl.col("at") < pl.col("at_right")) | (shorter > 0)).select("at", "at_right"))
    pairs = pl.concat(found).select(a=pl.min_horizontal("at", "at_right"), b=pl.max_horizontal("at", "at_right")).unique().sort("a", "b")
    a, b = pairs["a"].to_numpy(), pairs["b"].to_numpy()
    place = np.zeros(len(texts), dtype=np.int64)
    place[spelled["at"].to_numpy()] = np.arange(spelled.height)
    codes, sizes = _matrix(spelled["text"]), spelled["size"].to_numpy()
    x, y = place[a], place[b]
    made = [distance(codes[x[i : i + CHUNK]], codes[y[i : i + CHUNK]], sizes[x[i : i + CHUNK]], sizes[y[i : i + CHUNK]], edits) for i in range(0, len(a), CHUNK)]
    far = np.concatenate([np.zeros(0, dtype=np.int64), *made])
    similarity = 1 - far / np.maximum(sizes[x], sizes[y])
    near = (far <= edits) & (similarity >= floor)
    return a[near], b[near], similarity[near]


def distance(x: U32, y: U32, long_x: Ints, long_y: Ints, most: int) -> Ints:
    """The edit distance of each pair of rows, `most + 1` where it is more.

    x, y: `[pairs, width]` code points, filled up with zeros; long_x, long_y: `[pairs]` how many there are.
    """
    band, big = 2 * most + 1, most + 1
    start = np.arange(band) - most
    row = np.tile(np.where(start >= 0, np.minimum(start, big), big), (len(x), 1))
    end = long_y - long_x + most
    inside = (end >= 0) & (end < band)
    end = np.where(inside, end, 0)
    out = np.where(inside & (long_x == 0), row[np.arange(len(x)), end], big)
    for i in range(1, x.shape[1] + 1):
        new = np.full_like(row, big)
        for k in range(band):
            j = i + k - most  # so many of y against i of x
            if j == 0:
                new[:, k] = i
            elif 0 < j <= y.shape[1]:
                new[:, k] = row[:, k] + (x[:, i - 1] != y[:, j - 1])
                if k + 1 < band:
                    np.minimum(new[:, k], row[:, k + 1] + 1, out=new[:, k])
                if k:
                    np.minimum(new[:, k], new[:, k - 1] + 1, out=new[:, k])
        row = np.minimum(new, big)
        out = np.where(inside & (long_x == i), row[np.arange(len(x)), end], out)
    return out


def _piece(size: pl.Expr, part: int, edits: int, shift: int) -> pl.Expr:
    """The part of a text cut as one of `size` is, `shift` places on; null where it would begin before the text or `size` is negative."""
    begin = size * part // (edits + 1)
    length = size * (part + 1) // (edits + 1) - begin
    return pl.when((begin + shift >= 0) & (size >= 0)).then(pl.col("text").str.slice((begin + shift).clip(0), length.clip(0)))


def _matrix(texts: pl.Series) -> U32:
    """`[texts, longest]`: code points, filled up with zeros."""
    width = int(texts.str.len_chars().max() or 0)  # type: ignore[arg-type]
    joined = texts.str.pad_end(width, "\0").str.join("").item() if len(texts) else ""
    return np.frombuffer(joined.encode("utf-32-le"), dtype="<u4").reshape(len(texts), width)
