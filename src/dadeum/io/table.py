"""CSV and TSV. Whether quotes quote is decided by counting which way loses fewer physical lines, never assumed.

A reader that takes stray quotes for quoting swallows rows without a word (1,571 of 2,490 in one public file); one that ignores
quoting cuts quoted rows apart. So where a file holds quotes both ways are tried. Rows whose number of fields is not the
header's are unreadable, except that columns without a name at the end may be missing. Lines are numbered as in the file.
"""

from __future__ import annotations

import csv
import itertools
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import polars as pl

from dadeum.io import stream
from dadeum.io.chunk import Bad, Chunk, shown
from dadeum.io.encoding import WIDE, detect
from dadeum.io.frame import Shapes, flat
from dadeum.io.jsonl import chunk
from dadeum.io.lens import Lens

Row = tuple[int, list[str] | None, str, str]
"""Physical line, fields, why it is unreadable (else empty), the raw text of an unreadable one."""
LONGEST: Final = 100_000
"""Physical lines that one quoted row may take; beyond, its quote was never closed."""
SEPARATORS: Final = (",", "\t", ";", "|")


def read(path: Path, lens: Lens, size: int, skip: int = 0, separator: str = ",") -> Iterator[Chunk]:
    """Chunks of `size` rows after the header."""
    encoding = detect(path, lens.source.encoding)
    header = next(_texts(path, encoding), None)
    if header is None:
        return
    separator = _separator(header, separator)
    quoted = is_quoted(path, encoding, separator)
    rows = parse(_texts(path, encoding), separator, quoted)
    # What can't be read before there is a header is a row like any other that can't be read.
    lost: list[Row] = []
    head: list[str] = []
    for row in rows:
        if row[1] is not None:
            head = row[1]
            break
        lost.append(row)
    # A column whose name can't be decoded is a column all the same: its bytes are written out.
    named = [name.strip().encode("utf-8", "backslashreplace").decode() for name in head]
    rows = itertools.chain(lost, rows)
    keys = unique(named)
    needed = max((i + 1 for i, name in enumerate(named) if name), default=0)
    for number in itertools.count():
        part = list(itertools.islice(rows, size))
        if not part:
            return
        if number >= skip:
            yield _chunk(part, keys, needed, lens, encoding, str(path) if number == 0 else "")


def rows(path: Path, encoding: str) -> Iterator[tuple[int, dict[str, str], str, str]]:
    """A comma-separated table's rows below its header: physical line, row, why it is unreadable (else empty), the raw text of such a one."""
    parsed = parse(_texts(path, encoding), ",", is_quoted(path, encoding, ","))
    keys = next((fields for _, fields, _, _ in parsed if fields), [])
    for line, fields, why, raw in parsed:
        if fields is None or len(fields) > len(keys):
            yield line, {}, why or f"{len(fields or ())} fields, where the header has {len(keys)}", shown(raw)
        elif not _whole("".join(fields)):
            yield line, {}, f"not {encoding}", shown(raw.encode("utf-8", "surrogateescape"))
        else:
            yield line, dict(zip(keys, fields)), "", ""


def unique(named: list[str]) -> tuple[str, ...]:
    """Every column's own name: those without one, or with one that was there before, are numbered by their position.

    >>> unique(["v1", "", "v1"])
    ('v1', 'column_2', 'v1_3')
    """
    made: list[str] = []
    for i, name in enumerate(named, 1):
        name = name or f"column_{i}"
        made.append(name if name not in made else f"{name}_{i}")
    return tuple(made)


def _chunk(part: list[Row], keys: tuple[str, ...], needed: int, lens: Lens, encoding: str, where: str) -> Chunk:
    bad: list[Bad] = []
    lines: list[int] = []
    good: list[list[str | None]] = []
    width = len(keys)
    for line, fields, why, raw in part:
        if fields is None:
            bad.append(Bad(line, why, shown(raw)))
        elif not needed <= len(fields) <= width:
            bad.append(Bad(line, f"{len(fields)} fields, where the header has {width}", shown(raw)))
        elif not _whole("".join(fields)):
            bad.append(Bad(line, f"not {encoding}", shown(raw.encode("utf-8", "surrogateescape"))))
        else:
            lines.append(line)
            good.append([*fields, *[None] * (width - len(fields))])
    values = list(zip(*good)) if good else [()] * width
    columns = {key: pl.Series(key, v, dtype=pl.String) for key, v in zip(keys, values)}
    if where and lens.source.fields and good:
        lens.check(keys, [dict(zip(keys, good[0]))], where)
    made = flat(lines, columns, Shapes([keys]), lens) if good else None
    if made is None:
        return chunk([dict(zip(keys, row)) for row in good], lines, lens, bad, "", ":")
    return Chunk(made, bad, ":")


