"""Is tuning worth it? What the arms' quality, their price by the call and the price of the tuning say together, and what is not known yet.

    tune          against every way of asking an untuned one the tuned model is better, or it is cheaper: no worse by what the recipe says
                  matters, and paid back within the calls that are expected. Each difference is held against the level by itself: all of
                  them have to be seen, so nothing is to be corrected (an intersection-union test; Berger 1982)
    do not tune   one of the untuned ways is better than the tuned model (corrected for how many there are, Holm), or what the tuning
                  gains is less than matters, and the tuned model is not the cheaper one there
    cannot tell   neither can be seen
    not trained   nothing is trained yet: what tuning would have to reach so that these items could show it

Break-even is in calls: the price of the tuning over what each call saves against another arm. An arm whose calls cost no more than the tuned
model's is never paid off by price, and only quality can speak for the tuning.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dadeum.evaluate import metrics, power
from dadeum.evaluate.compare import holm
from dadeum.evaluate.quantiles import t_quantile
from dadeum.evaluate.reach import Part, promised
from dadeum.proving import Worth

TUNED = "tuned"
BEFORE = "base"


@dataclass(frozen=True)
class Cost:
    """What the tuning itself costs. machine: null where nobody said what an hour costs. least: a lower bound, nothing is trained yet."""

    seconds: float | None = None
    machine: float | None = None
    labour: float = 0.0
    least: bool = False

    @property
    def price(self) -> float | None:
        """All of it."""
        return None if self.machine is None else self.machine + self.labour


def decide(proof: Mapping[str, Any], calls: Mapping[str, Mapping[str, Any]], cost: Cost, worth: Worth, *, power_wanted: float = 0.8, seeds: int = 1) -> dict[str, Any]:
    """decision.json: {verdict, best, arms, tuned, tuning, to_reach, affordable, missing, ...}, ready for JSON.

    proof: as `proof.proof` makes it, of the untuned arms and, where it is trained, of `tuned`; calls: what a call of each arm took
    (`price` null where nobody said). worth: what the recipe reckons with. seeds: how many trainings the recipe asks for.
    """
    metric = metrics.METRICS[proof["metric"]]
    up = 1 if metric.higher_is_better else -1
    untuned = [name for name in proof["arms"] if name != TUNED]
    best = max(untuned, key=lambda name: up * proof["arms"][name]["score"])
    arms = {name: _arm(proof["arms"][name], calls.get(name, {})) for name in proof["arms"]}
    trained = TUNED in proof["arms"]
    against = {name: _pair(proof, name, up) for name in untuned} if trained else {}
    even = {name: _break_even(arms[TUNED]["price"], arms[name]["price"], cost.price, worth.calls) for name in against}
    told: dict[str, Any] = {
        "metric": proof["metric"],
        "metric_name": proof["metric_name"],
        "items": proof["n"],
        "level": proof["level"],
        "power": power_wanted,
        "verdict": _verdict(against, even, proof["level"], worth) if trained else "not trained",
        "best": best,
        "arms": arms,
        "against": against,
        "tuning": {"seconds": cost.seconds, "machine": cost.machine, "labour": cost.labour, "price": cost.price, "least": cost.least, "currency": worth.currency},
        "to_reach": None if trained else _to_reach(proof, best, worth, power_wanted, up, seeds),
        "break_even": even,
        "affordable": _affordable(arms, best, worth) if not trained else None,
        "calls": worth.calls,
    }
    told["missing"] = missing(told, proof, worth, power_wanted)
    return told


def _arm(proved: Mapping[str, Any], took: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: took.get(key) for key in ("read", "written", "seconds", "timed", "latency", "price", "priced", "examples", "refused", "cut", "device")}
    return {**{key: proved[key] for key in ("score", "low", "high", "unscored", "seeds")}, **kept}


def _pair(proof: Mapping[str, Any], name: str, up: int) -> dict[str, Any]:
    """tuned minus `name`, turned so that more is better."""
    row = next(c for c in proof["comparisons"] if c["metric"] == proof["metric"] and {c["a"], c["b"]} == {TUNED, name})
    sign = up * (1 if row["a"] == TUNED else -1)
    ends = [None if row[end] is None else sign * row[end] for end in ("low", "high")]
    low, high = ends if sign > 0 else ends[::-1]
    return {"gain": sign * row["difference"], "low": low, "high": high, "p": row["p"], "covers": row["covers"]}


def _verdict(against: Mapping[str, Mapping[str, Any]], even: Mapping[str, Mapping[str, Any]], level: float, worth: Worth) -> str:
    """tune, do not tune, or cannot tell."""
    corrected = holm([one["p"] for one in against.values()])
    reasons, refusals = [], []
    for (name, one), p in zip(against.items(), corrected):
        low, high = one["low"], one["high"]
        cheaper = bool(worth.gain) and low is not None and low > -worth.gain and (even[name]["saves"] or 0) > 0
        better = one["gain"] > 0 and one["p"] <= level and (not worth.gain or (low is not None and low >= worth.gain))
        too_little = bool(worth.gain) and high is not None and high < worth.gain
        reasons.append(better or cheaper)
        refusals.append(not cheaper and ((one["gain"] < 0 and p <= level) or too_little))
    return "do not tune" if any(refusals) else "tune" if all(reasons) else "cannot tell"


def _to_reach(proof: Mapping[str, Any], best: str, worth: Worth, wanted: float, up: int, seeds: int) -> dict[str, Any]:
    """{score, gain, visible, items}: what tuning has to reach for these items to show it; items: how many the least gain that matters needs.

    visible: the smallest difference that the items can show with the chance `wanted`; null where none can, or for scores whose spread
    only a training would show.
    """
    metric = metrics.METRICS[proof["metric"]]
    arm = proof["arms"][best]
    if metric.binary:
        clusters = max(1, proof["clusters"])
        sizes = [proof["n"] / clusters] * clusters
        visible = power.smallest(proof["n"], level=proof["level"], power=wanted, sizes=sizes, seeds=seeds)
    else:
        # Paired differences spread about as far as one arm's scores do, where the arms' scores go half together.
        half = None if arm["low"] is None or arm["high"] is None else (arm["high"] - arm["low"]) / 2
        df = max(1, proof["clusters"] - 1)
        visible = None if half is None else promised([Part(half / t_quantile(1 - proof["level"] / 2, df), half, df)], wanted, known=False)
    gain = None if visible is None else max(visible, worth.gain)
    score = None if gain is None else arm["score"] + up * gain
    if metric.binary and score is not None and score > 1:
        score = None
    needed = math.ceil(power.needed(worth.gain, level=proof["level"], power=wanted)) if metric.binary and 0 < worth.gain < 1 else None
    return {"score": score, "gain": gain, "visible": visible, "items": needed}


def _break_even(tuned: float | None, other: float | None, price: float | None, calls: int) -> dict[str, Any]:
    """{calls, saves, why}: why is calls, never (each call costs no less) or unknown. saves: by `calls` calls, where the recipe says how many."""
    if tuned is None or other is None or price is None:
        return {"calls": None, "saves": None, "why": "unknown"}
    each = other - tuned
    saves = calls * each - price if calls else None
    if each <= 0:
        return {"calls": None, "saves": saves, "why": "never"}
    return {"calls": math.ceil(price / each), "saves": saves, "why": "calls"}


def _affordable(arms: Mapping[str, Mapping[str, Any]], best: str, worth: Worth) -> float | None:
    """What the tuning may cost so that the calls expected pay it back against the best arm, were the tuned model served at the base's price."""
    base, dear = arms.get(BEFORE, {}).get("price"), arms[best]["price"]
    return None if best == BEFORE or not worth.calls or base is None or dear is None else max(0.0, worth.calls * (dear - base))


