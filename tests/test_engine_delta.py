"""Differences put on rows: a slow twin on plain rows, and nothing that a step has made outlives its shard."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from dadeum.engine.delta import LEAVING, Delta, Standing, work
from dadeum.record import records
from dadeum.step import Edit, Filter, verdict

Row = dict[str, Any]
KEPT = ["row", "id", "text", "messages", "mark"]


def delta(rows: list[Row], changed: dict[int, str], leaving: set[int], born: int, mark: int | None, at: int) -> tuple[Delta, list[Row]]:
    """(differences on so many rows, the rows after them, one by one)."""
    changed, leaving = {i: changed[i] for i in sorted(changed) if i < len(rows)}, {i for i in leaving if i < len(rows)}
    after = [{**row, **({"text": changed[i]} if i in changed else {})} for i, row in enumerate(rows)]
    frame = pl.DataFrame({"at": pl.Series(list(changed), dtype=pl.UInt32), "text": pl.Series(list(changed.values()), dtype=pl.String)}) if changed else pl.DataFrame()
    if mark is not None:  # a column that may be new, for every row
        after = [{**row, "mark": mark} for row in after]
        said = pl.Series("text", [row["text"] for row in after], dtype=pl.String)
        frame = pl.DataFrame([pl.int_range(len(rows), dtype=pl.UInt32, eager=True).alias("at"), said, pl.Series("mark", [mark] * len(rows), dtype=pl.Int64)])
    after = [row for i, row in enumerate(after) if i not in leaving]
    gone = pl.DataFrame({"at": sorted(leaving)}, schema={"at": pl.UInt32}).with_columns(pl.lit(None, dtype=t).alias(c) for c, t in LEAVING.items() if c != "at")
    new = [{"row": 1000 * at + i, "id": f"born {at} {i}", "text": f"t{i}", "messages": None, "mark": None} for i in range(born)]
    grown = records([{k: v for k, v in row.items() if k != "mark"} for row in new]) if born else pl.DataFrame()
    return Delta(changed=frame, leaving=gone, grown=grown), after + new


STEPS = st.lists(
    st.tuples(
        st.dictionaries(st.integers(0, 5), st.text(max_size=20), max_size=4), st.sets(st.integers(0, 5), max_size=3),
        st.integers(0, 2), st.none() | st.integers(0, 3),
    ),
    max_size=5,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 6), STEPS)
def test_crossing_out_and_cutting_once_is_what_cutting_at_every_step_is(n: int, steps: list[tuple[dict[int, str], set[int], int, int | None]]) -> None:
    rows: list[Row] = [{"row": i, "id": str(i), "text": f"텍스트 {i}", "messages": None, "mark": None} for i in range(n)]
    first = records([{k: v for k, v in row.items() if k != "mark"} for row in rows])
    standing, cut = Standing(first), first
    for at, (changed, leaving, born, mark) in enumerate(steps, 1):
        one, rows = delta(rows, changed, leaving, born, mark, at)
        standing, cut = standing.after(one), one.put_on(cut)
        every = standing.rows()
        some = pl.Series(range(0, every.height, 2), dtype=pl.UInt32)
        for one_way in (every, cut):
            told = one_way if "mark" in one_way.columns else one_way.with_columns(mark=pl.lit(None, dtype=pl.Int64))
            assert told.select(KEPT).to_dicts() == rows
        assert standing.some(some).equals(every[some])


made: list[weakref.ref[pl.DataFrame]] = []


def remembered(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame; that it was made is remembered without holding it."""
    made.append(weakref.ref(frame))
    return frame


class Says(Edit):
    writes = ("text",)

    def edit(self, rows: pl.DataFrame) -> pl.DataFrame:
        return remembered(rows.with_columns(pl.col("text").str.to_uppercase()))


class Asks(Filter):
    def why(self, rows: pl.DataFrame) -> pl.DataFrame:
        return remembered(rows.select(verdict(pl.when(pl.col("text") == "none").then("text"))))


def test_what_a_step_has_made_is_let_go_at_once() -> None:
    """A circle of references held every shard until the collector came by: a fifth of the memory of a run."""
    rows = records([{"text": str(i)} for i in range(10)])
    made.clear()
    gc.disable()
    try:
        work(Says(), rows, "here")
        work(Asks(), rows, "here")
        assert len(made) == 2 and all(ref() is None for ref in made)
    finally:
        gc.enable()
