"""JSON Lines: every line parsed by itself against no schema at all, so that an odd line costs that line and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from dadeum.io import plain, stream
from dadeum.io.chunk import Bad, Chunk, Unreadable, kind, not_utf8, shown
from dadeum.io.encoding import SURE, WIDE, detect, likely
from dadeum.io.frame import columns_of, flat, frame
from dadeum.io.lens import Lens
from dadeum.io.value import dumps, loads, wide

Parse = Callable[[bytes], Any]


def read(path: Path, lens: Lens, size: int, skip: int = 0) -> Iterator[Chunk]:
    """Chunks of `size` lines that are not blank. skip: chunks to leave out, at the cost of finding their lines only."""
    encoding = detect(path, lens.source.encoding, json=True)
    utf8 = encoding in ("utf-8", "ascii") or encoding.startswith(WIDE)
    source = stream.Lines(path, encoding if encoding.startswith(WIDE) else "")
    at, number = 1, 0
    while True:
        piece, n = source.take(size)
        if not n:
            return
        where = str(path) if number == 0 else ""
        made = _alike(piece, n, at, lens, where) if utf8 and number >= skip else None
        if made is None:
            lines, numbers, n = _full(piece, n, at, source, size)
            if number >= skip and lines:
                made = _chunk(lines, numbers, lens, encoding if not utf8 else "", where)
        at += n
        number += 1
        if made is not None:
            yield made


def _full(piece: bytes, n: int, at: int, source: stream.Lines, size: int) -> tuple[list[bytes], Sequence[int], int]:
    """(lines that are not blank, `size` if there are so many; their numbers; the lines taken), where blank lines are found."""
    lines = piece.split(b"\n")
    if all(map(bytes.strip, lines)):
        return lines, range(at, at + n), n
    numbers = [at + i for i, line in enumerate(lines) if line.strip()]
    lines = [line for line in lines if line.strip()]
    while len(lines) < size:
        piece, more = source.take(size - len(lines))
        if not more:
            break
        for i, line in enumerate(piece.split(b"\n")):
            if line.strip():
                lines.append(line)
                numbers.append(at + n + i)
        n += more
    return lines, numbers, n


def _alike(piece: bytes, n: int, at: int, lens: Lens, where: str) -> Chunk | None:
    """The chunk of lines that are built alike, at a third of the cost; none where one is not (or is blank)."""
    alike = plain.columns(piece, n)
    if alike is None:
        return None
    if where and lens.source.fields:
        lens.check(dict.fromkeys(alike[0]), [parse(piece[: piece.find(b"\n") if n > 1 else None])], where)
    made = flat(range(at, at + n), *alike, lens)
    return None if made is None else Chunk(made, [], ":")


def _chunk(lines: list[bytes], numbers: Sequence[int], lens: Lens, encoding: str, where: str) -> Chunk:
    """encoding: where it is not UTF-8."""
    bad: list[Bad] = []
    exact = False
    try:
        if encoding:
            raise ValueError
        rows = [orjson.loads(line) for line in lines]
        if set(map(type, rows)) != {dict}:
            raise ValueError
    except ValueError:
        exact = True
        rows, kept = [], []
        for line, number in zip(lines, numbers):
            try:
                rows.append(parse(line, encoding))
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
        raise Unreadable(why + hint(line))
    try:
        value = loads(text)
    except ValueError as error:
        raise Unreadable(f"not JSON: {error}") from None
    except RecursionError:
        raise Unreadable("not JSON: nested too deeply") from None
    if not isinstance(value, dict):
        raise Unreadable(f"{kind(value)}, where a row must be an object")
    return value


def hint(line: bytes) -> str:
    """What to do about a line that is no UTF-8, where it is likely text of a Korean code page."""
    page = "" if b"\xed\xa0" in line else next((page for page in ("cp949", "johab") if likely(line, page) > SURE), "")
    return f" (likely {page}: `encoding: mixed` reads line by line)" if page else ""


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
