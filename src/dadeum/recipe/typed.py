"""Plain values as the frozen dataclasses that they stand for, with every mistake told at its path."""

from __future__ import annotations

import dataclasses
import importlib
import typing
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from dadeum import step
from dadeum.errors import Mistake, RecipeError, nearest


def read_step(name: str, parameters: Mapping[str, Any], where: str = "") -> step.Step:
    """One step by name. Raises RecipeError with every mistake in its parameters."""
    mistakes: list[Mistake] = []
    made = typed_step({name: dict(parameters)}, where, mistakes)
    if mistakes or made is None:
        raise RecipeError(mistakes)
    return made


def listed(raw: dict[str, Any], key: str, mistakes: list[Mistake]) -> list[Any]:
    value = raw.get(key) or []
    if isinstance(value, list):
        return value
    mistakes.append(Mistake(key, f"has to be a list, not {type(value).__name__}"))
    return []


def typed_step(raw: Any, where: str, mistakes: list[Mistake]) -> step.Step | None:
    if not isinstance(raw, dict) or len(raw) != 1:
        mistakes.append(Mistake(where, "has to be a step's name, or one name with its parameters", "- filter.length: {min: 5}"))
        return None
    steps = importlib.import_module("dadeum.steps")  # by name, like any plug-in: the rooms of steps lie below this one
    [(name, parameters)] = raw.items()
    where = f"{where}.{name}".strip(".")
    try:
        kind = steps.load(str(name))
    except RecipeError as error:
        mistakes += [Mistake(where, m.what, m.hint) for m in error.mistakes]
        return None
    return typed(kind, {} if parameters is None else parameters, where, mistakes)


def typed(kind: type, raw: Any, where: str, mistakes: list[Mistake]) -> Any:
    """`raw` as an instance of the dataclass `kind`, or None with the mistakes told."""
    if not isinstance(raw, dict):
        mistakes.append(Mistake(where, f"has to be a mapping, not {type(raw).__name__}"))
        return None
    before = len(mistakes)
    raw = _known(kind, raw, where, mistakes)
    try:
        made: Any = TypeAdapter(kind).validate_python(raw)
    except RecipeError as error:
        mistakes += [Mistake(f"{where}.{m.path}".strip("."), m.what, m.hint) for m in error.mistakes]
        return None
    except ValidationError as error:
        for e in error.errors(include_url=False, include_context=False):
            path = ".".join(str(part) for part in (where, *e["loc"]))
            said = e["msg"].removeprefix("Value error, ")
            told = "is missing" if e["type"] == "missing" else f"{said[0].lower()}{said[1:]}, not {e['input']!r}"
            mistakes.append(Mistake(path, told))
        return None
    return made if len(mistakes) == before else None


def _known(kind: type, raw: dict[str, Any], where: str, mistakes: list[Mistake]) -> dict[str, Any]:
    """`raw` without the keys that `kind` has not (told as mistakes), and with single values put into tuples where one is asked."""
    hints = typing.get_type_hints(kind)
    kept: dict[str, Any] = {}
    names = [f.name for f in dataclasses.fields(kind) if f.init]
    for key, value in raw.items():
        if key not in names:
            mistakes.append(Mistake(f"{where}.{key}", "unknown key", nearest(str(key), names)))
            continue
        hint = _inner(hints[key])
        if dataclasses.is_dataclass(hint) and isinstance(value, dict):
            value = _known(typing.cast(type, hint), value, f"{where}.{key}", mistakes)
        elif typing.get_origin(hint) is tuple and value is not None:
            value = list(value) if isinstance(value, (list, tuple)) else [value]
            inner = typing.get_args(hint)[0]
            if dataclasses.is_dataclass(inner):
                value = [_known(inner, v, f"{where}.{key}.{i}", mistakes) if isinstance(v, dict) else v for i, v in enumerate(value)]  # type: ignore[arg-type]
        kept[key] = value
    return kept


def _inner(hint: Any) -> Any:
    """The type that a hint which also allows null is about."""
    told = typing.get_args(hint)
    return told[0] if len(told) == 2 and told[1] is type(None) else hint
