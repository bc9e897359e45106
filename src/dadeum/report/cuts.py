"""What other thresholds would drop: `filter.quality.curve`, brought down to a few numbers of each rule or score.

For every bound of a rule: how many rows its published limit drops, and the strictest limit that would drop at most 1, 5 and 10 %.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

import polars as pl

from dadeum.evaluate.quantiles import wilson
from dadeum.report.tally import Column
from dadeum.steps.annotate._rules import SETS, Rules, columns
from dadeum.steps.filter.quality import curve

RULES: Final[Rules] = "finetune"
"""The set that was made for the short records of fine-tuning, in Korean and English alike."""
AT_MOST: Final = (0.01, 0.05, 0.1)
POINTS: Final = 400
"""Thresholds that are tried, at the quantiles of the values: a quarter of a percent apart."""
DRAWN: Final = 24
"""Points of a curve that are told."""
FEW: Final = 50
"""Values below which nothing is said of thresholds."""
VARIED: Final = 10
"""Different values that a score has to have: a label that is a number is none."""
SCORE: Final = re.compile(r"(?i)score|quality|toxic|perplex|entropy|loss|confiden|probab|similar|rating|certainty|share$|_rate$|outlier")
"""Names of carried numbers that are scores; ids and counts of anything are not."""
MOST: Final = 12
ROWS: Final = 3


def rules(measured: pl.DataFrame) -> list[dict[str, Any]]:
    """[{rule, set, profile, side, limit, n, drops, share, low, high, at_most: [[share, threshold]], curve, rows}], those that drop most first.

    measured: `row` and the columns that annotate.quality writes for RULES. n: rows of the profile; rows: some that the limit drops.
    """
    made = []
    profile = columns(RULES)[0]
    for rule in SETS[RULES]:
        groups: dict[tuple[float | None, float | None], list[str]] = {}
        for name in ("ko", "en", "mixed", "code"):
            groups.setdefault(rule.bounds(name), []).append(name)
        for (low, high), names in groups.items():
            mine = measured.filter(pl.col(profile).is_in(names))
            values = mine.get_column(f"{RULES}_{rule.name}").cast(pl.Float64)
            for limit, side in ((low, "low"), (high, "high")):
                if limit is not None and values.count():
                    broken = mine.filter((values < limit) if side == "low" else (values > limit)).get_column("row")
                    told = {"rule": rule.name, "set": RULES, "profiles": names if len(groups) > 1 else [], "limit": limit, "n": mine.height}
                    bounds = wilson(len(broken), mine.height)
                    told |= {"drops": len(broken), "share": len(broken) / mine.height, "low": bounds[0], "high": bounds[1]}
                    made.append(told | _curve(values, side) | {"rows": broken.head(ROWS).to_list()})
    return sorted(made, key=lambda line: -line["share"])


def scores(numbers: pl.DataFrame) -> list[dict[str, Any]]:
    """[{column, n, missing, low: {...}, high: {...}}] of numbers that came with the rows: what dropping from below, or above, would cost."""
    made = []
    for values in numbers.get_columns():
        if values.count() >= FEW and values.n_unique() >= VARIED:
            sides = {side: _curve(values, side) for side in ("low", "high")}
            made.append({"column": values.name, "n": len(values), "missing": values.null_count(), "min": values.min(), "median": values.median(), "max": values.max(), **sides})
    return made


def _curve(values: pl.Series, side: str) -> dict[str, Any]:
    """{side, at_most: as `strictest`, curve: [[threshold, share]]}."""
    lines = curve(values, "low" if side == "low" else "high", POINTS)
    few = lines.gather_every(max(1, -(-lines.height // DRAWN)))
    return {"side": side, "at_most": strictest(values, side), "curve": [list(point) for point in few.rows()]}


def strictest(values: pl.Series, side: str) -> list[list[float | None]]:
    """[[share, threshold]] of AT_MOST: the strictest threshold that drops no more; null where even the mildest drops more.

    >>> strictest(pl.Series([1.0] * 3 + [float(i) for i in range(2, 99)]), "low")
    [[0.01, 1.0], [0.05, 4.0], [0.1, 9.0]]
    """
    lines = curve(values, "low" if side == "low" else "high", POINTS)
    told: list[list[float | None]] = []
    for most in AT_MOST:
        inside = lines.filter(pl.col("share") <= most).get_column("threshold").to_list()
        told.append([most, (max if side == "low" else min)(inside, default=None)])
    return told


def scored(others: Iterable[Column], height: int) -> dict[str, pl.Series]:
    """The carried columns that hold scores, by their names and types."""
    found = [(name, column) for name, column, _ in others if len(column) == height and column.dtype.is_numeric() and SCORE.search(name)]
    return {name: column.cast(pl.Float64) for name, column in found[:MOST]}
