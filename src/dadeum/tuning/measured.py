"""The proof of models that are not asked for words: which end of a pair they prefer, which label they give, how well they expect documents.

The comparison is that of every proof (evaluate/proof.py): paired on the held-out rows, by cluster, with the interval of the training seeds.
What has to be beaten:

    reward     length alone: the longer end of a pair, or the shorter one where the training pairs were chosen so (a coin where both are as
               long); the bias that preference data teach first
    dpo        the untuned model's own preference, by summed log-probability
    classify   the most common label of the training rows
    pretrain, infill   the untuned model, nats per byte on the same tokens
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Final

import orjson
import polars as pl

from dadeum.engine.unit import publish, publish_table
from dadeum.errors import DadeumError
from dadeum.recipe import Recipe
from dadeum.settings import Train
from dadeum.tuning.course import model_folder
from dadeum.tuning.keep import content, kept
from dadeum.tuning.rows import base_model, split, train_settings, training_rows

KINDS = ("reward", "classify", "pretrain", "infill")
"""Objectives whose models are not asked for words at all."""

BEATEN: Final = {"reward": "length", "classify": "common"}
"""The arm that is to be beaten where it is no model: length alone, the most common label."""


def applies(recipe: Recipe) -> bool:
    """Whether the recipe's proof is one of these."""
    return train_settings(recipe).objective in KINDS or (recipe.prove is not None and recipe.prove.metric == "preference")


def prove(recipe: Recipe, out: Path) -> dict[str, Any]:
    """Measure every training on the held-out rows, compare; writes proof.json and answers.parquet, gives the headline."""
    from dadeum.evaluate.metrics.loss import Losses
    from dadeum.evaluate.proof import Answers, proof

    settings, wanted = train_settings(recipe), recipe.prove
    if wanted is None:
        raise DadeumError(f"the recipe {recipe.name} has no `prove` section: there is nothing to prove")
    rows = _drawn(split(out, "test"), wanted.items, recipe.seed)
    beaten = BEATEN.get(settings.objective, "base")
    models: list[Path | str] = [model_folder(out, "tuned", seed) for seed in settings.seeds]
    if settings.objective in ("pretrain", "infill"):
        found = [_losses(folder, rows, settings, out) for folder in (base_model(recipe, out), *models)]
        lost = [Losses.of(one) for one in found]
        references, blank = ["-"] * rows.height, [""] * rows.height
        told = [Answers("base", [blank], (), lost[:1]), Answers("tuned", [blank] * len(models), settings.seeds, lost[1:])]
        said = [one["nll"].cast(pl.String).to_list() for one in found]
    else:
        read = [_said(folder, rows, settings, out) for folder in models]
        common = read[0].select("id", "reference")
        if not common.height:
            raise DadeumError(f"none of the {rows.height} held-out rows can be measured: look at the reasons in supervision.parquet")
        rows = rows.join(common, on="id", how="inner", maintain_order="left")
        references = rows["reference"].to_list()
        said = [_base(recipe, rows, settings, out), *(one["said"].to_list() for one in read)]
        told = [Answers(beaten, said[:1]), Answers("tuned", said[1:], settings.seeds)]
    cluster = rows.get_column(wanted.cluster).cast(pl.String).to_list() if wanted.cluster else None
    made = proof(told, references, wanted, cluster=cluster, task=recipe.name, seed=recipe.seed, headline=("tuned", beaten))
    seeds = [(beaten, 0), *(("tuned", seed) for seed in settings.seeds)]
    frames = [
        pl.DataFrame({"id": rows["id"], "reference": references, "arm": arm, "seed": seed, "answer": pl.Series(answers, dtype=pl.String), "suite": ""})
        for (arm, seed), answers in zip(seeds, said)
    ]
    publish_table(out / "answers.parquet", pl.concat(frames))
    publish(out / "proof.json", orjson.dumps(made, option=orjson.OPT_INDENT_2))
    return {k: made[k] for k in ("verdict", "difference", "low", "high", "p", "n")}


def _said(folder: Path | str, rows: pl.DataFrame, settings: Train, out: Path) -> pl.DataFrame:
    """{id, reference, said, longer} of the rows that can be measured."""
    from dadeum.train import measure

    def make() -> tuple[dict[str, Any], dict[str, pl.DataFrame]]:
        if settings.objective == "classify":
            told = measure.labels(folder, rows, settings)
            return {}, {"said": told.select("id", pl.col("label").alias("reference"), "said", pl.lit(0).alias("longer"))}
        told = measure.scores(folder, rows, settings)
        better = pl.when(pl.col("chosen") > pl.col("rejected")).then(pl.lit("chosen")).otherwise(pl.lit("rejected"))
        return {}, {"said": told.select("id", pl.lit("chosen").alias("reference"), better.alias("said"), "longer")}

    return kept(out, "measured", [content(folder), rows, settings], make).parts["said"]


def _base(recipe: Recipe, rows: pl.DataFrame, settings: Train, out: Path) -> list[str]:
    """What has to be beaten, row by row."""
    if settings.objective == "classify":
        had = training_rows(recipe, split(out, "train")).get_column("label").drop_nulls()
        most = had.value_counts().sort(["count", "label"], descending=[True, False])["label"][0]
        return [str(most)] * rows.height
    if settings.objective == "dpo":
        return _said(base_model(recipe, out), rows.drop("reference"), settings, out)["said"].to_list()
    pairs = training_rows(recipe, split(out, "train"))
    apart = [pairs.get_column(end).list.eval(pl.element().struct.field("content").str.len_chars()).list.sum() for end in ("chosen", "rejected")]
    sign = 1 if int((apart[0] > apart[1]).sum()) >= int((apart[0] < apart[1]).sum()) else -1
    longer = _said(model_folder(out, "tuned", settings.seeds[0]), rows.drop("reference"), settings, out)["longer"].to_list()
    return ["chosen" if sign * n > 0 or (n == 0 and _coin(id)) else "rejected" for n, id in zip(longer, rows["id"].to_list())]


def _losses(folder: Path | str, rows: pl.DataFrame, settings: Train, out: Path) -> pl.DataFrame:
    from dadeum.train import generate

    def make() -> tuple[dict[str, Any], dict[str, pl.DataFrame]]:
        return {}, {"losses": generate.losses(folder, rows, settings)}

    return kept(out, "losses", [content(folder), rows, settings], make).parts["losses"]


def _drawn(rows: pl.DataFrame, count: int, seed: int) -> pl.DataFrame:
    """`count` of the rows, drawn by the seed and their ids, in their order; 0 takes all."""
    if not count or rows.height <= count:
        return rows
    ranks = pl.Series([hashlib.blake2b(f"{seed}\0{id}".encode("utf-8", "surrogatepass"), digest_size=16).hexdigest() for id in rows["id"].to_list()])
    return rows[ranks.arg_sort()[:count].sort()]


def _coin(id: str) -> bool:
    return hashlib.blake2b(id.encode("utf-8", "surrogatepass"), digest_size=1).digest()[0] % 2 == 1
