"""Scores that somebody else's scorer gave each item, as a proof: the same comparison, interval, correction and words as everywhere here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from dadeum.evaluate.compare import Arm, compare, holm, mean, verdict
from dadeum.settings import Prove


def board(
    arms: Sequence[Arm], metric: str, prove: Prove, headline: tuple[str, str], *, name: str = "", higher_is_better: bool = True, seed: int = 0
) -> dict[str, Any]:
    """What `proof.proof` tells, as far as scores alone tell it. headline: names (a, b) of the pair on top.

    >>> arms = [Arm("base", np.zeros((1, 40)), fixed=True), Arm("tuned", np.ones((1, 40)))]
    >>> told = board(arms, "acc", Prove(resamples=199), ("tuned", "base"))
    >>> told["verdict"], told["difference"], told["arms"]["base"]["score"]
    ('better', 1.0, 0.0)
    """
    binary = bool(np.isin(np.concatenate([arm.scores.ravel() for arm in arms]), (0.0, 1.0)).all())
    how: dict[str, Any] = {"binary": binary, "level": prove.level, "resamples": prove.resamples, "seed": seed}
    pairs = [(a, b) if (b.name, a.name) != headline else (b, a) for b, a in combinations(arms, 2)]
    found = [compare(a, b, **how) for a, b in pairs]
    rows = []
    for (a, b), one, corrected in zip(pairs, found, holm([one.p for one in found])):
        called = verdict(one.difference, corrected, prove.level, higher_is_better)
        blind = one.covers == "items" and not (a.fixed or b.fixed)
        numbers = {"difference": one.difference, "low": _finite(one.low), "high": _finite(one.high), "p": one.p, "p_corrected": corrected}
        words = {"verdict": "cannot tell" if blind else called, "items_only": called if blind else None, "covers": one.covers}
        rows.append({"a": a.name, "b": b.name, "metric": metric, **numbers, **words, "n": one.items, "clusters": one.clusters})
    top = next(row for row in rows if (row["a"], row["b"]) == headline)
    told: dict[str, Any] = {"task": name, "metric": metric, "metric_name": f"{metric} of {name}", "n": top["n"], "clusters": top["clusters"]}
    told |= {"level": prove.level, "headline": list(headline), "higher_is_better": higher_is_better, "arms": {}}
    for arm in arms:
        score, low, high = mean(arm, **how)
        told["arms"][arm.name] = {"score": score, "low": _finite(low), "high": _finite(high), "by_seed": arm.scores.mean(1).tolist(), "unscored": 0}
    return told | {key: top[key] for key in ("difference", "low", "high", "p", "p_corrected", "verdict", "items_only", "covers")} | {"comparisons": rows}


def _finite(x: float) -> float | None:
    return x if math.isfinite(x) else None
