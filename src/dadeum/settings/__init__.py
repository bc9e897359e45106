"""Every key of a recipe outside its steps, with its default and what it does. `recipe` reads YAML into these.

Frozen dataclasses, and how a source is called: the docstring under a field is its documentation, its type is its check.

    reading     sources, output, engine        training    train, its stages and checks        proof    prove
"""

from __future__ import annotations

from dadeum.settings.numbers import Count, Positive, Share
from dadeum.settings.proof import Prove
from dadeum.settings.reading import CONTENT_FIELDS, Chat, Engine, Order, Output, Sections, Source, named
from dadeum.settings.training import (
    HEADS,
    CheckLevel,
    CheckName,
    Classify,
    DeviceName,
    Dpo,
    Gate,
    Infill,
    Lora,
    Method,
    Objective,
    Prompt,
    Stage,
    Tiny,
    Train,
)  # fmt: skip

__all__ = [
    "CONTENT_FIELDS", "HEADS", "Chat", "CheckLevel", "CheckName", "Classify", "Count", "DeviceName", "Dpo", "Engine", "Gate", "Infill", "Lora", "Method",
    "Objective", "Order", "Output", "Positive", "Prompt", "Prove", "Sections", "Share", "Source", "Stage", "Tiny", "Train", "named",
]  # fmt: skip
