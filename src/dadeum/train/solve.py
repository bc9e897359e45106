"""What fits on a device: method x number format x checkpointing, the longest row and the micro-batch of each, and which of them to take.

By the arithmetic of memory.py, in which a peak never falls with a longer row or one row more: both are found by halving. What is recommended
is the way that changes the training least: the recipe's own as it stands, then with checkpointing (a third more arithmetic, the same
training), then the next smaller method (full, LoRA, QLoRA). All in bf16 is shown and never recommended unless a recipe asks for it: it
fits by losing updates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from dadeum.settings import Method, Train
from dadeum.train.devices import DEVICES, Device
from dadeum.train.memory import Format, Load, Manner, Need, Sizes, loss_of, manner, need

RESERVE: Final = 0.1
"""Share of a device left free: the driver's context, cuBLAS's workspace and fragmentation. A choice, not a measurement."""
SMALLER: Final[dict[Method, tuple[Method, ...]]] = {"full": ("lora", "qlora"), "lora": ("qlora",), "qlora": (), "prompt": ()}
STEP: Final = 8
"""Lengths are multiples of it (batches.py)."""
MOST: Final = 1 << 20
"""Tokens in a row of a base that does not say for how many it was made."""


@dataclass(frozen=True)
class Way:
    """One way of training on a device. `rows`: the micro-batch, rows of the length asked for in one forward pass, no more than a step takes
    (0: not one). `longest`: tokens in a row that is alone (0: none), no more than the base was made for. `need`: with those rows, or
    with one where none fits."""

    how: Manner
    rows: int
    longest: int
    need: Need

    @property
    def fits(self) -> bool:
        return self.rows > 0


@dataclass(frozen=True)
class Solved:
    """`choice`: the recommended way, null where nothing fits; `why`: in words. `keys`: what to set in the recipe for it. `otherwise`: what
    would help, where nothing fits or the recipe's own method does not."""

    device: Device
    room: int
    ways: tuple[Way, ...]
    choice: Way | None
    why: str
    keys: dict[str, object]
    otherwise: tuple[str, ...]


def solve(size: Sizes, settings: Train, device: Device, load: Load) -> Solved:
    """load: the largest pass of the recipe; of it the length, the share with loss and the packing are taken, its rows are solved for."""
    room = round(device.memory * (1 - RESERVE))
    load = replace(load, loss=loss_of(settings.objective))
    ways = tuple(_way(size, how, replace(load, packed=load.packed and how.method != "prompt"), room, settings) for how in manners(settings, device))
    # All in bf16 is no remedy by itself; a recipe that asks for it means it.
    meant = [way for way in ways if way.how.number_format != "bfloat16" or settings.number_format == "bfloat16"]
    choice = next((way for way in meant if way.fits), None)
    own = [way for way in meant if way.how.method == settings.method]
    return Solved(device, room, ways, choice, _why(choice, own, settings, load), _keys(choice, settings, load), _otherwise(size, settings, device, load, choice, meant))


def manners(settings: Train, device: Device) -> list[Manner]:
    """Every way that the device and the objective leave, the one that changes the training least first."""
    found = []
    for method in (settings.method, *SMALLER[settings.method]):
        for number_format in formats(settings, device, method):
            own = replace(manner(settings, number_format), method=method)
            found += [own] if settings.checkpointing else [own, replace(own, checkpointing=True)]
    return found


def formats(settings: Train, device: Device, method: Method) -> list[Format]:
    """In which numbers a method can be trained on a device: what the recipe says, else mixed, and all in bf16 beside it where all is trained."""
    if not device.bf16 or settings.number_format == "float32":
        return ["float32"]
    if method != "full" or settings.number_format == "mixed":
        return ["mixed"]
    return ["bfloat16"] if settings.number_format == "bfloat16" else ["mixed", "bfloat16"]


