"""How far off the forecast was: the most memory that the first steps of a training really took, and the time it really had.

On a CPU every storage that the first steps make is counted while it lives, by the same count as the forecast's but over the real loop
(what autograd saves, gradients, states and logits are all there from the second step on; 0.2 CPU-s). torch's profiler would count kernels'
inner buffers too, which is within 5 % (tests/test_train_memory.py), and takes seconds. A GPU counts by itself.
"""

from __future__ import annotations

from typing import Any, Final

from dadeum.train.dry import tracker

WATCHED: Final = 3
"""Optimiser steps that are watched: the second meets the first's states."""


class Watch:
    """Started before the first step, ended by itself. `peak`: bytes, null before the end."""

    def __init__(self, model: Any) -> None:
        import torch

        self.cuda = next(iter(model.parameters())).device.type == "cuda"
        self.peak: int | None = None
        self._count: Any = None
        if self.cuda:
            torch.cuda.reset_peak_memory_stats()
            return
        self._count = tracker(0, set())
        for tensor in (*model.parameters(), *model.buffers()):
            self._count.hold(tensor, "weights")
        self._count.__enter__()

    @classmethod
    def on(cls, trainer: Any) -> Watch:
        """Watch the trainer's first steps."""
        from transformers import TrainerCallback

        watch = cls(trainer.model)
        steps = iter(range(1, WATCHED))

        class Done(TrainerCallback):
            def on_step_end(self, *arguments: Any, **more: Any) -> None:
                if next(steps, None) is None:
                    watch.stop()

        trainer.add_callback(Done())
        return watch

    def stop(self) -> None:
        """End the watching; a second call does nothing."""
        import torch

        if self.cuda:
            self.peak = int(torch.cuda.max_memory_allocated())
        elif self._count is not None:
            count, self._count = self._count, None
            count.__exit__(None, None, None)
            self.peak = int(count.peak)


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
