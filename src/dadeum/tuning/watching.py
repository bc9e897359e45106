"""A training as it runs, one line at every evaluation: both losses, what they mean together, how fast it goes and what is left."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

RISES = 0.02
"""A held-out loss this share above its best is told as risen: less is the luck of which rows are held out."""


class Line:
    """Takes the loop's progress, says lines. `patience`: evaluations without a better held-out loss after which the training stops."""

    def __init__(self, say: Callable[[str], None], patience: int) -> None:
        self.say, self.patience = say, patience
        self.started = time.monotonic()
        self.first: int | None = None
        self.losses: list[float] = []
        self.before: float | None = None

    def __call__(self, told: dict[str, Any]) -> None:
        """One step, or one evaluation."""
        if told["stage"] == "train":
            self.losses.append(told["loss"])
            self.first = told["tokens"] if self.first is None else self.first
        elif told["stage"] == "held_out":
            rate = (told["tokens"] - (self.first or 0)) / max(1e-9, time.monotonic() - self.started)
            self.say(text(told, self._mean(), self.before, self.patience, rate))
            self.before, self.losses = self._mean(), []

    def _mean(self) -> float | None:
        return sum(self.losses) / len(self.losses) if self.losses else self.before


def text(told: dict[str, Any], loss: float | None, before: float | None, patience: int, rate: float) -> str:
    """One line. told: {step, of, tokens, all_tokens, eval_loss, best, best_step, since}; loss: mean of the steps since the last line.

    >>> told = {"step": 30, "of": 40, "tokens": 3000, "all_tokens": 4000, "eval_loss": 1.5, "best": 1.2, "best_step": 10, "since": 2}
    >>> text(told, 0.4, 0.8, 3, 100.0)
    'step 30/40, 75 %: loss 0.400, held out 1.500 (best 1.200 at step 10): learning rows by heart, 1 more such evaluation ends it; 100 tokens/s, 10 s left'
    """
    done = told["step"] / max(1, told["of"])
    losses = f"held out {told['eval_loss']:.3f}" if loss is None else f"loss {loss:.3f}, held out {told['eval_loss']:.3f}"
    best = "" if told["since"] == 0 else f" (best {told['best']:.3f} at step {told['best_step']})"
    left = max(0, told["all_tokens"] - told["tokens"])
    pace = f"; {rate:,.0f} tokens/s, {_span(left / rate)} left" if rate > 0 and left else ""
    return f"step {told['step']:,}/{told['of']:,}, {done:.0%}: {losses}{best}".replace("%:", " %:") + meaning(told, loss, before, patience) + pace


def meaning(told: dict[str, Any], loss: float | None, before: float | None, patience: int) -> str:
    """What both losses say together; empty where all is well."""
    if told["since"] == 0:
        return ""
    if told["eval_loss"] <= told["best"] * (1 + RISES):
        return ": no better than before"
    ends = patience - told["since"]
    soon = "" if not patience else ", it ends here" if ends <= 0 else f", {ends} more such evaluation{'s' if ends > 1 else ''} end{'s' if ends == 1 else ''} it"
    if loss is not None and before is not None and loss < before:
        return f": learning rows by heart{soon}"
    return f": both losses rise, the learning rate may be too high{soon}"


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
