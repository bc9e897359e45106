"""What `check` says of memory: the recipe's own training walked through on fake tensors, and what is solved for on named devices.

The walk is for a CPU with 32-bit weights, and within 5 % of what torch's allocator gives out there. Everything about a GPU is arithmetic
and says so: `measured` is false. Time on a device is the least possible at its stated rate.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from itertools import groupby
from typing import Any, Final

from dadeum.settings import HEADS, Train
from dadeum.train import dry, memory
from dadeum.train.devices import DEVICES, Device
from dadeum.train.solve import Way, gigabytes, solve

_SHOWN: Final = {"full": "full", "lora": "LoRA", "qlora": "QLoRA", "prompt": "prompt"}
SLOWER: Final = 3.0
"""Trainings reach a third to a half of a device's stated rate: the dear end of a price is told for a third."""


def forecast(config: Any, passes: dry.Passes, tokens: int, settings: Train) -> dict[str, Any]:
    """{shape, cpu: {plain, checkpointing}, tokens, objective, target, devices}, bytes and seconds throughout.

    config: of transformers; tokens: of all rows that are trained on, once. Of a classifier, `settings` name the labels.
    """
    shape = passes.largest(settings)
    plain = asdict(dry.walk(config, passes, settings))
    thrifty = plain if settings.checkpointing else asdict(dry.walk(config, passes, replace(settings, checkpointing=True)))
    size = memory.sizes(config, settings.objective in HEADS)
    whole = settings.tokens or round(tokens * settings.epochs)
    load = memory.Load(shape["rows"], shape["length"], shape["supervised"] / (shape["rows"] * shape["length"]), shape["packed"])
    told = [_device(size, settings, device, load, whole) for device in DEVICES]
    cpu = {"plain": plain, "checkpointing": thrifty}
    return {"shape": shape, "cpu": cpu, "tokens": whole, "objective": settings.objective, "target": settings.target, "devices": told}


def _device(size: memory.Sizes, settings: Train, device: Device, load: memory.Load, tokens: int) -> dict[str, Any]:
    found = solve(size, settings, device, load)
    prices: dict[str, float] = {str(name): price for name, price in settings.price_per_hour.items()}
    ways = [_told(way, size, tokens, device) for way in found.ways]
    chosen = ways[found.ways.index(found.choice)] if found.choice else None
    return {
        "device": device.name,
        "memory": device.memory,
        "room": found.room,
        "bf16": device.bf16,
        "source": device.source,
        "measured": False,
        "choice": chosen,
        "why": found.why,
        "keys": found.keys,
        "otherwise": list(found.otherwise),
        "cost": _cost(chosen["least_seconds"] if chosen else None, prices.get(device.name)),
        "ways": ways,
    }


def _told(way: Way, size: memory.Sizes, tokens: int, device: Device) -> dict[str, Any]:
    how = way.how
    return {
        "method": how.method,
        "number_format": how.number_format,
        "checkpointing": how.checkpointing,
        "fits": way.fits,
        "rows": way.rows,
        "longest": way.longest,
        "need": asdict(way.need),
        "least_seconds": memory.least_seconds(size, how, tokens, device),
    }


def _cost(least: float | None, price: float | None) -> list[float] | None:
    """[least, most] in the currency of the user's price; null without one."""
    return None if least is None or price is None else [memory.money(least, price), memory.money(SLOWER * least, price)]


