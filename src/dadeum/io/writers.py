"""Writers: records to a file, by its ending, a batch at a time. `close` makes the file whole; without rows it is empty and valid.

.jsonl .ndjson   a line a row            .json      an array
.csv .tsv        strings as they are, other values as JSON text; the columns are those of the first batch
.parquet         typed columns           .txt .md   the texts, a blank line between them

All but Parquet may end in .gz or .zst too.
"""

from __future__ import annotations

import contextlib
import csv
import io
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Final

import polars as pl

from dadeum.errors import DadeumError, Mistake, RecipeError, nearest
from dadeum.io import back, stream
from dadeum.io.value import as_text
from dadeum.record import CARRIED, RECORD

FORMATS: Final = ("auto", "source", "messages", "sharegpt", "alpaca", "prompt", "dpo", "kto", "text")


class Writer(ABC):
    """Takes records batch by batch."""

    def __init__(self, path: Path, format: str):
        self.path = path
        self.format = format
        self._stack = contextlib.ExitStack()
        self._open()

    def _open(self) -> None:
        self.file = self._stack.enter_context(stream.opened(self.path, "wb"))

    @abstractmethod
    def write(self, rows: pl.DataFrame) -> None:
        """Append records. Raises DadeumError naming the record that does not fit the format."""

    def like(self, rows: pl.DataFrame) -> None:  # noqa: B027 (most formats have no columns)
        """Instead of any rows: a file without rows takes the columns that these would have had, where its format has columns."""

    def close(self) -> None:
        """Finish the file."""
        self._stack.close()


class Lines(Writer):
    """JSON Lines."""

    def write(self, rows: pl.DataFrame) -> None:
        if rows.height:
            made = back.json_lines(rows, self.format)
            self.file.write((made if isinstance(made, str) else "\n".join([*made, ""])).encode())


class Array(Writer):
    """A JSON array, a row a line."""

    def _open(self) -> None:
        super()._open()
        self.file.write(b"[")
        self._some = False

    def write(self, rows: pl.DataFrame) -> None:
        made = back.json_lines(rows, self.format) if rows.height else []
        for line in made.split("\n")[:-1] if isinstance(made, str) else made:
            self.file.write((",\n" if self._some else "\n").encode() + line.encode())
            self._some = True

    def close(self) -> None:
        self.file.write(b"\n]\n" if self._some else b"]\n")
        super().close()


class Table(Writer):
    """CSV or TSV."""

    def _open(self) -> None:
        super()._open()
        self.keys: list[str] | None = None

    def write(self, rows: pl.DataFrame) -> None:
        made = back.columns_of(rows, self.format) if rows.height else None
        if made is not None:
            keys = made.columns
            lists = [_texts(column) for column in made.get_columns()]
            self._rows(keys, zip(*lists), rows)
            return
        for raw in back.raws(rows, self.format):
            self._rows(list(raw), [["" if v is None else as_text(v) for v in raw.values()]], rows)

    def like(self, rows: pl.DataFrame) -> None:
        if self.keys is None:
            keys = dict.fromkeys(key for raw in back.raws(rows, self.format) for key in raw)
            self._rows(list(keys), [], rows)

    def _rows(self, keys: list[str], values: Any, rows: pl.DataFrame) -> None:
        text = io.StringIO()
        out = csv.writer(text, delimiter="\t" if stream.suffix(self.path) == ".tsv" else ",", lineterminator="\n")
        if self.keys is None:
            self.keys = keys
            out.writerow(keys)
        if keys != self.keys:
            if new := [k for k in keys if k not in self.keys]:
                raise DadeumError(f"{self.path}: a row has the field {new[0]!r} that the first rows lack; a table can't hold it: write .jsonl")
            at = {k: i for i, k in enumerate(keys)}
            values = ([row[at[k]] if k in at else "" for k in self.keys] for row in values)
        out.writerows(values)
        self.file.write(text.getvalue().encode())


def _texts(column: pl.Series) -> list[str]:
    if column.dtype == pl.String:
        return column.fill_null("").to_list()
    return ["" if v is None else as_text(v) or "" for v in column.to_list()]


HELD: Final = 100_000_000
"""Bytes of frames that a Parquet file's writer keeps in memory."""


