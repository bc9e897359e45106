"""How fast this device trains, measured before the training: a few optimiser steps of the real loop on the real batches.

A step is timed by the clock, so other work on the machine is in it: what follows is told as a range, the fastest to the slowest step.
The first one is told apart: it loads, compares losses and makes the optimiser's states.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import polars as pl

from dadeum.format.supervise import supervise
from dadeum.format.tokens import load_tokenizer
from dadeum.settings import Train
from dadeum.train.batches import plan
from dadeum.train.machine import quiet, threads

ROWS: Final = 256
STEPS: Final = 6
BESIDE: Final = 1.3
"""Evaluations, checkpoints and saving, as a share on top of the slowest step."""


def pace(rows: pl.DataFrame, base: str, settings: Train, seed: int = 0) -> dict[str, Any] | None:
    """{device, fast, slow, start}: useful tokens a second (padding not counted), and the seconds until the first step is done. None where there
    are no two steps to time."""
    from transformers import TrainerCallback

    from dadeum.train.loop import drawn, make_trainer

    started = time.perf_counter()
    tokenizer = load_tokenizer(base)
    own = replace(settings, evaluations=0, tokens=0, epochs=1.0, rows=0)
    taught = supervise(drawn(rows, Train(rows=ROWS), seed), tokenizer, own, faulty=True)
    steps = plan([len(e.ids) for e in taught.examples], own, seed) if taught.examples else None
    if steps is None or steps.steps < 2:
        return None
    count = min(STEPS + 1, steps.steps)
    few = replace(steps, micros=steps.micros[: count * steps.accumulate], tokens=steps.tokens[:count])
    ends: list[float] = []

    class Clock(TrainerCallback):
        def on_step_end(self, *arguments: Any, **_: Any) -> None:
            ends.append(time.perf_counter())
            if len(ends) == count:
                raise _Timed

    with TemporaryDirectory() as folder, quiet():
        trainer = make_trainer(base, tokenizer, taught, None, few, own, seed, Path(folder))
        trainer.add_callback(Clock())
        with threads(trainer.size), contextlib.suppress(_Timed):
            trainer.train()
    rates = [float(tokens / seconds) for tokens, seconds in zip(np.diff(few.tokens), np.diff(ends))]
    return {"device": trainer.device_name, "fast": max(rates), "slow": min(rates) / BESIDE, "start": ends[0] - started}


class _Timed(Exception):
    """Enough steps were timed: the training ends before it would save anything."""
