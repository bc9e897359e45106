"""How fast this device trains, measured before the training: a few passes of the real batches, forward and back.

A pass is timed by the clock, so other work on the machine is in it: what follows is told as a range, the fastest to the slowest pass.
Evaluations, checkpoints and loading are not in it; they were a tenth to a third of the trainings measured here.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import polars as pl

from dadeum.format.supervise import supervise
from dadeum.format.tokens import load_tokenizer
from dadeum.settings import Train
from dadeum.train.batches import plan
from dadeum.train.machine import quiet, threads

ROWS: Final = 64
PASSES: Final = 5
BESIDE: Final = 1.3
"""Evaluations, checkpoints, loading and saving, as a share on top of the slowest pass."""


def pace(rows: pl.DataFrame, base: str, settings: Train, seed: int = 0) -> dict[str, Any] | None:
    """{device, fast, slow}: useful tokens a second, padding not counted. None where no row can be trained on."""
    import torch

    from dadeum.train.loop import drawn, make_trainer

    tokenizer = load_tokenizer(base)
    own = replace(settings, evaluations=0, tokens=0, epochs=1.0, rows=0)
    taught = supervise(drawn(rows, Train(rows=ROWS), seed), tokenizer, own)
    if not taught.examples:
        return None
    steps = plan([len(e.ids) for e in taught.examples], own, seed)
    rates: list[float] = []
    with TemporaryDirectory() as folder, quiet():
        trainer = make_trainer(base, tokenizer, taught, None, steps, own, seed, Path(folder))
        with threads(trainer.size):
            model = trainer.model.train()
            optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.0)
            for k in range(PASSES + 1):
                micro = steps.micros[k % len(steps.micros)]
                started = time.perf_counter()
                batch = {name: tensor.to(model.device) for name, tensor in trainer.collate(taught.examples, micro).items()}
                trainer.compute_loss(model, batch).backward()
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
                if trainer.device_name == "cuda":
                    torch.cuda.synchronize()
                tokens = sum(len(taught.examples[i].ids) for row in micro for i in row)
                rates.append(tokens / (time.perf_counter() - started))
    rates = rates[1:]  # the first pass compares losses and makes the optimiser's states
    return {"device": trainer.device_name, "fast": max(rates), "slow": min(rates) / BESIDE}
