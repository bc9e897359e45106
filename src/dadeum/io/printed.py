"""Lines of printed pages as the text that was set: wrapped lines joined, hyphens of the line's end gone, running heads and feet known.

Nothing but the document itself is asked: how wide its lines are says which were broken because the next word did not fit; which
words it holds elsewhere says whether a hyphen was the author's (`price-determining`) or the typesetter's (`prac-tices`). Korean is
broken between any two syllables where the setter does not say otherwise: then what stands inside the lines says whether a space
belongs there (naive Bayes over the letters before and after, and words that the document holds elsewhere).

Measured on chapters of a Korean book and an English essay, printed by a browser (so that every space is known): of 389 line ends
inside paragraphs that were broken at spaces .96 were found (.89 where a list is set in and its width was not seen to be a usual one),
and .99 of these got their space right; broken between syllables .93 of 373, and .94 right (always a space: .40, never one: .60);
English .97 of 196, all right. One paragraph in ten was joined to the next, because its last line was full.
"""

from __future__ import annotations

import itertools
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

EDGE: Final = 3
"""Lines at the top and at the bottom of a page among which running ones stand (some programs draw both last)."""
OFTEN: Final = 0.4
"""Share of the pages from which on a line is a running one: less than half, for left and right pages may differ."""
FULL: Final = 0.96
"""Share of the usual width that a line and the next word would have to stay below for the line to have ended by itself."""
ENDED: Final = 0.9
"""Share of it below which a line that ends a sentence ends its paragraph."""
EVEN: Final = 0.75
ROOM: Final = 2.6
"""Korean was broken between syllables, not between words, where three in four of its lines leave less room than a syllable and a bit."""
PEAK: Final = 0.08
"""Share of the long lines that makes another width a usual one."""
_HYPHEN: Final = re.compile(r"(?<![^\W\d_])([^\W\d_]{2,40})[-\u2010]$")
_SENTENCE: Final = re.compile(r"[.!?。…:][\"'”’)\]]*$")
_OPENS: Final = re.compile(
    r"\s{2,}|[-*•·◦▪○●■□※]\s|\(?(?:\d{1,3}|[가-하]|[a-z])[.)]\s|[①-⑳㉠-㉯]|[$#>|]\s?"
    r"|제 ?\d{1,3} ?[편부장절조관]\b|(?:Chapter|Part|Section|Appendix) "
)
"""How a line begins that continues none."""
_CODE: Final = re.compile(r"[{};]$|^\s{2,}\S|^[$>] ")
_TOKEN: Final = re.compile(r"\S+")
_MARKS: Final = ".,!?;:()[]\"'“”‘’"


def width(text: str) -> float:
    """How wide a line is about: a Hangul syllable is 2, as proportional fonts have it.

    >>> round(width("가 a"), 1)
    3.7
    """
    return sum(map(_WIDTHS.__getitem__, text))


class _Widths(dict[str, float]):
    def __missing__(self, c: str) -> float:
        if unicodedata.east_asian_width(c) in "WF":
            made = 2.0
        elif c.isalnum():
            made = 1.4 if c.isupper() or c.isdigit() else 1.1
        else:
            made = 0.6
        self[c] = made
        return made


_WIDTHS: Final = _Widths({" ": 0.6, **dict.fromkeys("ijlft", 0.6), **dict.fromkeys("mwMW", 1.8)})


def form(line: str) -> str:
    """A line with its numbers and spaces alike: the running line that it may be.

    >>> form("- 12 -"), form("2장  설치 | 7")
    ('- # -', '#장 설치 | #')
    """
    return re.sub(r"\d+", "#", " ".join(line.split()))


def ends(line: str) -> bool:
    """Whether a line ends a sentence."""
    return _SENTENCE.search(line.rstrip()) is not None


def running(pages: Sequence[Sequence[str]]) -> set[str]:
    """Forms of the lines that stand at the edge of many pages: heads, feet, page numbers. Of fewer than three pages none is known."""
    edges: Counter[str] = Counter()
    for lines in pages:
        full = [line for line in lines if line.strip()]
        edges.update({form(line) for line in (*full[:EDGE], *full[-EDGE:])})
    return {told for told, n in edges.items() if n >= max(3, OFTEN * len(pages))}


