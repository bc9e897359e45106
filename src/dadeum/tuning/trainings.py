"""Every arm trained with every seed, stage after stage."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson

from dadeum.engine.unit import publish
from dadeum.model import reach
from dadeum.recipe import Recipe
from dadeum.tuning import forecast, gate
from dadeum.tuning.course import Course, Say, model_folder, through
from dadeum.tuning.lessons import Lesson, lessons
from dadeum.tuning.rows import base_model, raw_rows, split, train_settings


def arms(recipe: Recipe) -> list[str]:
    """The arms that train, the tuned one first."""
    asked = recipe.prove.arms if recipe.prove else ()
    return ["tuned", *(a.name for a in asked if a.kind == "raw")]


def train(recipe: Recipe, out: Path, say: Say = lambda text: None) -> dict[str, Any]:
    """Train every arm with every seed; `model/` is the tuned arm's first. Writes curve.json; gives what each training took.

    Every stage starts from what the one before made, and is kept by what it was made of. Raises DadeumError where a gate refuses.
    """
    settings = train_settings(recipe)
    base = base_model(recipe, out)
    held = split(out, "validation")
    if recipe.prove and not model_folder(out, "tuned", settings.seeds[0]).is_dir():
        for asked in recipe.prove.arms:  # who is asked after the training had better be there before it
            if asked.url:
                reach(asked.url, os.environ.get(asked.key, ""), named=asked.key)
    told = _Told(out)
    matched: dict[int, int] = {}
    rates: dict[int, dict[str, Any]] = {}
    for number, arm in enumerate(arms(recipe)):
        rows = split(out, "train") if arm == "tuned" else raw_rows(recipe, out)
        for seed in settings.seeds:
            course = Course(arm, seed, _seed(seed, number), lessons(recipe, rows, held))
            before: list[Lesson] = []
            for one in through(recipe, out, course, base, matched, rates, say):
                lesson, made = one.lesson, one.made
                if len(arms(recipe)) > 1:
                    matched.setdefault(lesson.number, made.tokens)
                told.add(arm, seed, lesson, made, one.rate)
                if arm == "tuned" and seed == settings.seeds[0]:
                    told.values(lesson, made, one.rate)
                    told.off(forecast.said(lesson, base, out), made, say)
                    told.gate(gate.measure(recipe, lesson, before, one.start, one.into, out), lesson, one.into, say)
                before.append(lesson)
    first = model_folder(out, "tuned", settings.seeds[0])
    link = out / "model"
    if link.is_symlink() or not link.exists():
        link.unlink(missing_ok=True)
        link.symlink_to(first.relative_to(out))
    return {"base": base if settings.base != "tiny" else "tiny", **told.done()}


class _Told:
    """What the trainings took, as it comes: curve.json after every one of them, so that a run that stops has told what it did."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.curve: list[dict[str, Any]] = []
        self.arms: dict[str, dict[str, Any]] = {}
        self.gates: list[dict[str, Any]] = []
        self.forecasts: list[dict[str, Any]] = []
        self.in_force: list[dict[str, Any]] = []

    def add(self, arm: str, seed: int, lesson: Lesson, made: Any, rate: dict[str, Any] | None) -> None:
        """One training. Steps and tokens of the curve go on from the stage before."""
        had = self.arms.setdefault(f"{arm}-{seed}", {"tokens": 0, "steps": 0, "seconds": 0.0})
        for point in made.curve.to_dicts():
            stage = {"stage": lesson.name} if lesson.stage else {}
            moved = {"step": point["step"] + had["steps"], "tokens": point["tokens"] + had["tokens"]}
            self.curve.append({"arm": arm, "seed": seed, **stage, **point, **moved})
        one = {"tokens": made.tokens, "steps": made.steps, "eval_loss": made.eval_loss, "seconds": round(made.seconds, 1)}
        one |= {"rows": lesson.rows.height, "learning_rate": made.learning_rate, "device": made.device}
        one |= {"found": rate} if rate else {}
        if lesson.stage:
            had.setdefault("stages", []).append({"stage": lesson.name, "replayed": len(lesson.replayed), **one})
        had.update(one | {name: round(had[name] + one[name], 1) for name in ("tokens", "steps", "seconds")})
        publish(self.out / "curve.json", orjson.dumps(self.curve))

    def values(self, lesson: Lesson, made: Any, rate: dict[str, Any] | None) -> None:
        """Every value that the first training really used, and where it came from."""
        from dadeum.train.effective import effective

        tokens = int(made.ledger.filter(made.ledger["reason"].is_null())["n_tokens"].sum())
        self.in_force.append({"stage": lesson.name, "values": effective(lesson.settings, made.parameters, tokens, rate, made.planned_steps)})

    def off(self, said: dict[str, Any] | None, made: Any, say: Say) -> None:
        """How far off the forecast of the first training was, lesson by lesson."""
        from dadeum.train import actual

        if said is None or made.peak_bytes is None:
            return
        took = {"peak": made.peak_bytes, "grew": made.grew_bytes, "seconds": made.seconds}
        self.forecasts.append({"stage": said.pop("stage"), "said": said, "took": took})
        say(actual.text(said, took))

    def gate(self, found: list[dict[str, Any]], lesson: Lesson, into: Path, say: Say) -> None:
        """What the gate found, kept in gates.json. Raises DadeumError where it refuses."""
        if not found:
            return
        self.gates += found
        publish(self.out / "gates.json", orjson.dumps(self.gates, option=orjson.OPT_INDENT_2))
        for one in found:
            say(gate.text(one))
        gate.refuse(found, lesson, into)

    def done(self) -> dict[str, Any]:
        """For run.json."""
        kept = {"gates": self.gates, "forecast": self.forecasts, "values": self.in_force}
        return {"arms": self.arms, **{name: told for name, told in kept.items() if told}}


def _seed(seed: int, arm: int) -> int:
    """Independent seeds for each arm: 0, 1, 2 ... for the first, 1000, 1001 ... for the second."""
    return seed + 1000 * arm
