"""JSON Lines: every line parsed by itself against no schema at all, so that an odd line costs that line and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from dadeum.io import plain, stream
from dadeum.io.chunk import Bad, Chunk, Unreadable, kind, not_utf8, shown
from dadeum.io.encoding import WIDE, detect
from dadeum.io.frame import columns_of, flat, frame
from dadeum.io.lens import Lens
from dadeum.io.value import dumps, loads, wide

Parse = Callable[[bytes], Any]


def read(path: Path, lens: Lens, size: int, skip: int = 0) -> Iterator[Chunk]:
    """Chunks of `size` lines that are not blank. skip: chunks to leave out, at the cost of finding their lines only."""
    encoding = detect(path, lens.source.encoding, json=True)
    first = True
    for number, (lines, numbers) in enumerate(cut(stream.lines(path, encoding if encoding.startswith(WIDE) else ""), size)):
        if number < skip:
            first = False
            continue
        yield _chunk(lines, numbers, lens, encoding, str(path) if first else "")
        first = False


def cut(batches: Iterator[list[bytes]], size: int) -> Iterator[tuple[list[bytes], Sequence[int]]]:
    """Lines that are not blank, `size` at a time, with their numbers from 1."""
    lines: list[bytes] = []
    numbers: list[int] = []
    at = 1
    for batch in batches:
        here = range(at, at + len(batch))
        at += len(batch)
        if not all(map(bytes.strip, batch)):
            kept = [i for i, line in enumerate(batch) if line.strip()]
            numbers.extend(here[i] for i in kept)
            lines.extend(batch[i] for i in kept)
        else:
            numbers.extend(here)
            lines.extend(batch)
        start = 0
        while len(lines) - start >= size:
            yield lines[start : start + size], numbers[start : start + size]
            start += size
        if start:
            lines, numbers = lines[start:], numbers[start:]
    if lines:
        yield lines, numbers


def _chunk(lines: list[bytes], numbers: Sequence[int], lens: Lens, encoding: str, where: str) -> Chunk:
    utf8 = encoding in ("utf-8", "ascii") or encoding.startswith(WIDE)
    if utf8 and (alike := plain.columns(lines)) is not None:
        if where and lens.source.fields:
            lens.check(dict.fromkeys(alike[0]), [parse(lines[0])], where)
        if (made := flat(numbers, *alike, lens)) is not None:
            return Chunk(made, [], ":")
    bad: list[Bad] = []
    exact = False
    try:
        if not utf8:
            raise ValueError
        rows = [orjson.loads(line) for line in lines]
        if set(map(type, rows)) != {dict}:
            raise ValueError
    except ValueError:
        exact = True
        rows, kept = [], []
        for line, number in zip(lines, numbers):
            try:
                rows.append(parse(line, encoding if not utf8 else ""))
                kept.append((line, number))
            except Unreadable as error:
                bad.append(Bad(number, str(error), shown(line)))
        lines, numbers = [line for line, _ in kept], [number for _, number in kept]
    return chunk(rows, numbers, lens, bad, where, ":", lines, exact)


def parse(line: bytes, encoding: str = "") -> dict[str, Any]:
    """One line's object. Raises Unreadable that says what it is instead.

    >>> parse(b'[1]')
    Traceback (most recent call last):
    dadeum.io.chunk.Unreadable: an array, where a row must be an object
    """
    text: bytes | str = line
    if encoding:
        try:
            text = line.decode(encoding)
        except UnicodeDecodeError as error:
            raise Unreadable(f"not {encoding}: byte 0x{line[error.start]:02x} at position {error.start}") from None
    elif why := not_utf8(line):
        raise Unreadable(why)
    try:
        value = loads(text)
    except ValueError as error:
        raise Unreadable(f"not JSON: {error}") from None
    except RecursionError:
        raise Unreadable("not JSON: nested too deeply") from None
    if not isinstance(value, dict):
        raise Unreadable(f"{kind(value)}, where a row must be an object")
    return value


def chunk(
    rows: list[dict[str, Any]],
    numbers: Sequence[int],
    lens: Lens,
    bad: list[Bad],
    where: str,
    mark: str,
    raw: Sequence[bytes] = (),
    exact: bool = True,
) -> Chunk:
    """Objects as a chunk, flat where they allow it. where: the file, on its first chunk only, to check the recipe's fields.

    raw: the rows as they stand in the file. exact: False where integers beyond 64 bits were not looked for yet.
    """
    if where and lens.source.fields and rows:
        lens.check(dict.fromkeys(k for row in rows for k in row), rows, where)
    found = columns_of(rows) if rows else None
    made = flat(numbers, *found, lens) if found else None
    if made is None:
        kept, lines = [], []
        for at, (number, row) in enumerate(zip(numbers, rows)):
            if not exact and wide(raw[at]):
                row = loads(raw[at])
            try:
                kept.append(lens.get(row))
                lines.append(number)
            except Unreadable as error:
                bad.append(Bad(number, str(error), shown(raw[at] if raw else dumps(row))))
        made = frame(lines, kept, lens)
    return Chunk(made, sorted(bad, key=lambda b: b.line), mark)
