"""Full training: every weight, as a 32-bit float unless train.number_format is bfloat16."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dadeum.settings import Train
from dadeum.train.base import load as load_base
from dadeum.train.methods.way import Head, Way, thrifty
from dadeum.train.numbers import half


def load(base: str, device: str, settings: Train, head: Head | None) -> Any:
    """The base, all of it trainable."""
    return thrifty(load_base(base, device, train=True, half=half(settings, device), head=head), settings)


def write(model: Any, folder: Path) -> Any:
    """The weights and their configuration."""
    model.config.use_cache = True
    model.save_pretrained(folder)
    return model


WAY = Way(load, write, made=lambda model: True)
