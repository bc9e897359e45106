"""How good each annotator is: agreement with the rest, with the likely truth, with themselves; and who should be asked to look again.

Agreement with the rest is the mean, over someone's votes, of the share of the other votes on the same item that say the same: what a
second person would be expected to agree with. Its interval is the normal one over votes.

Someone is told as `disagrees` where that interval ends below what all others reach among each other, and as `one_answer` where all of
at least `FEW` votes are the same though less than four fifths of the other votes on those items are.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any, Final

import numpy as np
import polars as pl

from dadeum.steps.annotate import _agreement
from dadeum.steps.annotate._agreement import Level
from dadeum.steps.annotate._dawid_skene import Estimate
from dadeum.steps.annotate._votes import Floats, Table
from dadeum.steps.guard._pii.find import KINDS, find

FEW: Final = 20
SHARED: Final = 10
"""Items that two annotators need in common for a kappa of the two."""
PAIRS: Final = 20
"""Pairs that are told, those with most items in common."""
WITHOUT: Final = 50
"""Up to so many annotators alpha is told without each of them."""
CONFUSED: Final = 10
"""Up to so many classes confusion matrices are told."""


def told(table: Table, estimate: Estimate | None, level: Level, confidence: float) -> list[dict[str, Any]]:
    """A line per annotator, by name: votes, agreement with the rest and its interval, accuracy and confusion by the likely truth,
    alpha without them, and `why` they should be asked again (empty: no reason)."""
    counts = table.counts
    others = counts[table.item]
    others[np.arange(len(table.said)), table.said] -= 1
    rest = others.sum(1)
    agrees = np.where(rest > 0, others[np.arange(len(table.said)), table.said] / np.maximum(rest, 1), np.nan)
    shown = names(table.annotators)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    lines = []
    for who, name in enumerate(shown):
        mine = table.annotator == who
        own = agrees[mine & ~np.isnan(agrees)]
        line: dict[str, Any] = {"annotator": name, "votes": int(mine.sum()), "agrees": None, "low": None, "high": None, "why": []}
        if len(own):
            reach = z * own.std(ddof=1) / math.sqrt(len(own)) if len(own) > 1 else 1.0
            mean = float(own.mean())
            line |= {"agrees": mean, "low": max(0.0, mean - float(reach)), "high": min(1.0, mean + float(reach))}
            line["why"] = _why(table, mine, agrees, others, line["high"])
        if estimate is not None:
            line["accuracy"] = float(estimate.prior @ np.diagonal(estimate.confusion[who]))
            if len(table.classes) <= CONFUSED:
                line["confusion"] = np.round(estimate.confusion[who], 4).tolist()
        if len(shown) <= WITHOUT:
            left = np.bincount(table.item[~mine] * len(table.classes) + table.said[~mine], minlength=counts.size).reshape(counts.shape)
            line["alpha_without"] = _agreement.alpha(left.astype(np.float64), level, table.values)
        lines.append(line)
    return lines


def _why(table: Table, mine: np.ndarray, agrees: Floats, others: Floats, high: float) -> list[str]:
    """The reasons to ask someone again."""
    reasons = []
    theirs = agrees[~mine & ~np.isnan(agrees)]
    if int(mine.sum()) >= FEW and len(theirs) and high < theirs.mean():
        reasons.append("disagrees")
    said = np.unique(table.said[mine])
    if int(mine.sum()) >= FEW and len(said) == 1 and others[mine].sum() and others[mine][:, said[0]].sum() / others[mine].sum() < 0.8:
        reasons.append("one_answer")
    return reasons


def cohen(table: Table, level: Level, confidence: float, draws: int, seed: int) -> dict[str, Any]:
    """Cohen's kappa: the mean over pairs with at least `SHARED` items in common, weighted by those, and the pairs that share most."""
    votes = pl.DataFrame({"item": table.item, "who": table.annotator, "said": table.said}).filter(pl.col("who") >= 0)
    votes = votes.unique(["item", "who"], keep="first", maintain_order=True)
    many = len(table.classes)
    pairs = votes.join(votes, on="item", suffix="2").filter(pl.col("who") < pl.col("who2"))
    pairs = pairs.group_by("who", "who2").agg(pl.len().alias("n"), (pl.col("said") * many + pl.col("said2")).sort().alias("cells"))
    pairs = pairs.filter(pl.col("n") >= SHARED).sort(["n", "who", "who2"], descending=[True, False, False])
    shown = names(table.annotators)
    lines: list[dict[str, Any]] = []
    kappas: list[tuple[float, int]] = []
    rng = np.random.Generator(np.random.PCG64(seed))
    for one, other, n, cells in pairs.rows():
        square = np.bincount(cells, minlength=many * many).reshape(many, many).astype(np.float64)
        kappa = _agreement.cohen(square, level, table.values)
        if kappa is None:
            continue
        kappas.append((kappa, n))
        if len(lines) < PAIRS:
            drawn = rng.multinomial(n, square.ravel() / n, min(draws, 400)).reshape(-1, many, many).astype(np.float64)
            made = [k for k in (_agreement.cohen(d, level, table.values) for d in drawn) if k is not None]
            low, high = np.quantile(made, [(1 - confidence) / 2, (1 + confidence) / 2]).tolist() if made else (None, None)
            lines.append({"one": shown[one], "other": shown[other], "items": n, "kappa": kappa, "low": low, "high": high})
    total = sum(n for _, n in kappas)
    return {"mean": sum(k * n for k, n in kappas) / total if total else None, "pairs": len(kappas), "most": lines}


def names(annotators: list[str]) -> list[str]:
    """The annotators as they may be told: a name that is personal data (an address, a number) becomes a number in the order of names."""
    return [f"annotator {i + 1}" if find(name, KINDS) else name for i, name in enumerate(annotators)]
