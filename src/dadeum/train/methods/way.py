"""What every method has to give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dadeum.settings import Train


@dataclass(frozen=True)
class Head:
    """A head that reads the last token: `labels` name its outputs; a reward model has one output and no label."""

    labels: tuple[str, ...] = ()

    @property
    def outputs(self) -> int:
        return max(1, len(self.labels))


@dataclass(frozen=True)
class Way:
    """One method."""

    load: Callable[[str, str, Train, Head | None], Any]
    """(base, device, settings, head or null for words) to the model, ready to train. Draws its first weights from torch's seed."""
    write: Callable[[Any, Path], Any]
    """(model, folder): what plain transformers or PEFT loads; gives the model that now lies there, in memory where that is another."""
    made: Callable[[Any], bool]
    """Whether a model was made ready this way."""
    packages: tuple[str, ...] = ()
    """What has to be installed beyond the extra `train`."""
    extra: str = "train"
    """The extra that brings them."""


def thrifty(model: Any, settings: Train) -> Any:
    """`model`, which in training keeps the inputs of its layers alone where `train.checkpointing` asks for it."""
    if settings.checkpointing:
        # Without re-entering, the gradient finds its way below adapters whose inputs need none.
        getattr(model, "activation_checkpointing_enable", model.gradient_checkpointing_enable)({"use_reentrant": False})
    return model
