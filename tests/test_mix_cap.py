"""mix.cap against a slow twin, and its independence of order, cuts and other groups."""

from __future__ import annotations

import polars as pl
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from dadeum.errors import RecipeError
from dadeum.record import records
from dadeum.step import DECISION
from dadeum.steps.mix.cap import Cap

GROUPS = st.lists(st.tuples(st.sampled_from(["a", "b", "c", None]), st.sampled_from(["x", "y", None])), min_size=1, max_size=40)


def _rows(groups: list[tuple[str | None, str | None]]) -> pl.DataFrame:
    return records({"id": f"id{i}", "customer": a, "label": b} for i, (a, b) in enumerate(groups)).with_columns(pl.col("customer").cast(pl.String))


def _slow(rows: pl.DataFrame, by: tuple[str, ...], most: int) -> dict[int, int]:
    """row that leaves -> size of its group"""
    groups: dict[tuple[str | None, ...], list[tuple[int, int]]] = {}
    for row in rows.iter_rows(named=True):
        group = tuple(row[name] for name in by)
        if any(value is not None for value in group):
            groups.setdefault(group, []).append((xxhash.xxh3_64_intdigest(row["id"].encode()), row["row"]))
    return {row: len(members) for members in groups.values() for _, row in sorted(members)[most:]}


@given(GROUPS, st.sampled_from([("customer",), ("customer", "label")]), st.integers(1, 6), st.randoms(use_true_random=False))
def test_the_rows_that_leave_are_those_of_the_slow_twin(groups: list, by: tuple[str, ...], most: int, rng: object) -> None:
    rows, step = _rows(groups), Cap(by=by, max=most)
    told = step.decide(step.relate(step.sketch(rows)))
    assert told.schema == DECISION
    assert dict(told.select("row", "value").iter_rows()) == _slow(rows, by, most)
    assert set(told.get_column("threshold")) <= {float(most)} and set(told.get_column("state")) <= {"dropped"}
    order = list(range(rows.height))
    rng.shuffle(order)  # type: ignore[attr-defined]
    cut = len(order) // 2
    parts = [step.sketch(rows[order[:cut]]), step.sketch(rows[order[cut:]])]
    assert step.decide(pl.concat(parts)).equals(told)
    kept = rows.join(told, on="row", how="anti")
    assert step.decide(step.relate(step.sketch(kept))).is_empty()


def test_the_report_tells_groups_and_how_many_were_over() -> None:
    rows = _rows([("a", None)] * 5 + [("b", None)] * 2 + [(None, None)] * 9)
    step = Cap(by=("customer",), max=3)
    assert step.report(step.relate(step.sketch(rows))) == {"groups": 2, "over": 1}


def test_what_makes_no_groups_is_refused() -> None:
    with pytest.raises(RecipeError, match="names no column"):
        Cap(by=(), max=3)
    with pytest.raises(RecipeError, match="holds lists"):
        Cap(by=("messages",), max=3)
    with pytest.raises(RecipeError, match="did you mean customer"):
        Cap(by=("custommer",), max=3).sketch(_rows([("a", None)]))