def _way(size: Sizes, how: Manner, load: Load, room: int, settings: Train) -> Way:
    length = max(1, load.length)
    asked = max(1, settings.batch_tokens // length)
    whole = replace(load, rows=asked, accumulate=False)
    # A step in one pass has no gradients to carry from one to the next, so it may fit where one row less does not.
    rows = asked if _peak(size, how, whole) <= room else most(lambda n: _peak(size, how, replace(load, rows=n)) <= room, asked - 1)
    context = max(length, size.context or MOST) // STEP  # a packed row may be longer than any one sequence
    longest = STEP * most(lambda n: _peak(size, how, replace(load, rows=1, length=STEP * n)) <= room, max(1, context))
    return Way(how, rows, longest, need(size, how, whole if rows == asked else replace(load, rows=max(1, rows))))


def _peak(size: Sizes, how: Manner, load: Load) -> int:
    return need(size, how, load).peak


def most(fits: Callable[[int], bool], highest: int) -> int:
    """The largest number up to `highest` that fits, 0 where 1 does not; what is larger than one that does not fit does not fit."""
    low, high = 0, highest
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def _why(choice: Way | None, own: list[Way], settings: Train, load: Load) -> str:
    if choice is None:
        return f"not even one row of {load.length:,} tokens fits"
    least = min(way.need.peak for way in own)
    if choice.how.method != settings.method:
        return f"one row of {load.length:,} tokens takes {gigabytes(least)} by method {settings.method}, and {choice.how.method} is the next smaller one"
    if choice.how.checkpointing and not settings.checkpointing:
        return f"without checkpointing one row takes {gigabytes(own[0].need.peak)}; a third more arithmetic, the same training"
    return "as the recipe says"


def _keys(choice: Way | None, settings: Train, load: Load) -> dict[str, object]:
    """The keys of `train` that make it so, where they differ from the recipe's."""
    if choice is None:
        return {}
    told: dict[str, object] = {}
    if choice.how.method != settings.method:
        told["method"] = choice.how.method
    if settings.number_format not in ("auto", choice.how.number_format):
        told["number_format"] = choice.how.number_format
    if choice.how.checkpointing != settings.checkpointing:
        told["checkpointing"] = choice.how.checkpointing
    if choice.rows < load.rows:
        told["micro_tokens"] = choice.rows * load.length
    return told


def _otherwise(size: Sizes, settings: Train, device: Device, load: Load, choice: Way | None, ways: list[Way]) -> tuple[str, ...]:
    """What would help: shorter rows here, or the smallest device that holds the recipe's own method, or any."""
    if choice is not None and choice.how.method == settings.method:
        return ()
    told = []
    longest = {way.how.method: way.longest for way in sorted(ways, key=lambda way: way.longest) if way.longest}
    for method in dict.fromkeys((settings.method, *longest) if choice is None else (settings.method,)):
        if method in longest:
            told.append(f"{method} with rows of at most {longest[method]:,} tokens (train.max_length)")
    methods = (settings.method,) if choice is not None else tuple(dict.fromkeys(way.how.method for way in ways))
    larger = next((other for other in DEVICES if other.memory > device.memory and _fits(size, settings, other, load, methods)), None)
    if larger is not None:
        return (*told, f"{larger.name} ({gigabytes(larger.memory)})" + (f" for {settings.method}" if choice is not None else ""))
    return (*told, f"more than one device for {settings.method}" if choice is not None else "a smaller base: no device of the table holds this one")


def _fits(size: Sizes, settings: Train, device: Device, load: Load, methods: tuple[Method, ...]) -> bool:
    room = round(device.memory * (1 - RESERVE))
    one = replace(load, rows=1)
    return any(how.method in methods and how.number_format != "bfloat16" and _peak(size, how, one) <= room for how in manners(settings, device))


def gigabytes(n: float) -> str:
    """Bytes, by the thousand.

    >>> gigabytes(24e9), gigabytes(1_900_000)
    ('24 GB', '1.9 MB')
    """
    return f"{n / 1e9:.3g} GB" if n >= 1e9 else f"{n / 1e6:.2g} MB" if n < 1e8 else f"{n / 1e6:.0f} MB"
