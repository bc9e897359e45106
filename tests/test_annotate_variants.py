"""annotate.variants: one term under several spellings, found in the data; and clean.terms, which unifies what was found."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

import dirt_annotate
from dadeum.record import records
from dadeum.steps.annotate.variants import Variants
from dadeum.steps.clean.terms import UnifiedTerms


def told(step: Variants, texts: list[str | None]) -> tuple[list[str | None], dict[str, Any]]:
    related = step.relate(step.sketch(records([{"text": t} for t in texts])))
    return step.decide(related)["variants"].to_list(), step.report(related)


@pytest.mark.parametrize("language", ["ko", "en"])
def test_planted_variants_are_found_and_nothing_else(language: str) -> None:
    planted = list(dirt_annotate.varied(language))
    found, report = told(Variants(least=2), [text for text, _ in planted])
    assert [value is not None for value in found] == [other for _, other in planted]
    assert report["terms"] == report["variants"] == len(dirt_annotate.VARIED[language]) and report["rows"] == 2 * report["terms"]
    assert report["found"] == {term: {other: 2} for term, other in sorted(dirt_annotate.VARIED[language], key=lambda pair: list(report["found"]).index(pair[0]))}


def test_a_slip_of_the_keyboard_is_no_variant() -> None:
    texts: list[str | None] = ["the dataset grew"] * 400 + ["a data set"] * 3
    assert told(Variants(least=2, rare=0.01), texts)[1]["variants"] == 0 and told(Variants(least=2), texts)[1]["variants"] == 1


@pytest.mark.parametrize("language", ["ko", "en"])
def test_what_was_found_is_unified_and_twice_is_once(language: str) -> None:
    planted = [text for text, _ in dirt_annotate.varied(language)]
    rows = records([{"text": text} for text in planted]).with_columns(pl.Series("variants", told(Variants(least=2), list(planted))[0]))
    step = UnifiedTerms(found=True, known=False)
    out = step.edit(rows)
    usual = [s.format(term) for term, _ in dirt_annotate.VARIED[language] for s in dirt_annotate.SAID[language]]
    assert [a for a, b in zip(out["text"].to_list(), usual) if a != b] == []
    assert step.edit(out).equals(out) and out["id"].to_list() == rows["id"].to_list()
    assert told(Variants(least=1), out["text"].to_list())[1]["variants"] == 0
