"""One training, from rows to a model folder, for every objective and method; continues after a kill.

A checkpoint counts once a last file says that it is whole, so a run killed at any moment continues from the last whole one and ends
with the same weights (bit for bit on a CPU). What cannot run here is said before anything is spent.
"""

from __future__ import annotations

import resource
import shutil
import time
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from dadeum.errors import DadeumError, MissingExtra
from dadeum.format.supervise import Supervision, supervise
from dadeum.format.tokens import load_tokenizer, need
from dadeum.settings import Train
from dadeum.train.actual import Watch, telling
from dadeum.train.base import covered
from dadeum.train.batches import Plan, plan
from dadeum.train.checkpoints import Progress, Trained, claim, disk_told, finished, identity, last_whole, taken_up, trained
from dadeum.train.defaults import learning_rate
from dadeum.train.machine import quiet, threads
from dadeum.train.methods import METHODS
from dadeum.train.numbers import number_format
from dadeum.train.save import save
from dadeum.train.trainer import make_trainer

__all__ = ["drawn", "learning_rate", "make_trainer", "ready", "train"]


def train(
    rows: pl.DataFrame,
    validation: pl.DataFrame | None,
    base: str,
    settings: Train,
    seed: int,
    out: Path,
    progress: Progress | None = None,
) -> Trained:
    """Tune `base` on the rows and write the model to the folder `out`; a second call continues or returns what is there.

    validation: rows for the held-out loss, early stopping and the choice of the best checkpoint; may be null or empty.
    With `settings.tokens` the whole budget is trained, so that arms stay comparable, and `patience` does not stop it.
    Raises DadeumError (no row to train on, one label only, a loss that is no number, a row whose mask cannot be proven), RecipeError,
    MissingExtra.
    """
    ready(settings)
    tokenizer = load_tokenizer(base)
    taught = supervise(drawn(rows, settings, seed), tokenizer, settings)
    if not taught.examples:
        raise DadeumError(f"no row to train on: {rows.height} came in and all were left out ({taught.counts or 'none came in'})")
    covered(taught.examples, base)
    held = supervise(validation, tokenizer, settings) if validation is not None and validation.height else None
    key = identity(taught, held, base, settings, seed)
    if (done := finished(out, key, taught) or taken_up(out, key, taught)) is not None:
        if progress:
            progress({"stage": "kept", "steps": done.steps, "eval_loss": done.eval_loss})
        return done
    steps = plan([len(e.ids) for e in taught.examples], settings, seed)
    if not steps.steps:
        raise DadeumError(f"train.tokens {settings.tokens} is less than the shortest row: nothing would be trained")
    checkpoints = out.with_name(f"{out.name}.checkpoints")
    with quiet():
        started, cpu = time.monotonic(), _cpu()
        trainer = make_trainer(base, tokenizer, taught, held, steps, settings, seed, checkpoints, progress)
        if progress:
            progress(_begins(trainer, steps, taught, held, settings))
        with threads(trainer.size):
            last = last_whole(checkpoints, key)
            claim(checkpoints, key)
            trainer.key = key
            watch = Watch(trainer, telling(taught.examples, steps, settings))
            with disk_told(out.parent):
                trainer.train(resume_from_checkpoint=str(last) if last else None)
            watch.end()
            told = {**_told(trainer, steps), "peak_bytes": watch.peak, "grew_bytes": watch.grew, "seconds": time.monotonic() - started, "cpu_seconds": _cpu() - cpu, "resumed": last is not None}
            record = {"key": key, "seed": seed, "base": base, "settings": asdict(settings), **told}
            with disk_told(out.parent):
                save(trainer.model, tokenizer, taught.stops, settings, out, record)
    shutil.rmtree(checkpoints, ignore_errors=True)
    if progress:
        progress({"stage": "done", **{name: told[name] for name in ("steps", "planned_steps", "best_step", "eval_loss", "before")}})
    return trained(out, record, taught)


def ready(settings: Train) -> None:
    """Raise MissingExtra, with the command that helps, where something that the training needs is not installed. Imports nothing."""
    need("torch", "transformers", "trl", "peft", "accelerate")
    way = METHODS[settings.method]
    missing = [name for name in way.packages if find_spec(name) is None]
    if missing:
        raise MissingExtra(f'{", ".join(missing)} not installed, which train.method {settings.method} needs: pip install "dadeum[{way.extra}]"')


def drawn(rows: pl.DataFrame, settings: Train, seed: int) -> pl.DataFrame:
    """`settings.rows` of the rows, drawn by the seed, in their order; all of them for 0."""
    if not settings.rows or settings.rows >= rows.height:
        return rows
    return rows[np.sort(np.random.default_rng(seed).choice(rows.height, settings.rows, replace=False))]


def _begins(trainer: Any, steps: Plan, taught: Supervision, held: Supervision | None, settings: Train) -> dict[str, Any]:
    """What is told of a training before its first step. once: tokens of all its rows; held: examples held out."""
    return {
        "stage": "begin",
        "rows": len(taught.examples),
        "once": sum(len(e.ids) for e in taught.examples),
        "held": len(held.examples) if held and settings.evaluations else 0,
        "steps": steps.steps,
        "batch_tokens": settings.batch_tokens,
        "rate": trainer.peak_rate,
        "device": trainer.device_name,
        "numbers": number_format(settings, trainer.device_name),
    }


def _told(trainer: Any, steps: Plan) -> dict[str, Any]:
    state = trainer.state
    lines: dict[int, dict[str, float]] = {}
    for line in state.log_history:
        lines.setdefault(line["step"], {}).update({k: v for k, v in line.items() if k == "loss" or k.startswith("eval_")})
    curve: list[dict[str, Any]] = [
        {"step": s, "tokens": int(steps.tokens[s - 1]) if s else 0, "loss": v.get("loss"), "eval_loss": v.get("eval_loss")}
        for s, v in sorted(lines.items())
        if v
    ]
    taken = [(line["eval_loss"], line["step"]) for line in curve if line["eval_loss"] is not None and line["step"]]
    best, at = min(taken) if taken else (None, state.global_step)
    return {
        "curve": curve,
        "tokens": int(steps.tokens[state.global_step - 1]),
        "steps": state.global_step,
        "planned_steps": steps.steps,
        "best_step": at,
        "eval_loss": best,
        "before": lines.get(0, {}).get("eval_loss"),
        "measures": {k.removeprefix("eval_"): v for k, v in lines.get(at, {}).items() if k.startswith("eval_") and k != "eval_loss"},
        "learning_rate": trainer.peak_rate,
        "parameters": trainer.size,
        "trainable": sum(p.numel() for p in trainer.model.parameters() if p.requires_grad),
        "device": trainer.device_name,
    }


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
