"""A shard: some thousand raw rows of one file, read once, and the differences that each step made to them.

Reading puts a file's chunks into units under `read/{key of how it is read}/{digest of the file}/`. What of a record depends on
the run and not on the file (source, place, row, the id where the row has no unique one) is put on when a shard is loaded, so
that a file that moved, or one more file beside it, reads nothing again.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import xxhash

from dadeum import io, remote
from dadeum.engine import unit
from dadeum.engine.delta import Delta, Standing
from dadeum.errors import DadeumError
from dadeum.record import CARRIED, RECORD, put
from dadeum.settings import Source
from dadeum.step import digest_file

READER = 7
"""Bump when reading the same bytes would give other records: part of the key of every base unit."""

PLACED = r"/.*[:#][0-9]+$"
"""How an id reads that the run made itself: source/file:line."""


@dataclass(frozen=True)
class Shard:
    """One unit of work. Travels to workers, so it holds names, not frames."""

    path: str
    source: str
    inside: str
    """The file's path inside its source: part of ids."""
    file: int
    """Number of the file in the run."""
    part: int
    base: Path
    digest: str
    """Of everything a step may see of it."""
    twice: bytes = b""
    """Hashes (UInt64) of own ids that occur more than once in the run, or that it might make for another row: those rows get made ids."""
    columns: tuple[str, ...] = ()
    """Columns that other sources of the run name and this one does not: null here, so that every step meets the same ones."""
    history: tuple[tuple[int, Path], ...] = ()
    """(index of the step in the recipe, unit of its differences), as far as the shard has come."""

    def load(self, carried: bool = True) -> pl.DataFrame:
        """The records as they were read. Raises DadeumError where the unit is gone or damaged.

        carried: with the raw rows' other fields, which no step reads.
        """
        found = _found(self.base, "rows", *(("carried",) if carried else ()))
        rows = found.parts["rows"].with_columns(pl.lit(value, dtype=RECORD[c]).alias(c) for c, value in found.head["same"].items())
        if "carried" in found.parts:
            rows = rows.hstack(found.parts["carried"])
        mark = found.head["mark"]
        line = rows.get_column("line").cast(pl.String)
        own = rows.get_column("key")
        if self.twice:
            again = np.isin(hashes(own), np.frombuffer(self.twice, dtype="<u8"))
            own = put(own, pl.Series(again).arg_true(), pl.Series([None], dtype=pl.String).new_from_index(0, int(again.sum())))
        if nameless := own.is_null().arg_true().to_list() if own.null_count() else []:
            own = put(own, pl.Series(nameless, dtype=pl.UInt32), f"{self.source}/{self.inside}{mark}" + line.gather(nameless))
        head: list[pl.Expr | pl.Series] = [
            ((pl.lit(self.file, dtype=pl.UInt64) * 2**32) + pl.col("line")).alias("row"),
            own.alias("id"),
            pl.lit(self.source).alias("source"),
            (f"{self.path}{mark}" + line).alias("place"),
            pl.lit([], dtype=pl.List(pl.String)).alias("parents"),
        ]
        rows = rows.with_columns(*head, *(pl.lit(None, dtype=pl.String).alias(c) for c in self.columns))
        return rows.select(*RECORD, *(c for c in rows.columns if c not in RECORD and c not in ("line", "key")))

    @property
    def carries(self) -> bool:
        """Whether its raw rows have fields that are only carried, in columns."""
        found = unit.peek(self.base)
        return found is None or bool(found.head.get("carries", True))

    def moved(self, index: int, path: Path, told: str) -> Shard:
        """The shard after one more step, whose differences (digest `told`) lie at `path`; none leave its digest as it is."""
        digest = self.digest if told == unit.digest() else unit.digest(self.digest, told)
        return dataclasses.replace(self, history=(*self.history, (index, path)), digest=digest)

    def replay(self, rows: pl.DataFrame) -> Iterator[tuple[int, Standing, Delta, Standing]]:
        """(index of the step, what stood before it, its differences, what stands after it) for every step so far.

        rows: the records as they were read.
        """
        before = Standing(rows)
        for index, path in self.history:
            found = _found(path)
            delta = Delta.of(found.parts, found.head)
            after = before.after(delta)
            yield index, before, delta, after
            before = after

    def rows(self, carried: bool = False) -> pl.DataFrame:
        """The records as they stand after every step so far; carried: with what is only carried."""
        standing = Standing(self.load(carried))
        for _, _, _, after in self.replay(standing.every):
            standing = after
        return standing.rows()


def _found(path: Path, *names: str) -> unit.Unit:
    """A unit that has to be there. A damaged one is removed, so that the next call makes it anew."""
    found = unit.load(path, *names)
    if found is None:
        path.unlink(missing_ok=True)
        raise DadeumError(f"{path} was missing or damaged and is removed: the same command makes it anew")
    return found


