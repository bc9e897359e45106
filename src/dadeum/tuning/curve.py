"""Would more data help? A pilot, then a quarter, a half and all of the training rows, each trained on the same number of tokens.

The subsets are nested (a row's place is a hash of the seed and its id), so that a larger one differs by its new rows alone, and the number
of training tokens is that of the tuned model, so that it is the data and not the steps that differ. A recipe with stages learns each of them
from the rows of it that lie in the subset. The whole is the run's tuned model itself. The ends are trained with all of the recipe's seeds, the sizes between them with the first: the ends bear the curve.

What the next size asks of the method, with sources:

* An adapter learns what full training does while it has no fewer numbers to train than the data have tokens that carry loss; beyond that
  it learns more slowly (Schulman et al. 2025, "LoRA Without Regret", and the LoRA primer of the same authors; Biderman et al. 2024,
  arXiv:2405.09673: from some 100,000 pairs on full training learns more, and forgets more).
* On fewer rows than a pilot has, examples in the prompt are the fairer rival: `prove.arms: [few_shot, retrieval]`.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, Final

import orjson
import polars as pl

from dadeum.engine.unit import publish
from dadeum.errors import DadeumError
from dadeum.evaluate.compare import compare, mean
from dadeum.evaluate.curve import FEWEST, Law, Size, law, outlook
from dadeum.recipe import Recipe
from dadeum.tuning.ablate import notable
from dadeum.tuning.answers import prove_settings
from dadeum.tuning.course import Say
from dadeum.tuning.lessons import lessons, studied
from dadeum.tuning.rows import draw, split, train_settings
from dadeum.tuning.suites import held
from dadeum.tuning.variant import tuned, tuned_records, variant

SHARES: Final = (0.25, 0.5)
"""Of the training rows, between the pilot and all."""
FIRST: Final = 200
"""Seeds of the pilot's trainings are this many thousand above the recipe's, those of the next size one thousand more."""


def curve(recipe: Recipe, out: Path, say: Say = lambda text: None) -> dict[str, Any]:
    """Train on the nested subsets, ask the held-out items and fit; writes data_curve.json and gives it. The run in `out` has to be proven.

    Raises DadeumError where there are too few rows for three sizes, or no metric that the sizes share.
    """
    from dadeum.evaluate.metrics import METRICS
    from dadeum.evaluate.proof import scored

    wanted, seeds = prove_settings(recipe), train_settings(recipe).seeds
    rows, validation = split(out, "train"), split(out, "validation")
    full = studied(lessons(recipe, rows, validation))
    own = held(recipe, out, dataclasses.replace(wanted, suites=()))[0]
    counts = sizes(full.height, wanted.pilot)
    answers = []
    for number, count in enumerate(counts[:-1]):
        among = frozenset(draw(full, count, f"{recipe.seed} curve")["id"].to_list())
        part = lessons(recipe, rows, validation, among)
        answers.append(variant(recipe, out, f"rows-{count}", part, own, FIRST + number, seeds[:1] if number else seeds, say))
    answers.append(tuned(recipe, out, own, seeds, say))
    shared = scored(answers, own.references, wanted, own.cluster)
    metric = METRICS[wanted.metric]
    measured = [Size(count, arm) for count, arm in zip(counts, shared.arms)]
    found = law(measured, shared.cluster, shared.weights, level=wanted.level, higher_is_better=metric.higher_is_better)
    margin = notable(wanted, shared.arms[-1])
    ends: dict[str, Any] = {"binary": metric.binary, "level": wanted.level, "resamples": wanted.resamples, "seed": recipe.seed}
    points = []
    for size in measured:
        score, low, high = mean(size.arm, shared.cluster, shared.weights, **ends)
        points.append({"rows": size.rows, "score": score, "low": low, "high": high, "by_seed": _by_seed(size, shared.weights)})
    seen = compare(shared.arms[-1], shared.arms[0], shared.cluster, shared.weights, **ends)
    told = {
        "metric": wanted.metric,
        "higher_is_better": metric.higher_is_better,
        "n": shared.arms[0].scores.shape[1],
        "tokens": sum(told["tokens"] for told in tuned_records(recipe, out)),
        "level": wanted.level,
        "margin": margin,
        "points": points,
        "seen": {"from": counts[0], "to": counts[-1], "difference": seen.difference, "low": seen.low, "high": seen.high, "p": seen.p},
        "doubling": {"rows": 2 * counts[-1], "gain": found.gain, "low": found.low, "high": found.high},
        "law": {"exponent": found.exponent, "ceiling": found.ceiling, "misfit": found.misfit, "fit": _line(found, counts, metric.higher_is_better)},
        "outlook": outlook(found, margin),
        "advice": advice(recipe, out, counts[-1], wanted.pilot),
    }
    if not found.known:
        told["doubling"] |= {"low": None, "high": None}
    publish(out / "data_curve.json", orjson.dumps(told, option=orjson.OPT_INDENT_2))
    return told


def sizes(rows: int, pilot: int) -> list[int]:
    """Rows of each training: the pilot, where it is below a quarter, then a quarter, a half, all.

    Raises DadeumError where these are fewer than three different numbers.

    >>> sizes(2000, 75), sizes(200, 75)
    ([75, 500, 1000, 2000], [50, 100, 200])
    """
    parts = [round(rows * share) for share in SHARES]
    made = sorted({*([pilot] if pilot < parts[0] else []), *parts, rows} - {0})
    if len(made) < FEWEST:
        raise DadeumError(f"{rows} training rows make no curve: {FEWEST} sizes that differ are needed")
    return made


def advice(recipe: Recipe, out: Path, rows: int, pilot: int) -> dict[str, Any]:
    """{method, supervised_tokens, adapter_numbers, now, twice, few}: what this much data and twice as much ask for, `adapter` or `full`."""
    record = tuned_records(recipe, out)[-1]
    settings = lessons(recipe, split(out, "train"), split(out, "validation"))[-1].settings
    ledger = pl.read_parquet(out / "supervision.parquet").filter(pl.col("reason").is_null())
    supervised = int(ledger["n_supervised"].sum())
    numbers = record["trainable"] if record["trainable"] < record["parameters"] else _adapter(settings.lora.r, out)
    now, twice = ("adapter" if numbers >= times * supervised else "full" for times in (1, 2))
    told = {"method": settings.method, "supervised_tokens": supervised, "adapter_numbers": numbers}
    return {**told, "now": now, "twice": twice, "few": rows < pilot}


def _adapter(rank: int, out: Path) -> int:
    """Numbers that an adapter of this rank would train on every linear layer of the tuned model."""
    config = json.loads((out / "model/config.json").read_text(encoding="utf-8"))
    wide, layers, inner = (int(config.get(k) or 0) for k in ("hidden_size", "num_hidden_layers", "intermediate_size"))
    heads = int(config.get("num_attention_heads") or 1)
    kv = wide * int(config.get("num_key_value_heads") or heads) // heads
    # query and output are square, key and value narrower, three matrices between hidden and inner size
    return rank * layers * (4 * wide + 2 * (wide + kv) + 3 * (wide + inner))


def _by_seed(size: Size, weights: Any) -> list[float]:
    return [float(line.mean() if weights is None else line @ weights / weights.sum()) for line in size.arm.scores]


def _line(found: Law, counts: list[int], higher_is_better: bool) -> list[list[float]]:
    """The fitted curve at some sizes, up to twice the data, for the picture."""
    first, last = counts[0], 2 * counts[-1]
    steps = [first * (last / first) ** (i / 24) for i in range(25)]
    return [[round(n, 1), found.at(n, higher_is_better)] for n in steps]
