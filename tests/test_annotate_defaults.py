"""annotate.defaults: values that a form put in, found by their share and told without personal data; and clean.missing, which takes them out."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dirt_annotate
from dadeum.errors import RecipeError
from dadeum.record import RECORD, records
from dadeum.steps.annotate.defaults import FEW, PLACEHOLDERS, RARE, Defaults
from dadeum.steps.clean.missing import Missing


def frame(**columns: list[str | None]) -> pl.DataFrame:
    n = len(next(iter(columns.values())))
    return records([{"text": "x"}] * n).with_columns(pl.Series(name, values, dtype=pl.String) for name, values in columns.items())


def told(step: Defaults, rows: pl.DataFrame) -> tuple[list[str | None], dict[str, Any]]:
    related = step.relate(step.sketch(rows))
    return step.decide(related)["defaulted"].to_list(), step.report(related)


@given(st.lists(st.sampled_from(["a", "b", " a", "N/A", "0", None, "", *map(str, range(10, 16))]), max_size=60), st.integers(2, 8), st.floats(1.5, 6), st.integers(2, 6))
def test_suspects_are_those_of_a_slow_twin(values: list[str | None], least: int, times: float, distinct: int) -> None:
    step = Defaults(columns=("v",), least=least, times=times, distinct=distinct, share=0.1)
    filled = [v.strip() for v in values if v and v.strip()]
    counts = Counter(filled)
    want = []
    for value in values:
        v = (value or "").strip()
        others = [n for w, n in counts.items() if w != v]
        placeholder = v.lower() in PLACEHOLDERS and counts[v] >= max(FEW, RARE * len(filled))
        outstanding = bool(others) and counts[v] >= max(least, 0.1 * len(filled)) and counts[v] >= times * max(others)
        want.append("v" if v and len(others) >= distinct and (placeholder or outstanding) else None)
    assert told(step, frame(v=values))[0] == want


@pytest.mark.parametrize("language", ["ko", "en"])
def test_what_a_form_put_in_is_found_and_a_choice_has_no_default(language: str) -> None:
    planted = list(dirt_annotate.defaulted(language, random.Random(5)))
    rows = frame(home=[row["home"] for row, _ in planted], kind=[row["kind"] for row, _ in planted])
    found, report = told(Defaults(columns=("home", "kind")), rows)
    assert [value == "home" for value in found] == [put for _, put in planted]
    shown = {"ko": dirt_annotate.DEFAULTED["ko"], "en": "(personal data)"}[language]  # a street and its number
    assert report["columns"]["home"]["defaults"] == {shown: {"rows": 30, "share": 0.1304, "why": "outstanding"}}
    assert report["columns"]["kind"] == {"filled": 230, "distinct": 3, "defaults": {}}


def test_the_report_shows_no_personal_data() -> None:
    rows = frame(phone=[f"02-345-{i}" for i in range(1000, 1020)] + ["010-2345-6789"] * 20)
    _, report = told(Defaults(columns=("phone",)), rows)
    assert list(report["columns"]["phone"]["defaults"]) == ["(personal data)"] and "2345-6789" not in str(report)


def test_a_long_value_is_one_value_by_all_of_its_letters() -> None:
    long = "같은 안내문 " * 60
    values: list[str | None] = [f"{long}{i}" for i in range(12)] + [long] * 20
    assert told(Defaults(columns=("v",)), frame(v=values))[0] == [None] * 12 + ["v"] * 20


def test_clean_missing_takes_them_out_and_twice_is_once() -> None:
    rows = frame(home=[f"길 {i}" for i in range(12)] + ["아무 데나"] * 20)
    found, _ = told(Defaults(columns=("home",)), rows)
    rows = rows.with_columns(pl.Series("defaulted", found))
    out = Missing(columns=("home",), defaulted=True, rule="null").edit(rows)
    assert out["home"].to_list() == [*rows["home"][:12], *[None] * 20] and out["missing"].to_list() == [0] * 12 + [1] * 20
    assert Missing(columns=("home",), defaulted=True, rule="null").edit(out).equals(out)
    assert Missing(columns=("home",), rule="null").edit(rows)["home"].null_count() == 0


@pytest.mark.parametrize("columns", [(), ("text",), tuple(sorted(set(RECORD) - {"label"}))[:1]])
def test_columns_that_make_no_sense_are_a_mistake(columns: tuple[str, ...]) -> None:
    with pytest.raises(RecipeError, match="columns"):
        Defaults(columns=columns)
    with pytest.raises(RecipeError, match="did you mean home"):
        Defaults(columns=("hone",)).sketch(frame(home=["a"]))
