"""Every step against the promises of its shape, and every promise against a step that breaks it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dadeum import steps
from dadeum.recipe import read_step
from dadeum.record import RECORD, records, rewrite
from dadeum.step import DECISION, Compare, Edit, Filter, Grow, TextStep, verdict
from golden import ROOT, samples
from promises import Broken, batches, check

ALL = steps.names()


@pytest.fixture(autouse=True, scope="module")
def _from_the_project() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.setenv("DADEUM_KEY", "promises")
        yield


@pytest.mark.parametrize("name", ALL)
@given(data=st.data())
def test_promises(name: str, data: st.DataObject) -> None:
    params, rows = data.draw(st.sampled_from(samples(name)))
    step = read_step(name, params, name)
    check(step, data.draw(batches(rows)), data.draw(st.lists(st.integers(0, 8), max_size=3)))


ROWS = records(
    [
        {"text": "가 a"}, {"text": "나"}, {"text": "가 a"}, {"text": "다다다다다다"}, {"text": None},
        {"messages": [{"role": "user", "content": "가"}, {"role": "tool", "content": "라"}]},
    ]
)  # fmt: skip


class Texts(TextStep, Edit):
    writes = ("text", "messages", "chosen", "rejected")


class Reorders(Texts):
    def edit(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rows.reverse()


class Undeclared(Texts):
    def edit(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rows.with_columns(pl.lit(1).alias("quality"))


class TouchesAnother(Texts):
    def edit(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rows.with_columns(pl.lit("x").alias("label"))


class Grows(Texts):
    def edit(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rewrite(rows, self.on, lambda e: e + "!")


class LooksAround(Texts):
    def edit(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rows.with_columns(pl.when(pl.col("text") == pl.col("text").first()).then(pl.lit("first")).otherwise("text").alias("text"))


class WrongGuard(Texts):
    def guard(self) -> pl.Expr | None:
        return pl.col("content").str.contains("a")

    def edit(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rewrite(rows, self.on, lambda e: e.str.replace_all("[가a]", ""), self.guard())


class EveryRole(Texts):
    def edit(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rewrite(rows, ["text", "user", "tool"], lambda e: e.str.replace_all("라", ""))


class OverAverage(Filter):
    def why(self, rows: pl.DataFrame) -> pl.DataFrame:
        length = pl.col("text").str.len_chars()
        return rows.select(*verdict(pl.when(length > length.mean()).then(pl.lit("long"))))


class SeenBefore(Filter):
    def why(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rows.select(*verdict(pl.when(~pl.col("text").is_first_distinct()).then(pl.lit("again"))))


class TooFew(Filter):
    def why(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rows.select(*verdict(pl.lit(None, dtype=pl.String))).head(2)


class Merges(Compare):
    """Equal texts into the first: keeps every promise, and its subclasses break one each."""

    def sketch(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rows.select("row", "text")

    def first(self) -> pl.Expr:
        return pl.col("row").min()

    def decide(self, sketches: pl.DataFrame) -> pl.DataFrame:
        texts = sketches.filter(pl.col("text").is_not_null()).with_columns(self.first().over("text").alias("witness"))
        return self.leave(texts.filter(pl.col("row") != pl.col("witness")))

    def leave(self, left: pl.DataFrame) -> pl.DataFrame:
        told = {"state": pl.lit("merged"), "reason": pl.lit("copy"), "value": pl.lit(None), "threshold": pl.lit(None)}
        return left.select("row", *(e.cast(DECISION[k]).alias(k) for k, e in told.items()), "witness")


class NoWitness(Merges):
    def leave(self, left: pl.DataFrame) -> pl.DataFrame:
        return super().leave(left.with_columns(pl.lit(None, dtype=pl.UInt64).alias("witness")))


class DeadWitness(Merges):
    def leave(self, left: pl.DataFrame) -> pl.DataFrame:
        return super().leave(left.with_columns(pl.col("row").alias("witness")))


class WhoeverComesFirst(Merges):
    def first(self) -> pl.Expr:
        return pl.col("row").first()


class Unlike(Merges):
    def decide(self, sketches: pl.DataFrame) -> pl.DataFrame:
        if sketches.height < 3:
            return super().decide(sketches)
        return self.leave(sketches.filter(pl.col("row") == 1).with_columns(pl.lit(3, dtype=pl.UInt64).alias("witness")))


class Batchwise(Merges):
    def sketch(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rows.select("row", "text").unique("text", keep="first", maintain_order=True)


class Halfway(Merges):
    """Merges one row at a time: the survivors still hold copies."""

    def decide(self, sketches: pl.DataFrame) -> pl.DataFrame:
        return super().decide(sketches).sort("row").head(1)


class Children(Grow):
    def grow(self, rows: pl.DataFrame) -> pl.DataFrame:
        made = [{"id": f"{id}/child", "parents": [id], "text": "x"} for id in rows["id"]]
        return records(made).select(*RECORD)


class Orphans(Children):
    def grow(self, rows: pl.DataFrame) -> pl.DataFrame:
        return super().grow(rows).with_columns(pl.lit([], dtype=pl.List(pl.String)).alias("parents"))


class CountsItsChildren(Children):
    def grow(self, rows: pl.DataFrame) -> pl.DataFrame:
        return super().grow(rows).with_columns((pl.col("id") + pl.int_range(pl.len()).cast(pl.String)).alias("id"))


class Planted(NamedTuple):
    kind: type
    told: str
    rows: pl.DataFrame = ROWS


COPIES = records([{"text": "가"}, {"text": "나"}, {"text": "가"}, {"text": "다"}, {"text": "가"}])
PLANTED = [
    Planted(Reorders, "another order"),
    Planted(Undeclared, "undeclared columns"),
    Planted(TouchesAnother, "not in `writes`"),
    Planted(Grows, "twice is not once"),
    Planted(LooksAround, "another cut"),
    Planted(WrongGuard, "without its guard"),
    Planted(EveryRole, "more than contents"),
    Planted(OverAverage, "another cut"),
    Planted(SeenBefore, "another cut", COPIES),
    Planted(TooFew, "answers for"),
    Planted(NoWitness, "does not stay", COPIES),
    Planted(DeadWitness, "does not stay", COPIES),
    Planted(WhoeverComesFirst, "order of rows", COPIES),
    Planted(Unlike, "not like its witness", COPIES),
    Planted(Batchwise, "other sketches", COPIES),
    Planted(Halfway, "twice is not once", COPIES),
    Planted(Orphans, "living parents", COPIES),
    Planted(CountsItsChildren, "other rows", COPIES),
]


@pytest.mark.parametrize("fault", PLANTED, ids=lambda fault: fault.kind.__name__)
def test_a_planted_fault_is_caught(fault: Planted) -> None:
    with pytest.raises(Broken, match=fault.told):
        check(fault.kind(), fault.rows, [3])


@pytest.mark.parametrize("kind", [Merges, Children])
def test_a_sound_step_is_not_accused(kind: type) -> None:
    check(kind(), COPIES, [3])
