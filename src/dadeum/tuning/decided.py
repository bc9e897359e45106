"""Is tuning worth it? The untuned arms asked before anything is trained, the tuned model beside them once it is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import orjson

from dadeum.errors import DadeumError
from dadeum.proving import Arm
from dadeum.recipe import Recipe
from dadeum.settings import Prove
from dadeum.tuning import measured
from dadeum.tuning.answers import arms, ask, compared, prove_settings
from dadeum.tuning.replies import TUNED, latency, priced, trained
from dadeum.tuning.rows import train_settings
from dadeum.tuning.suites import held

STOCK: Final = ("zero_shot", "few_shot", "retrieval")
"""Ways of asking the untuned base that are tried whether the recipe names them or not: they are what tuning has to beat."""


def decide(recipe: Recipe, out: Path) -> dict[str, Any]:
    """decision.json of a run whose data are there: quality, tokens, price and time of every arm, break-even, and what is missing.

    Raises DadeumError for a metric that replies are not scored by, and for a model that gives none.
    """
    from dadeum.evaluate import metrics
    from dadeum.evaluate.decision import decide as decided

    wanted = prove_settings(recipe)
    if wanted.metric not in metrics.OF_LOSS and measured.applies(recipe):
        objective = train_settings(recipe).objective
        raise DadeumError(
            f"decide weighs tuning against prompts, examples and look-ups, and a model that is tuned for {objective} and measured by {wanted.metric} is asked "
            "for no words. `dadeum prove` says what it has to beat, and by how much it does"
        )
    if wanted.metric in metrics.OF_LOSS:
        raise DadeumError(
            f"the metric {wanted.metric} scores no replies, and prompts, examples and addresses are judged by what they reply. "
            "Decide by a metric of replies: --set prove.metric=chrf (or exact, label, numeric)"
        )
    asked = alternatives(wanted)
    if trained(recipe, out, TUNED):
        asked["tuned"] = TUNED
    own = held(recipe, out, wanted)[:1]
    said = ask(recipe, out, own, asked, losses=False)
    proof = compared(recipe, own, said, (list(asked)[-1], "base"))
    calls = {name: priced(one.calls, wanted.worth.tuned if name == "tuned" else asked[name].price) for name, one in said[0].items()}
    for name, arm in asked.items():
        calls[name] |= latency(recipe, out, arm, own[0].items, wanted.max_new_tokens)
    made = decided(proof, calls, cost(recipe, out), wanted.worth, power_wanted=wanted.power, seeds=len(train_settings(recipe).seeds))
    return {**made, "notes": proof["notes"], "notes_ko": proof["notes_ko"]}


def alternatives(prove: Prove) -> dict[str, Arm]:
    """The arms that no training of this run made, those of STOCK that the recipe leaves out added."""
    named = {name: arm for name, arm in arms(prove).items() if arm.kind != "raw" and (arm.model != "tuned" or arm.url)}
    have = {arm.kind for arm in named.values() if not arm.model and not arm.url}
    return {**named, **{kind: Arm(kind, kind) for kind in STOCK if kind not in have and kind not in named}}  # type: ignore[arg-type]


def cost(recipe: Recipe, out: Path) -> Any:
    """What the trainings of the tuned model took; before there are any, the least that the forecast says: at this machine's pace where its
    hour has a price, else by formula on the cheapest device that has one."""
    from dadeum.evaluate.decision import Cost

    settings, worth = train_settings(recipe), prove_settings(recipe).worth
    trainings = _run(out).get("train", {}).get("arms", {})
    took = [one for name, one in trainings.items() if name.rpartition("-")[0] == "tuned"]
    if took and trained(recipe, out, TUNED):
        seconds = sum(one["seconds"] for one in took)
        hours = {name: hour for name, hour in settings.price_per_hour.items() if (name == "cpu") == (took[0]["device"] == "cpu")}
        return Cost(seconds, next(iter(hours.values())) * seconds / 3600 if len(hours) == 1 else None, worth.labour)
    from dadeum.tuning.forecast import ahead, memory

    if "cpu" in settings.price_per_hour:
        told = ahead(recipe, out)
        if told and all(one["pace"] and one["pace"]["device"] == "cpu" for one in told):
            seconds = float(sum(one["seconds"][0] for one in told))
            return Cost(seconds, seconds / 3600 * settings.price_per_hour["cpu"], worth.labour, least=True)
    forecast = memory(recipe, out)
    rates = {name: hour for name, hour in settings.price_per_hour.items() if name != "cpu"}
    known = {one["device"]: one["choice"]["least_seconds"] for one in (forecast or {}).get("devices", ()) if one["choice"] and one["device"] in rates}
    if not known:
        return Cost(None, None, worth.labour, least=True)
    cheapest = min(known, key=lambda device: known[device] * rates[device])
    seconds = known[cheapest] * len(settings.seeds)
    return Cost(seconds, seconds / 3600 * rates[cheapest], worth.labour, least=True)


def _run(out: Path) -> dict[str, Any]:
    path = out / "run.json"
    return orjson.loads(path.read_bytes()) if path.exists() else {}
