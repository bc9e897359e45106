"""The supervision ledger of a run: what a model learns from every training row."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson
import polars as pl

from dadeum.recipe import Recipe
from dadeum.tuning.keep import content, kept
from dadeum.tuning.rows import base_model, split, train_settings, training_rows

if TYPE_CHECKING:
    from dadeum.format.supervise import Supervision

PICTURED: Final = 6
"""Rows whose tokens the report shows."""


def supervision(recipe: Recipe, out: Path) -> dict[str, Any]:
    """Write supervision.parquet (every training row: its tokens, those with loss, why it was left out) and a sample for the eye."""
    from dadeum.format.supervise import picture, supervise
    from dadeum.format.tokens import load_tokenizer

    base = base_model(recipe, out)
    rows = training_rows(recipe, split(out, "train"))

    def make() -> tuple[dict[str, Any], dict[str, pl.DataFrame]]:
        tokenizer = load_tokenizer(base)
        made = supervise(rows, tokenizer, train_settings(recipe))
        ids = [e.id for e in made.examples[:: max(1, len(made.examples) // PICTURED)]][:PICTURED]
        pictures = picture(made, tokenizer, ids)
        shown = [{"id": id, "tokens": [{"text": text, "supervised": on} for text, on in tokens]} for id, tokens in pictures.items()]
        return {"told": _taught(rows, made), "shown": shown}, {"ledger": made.ledger}

    found = kept(out, "supervision", [content(base), rows, train_settings(recipe)], make)
    found.parts["ledger"].write_parquet(out / "supervision.parquet")
    (out / "supervision_sample.json").write_bytes(orjson.dumps(found.head["shown"]))
    return found.head["told"]


def _taught(rows: pl.DataFrame, made: Supervision) -> dict[str, Any]:
    left = made.ledger.filter(pl.col("reason").is_not_null())
    return {
        "rows": rows.height,
        "trained": len(made.examples),
        "left_out": dict(left.group_by("reason").len().sort("reason").iter_rows()),
        "tokens": int(made.ledger.filter(pl.col("reason").is_null())["n_tokens"].sum()),
        "supervised_tokens": int(made.ledger.filter(pl.col("reason").is_null())["n_supervised"].sum()),
        "roles": made.roles.to_dicts(),
        "notes": {k: v for k, v in made.counts.items() if k not in left["reason"].unique().to_list()},
        "digest": made.digest,
    }