class Parquet(Writer):
    """Parquet: batches are held, beyond `HELD` bytes in files beside it, and become one file on `close`."""

    def _open(self) -> None:
        self.parts: list[pl.LazyFrame] = []
        self.files: list[Path] = []
        self.held = 0
        self.first: pl.Schema | None = None

    def write(self, rows: pl.DataFrame) -> None:
        if not rows.height:
            self.first = self.first or _empty(rows)
            return
        made = self._frame(rows)
        self.held += int(made.estimated_size())
        if self.held <= HELD:
            self.parts.append(made.lazy())
            return
        self.files.append(self.path.with_name(f"{self.path.name}.part-{len(self.parts):05d}"))
        made.write_ipc(self.files[-1])
        self.parts.append(pl.scan_ipc(self.files[-1]))

    def like(self, rows: pl.DataFrame) -> None:
        if rows.height:
            self.first = self._frame(rows).schema

    def _frame(self, rows: pl.DataFrame) -> pl.DataFrame:
        layouts = rows.get_column("layout")
        if self.format == "source" and layouts.null_count() == 0 and layouts.str.starts_with('{"kind":"record"').all():
            own = layouts.str.json_path_match("$.of").alias("layout")
            return rows.with_columns(own).select(pl.exclude(f"^{CARRIED.replace('.', '[.]')}.*$"))
        made = back.columns_of(rows, self.format, ordered=False)
        if made is not None:
            return made
        raws = back.raws(rows, self.format)
        keys = list(dict.fromkeys(k for raw in raws for k in raw))
        return pl.DataFrame([series(k, [raw.get(k) for raw in raws]) for k in keys])

    def close(self) -> None:
        if not self.parts:
            pl.DataFrame(schema=self.first or {"text": pl.String}).write_parquet(self.path)
            return
        schema: dict[str, pl.DataType] = {}
        for part in self.parts:
            for name, dtype in part.collect_schema().items():
                known = schema.get(name, pl.Null())
                if known not in (pl.Null, dtype) and dtype != pl.Null:
                    raise DadeumError(f"{self.path}: the field {name!r} is {known} in some rows and {dtype} in others: write .jsonl")
                schema[name] = known if dtype == pl.Null else dtype
        whole = pl.concat([f.cast({k: v for k, v in schema.items() if k in f.collect_schema()}) for f in self.parts], how="diagonal")
        whole.sink_parquet(self.path)
        for file in self.files:
            file.unlink()


def _empty(rows: pl.DataFrame) -> pl.Schema:
    return pl.Schema({k: v for k, v in rows.schema.items() if k not in RECORD or k == "text"})


def series(name: str, values: list[Any]) -> pl.Series:
    """Values as a typed column, by all of them; where they have no one type, as JSON text.

    >>> series("a", [1, None]).dtype, series("a", [1, "x"]).to_list()
    (Int64, ['1', 'x'])
    """
    try:
        dtype = _dtype(values)
        return pl.Series(name, values, dtype=dtype, strict=True)
    except (TypeError, OverflowError, pl.exceptions.PolarsError):
        return pl.Series(name, [as_text(v) for v in values], dtype=pl.String)


def _dtype(values: list[Any]) -> pl.DataType:
    kinds = {type(v) for v in values} - {type(None)}
    if not kinds:
        return pl.Null()
    if len(kinds) > 1:
        raise TypeError("mixed")
    kind = kinds.pop()
    if kind is list:
        return pl.List(_dtype([x for v in values if v is not None for x in v]))
    if kind is dict:
        some = [v for v in values if v is not None]
        keys = dict.fromkeys(k for v in some for k in v)
        if not keys:
            raise TypeError("empty")
        return pl.Struct({k: _dtype([v.get(k) for v in some]) for k in keys})
    scalars = {str: pl.String(), int: pl.Int64(), float: pl.Float64(), bool: pl.Boolean()}
    return scalars[kind] if kind in scalars else pl.Series([v for v in values if v is not None][:1]).dtype


class Documents(Writer):
    """Texts alone."""

    def _open(self) -> None:
        super()._open()
        self._some = False

    def write(self, rows: pl.DataFrame) -> None:
        for id, text in zip(rows.get_column("id").to_list(), rows.get_column("text").to_list()):
            if text is None:
                raise DadeumError(f"record {id} has no text, which is all that {self.path.suffix} holds: write .jsonl")
            self.file.write((("\n\n" if self._some else "") + text).encode())
            self._some = True


_KINDS: Final[dict[str, type[Writer]]] = {
    ".jsonl": Lines,
    ".ndjson": Lines,
    ".json": Array,
    ".csv": Table,
    ".tsv": Table,
    ".parquet": Parquet,
    ".txt": Documents,
    ".md": Documents,
}


def unwritable(path: Path, format: str) -> list[Mistake]:
    """What is wrong with an ending or a format."""
    kind = _KINDS.get(stream.suffix(path))
    mistakes = []
    if kind is None or (kind is Parquet and path.suffix.lower() != ".parquet"):
        mistakes.append(Mistake(str(path), f"nothing can be written with the ending {path.suffix or '(none)'}", nearest(path.suffix, _KINDS)))
    if format not in FORMATS:
        mistakes.append(Mistake("output.format", f"there is no format {format!r}", nearest(format, FORMATS)))
    return mistakes


def writer(path: Path, format: str) -> Writer:
    """The writer for a path's ending. Raises RecipeError for an ending or a format that is none."""
    if mistakes := unwritable(path, format):
        raise RecipeError(mistakes)
    return _KINDS[stream.suffix(path)](path, format)
