"""What each step found of what was planted: recall and precision with Wilson intervals, out of a run's folder and the truth.

A row is looked up by its place, the one thing that an unreadable row has too. For every step and kind of dirt that it is there for:

    planted    rows of the kind that reached the step (whoever left before is no longer its business)
    found      of these, the rows that it took out, or changed so that nothing of the dirt is left
    claimed    rows that the step took out or changed, whatever they were; the same for every kind of a step
    correct    of these, the rows that carried something that the step is there for, or were rightly merged
    recall     found / planted, within low..high;  precision = correct / claimed, within precision_low..precision_high

A copy counts as found when it or its original was taken out by the step: which of the two stays is the step's choice. Of a flooded
customer only the rows above the cap count as planted. What no step of the run is there for is listed with the step `not looked for`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import polars as pl

from dadeum.evaluate.quantiles import wilson
from dadeum.ledger import read_run

SOUGHT: Final[dict[str, tuple[str, ...]]] = {
    "read": ("truncated", "bad_bytes"),
    "clean.mojibake": ("mojibake",),
    "clean.markup": ("markup", "entity"),
    "clean.unicode": ("invisible", "nfd"),
    "filter.label": ("unknown_label", "unlabelled"),
    "filter.length": ("empty",),
    "filter.repetition": ("runaway",),
    "dedup.exact": ("exact_copy", "conflict", "near_spacing", "near_punctuation", "near_case"),
    "dedup.near": ("near_spacing", "near_punctuation", "near_case", "near_typo"),
    "guard.contamination": ("leak",),
    "guard.pii": ("pii_email", "pii_phone", "pii_rrn", "pii_card"),
    "mix.cap": ("flood",),
}
"""What each step is there for."""
WELCOME: Final[dict[str, tuple[str, ...]]] = {"dedup.near": ("flood", "exact_copy"), "filter.length": ("runaway",), "filter.repetition": ("empty",)}
"""Dirt that a step is not there for, but takes out rightly: it lowers no precision."""
COPIED: Final = ("exact_copy", "conflict", "near_spacing", "near_punctuation", "near_case", "near_typo")
NOT_LOOKED_FOR: Final = "not looked for"


def score(run: Path, truth: Path) -> list[dict[str, Any]]:
    """{step, kind, planted, found, recall, low, high, claimed, correct, precision, precision_low, precision_high}, in the order of the steps.

    Shares are null where nothing was planted or claimed. Raises DadeumError where `run` is no finished run.
    """
    steps = [stage["step"] for stage in read_run(run)["stages"]]
    lives = _lives(run, pl.read_parquet(truth), steps)
    edits = pl.read_parquet(run / "ledger/edits.parquet")
    told: list[dict[str, Any]] = []
    for at, step in enumerate(steps):
        if step in SOUGHT and step not in steps[:at]:
            told += _step(step, at, lives, edits.filter(pl.col("step") == step).unique("id", keep="last", maintain_order=True))
    sought = {kind for step in steps for kind in SOUGHT.get(step, ())}
    counts = lives.select(pl.col("kinds").explode(empty_as_null=False, keep_nulls=False)).to_series().value_counts().sort("kinds")
    for kind, n in counts.iter_rows():
        if kind not in sought:
            told.append({"step": NOT_LOOKED_FOR, "kind": kind, "planted": n, "found": 0, **_share("", 0, 0), "claimed": 0, "correct": 0})
            told[-1] |= _share("precision", 0, 0)
    return told


def _share(name: str, hits: int, n: int) -> dict[str, float | None]:
    low, high = wilson(hits, n)
    prefix = f"{name}_" if name else ""
    return {name or "recall": hits / n if n else None, f"{prefix}low": low, f"{prefix}high": high}


def _lives(run: Path, truth: pl.DataFrame, steps: list[str]) -> pl.DataFrame:
    """The truth with what became of every row: run_id, state, step, at (index of the step it left at), threshold, witness."""
    gone = pl.read_parquet(run / "ledger/verdicts.parquet").select("place", "state", "step", "threshold", "witness", run_id="id")
    kept = [pl.read_parquet(path, columns=["id", "place"]).select("place", run_id="id") for path in sorted((run / "data").glob("*.parquet"))]
    ends = pl.concat([gone, *kept], how="diagonal").with_columns(_placed())
    lives = truth.join(ends, on=["file", "line"], how="left", maintain_order="left")
    order = pl.Series("step", steps, dtype=pl.String)
    index = pl.DataFrame({"step": order, "at": pl.int_range(len(steps), eager=True)}).unique("step", keep="first")
    lives = lives.join(index, on="step", how="left", maintain_order="left").with_columns(pl.col("at").fill_null(len(steps)))
    like = pl.col("clean").str.to_lowercase().str.replace_all(r"[^\p{L}\p{N}]", "").alias("like")
    group = pl.col("kinds").list.set_intersection(list(COPIED)).explode(empty_as_null=False, keep_nulls=False).unique().over(
        "origin", mapping_strategy="join"
    )
    return lives.with_columns(like, group.alias("group"))


def _placed() -> list[pl.Expr]:
    """`file` below raw/ and `line` from a place; a page is one row, whatever number it has."""
    inside = pl.col("place").str.replace(r"^.*?raw/", "")
    file, number = inside.str.replace(r"[:#]\d+$", ""), inside.str.extract(r"[:#](\d+)$").cast(pl.UInt32)
    heading = (inside.str.contains("#", literal=True) & file.str.ends_with(".csv")).cast(pl.UInt32)
    line = pl.when(file.str.ends_with(".html")).then(1).otherwise(number + heading)
    return [file.alias("file"), line.cast(pl.UInt32).alias("line")]


def _step(step: str, at: int, lives: pl.DataFrame, edits: pl.DataFrame) -> list[dict[str, Any]]:
    reached = lives.filter(pl.col("at") >= at)
    left = reached.filter(pl.col("at") == at)
    changed = reached.filter(pl.col("at") > at).join(edits.select("after", run_id="id"), on="run_id", how="inner")
    claimed = left.height + changed.height
    correct = _correct(step, left, lives) + _correct(step, changed, lives)
    told = []
    for kind in SOUGHT[step]:
        of_kind = pl.col("kinds").list.contains(kind)
        if not lives.select(of_kind.any()).item():
            continue
        mine, gone = reached.filter(of_kind), left.filter(of_kind)
        planted, found = mine.height, gone.height + _clean(changed.filter(of_kind))
        if kind in COPIED:
            planted, found = _copies(kind, mine, reached, left)
        elif kind == "flood":
            planted = _excess(mine, left)
        entry = {"step": step, "kind": kind, "planted": planted, "found": found, **_share("", found, planted)}
        told.append({**entry, "claimed": claimed, "correct": correct, **_share("precision", correct, claimed)})
    return told


def _copies(kind: str, mine: pl.DataFrame, reached: pl.DataFrame, left: pl.DataFrame) -> tuple[int, int]:
    """Copies that reached the step together with their original, and those of them that are settled: either one left.

    Of a conflict the copy itself has to go: it is the one with the wrong label.
    """
    mine = mine.filter(pl.col("origin").is_in(reached.get_column("id").implode()))
    gone = left.get_column("id").implode()
    settled = pl.col("id").is_in(gone) if kind == "conflict" else pl.col("id").is_in(gone) | pl.col("origin").is_in(gone)
    return mine.height, mine.filter(settled).height


def _excess(mine: pl.DataFrame, left: pl.DataFrame) -> int:
    """Rows of flooded customers above the cap (nobody knows the cap of a step that dropped nothing: then every row counts)."""
    cap = left.get_column("threshold").max()
    sizes = mine.group_by("customer").len().get_column("len").to_list()
    return sum(max(0, n - int(cap)) if isinstance(cap, float) else n for n in sizes)


def _clean(changed: pl.DataFrame) -> int:
    """Rows in whose new contents none of their marks is left."""
    if changed.is_empty():
        return 0
    marks = changed.select("run_id", "after", "marks").explode("marks", empty_as_null=True, keep_nulls=True)
    left = marks.select("run_id", pl.col("after").str.contains(pl.col("marks"), literal=True).fill_null(False).alias("left"))
    return left.group_by("run_id").agg(pl.col("left").any()).filter(~pl.col("left")).height


def _correct(step: str, rows: pl.DataFrame, lives: pl.DataFrame) -> int:
    wanted = [*SOUGHT[step], *WELCOME.get(step, ())]
    carries = pl.col("kinds").list.set_intersection(wanted).list.len() > 0
    copied = pl.col("group").list.set_intersection(wanted).list.len() > 0
    witnesses = lives.select(witness="run_id", witness_origin="origin", witness_like="like").filter(pl.col("witness").is_not_null())
    met = rows.join(witnesses.unique("witness"), on="witness", how="left")
    same = (pl.col("witness_origin") == pl.col("origin")) | (pl.col("witness_like") == pl.col("like"))
    right = pl.when(pl.col("state") == "merged").then(same).otherwise(carries | copied)
    return met.filter(right.fill_null(False)).height
