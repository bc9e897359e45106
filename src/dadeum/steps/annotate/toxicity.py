"""annotate.toxicity: how likely a text is abusive, by a model of the user's own labels and a list of words; and what to look at first.

    - annotate.toxicity: {labels: [labels.tsv], text: comments, label: hate, positive: [hate, offensive]}
    - filter.threshold: {column: toxicity, max: 0.8}

| column            | what it holds                                                                              |
|-------------------|--------------------------------------------------------------------------------------------|
| `toxicity`        | 0 to 1, by the model (`_linear.py`); null without `labels`, and where there is no text       |
| `toxicity_terms`  | places where a word of the list stands, in disguise too (`_lexicon.py`)                     |
| `toxicity_review` | 0 to 1: 1 at the threshold, and where list and model contradict each other; without a model 1 where a word stands |

Of a record with several strings the worst counts. What the labels call toxic is what is found: a model is good on texts like those it
learned from and poor elsewhere, so it comes as a score, trained on the spot, and with its own measure (`Toxicity.held_out`). On Korean news
comments (7,896; hate or offensive; each scored by a model of the other four fifths): AUC .817 [.808, .826], F1 .770 [.760, .779]. The
list alone found .033 of them, at a precision of .935.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import polars as pl
from pydantic import Field

from dadeum.errors import Mistake, RecipeError, nearest
from dadeum.record import CHATS, turns
from dadeum.settings import Source
from dadeum.step import Edit, Inputs, TextStep
from dadeum.steps import _outside
from dadeum.steps.annotate import _lexicon, _linear


@dataclass(frozen=True)
class Toxicity(TextStep, Edit):
    """Writes the chance that a record is abusive, the words that say so, and how much it deserves a look."""

    labels: Inputs = ()
    """Files of texts with labels, of any format that sources may have: the model learns from them. Empty: the list alone."""
    text: str = "text"
    """The field of the text in `labels`."""
    label: str = "label"
    """The field of the label in `labels`."""
    positive: tuple[str, ...] = ()
    """The labels that count as toxic."""
    lexicon: Inputs = ()
    """Files of words, one a line; lines that begin with # are none."""
    terms: tuple[str, ...] = ()
    """More words."""
    builtin: bool = True
    """Whether the project's own words count (about 90, Korean and English)."""
    allow: tuple[str, ...] = ()
    """Words that are never counted, though they hold one of the list."""
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Where `toxicity_review` is highest: the cut that you mean to make."""
    writes = ("toxicity", "toxicity_terms", "toxicity_review")

    def __post_init__(self) -> None:
        mistakes = []
        if self.labels and not self.positive:
            mistakes.append(Mistake("positive", "is missing: which labels count as toxic?"))
        if self.positive and not self.labels:
            mistakes.append(Mistake("labels", "is missing: there is nothing that `positive` could be asked of"))
        if not (self.labels or self.lexicon or self.terms or self.builtin):
            mistakes.append(Mistake("builtin", "is off, and there are neither labels nor words: nothing could be found"))
        if mistakes:
            raise RecipeError(mistakes)

    def held_out(self) -> dict[str, Any]:
        """How good the model is on labelled texts that it has not seen: see `Linear.held_out`. Empty without labels."""
        return self._model().held_out if self.labels else {}

    def edit(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Raises RecipeError for labels that can't be learned from."""
        owner, strings = _strings(rows, self.on)
        chance, words = np.full(rows.height, np.nan), np.zeros(rows.height, dtype=np.int64)
        np.add.at(words, owner, _lexicon.hits(strings, self._terms(), self.allow).to_numpy())
        if self.labels:
            np.fmax.at(chance, owner, self._model().score(strings).to_numpy())
        far = np.abs(chance - self.threshold) / np.where(chance > self.threshold, 1 - self.threshold, self.threshold)
        review = np.where((words > 0) & ~(chance >= self.threshold), 1.0, 1 - np.where(np.isnan(far), 1.0, far))
        silent = ~np.isin(np.arange(rows.height), owner)
        return rows.with_columns(
            pl.Series("toxicity", chance.round(6)).fill_nan(None),
            pl.select(pl.when(~pl.Series(silent)).then(pl.Series(words)).alias("toxicity_terms")).to_series(),
            pl.select(pl.when(~pl.Series(silent)).then(pl.Series(review.round(6))).alias("toxicity_review")).to_series(),
        )

    def _model(self) -> _linear.Linear:
        return _trained(_outside.digested(self.labels), self.text, self.label, self.positive)

    def _terms(self) -> tuple[str, ...]:
        listed = _listed(_outside.digested(self.lexicon)) if self.lexicon else ()
        return (*(_lexicon.builtin() if self.builtin else ()), *listed, *self.terms)


@lru_cache(maxsize=4)
def _trained(files: tuple[tuple[str, str], ...], text: str, label: str, positive: tuple[str, ...]) -> _linear.Linear:
    """The model of labelled files, once per process. files: (path, digest of its content)."""
    from dadeum import io

    parts = []
    for path, _ in files:
        for chunk in io.read(Path(path), Source(path=path, fields={"text": text, "label": label}), 32_768):
            parts.append(chunk.rows.select("text", pl.col("label").str.strip_chars()))
    rows = pl.concat(parts).drop_nulls()
    known = rows.get_column("label").unique().sort().to_list()
    if unknown := [name for name in positive if name not in known]:
        from dadeum.steps.guard._pii.find import tellable

        raise RecipeError([Mistake("positive", f"no row is labelled {name!r}", nearest(name, map(tellable, known[:50]))) for name in unknown])
    return _linear.fit(rows.get_column("text"), rows.get_column("label").is_in(list(positive)))


def _listed(files: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    lines = [line.strip() for path, _ in files for line in Path(path).read_text(encoding="utf-8-sig").splitlines()]
    return tuple(line for line in lines if line and not line.startswith("#"))


def _strings(rows: pl.DataFrame, on: tuple[str, ...]) -> tuple[np.ndarray, pl.Series]:
    """(position of the row, string) of the text and every turn that the step works on, without those of white space alone."""
    parts = [pl.DataFrame(schema={"index": pl.UInt32, "content": pl.String})]
    if "text" in on:
        parts.append(pl.DataFrame({"index": pl.int_range(rows.height, dtype=pl.UInt32, eager=True), "content": rows.get_column("text")}))
    for field in CHATS:
        parts.append(turns(rows, field).filter(pl.col("role").is_in([role for role in on if role != "text"])).select("index", "content"))
    every = pl.concat(parts).filter(pl.col("content").str.strip_chars() != "")
    return every.get_column("index").to_numpy().astype(np.int64), every.get_column("content")
