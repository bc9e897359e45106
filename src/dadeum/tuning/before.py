"""What can be known before training: the checks, the memory, the price, the power of the proof; stage by stage."""

from __future__ import annotations

import dataclasses
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import polars as pl

from dadeum.recipe import Recipe
from dadeum.settings import Prove
from dadeum.tuning import measured
from dadeum.tuning.forecast import ahead, memory
from dadeum.tuning.lessons import Lesson, lessons
from dadeum.tuning.rows import base_model, draw, split
from dadeum.tuning.taught import supervision, taught

SAMPLED: Final = 1000
"""Rows that the checks read again token by token; what needs only the ledger looks at all of them."""


def check(recipe: Recipe, out: Path, say: Callable[[str], None] = lambda text: None) -> dict[str, Any]:
    """Supervision of every row, the checks and probes of every stage on the real configuration, and the smallest gain that the held-out
    items can show. say: is told what is looked at, before it takes its time."""
    say("tokens and loss mask of every row")
    told = supervision(recipe, out, faulty=True)
    base = base_model(recipe, out)
    found: list[dict[str, Any]] = []
    whole = True
    for lesson in lessons(recipe, split(out, "train"), split(out, "validation")):
        stage = {"stage": lesson.name} if lesson.stage else {}
        say("checks and probes" + (f", stage {lesson.name}" if lesson.stage else ""))
        one_lesson, runs = _found(recipe, lesson, base, out)
        found, whole = [*found, *({**stage, **dataclasses.asdict(one)} for one in one_lesson)], whole and runs
    order = ("fail", "warn", "pass", "not applicable")
    found.sort(key=lambda one: order.index(one["verdict"]))
    worst = found[0]["verdict"] if found and found[0]["verdict"] in ("fail", "warn") and told["trained"] else "pass" if told["trained"] else "fail"
    say("memory and time")
    known, unknown = _memory(recipe, out)
    coming = ahead(recipe, out) if whole else []
    return {"verdict": worst, "supervision": told, "probes": found, "memory": known, "unmeasured": unknown, "ahead": coming, "power": power(recipe, out)}


def _memory(recipe: Recipe, out: Path) -> tuple[dict[str, Any] | None, str]:
    """(what the training will take, why that is not known): torch has no fake tensors for some layers (grouped products of a mixture's
    experts in 32 bits), and a base without attention (Mamba) has other activations than the formulas."""
    try:
        return memory(recipe, out), ""
    except (AttributeError, RuntimeError) as error:
        return None, f"memory: not measured: a base of this kind cannot be walked on fake tensors ({str(error).splitlines()[0]})"


def _found(recipe: Recipe, lesson: Lesson, base: str, out: Path) -> tuple[list[Any], bool]:
    """Every finding on one lesson, failures first, and whether the model can be run on its rows at all: a token without an embedding would
    end every probe deep in torch, and of a weight that is no number every probe would tell something else."""
    from dadeum.format.supervise import supervise
    from dadeum.format.tokens import load_tokenizer
    from dadeum.train import checks, loop, probe
    from dadeum.tuning.rendered import askable, renderers_agree

    head, ledger = taught(lesson, base, out)
    settings = lesson.settings
    roles = pl.DataFrame(head["told"]["roles"], schema={"role": pl.String(), "n_tokens": pl.UInt64(), "n_supervised": pl.UInt64()})
    tokenizer = load_tokenizer(base)
    sampled = loop.drawn(lesson.rows, dataclasses.replace(settings, rows=SAMPLED), recipe.seed)
    setup = checks.Setup(
        rows=lesson.rows,
        ledger=ledger,
        roles=roles,
        sample=supervise(sampled, tokenizer, settings, faulty=True),
        faults=head["faults"],
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
    runs = all(checks.CHECKS[name](setup).verdict == "pass" for name in ("vocabulary_fits", "base_finite"))
    seen.append(askable(recipe, base, setup.test, settings))
    if runs and settings.checks.get("renderers_agree") != "off":
        seen.append(renderers_agree(recipe, base, setup.test, settings))
    del setup  # it holds a model, and the probes load their own
    if runs and head["told"]["batched"]["rows"] > 1:
        rows = lesson.rows.filter(ledger["reason"].is_null())
        seen += [checks.Found(p.name, p.verdict, p.number, p.means, p.row, p.remedy) for p in probe.probes(rows, base, settings, recipe.seed)]
    return checks.graded(seen, settings.checks), runs


def power(recipe: Recipe, out: Path) -> dict[str, Any] | None:
    """How small a gain the held-out items can show, for some shares of items on which two arms will differ. None without `prove`.

    As strict as the proof will be: clusters as they are, the recipe's trainings, and all the comparisons that are corrected together.
    """
    if recipe.prove is None:
        return None
    from dadeum.evaluate import metrics
    from dadeum.evaluate import power as powers

    prove, seeds = recipe.prove, len(recipe.train.seeds) if recipe.train else 1
    held = _held(recipe, prove, split(out, "test"))
    column = held.get_column("cluster")
    sizes = [1] * column.null_count() + column.drop_nulls().value_counts()["count"].to_list() if prove.cluster else [1] * held.height
    arms = len({"base", "tuned", *(arm.name for arm in prove.arms)})
    tests = math.comb(arms, 2) * (1 + len(prove.suites))
    level = prove.level / tests
    who = f"{held.height:,} held-out items of {len(sizes):,} groups"
    told: dict[str, Any] = {"items": held.height, "clusters": len(sizes), "comparisons": tests, "seeds": seeds}
    if not metrics.METRICS[prove.metric].binary:
        found = powers.smallest_mean(1.0, held.height, level=level, power=prove.power, sizes=sizes)
        shown = "no difference at all reliably" if found is None else f"differences from {found:.2f} of the deviation of the items' own differences on"
        return {**told, "smallest": None, "table": [], "means": f"{who} show {shown} (power {prove.power:.0%}, one training)"}
    raw = any(arm.kind == "raw" for arm in prove.arms)
    table = powers.forecast(held.height, sizes, level=level, power=prove.power, seeds=seeds, raw=raw)
    middle = [row["smallest"] for row in table if row["discordant"] == 0.2]
    points = ["-" if one is None else f"{100 * one:.0f}" for one in middle]
    if not any(middle):
        shown = "no difference at all reliably"
    elif len(middle) == 1:
        shown = f"differences from {points[0]} points on"
    else:
        shown = f"differences from {points[0]} points on, from {points[1]} where answers of a group go together (correlation {powers.CORRELATION:g})"
    luck = f", {seeds} trainings that differ by a point" if seeds > 1 else ""
    means = f"{who} show {shown} (power {prove.power:.0%}, if the arms differ on a fifth of them{luck})"
    return {**told, "smallest": middle[-1] if middle else None, "table": table, "means": means}


def _held(recipe: Recipe, prove: Prove, rows: pl.DataFrame) -> pl.DataFrame:
    """A line with its `cluster` for every held-out item: a question with its reference, or, of models that are not asked for words, a row
    with what it is measured by."""
    from dadeum.evaluate.items import items

    if not measured.applies(recipe):
        return items(rows, prove.cluster, prove.items, recipe.seed)
    if prove.metric == "preference":
        rows = rows.filter((pl.col("chosen").list.len() > 0) & (pl.col("rejected").list.len() > 0))
    elif recipe.train and recipe.train.objective == "classify":
        rows = rows.filter(pl.col("label").is_not_null())
    cluster = pl.col(prove.cluster).cast(pl.String) if prove.cluster else pl.lit(None, pl.String)
    return draw(rows, prove.items, str(recipe.seed)).with_columns(cluster.alias("cluster"))
