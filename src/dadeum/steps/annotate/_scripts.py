"""How much of a text is written in which script: one table look-up a character, all texts of a batch end to end.

Kinds: Hangul (syllables and jamo), Latin, Han, kana, any other letter; what is no letter has none. Fillers (U+3164 and the like)
and the dot ㆍ, which Unicode calls letters, are none here: nobody reads them as such.
"""

from __future__ import annotations

import unicodedata
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

SCRIPTS: Final = ("hangul", "latin", "han", "kana", "other")
Counts = npt.NDArray[np.int64]

BLOCK: Final = 1 << 18
"""Characters in one pass: the working memory stays in the processor's cache."""
_RANGES: Final = (
    (1, ((0xAC00, 0xD7A3), (0x1100, 0x11FF), (0x3131, 0x318E), (0xA960, 0xA97C), (0xD7B0, 0xD7FB), (0xFFA1, 0xFFDC))),
    (2, ((0x41, 0x5A), (0x61, 0x7A), (0xC0, 0xD6), (0xD8, 0xF6), (0xF8, 0x24F), (0x1E00, 0x1EFF), (0xFF21, 0xFF3A), (0xFF41, 0xFF5A))),
    (3, ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF), (0x3005, 0x3007))),
    (4, ((0x3041, 0x3096), (0x30A1, 0x30FA), (0x30FC, 0x30FF), (0x31F0, 0x31FF), (0xFF66, 0xFF9D))),
)
_NONE: Final = (0x3164, 0x115F, 0x1160, 0x318D)
_UNKNOWN: Final = 255


def _table() -> npt.NDArray[np.uint8]:
    table = np.full(0x110000, _UNKNOWN, dtype=np.uint8)
    for kind, ranges in _RANGES:
        for first, last in ranges:
            table[first : last + 1] = kind
    table[list(_NONE)] = 0
    return table


_KINDS: Final = _table()
"""Kind of each code point, its place in SCRIPTS plus one; 0 no letter. The rest of Unicode is learnt when it is first seen."""


def kinds(points: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint8]:
    """The kind of each code point."""
    found = np.take(_KINDS, points)
    if found.size and found.max() == _UNKNOWN:
        for code in np.unique(points[found == _UNKNOWN]).tolist():
            _KINDS[code] = 5 if unicodedata.category(chr(code))[0] == "L" else 0
        found = np.take(_KINDS, points)
    return found


def count(texts: pl.Series) -> Counts:
    """Letters of each script, `[texts, 5]` in the order of SCRIPTS; null counts as empty.

    >>> count(pl.Series(["한글 and 漢字", "カナ!", None])).tolist()
    [[2, 3, 2, 0, 0], [0, 0, 0, 2, 0], [0, 0, 0, 0, 0]]
    """
    texts = texts.fill_null("")
    sizes = texts.str.len_chars().to_numpy().astype(np.int64)
    out = np.zeros((len(texts), len(SCRIPTS)), dtype=np.int64)
    ends = np.cumsum(sizes)
    start = 0
    while start < len(texts):
        before = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + BLOCK, side="right")))
        joined = "".join(texts.slice(start, stop - start).to_list())
        found = kinds(np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype="<u4"))
        owner = np.repeat(np.arange(stop - start) * 6, sizes[start:stop])
        out[start:stop] = np.bincount(owner + found, minlength=6 * (stop - start)).reshape(-1, 6)[:, 1:]
        start = stop
    return out
