"""Documentation made of the code: the commands' help and the recipe's JSON schema. `python -m dadeum.docs` writes it to docs/."""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import os
import re
import sys
from pathlib import Path
from typing import Any, get_args

import orjson
from pydantic import TypeAdapter

from dadeum import cli, steps
from dadeum.recipe import KEYS, SECTIONS
from dadeum.settings import Order, Source


def generated() -> dict[str, str]:
    """File name to content."""
    schema = orjson.dumps(recipe_schema(), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)
    return {"docs/commands.md": commands(), "docs/recipe.schema.json": schema.decode()}


def commands() -> str:
    """Every command's help, and every step with its parameters."""
    os.environ["COLUMNS"] = "110"
    top = cli.parser()
    out = ["# Commands\n", "Made by `python -m dadeum.docs`.\n", _block(top)]
    [sub] = [a for a in top._actions if isinstance(a, argparse._SubParsersAction)]
    for name, parser in sub.choices.items():
        out += [f"## dadeum {name}\n", _block(parser)]
    out.append("# Steps\n")
    for name in steps.names():
        kind = steps.load(name)
        module = inspect.getdoc(inspect.getmodule(kind)) or ""
        out += [f"## {name}\n", re.sub(r"^[a-z_.]+: ", "", module.strip()), "", *_parameters(kind), ""]
    return "\n".join(out).rstrip() + "\n"


def recipe_schema() -> dict[str, Any]:
    """JSON schema of a recipe, for editors that complete and check YAML."""
    entries: list[dict[str, Any]] = [{"enum": steps.names()}]
    for name in steps.names():
        entries.append({"type": "object", "properties": {name: {"anyOf": [_schema(steps.load(name)), {"type": "null"}]}}, "additionalProperties": False})
    properties: dict[str, Any] = {
        "name": {"type": "string"},
        "seed": {"type": "integer"},
        "order": {"enum": [*get_args(Order)], "description": "auto: the cheapest of the orders of steps that provably give the same rows"},
        "sources": {"type": "array", "items": _schema(Source)},
        "steps": {"type": "array", "items": {"anyOf": entries}},
        **{name: _schema(kind) for name, kind in SECTIONS.items()},
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "properties": properties, "required": ["sources"],
            "additionalProperties": False, "title": f"dadeum recipe ({', '.join(KEYS)})"}  # fmt: skip


def documented(kind: type) -> dict[str, str]:
    """The docstring under each field of a dataclass, by the field's name (of its bases too)."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if dataclasses.is_dataclass(base):
            try:
                source = inspect.getsource(base)
            except (OSError, TypeError):
                continue
            for name, text in re.findall(r'^    (\w+): [^\n]*(?:\n(?!    ["\w@])[^\n]*)*?\n    """(.*?)"""', source, flags=re.M | re.S):
                found[name] = " ".join(text.split())
    return found


def _schema(kind: type) -> dict[str, Any]:
    made = TypeAdapter(kind).json_schema()
    told = documented(kind)
    for name, value in made.get("properties", {}).items():
        if name in told:
            value["description"] = told[name]
    return {**made, "additionalProperties": False}


def _parameters(kind: type) -> list[str]:
    told = documented(kind)
    fields = [f for f in dataclasses.fields(kind) if f.init]  # type: ignore[arg-type]
    if not fields:
        return []
    lines = ["| parameter | default | |", "|---|---|---|"]
    for f in fields:
        default = "required" if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING else f"`{_default(f)}`"
        lines.append(f"| `{f.name}` | {default} | {told.get(f.name, '').replace('|', chr(92) + '|')} |")
    return lines


def _default(f: Any) -> str:
    value = f.default if f.default is not dataclasses.MISSING else f.default_factory()
    return str(list(value) if isinstance(value, tuple) else value).replace("|", "\\|")


def _block(parser: argparse.ArgumentParser) -> str:
    return f"```\n{parser.format_help().rstrip()}\n```\n"


if __name__ == "__main__":
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path.cwd()
    for name, text in generated().items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
        print(root / name)
