"""Documentation made of the code: the commands' help, the steps, every key of a recipe, and its JSON schema.

`python -m dadeum.docs` writes it to docs/.
"""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import os
import re
import sys
from pathlib import Path
from typing import Any, Final, get_args, get_type_hints

import orjson
from pydantic import TypeAdapter

from dadeum import cli, steps
from dadeum.recipe import KEYS, SECTIONS
from dadeum.settings import Order, Source

RECIPE: Final = """# Keys of a recipe

Made by `python -m dadeum.docs`. The steps and their parameters stand in [commands.md](commands.md). `--set KEY=VALUE` of every command
sets a key by its path: `--set train.lora.r=8`, `--set sources.0.path=my.jsonl`, `--set 'prove.arms=[base, zero_shot]'`.

| key | default | values | |
|---|---|---|---|
| `name` | the file's name | text | Of the run; its folder is `runs/NAME` where `--out` names none. |
| `seed` | 0 | whole number | Of everything that is drawn. |
| `order` | given | given · auto | In which order the steps run. auto: the cheapest of the orders that provably give the same rows. |
| `sources` | required | list | Where raw rows come from, see below. |
| `steps` | none | list | A step by its name alone, or as `name: {parameter: value}`. |
| `output`, `train`, `prove`, `engine` | | | See below. Without `train` nothing is trained, without `prove` nothing is compared. |
"""


def generated() -> dict[str, str]:
    """File name to content."""
    schema = orjson.dumps(recipe_schema(), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)
    return {"docs/commands.md": commands(), "docs/recipe.md": recipe_keys(), "docs/recipe.schema.json": schema.decode()}


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


def recipe_keys() -> str:
    """Every key of a recipe outside its steps: a table for each mapping, those that it holds behind it."""
    out = [RECIPE]
    for section, kind in {"sources": Source, **SECTIONS}.items():
        whole = _schema(kind)
        out += _section(section, section == "sources", whole, whole.get("$defs", {}))
    return "\n".join(out).rstrip() + "\n"


def _section(path: str, many: bool, told: dict[str, Any], known: dict[str, Any]) -> list[str]:
    """A heading, what the mapping is for and a table of its keys; behind it the same for each mapping that it holds."""
    lines = [f"## {path}\n", " ".join((told.get("description") or "").split()) + (" A list." if many else ""), ""]
    lines += ["| key | default | values | |", "|---|---|---|---|"]
    held: list[str] = []
    for key, one in told["properties"].items():
        values, inside = _values(one)
        default = "required" if key in told.get("required", ()) else "" if inside else _plain(one.get("default"))
        lines.append(_row(f"`{key}`", default, values, one.get("description", "")))
        if inside and (path != "train.stages" or key == "gate"):  # its other keys have been told already: a stage overrides them
            held += _section(f"{path}.{key}", "list" in values, known[inside], known)
    return [*lines, "", *held]


def _values(one: dict[str, Any]) -> tuple[str, str]:
    """What a key may hold, in words; and the name of the mapping that it holds, if any."""
    if "$ref" in one:
        return "mapping, see below", one["$ref"].split("/")[-1]
    if "anyOf" in one:
        parts = [_values(part) for part in one["anyOf"] if part.get("type") != "null"]
        return " or ".join(values for values, _ in parts), next((inside for _, inside in parts if inside), "")
    if "enum" in one or "const" in one:
        return " · ".join(str(value) or "empty" for value in one.get("enum", [one.get("const")])), ""
    kind = one.get("type")
    if kind == "array":
        values, inside = _values(one.get("items", {}))
        return "list, see below" if inside else f"list ({values})", inside
    if kind == "object":
        names, (values, _) = one.get("propertyNames", {}).get("enum", ()), _values(one.get("additionalProperties") or {})
        return f"mapping of {' · '.join(names) or 'names'} to {values or 'values'}", ""
    if kind in ("integer", "number"):
        ends = (("from", "minimum"), ("above", "exclusiveMinimum"), ("to", "maximum"), ("below", "exclusiveMaximum"))
        return " ".join([{"integer": "whole number", "number": "number"}[kind], *(f"{word} {one[end]}" for word, end in ends if end in one)]), ""
    return {"string": "text", "boolean": "true · false"}.get(str(kind), ""), ""


def _plain(default: Any) -> str:
    """A default as YAML says it; nothing where it is empty."""
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, list):
        return ", ".join(str(part["name"] if isinstance(part, dict) else part) for part in default)
    return "" if default in (None, {}) else str(int(default) if isinstance(default, float) and default.is_integer() else default)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


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
    """JSON schema of a dataclass and of those that it holds, each key with its docstring."""
    made = TypeAdapter(kind).json_schema()
    for one, schema in ((kind, made), *((one, made["$defs"][name]) for name, one in _held(kind).items() if name in made.get("$defs", {}))):
        told = documented(one)
        schema["additionalProperties"] = False
        for name, value in schema.get("properties", {}).items():
            if name in told:
                value["description"] = told[name]
    return made


def _held(kind: type) -> dict[str, type]:
    """The dataclasses that the fields of a dataclass hold, and those hold, by name."""
    found: dict[str, type] = {}
    waiting: list[Any] = list(get_type_hints(kind, include_extras=True).values())
    while waiting:
        one = waiting.pop()
        if isinstance(one, type) and dataclasses.is_dataclass(one):
            if one.__name__ not in found:
                found[one.__name__] = one
                waiting += get_type_hints(one, include_extras=True).values()
        else:
            waiting += get_args(one)
    return found


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
