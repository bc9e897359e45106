"""Every arm's models asked the held-out items, scored and compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import polars as pl

from dadeum.errors import DadeumError
from dadeum.recipe import Recipe
from dadeum.settings import Prove
from dadeum.tuning.keep import content, kept
from dadeum.tuning.rows import base_model, split, train_settings
from dadeum.tuning.trainings import arms, model_folder


def prove(recipe: Recipe, out: Path) -> dict[str, Any]:
    """Ask every arm's models the held-out items, score and compare; writes proof.json and answers.parquet, gives the headline.

    The headline is tuned against raw where the recipe has that arm (did engineering the data help?), else against the base.
    """
    from dadeum.evaluate.items import items
    from dadeum.evaluate.metrics.loss import Losses
    from dadeum.evaluate.proof import Answers, proof
    from dadeum.train import generate

    settings, wanted = train_settings(recipe), prove_settings(recipe)
    held = items(split(out, "test"), wanted.cluster, wanted.items, recipe.seed)
    if not held.height:
        raise DadeumError("the held-out split has no item with a prompt and a reference: nothing can be proven; look at mix.split and form.chat")
    models: dict[str, list[tuple[int, Path | str]]] = {"base": [(0, base_model(recipe, out))]}
    for arm in reversed(arms(recipe)):
        models[arm] = [(seed, model_folder(out, arm, seed)) for seed in settings.seeds]
    told, said = [], []
    for arm, folders in models.items():
        replies, losses = [], []
        for seed, folder in folders:

            def make(folder: Path | str = folder) -> tuple[dict[str, Any], dict[str, pl.DataFrame]]:
                answers = generate.answers(folder, held, settings, wanted.max_new_tokens)
                return {}, {"answers": pl.DataFrame({"answer": answers}), "losses": generate.losses(folder, held, settings)}

            found = kept(out, "answers", [content(folder), held, settings, wanted.max_new_tokens], make)
            answers = found.parts["answers"]["answer"].to_list()
            losses.append(Losses.of(found.parts["losses"]))
            replies.append(answers)
            said.append(held.select("id", "reference", pl.lit(arm).alias("arm"), pl.lit(seed).alias("seed")).with_columns(pl.Series("answer", answers)))
        told.append(Answers(arm, replies, () if arm == "base" else settings.seeds, losses))
    cluster = held.get_column("cluster").to_list() if wanted.cluster else None
    headline = ("tuned", "raw" if "raw" in models else "base")
    made = proof(told, held.get_column("reference").to_list(), wanted, cluster=cluster, task=recipe.name, seed=recipe.seed, headline=headline)
    pl.concat(said).write_parquet(out / "answers.parquet")
    (out / "proof.json").write_bytes(orjson.dumps(made, option=orjson.OPT_INDENT_2))
    return {k: made[k] for k in ("verdict", "difference", "low", "high", "p", "n")}


def prove_settings(recipe: Recipe) -> Prove:
    if recipe.prove is None:
        raise DadeumError(f"the recipe {recipe.name} has no `prove` section: there is nothing to prove")
    return recipe.prove
