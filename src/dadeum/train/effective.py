"""Every value that a training will really use, and where it comes from: the recipe, a default, or something measured."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from dadeum.settings import Train
from dadeum.train.defaults import LARGE, SMALL, learning_rate
from dadeum.train.machine import device_of
from dadeum.train.numbers import number_format

UNUSED: Final = {"lora": ("lora", "qlora"), "prompt": ("prompt",)}
"""Keys that only some methods read."""
OWN: Final = {"dpo": ("dpo",), "infill": ("infill",), "classify": ("classify",)}
"""Keys that only some objectives read."""
ELSEWHERE: Final = ("stages", "checks", "price_per_hour", "target")
LOOP: Final = {"optimiser": "AdamW, betas 0.9 and 0.999", "gradient clipping": 1.0}
"""What no key sets: the loop's own, as transformers has it."""


def effective(settings: Train, parameters: int, tokens: int, found: dict[str, Any] | None = None, planned: int = 0) -> list[dict[str, Any]]:
    """[{key, value, source}] in the order of the recipe's keys, then what follows from them.

    parameters: of the base; tokens: of all rows that are trained on, once; found: of the range test, where there was one; planned: the
    optimiser steps, where the batches are drawn already.
    """
    told: list[dict[str, Any]] = []
    for path, value, default in _flat(settings, Train(), ""):
        head = path.split(".")[0]
        if head in ELSEWHERE or (head == "tiny" and settings.base != "tiny") or settings.method not in UNUSED.get(head, (settings.method,)) or settings.objective not in OWN.get(head, (settings.objective,)):
            continue
        told.append({"key": path, "value": value, "source": "default" if value == default else "recipe"})
    device = device_of(settings)
    for name, real in (("device", device), ("number_format", number_format(settings, device))):
        one = next(one for one in told if one["key"] == name)
        if one["value"] != real:
            one |= {"value": real, "source": "what is here" if name == "device" else f"follows from device {device}"}
    rate = next(one for one in told if one["key"] == "learning_rate")
    if settings.learning_rate == "find":
        rate |= {"value": found["rate"], "source": "found by a range test"} if found else {"source": "to be found by a range test"}
    elif not settings.learning_rate:
        size = "below 50 million" if parameters < SMALL else "below 500 million" if parameters < LARGE else "500 million or more"
        why = f"default for {settings.objective} by {settings.method}, {size} parameters (sources: train/defaults.py)"
        rate |= {"value": learning_rate(settings, parameters), "source": why}
    whole = settings.tokens or round(tokens * settings.epochs)
    steps = planned or max(1, round(whole / settings.batch_tokens))
    nearly = "tokens in all / train.batch_tokens, nearly: rows are not cut to fill a step"
    follows = {
        "tokens in all": (whole, "train.tokens" if settings.tokens else "train.epochs x tokens of the rows"),
        "optimiser steps": (steps, "the batches as they are drawn" if planned else nearly),
        "passes a step": (max(1, round(settings.batch_tokens / min(settings.micro_tokens, settings.batch_tokens))), "train.batch_tokens / train.micro_tokens"),
        "warm-up steps": (int(settings.warmup * steps), "train.warmup x optimiser steps"),
    }
    told += [{"key": key, "value": value, "source": f"follows from {source}"} for key, (value, source) in follows.items()]
    return told + [{"key": key, "value": value, "source": "default of transformers"} for key, value in LOOP.items()]


def text(told: list[dict[str, Any]]) -> list[str]:
    """The lines of a terminal: what the recipe says and what was worked out one by one, plain defaults together."""
    said = [(one["key"], _shown(one["value"]), one["source"]) for one in told if one["source"] != "default"]
    key, value = (max((len(row[i]) for row in said), default=0) for i in (0, 1))
    lines = [f"  {row[0]:<{key}}  {row[1]:<{min(value, 24)}}  {row[2]}" for row in said]
    rest = ", ".join(f"{one['key']} {_shown(one['value'])}" for one in told if one["source"] == "default")
    return [*lines, f"  defaults: {rest}"] if rest else lines


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value) or "-"


def _flat(value: Any, default: Any, path: str) -> list[tuple[str, Any, Any]]:
    """(path, value, default) of every key, those of nested sections by their paths."""
    out: list[tuple[str, Any, Any]] = []
    for field in dataclasses.fields(value):
        mine, usual, name = getattr(value, field.name), getattr(default, field.name), f"{path}{field.name}"
        if dataclasses.is_dataclass(mine):
            out += _flat(mine, usual, f"{name}.")
        else:
            out.append((name, list(mine) if isinstance(mine, tuple) else mine, list(usual) if isinstance(usual, tuple) else usual))
    return out
