"""Hashed character n-grams of texts, inside words, for the linear classifier."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

Ints = npt.NDArray[np.int64]
_TURN: Final = np.uint64(0x9E3779B97F4A7C15)


def grams(texts: pl.Series, orders: tuple[int, ...], size: int) -> tuple[Ints, Ints]:
    """(first, places): the n-grams of text i are `places[first[i]:first[i + 1]]`, each below `size` (a power of two).

    Letters are small, white space of any length is one edge, which n-grams of two and more may begin or end with but not cross.
    """
    small = texts.fill_null("").str.to_lowercase().str.replace_all(r"[\s\x00]+", " ").str.strip_chars()
    n = len(small)
    joined = "".join(f" {t} \0" for t in small.to_list())
    points = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    owner = np.concatenate([[0], np.cumsum(points == 0)])[:-1] if len(points) else np.zeros(0, np.int64)
    edge, end = points == 32, points == 0
    hashed = points.astype(np.uint64) + np.uint64(1)
    found: list[tuple[Ints, Ints]] = []
    rolled = np.zeros(len(points), dtype=np.uint64)
    crossing = np.zeros(len(points), dtype=bool)
    for k in range(1, max(orders) + 1):
        m = max(0, len(points) - k + 1)
        rolled = (rolled[:m] ^ hashed[k - 1 :]) * _TURN
        rolled ^= rolled >> np.uint64(32)
        # An edge may stand first or last, never between; the end of a text nowhere.
        crossing = crossing[:m] | end[k - 1 :] | (edge[k - 2 : len(points) - 1] if k > 2 else np.zeros(m, bool))
        if k in orders:
            at = np.flatnonzero(~(crossing | edge[:m] if k == 1 else crossing))
            found.append((owner[at], ((rolled[at] ^ np.uint64(k)) & np.uint64(size - 1)).astype(np.int64)))
    rows, places = (np.concatenate(part) for part in zip(*found))
    order = np.argsort(rows, kind="stable")
    return np.searchsorted(rows[order], np.arange(n + 1)), places[order]
