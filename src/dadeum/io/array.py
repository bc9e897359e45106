"""JSON files that are one value: an array of rows, or an object that holds one. Rows are numbered from 1."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from dadeum.io import kinds, stream
from dadeum.io.chunk import Bad, Chunk, kind, not_utf8, shown
from dadeum.io.encoding import WIDE, detect
from dadeum.io.jsonl import chunk
from dadeum.io.layout import Got
from dadeum.io.lens import Lens
from dadeum.io.value import dumps, fault, forgiving, loads

Row = tuple[int, Any, str, str]
"""Number, value, why it is unreadable (else empty), the raw text of an unreadable one."""


def is_lines(path: Path, encoding: str) -> bool:
    """Whether a .json file is JSON Lines: its first line that is not blank is a whole object, and more follow."""
    full = []
    for batch in stream.lines(path, encoding if encoding.startswith(WIDE) else ""):
        full += [line for line in batch if line.strip()][:2]
        if full and not full[0].lstrip().startswith(b"{"):
            return False
        if len(full) > 1 or (full and len(full[0]) > stream.BLOCK):
            break
    if len(full) < 2:
        return False
    try:
        return isinstance(orjson.loads(full[0] if encoding.startswith(("utf-", "ascii", *WIDE)) else full[0].decode(encoding)), dict)
    except ValueError:
        return full[1].lstrip().startswith(b'{"')


def read(path: Path, lens: Lens, size: int, skip: int = 0) -> Iterator[Chunk]:
    """Chunks of `size` elements. The file is held in memory."""
    rows = iter(_rows(path, detect(path, lens.source.encoding, json=True)))
    for number in itertools.count():
        part = list(itertools.islice(rows, size))
        if not part:
            return
        if number < skip:
            continue
        good = [(at, value) for at, value, why, _ in part if not why]
        bad = [Bad(at, why, shown(raw)) for at, _, why, raw in part if why]
        yield chunk([v for _, v in good], [at for at, _ in good], lens, bad, str(path) if number == 0 else "", "#")


def _rows(path: Path, encoding: str) -> Iterator[Row]:
    raw = b"".join(stream.narrow(stream.blocks(path), encoding) if encoding.startswith(WIDE) else stream.blocks(path))
    encoding = "utf-8" if encoding.startswith(WIDE) else encoding
    try:
        text: bytes | str = raw.decode(encoding).removeprefix("\ufeff") if encoding != "utf-8" else raw.removeprefix(b"\xef\xbb\xbf")
        value = loads(text)
    except UnicodeDecodeError as error:
        yield from _recovered(raw.decode(encoding, errors="backslashreplace"), f"not {encoding}: {error.reason} at byte {error.start}")
        return
    except (ValueError, RecursionError) as error:
        if (rows := _salvaged(raw, encoding)) is not None:
            yield from rows
            return
        text = raw.decode("utf-8", errors="backslashreplace") if encoding == "utf-8" else raw.decode(encoding)
        why = not_utf8(raw) if encoding == "utf-8" else ""
        yield from _recovered(text.removeprefix("\ufeff"), why or f"not JSON: {error}")
        return
    for number, row in enumerate(rows_of(value), 1):
        fault = "" if isinstance(row, dict) else f"{kind(row)}, where a row must be an object"
        yield number, row, fault, dumps(row) if fault else ""


def rows_of(value: Any) -> list[Any]:
    """The rows of a JSON value: an array's elements, those of the one list of objects in an object, or the object itself.

    >>> rows_of({"version": 1, "data": [{"text": "a"}]})
    [{'text': 'a'}]
    >>> rows_of({"messages": [{"role": "user", "content": "a"}]})
    [{'messages': [{'role': 'user', 'content': 'a'}]}]
    """
    if isinstance(value, list):
        return value
    if not isinstance(value, dict):
        return [value]
    lists = [v for v in value.values() if isinstance(v, list) and v and all(isinstance(x, dict) for x in v)]
    if len(lists) != 1 or any(know(Got(value)) for know in kinds.AUTO):
        return [value]
    return lists[0]


def _salvaged(raw: bytes, encoding: str) -> list[Row] | None:
    """The rows of a file that is whole but for letters or numbers that JSON has not, which cost their rows; null where there is more to it."""
    try:
        value, _ = forgiving(raw.decode(encoding).removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return None
    made: list[Row] = []
    for number, row in enumerate(rows_of(value), 1):
        why = fault(row) or ("" if isinstance(row, dict) else f"{kind(row)}, where a row must be an object")
        made.append((number, row, why, json.dumps(row) if why else ""))
    return made


def _recovered(text: str, why: str) -> Iterator[Row]:
    """The elements of a damaged array that can still be read: each begins a line, indented like the first."""
    opened = re.match(r"\s*\[\s*", text)
    start = opened.end() if opened else 0
    indent = re.search(r"\n([ \t]*)$", text[:start])
    if not opened or not indent:
        yield 1, None, why, text
        return
    starts = [start, *(m.end() for m in re.finditer(rf"\n{indent[1]}(?=\{{)", text) if m.end() > start)]
    for number, (at, end) in enumerate(zip(starts, [*starts[1:], len(text)]), 1):
        piece = text[at:end].rstrip().removesuffix("]").rstrip() if end == len(text) else text[at:end]
        piece = piece.rstrip().removesuffix(",")
        try:
            value = loads(piece)
            fault = "" if isinstance(value, dict) else f"{kind(value)}, where a row must be an object"
        except (ValueError, RecursionError) as error:
            value, fault = None, f"not JSON: {error}"
        yield number, value, fault, piece
