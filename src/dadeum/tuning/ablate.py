"""What each data step did for the model: the step left out, everything else and the number of training tokens as they were.

For every step named, the training rows are made once more without it and a model is trained on them, stage by stage where the recipe has
stages; its difference to the tuned model is paired item by item, and p is corrected by Holm's rule over the steps. Each arm's
luck of training is its own, and all of it counts: rules that found more with three seeds called steps that do nothing in 9 to 20 % of planted
worlds (docs/proof.md). Five seeds find with near certainty what three find half of the time, so where the run has fewer the tuned model is
trained that often too (`prove.ablate_seeds`). The held-out items are the run's:
a row that comes back because a step was left out, and that the run had merged into a held-out row or dropped because of one, leaves again,
or leaving out `dedup` would look like a gain in skill.

    helps           the model is worse without it
    harms           the model is better without it
    no difference   the whole interval lies within `prove.margin`
    cannot tell     neither of these
    changed nothing the training rows are the same without it; nothing is trained
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal

import orjson
import polars as pl

from dadeum.engine.unit import publish
from dadeum.errors import DadeumError, Mistake, RecipeError, nearest
from dadeum.evaluate.compare import Arm, Difference, compare, holm, verdict
from dadeum.ledger import read_json
from dadeum.recipe import Recipe
from dadeum.recipe.sense import sense
from dadeum.record import CONTENTS
from dadeum.settings import Prove
from dadeum.tuning.answers import prove_settings
from dadeum.tuning.course import Say
from dadeum.tuning.lessons import Lesson, lessons, studied
from dadeum.tuning.rows import NEEDED, remade, split, train_settings
from dadeum.tuning.suites import held
from dadeum.tuning.variant import stands_on, study_seeds, tuned, tuned_records, variant
from dadeum.tuning.watching import span

Effect = Literal["helps", "harms", "no difference", "cannot tell", "changed nothing"]
FIRST: Final = 10
"""Seeds of the first step's trainings are this many thousand above the recipe's: no other arm of a run comes near."""


def ablate(recipe: Recipe, out: Path, names: Sequence[str], say: Say = lambda text: None) -> dict[str, Any]:
    """Leave each named step out (all places of that name), train and compare; writes `ablations` into proof.json and gives it.

    The run in `out` has to be proven. Raises RecipeError for a name that is no step of the recipe, that training rows cannot be made
    without, or whose columns another step needs; DadeumError where no row is left without it.
    """
    from dadeum.evaluate.metrics import METRICS
    from dadeum.evaluate.proof import scored

    wanted = prove_settings(recipe)
    seeds = study_seeds(recipe, wanted.ablate_seeds)
    recipes = {name: without(recipe, name) for name in checked(recipe, names)}
    own = held(recipe, out, dataclasses.replace(wanted, suites=()))[0]
    validation = split(out, "validation")
    full = studied(lessons(recipe, split(out, "train"), validation))
    changed: dict[str, dict[str, int]] = {}
    others: dict[str, list[Lesson]] = {}
    for name, made in recipes.items():
        rows = unleaked(out, remade(made, out, made.steps))
        if not rows.height:
            raise DadeumError(f"--ablate {name}: no training row is left without it")
        taught = lessons(recipe, rows, validation)
        changed[name] = differing(full, studied(taught))
        if any(changed[name][key] for key in ("returned", "missing", "edited")):
            others[name] = taught
    say(_ahead(recipe, out, len(others), len(seeds)))
    arms = [tuned(recipe, out, own, seeds, say)]
    for name, taught in others.items():
        number = FIRST + next(i for i, step in enumerate(recipe.steps) if step.name == name)
        arms.append(variant(recipe, out, f"without-{name}", taught, own, number, seeds, say))
    shared = scored(arms, own.references, wanted, own.cluster)
    metric = METRICS[wanted.metric]
    best, *rest = shared.arms
    found = [
        compare(best, arm, shared.cluster, shared.weights, binary=metric.binary, whole=True, level=wanted.level, resamples=wanted.resamples, seed=recipe.seed)
        for arm in rest
    ]
    steps = []
    told = {arm.name: (arm, one, p) for arm, one, p in zip(rest, found, holm([one.p for one in found]))}
    for name in recipes:
        entry: dict[str, Any] = {"step": name, "rows": changed[name]}
        if f"without-{name}" in told:
            arm, one, p = told[f"without-{name}"]
            entry |= _compared(arm, one, p, wanted, metric.higher_is_better, notable(wanted, best))
        else:
            entry |= {"difference": 0.0, "low": 0.0, "high": 0.0, "p": 1.0, "p_corrected": 1.0, "effect": "changed nothing"}
        steps.append(entry)
    ablations = {
        "key": stands_on(recipe, out, own),
        "metric": wanted.metric,
        "n": best.scores.shape[1],
        "clusters": found[0].clusters if found else None,
        "score": _mean(best, shared.weights),
        "seeds": len(seeds),
        "level": wanted.level,
        "margin": notable(wanted, best),
        "correction": f"Holm, over {len(found)} steps",
        "steps": steps,
    }
    _keep(out, ablations)
    return ablations


def _ahead(recipe: Recipe, out: Path, steps: int, seeds: int) -> str:
    """How much there is to train, before it begins."""
    extra = seeds - len(train_settings(recipe).seeds) if steps else 0
    took = sum(told["seconds"] for told in tuned_records(recipe, out))
    more = f" and {extra} more of the tuned model" if extra else ""
    return f"{steps * seeds + extra} trainings: {steps} step{'' if steps == 1 else 's'} left out, {seeds} each{more}; about {span(took)} for one, those that are kept are taken up"


def checked(recipe: Recipe, names: Sequence[str]) -> list[str]:
    """The names, each once. Raises RecipeError for those that cannot be left out."""
    known = [step.name for step in recipe.steps]
    mistakes = []
    for name in dict.fromkeys(names):
        if name not in known:
            mistakes.append(Mistake(f"--ablate {name}", "is no step of this recipe", nearest(name, known)))
        elif name in NEEDED:
            mistakes.append(Mistake(f"--ablate {name}", "cannot be left out: without it there are no training rows to compare"))
        else:
            # With a step left out the recipe may make no sense any more: another one reads the column that it writes.
            mistakes += [Mistake(f"--ablate {name}", f"another step needs it: {m.path}: {m.what}", m.hint) for m in sense(without(recipe, name))]
    if mistakes:
        raise RecipeError(mistakes)
    return list(dict.fromkeys(names))


def without(recipe: Recipe, name: str) -> Recipe:
    """The recipe with every step of that name left out."""
    return dataclasses.replace(recipe, steps=tuple(step for step in recipe.steps if step.name != name))


def unleaked(out: Path, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows without those that a finished run holds out, and without those that it took away because a held-out row says the same."""
    held = {id for name in ("test", "validation") for id in split(out, name)["id"].to_list()}
    verdicts = pl.read_parquet(out / "ledger/verdicts.parquet", columns=["id", "witness"]).drop_nulls("witness")
    links = list(verdicts.select("id", "witness").iter_rows())
    while more := {id for id, witness in links if witness in held} - held:
        held |= more
    return rows.filter(~pl.col("id").is_in(list(held)))


