"""`dadeum prove --ablate` and `dadeum curve`: what a step, or more data, is worth, measured on a proven run."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dadeum import recipe as recipes
from dadeum.engine import folder
from dadeum.errors import Mistake, RecipeError
from dadeum.recipe import Recipe
from dadeum.run.staged import say, stages


def ablate(recipe: Recipe, out: Path, names: Sequence[str], workers: int = 0) -> dict[str, Any]:
    """Prove the run, leave each named step out and tell what it did; gives proof.json's `ablations`."""
    from dadeum.report import page, studies
    from dadeum.tuning.ablate import ablate as study
    from dadeum.tuning.ablate import checked

    checked(recipe, names)
    _asked(recipe, "prove --ablate")
    with folder.locked(out):
        recipe = _proven(recipe, out, workers)
        told = study(recipe, out, names, say)
        page.write(out)
    print(studies.ablation_text(told, shutil.get_terminal_size((100, 24)).columns))
    return told


def curve(recipe: Recipe, out: Path, workers: int = 0) -> dict[str, Any]:
    """Prove the run, train on nested parts of its rows and tell what twice the data would buy; gives data_curve.json's content."""
    from dadeum.report import page, studies
    from dadeum.tuning.curve import curve as study

    _asked(recipe, "curve")
    with folder.locked(out):
        recipe = _proven(recipe, out, workers)
        told = study(recipe, out, say)
        page.write(out)
    print(studies.curve_text(told))
    return told


def _asked(recipe: Recipe, command: str) -> None:
    """Raise RecipeError, before anything is trained, where the models of a recipe are asked for no answers that a study could compare."""
    from dadeum.tuning import measured

    if recipe.train is not None and recipe.prove is not None and measured.applies(recipe):
        objective, metric = recipe.train.objective, recipe.prove.metric
        what = f"is {objective} measured by {metric}, and `dadeum {command}` compares answers in words"
        raise RecipeError(Mistake("train.objective", what, "`dadeum prove` compares it; to try other rows, prove a second run with another --out"))


def _proven(recipe: Recipe, out: Path, workers: int) -> Recipe:
    """The recipe as it was run (its steps in the order that was chosen), after every stage up to the proof."""
    stages(recipe, out, "prove", 0, workers)
    return recipes.load(out / "recipe.yaml")
