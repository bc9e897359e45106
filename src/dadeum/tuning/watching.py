"""A training as it runs: what it begins with, one line at every evaluation (both losses, what they mean together, how fast it goes and what is
left), and what was kept at its end."""

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
        self.started: float | None = None
        self.first = 0
        self.losses: list[float] = []
        self.before: float | None = None

    def __call__(self, told: dict[str, Any]) -> None:
        """One step, one evaluation, or the beginning or end of all."""
        if told["stage"] == "train":
            self.losses.append(told["loss"])
            if self.started is None:  # the first step makes and compares what no later one does
                self.started, self.first = time.monotonic(), told["tokens"]
        elif told["stage"] in ("held_out", "mark"):
            rate = (told["tokens"] - self.first) / max(1e-9, time.monotonic() - (self.started or 0.0))
            self.say(text(told, self._mean(), self.before, self.patience, rate))
            self.before, self.losses = self._mean(), []
        else:
            for line in {"begin": begun, "done": done, "kept": kept}[told["stage"]](told):
                self.say(line)

    def _mean(self) -> float | None:
        return sum(self.losses) / len(self.losses) if self.losses else self.before


def begun(told: dict[str, Any]) -> list[str]:
    """What a training begins with, and what cannot go well.

    >>> told = {"rows": 3, "once": 96, "held": 0, "steps": 1, "batch_tokens": 4096, "rate": 0.001, "device": "cpu", "numbers": "float32"}
    >>> print("\\n".join(begun(told)))
    3 rows of 96 tokens in all, 0 held out: 1 step of 4,096 tokens at most, learning rate 0.001, float32 on cpu
      all rows together are less than one step (train.batch_tokens): too little to learn from
      nothing is held out: no early stopping, and the last step's weights are kept
    """
    rows, steps = (f"{n:,} {what}{'s' if n != 1 else ''}" for n, what in ((told["rows"], "row"), (told["steps"], "step")))
    lines = [
        f"{rows} of {told['once']:,} tokens in all, {told['held']:,} held out: {steps} of {told['batch_tokens']:,} tokens at most, "
        f"learning rate {told['rate']:g}, {told['numbers']} on {told['device']}"
    ]
    lines += ["  all rows together are less than one step (train.batch_tokens): too little to learn from"] if told["once"] < told["batch_tokens"] else []
    return lines + (["  nothing is held out: no early stopping, and the last step's weights are kept"] if not told["held"] else [])


def done(told: dict[str, Any]) -> list[str]:
    """What was kept, and whether it is better than what the training began with.

    >>> done({"steps": 40, "planned_steps": 90, "best_step": 10, "eval_loss": 1.2, "before": 3.1})
    ['stopped early, at step 40 of 90; kept are the weights of step 10: held out 1.200, before the first step 3.100']
    >>> done({"steps": 90, "planned_steps": 90, "best_step": 30, "eval_loss": 6.5, "before": 5.0})[1]
    '  worse than before the training: a smaller train.learning_rate may help; dadeum check tells more'
    """
    if told["eval_loss"] is None:
        return []
    early = f"stopped early, at step {told['steps']:,} of {told['planned_steps']:,}; " if told["steps"] < told["planned_steps"] else ""
    before = told["before"]
    had = "" if before is None else f", before the first step {before:.3f}"
    lines = [f"{early}kept are the weights of step {told['best_step']:,}: held out {told['eval_loss']:.3f}{had}"]
    worse = before is not None and not told["eval_loss"] < before
    return lines + (["  worse than before the training: a smaller train.learning_rate may help; dadeum check tells more"] if worse else [])


def kept(told: dict[str, Any]) -> list[str]:
    """A training that was there already.

    >>> kept({"steps": 40, "eval_loss": 1.25})
    ['trained before, of the same rows, base and settings: 40 steps, held out 1.250']
    """
    held = "" if told["eval_loss"] is None else f", held out {told['eval_loss']:.3f}"
    return [f"trained before, of the same rows, base and settings: {told['steps']:,} steps{held}"]


def text(told: dict[str, Any], loss: float | None, before: float | None, patience: int, rate: float) -> str:
    """One line. told: {step, of, tokens, all_tokens} and, where a held-out loss was taken, {eval_loss, best, best_step, since, stops}; loss:
    mean of the steps since the last line.

    >>> told = {"step": 30, "of": 40, "tokens": 3000, "all_tokens": 4000, "eval_loss": 1.5, "best": 1.2, "best_step": 10, "since": 2, "stops": False}
    >>> text(told, 0.4, 0.8, 3, 100.0)
    'step 30/40, 75 %: loss 0.400, held out 1.500 (best 1.200 at step 10): learning rows by heart, 1 more such evaluation ends it; 100 tokens/s, 10 s left'
    >>> text(told | {"since": 3, "stops": True, "eval_loss": 1.21}, 0.7, 0.7, 3, 100.0)
    'step 30/40, 75 %: loss 0.700, held out 1.210 (best 1.200 at step 10): no better than before, it ends here'
    """
    left = max(0, told["all_tokens"] - told["tokens"])
    pace = f"; {rate:,.0f} tokens/s, {span(left / rate)} left" if rate > 0 and left and not told.get("stops") else ""
    losses = [f"loss {loss:.3f}"] if loss is not None else []
    said = ""
    if "eval_loss" in told:
        losses.append(f"held out {told['eval_loss']:.3f}" + (f" (best {told['best']:.3f} at step {told['best_step']:,})" if told["since"] else ""))
        said = meaning(told, loss, before, patience)
    return f"step {told['step']:,}/{told['of']:,}, {100 * told['step'] / max(1, told['of']):.0f} %: {', '.join(losses)}{said}{pace}"


def meaning(told: dict[str, Any], loss: float | None, before: float | None, patience: int) -> str:
    """What both losses say together; empty where all is well."""
    if told["since"] == 0:
        return ""
    ends = patience - told["since"]
    soon = "" if not patience else f", {ends} more such evaluation{'s' if ends > 1 else ''} end{'s' if ends == 1 else ''} it"
    soon = ", it ends here" if told["stops"] else soon if ends > 0 else ""
    if told["eval_loss"] <= told["best"] * (1 + RISES):
        return f": no better than before{soon}"
    if loss is not None and before is not None and loss < before:
        return f": learning rows by heart{soon}"
    return f": both losses rise, the learning rate may be too high{soon}"


def span(seconds: float) -> str:
    """A stretch of time, as short as it can be told."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
