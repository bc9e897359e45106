"""clean.spacing: Korean spaces, only where a run proves that they are missing or too many.

A run of more than `longest` syllables without a space, a shorter one of eight and more in which two words end that another word
follows (영화를보고집에오면), and six or more syllables each standing alone (`안 녕 하 세 요 여 러 분`), are parted into words by a morphological
analyser (kiwipiepy, in `dadeum[ko]`). Text that has none of these is never touched, whatever an analyser would make of it; nor are Latin letters, code, and
runs without words (아아아아). English has no such run. Compounds may come out in another of their right spellings (고객 센터). See `_spacing.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import polars as pl
from pydantic import Field

from dadeum.record import CONTENTS, lift, rewrite
from dadeum.step import Edit, TextStep
from dadeum.steps.clean._code import is_code
from dadeum.steps.clean._spacing import LETTERS, SHORT, runs, spaced


@dataclass(frozen=True)
class Spacing(TextStep, Edit):
    """Spaces where a run proves the need."""

    writes = CONTENTS
    longest: Annotated[int, Field(ge=12, le=200)] = 20
    """Syllables without a space that a right text may have, whatever they say. Below 12 right text has such runs too."""

    def guard(self) -> pl.Expr:
        return pl.col("content").str.contains(rf"(?:[0-9]*[가-힣]){{{SHORT}}}|[가-힣](?: [가-힣]){{{LETTERS - 1}}}")

    def edit(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rewrite(rows, self.on, self._clean, self.guard())

    def _clean(self, text: pl.Expr) -> pl.Expr:
        code = is_code(text, self.profile)
        long = runs(self.longest)
        return pl.when(code).then(text).otherwise(lift(lambda s: spaced(s, long))(pl.when(~code).then(text)))
