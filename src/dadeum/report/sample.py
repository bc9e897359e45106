"""Which rows the report shows: few, short, telling, and without personal data.

Examples of a step's edits leave out rows in which `guard.pii` found something, since what stood there before is still in the
earlier edits. All other contents that no `guard.pii` has read (rows that left, raw lines) go through `concealed` here.
Lists are cut by count and by length, so that the page stays small whatever the run's size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from dadeum import step as steps
from dadeum.recipe import read_step
from dadeum.record import RECORD, records
from dadeum.report import diff
from dadeum.report.facts import Facts, contents, scan
from dadeum.steps.guard._pii import vault

PII: Final = "guard.pii"
EDITS: Final = 4
"""Examples per step."""
LOST: Final = 6
"""Examples per step and reason."""
GROUPS: Final = 80
"""Steps and reasons that are shown with examples."""
LENGTH: Final = 480
"""Characters of a sample."""


@dataclass(frozen=True)
class Edit:
    """One row before and after a step."""

    id: str
    segments: list[diff.Segment]


@dataclass(frozen=True)
class Edits:
    """The examples of one step, of `n` changed rows."""

    step: str
    n: int
    shown: list[Edit]


@dataclass(frozen=True)
class Lost:
    """One row that left; `segments` is its text, marked against the witness where that is known."""

    id: str
    place: str
    value: float | None
    threshold: float | None
    witness: str | None
    witness_text: str | None
    segments: list[diff.Segment]


@dataclass(frozen=True)
class Reason:
    """The rows that left at one step for one reason."""

    step: str
    reason: str
    state: str
    n: int
    shown: list[Lost]


def edits(facts: Facts) -> list[Edits]:
    """Before and after, for every step that changed contents, in the order of the steps."""
    table = scan(facts.folder, "ledger/edits.parquet")
    if table is None:
        return []
    counts = dict(table.group_by("step").agg(pl.len()).collect().iter_rows())
    order = {stage["step"]: i for i, stage in enumerate(facts.stages)}
    private = table.filter(pl.col("step") == PII).select("id")
    made = []
    for step in sorted(counts, key=lambda s: order.get(s, len(order)))[:GROUPS]:
        mine = table.filter(pl.col("step") == step)
        if step != PII:
            mine = mine.join(private, on="id", how="anti", maintain_order="left")
        made.append(Edits(step, counts[step], _best(mine.head(400).collect(), secret=step == PII)))
    return made


def _best(rows: pl.DataFrame, secret: bool) -> list[Edit]:
    """Rows of about sixty characters show a change best; a kind of change is shown twice only where there is no other.

    secret: `before` holds digests instead of values, so that it may be shown as it is.
    """
    rows = rows.with_columns(pl.col("before", "after").fill_null("")).unique(["before", "after"], keep="first", maintain_order=True)
    rows = rows.with_columns((pl.col("before").str.len_chars().cast(pl.Int64) - 60).abs().alias("_far")).sort("_far", maintain_order=True).head(60)
    before, after = rows.get_column("before").to_list(), rows.get_column("after").to_list()
    if not secret:
        before, after = concealed(before), concealed(after)
    before = [vault.shut(text) for text in before]
    fresh: list[Edit] = []
    again: list[Edit] = []
    kinds: set[str] = set()
    shown: list[list[diff.Segment]] = []
    for id, old, new in zip(rows.get_column("id").to_list(), before, after):
        made = Edit(id, _cut(diff.shown(old, new)))
        if old == new or made.segments in shown:
            continue
        kind = "".join(sorted({s.text[:3] for s in made.segments if s.kind in ("gone", "new")}))[:12]
        (again if kind in kinds else fresh).append(made)
        kinds.add(kind)
        shown.append(made.segments)
    return (fresh + again)[:EDITS]


def lost(facts: Facts) -> list[Reason]:
    """What left, by step and reason, in the order of the steps; the most frequent reason first."""
    verdicts, table = scan(facts.folder, "ledger/verdicts.parquet"), scan(facts.folder, "ledger/lost.parquet")
    if verdicts is None:
        return []
    counts = verdicts.group_by("step", "reason", "state").agg(pl.len().alias("n")).collect()
    order = {stage["step"]: i for i, stage in enumerate(facts.stages)}
    groups = sorted(counts.iter_rows(), key=lambda g: (order.get(g[0], len(order)), -g[3], g[1] or ""))[:GROUPS]
    samples: dict[tuple[str, str], list[Lost]] = {}
    if table is not None:
        every = table.collect().unique(["step", "reason", "text"], keep="first", maintain_order=True)
        few = every.group_by("step", "reason", maintain_order=True).head(LOST).select("id", "step", "reason", "text")
        about = verdicts.join(few.lazy().select("id", "step"), on=["id", "step"], how="semi")
        rows = few.join(about.select("id", "step", "place", "value", "threshold", "witness").collect(), on=["id", "step"], how="left")
        rows = rows.with_columns(pl.Series("text", concealed(rows.get_column("text").fill_null("").to_list()), dtype=pl.String))
        texts = contents(facts.folder, rows.get_column("witness").drop_nulls().unique().to_list())
        for row in rows.rows(named=True):
            samples.setdefault((row["step"], row["reason"]), []).append(_lost(row, texts))
    return [Reason(step, reason or "", state, n, samples.get((step, reason), [])) for step, reason, state, n in groups]


def _lost(row: dict[str, Any], texts: dict[str, str]) -> Lost:
    text, other = row["text"], texts.get(row["witness"] or "")
    plain = [diff.Segment("same", text[:LENGTH])] + ([diff.Segment("gap", " …")] if len(text) > LENGTH else [])
    told = row["id"], row["place"] or "", row["value"], row["threshold"], row["witness"]
    return Lost(*told, None if other is None else other[:LENGTH], _twin(text, other) or plain)


def _twin(text: str, other: str | None) -> list[diff.Segment] | None:
    """The text with what its witness lacks marked, where the two are alike enough for that to be readable."""
    if other is None or text == other:
        return None
    made = diff.segments(other[: diff.LIMIT], text[: diff.LIMIT])
    if sum(len(s.text) for s in made if s.kind == "same") * 2 < len(text):
        return None
    return _cut([s for s in made if s.kind != "gone"])


def _cut(segments: list[diff.Segment]) -> list[diff.Segment]:
    """No more than LENGTH characters and 60 segments."""
    out: list[diff.Segment] = []
    room = LENGTH
    for s in segments:
        if room <= 0 or len(out) >= 60:
            out.append(diff.Segment("gap", " …"))
            break
        out.append(diff.Segment(s.kind, s.text[:room]))
        room -= len(s.text)
    return out


def concealed(texts: list[str]) -> list[str]:
    """The same texts, with what `guard.pii` takes for personal data masked: these rows may have left before it ran."""
    return masked(records({"text": text} for text in texts)).get_column("text").to_list() if texts else texts


def masked(rows: pl.DataFrame) -> pl.DataFrame:
    """The same rows, masked; that needs them whole, since who speaks in a chat is told by its structure. Columns of RECORD that they lack are empty."""
    step = read_step(PII, {"mode": "mask"})
    rows = rows.with_columns(pl.lit(None, dtype=dtype).alias(c) for c, dtype in RECORD.items() if c not in rows.columns)
    return step.edit(rows) if isinstance(step, steps.Edit) else rows
