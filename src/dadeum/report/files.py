"""The files that `dadeum look` reads: found, read chunk by chunk, and what of them could not be read."""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import polars as pl

from dadeum import io
from dadeum import recipe as recipes
from dadeum.errors import DadeumError, Mistake, RecipeError
from dadeum.ledger import read_run
from dadeum.report import sample, survey
from dadeum.settings import Source

CHUNK: Final = 16_384
"""Raw rows that are read at once."""
REASONS: Final = 50
"""Different reasons why rows could not be read that are told apart."""


@dataclass
class File:
    """One file: how it is read, and what came of it."""

    path: Path
    number: int
    source: Source
    name: str = ""
    """The source of its records where they tell none; empty for a file that is looked at alone."""
    measured: str = ""
    """The field that is taken for the text, where no layout was found."""
    mark: str = ":"
    read: int = 0
    unreadable: int = 0
    error: str = ""
    reasons: dict[str, list[Any]] = field(default_factory=dict)
    """Reason -> [rows, the first of them]."""

    def chunks(self) -> Iterator[pl.DataFrame]:
        """The records, `row` being file number * 2^32 + line. What can't be read is counted."""
        self.read = self.unreadable = 0
        stream = io.read(self.path, self.source, CHUNK)
        first = next(stream, None)
        if first is not None and not self.source.fields and (name := survey.field_to_measure(first.rows)):
            self.measured = name
            self.source = replace(self.source, fields={"text": name})
            stream = io.read(self.path, self.source, CHUNK)
            first = next(stream, None)
        for chunk in itertools.chain([first] if first else [], stream):
            self.mark = chunk.mark
            self.read += chunk.read
            self.unreadable += len(chunk.bad)
            for bad in chunk.bad:
                reason = _reason(bad.error)
                known = self.reasons if reason in self.reasons or len(self.reasons) < REASONS else {}
                known.setdefault(reason, [0, bad.line])[0] += 1
            row = (pl.lit(self.number, dtype=pl.UInt64) * 2**32 + pl.col("line")).alias("row")
            own = "source" in chunk.rows.columns and chunk.rows.get_column("source").null_count() < chunk.rows.height
            yield chunk.rows.with_columns(row, *([pl.lit(self.name).alias("source")] if self.name and not own else []))

    def place(self, row: int) -> str:
        """Where a row stands: path:line."""
        return f"{self.path}{self.mark}{row % 2**32}"


def opened(path: Path, sets: Sequence[str] = ()) -> tuple[list[File], dict[str, Any] | None]:
    """The files that a path names, and run.json where it is a run's folder: then its files are those of data/, together.

    sets: `source.KEY=VALUE`, how they are read. Raises RecipeError for a path that names nothing that can be read, and for a wrong key.
    """
    made = read_run(path) if (path / "run.json").is_file() else None
    where = Source(path=str(path / "data/*.parquet" if made else path))
    if wrong := [told for told in sets if not told.startswith("source.")]:
        raise RecipeError(Mistake(f"--set {told}", "names no key of a source", "as in source.fields={text: review}") for told in wrong)
    if sets:
        raw = {"name": "look", "sources": [{"path": where.path}]}
        where = recipes.compose(raw, [f"sources.0.{told.removeprefix('source.')}" for told in sets]).sources[0]
    try:
        paths = [Path(p) for p in io.sources(where)]
    except RecipeError as error:
        raise RecipeError(Mistake(str(path), m.what, m.hint) for m in error.mistakes) from None
    one = len({p.parent for p in paths}) == 1
    names = [(p.name if one else f"{p.parent.name}/{p.name}") if len(paths) > 1 and not made else "" for p in paths]
    return [File(p, number, replace(where, path=str(p)), name) for number, (p, name) in enumerate(zip(paths, names))], made


def batches(files: list[File]) -> Iterator[tuple[pl.DataFrame, str]]:
    """Chunks of all files and the name of their text; those of small files together, a file at a time would cost more than its rows."""
    held: list[pl.DataFrame] = []
    text = "text"
    for file in files:
        try:
            for rows in file.chunks():
                name = file.measured or "text"
                if held and (name != text or held[0].schema != rows.schema or sum(h.height for h in held) + rows.height > CHUNK):
                    yield pl.concat(held), text
                    held = []
                held.append(rows)
                text = name
        except DadeumError as error:
            # One damaged file of many must not hide the others; alone, it is the answer.
            if len(files) == 1:
                raise
            file.error = str(error).strip()
        _progress(file, len(files))
    if held:
        yield pl.concat(held), text
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)


def _progress(file: File, of: int) -> None:
    if sys.stderr.isatty() and of > 1:
        print(f"\r{file.number + 1:,} / {of:,}", end="", file=sys.stderr, flush=True)


def unreadable(files: list[File]) -> list[dict[str, Any]]:
    """Why rows could not be read, the most frequent reason first."""
    told: dict[str, dict[str, Any]] = {}
    for file in files:
        for reason, (n, line) in file.reasons.items():
            told.setdefault(reason, {"reason": reason, "n": 0, "first": file.place(line)})["n"] += n
    return sorted(told.values(), key=lambda r: -r["n"])[:REASONS]


def _reason(error: str) -> str:
    """An error without what differs from row to row: positions, bytes, and what the row itself says.

    >>> _reason("not JSON: unexpected end of data: line 1 column 9 (char 8)"), _reason("score is no number: 'a@b.kr'")
    ('not JSON: unexpected end of data', 'score is no number: …')
    """
    error = re.sub(r"(['\"]).*\1", "…", error.split("\n")[0])
    error = re.sub(r":? (?:at )?(?:line|position|byte) \S+.*$", "", error)
    return sample.concealed([error])[0][:160]
