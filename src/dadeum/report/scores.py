"""Findings about scores: what another threshold would have dropped, how well a tokenizer fits each language, how good a trained scorer is.

Nothing is scored again. The values are those in data/ of the rows that stayed, and those in the ledger of the rows that a cut dropped;
rows that left for another reason have none here, and how many are known is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import polars as pl

from dadeum.errors import RecipeError
from dadeum.recipe import read_step
from dadeum.record import RECORD
from dadeum.report.cuts import AT_MOST, strictest
from dadeum.report.facts import SPLITS, Facts, scan
from dadeum.report.finding import Finding, Line
from dadeum.report.words import Words, count, number, percent
from dadeum.steps.annotate._rules import SETS
from dadeum.steps.annotate.tokens import fertility
from dadeum.steps.filter.quality import Quality, curve
from dadeum.steps.filter.threshold import Threshold

POINTS: Final = 9
"""Thresholds that are shown of a cut, at the quantiles of the values."""
MOST: Final = 50_000
"""Rows of each split that a tokenizer's fit is told of."""


def found(facts: Facts, t: Words) -> list[Finding]:
    """A finding for each cut on a score, for annotate.tokens, and for each scorer that learned from labels, in the order of the steps."""
    made: list[Finding] = []
    steps = list(facts.steps)
    for i, stage in enumerate(facts.stages):
        mine = next((step for step in steps if step[0] == stage["step"]), None)
        if mine is not None:
            steps.remove(mine)
        told = (stage.get("report") or {}).get("held_out")
        if told:
            made.append(_held_out(stage["step"], told, f"run.json: stages[{i}].report.held_out", t))
        if stage["step"] == "annotate.tokens":
            made += _fertility(facts, t)
        elif mine is not None and stage["step"] in ("filter.threshold", "filter.quality"):
            made += _cut(facts, stage, *mine, t)
    return made


def _cut(facts: Facts, stage: dict[str, Any], name: str, parameters: dict[str, Any], t: Words) -> Iterator[Finding]:
    try:
        step = read_step(name, parameters)
    except RecipeError:  # a recipe of another version
        return
    if isinstance(step, Threshold):
        for side, limit in (("low", step.min), ("high", step.max)):
            if limit is not None:
                yield from _threshold(facts, stage, step.column, side, limit, t)
    elif isinstance(step, Quality):
        yield from _quality(facts, stage, step, t)


def _threshold(facts: Facts, stage: dict[str, Any], column: str, side: str, limit: float, t: Words) -> Iterator[Finding]:
    values = _values(facts, stage["step"], column, (f"{column}_below", f"{column}_above"))
    if values.count() < POINTS:
        return
    points = curve(values, "low" if side == "low" else "high", POINTS).rows()
    now = int((values < limit).sum() if side == "low" else (values > limit).sum())
    lines = [(float(threshold), share) for threshold, share in points if threshold != limit] + [(limit, now / len(values))]
    shown = [
        Line(
            number(threshold) + (f" · {t('find.cut.now')}" if threshold == limit else ""),
            ((round(share * len(values)), count(round(share * len(values)))), (share, percent(share))),
            share,
        )
        for threshold, share in sorted(lines)
    ]
    lede = t("find.cut", column=column, known=count(len(values)), n=stage["rows_in"])
    heads = (t(f"find.cut.{side}"), t("find.cut.drops"), t("find.share"))
    yield Finding(stage["step"], t("find.cut.title", column=column), lede, heads, tuple(shown), f"data/*.parquet: {column} · ledger/verdicts.parquet: value")


