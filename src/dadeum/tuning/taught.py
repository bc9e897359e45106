"""The supervision ledger of a run: what a model learns from every training row, lesson by lesson."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson
import polars as pl

from dadeum.engine.unit import publish, publish_table
from dadeum.errors import DadeumError
from dadeum.recipe import Recipe
from dadeum.tuning.keep import content, kept
from dadeum.tuning.lessons import Lesson, lessons
from dadeum.tuning.rows import base_model, split

if TYPE_CHECKING:
    from dadeum.format.supervise import Supervision

PICTURED: Final = 6
"""Rows whose tokens the report shows."""


def supervision(recipe: Recipe, out: Path, faulty: bool = False) -> dict[str, Any]:
    """Write supervision.parquet (every training row: its text, its tokens, which of them carry loss and why, or why it was left out) and a
    sample for the eye. Raises DadeumError where the mask of a row cannot be proven, unless `faulty`, which tells of them.

    With stages every line says its `stage` and whether the row was `replayed`; a row stands there once for every stage that sees it.
    """
    base = base_model(recipe, out)
    told, shown, ledgers = [], [], []
    for lesson in lessons(recipe, split(out, "train"), split(out, "validation")):
        head, ledger = taught(lesson, base, out)
        if head["faults"] and not faulty and lesson.settings.checks.get("mask_proven", "block") == "block":
            raise DadeumError(next(iter(head["faults"].values())))
        told.append({"stage": lesson.name, "replayed": len(lesson.replayed), **head["told"]})
        shown.append(head["shown"])
        replayed = pl.col("id").is_in(list(lesson.replayed))
        ledgers.append(ledger.with_columns(pl.lit(lesson.name).alias("stage"), replayed.alias("replayed")) if lesson.stage else ledger)
    publish_table(out / "supervision.parquet", pl.concat(ledgers))
    each = max(1, PICTURED // len(shown))
    publish(out / "supervision_sample.json", orjson.dumps([one for some in shown for one in some[: each if len(shown) > 1 else PICTURED]]))
    if len(told) == 1 and not told[0]["stage"]:
        return {k: v for k, v in told[0].items() if k not in ("stage", "replayed")}
    return _summed(told)


def taught(lesson: Lesson, base: str, out: Path) -> tuple[dict[str, Any], pl.DataFrame]:
    """({told, shown, faults}, ledger) of one lesson; made once of the same rows, tokenizer and settings."""
    from dadeum.format.supervise import LEDGER, picture, supervise
    from dadeum.format.tokens import load_tokenizer
    from dadeum.train.checks.batched import batched
    from dadeum.train.dry import passes

    def make() -> tuple[dict[str, Any], dict[str, pl.DataFrame]]:
        tokenizer = load_tokenizer(base)
        made = supervise(lesson.rows, tokenizer, lesson.settings, faulty=True)
        ids = [e.id for e in made.examples[:: max(1, len(made.examples) // PICTURED)]][:PICTURED]
        pictures = picture(made, tokenizer, ids)
        shown = [{"id": id, "tokens": [{"text": text, "supervised": on} for text, on in tokens]} for id, tokens in pictures.items()]
        told = _taught(lesson.rows, made) | {"batched": batched(made.examples, lesson.settings)}
        told["passes"] = asdict(passes(made.examples, lesson.settings)) if made.examples else None
        return {"told": told, "shown": shown, "faults": made.faults}, {"ledger": made.ledger}

    found = kept(out, "supervision", [content(base), lesson.rows, lesson.settings, list(LEDGER)], make)
    return found.head, found.parts["ledger"]


def _taught(rows: pl.DataFrame, made: Supervision) -> dict[str, Any]:
    left = made.ledger.filter(pl.col("reason").is_not_null())
    trained = made.ledger.filter(pl.col("reason").is_null())
    return {
        "rows": rows.height,
        "trained": trained.height,
        "left_out": dict(left.group_by("reason").len().sort("reason").iter_rows()),
        "tokens": int(trained["n_tokens"].sum()),
        "supervised_tokens": int(trained["n_supervised"].sum()),
        "roles": made.roles.to_dicts(),
        "notes": {k: v for k, v in made.counts.items() if k not in left["reason"].unique().to_list()},
        "digest": made.digest,
    }


def _summed(told: list[dict[str, Any]]) -> dict[str, Any]:
    """The stages' numbers added up, and each of them."""
    whole: dict[str, Any] = {name: sum(t[name] for t in told) for name in ("rows", "trained", "tokens", "supervised_tokens")}
    for name in ("left_out", "notes"):
        whole[name] = {reason: sum(t[name].get(reason, 0) for t in told) for reason in sorted({r for t in told for r in t[name]})}
    roles = pl.DataFrame([role for t in told for role in t["roles"]], schema={"role": pl.String, "n_tokens": pl.UInt64, "n_supervised": pl.UInt64})
    whole["roles"] = roles.group_by("role").sum().sort("role").to_dicts()
    return {**whole, "digest": " ".join(t["digest"] for t in told), "stages": told}
