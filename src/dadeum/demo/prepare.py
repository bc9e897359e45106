"""From `--set` arguments to the demo's raw data and its recipe.

Two keys belong to the demo alone: `dirt` (0..1, how much of the dirt is planted) and `rows` (clean messages). All others are keys of
the recipe; its `seed` is also the seed of the raw data.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any, Final

from dadeum.demo import raw
from dadeum.demo.messages import CUSTOMERS
from dadeum.errors import Mistake, RecipeError, nearest
from dadeum.recipe import KEYS, Recipe, compose, parse, read_sets

CAP: Final = 3
"""No customer who writes by hand has three times the messages of the average one, copies included."""
OWN: Final = {"dirt": (int, float), "rows": (int,)}
FILE: Final = re.compile(r"^(?:raw/|held_out\.jsonl$)")


def prepare(out: Path, sets: Sequence[str] = ()) -> tuple[Recipe, raw.Raw]:
    """Write the raw data below `out` and give the recipe that reads it.

    Raises RecipeError with every mistake in `sets`.
    """
    told = read_sets(sets)
    own: dict[str, Any] = {"dirt": 1.0, "rows": raw.ROWS} | {key: told[key] for key in OWN if key in told}
    mistakes = [
        Mistake(key, f"has to be a number, not {value!r}") for key, value in own.items() if isinstance(value, bool) or not isinstance(value, OWN[key])
    ]
    seed = told.get("seed", 0)
    if isinstance(seed, bool) or not isinstance(seed, int):
        mistakes.append(Mistake("seed", f"has to be a whole number, not {seed!r}"))
    if mistakes:
        raise RecipeError(mistakes)
    made = raw.write(out, seed, own["dirt"], own["rows"])
    text = resources.files("dadeum.demo").joinpath("recipe.yaml").read_text(encoding="utf-8")
    recipe = _below(parse(text, "recipe.yaml"), out)
    cap = f"mix.cap.max={round(CAP * own['rows'] / CUSTOMERS)}"
    try:
        return compose(recipe, [cap, *(s for s in sets if s.partition("=")[0] not in OWN)]), made
    except RecipeError as error:
        known = (*KEYS, *OWN)
        raise RecipeError(replace(m, hint=nearest(m.path, known)) if m.path in told and "." not in m.path else m for m in error.mistakes) from error


def _below(value: Any, out: Path) -> Any:
    """The recipe with the demo's files where they were written."""
    if isinstance(value, dict):
        return {key: _below(item, out) for key, item in value.items()}
    if isinstance(value, list):
        return [_below(item, out) for item in value]
    return str(out / value) if isinstance(value, str) and FILE.match(value) else value
