"""The same training on other rows: what an ablation and a learning curve are made of.

A variant differs from the run's tuned model in its training rows alone. Base, settings, held-out items and the number of training tokens
are the run's own; its seeds are its own too, so that the luck of training is in every interval. Trainings and answers are kept by
what they were made of: a second call trains nothing and asks nothing.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from dadeum.errors import DadeumError
from dadeum.evaluate.metrics.loss import Losses
from dadeum.evaluate.proof import Answers
from dadeum.proving import Arm, Worth
from dadeum.recipe import Recipe
from dadeum.settings import Train
from dadeum.tuning.keep import content, key
from dadeum.tuning.replies import TUNED, replies
from dadeum.tuning.rows import base_model, split, train_settings
from dadeum.tuning.suites import Held
from dadeum.tuning.trainings import model_folder

Say = Callable[[str], None]


def tuned(recipe: Recipe, out: Path, held: Held) -> Answers:
    """What the run's own tuned models answer, one for each seed."""
    seeds = train_settings(recipe).seeds
    return _answers(recipe, out, "tuned", seeds, [model_folder(out, "tuned", seed) for seed in seeds], held)


def variant(recipe: Recipe, out: Path, name: str, rows: pl.DataFrame, held: Held, number: int, seeds: int, say: Say) -> Answers:
    """Train on `rows` with so many seeds and ask the held-out items. number: other variants of the run have other ones, hence other seeds."""
    from dadeum.train import loop

    settings, base = budgeted(recipe, out), base_model(recipe, out)
    drawn = tuple(seed + 1000 * number for seed in train_settings(recipe).seeds[:seeds])
    folders = [model_folder(out, name, seed) for seed in drawn]
    for seed, folder in zip(drawn, folders):
        say(f"train {name}, seed {seed}")
        loop.train(rows, split(out, "validation"), base, settings, seed, folder)
    return _answers(recipe, out, name, drawn, folders, held)


def stands_on(recipe: Recipe, out: Path, held: Held) -> str:
    """Digest of what a study of a run stands on: its steps, its tuned models, its held-out items and how they are scored."""
    models = [content(model_folder(out, "tuned", seed)) for seed in train_settings(recipe).seeds]
    scored = dataclasses.replace(held.prove, arms=(), suites=(), slices=(), worth=Worth(), served=True)
    return key(recipe.steps, recipe.seed, models, held.items.select("id", "messages", "reference", "cluster"), scored)


def budgeted(recipe: Recipe, out: Path) -> Train:
    """The run's settings with its tuned model's number of tokens and learning rate, whatever both were asked for as.

    Raises DadeumError for a recipe with stages: which of its trainings would a variant be of?
    """
    settings = train_settings(recipe)
    if settings.stages:
        raise DadeumError(
            "train.stages: what a step or more data is worth is measured on one training; take the recipe of a single stage (--set train.stages=[])"
        )
    told = tuned_record(recipe, out)
    return dataclasses.replace(settings, rows=0, tokens=told["tokens"], learning_rate=told["learning_rate"])


def tuned_record(recipe: Recipe, out: Path) -> dict[str, Any]:
    """What is written beside the tuned model's first training: tokens, steps, learning rate, parameters. DadeumError where there is none."""
    path = model_folder(out, "tuned", train_settings(recipe).seeds[0]) / "training.json"
    if not path.exists():
        raise DadeumError(f"{path.parent}: no tuned model to compare with; `dadeum prove` makes it")
    return json.loads(path.read_text(encoding="utf-8"))


def _answers(recipe: Recipe, out: Path, name: str, seeds: Sequence[int], folders: Sequence[Path], held: Held) -> Answers:
    from dadeum.evaluate.arms import ask

    prompts = ask(TUNED, held.items, None, (), held.prove, recipe.seed, ())
    models = [TUNED] if name == "tuned" else [Arm(f"{name}-{seed}", model=str(folder)) for seed, folder in zip(seeds, folders)]
    said = [replies(recipe, out, model, prompts, held.prove.max_new_tokens) for model in models]
    return Answers(name, [line for one in said for line in one.replies], tuple(seeds), [Losses.of(lost) for one in said for lost in one.losses])
