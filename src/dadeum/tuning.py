"""The later stages of a run: what the model learns from every row, the trainings, and the proof, each kept by its key.

Arms: `base` is the untuned model; `tuned` is trained on the run's training rows; `raw`, where the recipe asks for it, is trained on
the rows before they were engineered (the recipe's labels, form and split alone) with the same number of training tokens. Every arm
that trains does so once per seed, and no two arms share a seed, so that the interval holds what a training's luck is worth.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import orjson
import polars as pl
import xxhash

from dadeum.engine import collect, flow, local, unit
from dadeum.errors import DadeumError
from dadeum.recipe import Recipe
from dadeum.record import prose
from dadeum.settings import Prove, Train
from dadeum.step import RECORD_COLUMNS, Step, digest_file

if TYPE_CHECKING:
    from dadeum.format.supervise import Supervision

NEEDED: Final = ("annotate.label", "filter.label", "form.chat", "mix.split")
"""The steps without which raw rows are no training rows at all; the arm `raw` keeps these alone."""
VERSION: Final = "1"
"""Bump it when the same rows, model and settings would be supervised, or would answer, otherwise: part of what is kept of both."""
SAMPLED: Final = 1000
"""Rows that the checks read again token by token; what needs only the ledger looks at all of them."""
PICTURED: Final = 6
"""Rows whose tokens the report shows."""


def split(out: Path, name: str) -> pl.DataFrame:
    """The rows of one split of a finished run; none where the run has no such split."""
    path = out / f"data/{name}.parquet"
    return pl.read_parquet(path) if path.exists() else pl.read_parquet(out / "data/train.parquet").clear()


def training_rows(recipe: Recipe, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows that are trained on: all, or `train.rows` of them, drawn by the recipe's seed and their ids, in their order."""
    n = _train(recipe).rows
    if not n or n >= rows.height:
        return rows
    ranks = [xxhash.xxh3_64_intdigest(f"{recipe.seed}\0{id}".encode()) for id in rows.get_column("id").to_list()]
    return rows[np.sort(np.argsort(np.array(ranks, dtype=np.uint64), kind="stable")[:n])]


def base_model(recipe: Recipe, out: Path) -> str:
    """The folder or hub name of the model that every arm starts from; a tiny one is made of the training split's own prompts."""
    from dadeum.train import base

    texts = prose(split(out, "train"), ("text", "user", "assistant")).drop_nulls().to_list()
    return base.base(_train(recipe), texts, out / "cache/models", recipe.seed)


