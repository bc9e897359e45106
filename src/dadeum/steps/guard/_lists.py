"""Entries of a user's lists, and where they stand in a text.

A word or phrase is found in any case, width and composition, with zero-width characters inside, and a phrase with other spacing. By
its ends it has to be a word: no ASCII letter or digit beside a Latin end; no Hangul before a Hangul beginning; behind a Hangul end
nothing, a particle or two (금지어를, 금지어에서는), or no Hangul. 금지어 is not in 금지어휘, and ass not in class.

Regular expressions are run by Polars' Rust engine, which takes linear time whatever they say; it knows no lookaround.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import polars as pl

from dadeum.errors import Mistake, RecipeError
from dadeum.step import files
from dadeum.steps.clean._terms import OTHERS, PARTICLES
from dadeum.steps.guard._pii.fold import FOLD, ZERO_WIDTH, fold

REGEX: Final = "re:"
"""Begins a line of a list that is a regular expression. A line that begins with # is a remark."""
HIDDEN: Final = "[" + ZERO_WIDTH + "\u1100-\u1112" + "".join(re.escape(chr(c)) for c in FOLD if not 0xFF01 <= c < 0xFF5F) + "\uff01-\uff5e]"
"""A text with one of these may say something else than its characters do at first sight."""
OPEN, CLOSE = "\ue000", "\ue001"
"""Marks around what a regular expression matched: private characters, so no text has them by itself (texts that do are stripped of them)."""
_BEHIND: Final = "|".join(sorted({re.escape(p) for p in (*OTHERS, *(form for pair in PARTICLES for form in pair))}, key=len, reverse=True))


@dataclass(frozen=True)
class Lists:
    """All entries. words: as the user wrote them; patterns: regular expressions; whole: words have to stand as words."""

    words: tuple[str, ...]
    patterns: tuple[str, ...]
    whole: bool

    def suspects(self, content: pl.Expr) -> pl.Expr:
        """An expression that is true for every string that holds an entry."""
        may = content.str.contains(HIDDEN)
        if self.words:
            may = may | content.str.to_lowercase().str.contains_any(sorted({_longest(word) for word in self.words}))
        for pattern in self.patterns:
            may = may | content.str.contains(pattern)
        return may

    def find(self, texts: list[str]) -> list[list[tuple[int, int, str]]]:
        """(start, end, entry) of every entry found in each text: left to right, the longest where several begin."""
        told = [fold(text) for text in texts]
        claims: list[list[tuple[int, int, str]]] = [[] for _ in texts]
        lowered = [_lower(folded.text) for folded in told]
        entries = [(word, _longest(word)) for word in self.words]
        for mine, text in zip(claims, lowered):
            mine += [(*found.span(), word) for word, longest in entries if longest in text for found in _regex(word, self.whole).finditer(text)]
        plain = pl.Series([folded.text.replace(OPEN, " ").replace(CLOSE, " ") for folded in told], dtype=pl.String)
        for pattern in self.patterns:
            marked = plain.str.replace_all(f"(?:{pattern})", f"{OPEN}${{0}}{CLOSE}").to_list()
            for mine, text in zip(claims, marked):
                mine += [(*span, pattern) for span in _marked(text)]
        return [[(*folded.original(a, b), entry) for a, b, entry in _apart(mine)] for folded, mine in zip(told, claims)]


def read(words: tuple[str, ...], patterns: tuple[str, ...], lists: tuple[str, ...], whole: bool) -> Lists:
    """The entries of a recipe and of its files. Raises RecipeError with every regular expression that can't be used."""
    told, regexes = list(words), list(patterns)
    for name in lists:
        for path in files(name):
            lines, more = _file(str(path), path.stat().st_mtime_ns)
            told += lines
            regexes += more
    mistakes = [m for i, pattern in enumerate(regexes) if (m := _unfit(pattern, f"patterns.{i}" if i < len(patterns) else "lists"))]
    if mistakes:
        raise RecipeError(mistakes)
    return Lists(tuple(dict.fromkeys(told)), tuple(dict.fromkeys(regexes)), whole)


@lru_cache(maxsize=32)
def _file(path: str, changed: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    try:
        lines = [line.strip() for line in Path(path).read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(Mistake("lists", f"{path} cannot be read as UTF-8: {error}")) from error
    said = [line for line in lines if line and not line.startswith("#")]
    return tuple(line for line in said if not line.startswith(REGEX)), tuple(line.removeprefix(REGEX).strip() for line in said if line.startswith(REGEX))


def _unfit(pattern: str, where: str) -> Mistake | None:
    try:
        empty = pl.Series([""]).str.contains(pattern).item()
        pl.Series(["x"]).str.replace_all(f"(?:{pattern})", "")
    except pl.exceptions.PolarsError as error:
        said = str(error).splitlines()
        why = next((line.removeprefix("error: ") for line in said if line.startswith("error: ")), said[0].removeprefix("regex error: "))
        return Mistake(where, f"{pattern!r} is no regular expression of the Rust engine: {why}", "it has no lookaround and no back-references")
    return Mistake(where, f"{pattern!r} matches nothing at all, so it matches everywhere") if empty else None


def _lower(text: str) -> str:
    """Small letters, one for one: positions hold."""
    small = text.lower()
    return small if len(small) == len(text) else "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


@lru_cache(maxsize=100_000)
def _longest(word: str) -> str:
    """The longest piece of an entry between blanks, as it stands in a lowered text."""
    return max(_lower(fold(word).text).split(), key=len)


@lru_cache(maxsize=100_000)
def _regex(word: str, whole: bool) -> re.Pattern[str]:
    pieces = _lower(fold(word).text).split()
    body = re.escape(pieces[0])
    for before, after in itertools.pairwise(pieces):
        # Spacing is free between Hangul, where writers differ.
        body += (r"\s{0,3}" if _hangul(before[-1]) and _hangul(after[0]) else r"\s{1,3}") + re.escape(after)
    if not whole:
        return re.compile(body)
    first, last = pieces[0][0], pieces[-1][-1]
    head = "(?<![가-힣])" if _hangul(first) else "(?<![a-z0-9_])" if first.isalnum() else ""
    tail = rf"(?=(?:{_BEHIND}){{0,2}}(?![가-힣]))" if _hangul(last) else "(?![a-z0-9_])" if last.isalnum() else ""
    return re.compile(f"{head}{body}{tail}")


def _hangul(c: str) -> bool:
    return "가" <= c <= "힣"


def _marked(text: str) -> list[tuple[int, int]]:
    """The stretches between OPEN and CLOSE, as positions in the text without them."""
    spans, start = [], 0
    for i, mark in enumerate(re.finditer(f"[{OPEN}{CLOSE}]", text)):
        if mark[0] == OPEN:
            start = mark.start() - i
        elif mark.start() - i > start:
            spans.append((start, mark.start() - i))
    return spans


def _apart(claims: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    made: list[tuple[int, int, str]] = []
    for claim in sorted(claims, key=lambda c: (c[0], -c[1], c[2])):
        if not made or claim[0] >= made[-1][1]:
            made.append(claim)
    return made
