"""What of a benchmark's files counts as an item.

A benchmark row has several texts (a question, an answer, a premise, four choices), and each of them counts by itself: whoever
has the question alone has seen the question. All are taken: the text, the turns, and every string among the other fields, however
deep. A row that cannot be read is taken as its raw line, so that nothing of the benchmark is left unguarded. Sentences are taken
as people read them: of files with a token and its tag a line the tokens joined (`_conll.py`), and `<Seoul:LC>` as Seoul.

Not taken, because they convict without evidence:
* names, labels, links: a value without white space in ASCII alone; a value without enough letters (`_benchmark.WEIGHT`);
* classes and system prompts: a value that at least 5 rows and 5 % of the rows have in the same field.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import orjson
import polars as pl

from dadeum.record import CARRIED, CHATS, turns
from dadeum.settings import Source
from dadeum.steps.guard import _conll

CLASS_ROWS: Final = 5
CLASS_SHARE: Final = 0.05
CHUNK: Final = 32_768
RAW: Final = ("raw",)
"""What a line is called that could not be read."""
TAGGED: Final = re.compile(r"<([^<>]+?):[A-Z][A-Z0-9_-]{1,15}>")
"""A span with its tag in the text: `<박:PS>`, `<16명:QT>`."""

_ROLE: Final = {"system": "system", "before": "user", "after": "user"}
"""Codecs of layouts (io/layout.py) that tell the role."""


def untagged(value: str) -> str:
    """The text without the tags that annotators put into it.

    >>> untagged("<경찰:OG>은 <박:PS>씨의 딸을 <b>불구속</b>했다")
    '경찰은 박씨의 딸을 <b>불구속</b>했다'
    """
    return TAGGED.sub(r"\1", value) if "<" in value else value


def values(path: str, fields: tuple[str, ...], unread: list[str] | None = None) -> Iterator[tuple[str, str]]:
    """(place, value) of every value of a file that could convict. fields: which fields are taken, all if empty.

    unread: is given the places of what could not be read, and is taken as it stands.
    """
    found: dict[str, list[tuple[str, str]]] = {}
    for names, place, value in _strings(path):
        if unread is not None and names == RAW:
            unread.append(place)
        if (not fields or not set(names).isdisjoint(fields)) and not (value.isascii() and len(value.split()) < 2):
            found.setdefault(names[0], []).append((place, untagged(value)))
    for pairs in found.values():
        counts: dict[str, int] = {}
        for _, value in pairs:
            counts[value] = counts.get(value, 0) + 1
        rows = len({place for place, _ in pairs})
        for place, value in pairs:
            if counts[value] < max(CLASS_ROWS, CLASS_SHARE * rows):
                yield place, value


def _strings(path: str) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """(names, place, value) of every string of a file. Names: `text` or the role and what the file calls it, or the field's own."""
    from dadeum import io

    if _conll.is_tagged(Path(path)):
        yield from ((("text", "tokens"), place, sentence) for place, sentence in _conll.sentences(Path(path)))
        return
    for chunk in io.read(Path(path), Source(path=path), CHUNK):
        rows = chunk.rows
        places = [f"{path}{chunk.mark}{line}" for line in rows.get_column("line").to_list()]
        called = [_called(layout) for layout in rows.get_column("layout").to_list()]
        for place, text, names in zip(places, rows.get_column("text").to_list(), called):
            if text:
                yield ("text", *names.get("text", ())), place, text
        for column in CHATS:
            flat = turns(rows, column).select("index", "role", "content").drop_nulls("content")
            for index, role, content in zip(*(flat.get_column(c).to_list() for c in flat.columns)):
                yield (role or "", *called[index].get(role, ())), places[index], content
        for column in rows.columns:
            if column.startswith(CARRIED) and rows.schema[column] == pl.String:
                for place, value in zip(places, rows.get_column(column).to_list()):
                    for leaf in _leaves(_parsed(value)):
                        yield (column.removeprefix(CARRIED),), place, leaf
        for place, meta in zip(places, rows.get_column("meta").to_list()):
            told = _parsed(meta)
            for name, value in told.items() if isinstance(told, dict) else ():
                for leaf in _leaves(value):
                    yield (str(name),), place, leaf
        for bad in chunk.bad:
            yield RAW, f"{path}{chunk.mark}{bad.line}", bad.raw


@lru_cache(maxsize=1024)
def _called(layout: str | None) -> dict[str | None, list[str]]:
    """What a row calls its text and the turn of each role (`question` for `user`), as its layout tells."""
    told: dict[str | None, list[str]] = {}
    for path, column, codec, *rest in orjson.loads(layout).get("slots", []) if layout else []:
        role = column if column == "text" else _ROLE.get(codec) or (rest[-1] if codec in ("said", "copied") else None)
        told.setdefault(role, []).append(".".join(path))
    return told


def _parsed(value: str | None) -> Any:
    if value and value[:1] in '[{"':
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return value


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