def missing(told: Mapping[str, Any], proof: Mapping[str, Any], worth: Worth, wanted: float) -> list[dict[str, Any]]:
    """What is not known yet, as {what, ...numbers}: the report has a sentence for each `what`."""
    found: list[dict[str, Any]] = []
    arms = told["arms"]
    if told["verdict"] == "not trained":
        found.append({"what": "training"})
    elif len(arms[TUNED]["seeds"]) < 2:
        found.append({"what": "seeds"})
    if told["verdict"] == "cannot tell":
        # What is told apart already needs no more items: the arm that comes nearest to the tuned model does.
        gap = min((abs(one["gain"]) for one in told["against"].values() if one["p"] > told["level"]), default=0.0)
        if metrics.METRICS[told["metric"]].binary and 0 < gap < 1:
            clusters = max(1, proof["clusters"])
            effect = power.design_effect([proof["n"] / clusters] * clusters, power.CORRELATION)
            found.append({"what": "items", "needed": power.needed(gap, level=told["level"], power=wanted, effect=effect), "have": told["items"]})
    unpriced = [name for name, arm in arms.items() if arm["price"] is None]
    if unpriced:
        found.append({"what": "prices", "arms": unpriced})
    clocked = [name for name, arm in arms.items() if arm["price"] is not None and arm["priced"] != "tokens"]
    if len(clocked) > 1:
        found.append({"what": "timed", "arms": clocked})
    if told["tuning"]["price"] is None:
        found.append({"what": "training_price"})
    elif told["tuning"]["least"]:
        found.append({"what": "least"})
    if not worth.labour:
        found.append({"what": "labour"})
    if not worth.calls:
        found.append({"what": "calls"})
    if not any(arm["device"] == "address" for arm in arms.values()):
        found.append({"what": "address"})
    unread = [name for name, arm in arms.items() if arm["unscored"] > 0.1 * proof["arms"][name]["answers"]]
    if unread:
        found.append({"what": "unscored", "arms": unread})
    if proof["clusters"] < power.FEWEST:
        found.append({"what": "clusters", "have": proof["clusters"]})
    return found
