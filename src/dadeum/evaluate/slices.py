"""Parts of the items compared by themselves: where does the gain come from, and does anybody lose by it?

Every slice is a comparison of the headline's two arms on the items of one value: paired, over clusters, with the luck of training where it
is known, as everywhere else. All slices of all columns are corrected for each other (Holm), since who looks at twenty parts finds
one that stands out. A slice below LEAST items, or with too few clusters to call anything, is told with its numbers and no verdict.

Whether the gain differs between a slice and the rest is another question than whether the slice has a gain: `heterogeneity` answers it for
each column, by permuting which cluster belongs to which value.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import polars as pl

from dadeum.evaluate import clusters, power
from dadeum.evaluate.compare import Arm, compare, holm, verdict
from dadeum.settings import Prove

LEAST: Final = 20
"""Items below which a slice has no verdict: with a fifth of them discordant no more than four would differ, and McNemar calls five at least."""
MOST: Final = 20
"""Values of one column that are told, the largest; the rest is counted."""
LENGTHS: Final = (("short", 0.0, 1 / 3), ("middle", 1 / 3, 2 / 3), ("long", 2 / 3, 1.0))
DRAWS: Final = 2_000
_SCRIPTS: Final = {"ko": re.compile("[가-힣ㄱ-ㆎ]"), "en": re.compile("[A-Za-z]"), "other": re.compile(r"[^\W\d_A-Za-z가-힣ㄱ-ㆎ]")}


def slices(
    a: Arm, b: Arm, columns: Mapping[str, Sequence[Hashable | None]], prove: Prove, cluster: Sequence[Hashable | None] | None = None, *,
    binary: bool, higher_is_better: bool = True, seed: int = 0,
) -> dict[str, Any]:  # fmt: skip
    """{slices: [{column, value, n, clusters, a, b, difference, low, high, p, p_corrected, verdict}], columns: {name: {p, more}}}.

    a, b: the headline's arms on the same items. columns: a value for each item; null is no slice.
    """
    found: list[dict[str, Any]] = []
    told: dict[str, Any] = {}
    for name, values in columns.items():
        counted = Counter(value for value in values if value is not None)
        kept = [value for value, _ in sorted(counted.items(), key=lambda pair: (-pair[1], str(pair[0])))[:MOST]]
        told[name] = {"p": heterogeneity(a, b, values, cluster, seed), "more": len(counted) - len(kept)}
        for value in kept:
            at = np.flatnonzero([one == value for one in values])
            found.append({"column": name, "value": str(value), **_one(a, b, at, cluster, prove, binary, seed)})
    able = [row for row in found if row["n"] >= LEAST and row["clusters"] >= power.FEWEST]
    for row, corrected in zip(able, holm([row["p"] for row in able])):
        blind = row["covers"] == "items" and not (a.fixed or b.fixed)
        row["p_corrected"] = corrected
        row["verdict"] = "cannot tell" if blind else verdict(row["difference"], corrected, prove.level, higher_is_better)
    return {"slices": found, "columns": told}


def _one(a: Arm, b: Arm, at: np.ndarray, cluster: Sequence[Hashable | None] | None, prove: Prove, binary: bool, seed: int) -> dict[str, Any]:
    part = [cluster[i] for i in at.tolist()] if cluster is not None else None
    one, other = (Arm(arm.name, arm.scores[:, at], arm.fixed, None if arm.drawn is None else arm.drawn[:, :, at]) for arm in (a, b))
    gap = compare(one, other, part, binary=binary, level=prove.level, resamples=prove.resamples, seed=seed)
    ends = {end: value if np.isfinite(value) else None for end, value in (("low", gap.low), ("high", gap.high))}
    numbers = {"n": gap.items, "clusters": gap.clusters, "a": float(one.scores.mean()), "b": float(other.scores.mean()), "difference": gap.difference}
    return {**numbers, **ends, "p": gap.p, "p_corrected": None, "verdict": "cannot tell", "covers": gap.covers}


def heterogeneity(a: Arm, b: Arm, values: Sequence[Hashable | None], cluster: Sequence[Hashable | None] | None = None, seed: int = 0) -> float | None:
    """p that the gain is the same in all slices of a column, by permutation of whole clusters; null with fewer than two slices.

    The statistic is the weighted variance of the slices' mean gains. A cluster that lies in several slices is split there: its parts move by
    themselves.
    """
    gap = a.scores.mean(0) - b.scores.mean(0)
    there = np.flatnonzero([value is not None for value in values])
    kinds = sorted({str(value) for value in values if value is not None})
    if len(kinds) < 2:
        return None
    kind = np.array([kinds.index(str(value)) for value in values if value is not None])
    base = clusters.codes([cluster[i] for i in there.tolist()] if cluster is not None else None, len(there))
    units, unit = np.unique(base * len(kinds) + kind, return_inverse=True)
    sums, sizes = np.bincount(unit, gap[there]), np.bincount(unit).astype(np.float64)
    label = (units % len(kinds)).astype(np.int64)
    rng = np.random.Generator(np.random.PCG64(seed))

    def spread(label: np.ndarray) -> float:
        total, size = np.bincount(label, sums, len(kinds)), np.bincount(label, sizes, len(kinds))
        means = np.divide(total, size, out=np.zeros(len(kinds)), where=size > 0)
        return float((size * (means - sums.sum() / sizes.sum()) ** 2).sum())

    seen = spread(label) * (1 - 1e-9)
    return (1 + sum(spread(rng.permutation(label)) >= seen for _ in range(DRAWS))) / (DRAWS + 1)


def values(items: pl.DataFrame, column: str, questions: Sequence[str]) -> list[str | None]:
    """A value for each item: the frame's column, or `language` and `length` of the questions where it has none of the name.

    >>> values(pl.DataFrame({"x": [1, None]}), "language", ["환불해 주세요", "refund please"])
    ['ko', 'en']
    """
    if column in items.columns and items.get_column(column).null_count() < items.height:
        return items.get_column(column).cast(pl.String).to_list()
    if column == "language":
        return [_language(own) for own in _unframed(questions)]
    if column != "length":
        return [None] * items.height
    # Ties go together: equal lengths are in one slice, wherever the cut falls.
    sizes = np.array([len(question) for question in questions])
    ranks = np.searchsorted(np.sort(sizes), sizes) / max(1, len(sizes))
    return [next(name for name, low, high in LENGTHS if rank < high or high == 1) for rank in ranks]


def _unframed(questions: Sequence[str]) -> list[str]:
    """What each question says by itself: without the beginning and the end that all of them share (a template in Korean around English texts).

    >>> _unframed(["무슨 뜻?\\nrefund please", "무슨 뜻?\\n환불해 주세요"])
    ['refund please', '환불해 주세요']
    """
    head = _shared(questions)
    tail = _shared([question[head:][::-1] for question in questions])
    return [question[head : len(question) - tail] or question for question in questions]


def _shared(texts: Sequence[str]) -> int:
    """How many characters all of them begin with."""
    first, last = min(texts, default=""), max(texts, default="")
    return next((i for i, (a, b) in enumerate(zip(first, last)) if a != b), min(len(first), len(last)))


def _language(text: str) -> str | None:
    """ko from a quarter of the letters on, else the script of most of them."""
    seen = {name: len(pattern.findall(text)) for name, pattern in _SCRIPTS.items()}
    letters = sum(seen.values())
    if not letters:
        return None
    return "ko" if 4 * seen["ko"] >= letters else max(seen, key=lambda name: seen[name])