@dataclass
class Setting:
    """What a document's lines say of how it was set."""

    usual: tuple[float, ...] = ()
    """The widths that full lines have: of the text, and of what is set in (lists, quotations)."""
    syllables: bool = False
    """Whether Korean was broken between syllables."""
    words: Counter[str] = field(default_factory=Counter)
    apart: Counter[str] = field(default_factory=Counter)
    together: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, lines: Iterable[str]) -> Setting:
        """The setting of a document, running lines left out."""
        made = cls()
        lines = [line for line in lines if line.strip()]
        widths = sorted(width(line.strip()) for line in lines)
        if not widths:
            return made
        # Long enough to be text; what nine in ten of these do not exceed, and what many of them come to.
        long = [w for w in widths if w >= 0.5 * widths[int(0.95 * (len(widths) - 1))]]
        top = long[int(0.9 * (len(long) - 1))]
        near = Counter(w // 2 for w in long if w < 0.9 * top)
        peaks = [2 * w + 2 for w, n in near.items() if n >= max(4, PEAK * len(long))]
        made.usual = (top, *sorted(peaks, reverse=True))
        before = ""
        for line in lines:
            found = _TOKEN.findall(line)
            # The first and the last may be parts of a word: of a Korean one anywhere, of another beside a hyphen.
            first = _hangul(found[0][0]) or before.endswith("-")
            made.words.update(word.strip(_MARKS) for word in found[first : len(found) - (_hangul(found[-1][-1]) or found[-1].endswith("-"))])
            made._count(line.strip())
            before = found[-1]
        joints = [a.strip() for a, b in itertools.pairwise(lines) if made.wrapped(a, b) and _hangul(a.strip()[-1]) and _hangul(b.strip()[0])]
        room = sorted(top - width(a) for a in joints if width(a) > 0.9 * top)
        made.syllables = bool(room) and room[int(EVEN * (len(room) - 1))] <= ROOM
        return made

    def _count(self, line: str) -> None:
        """Take what stands before and after every place between two letters of a line: with a space there, or without."""
        kinds = "".join(map(_kind, line))
        for at in range(1, len(kinds)):
            if kinds[at - 1] == " ":
                continue
            if kinds[at] == " ":
                self.apart.update(_around(kinds[:at], kinds[at:].lstrip()))
            else:
                self.together.update(_around(kinds[:at], kinds[at:]))

    def wrapped(self, line: str, following: str) -> bool:
        """Whether a line was broken because what follows did not fit."""
        line, after = line.rstrip(), following.strip()
        if not line or not after or _OPENS.match(following) or _CODE.search(line):
            return False
        have = width(line.strip())
        if line.endswith("\u00ad") or (_HYPHEN.search(line) and after[0].islower() and have > 0.5 * self.usual[0]):
            return True
        first = 2.0 if self.syllables and _hangul(after[0]) else 0.6 + width(after.split()[0])
        # A line that ends a sentence may be its paragraph's last: then nothing less than no room at all tells that it was broken.
        need, least = (1.0, ENDED) if ends(line) else (FULL, 0.0)
        return any(least * edge <= have <= 1.03 * edge and have + first > need * edge for edge in self.usual)

    def join(self, line: str, following: str) -> str:
        """Two parts of one paragraph as one."""
        a, b = line.rstrip(), following.lstrip()
        if a.endswith("\u00ad"):
            return a[:-1] + b
        if (found := _HYPHEN.search(a)) is not None and b[:1].islower():
            return a[:-1] + b if self._divided(found[1], re.match(r"[^\W\d_]*", b)[0]) else a + b  # type: ignore[index]
        return a + b if self._broken(a, b) else f"{a} {b}"

    def _divided(self, first: str, second: str) -> bool:
        """Whether a hyphen at a line's end is the typesetter's: the word stands elsewhere in one piece, or not both parts as words."""
        whole, kept = self.words[first + second], self.words[f"{first}-{second}"]
        if whole or kept:
            return whole >= kept
        return not (self.words[first] and self.words[second])

    def _broken(self, a: str, b: str) -> bool:
        """Whether a word goes on over the line's end."""
        if not self.syllables or not (_hangul(a[-1]) or _hangul(b[0])):
            return False
        last, first = a.split()[-1], b.split()[0].rstrip(".,!?;:")
        if self.words[last + first]:
            return True
        if self.words[last] and self.words[first]:
            return False
        whole = (self.apart[""] + 1, self.together[""] + 1)
        chance = math.log(whole[0] / whole[1])
        before, after = "".join(map(_kind, a[-2:])), "".join(map(_kind, b[:2]))
        for keys in ((f"{before} ", f"{before[-1]} "), (f" {after}", f" {after[0]}"), (f"{before[-1]}|{after[0]}",)):
            for key in keys:
                seen = (self.apart[key], self.together[key])
                if sum(seen) > 1 or key == keys[-1]:
                    chance += math.log((seen[0] + 0.5) / whole[0]) - math.log((seen[1] + 0.5) / whole[1])
                    break
        return chance < 0


def _around(before: str, after: str) -> list[str]:
    """What is counted of a place between letters: the one and the two on each side, and the pair across it."""
    return [f"{before[-2:]} ", f"{before[-1]} ", f" {after[:2]}", f" {after[:1]}", f"{before[-1]}|{after[:1]}", ""]


def _hangul(c: str) -> bool:
    return "가" <= c <= "힣"


def _kind(c: str) -> str:
    """A letter as the counts know it: syllables and marks as they are, Latin letters and digits alike."""
    if c.isascii():
        return "A" if c.isalpha() else "0" if c.isdigit() else c
    return c


def paragraphs(lines: Sequence[str], told: Setting, apart: set[str]) -> str:
    """Lines as text, wrapped ones joined. apart: forms of running lines, which are joined to nothing."""
    made: list[str] = []
    last = ""
    for line in lines:
        alone = form(line) in apart
        if last and not alone and told.wrapped(last, line):
            made[-1] = told.join(made[-1], line)
        elif line.strip():
            made.append(line.rstrip())
        last = "" if alone else line.rstrip()
    return "\n".join(made)
