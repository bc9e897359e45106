"""Every arm trained with every seed, stage after stage."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from dadeum.model import reach
from dadeum.recipe import Recipe
from dadeum.settings import Train
from dadeum.tuning import forecast, gate
from dadeum.tuning.lessons import Lesson, lessons
from dadeum.tuning.rates import finder_text, found_rate
from dadeum.tuning.rows import base_model, raw_rows, split, train_settings
from dadeum.tuning.watching import Line

Say = Callable[[str], None]


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
            start: Path | str = base
            before: list[Lesson] = []
            for lesson in lessons(recipe, rows, held):
                last = lesson.number + 1 >= len(settings.stages)
                into = model_folder(out, arm, seed) if last else model_folder(out, arm, seed).with_name(f"{arm}-{seed}.{lesson.number + 1}-{lesson.name}")
                say(f"train {arm}, seed {seed}" + (f", stage {lesson.name}" if lesson.stage else ""))
                rate = rates.setdefault(lesson.number, found_rate(recipe, lesson, start, out)) if lesson.settings.learning_rate == "find" else None
                if rate:
                    say(finder_text(rate))
                effective = _effective(lesson, matched.get(lesson.number, 0), rate)
                made = _trained(lesson, effective, start, _seed(seed, number), into, say)
                if len(arms(recipe)) > 1:
                    matched.setdefault(lesson.number, made.tokens)
                told.add(arm, seed, lesson, made, rate)
                if arm == "tuned" and seed == settings.seeds[0]:
                    told.values(lesson, made, rate)
                    told.off(forecast.said(lesson, base, out), made, say)
                    told.gate(gate.measure(recipe, lesson, before, start, into, out), lesson, into, say)
                start = into
                before.append(lesson)
    first = model_folder(out, "tuned", settings.seeds[0])
    link = out / "model"
    if link.is_symlink() or not link.exists():
        link.unlink(missing_ok=True)
        link.symlink_to(first.relative_to(out))
    return {"base": base if settings.base != "tiny" else "tiny", **told.done()}


def _effective(lesson: Lesson, tokens: int, rate: dict[str, Any] | None) -> Train:
    """A lesson's settings as the loop takes them: its rows are drawn already, and later arms see as many tokens as the first."""
    changed: dict[str, Any] = {"rows": 0}
    if tokens and not lesson.settings.tokens:
        changed["tokens"] = tokens
    if rate:
        changed["learning_rate"] = rate["rate"]
    return dataclasses.replace(lesson.settings, **changed)


def _trained(lesson: Lesson, settings: Train, start: Path | str, seed: int, into: Path, say: Say) -> Any:
    from dadeum.train import loop

    return loop.train(lesson.rows, lesson.held, str(start), settings, seed, into, Line(say, settings.patience))


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
        (self.out / "curve.json").write_bytes(orjson.dumps(self.curve))

    def values(self, lesson: Lesson, made: Any, rate: dict[str, Any] | None) -> None:
        """Every value that the first training really used, and where it came from."""
        from dadeum.train.effective import effective

        tokens = int(made.ledger.filter(made.ledger["reason"].is_null())["n_tokens"].sum())
        self.in_force.append({"stage": lesson.name, "values": effective(lesson.settings, made.parameters, tokens, rate)})

    def off(self, said: dict[str, Any] | None, made: Any, say: Say) -> None:
        """How far off the forecast of the first training was, lesson by lesson."""
        from dadeum.train import actual

        if said is None or made.peak_bytes is None:
            return
        took = {"peak": made.peak_bytes, "seconds": made.seconds}
        self.forecasts.append({"stage": said.pop("stage"), "said": said, "took": took})
        say(actual.text(said, took))

    def gate(self, found: list[dict[str, Any]], lesson: Lesson, into: Path, say: Say) -> None:
        """What the gate found, kept in gates.json. Raises DadeumError where it refuses."""
        if not found:
            return
        self.gates += found
        (self.out / "gates.json").write_bytes(orjson.dumps(self.gates, option=orjson.OPT_INDENT_2))
        for one in found:
            say(gate.text(one))
        gate.refuse(found, lesson, into)

    def done(self) -> dict[str, Any]:
        """For run.json."""
        kept = {"gates": self.gates, "forecast": self.forecasts, "values": self.in_force}
        return {"arms": self.arms, **{name: told for name, told in kept.items() if told}}


def model_folder(out: Path, arm: str, seed: int) -> Path:
    """Where an arm's training with one seed lies."""
    return out / f"models/{arm}-{seed}"


def _seed(seed: int, arm: int) -> int:
    """Independent seeds for each arm: 0, 1, 2 ... for the first, 1000, 1001 ... for the second."""
    return seed + 1000 * arm
