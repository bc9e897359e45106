"""guard.contamination: rows that hold a benchmark's items leave, so that a score on it still means something.

Both sides are compared by their letters and digits (`steps/_key.py`): other spacing, punctuation or case hides nothing. Runs of 13
such characters nominate (`n`): on Korean that found every copy with other spacing and .96 of those with two typos, where runs of
words found none, at 3 false hits in 100,000 lines. What decides is the share of the item that such runs cover (`threshold`), of its question
alone or its answer alone, whichever is more; so a phrase in common does not convict. An item shorter than `n` convicts only a
text or a turn that is that item and nothing else. What of a benchmark counts as an item: `guard/_benchmark.py`.

Every run that counts was compared character by character; hashes only find it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated

import numpy as np
import polars as pl
from pydantic import Field

from dadeum.errors import Mistake, RecipeError
from dadeum.record import CHATS, turns
from dadeum.step import Filter, Inputs, TextStep, digest_file, files, verdict
from dadeum.steps import _key
from dadeum.steps.guard import _benchmark
from dadeum.steps.guard._benchmark import Index, Ints

BLOCK = 1 << 15
"""Windows that are hashed at once: they stay in the processor's cache."""


@dataclass(frozen=True)
class Contamination(TextStep, Filter):
    """Holds rows against benchmark files. The reason is `contaminated`, the witness the place of the item."""

    version = 2

    against: Inputs
    """The benchmark's files: paths, folders or globs, of any format that sources may have."""
    threshold: Annotated[float, Field(gt=0, le=1)] = 0.5
    """The covered share of an item that convicts."""
    n: Annotated[int, Field(ge=5, le=100)] = 13
    """Characters of a run."""
    fields: tuple[str, ...] = ()
    """Which fields of the benchmark count, by their own names or roles (`premise`, `question`, `text`, `user`, ...). Empty takes all."""

    def __post_init__(self) -> None:
        if not self.against:
            raise RecipeError(Mistake("against", "is empty: name the files of the benchmark"))

    def why(self, rows: pl.DataFrame) -> pl.DataFrame:
        """VERDICT; value: the largest covered share of one item, threshold: `threshold`, witness: the item's place."""
        index = _benchmark.load(_digested(self.against), self.n, self.fields, self.profile == "code")
        owner, strings = _strings(rows, self.on)
        verbatim = self.profile == "code"
        codes = _key.characters(strings) if verbatim else _key.letters(strings, self.profile != "en")
        found = pl.concat([_covered(codes, owner, index, self.n), _whole(codes, owner, index)])
        best = found.filter(pl.col("share") >= self.threshold).sort("at", "share", "item", descending=[False, True, False])
        best = best.unique("at", keep="first", maintain_order=True)
        where = pl.DataFrame({"item": pl.int_range(len(index.places), dtype=pl.Int64, eager=True), "place": index.places}, schema_overrides={"place": pl.String})
        told = pl.DataFrame({"at": pl.int_range(rows.height, dtype=pl.Int64, eager=True)})
        told = told.join(best, on="at", how="left", maintain_order="left").join(where, on="item", how="left", maintain_order="left")
        reason = pl.when(pl.col("item").is_not_null()).then(pl.lit("contaminated"))
        return told.select(verdict(reason, pl.col("share"), pl.lit(self.threshold), pl.col("place")))


def _digested(patterns: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    found = [path for pattern in patterns for path in files(pattern)]
    if not found:
        raise RecipeError(Mistake("against", f"no file matches {', '.join(repr(p) for p in patterns)}"))
    return tuple((str(path), _digest(str(path), path.stat().st_mtime_ns, path.stat().st_size)) for path in found)


@lru_cache(maxsize=256)
def _digest(path: str, changed: int, size: int) -> str:
    return digest_file(path)


def _strings(rows: pl.DataFrame, on: tuple[str, ...]) -> tuple[Ints, pl.Series]:
    """(position of the row, string) for the text and every turn that the step works on."""
    parts = []
    if "text" in on:
        text = rows.get_column("text")
        parts.append(pl.DataFrame({"index": pl.int_range(rows.height, dtype=pl.UInt32, eager=True), "content": text}))
    roles = [role for role in on if role != "text"]
    for field in CHATS if roles else ():
        if rows.get_column(field).null_count() < rows.height:
            parts.append(turns(rows, field).filter(pl.col("role").is_in(roles)).select("index", "content"))
    if not parts:
        return np.zeros(0, dtype=np.int64), pl.Series("content", [], dtype=pl.String)
    every = pl.concat(parts).drop_nulls("content")
    return every.get_column("index").to_numpy().astype(np.int64), every.get_column("content")


def _covered(codes: _key.Codes, owner: Ints, index: Index, n: int) -> pl.DataFrame:
    """`at` (row), `item`, `share`: every item of which a row holds at least one n-gram."""
    places, hashes = [], []
    for start in range(0, len(codes) - n + 1, BLOCK):
        made = _benchmark.grams(codes[start : start + BLOCK + n - 1], n)
        hit = np.flatnonzero(_benchmark.sieved(made, index.sieve))
        places.append(hit + start)
        hashes.append(made[hit])
    if not places or not len(index.grams):
        return _found(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0))
    place, hashed = np.concatenate(places), np.concatenate(hashes)
    gram = np.minimum(np.searchsorted(index.grams, hashed), len(index.grams) - 1)
    right = index.grams[gram] == hashed
    place, gram = place[right], gram[right]
    row = owner[np.searchsorted(np.flatnonzero(codes == 0), place)]
    # A row that says the same thing twice is no stronger evidence.
    pairs = pl.DataFrame({"row": row, "gram": gram, "place": place}).unique(["row", "gram"], keep="first", maintain_order=True)
    row, gram, place = (pairs.get_column(c).to_numpy() for c in ("row", "gram", "place"))
    many = index.first[gram + 1] - index.first[gram]
    offset = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
    at = index.postings[np.repeat(index.first[gram], many) + offset]
    row, place = np.repeat(row, many), np.repeat(place, many)
    same = np.ones(len(at), dtype=bool)
    for i in range(n):
        same &= codes[place + i] == index.codes[at + i]
    row, at = row[same], at[same]
    item = np.searchsorted(index.starts, at, side="right") - 1
    pair, covered = _benchmark.coverage(row * len(index.starts) + item, at, n)
    row, item = pair // len(index.starts), pair % len(index.starts)
    return _found(row, item, covered / index.reach[item])


def _whole(codes: _key.Codes, owner: Ints, index: Index) -> pl.DataFrame:
    """The same for items that are compared as a whole."""
    ends = np.flatnonzero(codes == 0)
    starts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
    may = np.flatnonzero(np.isin(ends - starts, index.lengths))
    items = [index.whole.get(codes[a:b].tobytes(), -1) for a, b in zip(starts[may].tolist(), ends[may].tolist())]
    item = np.array(items, dtype=np.int64)
    return _found(owner[may][item >= 0], item[item >= 0], np.ones(int((item >= 0).sum())))


def _found(row: Ints, item: Ints, share: np.ndarray) -> pl.DataFrame:
    return pl.DataFrame({"at": row, "item": item, "share": share}, schema={"at": pl.Int64, "item": pl.Int64, "share": pl.Float64})
