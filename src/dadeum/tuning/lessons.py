"""What is trained, one lesson after another: its rows, its held-out rows, its settings.

A recipe without `train.stages` is one lesson without a name. A lesson's rows are those that its `where` describes, and, mixed in, some
of the lessons before (`replay`): rehearsal is the oldest remedy against forgetting (A. Robins, 1995), and a few per cent go a long way
in continued pretraining (A. Ibrahim et al., 2024, arXiv 2403.08763: 1 to 5 % for like data, up to half for unlike).
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from dadeum.errors import DadeumError
from dadeum.recipe import Recipe
from dadeum.recipe.where import matching
from dadeum.settings import Stage, Train
from dadeum.tuning.rows import draw, train_settings


@dataclass(frozen=True)
class Lesson:
    """One training. `replayed`: ids of the rows that come from lessons before."""

    number: int
    settings: Train
    rows: pl.DataFrame
    held: pl.DataFrame
    stage: Stage | None = None
    replayed: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """The stage's; empty where the recipe has none."""
        return self.stage.name if self.stage else ""


def lessons(recipe: Recipe, rows: pl.DataFrame, held: pl.DataFrame, among: frozenset[str] | None = None) -> list[Lesson]:
    """The lessons of a recipe on training rows and held-out rows, in order.

    among: of the rows that a lesson draws, those with these ids alone; so smaller data sets lie within larger ones. Raises DadeumError for a
    stage without a row.
    """
    settings = train_settings(recipe)

    def drawn(rows: pl.DataFrame, count: int) -> pl.DataFrame:
        all_of_them = draw(rows, count, str(recipe.seed))
        return all_of_them if among is None else all_of_them.filter(pl.col("id").is_in(list(among)))

    if not settings.stages:
        return [Lesson(0, settings, drawn(rows, settings.rows), held)]
    made: list[Lesson] = []
    for number, stage in enumerate(settings.stages):
        own = settings.of(stage)
        mine = drawn(matching(stage.where, rows), own.rows)
        if not mine.height:
            there, more = (rows.height, "") if among is None else (len(among), "; a larger prove.pilot has some")
            raise DadeumError(f"train.stages.{number} ({stage.name}): none of {there:,} training rows is meant by `where`: {_told(stage)}{more}")
        seen = set(mine["id"].to_list())
        before = {id for lesson in made for id in lesson.rows["id"].to_list()} - seen
        pool = rows.filter(pl.col("id").is_in(list(before)))
        again = draw(pool, round(mine.height * stage.replay / (1 - stage.replay)), f"{recipe.seed} replay {number}") if stage.replay else pool.clear()
        replayed = frozenset(again["id"].to_list())
        mixed = rows.filter(pl.col("id").is_in(list(seen | replayed)))
        made.append(Lesson(number, own, mixed, matching(stage.where, held), stage, replayed))
    return made


def studied(taught: list[Lesson]) -> pl.DataFrame:
    """The rows that any of the lessons trains on, each once, in the order of the lessons."""
    return pl.concat([lesson.rows for lesson in taught]).unique("id", keep="first", maintain_order=True)


def _told(stage: Stage) -> str:
    return ", ".join(f"{column}: {' or '.join(map(str, values))}" for column, values in stage.where.items()) or "all rows"
