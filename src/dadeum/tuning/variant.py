"""The same training on other rows: what an ablation and a learning curve are made of.

A variant differs from the run's tuned model in its training rows alone. Base, settings, stages, held-out items and the number of training
tokens of every stage are the run's own; its seeds are its own too, so that the luck of training is in every interval. Trainings and answers
are kept by what they were made of: a second call trains nothing and asks nothing.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dadeum.errors import DadeumError
from dadeum.evaluate.metrics.loss import Losses
from dadeum.evaluate.proof import Answers
from dadeum.proving import Arm, Worth
from dadeum.recipe import Recipe
from dadeum.tuning.course import Course, Say, model_folder, stage_folder, through
from dadeum.tuning.keep import content, key
from dadeum.tuning.lessons import Lesson, lessons
from dadeum.tuning.replies import TUNED, draws, replies
from dadeum.tuning.rows import base_model, split, train_settings
from dadeum.tuning.suites import Held
from dadeum.tuning.trainings import arms


def study_seeds(recipe: Recipe, least: int) -> tuple[int, ...]:
    """The run's own seeds, and where they are fewer than `least` the smallest others."""
    own = train_settings(recipe).seeds
    more = itertools.islice((seed for seed in itertools.count() if seed not in own), max(0, least - len(own)))
    return (*own, *more)


def tuned(recipe: Recipe, out: Path, held: Held, seeds: Sequence[int], say: Say) -> Answers:
    """What the run's tuned models answer, one for each seed; seeds that the run has not are trained as it would have."""
    more = [seed for seed in seeds if seed not in train_settings(recipe).seeds]
    taught = settled(recipe, out, lessons(recipe, split(out, "train"), split(out, "validation")), same_tokens=len(arms(recipe)) > 1) if more else []
    _train(recipe, out, [Course("tuned", seed, seed, taught) for seed in more], say)
    models = [TUNED, *(_model(out, "tuned", seed) for seed in more)]
    return _answers(recipe, out, "tuned", seeds, models, held)


def variant(recipe: Recipe, out: Path, name: str, taught: list[Lesson], held: Held, number: int, seeds: Sequence[int], say: Say) -> Answers:
    """Train these lessons with each seed and ask the held-out items. number: other variants of the run have other ones, hence other seeds."""
    drawn = [seed + 1000 * number for seed in seeds]
    equal = settled(recipe, out, taught, same_tokens=True)
    _train(recipe, out, [Course(name, seed, seed, equal) for seed in drawn], say)
    return _answers(recipe, out, name, drawn, [_model(out, name, seed) for seed in drawn], held)


def stands_on(recipe: Recipe, out: Path, held: Held) -> str:
    """Digest of what a study of a run stands on: its steps, its tuned models, its held-out items and how they are scored."""
    models = [content(model_folder(out, "tuned", seed)) for seed in train_settings(recipe).seeds]
    scored = dataclasses.replace(held.prove, arms=(), suites=(), slices=(), worth=Worth(), served=True, ablate_seeds=1)
    return key(recipe.steps, recipe.seed, models, held.items.select("id", "messages", "reference", "cluster"), scored)


def settled(recipe: Recipe, out: Path, taught: list[Lesson], same_tokens: bool) -> list[Lesson]:
    """The lessons with the learning rates that were looked for already, and (same_tokens) with the number of tokens that the tuned model's took."""
    made = []
    for lesson, told in zip(taught, tuned_records(recipe, out)):
        changed: dict[str, Any] = {"tokens": told["tokens"]} if same_tokens and not lesson.settings.tokens else {}
        if lesson.settings.learning_rate == "find":
            changed["learning_rate"] = told["learning_rate"]
        made.append(dataclasses.replace(lesson, settings=dataclasses.replace(lesson.settings, **changed)))
    return made


def tuned_records(recipe: Recipe, out: Path) -> list[dict[str, Any]]:
    """What is written beside the tuned model's first training, lesson by lesson: tokens, steps, seconds, learning rate, parameters.

    Raises DadeumError where there is none.
    """
    settings = train_settings(recipe)
    names = [stage.name for stage in settings.stages] or [""]
    paths = [stage_folder(out, "tuned", settings.seeds[0], number, names) / "training.json" for number in range(len(names))]
    if missing := [path.parent for path in paths if not path.exists()]:
        raise DadeumError(f"{missing[0]}: no tuned model to compare with; `dadeum prove` makes it")
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def _train(recipe: Recipe, out: Path, courses: Sequence[Course], say: Say) -> None:
    base = base_model(recipe, out) if courses else ""  # it reads the training rows: once for all of them
    for course in courses:
        for _ in through(recipe, out, course, base, {}, {}, say):
            pass


def _model(out: Path, name: str, seed: int) -> Arm:
    return Arm(f"{name}-{seed}", model=str(model_folder(out, name, seed)))


def _answers(recipe: Recipe, out: Path, name: str, seeds: Sequence[int], models: Sequence[Arm], held: Held) -> Answers:
    from dadeum.evaluate.arms import ask

    prompts = ask(TUNED, held.items, None, (), held.prove, recipe.seed, ())
    drawn = draws(held.prove, recipe.seed)
    said = [replies(recipe, out, model, prompts, held.prove.max_new_tokens, drawn=drawn) for model in models]
    lost = [Losses.of(lost) for one in said for lost in one.losses]
    return Answers(name, [line for one in said for line in one.replies], tuple(seeds), lost, said[0].samples)