def differing(full: pl.DataFrame, other: pl.DataFrame) -> dict[str, int]:
    """{rows, returned, missing, edited}: how many rows train without the step; of those how many are new, how many are gone, and how
    many say something else than with it."""
    columns = [c for c in CONTENTS if c in full.columns and c in other.columns]
    marks = [dict(zip(frame["id"].to_list(), frame.select(columns).hash_rows().to_list())) for frame in (full, other)]
    both = marks[0].keys() & marks[1].keys()
    return {
        "rows": other.height,
        "returned": len(marks[1].keys() - both),
        "missing": len(marks[0].keys() - both),
        "edited": sum(marks[0][id] != marks[1][id] for id in both),
    }


def notable(prove: Prove, best: Arm) -> float:
    """`prove.margin` in the unit of the scores: a share of all right for right and wrong, of 100 for n-grams, of the loss for losses."""
    from dadeum.evaluate.metrics import METRICS

    if not METRICS[prove.metric].higher_is_better:
        return prove.margin * abs(_mean(best, None))
    return prove.margin * (100.0 if best.scores.max() > 1 else 1.0)


def effect(one: Difference, p: float, level: float, higher_is_better: bool, margin: float) -> Effect:
    """What a step does, from the difference of the model with it minus the model without it.

    A difference that is there and surely too small to matter is told as no difference.
    """
    if -margin < one.low and one.high < margin:
        return "no difference"
    said = verdict(one.difference, p, level, higher_is_better)
    return "helps" if said == "better" else "harms" if said == "worse" else "cannot tell"


def _compared(arm: Arm, one: Difference, p: float, prove: Prove, higher_is_better: bool, margin: float) -> dict[str, Any]:
    blind = one.covers == "items"  # one training each: nothing tells the step from the luck of training
    return {
        "score": _mean(arm, None),
        "difference": one.difference,
        "low": one.low,
        "high": one.high,
        "p": one.p,
        "p_corrected": p,
        "effect": "cannot tell" if blind else effect(one, p, prove.level, higher_is_better, margin),
    }


def _mean(arm: Arm, weights: Any) -> float:
    line = arm.scores.mean(0)
    return float(line.mean() if weights is None else line @ weights / weights.sum())


def _keep(out: Path, ablations: dict[str, Any]) -> None:
    path = out / "proof.json"
    publish(path, orjson.dumps({**read_json(path), "ablations": ablations}, option=orjson.OPT_INDENT_2))