def _whole(text: str) -> bool:
    """Whether all bytes of a text could be decoded."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _texts(path: Path, encoding: str) -> Iterator[str]:
    """Physical lines as text, with their newline; bytes that can't be decoded as lone surrogates."""
    wide = encoding.startswith(WIDE)
    for batch in stream.lines(path, encoding if wide else ""):
        for line in batch:
            yield line.decode("utf-8" if wide else encoding, errors="surrogateescape") + "\n"


def _separator(header: str, told: str) -> str:
    """`told`, unless the header has none of it but of another usual one."""
    if told in header:
        return told
    return max(SEPARATORS, key=header.count) if any(s in header for s in SEPARATORS) else told


def is_quoted(path: Path, encoding: str, separator: str) -> bool:
    """Whether quotes in the file quote."""
    if not any(b'"' in block for block in stream.blocks(path)):
        return False
    (lost, joined, width), (torn, _, _) = (_losses(path, encoding, separator, way) for way in (True, False))
    if lost != torn:
        return lost < torn
    # Nothing is lost either way: rows that span lines which are all whole rows by themselves were joined by stray quotes.
    return not (joined and width > 1)


def _losses(path: Path, encoding: str, separator: str, quoted: bool) -> tuple[int, int, int]:
    """Physical lines in unreadable rows, lines joined to the one before, number of columns."""
    lost = joined = width = needed = 0
    for number, (_, fields, _, raw) in enumerate(parse(_texts(path, encoding), separator, quoted)):
        spans = raw.count("\n")
        if number == 0 and fields is not None:
            width = len(fields)
            needed = max((i + 1 for i, name in enumerate(fields) if name.strip()), default=0)
        if fields is None or not needed <= len(fields) <= width:
            lost += spans
        else:
            joined += spans - 1
    return lost, joined, width


def parse(texts: Iterator[str], separator: str, quoted: bool) -> Iterator[Row]:
    """Rows that are not blank. A row that breaks the rules of quoting costs its first line alone; reading goes on at the next."""
    if not quoted:
        for number, line in enumerate(texts, 1):
            bare = line.rstrip("\r\n")
            if bare.strip():
                yield number, bare.split(separator), "", line
        return
    csv.field_size_limit(1 << 30)
    waiting: deque[str] = deque()
    taken: list[str] = []

    def feed() -> Iterator[str]:
        while True:
            line = waiting.popleft() if waiting else next(texts, None)
            if line is None:
                return
            taken.append(line)
            if len(taken) > LONGEST:
                raise csv.Error("a quote that was opened is not closed")
            yield line

    at = 1
    width = 0
    reader = csv.reader(feed(), delimiter=separator, strict=True)
    while True:
        taken.clear()
        why = ""
        fields: list[str] | None = None
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            why = f"not CSV: {error}"
        if not why and len(taken) > 1 and width and len(fields or ()) != width and _stray(taken[1:], separator, width):
            why = f"not CSV: a quote that was opened ends {len(taken) - 1} lines later"
        if why:
            first, *rest = taken
            waiting.extendleft(reversed(rest))
            yield at, None, why, first
            at += 1
            reader = csv.reader(feed(), delimiter=separator, strict=True)
            continue
        raw = "".join(taken)
        if fields and raw.strip():
            width = width or len(fields)
            yield at, fields, "", raw
        at += len(taken)


def _stray(lines: list[str], separator: str, width: int) -> bool:
    """Whether one of the lines is a whole row by itself."""
    for line in lines:
        try:
            if len(next(csv.reader([line], delimiter=separator, strict=True), ())) == width:
                return True
        except csv.Error:
            continue
    return False
