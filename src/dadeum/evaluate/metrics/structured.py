"""JSON answers: how many of the fields are right, and whether the whole keeps a schema.

A field is a leaf of the JSON with the path to it. The score is the share of right fields among all that either side has, so that made-up
fields cost as much as missing ones. Numbers are compared as numbers, texts without outer blanks in NFC, `true` is not 1. An answer without
JSON in it is unscored: null, as is one that broke off, and one with several that differ; one that breaks the schema scores 0.
"""

from __future__ import annotations

import contextlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from dadeum.errors import MissingExtra, Mistake, RecipeError

NOTHING: Final = object()
_FENCE: Final = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL | re.IGNORECASE)
BROKEN: Final = 100
"""Pairs of brackets without JSON in them, after which no more is looked for: each takes time that grows with its place in the text."""
_OPEN: Final = re.compile(r"[\[{]")
_BRACKETS: Final = re.compile(r"\\.|[\"\[\]{}]", re.DOTALL)


def parse(text: str) -> Any:
    """The JSON of an answer: all of it, what stands in a fence, or the object or list that it holds; NOTHING where there is none, or several
    that differ.

    >>> parse('네, 여기 있습니다: {"이름": "LoRA"} 입니다'), parse("모르겠습니다") is NOTHING, parse("[1] or [2]") is NOTHING
    ({'이름': 'LoRA'}, True, True)
    """
    found = values(text)
    return found[0] if found and all(one == found[0] for one in found) else NOTHING


def values(text: str) -> list[Any]:
    """All the JSON of an answer, one after the other."""
    text = text.removeprefix("\ufeff")
    try:
        return [json.loads(text, parse_constant=_refuse)]
    except (ValueError, RecursionError):
        pass
    made = []
    for inside in _FENCE.findall(text):
        with contextlib.suppress(ValueError, RecursionError):
            made.append(json.loads(inside, parse_constant=_refuse))
    return made or list(_within(text))


def _within(text: str) -> Iterator[Any]:
    """The objects and lists that stand in a text."""
    reader, place, broken = json.JSONDecoder(parse_constant=_refuse), 0, 0
    while broken < BROKEN and (found := _OPEN.search(text, place)):
        try:
            value, place = reader.raw_decode(text, found.start())
            yield value
        except (ValueError, RecursionError):
            # The parts of a broken or unfinished object are not the answer: it is left out as a whole.
            end = _closed(text, found.start())
            if end is None:
                return
            place, broken = end, broken + 1


def _closed(text: str, start: int) -> int | None:
    """Where the bracket at `start` is closed; null where it never is."""
    depth, quoted = 0, False
    for found in _BRACKETS.finditer(text, start):
        c = found[0]
        if c == '"':
            quoted = not quoted
        elif not quoted and len(c) == 1:
            depth += 1 if c in "[{" else -1
            if not depth:
                return found.end()
    return None


def score(reply: str, reference: str, schema: str = "") -> float | None:
    """The share of right fields, 0 to 1; null where the reply holds no JSON. schema: a file.

    >>> score('{"a": 1, "b": "x"}', '{"a": 1.0, "b": "y"}'), score("?", "{}")
    (0.5, None)
    """
    said, asked = parse(reply), parse(reference)
    if said is NOTHING:
        return None
    if schema and not keeps(said, schema):
        return 0.0
    ours, theirs = dict(leaves(said)), dict(leaves(asked))
    every = ours.keys() | theirs.keys()
    return sum(path in ours and path in theirs and ours[path] == theirs[path] for path in every) / len(every) if every else 1.0


def tally(replies: Sequence[str | None], references: Sequence[str], schema: str = "") -> dict[str, Any]:
    """{parsed, keeps_schema, fields: {path: {n, right}}}: shares of the replies, and of each field of the references (lists as one)."""
    right: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    parsed = kept = 0
    for reply, reference in zip(replies, references):
        said = parse(reply) if reply is not None else NOTHING
        ours = dict(leaves(said)) if said is not NOTHING else {}
        parsed += said is not NOTHING
        kept += said is not NOTHING and (not schema or keeps(said, schema))
        for path, value in leaves(parse(reference)):
            name = ".".join("[]" if isinstance(part, int) else part for part in path) or "."
            whole[name] += 1
            right[name] += path in ours and ours[path] == value
    n = max(1, len(replies))
    fields = {name: {"n": count, "right": right[name] / count} for name, count in whole.most_common(50)}
    return {"parsed": parsed / n, "keeps_schema": kept / n if schema else None, "fields": fields}


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """(path, value) of every leaf; an empty object or list is one itself.

    >>> list(leaves({"a": [1, True]}))
    [(('a', 0), ('number', 1)), (('a', 1), ('bool', True))]
    """
    if isinstance(value, dict) and value:
        for key, part in value.items():
            yield from leaves(part, (*path, unicodedata.normalize("NFC", key)))
    elif isinstance(value, list) and value:
        for i, part in enumerate(value):
            yield from leaves(part, (*path, i))
    elif value is not NOTHING:
        yield path, _folded(value)


def keeps(value: Any, schema: str) -> bool:
    """Whether a value keeps the JSON schema in a file. Raises MissingExtra, RecipeError for a file that is no schema by itself."""
    checks = _validator(schema)
    from referencing.exceptions import Unresolvable

    try:
        return bool(checks.is_valid(value))
    except Unresolvable as error:
        raise RecipeError(Mistake("prove.schema", f"{schema} refers to {error.ref}, which does not stand in it", "put it under $defs: nothing is fetched")) from error


@lru_cache(maxsize=8)
def _validator(path: str) -> Any:
    try:
        from jsonschema import exceptions, validators
    except ImportError as error:
        raise MissingExtra('prove.schema needs jsonschema: pip install "dadeum[eval]"') from error
    try:
        told = json.loads(Path(path).read_text(encoding="utf-8"))
        kind = validators.validator_for(told)
        kind.check_schema(told)
    except (OSError, ValueError, TypeError, AttributeError, exceptions.SchemaError) as error:
        raise RecipeError(Mistake("prove.schema", f"{path} is no JSON schema: {str(error).splitlines()[0]}")) from error
    return kind(told)


def _folded(value: Any) -> tuple[str, Any]:
    if isinstance(value, bool):
        return "bool", value
    if isinstance(value, int | float):
        return "number", value
    return (type(value).__name__, unicodedata.normalize("NFC", value).strip()) if isinstance(value, str) else (type(value).__name__, repr(value))


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
