"""The YAML of a recipe and the values of `--set` as plain values."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import yaml

from dadeum.errors import Mistake, RecipeError


def parse(text: str, where: str = "recipe") -> Any:
    """YAML as plain values: `on`, `yes` and `no` are words (YAML 1.2), a key that stands twice is a mistake."""
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise RecipeError(Mistake(where, f"is not YAML: {' '.join(str(error).split())}")) from error


def read_sets(sets: Iterable[str]) -> dict[str, Any]:
    """`KEY=VALUE` arguments as {path: value}; values are read as YAML.

    >>> read_sets(["filter.length.min=5", "a.on=[user]"])
    {'filter.length.min': 5, 'a.on': ['user']}
    """
    told: dict[str, Any] = {}
    for item in sets:
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise RecipeError(Mistake(f"--set {item}", "has to be KEY=VALUE"))
        told[key] = parse(value, f"--set {item}") if value else ""
    return told


class _Loader(yaml.SafeLoader):
    """SafeLoader with YAML 1.2 booleans (the name of the parameter `on` must stay a word) and no silent double keys."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in pairs if tag not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp")]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|false|False)$"), list("tTfF"))


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    made: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in made:
            raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} stands twice", key_node.start_mark)
        made[key] = loader.construct_object(value_node, deep=True)
    return made


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
