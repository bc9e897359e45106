"""A character n-gram model with interpolated Kneser-Ney smoothing, in NumPy.

    p(c | h) = max(n(hc) - D, 0) / n(h) + D * kinds(h) / n(h) * p(c | h without its first character)

n counts occurrences for the longest order and different left neighbours for the others (Kneser and Ney 1995; Chen and Goodman 1998,
with one discount an order, D = n1 / (n1 + 2 n2)); below the shortest order every character of the reference, and one that it does not
know, is equally likely. A history that was never seen leaves the word to the shorter one.

N-grams are 64-bit hashes in sorted arrays: a text is scored by look-ups for all its characters at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

Hashes = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]
START, END = 1, 2
"""Code points that stand for the edges of a text; no text that people write holds them."""
BLOCK: Final = 1 << 18


@dataclass(frozen=True, eq=False)
class Order:
    """The n-grams of one length, sorted by hash, with what interpolation needs of them."""

    grams: Hashes
    left: Floats
    """max(n(hc) - D, 0) / n(h) of each."""
    histories: Hashes
    rest: Floats
    """D * kinds(h) / n(h) of each history: the weight of the shorter order."""


@dataclass(frozen=True, eq=False)
class Model:
    """n-grams of 1 to N characters."""

    orders: tuple[Order, ...]
    base: float
    """The probability of a character of which nothing is known."""
    characters: int
    """Characters of the reference."""

    def bits(self, texts: pl.Series) -> pl.Series:
        """Cross-entropy of each text in bits per character, its end counted as one; null for null."""
        n = len(self.orders)
        out = [pl.Series("bits", [], dtype=pl.Float64)]
        sizes = np.maximum(texts.str.len_chars().fill_null(0).to_numpy().astype(np.int64), 1)
        cuts: list[int] = np.flatnonzero(np.diff(np.cumsum(sizes) // BLOCK, prepend=0)).tolist()
        for start, stop in zip([0, *cuts], [*cuts, len(texts)]):
            if start == stop:
                continue
            points, owner = _padded(texts.slice(start, stop - start), n)
            at = np.flatnonzero(points != START)
            spent = -np.log2(self._likely(points, at))
            many = stop - start
            out.append(pl.Series("bits", np.bincount(owner[at], spent, minlength=many) / np.bincount(owner[at], minlength=many)))
        made = pl.concat(out)
        return pl.DataFrame([made, texts.alias("text")]).select(pl.when(pl.col("text").is_not_null()).then("bits").alias("bits")).to_series()

    def _likely(self, points: npt.NDArray[np.uint32], at: npt.NDArray[np.int64]) -> Floats:
        """The probability of the characters at these places."""
        p = np.full(len(at), self.base)
        before = np.zeros(len(points) + 1, dtype=np.uint64)
        for n, order in enumerate(self.orders, 1):
            hashed = _hashes(points, n)
            history = before[at - n + 1]
            rest, seen = _found(order.histories, order.rest, history)
            left, _ = _found(order.grams, order.left, hashed[at - n + 1])
            p = np.where(seen, left + rest * p, p)
            before = hashed
        return p


def fit(texts: pl.Series, n: int) -> Model:
    """The model of a reference: of the texts' characters, edges marked."""
    points, _ = _padded(texts, n)
    at = np.flatnonzero(points != START)
    known = len(np.unique(points[at]))
    orders: list[Order] = []
    shorter = None
    for k in range(n, 0, -1):
        grams = _hashes(points, k)[at - k + 1]
        history = _hashes(points, k - 1)[at - k + 1] if k > 1 else np.zeros(len(at), np.uint64)
        if shorter is None:
            keys, first, counts = np.unique(grams, return_index=True, return_counts=True)
        else:
            # How many different n-grams of one more character end so.
            longer = np.unique(shorter, return_index=True)[1]
            keys, first, counts = np.unique(grams[longer], return_index=True, return_counts=True)
            first = longer[first]
        orders.append(_order(keys, counts.astype(np.float64), history[first]))
        shorter = grams
    return Model(tuple(orders[::-1]), 1 / (known + 1), len(at))


def _order(keys: Hashes, counts: Floats, of: Hashes) -> Order:
    once, two = int((counts == 1).sum()), int((counts == 2).sum())
    discount = once / (once + 2 * two) if once and two else 0.5
    histories, which = np.unique(of, return_inverse=True)
    total, kinds = np.bincount(which, counts), np.bincount(which)
    return Order(keys, np.maximum(counts - discount, 0) / total[which], histories, np.minimum(discount, 1.0) * kinds / total)


def _found(keys: Hashes, values: Floats, asked: Hashes) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """The values of keys, 0 where there is none, and whether there is one. Asked in order: it is four times as fast."""
    distinct, back = np.unique(asked, return_inverse=True)
    at = np.minimum(np.searchsorted(keys, distinct), len(keys) - 1)
    there = keys[at] == distinct
    return np.where(there, values[at], 0.0)[back], there[back]


def _padded(texts: pl.Series, n: int) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64]]:
    """Code points of all texts, `n - 1` START before each (one at least) and an END behind; and the text of each."""
    pad = chr(START) * max(1, n - 1)
    clean = texts.fill_null("").str.replace_all(r"[\x00-\x02]", " ")
    points = np.frombuffer("".join(f"{pad}{t}{chr(END)}" for t in clean.to_list()).encode("utf-32-le", "surrogatepass"), dtype="<u4")
    ends = np.flatnonzero(points == END)
    return points, np.repeat(np.arange(len(ends)), np.diff(ends, prepend=-1))


def _hashes(points: npt.NDArray[np.uint32], n: int) -> Hashes:
    """A hash of the n code points from each place on, `[len(points)]`; the last n - 1 are no n-grams."""
    made = np.full(len(points), n * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF, dtype=np.uint64)
    for k in range(n):
        made[: len(points) - k] ^= points[k:].astype(np.uint64) + np.uint64(1)
        made *= np.uint64(0xBF58476D1CE4E5B9)
        made ^= made >> np.uint64(29)
    return made
