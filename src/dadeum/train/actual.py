"""How far off the forecast was: the most memory that a training really took, and the time it really had.

On a CPU every storage that the first step and those with the largest passes make is counted while it lives, by the same count as the
forecast's but over the real loop (what autograd saves, gradients, states and logits; 0.1 CPU-s a step). torch's profiler would count kernels'
inner buffers too, which is within 5 % (tests/test_train_memory.py), and takes seconds. A GPU counts by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dadeum.format.examples import Example
from dadeum.settings import Train
from dadeum.train.batches import Plan
from dadeum.train.dry import moments
from dadeum.train.tracked import tracker


class Watch:
    """Counts during some optimiser steps. `peak`: bytes, null where nothing was counted yet."""

    def __init__(self, trainer: Any, asked: set[int]) -> None:
        """asked: the optimiser steps, from 1 on (`telling`)."""
        import torch
        from transformers import TrainerCallback

        self.trainer = trainer
        self.cuda = trainer.device_name == "cuda"
        self.peak: int | None = None
        self._count: Any = None
        watch = self

        class Asked(TrainerCallback):
            def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                if state.global_step + 1 in asked:
                    watch.begin()

            def on_step_end(self, *arguments: Any, **_: Any) -> None:
                watch.end()

        if self.cuda:
            torch.cuda.reset_peak_memory_stats()
        trainer.add_callback(Asked())

    def begin(self) -> None:
        """Before an optimiser step: everything that is held already, then whatever is made."""
        import torch

        if self.cuda:
            return
        self._count = tracker(0, set())
        inner = getattr(self.trainer.optimizer, "optimizer", self.trainer.optimizer)
        states = (t for state in inner.state.values() for t in state.values() if isinstance(t, torch.Tensor))
        for tensor in (*self.trainer.model.parameters(), *self.trainer.model.buffers(), *states):
            self._count.hold(tensor, "weights")
        self._count.__enter__()

    def end(self) -> None:
        """After an optimiser step, or when the training stopped in one; a second call does nothing."""
        import torch

        if self.cuda:
            self.peak = int(torch.cuda.max_memory_allocated())
        elif self._count is not None:
            count, self._count = self._count, None
            count.__exit__(None, None, None)
            self.peak = max(self.peak or 0, int(count.peak))


def telling(examples: Sequence[Example], steps: Plan, settings: Train) -> set[int]:
    """The optimiser steps, from 1 on, in one of which the training takes most."""
    return {1} | {k // steps.accumulate + 1 for k in moments(examples, steps, settings).values()}


def text(forecast: dict[str, Any], took: dict[str, Any]) -> str:
    """Said and took, side by side.

    >>> text({"peak": 1_900_000_000, "seconds": 60.0}, {"peak": 2_000_000_000, "seconds": 66.0})
    'memory: said 1.90 GB, took 2.00 GB (-5.0 %); time: said 60 s, took 66 s (-9.1 %)'
    """
    parts = []
    for name, what, show in (("peak", "memory", _bytes), ("seconds", "time", lambda x: f"{x:,.0f} s")):
        said, was = forecast.get(name), took.get(name)
        if said and was:
            parts.append(f"{what}: said {show(said)}, took {show(was)} ({100 * (said / was - 1):+.1f} %)")
    return "; ".join(parts)


def _bytes(n: float) -> str:
    return f"{n / 1e9:.2f} GB" if n >= 1e9 else f"{n / 1e6:.1f} MB"
