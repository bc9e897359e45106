"""What every objective has to give."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dadeum.format.supervise import Example
from dadeum.settings import Train
from dadeum.train.batches import Micro
from dadeum.train.methods import Head

Told = dict[str, Any]
"""Per-unit values of one forward pass by name, as tensors of equal length: what `measures` is computed from."""


class Objective:
    """One training's loss. A unit is what the loss is a mean of: a token, a pair, a row."""

    head: Head | None = None
    """The head that is trained; null where words are."""

    def __init__(self, settings: Train, examples: Sequence[Example]):
        """examples: those of the training. Raises DadeumError where nothing can be learned from them."""
        self.settings = settings

    def begin(self, model: Any, groups: Sequence[Sequence[Example]], collate: Callable[[Sequence[Example], Micro], Any]) -> None:
        """Whatever has to be known of the untrained model. groups: the training's and the held-out examples."""

    def usable(self, example: Example) -> bool:
        """Whether a held-out example can be measured."""
        return True

    def inputs(self, examples: Sequence[Example], micro: Micro) -> dict[str, Any]:
        """What a forward pass needs beyond ids, labels and positions."""
        return {}

    def count(self, batch: dict[str, Any]) -> Any:
        """Units in a forward pass."""
        return (batch["labels"][:, 1:] != -100).sum()

    def loss(self, model: Any, batch: dict[str, Any]) -> tuple[Any, Told]:
        """The summed loss of a forward pass, and its units' values."""
        raise TypeError(f"{type(self).__name__} has no loss of its own")

    def measures(self, told: Told) -> dict[str, float]:
        """What held-out units say together, by the measure's name. told: values of all of them."""
        return {}
