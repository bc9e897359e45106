"""Between two stages: has the model forgotten what it could before? Asked on the same rows before and after, paired.

A suite is one of `prove.suites`, scored by its own metric (answers right or wrong, F1, n-grams); or files of rows, or what earlier stages have
held out, by their held-out loss (nats per token of what carries loss: the answers of chats, all of a document), which moves long before
answers do. Forgotten is where the whole interval lies beyond what is allowed, kept where all of it lies on this side, else it cannot be told:

    loss     each row's `after - (1 + allow) x before`
    score    the difference `after - before` against `-allow x score before`; an answer that cannot be read scores worst

The interval is that of every other comparison here (evaluate/compare.py), at a level divided by the number of suites, so that ten suites stop a
run that forgets nothing no more often than one. One training is compared with another, so it says what this training did, not what training
of this kind does.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from dadeum.errors import DadeumError
from dadeum.recipe import Recipe
from dadeum.record import RECORD
from dadeum.settings import Gate, Prove, Train
from dadeum.train.sampling import Draw
from dadeum.tuning.keep import content, kept
from dadeum.tuning.lessons import Lesson
from dadeum.tuning.replies import draws
from dadeum.tuning.rows import draw
from dadeum.tuning.suites import Held, named, read

FEWEST: Final = 8
"""Rows below which an interval says nothing."""
CHUNK: Final = 32_768
EARLIER: Final = "earlier stages"
LEVEL: Final = 0.05
LOSS: Final = "held-out loss"
NUMBERS: Final = ("before", "after", "change", "low", "high")


def suites(recipe: Recipe, gate: Gate, before: list[Lesson], out: Path) -> dict[str, pl.DataFrame]:
    """The rows whose loss is taken, by name: the files that the gate names; without any name, what the lessons before have held out."""
    named = scored(recipe)
    found = {path: read(path, out / "cache/remote").select(*RECORD) for path in gate.suites if path not in named}
    if not gate.suites:
        held = pl.concat([lesson.held for lesson in before]).unique("id", keep="first", maintain_order=True)
        found = {EARLIER: held}
    return {name: draw(rows, gate.items, f"{recipe.seed} gate") for name, rows in found.items()}


def scored(recipe: Recipe) -> tuple[str, ...]:
    """Names of the suites that have a metric of their own."""
    return tuple(suite.name for suite in recipe.prove.suites) if recipe.prove else ()


def measure(recipe: Recipe, lesson: Lesson, earlier: list[Lesson], before: Path | str, after: Path, out: Path) -> list[dict[str, Any]]:
    """{stage, suite, metric, rows, before, after, change, low, high, allow, verdict} for every suite of the lesson's gate.

    change: of a loss as a share of what it was, of a score in its own unit; low and high: its interval. verdict: kept, forgotten or cannot tell.
    """
    gate = lesson.stage.gate if lesson.stage else None
    if gate is None:
        return []
    level = LEVEL / max(1, len(gate.suites))
    made = {name: _lost(name, rows, lesson, gate, before, after, out, level) for name, rows in suites(recipe, gate, earlier, out).items()}
    for name in gate.suites:
        if name in scored(recipe):
            made[name] = _answered(recipe, name, lesson, gate, before, after, out, level)
    return [made[name] for name in (gate.suites or made)]


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
    >>> fell = {"metric": "label accuracy", "share": True, "before": 0.8, "after": 0.6, "change": -0.2, "low": -0.3, "high": -0.1, "allow": 0.05, "rows": 90}
    >>> text({"suite": "qa", **fell, "verdict": "forgotten"})
    'qa: label accuracy goes from 80.0 to 60.0 (-20.0 points [-30.0, -10.0] on 90 items, a fall of 4.0 allowed): forgotten'
    """
    if one["change"] is None:
        return f"{one['suite']}: {one['rows']} rows can be scored, at least {FEWEST} are needed: cannot tell"
    loss, up = one.get("metric", LOSS) == LOSS, 100 if one.get("share", True) else 1
    change, low, high = (f"{up * one[key]:+.1f}" for key in ("change", "low", "high"))
    if loss:
        return (
            f"{one['suite']}: the held-out loss goes from {one['before']:.3g} to {one['after']:.3g} "
            f"({change} % [{low}, {high}] on {one['rows']} rows, {100 * one['allow']:g} % allowed): {one['verdict']}"
        )
    allowed = up * one["allow"] * abs(one["before"])
    return (
        f"{one['suite']}: {one['metric']} goes from {up * one['before']:.1f} to {up * one['after']:.1f} "
        f"({change} points [{low}, {high}] on {one['rows']} items, a fall of {allowed:.1f} allowed): {one['verdict']}"
    )


