"""How labels are spread over slices of the data: by source, language, length and annotator.

A label that stands in one source alone, or in short texts alone, lets a model learn the source or the length instead of what the label
means. Each slice is held against the whole: its share of a label stands out where the 95 % interval (Wilson), widened for all the cells
that are looked at (Bonferroni), does not hold the share that the label has in all the data, and the two are `APART` apart. How much the
slices tell of the label at all is Cramer's V with Bergsma's correction for chance (Bergsma 2013), 0 for nothing to 1 for everything.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, Final

import polars as pl

from dadeum.evaluate.quantiles import normal_quantile, wilson
from dadeum.report.even import Behind

LABELS: Final = 100
"""Different labels that are held against slices; with more of them a table says nothing."""
SLICES: Final = 200
"""Slices of one kind; with more of them none is shown."""
SHOWN: Final = 12
APART: Final = 0.05
EDGES: Final = (16, 64, 256, 1024)
"""Characters at which lengths are parted: a word or two, a sentence, a paragraph, a page."""
FEW: Final = 20
"""Records of a slice below which nothing is said of it."""
BINS: Final = tuple(str(i) for i in range(len(EDGES) + 1))
CELL: Final = "\x1f"
"""Parts a slice from a label where both are one value."""


class Balance:
    """Counts of labels by slice."""

    def __init__(self) -> None:
        self._counts: dict[str, dict[str, Counter[str]]] = {}
        self._labels: Counter[str] = Counter()
        self._behind = Behind(2)
        self._many = False

    def add(self, labels: pl.Series, slices: dict[str, pl.Series], row: pl.Series) -> None:
        """Count one chunk. labels: text; slices: kind -> the slice that each record is in, as text; row: UInt64."""
        if self._many or labels.null_count() == len(labels):
            return
        self._labels.update(dict(labels.drop_nulls().value_counts().iter_rows()))
        if len(self._labels) > LABELS:
            self._many = True
            self._counts.clear()
            return
        for kind, column in slices.items():
            known = self._counts.setdefault(kind, {})
            if len(known) > SLICES:
                continue
            frame = pl.DataFrame([column.alias("slice"), labels.alias("label")])
            for part, label, n in frame.drop_nulls().group_by("slice", "label").agg(pl.len()).iter_rows():
                known.setdefault(part, Counter())[label] += n
            if len(known) <= SLICES:
                self._behind.add(kind, frame.select(pl.concat_str("slice", "label", separator=CELL)).to_series(), row)

    def tell(self) -> list[dict[str, Any]]:
        """[{by, v, labels: [label], slices: [{value, n, shares: [share], rows: [rows]}], apart: {...} or None, more}], by slice kind.

        labels: the most frequent, the others together as the last entry "" where there are more. apart: the cell that stands out most,
        {value, label, share, low, high, whole, n, rows}, where one does.
        """
        if self._many or len(self._labels) < 2:
            return []
        return [told for kind, parts in self._counts.items() if 2 <= len(parts) <= SLICES and (told := self._kind(kind, parts))]

    def _kind(self, kind: str, parts: dict[str, Counter[str]]) -> dict[str, Any] | None:
        big = {part: counts for part, counts in parts.items() if counts.total() >= FEW}
        if len(big) < 2:
            return None
        ranked = sorted(self._labels.items(), key=lambda v: (-v[1], v[0]))
        names = [label for label, _ in ranked[:SHOWN]]
        behind = self._behind.tell(kind)
        whole = sum(parts.values(), Counter[str]())
        order = sorted(big) if kind == "length" else sorted(big, key=lambda part: (-big[part].total(), part))
        lines = []
        for part in order[:SHOWN]:
            n = big[part].total()
            shares = [big[part][label] / n for label in names]
            rest = [1 - sum(shares)] if len(ranked) > SHOWN else []
            lines.append({"value": part, "n": n, "shares": [*shares, *(max(0.0, x) for x in rest)]})
        told: dict[str, Any] = {"by": kind, "v": cramer([big[part] for part in sorted(big)]), "labels": [*names, *([""] if len(ranked) > SHOWN else [])], "slices": lines}
        apart = _apart(big, whole, names)
        if apart:
            apart["rows"] = behind.get(f"{apart['value']}{CELL}{apart['label']}", [])
        return told | {"apart": apart, "more": max(0, len(big) - SHOWN)}


def bins(sizes: pl.Series) -> pl.Series:
    """Of each length the number of its bin between EDGES, as text; null for null.

    >>> bins(pl.Series([3, 16, 5000, None])).to_list()
    ['0', '1', '4', None]
    """
    over = [(pl.col("n") >= edge).cast(pl.Int8) for edge in EDGES]
    return sizes.to_frame("n").select(pl.when(pl.col("n").is_not_null()).then(pl.sum_horizontal(over).cast(pl.String))).to_series()


def cramer(slices: list[Counter[str]]) -> float | None:
    """Cramer's V of a table of slices and labels, corrected for what chance alone would show; None where there is one label.

    >>> cramer([Counter(a=50, b=50), Counter(a=50, b=50)]), round(cramer([Counter(a=99), Counter(b=99)]), 2)
    (0.0, 1.0)
    """
    labels = sorted({label for counts in slices for label in counts})
    n = sum(counts.total() for counts in slices)
    if len(labels) < 2 or len(slices) < 2 or n < 2:
        return None
    columns: dict[str, int] = {label: sum(counts[label] for counts in slices) for label in labels}
    square: float = sum(counts[label] ** 2 / (counts.total() * columns[label]) for counts in slices for label in labels if columns[label] and counts.total())
    phi: float = max(0.0, square - 1 - (len(slices) - 1) * (len(labels) - 1) / (n - 1))
    size = min(k - (k - 1) ** 2 / (n - 1) for k in (len(slices), len(labels)))
    return round(math.sqrt(min(1.0, phi / (size - 1))), 6) if size > 1 else None


def _apart(parts: dict[str, Counter[str]], whole: Counter[str], names: list[str]) -> dict[str, Any] | None:
    """The cell whose share is farthest from the whole's, of those whose interval does not hold it."""
    z = normal_quantile(1 - 0.025 / max(1, len(parts) * len(names)))
    found: list[dict[str, Any]] = []
    for part, counts in parts.items():
        for label in names:
            share, all_of = counts[label] / counts.total(), whole[label] / whole.total()
            low, high = wilson(counts[label], counts.total(), z)
            if low is not None and high is not None and not low <= all_of <= high and abs(share - all_of) >= APART:
                found.append({"value": part, "label": label, "share": share, "low": low, "high": high, "whole": all_of, "n": counts.total()})
    return max(found, key=_distance, default=None)


def _distance(cell: dict[str, Any]) -> tuple[float, int]:
    return abs(cell["share"] - cell["whole"]), cell["n"]
