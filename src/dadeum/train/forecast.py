"""What `check` says of memory: the recipe's own training walked through on fake tensors, and what would fit on named devices.

The walk is for a CPU with 32-bit weights, and within 5 % of what torch's allocator gives out there. Everything about a GPU is arithmetic
and says so: `measured` is false. Time on a device is the least possible at its stated rate.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from dadeum.settings import Train
from dadeum.train import dry, memory
from dadeum.train.devices import DEVICES

_SHOWN: Final = {"full": "full", "lora": "LoRA", "qlora": "QLoRA"}


def forecast(config: Any, lengths: list[int], supervised: float, settings: Train) -> dict[str, Any]:
    """{shape, cpu: {plain, checkpointing}, tokens, devices}, bytes and seconds throughout.

    config: of transformers; lengths: tokens of every training row; supervised: share of the tokens with loss.
    """
    shape = dry.like(settings, lengths, supervised)
    lora = settings.lora if settings.method == "lora" else None
    walked = {name: asdict(dry.walk(config, shape, lora, on)) for name, on in (("plain", False), ("checkpointing", True))}
    size = memory.sizes(config)
    tokens = settings.tokens or round(sum(lengths) * settings.epochs)
    told = []
    prices: dict[str, float] = {str(name): price for name, price in settings.price_per_hour.items()}
    for device in DEVICES:
        ways = list(memory.ways(size, device, shape.rows * shape.length, settings.lora.r, settings.lora.dropout))
        first = next((way for way in ways if way.fits), None)
        least = memory.least_seconds(size, first.method, first.checkpointing, tokens, device) if first else None
        told.append(
            {
                "device": device.name,
                "memory": device.memory,
                "bf16": device.bf16,
                "source": device.source,
                "measured": False,
                "choice": asdict(first) if first else None,
                "least_seconds": least,
                "cost": _cost(least, prices.get(device.name)),
                "ways": [asdict(way) for way in ways],
            }
        )
    return {"shape": asdict(shape), "cpu": walked, "tokens": tokens, "objective": settings.objective, "devices": told}


SLOWER: Final = 3.0
"""Trainings reach a third to a half of a device's stated rate: the dear end of a price is told for a third."""


def _cost(least: float | None, price: float | None) -> list[float] | None:
    """[least, most] in the currency of the user's price; null without one."""
    return None if least is None or price is None else [memory.money(least, price), memory.money(SLOWER * least, price)]


def text(told: dict[str, Any]) -> list[str]:
    """The lines of a terminal."""
    shape, plain, thrifty = told["shape"], told["cpu"]["plain"], told["cpu"]["checkpointing"]
    parts = ", ".join(f"{part} {_size(n)}" for part, n in plain["parts"].items() if n)
    lines = [
        f"memory on a CPU: {_size(plain['peak'])} at the peak ({plain['phase']}): {parts}; on top of what Python and its libraries take",
        f"  a forward pass of {shape['rows']} x {shape['length']} tokens, {shape['supervised']} of them with loss; "
        f"with checkpointing {_size(thrifty['peak'])}",
        f"on devices, by formula, not measured ({told['tokens']:,} tokens in all; 10 % left free):",
    ]
    if told["objective"] not in ("sft", "pretrain", "infill"):
        lines.insert(1, f"  walked through as sft: what {told['objective']} holds besides (a reference, a head) is not measured")
    for device in told["devices"]:
        way = device["choice"]
        if way is None:
            lines.append(f"  {device['device']:<10} {device['memory'] // 10**9:>4} GB  nothing fits: fewer train.micro_tokens, or a smaller base")
            continue
        how = _SHOWN[way["method"]] + (" with checkpointing" if way["checkpointing"] else "")
        lines.append(
            f"  {device['device']:<10} {device['memory'] // 10**9:>4} GB  {how:<25} {_size(way['need']['peak']):>9}, "
            f"up to {way['most_tokens']:,} tokens a pass, {_least(device['least_seconds'])}"
            + (f", {device['cost'][0]:,.2g} to {device['cost'][1]:,.2g} by your price" if device["cost"] else "")
        )
    return lines


def _size(n: int) -> str:
    return f"{n / 1e9:.1f} GB" if n >= 1e9 else f"{n / 1e6:.1f} MB"


def _least(seconds: float) -> str:
    return f"at least {seconds:,.0f} s" if seconds >= 1 else "seconds"