def _answered(recipe: Recipe, name: str, lesson: Lesson, gate: Gate, before: Path | str, after: Path, out: Path, level: float) -> dict[str, Any]:
    """A named suite by its own metric."""
    from dadeum.evaluate import metrics
    from dadeum.evaluate.compare import compare
    from dadeum.evaluate.proof import Answers
    from dadeum.evaluate.proof import scored as shared

    suite = named(recipe, out, prove_of(recipe), name)
    if suite.prove.metric in metrics.OF_LOSS:
        return _lost(name, suite.items.select(*RECORD), lesson, gate, before, after, out, level)
    metric, asked = metrics.METRICS[suite.prove.metric], _asking(lesson.settings)
    drawn = draws(suite.prove, recipe.seed)
    answered = {when: [_replies(model, suite, asked, out, one) for one in drawn] for when, model in (("before", before), ("after", after))}
    both = shared([Answers(when, said, samples=len(drawn) if drawn[0] else 0) for when, said in answered.items()], suite.references, suite.prove, suite.cluster)
    was_so, is_so = both.arms
    had, has = was_so.scores, is_so.scores
    rows, was, unit = had.shape[1], float(had.mean()), {"share": metric.binary or float(max(had.max(), has.max())) <= 1}
    told: dict[str, Any] = {"stage": lesson.name, "suite": name, "metric": metrics.name(suite.prove), "allow": gate.allow, "rows": rows, **unit}
    if rows < FEWEST:
        return told | dict.fromkeys(NUMBERS) | {"verdict": "cannot tell"}
    gap = compare(is_so, was_so, both.cluster, binary=metric.binary, level=level)
    allowed = -gate.allow * abs(was)
    verdict = "forgotten" if gap.high < allowed else "kept" if gap.low > allowed else "cannot tell"
    ends = {key: end if math.isfinite(end) else None for key, end in (("low", gap.low), ("high", gap.high))}
    if None in ends.values():
        return told | dict.fromkeys(NUMBERS) | {"verdict": "cannot tell"}
    return told | {"before": was, "after": was + gap.difference, "change": gap.difference, **ends, "verdict": verdict}


def prove_of(recipe: Recipe) -> Prove:
    """Where the named suites stand; only a recipe with `prove` has any."""
    return recipe.prove or Prove()


def _replies(model: Path | str, suite: Held, settings: Train, out: Path, drawing: Draw | None) -> list[str]:
    from dadeum.train import generate

    def make() -> tuple[dict[str, Any], dict[str, pl.DataFrame]]:
        said = generate.answers(model, suite.items, settings, suite.prove.max_new_tokens, draw=drawing)
        return {}, {"answers": pl.DataFrame({"answer": said}, schema={"answer": pl.String()})}

    made_of = [content(model), suite.items, settings, suite.prove.max_new_tokens, *([drawing] if drawing else [])]
    return kept(out, "gates", made_of, make).parts["answers"]["answer"].to_list()


def _lost(name: str, rows: pl.DataFrame, lesson: Lesson, gate: Gate, before: Path | str, after: Path, out: Path, level: float) -> dict[str, Any]:
    """Rows by their held-out loss."""
    from dadeum.evaluate.compare import Arm, compare

    asked = _asking(lesson.settings)
    lost = [_losses(model, rows, asked, out) for model in (before, after)] if rows.height else []
    told: dict[str, Any] = {"stage": lesson.name, "suite": name, "metric": LOSS, "allow": gate.allow}
    fit = [f["nll"].is_not_null() & (f["tokens"] > 0) for f in lost]
    both = (fit[0] & fit[1]).to_numpy() if fit else np.zeros(0, dtype=bool)
    if int(both.sum()) < FEWEST:
        return told | {"rows": int(both.sum()), **dict.fromkeys(NUMBERS), "verdict": "cannot tell"}
    weights = lost[0]["tokens"].to_numpy()[both].astype(np.float64)
    had, has = ((f["nll"].to_numpy()[both] / weights)[None] for f in lost)
    gap = compare(Arm("after", has, fixed=True), Arm("before", (1 + gate.allow) * had, fixed=True), weights=weights, level=level)
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
