"""Every arm trained with every seed."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import orjson

from dadeum.recipe import Recipe
from dadeum.tuning.rows import base_model, raw_rows, split, train_settings, training_rows


def arms(recipe: Recipe) -> list[str]:
    """The arms that train, the tuned one first."""
    asked = recipe.prove.arms if recipe.prove else ()
    return ["tuned", *(a for a in asked if a != "base")]


def train(recipe: Recipe, out: Path, say: Any = lambda text: None) -> dict[str, Any]:
    """Train every arm with every seed; `model/` is the tuned arm's first. Writes curve.json; gives what each training took."""
    from dadeum.train import loop

    settings = dataclasses.replace(train_settings(recipe), rows=0)
    base = base_model(recipe, out)
    held = split(out, "validation")
    curve: list[dict[str, Any]] = []
    done: dict[str, Any] = {}
    matched = settings
    for number, arm in enumerate(arms(recipe)):
        rows = training_rows(recipe, split(out, "train") if arm == "tuned" else raw_rows(recipe, out))
        for seed in settings.seeds:
            say(f"train {arm}, seed {seed}")
            made = loop.train(rows, held, base, matched, _seed(seed, number), model_folder(out, arm, seed))
            if not matched.tokens and len(arms(recipe)) > 1:
                matched = dataclasses.replace(settings, tokens=made.tokens)
            curve += [{"arm": arm, "seed": seed, **point} for point in made.curve.to_dicts()]
            told = {"tokens": made.tokens, "steps": made.steps, "eval_loss": made.eval_loss, "seconds": round(made.seconds, 1)}
            done[f"{arm}-{seed}"] = {**told, "rows": rows.height, "learning_rate": made.learning_rate, "device": made.device}
    first = model_folder(out, "tuned", settings.seeds[0])
    link = out / "model"
    if link.is_symlink() or not link.exists():
        link.unlink(missing_ok=True)
        link.symlink_to(first.relative_to(out))
    (out / "curve.json").write_bytes(orjson.dumps(curve))
    return {"base": base if settings.base != "tiny" else "tiny", "arms": done}


def model_folder(out: Path, arm: str, seed: int) -> Path:
    """Where an arm's training with one seed lies."""
    return out / f"models/{arm}-{seed}"


def _seed(seed: int, arm: int) -> int:
    """Independent seeds for each arm: 0, 1, 2 ... for the first, 1000, 1001 ... for the second."""
    return seed + 1000 * arm
