"""What is trained: all weights, adapters, adapters on a base in 4 bits, or vectors before the input. One module each.

A module gives `need` (packages), `load` (the base made ready to train) and `write` (the trained model into a folder). A further method
is one more module, one more line here, and its name in settings.Method.
"""

from __future__ import annotations

from typing import Final

from dadeum.settings import Method
from dadeum.train.methods import full, lora, prompt, qlora
from dadeum.train.methods.way import Head, Way

__all__ = ["METHODS", "Head", "Way", "of"]

METHODS: Final[dict[Method, Way]] = {"full": full.WAY, "lora": lora.WAY, "qlora": qlora.WAY, "prompt": prompt.WAY}


def of(model: object) -> Way:
    """How the model at hand was made ready, to write it the same way."""
    return next(way for way in reversed(METHODS.values()) if way.made(model))