def _quality(facts: Facts, stage: dict[str, Any], step: Quality, t: Words) -> Iterator[Finding]:
    lines = []
    known = 0
    for rule in SETS[step.rules]:
        column = f"{step.rules}_{rule.name}"
        values = _values(facts, stage["step"], column, (column,))
        known = max(known, len(values))
        bounds = [step.limits[rule.name] or (None, None)] if rule.name in step.limits else [rule.bounds(p) for p in step.profiles]
        for at, side in enumerate(("low", "high")):
            if values.count() and any(bound[at] is not None for bound in bounds):
                limits = " / ".join(dict.fromkeys(number(bound[at]) for bound in bounds if bound[at] is not None))
                dropped = stage["dropped"].get(column, 0)
                cells: list[tuple[float, str]] = [(dropped, limits), (dropped, count(dropped))]
                cells += [(most or 0.0, number(threshold)) for most, threshold in strictest(values, side)]
                lines.append(Line(t.known("reason", f"rule_{rule.name}") + " · " + t(f"find.cut.{side}"), tuple(cells)))
    if lines:
        heads = (t("look.rule"), t("look.limit"), t("find.cut.dropped"), *(t("look.at_most", share=percent(most, 0)) for most in AT_MOST))
        lede = t("find.rules", known=count(known), n=stage["rows_in"])
        yield Finding(stage["step"], t("find.rules.title", name=step.rules), lede, heads, tuple(lines), f"data/*.parquet: {step.rules}_* · ledger/verdicts.parquet: value")


def _values(facts: Facts, step: str, column: str, reasons: tuple[str, ...]) -> pl.Series:
    """What is known of a score: of the rows that stayed, then of those that the cut dropped, as Float64; nulls are rows without one."""
    parts = [pl.Series(column, [], dtype=pl.Float64)]
    for name in SPLITS:
        table = scan(facts.folder, f"data/{name}.parquet")
        if table is not None and column in table.collect_schema():
            parts.append(table.select(pl.col(column).cast(pl.Float64, strict=False)).collect().to_series())
    verdicts = scan(facts.folder, "ledger/verdicts.parquet")
    if verdicts is not None:
        left = verdicts.filter((pl.col("step") == step) & pl.col("reason").is_in(list(reasons)))
        parts.append(left.select(pl.col("value").alias(column)).collect().to_series())
    return pl.concat(parts)


def _fertility(facts: Facts, t: Words) -> Iterator[Finding]:
    parts = []
    for name in SPLITS:
        table = scan(facts.folder, f"data/{name}.parquet")
        if table is not None and "tokens" in (schema := table.collect_schema()):
            more = [column for column in ("tokens", "language") if column in schema]
            parts.append(table.select(*RECORD, *more).head(MOST).collect())
    if not parts:
        return
    lines = []
    told = fertility(pl.concat(parts, how="diagonal")).rows(named=True)
    for row in told:
        name = t.known("look.language", str(row["language"]))
        cells = [(row[key], count(row[key])) for key in ("rows", "tokens")]
        cells += [(row[key] or 0, number(row[key])) for key in ("per_character", "per_word", "per_byte")]
        lines.append(Line(t.known("look.profile", name)[:80], tuple(cells)))
    heads = (t("look.language"), t("find.rows"), t("look.tokens.of"), *(t(f"look.tokens.{key}") for key in ("per_character", "per_word", "per_byte")))
    yield Finding("annotate.tokens", t("look.fertility"), t("find.fertility", n=sum(row["rows"] for row in told)), heads, tuple(lines), "data/*.parquet: tokens")


def _held_out(step: str, told: dict[str, Any], where: str, t: Words) -> Finding:
    lines = []
    for key in ("auc", "f1"):
        if told.get(key) is not None:
            low, high = (told["low"], told["high"]) if key == "auc" else (told.get("f1_low"), told.get("f1_high"))
            lines.append(Line(t(f"find.held.{key}"), ((told[key], number(told[key])), (low or 0, number(low)), (high or 0, number(high)))))
    heads = (t("find.held.measure"), t("find.held.value"), t("find.held.low"), t("find.held.high"))
    return Finding(step, t("find.held.title", step=step), t("find.held", n=told["rows"], good=count(told["good"])), heads, tuple(lines), where)
