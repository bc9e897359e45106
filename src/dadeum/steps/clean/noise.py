"""clean.noise: laughter, marks and emoji that repeat, shortened to `keep`; or, in a formal style, gone.

ㅋㅋㅋㅋㅋ becomes ㅋㅋ, hahahaha haha, looool lol, !!!!!! !!, 아아아아아 아아아, ...... an ellipsis. One of them says something
else than two, and more than two say the same: the keys of `dedup` count them so, too. Emotion stays, unless `style` is formal: then
laughter, emoticons and emoji go as a whole, and one mark stays of several; ㅇㅇ and ㅇㅋ stay, for they are words. Ratings (★★★★☆),
rules of dashes, numbers, addresses and code are no noise. See `_noise.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import polars as pl
from pydantic import Field

from dadeum.record import CONTENTS, lift, rewrite
from dadeum.step import Edit, TextStep
from dadeum.steps.clean._code import is_code
from dadeum.steps.clean._noise import LAUGHS, MARKS, PICTURE, Noise


@dataclass(frozen=True)
class Noisy(TextStep, Edit):
    """Runs of laughter and marks."""

    writes = CONTENTS
    keep: Annotated[int, Field(ge=1)] = 2
    """How many of a run stay. Of syllables and dots three do, of English laughter at least two."""
    style: Literal["as_is", "formal"] = "as_is"
    """formal: laughter, emoticons and emoji go; marks don't repeat."""

    def guard(self) -> pl.Expr:
        # Rust's expressions know no back reference: a run is one of each character that has runs, and letters are asked for four.
        text = pl.col("content")
        least = 2 if self.style == "formal" else self.keep + 1
        of_jamo = "|".join(f"{chr(c)}{{{self.keep + 1}}}" for c in range(0x3131, 0x3164))
        of_marks = "|".join(f"{_escaped(c)}{{{least}}}" for c in MARKS)
        letters = "|".join(f"{chr(c)}{{4}}" for c in range(ord("a"), ord("z") + 1))
        found = text.str.contains(rf"{of_jamo}|{of_marks}|{letters}|\.{{4}}|!\?!|\?!\?|[{LAUGHS}]{{4}}|{PICTURE}\u{{FE0F}}?{PICTURE}")
        found = found | text.str.contains(r"(?i)(?:ha){3}|(?:he){3}|(?:hi){3}|(?:ah){3}|lolo|loo|loll|llol") | _repeats(text)
        if self.style == "formal":
            found = found | text.str.contains(rf"[ㅋㅎㅠㅜ♡♥❤~]|\^[_.-]?\^|[;:=]-?[)(DPp]|{PICTURE}|(?i)haha|hehe|hihihi|lol|lmf?ao|rofl")
        return found

    def edit(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rewrite(rows, self.on, self._clean, self.guard())

    def _clean(self, text: pl.Expr) -> pl.Expr:
        code = is_code(text, self.profile)
        return pl.when(code).then(text).otherwise(lift(Noise(self.keep, self.style == "formal"))(pl.when(~code).then(text)))


def _escaped(c: str) -> str:
    return "\\" + c if c in "?^" else c


def _repeats(text: pl.Expr) -> pl.Expr:
    """Whether a Hangul syllable stands four times in a row, found on code points: one pass over all strings at once."""
    return text.map_batches(_four, return_dtype=pl.Boolean, is_elementwise=True)


def _four(strings: pl.Series) -> pl.Series:
    points = np.frombuffer((strings.fill_null("").str.join("\n").item() or "").encode("utf-32-le"), dtype="<u4")
    same = (points[1:] == points[:-1]) & (points[1:] >= 0xAC00) & (points[1:] <= 0xD7A3)
    at = np.flatnonzero(same[2:] & same[1:-1] & same[:-2]) if len(same) > 2 else np.zeros(0, dtype=np.intp)
    ends = strings.fill_null("").str.len_chars().to_numpy().astype(np.int64)
    owner = np.searchsorted(np.cumsum(ends + 1), at, side="right")
    made = np.zeros(len(strings), dtype=bool)
    made[owner] = True
    return pl.Series(strings.name, made)