def supervision(recipe: Recipe, out: Path) -> dict[str, Any]:
    """Write supervision.parquet (every training row: its tokens, those with loss, why it was left out) and a sample for the eye."""
    from dadeum.format.supervise import picture, supervise
    from dadeum.format.tokens import load_tokenizer

    base = base_model(recipe, out)
    rows = training_rows(recipe, split(out, "train"))

    def make() -> tuple[dict[str, Any], dict[str, pl.DataFrame]]:
        tokenizer = load_tokenizer(base)
        made = supervise(rows, tokenizer, _train(recipe))
        ids = [e.id for e in made.examples[:: max(1, len(made.examples) // PICTURED)]][:PICTURED]
        pictures = picture(made, tokenizer, ids)
        shown = [{"id": id, "tokens": [{"text": text, "supervised": on} for text, on in tokens]} for id, tokens in pictures.items()]
        return {"told": _taught(rows, made), "shown": shown}, {"ledger": made.ledger}

    kept = _kept(out, "supervision", [_content(base), rows, _train(recipe)], make)
    kept.parts["ledger"].write_parquet(out / "supervision.parquet")
    (out / "supervision_sample.json").write_bytes(orjson.dumps(kept.head["shown"]))
    return kept.head["told"]


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


def check(recipe: Recipe, out: Path) -> dict[str, Any]:
    """Supervision of every row, the probes on the real configuration, and the smallest gain that the held-out items can show."""
    from dadeum.format.supervise import supervise
    from dadeum.format.tokens import load_tokenizer
    from dadeum.train import checks, loop, probe

    taught = supervision(recipe, out)
    rows, settings, base = training_rows(recipe, split(out, "train")), _train(recipe), base_model(recipe, out)
    ledger = pl.read_parquet(out / "supervision.parquet")
    roles = pl.DataFrame(taught["roles"], schema={"role": pl.String(), "n_tokens": pl.UInt64(), "n_supervised": pl.UInt64()})
    tokenizer = load_tokenizer(base)
    sampled = loop.drawn(rows, dataclasses.replace(settings, rows=SAMPLED), recipe.seed)
    sample = supervise(sampled, tokenizer, settings)
    setup = checks.Setup(rows, ledger, roles, sample, sampled, tokenizer, base, settings, split(out, "validation"), split(out, "test"))
    seen = checks.checks(setup)
    del setup  # it holds a model, and the probes load their own
    probed = [checks.Found(p.name, p.verdict, p.number, p.means) for p in probe.probes(rows, base, settings, recipe.seed)]
    found = [dataclasses.asdict(f) for f in checks.graded([*seen, *probed], settings.checks)]
    verdicts = {p["verdict"] for p in found}
    worst = "fail" if "fail" in verdicts or not taught["trained"] else "warn" if "warn" in verdicts else "pass"
    return {"verdict": worst, "supervision": taught, "probes": found, "memory": memory(recipe, out), "power": power(recipe, out)}


def memory(recipe: Recipe, out: Path) -> dict[str, Any] | None:
    """What the training will take, and what would fit elsewhere: the walk on fake tensors, devices by formula. None without a row to train on."""
    from transformers import AutoConfig

    from dadeum.train import forecast

    rows = pl.read_parquet(out / "supervision.parquet").filter(pl.col("reason").is_null())
    if not rows.height:
        return None
    config = AutoConfig.from_pretrained(base_model(recipe, out))
    share = int(rows["n_supervised"].sum()) / max(1, int(rows["n_tokens"].sum()))
    return forecast.forecast(config, rows["n_tokens"].to_list(), share, _train(recipe))


def arms(recipe: Recipe) -> list[str]:
    """The arms that train, the tuned one first."""
    asked = recipe.prove.arms if recipe.prove else ()
    return ["tuned", *(a for a in asked if a != "base")]


def train(recipe: Recipe, out: Path, say: Any = lambda text: None) -> dict[str, Any]:
    """Train every arm with every seed; `model/` is the tuned arm's first. Writes curve.json; gives what each training took."""
    from dadeum.train import loop

    settings = dataclasses.replace(_train(recipe), rows=0)
    base = base_model(recipe, out)
    held = split(out, "validation")
    curve: list[dict[str, Any]] = []
    done: dict[str, Any] = {}
    matched = settings
    for number, arm in enumerate(arms(recipe)):
        rows = training_rows(recipe, split(out, "train") if arm == "tuned" else raw_rows(recipe, out))
        for seed in settings.seeds:
            say(f"train {arm}, seed {seed}")
            made = loop.train(rows, held, base, matched, _seed(seed, number), model_folder(out, arm, seed))
            if not matched.tokens and len(arms(recipe)) > 1:
                matched = dataclasses.replace(settings, tokens=made.tokens)
            curve += [{"arm": arm, "seed": seed, **point} for point in made.curve.to_dicts()]
            told = {"tokens": made.tokens, "steps": made.steps, "eval_loss": made.eval_loss, "seconds": round(made.seconds, 1)}
            done[f"{arm}-{seed}"] = {**told, "rows": rows.height, "learning_rate": made.learning_rate, "device": made.device}
    first = model_folder(out, "tuned", settings.seeds[0])
    link = out / "model"
    if link.is_symlink() or not link.exists():
        link.unlink(missing_ok=True)
        link.symlink_to(first.relative_to(out))
    (out / "curve.json").write_bytes(orjson.dumps(curve))
    return {"base": base if settings.base != "tiny" else "tiny", "arms": done}


def raw_rows(recipe: Recipe, out: Path) -> pl.DataFrame:
    """The training rows before they were engineered: the same sources and split, the recipe's labels and form, nothing else."""
    steps = tuple(_allowing(s) for s in recipe.steps if s.name in NEEDED)
    cache = Path(recipe.engine.cache) if recipe.engine.cache else out / "cache"
    with local.Local(1) as engine:
        made = flow.process(dataclasses.replace(recipe, steps=steps), cache, engine)
    kept = [collect.fold(shard.rows()) for shard in made.shards]
    rows = pl.concat(kept, how="diagonal").filter(pl.col("split") == "train")
    return rows.select(*RECORD_COLUMNS, *(c for c in rows.columns if c not in RECORD_COLUMNS))


def power(recipe: Recipe, out: Path) -> dict[str, Any] | None:
    """How small a gain the held-out items can show, for some shares of items on which two arms will differ. None without `prove`."""
    if recipe.prove is None:
        return None
    from dadeum.evaluate.items import items
    from dadeum.evaluate.power import forecast

    asked = items(split(out, "test"), recipe.prove.cluster, recipe.prove.items, recipe.seed)
    clusters = asked.get_column("cluster").n_unique() if recipe.prove.cluster else asked.height
    table = forecast(asked.height, clusters, recipe.prove.level, recipe.prove.power)
    middle = next(row["smallest"] for row in table if row["discordant"] == 0.2)
    shown = "no difference at all reliably" if middle is None else f"differences from {100 * middle:.0f} points on"
    means = f"{asked.height:,} held-out items of {clusters:,} groups show {shown} (power {recipe.prove.power:.0%}, if the arms differ on a fifth of them)"
    return {"items": asked.height, "clusters": clusters, "smallest": middle, "table": table, "means": means}


def prove(recipe: Recipe, out: Path) -> dict[str, Any]:
    """Ask every arm's models the held-out items, score and compare; writes proof.json and answers.parquet, gives the headline.

    The headline is tuned against raw where the recipe has that arm (did engineering the data help?), else against the base.
    """
    from dadeum.evaluate.items import items
    from dadeum.evaluate.metrics.loss import Losses
    from dadeum.evaluate.proof import Answers, proof
    from dadeum.train import generate

    settings, asked = _train(recipe), _prove(recipe)
    held = items(split(out, "test"), asked.cluster, asked.items, recipe.seed)
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
                answers = generate.answers(folder, held, settings, asked.max_new_tokens)
                return {}, {"answers": pl.DataFrame({"answer": answers}), "losses": generate.losses(folder, held, settings)}

            kept = _kept(out, "answers", [_content(folder), held, settings, asked.max_new_tokens], make)
            answers = kept.parts["answers"]["answer"].to_list()
            losses.append(Losses.of(kept.parts["losses"]))
            replies.append(answers)
            said.append(held.select("id", "reference", pl.lit(arm).alias("arm"), pl.lit(seed).alias("seed")).with_columns(pl.Series("answer", answers)))
        told.append(Answers(arm, replies, () if arm == "base" else settings.seeds, losses))
    cluster = held.get_column("cluster").to_list() if asked.cluster else None
    headline = ("tuned", "raw" if "raw" in models else "base")
    made = proof(told, held.get_column("reference").to_list(), asked, cluster=cluster, task=recipe.name, seed=recipe.seed, headline=headline)
    pl.concat(said).write_parquet(out / "answers.parquet")
    (out / "proof.json").write_bytes(orjson.dumps(made, option=orjson.OPT_INDENT_2))
    return {k: made[k] for k in ("verdict", "difference", "low", "high", "p", "n")}


def _kept(out: Path, kind: str, made_of: list[Any], make: Callable[[], tuple[dict[str, Any], dict[str, pl.DataFrame]]]) -> unit.Unit:
    """What `make` gives, or gave before out of the same: kept below the run's cache."""
    path = out / f"cache/{kind}" / unit.digest(VERSION, *map(_digest, made_of))
    found = unit.load(path)
    if found is not None:
        return found
    head, parts = make()
    return unit.Unit(head, unit.save(path, head, parts), parts)


def _digest(value: Any) -> str:
    if isinstance(value, pl.DataFrame):
        buffer = io.BytesIO()
        value.write_ipc(buffer)
        return xxhash.xxh3_128_hexdigest(buffer.getbuffer())
    return repr(value)


def _content(model: Path | str) -> str:
    """Of a model's files; a hub model is told by its name."""
    folder = Path(model)
    return unit.digest(*(f"{p.name} {digest_file(p)}" for p in sorted(folder.iterdir()) if p.is_file())) if folder.is_dir() else str(model)


def model_folder(out: Path, arm: str, seed: int) -> Path:
    """Where an arm's training with one seed lies."""
    return out / f"models/{arm}-{seed}"


def _allowing(step: Step) -> Step:
    return dataclasses.replace(step, leak="allow") if step.name == "mix.split" else step  # type: ignore[call-arg]


def _seed(seed: int, arm: int) -> int:
    """Independent seeds for each arm: 0, 1, 2 ... for the first, 1000, 1001 ... for the second."""
    return seed + 1000 * arm


def _train(recipe: Recipe) -> Train:
    if recipe.train is None:
        raise DadeumError(f"the recipe {recipe.name} has no `train` section: there is nothing to tune")
    return recipe.train


def _prove(recipe: Recipe) -> Prove:
    if recipe.prove is None:
        raise DadeumError(f"the recipe {recipe.name} has no `prove` section: there is nothing to prove")
    return recipe.prove
