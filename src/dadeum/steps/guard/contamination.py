"""guard.contamination: rows that hold a benchmark's items leave, so that a score on it still means something.

Both sides are compared by their letters and digits (`steps/_key.py`): other spacing, punctuation or case hides nothing. Runs of 13
such characters nominate (`n`): on Korean that found every copy with other spacing and .96 of those with two typos, where runs of
words found none, at 3 false hits in 100,000 lines. What decides is the share of the item that such runs cover (`threshold`), of its question
alone or its answer alone, whichever is more; so a phrase in common does not convict. An item shorter than `n` convicts only a
text or a turn that is that item and nothing else. What of a benchmark counts as an item: `guard/_items.py`.

Every run that counts was compared character by character; hashes only find it.

Items said in other words share no runs: `paraphrase` also holds embeddings against each other (`guard/_paraphrase.py`).

A benchmark that is asked again can be saved: `index` names its file, or `save` writes one; `against` takes it as it takes raw files.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import polars as pl
from pydantic import Field

from dadeum.errors import Mistake, RecipeError
from dadeum.record import CHATS, turns
from dadeum.step import Filter, Inputs, Profile, TextStep, verdict
from dadeum.steps import _key, _outside, _saved
from dadeum.steps.guard import _benchmark, _paraphrase
from dadeum.steps.guard._benchmark import Index, Ints

BLOCK = 1 << 15
"""Windows that are hashed at once: they stay in the processor's cache."""


@dataclass(frozen=True)
class Contamination(TextStep, Filter):
    """Holds rows against benchmark files. The reason is `contaminated` or `paraphrased`, the witness the place of the item."""

    version = 3

    against: Inputs
    """The benchmark's files: paths, folders or globs, of any format that sources may have, or saved indexes."""
    threshold: Annotated[float, Field(gt=0, le=1)] = 0.5
    """The covered share of an item that convicts."""
    n: Annotated[int, Field(ge=5, le=100)] = 13
    """Characters of a run."""
    fields: tuple[str, ...] = ()
    """Which fields of the benchmark count, by their own names or roles (`premise`, `question`, `text`, `user`, ...). Empty takes all."""

    index: str = ""
    """A file that keeps the index: made at the first use, and used again as long as files and parameters are the same."""
    paraphrase: Annotated[float, Field(gt=0, le=1)] | None = None
    """The cosine from which an item and a text or turn count as the same in other words (reason `paraphrased`). Not set: not looked for."""
    embedding: str = "hashed"
    """What `paraphrase` compares by: `hashed` (built in: spelling, no meaning), a folder with a model, or an endpoint as
    `https://host/v1#model`."""

    def __post_init__(self) -> None:
        if not self.against:
            raise RecipeError(Mistake("against", "is empty: name the files of the benchmark"))
        if self.paraphrase is None and self.embedding != "hashed":
            raise RecipeError(Mistake("embedding", "is asked for `paraphrase` alone", "set `paraphrase` to a cosine, or leave it out"))

    def why(self, rows: pl.DataFrame) -> pl.DataFrame:
        """VERDICT; value: the largest covered share of one item, or the cosine, threshold: what it reached, witness: the item's place."""
        owner, strings = _strings(rows, self.on)
        codes = _key.characters(strings) if self.profile == "code" else _key.letters(strings, self.profile != "en")
        indexes = _indexes(self)
        best = _best([pl.concat([_covered(codes, owner, index, self.n), _whole(codes, owner, index)]) for index in indexes], self.threshold)
        best = best.with_columns(reason=pl.lit("contaminated"), threshold=pl.lit(self.threshold))
        if self.paraphrase is not None:
            rest = np.flatnonzero(~np.isin(owner, best.get_column("at").to_numpy()))
            found = [_paraphrase.alike(strings.gather(rest), owner[rest], index, self.embedding, self.paraphrase) for index in indexes]
            alike = _best(found, self.paraphrase).with_columns(reason=pl.lit("paraphrased"), threshold=pl.lit(self.paraphrase))
            best = pl.concat([best, alike])
        places = [indexes[i].places[item] for i, item in best.select("index", "item").rows()]
        best = best.with_columns(place=pl.Series(places, dtype=pl.String))
        told = pl.DataFrame({"at": pl.int_range(rows.height, dtype=pl.Int64, eager=True)}).join(best, on="at", how="left", maintain_order="left")
        return told.select(verdict(pl.col("reason"), pl.col("share"), pl.col("threshold"), pl.col("place")))

    def remarks(self) -> list[str]:
        """Lines of the benchmark that could not be read."""
        unread = [place for index in _indexes(self) for place in index.unread]
        return [f"{len(unread)} lines of the benchmark can't be read and are held against as they stand; the first is {unread[0]}"] if unread else []


def save(path: Path | str, against: tuple[str, ...], n: int = 13, fields: tuple[str, ...] = (), profile: Profile = "auto") -> int:
    """Write the index of benchmark files, for `against`; give its number of items. Raises RecipeError where they hold none."""
    found = _outside.digested(against)
    if saved := [name for name, _ in found if _saved.is_saved(name)]:
        raise RecipeError(Mistake("against", f"{saved[0]} is an index already: name the files it was made of"))
    return len(_benchmark.save(path, found, n, fields, profile == "code").places)


def _indexes(step: Contamination) -> list[Index]:
    """What `against` names: each saved index, and one of all raw files, which `index` keeps."""
    found = _outside.digested(step.against)
    way = (step.n, step.fields, step.profile == "code")
    saved = [pair for pair in found if _saved.is_saved(pair[0])]
    raw = tuple(pair for pair in found if pair not in saved)
    indexes = [_benchmark.opened(path, digest, *way) for path, digest in saved]
    if not raw:
        return indexes
    if not step.index:
        return [*indexes, _benchmark.load(raw, *way)]
    if Path(step.index).exists() and not _saved.is_saved(step.index):
        raise RecipeError(Mistake("index", f"{step.index} exists and is no index", "name another file"))
    if not Path(step.index).exists() or not _benchmark.is_of(step.index, raw, *way):
        _benchmark.save(step.index, raw, *way)
    return [*indexes, _benchmark.opened(*_outside.digested((step.index,))[0], *way)]


def _best(found: list[pl.DataFrame], threshold: float) -> pl.DataFrame:
    """Of each row the item with the largest share, of those that reach the threshold; the first of several."""
    every = pl.concat([part.with_columns(index=pl.lit(i, dtype=pl.Int64)) for i, part in enumerate(found)]).filter(pl.col("share") >= threshold)
    every = every.sort("at", "share", "index", "item", descending=[False, True, False, False])
    return every.unique("at", keep="first", maintain_order=True)


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
