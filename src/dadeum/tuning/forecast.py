"""What a training will take, lesson by lesson: memory, pace, time, money, and every value with its origin; and what was said afterwards."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import polars as pl

from dadeum.recipe import Recipe
from dadeum.settings import Train
from dadeum.tuning.lessons import Lesson, lessons
from dadeum.tuning.rates import found_rate
from dadeum.tuning.rows import base_model, split
from dadeum.tuning.taught import taught

if TYPE_CHECKING:
    from dadeum.train.dry import Passes

def memory(recipe: Recipe, out: Path) -> dict[str, Any] | None:
    """What the training will take here, and what would fit elsewhere: the walk on fake tensors, devices by formula. Of stages, the one
    that takes most. None without a row to train on."""
    from transformers import AutoConfig

    from dadeum.train import forecast

    base = base_model(recipe, out)
    told: list[dict[str, Any]] = []
    for lesson in lessons(recipe, split(out, "train"), split(out, "validation")):
        rows, given = _fitting(lesson, base, out)
        if given:
            one = forecast.forecast(AutoConfig.from_pretrained(base), given, int(rows["n_tokens"].sum()), _labelled(lesson))
            told.append(one | ({"stage": lesson.name} if lesson.stage else {}))
    return max(told, key=lambda one: one["cpu"]["plain"]["peak"]) | {"tokens": sum(one["tokens"] for one in told)} if told else None


def ahead(recipe: Recipe, out: Path) -> list[dict[str, Any]]:
    """[{stage, values, pace, seconds, cost, found}] of every lesson: seconds and cost are [low, high] of the whole lesson on this device,
    for every seed; null where they cannot be known yet."""
    from dadeum.train import effective, pace
    from dadeum.train.memory import money

    base, made = base_model(recipe, out), []
    for lesson in lessons(recipe, split(out, "train"), split(out, "validation")):
        rows, given = _fitting(lesson, base, out)
        if given is None:
            continue
        settings, tokens = lesson.settings, int(rows["n_tokens"].sum())
        found = None
        if settings.learning_rate == "find" and lesson.number == 0:
            found = found_rate(recipe, lesson, base, out)
        rate = pace.pace(lesson.rows, base, settings, recipe.seed)
        whole = (settings.tokens or tokens * settings.epochs) * len(settings.seeds)
        start = rate["start"] * len(settings.seeds) if rate else 0.0
        seconds = [start + whole / rate["fast"], start + whole / rate["slow"]] if rate else None
        price = settings.price_per_hour.get("cpu") if rate and rate["device"] == "cpu" else None
        cost = [money(s, price) for s in seconds] if seconds and price else None
        values = effective.effective(settings, _parameters(base), tokens, found, given.planned)
        made.append({"stage": lesson.name, "values": values, "pace": rate, "seconds": seconds, "cost": cost, "found": found})
    return made


def text(told: list[dict[str, Any]]) -> list[str]:
    """The lines of a terminal."""
    from dadeum.train import effective, finder

    lines: list[str] = []
    for one in told:
        lines += ["", f"values in force{', stage ' + one['stage'] if one['stage'] else ''}, and where they come from:", *effective.text(one["values"])]
        lines += [finder.text(one["found"])] if one["found"] else []
        if one["seconds"]:
            low, high = one["seconds"]
            cost = f", {one['cost'][0]:,.2g} to {one['cost'][1]:,.2g} by your price" if one["cost"] else ""
            lines.append(f"time on this device ({one['pace']['device']}), measured over a few steps: {low:,.0f} to {high:,.0f} s{cost}")
    return lines


def said(lesson: Lesson, base: str, out: Path) -> dict[str, Any] | None:
    """{stage, peak, seconds}: what the forecast says of a lesson that was trained on a CPU; seconds are those of the last `check`, null
    where there was none. None on a GPU, for which there is only arithmetic."""
    from transformers import AutoConfig

    from dadeum.train import dry
    from dadeum.train.machine import device_of

    settings, given = _labelled(lesson), _fitting(lesson, base, out)[1]
    if given is None or device_of(settings) != "cpu":
        return None
    # The reference of preferences is taken before the loop begins, whose steps are what is counted afterwards.
    peak = dry.walk(AutoConfig.from_pretrained(base), given, settings, agree=settings.objective != "dpo").peak
    return {"stage": lesson.name, "peak": peak, "seconds": _checked(out, lesson.name)}


def _checked(out: Path, stage: str) -> float | None:
    try:
        told = orjson.loads((out / "check.json").read_bytes()).get("ahead") or []
    except (OSError, ValueError):
        return None
    return next((sum(one["seconds"]) / 2 for one in told if one["stage"] == stage and one["seconds"]), None)


def _fitting(lesson: Lesson, base: str, out: Path) -> tuple[pl.DataFrame, Passes | None]:
    """The ledger lines that are trained on, and the largest passes of their plan."""
    from dadeum.train.dry import read

    head, ledger = taught(lesson, base, out)
    given = head["told"]["passes"]
    return ledger.filter(pl.col("reason").is_null()), read(given) if given else None


def _labelled(lesson: Lesson) -> Train:
    """The settings, a classifier's labels named."""
    settings = lesson.settings
    if settings.objective != "classify" or settings.classify.labels:
        return settings
    labels = tuple(sorted(lesson.rows["label"].drop_nulls().unique().to_list()))
    if len(labels) < 2:  # which a check tells, and no training gets that far
        return settings
    return dataclasses.replace(settings, classify=dataclasses.replace(settings.classify, labels=labels))


def _parameters(base: str) -> int:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    with torch.device("meta"):
        return int(AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(base)).num_parameters())

