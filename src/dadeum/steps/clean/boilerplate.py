"""clean.boilerplate: lines of a page's or a mail's frame that are no part of its text.

Copyright notices (무단 전재 및 재배포 금지), by-lines (홍길동 기자), share and subscription buttons, cookie banners, mail signatures,
and what a mail quotes of the mails before it: by rules for Korean and English, each on a whole line (see `_frame.py`); the notice
that news puts behind its last sentence, too. Code keeps every line. A string that is nothing but such lines stays as it is, for
then it may be the text itself. What recurs across records without being known by its words is for dedup.substring.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import polars as pl

from dadeum.errors import Mistake, RecipeError
from dadeum.record import CONTENTS, lift, rewrite
from dadeum.step import Edit, TextStep
from dadeum.steps.clean._code import FENCE, is_code
from dadeum.steps.clean._frame import HINTS, QUOTED, TAIL, patterns, unsigned

Kind = Literal["copyright", "reporter", "share", "subscribe", "cookie", "signature", "quoted"]


@dataclass(frozen=True)
class Boilerplate(TextStep, Edit):
    """Lines of the frame."""

    writes = CONTENTS
    kinds: tuple[Kind, ...] = ("copyright", "reporter", "share", "subscribe", "cookie", "signature", "quoted")
    """Which lines go."""

    def __post_init__(self) -> None:
        if not self.kinds:
            raise RecipeError(Mistake("kinds", "is empty: the step would change nothing", "name some, or leave the step out"))

    def guard(self) -> pl.Expr:
        # Literal words at once (Aho-Corasick): as one expression without case they took ten times as long.
        text = pl.col("content")
        words = [word for kind in self.kinds for word in HINTS[kind]]
        lines = text.str.contains("\n", literal=True) & text.str.contains_any(words, ascii_case_insensitive=True)
        # One line alone loses at most the notice behind its last sentence.
        if "copyright" not in self.kinds:
            return lines
        return lines | text.str.contains_any(list(HINTS["copyright"]), ascii_case_insensitive=True)

    def edit(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rewrite(rows, self.on, self._clean, self.guard())

    def _clean(self, text: pl.Expr) -> pl.Expr:
        code = is_code(text, self.profile)
        return pl.when(code).then(text).otherwise(lift(self._still)(pl.when(~code).then(text)))

    def _still(self, text: str) -> str:
        while (done := self._stripped(text)) != text:
            text = done
        return text

    @cached_property
    def _line(self) -> re.Pattern[str]:
        return re.compile(patterns(self.kinds))

    def _stripped(self, text: str) -> str:
        done = text
        if "quoted" in self.kinds:
            done = QUOTED.sub("", done)
        if "signature" in self.kinds:
            done = unsigned(done)
        if "copyright" in self.kinds:
            done = TAIL.sub("", done)
        fences = [block.span() for block in FENCE.finditer(done)]
        kept, at = [], 0
        for line in done.split("\n"):
            inside = any(start <= at < end for start, end in fences)
            if inside or not line or not self._line.match(line):
                kept.append(line)
            at += len(line) + 1
        done = "\n".join(kept)
        if done == text:
            return text
        done = done.strip("\n")
        return done if done.strip() else text
