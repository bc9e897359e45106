"""One reading for the many ways of writing the same characters, with the way back.

Full-width and mathematical digits, dashes and wide spaces fold one to one. Zero-width characters are left out and decomposed Hangul
is put together; then `starts` and `ends` say where each character of the folded text stands in the original.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

FOLD: Final[dict[int, int | str]] = {
    **{c: c - 0xFEE0 for c in range(0xFF01, 0xFF5F)},
    **{0x1D7CE + i: str(i % 10) for i in range(50)},
    **dict.fromkeys(map(ord, "‐‑‒–—―−﹣ㅡ"), "-"),
    **dict.fromkeys(map(ord, "\u00a0\u2002\u2003\u2007\u2009\u202f\u3000"), " "),
    ord("。"): ".",
}
ZERO_WIDTH: Final = "\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f\ufeff"
_MOVED: Final = re.compile(rf"[{ZERO_WIDTH}]|[\u1100-\u1112][\u1161-\u1175][\u11a8-\u11c2]?")


@dataclass(frozen=True)
class Folded:
    """A folded text. `starts` and `ends` are None where every character stands where it stood."""

    text: str
    starts: list[int] | None = None
    ends: list[int] | None = None

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The stretch of the original text that this stretch (not empty) of the folded one was read from."""
        if self.starts is None or self.ends is None:
            return start, end
        return self.starts[start], self.ends[end - 1]


def fold(text: str) -> Folded:
    """
    >>> fold("０１０\u200b-1").text, fold("０１０\u200b-1").original(2, 4)
    ('010-1', (2, 5))
    """
    if text.isascii():
        return Folded(text)
    plain = text.translate(FOLD)
    if not _MOVED.search(plain):
        return Folded(plain)
    out: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    at = 0
    for moved in _MOVED.finditer(plain):
        out.append(plain[at : moved.start()])
        starts += range(at, moved.start())
        ends += range(at + 1, moved.start() + 1)
        if len(moved[0]) > 1:
            out.append(unicodedata.normalize("NFC", moved[0]))
            starts.append(moved.start())
            ends.append(moved.end())
        at = moved.end()
    out.append(plain[at:])
    starts += range(at, len(plain))
    ends += range(at + 1, len(plain) + 1)
    return Folded("".join(out), starts, ends)
