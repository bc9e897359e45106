"""In which numbers a model is trained: `train.number_format` on the device at hand.

Weights that are trained are 32-bit floats unless a recipe says otherwise: a pure bf16 copy loses small updates to rounding (at a
learning rate of 1e-5, 85 % of the movement). A GPU computes in bf16 by autocast where it can (a T4 can't), and the frozen base of an
adapter may be bf16.
"""

from __future__ import annotations

from dadeum.settings import Train
from dadeum.train.memory import Format


def number_format(settings: Train, device: str) -> Format:
    """The recipe's; for auto float32 on a CPU and on a GPU without bf16, else mixed."""
    if settings.number_format != "auto":
        return settings.number_format
    if device == "cpu":
        return "float32"
    import torch

    return "mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"


def half(settings: Train, device: str) -> bool:
    """Whether the base is loaded in bf16: where it is frozen, and everywhere in bfloat16."""
    told = number_format(settings, device)
    return told == "bfloat16" or (told == "mixed" and settings.method != "full")
