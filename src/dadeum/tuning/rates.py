"""A learning rate that is looked for once and kept: `train.learning_rate: find`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from dadeum.recipe import Recipe
from dadeum.tuning.keep import content, kept
from dadeum.tuning.lessons import Lesson


def found_rate(recipe: Recipe, lesson: Lesson, start: Path | str, out: Path) -> dict[str, Any]:
    """The range test of a lesson (train/finder.py), made once of the same rows, model and settings."""
    from dadeum.train import finder

    # How many trainings follow is no matter to it.
    asked = dataclasses.replace(lesson.settings, seeds=(0,))
    made = kept(out, "rates", [content(start), lesson.rows, asked, recipe.seed], lambda: (finder.find(lesson.rows, str(start), lesson.settings, recipe.seed), {}))
    return made.head


def finder_text(rate: dict[str, Any]) -> str:
    """The range test in a line."""
    from dadeum.train import finder

    return finder.text(rate)
