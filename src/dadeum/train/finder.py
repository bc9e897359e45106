"""`train.learning_rate: find`: a range test before the training (L. Smith, 2017, arXiv 1506.01186).

The rate grows by the same factor with every step, from a hundredth to a hundred times the usual one, on some hundred rows, with the very
loss, batches and trained tensors of the training to come. Where the smoothed loss is lowest the steps are about to become too long: the
rate taken is a tenth of that one (the common rule; here, on tiny bases, a training at it ended within a few per cent of the best of a
grid). The same rows, base and seed give the same rate. The trained tensors are thrown away.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import polars as pl

from dadeum.errors import DadeumError
from dadeum.format.supervise import supervise
from dadeum.format.tokens import load_tokenizer
from dadeum.settings import Train
from dadeum.train.batches import plan
from dadeum.train.defaults import learning_rate
from dadeum.train.machine import quiet, threads

ROWS: Final = 300
STEPS: Final = 60
SPAN: Final = 100.0
"""How far below and above the usual rate is looked."""
SMOOTH: Final = 0.9
BELOW: Final = 10.0
"""By how much the rate taken lies below the one with the lowest loss."""
LOST: Final = 4.0
"""A loss of so many times the lowest is lost: no larger rate is tried."""
_BARS: Final = "▁▂▃▄▅▆▇█"


def find(rows: pl.DataFrame, base: str, settings: Train, seed: int = 0) -> dict[str, Any]:
    """{rate, usual, curve: [{rate, loss}]}, loss smoothed. Raises DadeumError where no row can be trained on or every rate loses."""
    import torch

    from dadeum.train.loop import drawn, make_trainer

    asked = replace(settings, learning_rate=0.0, tokens=0, epochs=1.0, evaluations=0, rows=0)
    tokenizer = load_tokenizer(base)
    taught = supervise(drawn(rows, Train(rows=ROWS), seed), tokenizer, asked)
    if not taught.examples:
        raise DadeumError(f"no row to find a learning rate on: all were left out ({taught.counts})")
    steps = plan([len(e.ids) for e in taught.examples], asked, seed)
    curve: list[dict[str, float]] = []
    with TemporaryDirectory() as folder, quiet():
        trainer = make_trainer(base, tokenizer, taught, None, steps, asked, seed, Path(folder))
        usual = learning_rate(asked, trainer.size)
        with threads(trainer.size):
            model = trainer.model.train()
            optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=usual, weight_decay=settings.weight_decay)
            average, lowest = 0.0, math.inf
            for step in range(STEPS):
                rate = usual / SPAN * SPAN ** (2 * step / (STEPS - 1))
                for group in optimizer.param_groups:
                    group["lr"] = rate
                micro = steps.micros[step % len(steps.micros)]
                batch = {name: tensor.to(model.device) for name, tensor in trainer.collate(taught.examples, micro).items()}
                loss = trainer.compute_loss(model, batch)
                average = SMOOTH * average + (1 - SMOOTH) * float(loss.detach())
                smoothed = average / (1 - SMOOTH ** (step + 1))
                if not math.isfinite(smoothed) or smoothed > LOST * lowest:
                    break
                lowest = min(lowest, smoothed)
                curve.append({"rate": rate, "loss": smoothed})
                loss.backward()
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
    if not curve:
        raise DadeumError("the loss is no number at the smallest learning rate already: look at the rows and the base")
    best = min(curve, key=lambda point: point["loss"])["rate"]
    return {"rate": float(f"{best / BELOW:.2g}"), "usual": usual, "curve": curve}


def text(found: dict[str, Any]) -> str:
    """The range test as one line.

    >>> text({"rate": 0.001, "usual": 0.002, "curve": [{"rate": 1e-4, "loss": 3.0}, {"rate": 1e-2, "loss": 1.0}, {"rate": 1.0, "loss": 5.0}]})
    'learning rate 0.001 found (usual: 0.002); loss over rates 0.0001 to 1: ▅▁█, lowest 1 at 0.01'
    """
    curve = found["curve"]
    every = max(1, len(curve) // 30)
    losses = [point["loss"] for point in curve[::every]]
    low, high = min(losses), max(losses)
    bars = "".join(_BARS[min(7, int(8 * (loss - low) / (high - low or 1)))] for loss in losses)
    best = min(curve, key=lambda point: point["loss"])
    told = f"learning rate {found['rate']:g} found (usual: {found['usual']:g}); loss over rates {curve[0]['rate']:.1g} to {curve[-1]['rate']:.1g}: {bars}"
    return f"{told}, lowest {best['loss']:.3g} at {best['rate']:.2g}"
