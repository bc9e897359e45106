"""Held-out loss: how well a model expects the references, in nats per token and per byte.

Per token compares models of one tokenizer only; per byte compares any. Both are ratios of sums over all items, not means of
ratios: an item weighs what it has of tokens or bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl


@dataclass(frozen=True)
class Losses:
    """One model's losses on items: summed nats of an item's supervised tokens (NaN where it was left out), and how many tokens
    and bytes those are."""

    nats: Sequence[float]
    tokens: Sequence[int]
    bytes: Sequence[int]

    def __post_init__(self) -> None:
        if not len(self.nats) == len(self.tokens) == len(self.bytes):
            raise ValueError(f"{len(self.nats)} losses, {len(self.tokens)} token counts, {len(self.bytes)} byte counts")

    @classmethod
    def of(cls, told: pl.DataFrame) -> Losses:
        """Out of the frame that the train room's `generate.losses` gives: columns nll (null: left out), tokens, bytes."""
        return cls(told["nll"].fill_null(float("nan")).to_list(), told["tokens"].to_list(), told["bytes"].to_list())


def per(losses: Losses, unit: str) -> tuple[np.ndarray, np.ndarray]:
    """(scores, weights) of items, `unit` token or byte: the weighted mean of scores is the loss. Items without any weigh 0.

    >>> scores, weights = per(Losses([2.0, 9.0], [1, 3], [3, 9]), "token")
    >>> float((scores * weights).sum() / weights.sum())
    2.75
    """
    weights = np.asarray(losses.tokens if unit == "token" else losses.bytes, dtype=np.float64)
    nats = np.asarray(losses.nats, dtype=np.float64)
    return np.divide(nats, weights, out=np.zeros_like(nats), where=weights > 0), weights
