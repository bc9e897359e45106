"""Accelerators by name: memory, bandwidth and dense bf16 arithmetic as their maker states them. No prices: those are the user's to say.

Figures are of the data sheet or architecture paper named beside them, without sparsity. A stated rate is an upper bound: trainings reach
a third to a half of it, so what follows from it is a least time, never a promise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dadeum.errors import DadeumError, nearest


@dataclass(frozen=True)
class Device:
    """`memory`: bytes, counted by the thousand (a 24 GB card holds a little more). `bandwidth`: bytes/s. `flops`: per second, dense bf16
    with 32-bit sums, or fp16 where the device has no bf16."""

    name: str
    memory: int
    bandwidth: float
    flops: float
    bf16: bool
    source: str


_AMPERE: Final = "NVIDIA Ampere GA102 GPU architecture paper"
_ADA: Final = "NVIDIA Ada GPU architecture paper"


def _device(name: str, gigabytes: int, bandwidth: float, teraflops: float, source: str, bf16: bool = True) -> Device:
    return Device(name, gigabytes * 10**9, bandwidth * 1e9, teraflops * 1e12, bf16, source)


DEVICES: Final = (
    _device("rtx-3070", 8, 448, 40.6, _AMPERE),
    _device("rtx-3080", 10, 760, 59.5, _AMPERE),
    _device("t4", 16, 320, 65, "NVIDIA T4 data sheet (fp16)", bf16=False),
    _device("rtx-4080", 16, 716.8, 97.5, _ADA),
    _device("rtx-3090", 24, 936, 71, _AMPERE),
    _device("rtx-4090", 24, 1008, 165.2, _ADA),
    _device("l4", 24, 300, 121, "NVIDIA L4 data sheet"),
    _device("a10", 24, 600, 125, "NVIDIA A10 data sheet"),
    _device("a100-40", 40, 1555, 312, "NVIDIA A100 data sheet"),
    _device("rtx-a6000", 48, 768, 154.8, _AMPERE),
    _device("l40s", 48, 864, 362, "NVIDIA L40S data sheet"),
    _device("a100-80", 80, 2039, 312, "NVIDIA A100 data sheet (SXM)"),
    _device("h100", 80, 3350, 989.4, "NVIDIA H100 data sheet (SXM)"),
    _device("h200", 141, 4800, 989.4, "NVIDIA H200 data sheet (SXM)"),
)
"""From small to large."""


def device(name: str) -> Device:
    """By name. Raises DadeumError with the nearest name."""
    for found in DEVICES:
        if found.name == name:
            return found
    names = [d.name for d in DEVICES]
    raise DadeumError(f"no device {name!r} in the table: {nearest(name, names) or ', '.join(names)}")
