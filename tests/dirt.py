"""How dirt of known truth is planted, and how a step is measured against it: what `make truth` writes into docs/truth.md.

A module `tests/dirt_*.py` that plants something has a function `truth()` which yields `Planted`. Seeds are fixed there. What is true
of a row depends on the step's shape:

    Edit             the text as it should become (with `seen`, any other text); rows without a truth should stay as they are
    Edit, `column`   the value that should stand in that column: all of it, before a colon, or between commas
    Filter, Compare  anything: the row should leave (or, with `column`, get a value there); rows without a truth should stay
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from dadeum.evaluate.quantiles import wilson
from dadeum.recipe import read_step
from dadeum.record import records
from dadeum.step import Compare, Edit, Filter


@dataclass(frozen=True)
class Planted:
    """Rows, of which some are dirty in a known way."""

    step: str
    language: str
    kind: str
    rows: Sequence[Mapping[str, Any]]
    truth: Mapping[int, str]
    """Position in `rows` -> what is true of it."""
    params: Mapping[str, Any] = field(default_factory=dict)
    column: str = ""
    before: tuple[str, ...] = ()
    """Steps that the rows go through first: those that write what the step looks at."""
    seen: bool = False
    """Whether an edit has found a row if it changed it at all: where several answers are right."""


@dataclass(frozen=True)
class Line:
    """One line of the table: of `n` dirty rows `found` were, and of `claimed` rows that the step named or changed, `correct` rightly."""

    step: str
    language: str
    kind: str
    n: int
    found: int
    claimed: int
    correct: int

    @property
    def recall(self) -> tuple[float | None, float | None, float | None]:
        """Share and 95 % interval (Wilson)."""
        return _share(self.found, self.n)

    @property
    def precision(self) -> tuple[float | None, float | None, float | None]:
        """As `recall`, of what was claimed."""
        return _share(self.correct, self.claimed)


def _share(hits: int, n: int) -> tuple[float | None, float | None, float | None]:
    return (hits / n if n else None, *wilson(hits, n))


def measure(planted: Planted) -> list[Line]:
    """The lines of one planting: a line, or with the `column` of an Edit a line for each true value."""
    step = read_step(planted.step, dict(planted.params), planted.step)
    rows = records(planted.rows)
    for name in planted.before:
        earlier = read_step(name, {}, name)
        if not isinstance(earlier, Edit):
            raise TypeError(f"{name} writes nothing")
        rows = earlier.edit(rows)
    truth = planted.truth
    steps = ", ".join((*planted.before, planted.step))
    if isinstance(step, Edit) and planted.column:
        said = [set(re.split(r"[,:]", str(v))) if v is not None else set() for v in step.edit(rows).get_column(planted.column).to_list()]
        names = sorted(set(truth.values()))
        dirty = {name: [i for i, v in truth.items() if v == name] for name in names}
        claimed = {name: [i for i, found in enumerate(said) if name in found] for name in names}
        kinds = {name: " ".join(filter(None, (planted.kind, name if len(names) > 1 else ""))) for name in names}
        return [_line(planted, steps, kinds[name], dirty[name], claimed[name]) for name in names]
    if isinstance(step, Edit):
        before, after = rows.get_column("text").to_list(), step.edit(rows).get_column("text").to_list()
        changed = [i for i in range(rows.height) if before[i] != after[i]]
        right = {i for i, clean in truth.items() if after[i] == clean or (planted.seen and i in changed)}
        return [Line(steps, planted.language, planted.kind, len(truth), len(right), len(changed), len(right & set(changed)))]
    if isinstance(step, Filter):
        left = step.why(rows).get_column("reason").is_not_null().arg_true().to_list()
    elif isinstance(step, Compare):
        made = step.decide(step.relate(step.sketch(rows)))
        told = pl.col(planted.column or "state")
        said_ = made.filter(told.list.len() > 0 if made.schema[planted.column or "state"] == pl.List else told.is_not_null())
        left = [rows.get_column("row").to_list().index(row) for row in said_.get_column("row").to_list()]
    else:
        raise TypeError(f"{planted.step} finds nothing: it grows rows")
    return [_line(planted, steps, planted.kind, list(truth), left)]


def _line(planted: Planted, steps: str, kind: str, dirty: list[int], claimed: list[int]) -> Line:
    right = len(set(dirty) & set(claimed))
    return Line(steps, planted.language, kind, len(dirty), right, len(set(claimed)), right)


def plantings() -> Iterator[Planted]:
    """What all modules `dirt_*.py` beside this one plant, in the order of their names."""
    for path in sorted(Path(__file__).parent.glob("dirt_*.py")):
        yield from getattr(importlib.import_module(path.stem), "truth", list)()


def lines(planted: Iterable[Planted] | None = None) -> list[Line]:
    """Every planting measured, by step, language and kind."""
    made = [line for one in (plantings() if planted is None else planted) for line in measure(one)]
    if planted is None:
        made += importlib.import_module("dirt_readers").lines()
    return sorted(made, key=lambda line: (line.step, line.language, line.kind))
