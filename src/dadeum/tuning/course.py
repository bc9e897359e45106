"""One model's way through all lessons of a recipe, each from what the one before made: what the arms of a run and of its studies are trained by.

A lesson's model lies in a folder of its own and is kept by what it was made of, so a second call trains only what has changed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dadeum.recipe import Recipe
from dadeum.settings import Train
from dadeum.tuning.lessons import Lesson
from dadeum.tuning.rates import finder_text, found_rate
from dadeum.tuning.watching import Line

Say = Callable[[str], None]


@dataclass(frozen=True)
class Course:
    """One model's way through all lessons. seed: as the recipe names it, and its folder; drawn: what the training's own chance starts from."""

    arm: str
    seed: int
    drawn: int
    lessons: list[Lesson]


@dataclass(frozen=True)
class Taught:
    """One lesson that was trained. start: the model it started from; into: where the one it made lies."""

    lesson: Lesson
    made: Any
    rate: dict[str, Any] | None
    start: Path | str
    into: Path


def through(
    recipe: Recipe, out: Path, course: Course, base: str, matched: dict[int, int], rates: dict[int, dict[str, Any]], say: Say
) -> Iterator[Taught]:
    """Train lesson after lesson, each from what the one before made; what is kept is taken up.

    matched: how many tokens a lesson takes, by its number, where others have to take as many. rates: found learning rates by lesson, which
    all courses share; those that are missing are looked for.
    """
    from dadeum.train import loop

    start: Path | str = base
    for lesson in course.lessons:
        into = stage_folder(out, course.arm, course.seed, lesson.number, [one.name for one in course.lessons])
        say(f"train {course.arm}, seed {course.seed}" + (f", stage {lesson.name}" if lesson.stage else ""))
        rate = None
        if lesson.settings.learning_rate == "find":
            if lesson.number not in rates:
                rates[lesson.number] = found_rate(recipe, lesson, start, out)
            rate = rates[lesson.number]
            say(finder_text(rate))
        settings = _effective(lesson, matched.get(lesson.number, 0), rate)
        made = loop.train(lesson.rows, lesson.held, str(start), settings, course.drawn, into, Line(say, settings.patience))
        yield Taught(lesson, made, rate, start, into)
        start = into


def _effective(lesson: Lesson, tokens: int, rate: dict[str, Any] | None) -> Train:
    """A lesson's settings as the loop takes them: its rows are drawn already, and later arms see as many tokens as the first."""
    changed: dict[str, Any] = {"rows": 0}
    if tokens and not lesson.settings.tokens:
        changed["tokens"] = tokens
    if rate:
        changed["learning_rate"] = rate["rate"]
    return dataclasses.replace(lesson.settings, **changed)


def model_folder(out: Path, arm: str, seed: int) -> Path:
    """Where an arm's training with one seed lies."""
    return out / f"models/{arm}-{seed}"


def stage_folder(out: Path, arm: str, seed: int, number: int, names: Sequence[str]) -> Path:
    """Where the model of one of the lessons lies, which have these names: the last one's is the arm's own."""
    whole = model_folder(out, arm, seed)
    return whole if number + 1 == len(names) else whole.with_name(f"{arm}-{seed}.{number + 1}-{names[number]}")
