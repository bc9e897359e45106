"""What can be known before training: the checks, the memory, the power of the proof."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Final

import polars as pl

from dadeum.recipe import Recipe
from dadeum.tuning.rows import base_model, split, train_settings, training_rows
from dadeum.tuning.taught import supervision

SAMPLED: Final = 1000
"""Rows that the checks read again token by token; what needs only the ledger looks at all of them."""


def check(recipe: Recipe, out: Path) -> dict[str, Any]:
    """Supervision of every row, the probes on the real configuration, and the smallest gain that the held-out items can show."""
    from dadeum.format.supervise import supervise
    from dadeum.format.tokens import load_tokenizer
    from dadeum.train import checks, loop, probe

    taught = supervision(recipe, out)
    rows, settings, base = training_rows(recipe, split(out, "train")), train_settings(recipe), base_model(recipe, out)
    ledger = pl.read_parquet(out / "supervision.parquet")
    roles = pl.DataFrame(taught["roles"], schema={"role": pl.String(), "n_tokens": pl.UInt64(), "n_supervised": pl.UInt64()})
    tokenizer = load_tokenizer(base)
    sampled = loop.drawn(rows, dataclasses.replace(settings, rows=SAMPLED), recipe.seed)
    sample = supervise(sampled, tokenizer, settings)
    setup = checks.Setup(rows, ledger, roles, sample, sampled, tokenizer, base, settings, split(out, "validation"), split(out, "test"))
    seen = checks.checks(setup)
    del setup  # it holds a model, and the probes load their own
    probed = [checks.Found(p.name, p.verdict, p.number, p.means) for p in probe.probes(rows, base, settings, recipe.seed)]
    graded = [dataclasses.asdict(f) for f in checks.graded([*seen, *probed], settings.checks)]
    verdicts = {p["verdict"] for p in graded}
    worst = "fail" if "fail" in verdicts or not taught["trained"] else "warn" if "warn" in verdicts else "pass"
    return {"verdict": worst, "supervision": taught, "probes": graded, "memory": memory(recipe, out), "power": power(recipe, out)}


def memory(recipe: Recipe, out: Path) -> dict[str, Any] | None:
    """What the training will take, and what would fit elsewhere: the walk on fake tensors, devices by formula. None without a row to train on."""
    from transformers import AutoConfig

    from dadeum.train import forecast

    rows = pl.read_parquet(out / "supervision.parquet").filter(pl.col("reason").is_null())
    if not rows.height:
        return None
    config = AutoConfig.from_pretrained(base_model(recipe, out))
    share = int(rows["n_supervised"].sum()) / max(1, int(rows["n_tokens"].sum()))
    return forecast.forecast(config, rows["n_tokens"].to_list(), share, train_settings(recipe))


def power(recipe: Recipe, out: Path) -> dict[str, Any] | None:
    """How small a gain the held-out items can show, for some shares of items on which two arms will differ. None without `prove`."""
    if recipe.prove is None:
        return None
    from dadeum.evaluate.items import items
    from dadeum.evaluate.power import forecast

    held = items(split(out, "test"), recipe.prove.cluster, recipe.prove.items, recipe.seed)
    clusters = held.get_column("cluster").n_unique() if recipe.prove.cluster else held.height
    table = forecast(held.height, clusters, recipe.prove.level, recipe.prove.power)
    middle = next(row["smallest"] for row in table if row["discordant"] == 0.2)
    shown = "no difference at all reliably" if middle is None else f"differences from {100 * middle:.0f} points on"
    means = f"{held.height:,} held-out items of {clusters:,} groups show {shown} (power {recipe.prove.power:.0%}, if the arms differ on a fifth of them)"
    return {"items": held.height, "clusters": clusters, "smallest": middle, "table": table, "means": means}
