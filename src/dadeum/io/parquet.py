"""Parquet, through Polars: our own records with all their columns, and anyone else's.

Columns that no content is made of are carried with their own types as `meta.KEY`. Where a column is content in some rows and
not in others, whole rows are carried as JSON instead. Bytes, which JSON lacks, are carried as base64; columns that hold them
deeper are carried as JSON text.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import polars as pl

from dadeum.errors import DadeumError
from dadeum.io.chunk import CONTENT, Bad, Chunk, Unreadable, shown
from dadeum.io.frame import TELLING, Shapes, flat, frame
from dadeum.io.lens import Lens
from dadeum.io.value import dumps
from dadeum.record import CARRIED, RECORD

_LOST: Final = ("row", "source", "place", "parents")
"""Columns of our own files that a new run gives anew."""


def read(path: Path, lens: Lens, size: int, skip: int = 0) -> Iterator[Chunk]:
    """Chunks of `size` rows. Raises DadeumError where the file is no Parquet."""
    try:
        scan = pl.scan_parquet(path)
        schema = scan.collect_schema()
        n = scan.select(pl.len()).collect().item()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DadeumError(f"{path} can't be read as Parquet: {error}") from error
    own = all(schema.get(name) == dtype for name, dtype in RECORD.items()) and not lens.source.fields
    for start in range(skip * size, n, size):
        rows = _no_bytes(scan.slice(start, size).collect())
        lines = pl.int_range(start + 1, start + 1 + rows.height, dtype=pl.UInt64, eager=True).alias("line")
        if start == 0 and lens.source.fields:
            lens.check(rows.columns, rows.head(1).to_dicts(), str(path))
        if own:
            yield Chunk(_own(rows, lines), [], "#")
        else:
            yield _foreign(rows, lines, lens)


def _no_bytes(rows: pl.DataFrame) -> pl.DataFrame:
    made: list[pl.Expr | pl.Series] = []
    for name, dtype in rows.schema.items():
        if dtype == pl.Binary:
            made.append(pl.col(name).bin.encode("base64"))
        elif "Binary" in str(dtype):
            values = [None if v is None else dumps(_as_json(v)) for v in rows.get_column(name).to_list()]
            made.append(pl.Series(name, values, dtype=pl.String))
    return rows.with_columns(made) if made else rows


def _as_json(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {k: _as_json(v) for k, v in value.items()}
    return [_as_json(v) for v in value] if isinstance(value, list) else value


def _own(rows: pl.DataFrame, lines: pl.Series) -> pl.DataFrame:
    """Records as they were written, scores and all; their layout remembers that they were records."""
    of = pl.col("layout").str.replace_all("\\", "\\\\", literal=True).str.replace_all('"', '\\"', literal=True)
    quoted = pl.when(of.is_null()).then(pl.lit("null")).otherwise(pl.lit('"') + of + pl.lit('"'))
    told = pl.concat_str(pl.lit('{"kind":"record","of":'), quoted, pl.lit("}"))
    extra = [c for c in rows.columns if c not in RECORD]
    return rows.select(lines, pl.col("id").alias("key"), *(told.alias(c) if c == "layout" else c for c in CONTENT), *extra)


def _foreign(rows: pl.DataFrame, lines: pl.Series, lens: Lens) -> Chunk:
    columns = {s.name: s for s in rows.get_columns()}
    made = flat(lines, columns, Shapes([tuple(columns)]), lens) if rows.height else None
    if made is not None:
        return Chunk(made, [], "#")
    looked = [name for name in rows.columns if _may_tell(name, rows.schema[name], lens)]
    got, kept, bad = _got(rows, looked, lines, lens)
    taken = [g.taken() for g in got]
    every = set().union(*taken)
    if any(t != every for t in taken) or any(len(slot[0]) > 1 for g in got for slot in g.slots):
        got, kept, bad = _got(rows, rows.columns, lines, lens)
        return Chunk(frame([lines[i] for i in kept], got, lens), bad, "#")
    whole = frame([lines[i] for i in kept], got, lens).with_columns(pl.lit(None, dtype=pl.String).alias("meta"))
    carried = rows[kept].select(pl.col(c).alias(CARRIED + c) for c in rows.columns if c not in every)
    return Chunk(pl.concat([whole, carried], how="horizontal") if carried.width else whole, bad, "#")


def _got(rows: pl.DataFrame, looked: list[str], lines: pl.Series, lens: Lens) -> tuple[list[Any], list[int], list[Bad]]:
    """What each row is made of, by the columns that may tell; positions of the rows that could be read, and the others."""
    got, kept, bad = [], [], []
    empty = dict.fromkeys(rows.columns)
    for i, raw in enumerate(rows.select(looked).to_dicts()):
        try:
            got.append(lens.get({**empty, **raw}))
            kept.append(i)
        except Unreadable as error:
            bad.append(Bad(lines[i], str(error), shown(dumps(raw))))
    return got, kept, bad


def _may_tell(name: str, dtype: pl.DataType, lens: Lens) -> bool:
    if name in TELLING or name == "id" or any(at == name or at.startswith(f"{name}.") for at in lens.source.fields.values()):
        return True
    return isinstance(dtype, pl.List) and isinstance(dtype.inner, pl.Struct)