def claimed(path: Path, names: Iterable[str]) -> np.ndarray:
    """Hashes (uint64) of the own ids of a base unit that read like one that a run with sources of these names makes itself."""
    keys = _found(path, "rows").parts["rows"].get_column("key").drop_nulls()
    mine = keys.str.contains(PLACED)
    starts = pl.Series([any(key.startswith(f"{name}/") for name in names) for key in keys.filter(mine).to_list()], dtype=pl.Boolean)
    return hashes(keys.filter(mine).filter(starts))


def hashes(keys: pl.Series) -> np.ndarray:
    """xxh3-64 of each string, as uint64 `[n]`; null gives 0. (Polars' own hash differs between releases.)"""
    values = keys.cast(pl.Binary).fill_null(b"").to_list()
    found = np.fromiter(map(xxhash.xxh3_64_intdigest, values), dtype="<u8", count=len(values))
    return np.where(keys.is_null().to_numpy(), np.uint64(0), found).astype("<u8")


@dataclass
class Read:
    """A file that was read: its base units in order, and what could not be read."""

    path: str
    source: str
    inside: str
    folder: Path
    parts: list[dict[str, Any]] = field(default_factory=list)
    """{digest, read, rows, bad: [[line, error]]} of each unit."""
    cached: bool = True
    seconds: float = 0.0

    @property
    def n(self) -> int:
        """Raw rows, the unreadable ones too."""
        return sum(part["read"] for part in self.parts)


def read_key(source: Source, size: int) -> str:
    """What a base unit depends on besides the file's bytes."""
    told = {k: v for k, v in dataclasses.asdict(source).items() if k not in ("path", "name", "licence")}
    return unit.digest(json.dumps([READER, told, size], sort_keys=True))


def read(path: str, inside: str, source: Source, size: int, cache: Path, limit: int = 0) -> Read:
    """Put a file's chunks into units, or find them there. What was read before it was stopped is not read again.

    size: raw rows in a unit. limit: stop after so many raw rows (0 reads all).
    """
    started = time.perf_counter()
    size = min(size, limit or size)
    made = _found_parts(path, inside, source, size, cache, limit)
    if made.cached:
        return made
    folder = made.folder
    for chunk in io.read(remote.at_hand(path, cache / "remote"), source, size, skip=len(made.parts)):
        bad = [[b.line, b.error, b.raw] for b in chunk.bad]
        head = {"read": chunk.read, "rows": chunk.rows.height, "mark": chunk.mark, "bad": bad}
        rows, head["same"] = _lean(chunk.rows)
        carried = [c for c in rows.columns if c.startswith(CARRIED)]
        head["carries"] = bool(carried)
        parts = {"rows": rows.drop(carried)}
        if carried:
            parts["carried"] = rows.select(carried)
        if chunk.rows.get_column("key").null_count() < chunk.rows.height:
            keys = chunk.rows.get_column("key")
            parts["ids"] = pl.DataFrame({"id": hashes(keys)})
            head["placed"] = bool(keys.str.contains(PLACED).any())
        told = unit.save(folder / f"{len(made.parts):05d}", head, parts)
        made.parts.append({**head, "digest": told})
        if limit and made.n >= limit:
            break
    unit.save(folder / "whole", {"parts": len(made.parts)}, {})
    made.seconds = time.perf_counter() - started
    return made


def _lean(rows: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, Any]]:
    """The rows without the record's columns that hold one value throughout, and those values: nulls mostly, and the layout.

    They are a third of a unit's bytes (16 a row and column), and cost as much again to write, to check and to read.
    """
    same: dict[str, Any] = {}
    for c in rows.columns:
        column = rows.get_column(c)
        if c in RECORD and column.null_count() == rows.height:
            same[c] = None
        elif c == "layout" and not column.null_count() and column.n_unique() == 1:
            same[c] = column[0]
    return rows.drop(same), same


def peeked(path: str, inside: str, source: Source, size: int, cache: Path) -> Read | None:
    """The file's units where all of them are there, else None. Reads nothing but their heads (and the file, for its digest)."""
    if remote.is_remote(path) and remote.copied(path, cache / "remote") is None:
        return None
    made = _found_parts(path, inside, source, size, cache, 0)
    return made if made.cached else None


def _found_parts(path: str, inside: str, source: Source, size: int, cache: Path, limit: int) -> Read:
    told = digest_file(remote.at_hand(path, cache / "remote"))
    folder = cache / "read" / read_key(source, size) / (told + (f"-{limit}" if limit else ""))
    made = Read(remote.shown(path), source.name, inside, folder)
    done = unit.peek(folder / "whole")
    while (found := unit.peek(folder / f"{len(made.parts):05d}")) is not None:
        made.parts.append({**found.head, "digest": found.digest})
    made.cached = done is not None and done.head["parts"] == len(made.parts)
    return made