def text(told: dict[str, Any]) -> list[str]:
    """The lines of a terminal."""
    shape, plain, thrifty = told["shape"], told["cpu"]["plain"], told["cpu"]["checkpointing"]
    parts = ", ".join(f"{part} {_size(n)}" for part, n in plain["parts"].items() if n)
    lines = [
        f"memory on this machine's processor: {_size(plain['peak'])} at the peak ({plain['phase']}), on top of what Python and its libraries take",
        f"  {parts}; with train.checkpointing {_size(thrifty['peak'])}",
        f"  the largest forward pass: {_rows(shape['rows'])} of {shape['length']:,} tokens, {shape['supervised']:,} of them with loss",
        f"what fits on other devices: by arithmetic, not measured; 10 % left free; {told['tokens']:,} tokens in all",
        *_columns(_WAY, ("device", "memory", *_HEAD, "cost" if any(d["cost"] for d in told["devices"]) else "")),
    ]
    for said, near in groupby(told["devices"], key=lambda device: _line(device, shape["length"])):
        devices = list(near)
        lines += _columns(_WAY, (_span([d["device"] for d in devices], " to "), _span([f"{d['memory'] / 1e9:.0f}" for d in devices], "-") + " GB", *said))
    target = next((device for device in told["devices"] if device["device"] == told["target"]), None)
    return [*lines, *(_target(target, shape["length"]) if target else ["  every way on one of them, and what to set: train.target=NAME"])]


_HEAD: Final = ("method", "numbers", "checkpoints", "micro-batch", "peak", "at least")
_WAY: Final = (22, 11, 9, 10, 13, 15, 10, 12, 0)


def _line(device: dict[str, Any], length: int) -> tuple[str, ...]:
    way = device["choice"]
    if way is None:
        return (f"nothing fits, but {' or '.join(device['otherwise'])}",)
    cost = f"{device['cost'][0]:,.2g} to {device['cost'][1]:,.2g}" if device["cost"] else ""
    return (*_way(way, length), cost)


def _way(way: dict[str, Any], length: int) -> tuple[str, ...]:
    switched = "yes" if way["checkpointing"] else "no"
    return (_SHOWN[way["method"]], way["number_format"], switched, f"{way['rows']:,} x {length:,}", _size(way["need"]["peak"]), _least(way["least_seconds"]))


def _target(device: dict[str, Any], length: int) -> list[str]:
    """Every way on one device, which of them to take, and how."""
    lines = [f"every way on {device['device']}: {gigabytes(device['room'])} of {gigabytes(device['memory'])} may be used"]
    lines += _columns(_WAY[2:], (*_HEAD, "longest row"), "     ")
    for way in device["ways"]:
        told = (*_way(way, length), f"{way['longest']:,}") if way["fits"] else (*_way(way, length)[:3], "no row fits", *_way(way, length)[4:5], "", f"{way['longest']:,}")
        mark = "  -> " if way == device["choice"] else "     "
        lines += [line + ("  loses small updates" if way["number_format"] == "bfloat16" else "") for line in _columns(_WAY[2:], told, mark)]
    lines.append(f"  {device['why'] if device['choice'] else 'nothing fits: ' + device['why']}")
    lines += [f"  set {' '.join(_key(key, value) for key, value in device['keys'].items())}"] if device["keys"] else []
    return lines + [f"  or take {other}" for other in device["otherwise"]]


def _columns(widths: tuple[int, ...], told: tuple[str, ...], mark: str = "  ") -> list[str]:
    return [(mark + "".join(f"{text:<{width}}" for text, width in zip(told, widths))).rstrip()]


def _span(names: list[str], between: str) -> str:
    """The first and the last of neighbours.

    >>> _span(["8", "10", "16"], "-"), _span(["t4"], " to ")
    ('8-16', 't4')
    """
    return names[0] if names[0] == names[-1] else f"{names[0]}{between}{names[-1]}"


def _key(key: str, value: object) -> str:
    return f"train.{key}={str(value).lower() if isinstance(value, bool) else value}"


def _rows(n: int) -> str:
    return f"{n:,} row" + ("s" if n != 1 else "")


def _size(n: int) -> str:
    return f"{n / 1e9:.1f} GB" if n >= 1e9 else f"{n / 1e6:.1f} MB"


def _least(seconds: float) -> str:
    return f"{seconds / 3600:,.1f} h" if seconds >= 7200 else f"{seconds / 60:,.0f} min" if seconds >= 120 else f"{seconds:,.0f} s" if seconds >= 1 else "< 1 s"
