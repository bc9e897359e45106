"""Between two stages: has the model forgotten what it could before? Asked on the same rows before and after, paired.

A suite is what earlier stages have held out, or files that the recipe names. Its measure is the held-out loss (nats per token of what
carries loss: the answers of chats, all of a document), which moves long before answers do. The test is on each row's
`after - (1 + allow) x before`: forgotten where its whole interval lies above nought, kept where it lies below, else it cannot be told.
The interval is that of every other comparison here (evaluate/compare.py); one training is compared with another, so it says what
this training did, not what training of this kind does.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from dadeum.errors import DadeumError
from dadeum.recipe import Recipe
from dadeum.record import RECORD
from dadeum.settings import Gate, Train
from dadeum.tuning.keep import content, kept
from dadeum.tuning.lessons import Lesson
from dadeum.tuning.rows import draw
from dadeum.tuning.suites import read

FEWEST: Final = 8
"""Rows below which an interval says nothing."""
CHUNK: Final = 32_768
EARLIER: Final = "earlier stages"


def suites(recipe: Recipe, gate: Gate, before: list[Lesson], out: Path) -> dict[str, pl.DataFrame]:
    """The rows of each suite by its name: the files that the gate names, else what the lessons before have held out."""
    found = {path: read(path, out / "cache/remote").select(*RECORD) for path in gate.suites}
    if not found:
        held = pl.concat([lesson.held for lesson in before]).unique("id", keep="first", maintain_order=True)
        found = {EARLIER: held}
    return {name: draw(rows, gate.items, f"{recipe.seed} gate") for name, rows in found.items()}


def measure(recipe: Recipe, lesson: Lesson, earlier: list[Lesson], before: Path | str, after: Path, out: Path) -> list[dict[str, Any]]:
    """{stage, suite, rows, before, after, change, low, high, allow, verdict} for every suite of the lesson's gate.

    change: of the loss, as a share of what it was; low and high: its interval. verdict: kept, forgotten or cannot tell.
    """
    gate = lesson.stage.gate if lesson.stage else None
    if gate is None:
        return []
    return [_asked(name, rows, lesson, gate, before, after, out) for name, rows in suites(recipe, gate, earlier, out).items()]


def refuse(told: list[dict[str, Any]], lesson: Lesson, after: Path) -> None:
    """Raise DadeumError where a suite was forgotten and the gate is to stop the run."""
    lost = [one for one in told if one["verdict"] == "forgotten"]
    if not lost or lesson.stage is None or lesson.stage.gate is None or lesson.stage.gate.otherwise == "warn":
        return
    where = f"train.stages.{lesson.number}"
    raise DadeumError(
        f"the stage {lesson.name} forgets: {'; '.join(map(text, lost))}. Its model is kept in {after}, and nothing of the stages before is "
        f"lost: mend the recipe and run the same command again, which goes on from there. What helps: more {where}.replay, a smaller "
        f"{where}.learning_rate, fewer {where}.epochs; or raise {where}.gate.allow, or set {where}.gate.otherwise to warn"
    )


def text(one: dict[str, Any]) -> str:
    """One finding in words.

    >>> text({"suite": "web", "before": 2.0, "after": 2.4, "change": 0.2, "low": 0.1, "high": 0.3, "allow": 0.05, "rows": 90, "verdict": "forgotten"})
    'web: the held-out loss goes from 2 to 2.4 (+20.0 % [+10.0, +30.0] on 90 rows, 5 % allowed): forgotten'
    """
    if one["change"] is None:
        return f"{one['suite']}: {one['rows']} rows can be scored, at least {FEWEST} are needed: cannot tell"
    change = f"{100 * one['change']:+.1f} % [{100 * one['low']:+.1f}, {100 * one['high']:+.1f}]"
    return (
        f"{one['suite']}: the held-out loss goes from {one['before']:.3g} to {one['after']:.3g} "
        f"({change} on {one['rows']} rows, {100 * one['allow']:g} % allowed): {one['verdict']}"
    )


def _asked(name: str, rows: pl.DataFrame, lesson: Lesson, gate: Gate, before: Path | str, after: Path, out: Path) -> dict[str, Any]:
    from dadeum.evaluate.compare import Arm, compare

    asked = _asking(lesson.settings)
    lost = [_losses(model, rows, asked, out) for model in (before, after)] if rows.height else []
    told: dict[str, Any] = {"stage": lesson.name, "suite": name, "allow": gate.allow}
    fit = [f["nll"].is_not_null() & (f["tokens"] > 0) for f in lost]
    both = (fit[0] & fit[1]).to_numpy() if fit else np.zeros(0, dtype=bool)
    if int(both.sum()) < FEWEST:
        return told | {"rows": int(both.sum()), "before": None, "after": None, "change": None, "low": None, "high": None, "verdict": "cannot tell"}
    weights = lost[0]["tokens"].to_numpy()[both].astype(np.float64)
    had, has = ((f["nll"].to_numpy()[both] / weights)[None] for f in lost)
    gap = compare(Arm("after", has, fixed=True), Arm("before", (1 + gate.allow) * had, fixed=True), weights=weights)
    was = float((had[0] * weights).sum() / weights.sum())
    change, low, high = (gate.allow + part / was for part in (gap.difference, gap.low, gap.high))
    verdict = "forgotten" if gap.low > 0 else "kept" if gap.high < 0 else "cannot tell"
    told |= {"rows": int(both.sum()), "before": was, "after": was * (1 + change), "change": change}
    return told | {"low": low, "high": high, "verdict": verdict}


def _losses(model: Path | str, rows: pl.DataFrame, settings: Train, out: Path) -> pl.DataFrame:
    from dadeum.train import generate

    def make() -> tuple[dict[str, Any], dict[str, pl.DataFrame]]:
        return {}, {"losses": generate.losses(model, rows, settings)}

    return kept(out, "losses", [content(model), rows, settings], make).parts["losses"]


def _asking(settings: Train) -> Train:
    """As a suite is read: answers of chats and whole documents, whatever the stage itself learns; nothing that only training reads."""
    return Train(base=settings.base, template=settings.template, max_length=settings.max_length, micro_tokens=settings.micro_tokens, device=settings.device)
