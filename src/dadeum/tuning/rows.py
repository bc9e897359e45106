"""Which rows a training sees, and which model it starts from."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
import xxhash

from dadeum.engine import collect, flow, local
from dadeum.errors import DadeumError
from dadeum.recipe import Recipe
from dadeum.record import prose
from dadeum.settings import Train
from dadeum.step import RECORD_COLUMNS, Step

NEEDED: Final = ("annotate.label", "filter.label", "form.chat", "mix.split")
"""The steps without which raw rows are no training rows at all; the arm `raw` keeps these alone."""


def split(out: Path, name: str) -> pl.DataFrame:
    """The rows of one split of a finished run; none where the run has no such split."""
    path = out / f"data/{name}.parquet"
    return pl.read_parquet(path) if path.exists() else pl.read_parquet(out / "data/train.parquet").clear()


def training_rows(recipe: Recipe, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows that are trained on: all, or `train.rows` of them, drawn by the recipe's seed and their ids, in their order."""
    return draw(rows, train_settings(recipe).rows, str(recipe.seed))


def draw(rows: pl.DataFrame, n: int, seed: str) -> pl.DataFrame:
    """`n` of the rows (0: all), in their order. Drawn by seed and id alone: neither order nor other rows change a row's luck."""
    if not n or n >= rows.height:
        return rows
    ranks = [xxhash.xxh3_64_intdigest(f"{seed}\0{id}".encode()) for id in rows.get_column("id").to_list()]
    return rows[np.sort(np.argsort(np.array(ranks, dtype=np.uint64), kind="stable")[:n])]


def raw_rows(recipe: Recipe, out: Path) -> pl.DataFrame:
    """The training rows before they were engineered: the same sources and split, the recipe's labels and form, nothing else."""
    return remade(recipe, out, tuple(_allowing(s) for s in recipe.steps if s.name in NEEDED))


def remade(recipe: Recipe, out: Path, steps: tuple[Step, ...]) -> pl.DataFrame:
    """The training rows that the same sources would give by other steps; units of work that the run has done already are taken up."""
    cache = Path(recipe.engine.cache) if recipe.engine.cache else out / "cache"
    with local.Local(1) as engine:
        made = flow.process(dataclasses.replace(recipe, steps=steps), cache, engine)
    kept = [collect.fold(shard.rows()) for shard in made.shards]
    rows = pl.concat(kept, how="diagonal").filter(pl.col("split") == "train")
    return rows.select(*RECORD_COLUMNS, *(c for c in rows.columns if c not in RECORD_COLUMNS))


def _allowing(step: Step) -> Step:
    return dataclasses.replace(step, leak="allow") if step.name == "mix.split" else step  # type: ignore[call-arg]


def base_model(recipe: Recipe, out: Path) -> str:
    """The folder or hub name of the model that every arm starts from; a tiny one has read the training split, texts, prompts and answers.

    So the untuned arm of a tiny base may know some answers already, and what tuning adds is rather understated than overstated.
    """
    from dadeum.train import base

    texts = prose(split(out, "train"), ("text", "user", "assistant")).drop_nulls().to_list()
    return base.base(train_settings(recipe), texts, out / "cache/models", recipe.seed)


def train_settings(recipe: Recipe) -> Train:
    """The recipe's section `train`. Raises DadeumError where it has none."""
    if recipe.train is None:
        raise DadeumError(f"the recipe {recipe.name} has no `train` section: there is nothing to tune")
    return recipe.train
