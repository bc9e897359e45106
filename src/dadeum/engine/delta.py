"""What one step did to one shard, and how to do it again without the step.

Only differences are kept: the rows that changed with the new values of the columns that the step writes, the verdicts of the
rows that left, the rows that grew. A later run that needs the shard as it stood after the step reads the raw shard and puts
the differences on, which costs next to nothing where a step touched few rows; and the ledger is made of the same differences,
so what is told and what was done can't drift apart.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl

from dadeum.errors import DadeumError, StepError
from dadeum.record import CARRIED, EDITED, RECORD, put
from dadeum.step import VERDICT, Edit, Filter, Grow, Step

LEAVING: Final = pl.Schema({"at": pl.UInt32(), "state": pl.String(), **VERDICT, "witness_row": pl.UInt64()})
"""`at` is the position in the step's input; `witness_row` where the witness is known by row only (Compare)."""
NOBODY: Final = pl.DataFrame(schema=LEAVING)
ENGINE: Final = "5"
"""Bump it when the same step on the same rows would leave other differences: part of the digest of every shard."""
FAILING_SHARE: Final = 0.01
"""A step that fails on more of a shard's rows than this (and on more than ten) is broken: the run stops."""


@dataclass
class Delta:
    """Differences of one step on one shard; parts may be empty frames."""

    changed: pl.DataFrame = field(default_factory=pl.DataFrame)
    """`at`, then the written columns with their new values, for the rows in which any of them changed."""
    leaving: pl.DataFrame = field(default_factory=lambda: NOBODY)
    grown: pl.DataFrame = field(default_factory=pl.DataFrame)
    edited: int = 0
    """Rows whose contents changed (scores and other new columns don't count)."""
    seconds: float = 0.0

    def parts(self) -> dict[str, pl.DataFrame]:
        """The frames that hold something, for `unit.save`."""
        parts = {name: frame for name, frame in (("leaving", self.leaving), ("grown", self.grown)) if frame.height}
        # Columns count even without rows: a shard that came to the step empty has to get the step's columns too.
        return ({"changed": self.changed} if self.changed.width else {}) | parts

    @classmethod
    def of(cls, parts: dict[str, pl.DataFrame], head: dict[str, Any]) -> Delta:
        """The opposite of `parts`."""
        return cls(**parts, edited=head["edited"], seconds=head["seconds"])

    def left(self) -> dict[str, dict[str, int]]:
        """state -> reason -> rows."""
        out: dict[str, dict[str, int]] = {}
        if not self.leaving.height:
            return out
        for state, reason, n in self.leaving.group_by("state", "reason").len().sort("state", "reason").iter_rows():
            out.setdefault(state, {})[reason] = n
        return out

    def put_on(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The step's output, from its input."""
        return Standing(rows).after(self).rows()


@dataclass(frozen=True)
class Standing:
    """Rows after some steps. What left is crossed out only, and the columns are cut once, when somebody asks for all rows: a cut at
    every step and for everybody who looked cost a fifth of replaying."""

    every: pl.DataFrame
    at: pl.Series | None = None
    """Where in `every` the rows stand (UInt32); null where none has left."""

    def rows(self) -> pl.DataFrame:
        """All rows that stand."""
        return self.every if self.at is None else self.every[self.at]

    def some(self, at: pl.Series) -> pl.DataFrame:
        """Those at these positions."""
        return self.every[self._where(at)]

    def after(self, delta: Delta) -> Standing:
        """The rows after one more step."""
        every, at = self.every, self.at
        for name in delta.changed.columns[1:]:
            if name.startswith(CARRIED) and name not in every.columns:
                continue  # what is only carried is there for those who asked for it
            new = delta.changed.get_column(name)
            if at is None and len(new) == every.height:
                every = every.with_columns(new)
                continue
            old = every.get_column(name) if name in every.columns else pl.Series(name, [None], dtype=new.dtype).new_from_index(0, every.height)
            every = every.with_columns(put(old, self._where(delta.changed.get_column("at")), new))
        if delta.leaving.height:
            here = _range(0, every.height) if at is None else at
            at = here.filter(pl.Series([True]).new_from_index(0, len(here)).scatter(delta.leaving.get_column("at"), False))
        if delta.grown.height:
            born = _range(every.height, every.height + delta.grown.height)
            at = None if at is None else pl.concat([at, born])
            every = pl.concat([every, delta.grown], how="diagonal")
        return Standing(every, at)

    def _where(self, at: pl.Series) -> pl.Series:
        return at if self.at is None else self.at.gather(at)


def _range(start: int, stop: int) -> pl.Series:
    return pl.int_range(start, stop, dtype=pl.UInt32, eager=True)


def work(step: Step, rows: pl.DataFrame, where: str) -> Delta:
    """Run an Edit, a Filter or a Grow on a shard.

    A row on which the step raises is found by halving and leaves as quarantined; the others get their answer.
    Raises StepError (step, shard, row) where more rows fail than a broken record explains; the project's own errors as the step
    raised them.
    """
    started = time.perf_counter()
    if isinstance(step, Filter):
        made, failed = _halving(step.why, rows, step, where)
        good = rows if failed.is_empty() else _without(rows, failed)
        delta = Delta(leaving=_leaving(step, good, made, rows, failed))
    elif isinstance(step, (Edit, Grow)):
        made, failed = _halving(step.edit if isinstance(step, Edit) else step.grow, rows, step, where)
        good = rows if failed.is_empty() else _without(rows, failed)
        at = _positions(rows, failed)
        if isinstance(step, Edit):
            changed, edited = _changed(step, good, made, at)
            delta = Delta(changed=changed, edited=edited, leaving=_quarantined(failed))
        else:
            delta = Delta(grown=_born(step, made, rows), leaving=_quarantined(failed))
    else:
        raise StepError(f"{step.name} is neither Edit, Filter nor Grow")
    delta.seconds = time.perf_counter() - started
    return delta


def _changed(step: Edit, before: pl.DataFrame, after: pl.DataFrame, at: pl.Series) -> tuple[pl.DataFrame, int]:
    if after.height != before.height or not after.get_column("row").equals(before.get_column("row")):
        raise StepError(f"{step.name} changed the number or the order of the rows: an Edit must not")
    beyond = [c for c in after.columns if c not in before.columns and c not in step.writes]
    if beyond:
        raise StepError(f"{step.name} wrote the columns {', '.join(beyond)}, which it does not declare in `writes`")
    written = []
    differs = pl.Series([False]).new_from_index(0, before.height)
    content = differs
    carried = [c for c in before.columns if c.startswith(CARRIED)] if step.carries else []
    for c in (*step.writes, *carried):
        if c not in after.columns:
            continue
        if c not in before.columns:
            differs = pl.Series([True]).new_from_index(0, before.height)
            written.append(c)
            continue
        new, old = after.get_column(c), before.get_column(c)
        if new.null_count() == old.null_count() == before.height:
            continue
        one = new.ne_missing(old)
        if one.any():
            written.append(c)
            differs = differs | one
            content = content | one if c in EDITED or c in carried else content
    if not written:
        return pl.DataFrame(), 0
    changed = after.select(written).insert_column(0, at.alias("at")).filter(differs)
    return changed, int(content.sum())


def _leaving(step: Filter, good: pl.DataFrame, made: pl.DataFrame, rows: pl.DataFrame, failed: pl.DataFrame) -> pl.DataFrame:
    if made.height != good.height:
        raise StepError(f"{step.name} gave {made.height} answers for {good.height} rows: a Filter gives one a row")
    left = made.with_columns(_positions(rows, failed).alias("at")).filter(pl.col("reason").is_not_null())
    left = left.with_columns(pl.lit("dropped").alias("state"), pl.lit(None, dtype=pl.UInt64).alias("witness_row"))
    return pl.concat([left.select(LEAVING.names()).cast(LEAVING), _quarantined(failed)]).sort("at")


def _born(step: Grow, made: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Grown rows with a `row` of their own: the upper half of the numbers, from the id, the same in every run."""
    from dadeum.engine.unit import digest

    living = set(rows.get_column("id").to_list())
    for id, parents in made.select("id", "parents").iter_rows():
        if not parents or not set(parents) <= living:
            raise StepError(f"{step.name} grew {id!r} without living parents")
    numbers = [(1 << 63) | (int(digest(id)[:16], 16) >> 1) for id in made.get_column("id").to_list()]
    made = made.with_columns(pl.Series("row", numbers, dtype=pl.UInt64))
    return made.select(*RECORD, *(c for c in made.columns if c not in RECORD))


def _quarantined(failed: pl.DataFrame) -> pl.DataFrame:
    if not failed.height:
        return NOBODY
    return failed.select(
        pl.col("at"),
        pl.lit("quarantined").alias("state"),
        pl.col("error").alias("reason"),
        *(pl.lit(None, dtype=LEAVING[c]).alias(c) for c in ("value", "threshold", "witness", "witness_row")),
    ).cast(LEAVING)


def _without(rows: pl.DataFrame, failed: pl.DataFrame) -> pl.DataFrame:
    return rows.with_row_index("at").filter(~pl.col("at").is_in(failed.get_column("at").implode())).drop("at")


def _positions(rows: pl.DataFrame, failed: pl.DataFrame) -> pl.Series:
    every = _range(0, rows.height).alias("at")
    return every if failed.is_empty() else every.filter(~every.is_in(failed.get_column("at").implode()))


def _halving(
    f: Callable[[pl.DataFrame], pl.DataFrame], rows: pl.DataFrame, step: Step, where: str
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`f` over the rows; where it raises, over halves of them, until the rows that make it raise stand alone."""
    good: list[pl.DataFrame] = []
    bad: list[tuple[int, str]] = []
    allowed = max(10, int(rows.height * FAILING_SHARE))

    waiting = [(0, rows.height)]  # no function that calls itself: the circle of its closure would hold the rows until they are collected
    while waiting:
        low, high = waiting.pop()
        try:
            good.append(f(rows.slice(low, high - low)))
        except (DadeumError, MemoryError, OSError):  # a wrong recipe, a damaged index, a silent endpoint, a full disk: no row's fault
            raise
        except Exception as error:  # a step's own failure, whatever it is: the row is kept apart and named
            if high - low > 1:
                middle = (low + high) // 2
                waiting += [(middle, high), (low, middle)]
                continue
            bad.append((low, f"{step.name} failed: {type(error).__name__}"))
            if len(bad) > allowed:
                row = rows.row(low, named=True)
                raise StepError(
                    f"{step.name} fails on more than {allowed} of the {rows.height} rows of {where}; first met at row"
                    f" {row['id']} ({row['place']}): {type(error).__name__}: {error}"
                ) from error
    failed = pl.DataFrame(bad, schema={"at": pl.UInt32, "error": pl.String}, orient="row")
    if not good:
        good = [f(rows.clear())]
    if len(good) == 1:
        return good[0], failed
    try:
        return pl.concat(good, how="vertical_relaxed"), failed
    except pl.exceptions.PolarsError as error:
        raise DadeumError(f"{step.name} gives different columns for different rows: {error}") from error
