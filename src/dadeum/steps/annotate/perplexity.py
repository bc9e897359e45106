"""annotate.perplexity: how surprising a row is to a model of reference text, in bits per character.

    - annotate.perplexity: {reference: [good_ko.jsonl, good_en.jsonl]}
    - filter.threshold: {column: bits_per_character, max: 9}

A character n-gram model with Kneser-Ney smoothing (`_ngram.py`) is fitted to the reference's rows, one for each language profile
that the reference holds enough of (`LEAST` characters), so that Korean and English are never held against each other: Korean
syllables carry about twice the bits of Latin letters. `bits_per_character` is the cross-entropy of the row under its own profile's model
(perplexity per character is 2 to that power); null where the reference has no such language, or the row says nothing. Bits of
different models, and of different profiles, do not compare.

High: broken text, another genre, another language in the same script. Low: boilerplate, loops. Neither is bad by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Final

import polars as pl
from pydantic import Field

from dadeum.errors import Mistake, RecipeError
from dadeum.profiles import NAMES, profile
from dadeum.record import prose, put
from dadeum.settings import Source
from dadeum.step import Edit, Inputs, TextStep
from dadeum.steps._outside import digested
from dadeum.steps.annotate import _ngram

LEAST: Final = 2_000
"""Characters of a profile that make a model."""
DIGITS: Final = 6
"""Beyond, machines differ."""
MOST: Final = 4_000_000
"""Characters of a profile that are taken, from the beginning of the files: more cost memory (about 150 bytes each) and gain little."""


@dataclass(frozen=True)
class Perplexity(TextStep, Edit):
    """Write bits per character under a model of reference text."""

    reference: Inputs
    """Files of good text, in any format that can be read."""
    order: Annotated[int, Field(ge=1, le=8)] = 4
    """Characters of the longest n-gram."""
    writes = ("bits_per_character",)

    def edit(self, rows: pl.DataFrame) -> pl.DataFrame:
        text = prose(rows, self.on)
        which = pl.DataFrame({"t": text}).select(profile(pl.col("t"), self.profile).alias("p")).to_series()
        which = which.new_from_index(0, len(text)) if len(which) != len(text) else which
        bits = pl.Series("bits_per_character", [None], dtype=pl.Float64).new_from_index(0, len(text))
        for name, model in self.models().items():
            at = ((which == name) & text.is_not_null() & (text != "")).fill_null(False).arg_true()
            if len(at):
                bits = put(bits, at, model.bits(text.gather(at)).round(DIGITS))
        return rows.with_columns(bits)

    def models(self) -> dict[str, _ngram.Model]:
        """The model of each profile that the reference holds enough of. Raises RecipeError where it does of none."""
        return _fitted(digested(self.reference), self.on, self.profile, self.order)


@lru_cache(maxsize=2)
def _fitted(files: tuple[tuple[str, str], ...], on: tuple[str, ...], told: str, order: int) -> dict[str, _ngram.Model]:
    from dadeum import io

    taken: dict[str, list[pl.Series]] = {name: [] for name in NAMES}
    size: dict[str, int] = dict.fromkeys(NAMES, 0)
    for path, _ in files:
        for chunk in io.read(Path(path), Source(path=path), 8192):
            said = pl.DataFrame({"t": prose(chunk.rows, on).drop_nulls()})
            said = said.with_columns(profile(pl.col("t"), told).alias("p"))
            for name in NAMES:
                mine = said.filter(pl.col("p") == name).get_column("t")
                if len(mine) and size[name] < MOST:
                    taken[name].append(mine)
                    size[name] += int(mine.str.len_chars().sum())
    models = {name: _ngram.fit(pl.concat(parts), order) for name, parts in taken.items() if size[name] >= LEAST}
    if not models:
        told_sizes = ", ".join(f"{name} {n:,}" for name, n in size.items() if n) or "no text"
        needed = f"{LEAST:,} characters of a language are needed"
        raise RecipeError(Mistake("annotate.perplexity.reference", f"holds too little text ({told_sizes})", needed))
    return models
