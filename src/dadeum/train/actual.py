"""How far off the forecast was: the most memory that a training really took, and the time it really had.

On a CPU every storage that the first step and those with the largest passes make is counted while it lives, by the same count as the
forecast's but over the real loop (what autograd saves, gradients, states and logits; 0.1 CPU-s a step). torch's profiler would count kernels'
inner buffers too, which is within 5 % (tests/test_train_memory.py), and takes seconds. A GPU counts by itself.

The process itself grows by more than its tensors: the C library keeps part of what was freed. With models of 11 and 26 million parameters that
were 130 to 240 MB, a third of the smallest peak; with MALLOC_MMAP_THRESHOLD_=1048576 in the environment, which gives every tensor of a
megabyte back at once, the process grew by what was said to 2.2 %, for two fifths more CPU time. So both are told.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from dadeum.format.examples import Example
from dadeum.settings import Train
from dadeum.train.batches import Plan
from dadeum.train.dry import moments
from dadeum.train.tracked import tracker

PROCESS: Final = Path("/proc/self")


class Watch:
    """Counts during some optimiser steps. `peak`: bytes, null where nothing was counted yet. `grew`: bytes by which the whole process was larger
    at its largest than when the watch began, weights being mapped and not yet read then; null on a GPU and where the system doesn't tell."""

    def __init__(self, trainer: Any, asked: set[int]) -> None:
        """asked: the optimiser steps, from 1 on (`telling`)."""
        import torch
        from transformers import TrainerCallback

        self.trainer = trainer
        self.cuda = trainer.device_name == "cuda"
        self.peak: int | None = None
        self.grew: int | None = None
        self._count: Any = None
        self._before = None if self.cuda else resident("VmRSS")
        with contextlib.suppress(OSError):  # the largest size from here on
            (PROCESS / "clear_refs").write_text("5")
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
            largest = resident("VmHWM")
            self.grew = largest - self._before if largest and self._before else None


def resident(name: str) -> int | None:
    """Bytes of this process's memory: VmRSS now, VmHWM at its largest. Null where there is no /proc."""
    try:
        lines = (PROCESS / "status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), None)


def telling(examples: Sequence[Example], steps: Plan, settings: Train) -> set[int]:
    """The optimiser steps, from 1 on, in one of which the training takes most."""
    return {1} | {k // steps.accumulate + 1 for k in moments(examples, steps, settings).values()}


def text(forecast: dict[str, Any], took: dict[str, Any]) -> str:
    """Said and took, side by side. took: `grew`, where it is known, is the process's own; one that had room already grew by less than it took.

    >>> text({"peak": 1_900_000_000, "seconds": 60.0}, {"peak": 2_000_000_000, "seconds": 66.0})
    'memory: said 1.90 GB, took 2.00 GB (-5.0 %); time: said 60 s, took 66 s (-9.1 %)'
    >>> text({"peak": 1_900_000_000}, {"peak": 1_900_000_000, "grew": 2_100_000_000})
    'memory: said 1.90 GB, took 1.90 GB (+0.0 %), the process grew by 2.10 GB'
    """
    parts = []
    for name, what, show in (("peak", "memory", _bytes), ("seconds", "time", lambda x: f"{x:,.0f} s")):
        said, was = forecast.get(name), took.get(name)
        if said and was:
            whole = f", the process grew by {_bytes(took['grew'])}" if name == "peak" and (took.get("grew") or 0) > was else ""
            parts.append(f"{what}: said {show(said)}, took {show(was)} ({100 * (said / was - 1):+.1f} %){whole}")
    return "; ".join(parts)


def _bytes(n: float) -> str:
    return f"{n / 1e9:.2f} GB" if n >= 1e9 else f"{n / 1e6:.1f} MB"
