"""What can be known before training: the checks, the memory, the price, the power of the proof; stage by stage."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any, Final

import polars as pl

from dadeum.recipe import Recipe
from dadeum.tuning.forecast import ahead, memory
from dadeum.tuning.lessons import Lesson, lessons
from dadeum.tuning.rows import base_model, split
from dadeum.tuning.taught import supervision, taught

SAMPLED: Final = 1000
"""Rows that the checks read again token by token; what needs only the ledger looks at all of them."""


def check(recipe: Recipe, out: Path) -> dict[str, Any]:
    """Supervision of every row, the checks and probes of every stage on the real configuration, and the smallest gain that the held-out
    items can show."""
    told = supervision(recipe, out)
    base = base_model(recipe, out)
    found: list[dict[str, Any]] = []
    for lesson in lessons(recipe, split(out, "train"), split(out, "validation")):
        stage = {"stage": lesson.name} if lesson.stage else {}
        found += [{**stage, **dataclasses.asdict(one)} for one in _found(recipe, lesson, base, out)]
    order = ("fail", "warn", "pass", "not applicable")
    found.sort(key=lambda one: order.index(one["verdict"]))
    worst = found[0]["verdict"] if found and found[0]["verdict"] in ("fail", "warn") and told["trained"] else "pass" if told["trained"] else "fail"
    return {"verdict": worst, "supervision": told, "probes": found, "memory": memory(recipe, out), "ahead": ahead(recipe, out), "power": power(recipe, out)}


def _found(recipe: Recipe, lesson: Lesson, base: str, out: Path) -> list[Any]:
    """Every finding on one lesson, failures first."""
    from dadeum.format.supervise import supervise
    from dadeum.format.tokens import load_tokenizer
    from dadeum.train import checks, loop, probe
    from dadeum.tuning.rendered import renderers_agree

    head, ledger = taught(lesson, base, out)
    settings = lesson.settings
    roles = pl.DataFrame(head["told"]["roles"], schema={"role": pl.String(), "n_tokens": pl.UInt64(), "n_supervised": pl.UInt64()})
    tokenizer = load_tokenizer(base)
    sampled = loop.drawn(lesson.rows, dataclasses.replace(settings, rows=SAMPLED), recipe.seed)
    setup = checks.Setup(
        rows=lesson.rows,
        ledger=ledger,
        roles=roles,
        sample=supervise(sampled, tokenizer, settings),
        sampled=sampled,
        tokenizer=tokenizer,
        base=base,
        settings=settings,
        validation=lesson.held,
        test=split(out, "test"),
        batched=head["told"]["batched"],
        free=shutil.disk_usage(out).free,
    )
    seen = [*checks.checks(setup)]
    if settings.checks.get("renderers_agree") != "off":
        seen.append(renderers_agree(recipe, base, setup.test, settings))
    del setup  # it holds a model, and the probes load their own
    if head["told"]["trained"] > 1:
        rows = lesson.rows.filter(ledger["reason"].is_null())
        seen += [checks.Found(p.name, p.verdict, p.number, p.means) for p in probe.probes(rows, base, settings, recipe.seed)]
    return checks.graded(seen, settings.checks)


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
