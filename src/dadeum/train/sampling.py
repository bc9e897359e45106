"""Answers that are drawn: softmax at a temperature, by noise that belongs to the prompt and not to the batch.

The token with the largest `logits + temperature x Gumbel noise` is a draw from the softmax at that temperature (Gumbel-max: Maddison, Tarlow
and Minka 2014). The noise of an answer comes from its prompt, the number of the sample and the recipe's seed, token after token. So an
answer depends neither on the prompts beside it nor on their order, rounding may turn only what was nearly a tie, and at temperature 0
nothing is left but the greedy answer. Noise is drawn on the CPU, so that it is the same on every device. Two models are given the same
noise for the same prompt: what they differ by is the models' part rather than the dice's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Draw:
    """Which answers are drawn. temperature: above 0; nothing else (top-p, top-k) cuts the distribution."""

    temperature: float
    sample: int
    """Which of an item's answers, from 0 on."""
    seed: int
    """The recipe's."""

    @property
    def number(self) -> int:
        """A seed for servers, 31 bits: another one for each sample and each seed of a recipe."""
        return self._digest([]) >> 33

    def source(self, ids: Sequence[int]) -> Any:
        """The torch.Generator of one answer's noise, by its prompt."""
        import torch

        return torch.Generator().manual_seed(self._digest(ids) >> 1)

    def noise(self, sources: Sequence[Any], words: int) -> Any:
        """(rows, words) on the CPU, to be added to logits: a line for each source, nought where there is none; moves every source on."""
        import torch

        lines = [torch.zeros(words) if source is None else -torch.empty(words).exponential_(generator=source).log() for source in sources]
        return self.temperature * torch.stack(lines)

    def _digest(self, ids: Sequence[int]) -> int:
        told = f"{self.seed} {self.sample} {','.join(map(str, ids))}"
        return int.from_bytes(hashlib.blake2b(told.encode(), digest_size=8).digest())


Draws = tuple[Draw | None, ...]
GREEDY: Draws = (None,)
"""One answer to each item, greedily."""
