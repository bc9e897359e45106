"""dedup.stream: rows that an earlier release already held leave; the release may be larger than memory.

The outside files are read once, a chunk at a time, and kept as a Bloom filter (`_bloom.py`): about 30 bits a record at an error of
one in a million, whatever its size. Two records are the same as `dedup.exact` has it (`steps/_key.py`).

A Bloom filter never misses a member and sometimes takes a stranger for one: of strangers about `error`, measured from the bits
that are set and told as each verdict's value. It knows no witness, so the verdict tells what the set was, not which record it met.

A set that is asked again can be saved: `index` names its file, or `save` writes one; `against` takes it as it takes raw files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import polars as pl
from pydantic import Field

from dadeum.errors import Mistake, RecipeError
from dadeum.settings import Source
from dadeum.step import Filter, Inputs, Profile, verdict
from dadeum.steps import _key, _outside, _saved
from dadeum.steps.dedup._bloom import Bloom, Layer

KIND = "dedup.stream/2"
CHUNK = 32_768
REASON = "seen_before"


@dataclass(frozen=True)
class Stream(Filter):
    """Holds rows against what was released before. The reason is `seen_before`."""

    against: Inputs
    """What was released: paths, folders or globs of any format that sources may have, or saved indexes."""
    by: tuple[str, ...] = ()
    """What has to be the same, named as in `dedup.exact`; other columns are looked for in the files by their own names. Empty: all
    that a record says."""
    error: Annotated[float, Field(gt=0, lt=0.5)] = 1e-6
    """The share of new rows that may be taken for old ones. A tenth of it costs 5 bits a record."""
    index: str = ""
    """A file that keeps the set: made at the first use, and used again as long as files and parameters are the same."""
    profile: Profile = field(default="auto", kw_only=True)
    """By which language's rules a key is made: code is compared as it is."""
    version = 2

    def __post_init__(self) -> None:
        if not self.against:
            raise RecipeError(Mistake("against", "is empty: name the files of the earlier release"))
        for i, column in enumerate(self.by):
            if column in _key.UNUSABLE:
                raise RecipeError(Mistake(f"by.{i}", f"{column!r} differs from row to row by nature and can't be compared"))

    @property
    def reads(self) -> tuple[str, ...]:
        return _key.columns(self.by)

    def why(self, rows: pl.DataFrame) -> pl.DataFrame:
        """VERDICT; value: the set's measured error, threshold: `error`, witness: what the set is (a Bloom filter knows no record)."""
        seen = np.zeros(rows.height, dtype=bool)
        told: list[str | None] = [None] * rows.height
        hi, lo = _key.digests(rows, self.by, self.profile)
        says = hi.is_not_null().to_numpy()
        a, b = hi.fill_null(0).to_numpy(), lo.fill_null(0).to_numpy()
        values = np.zeros(rows.height)
        for known in _sets(self):
            at = np.flatnonzero(says & ~seen)
            at = at[known.bloom.has(a[at], b[at])]
            seen[at], values[at] = True, known.error
            for i in at.tolist():
                told[i] = known.told
        frame = pl.DataFrame({"seen": seen, "value": values, "told": pl.Series(told, dtype=pl.String)})
        return frame.select(verdict(pl.when("seen").then(pl.lit(REASON)), pl.col("value"), pl.lit(self.error), pl.col("told")))

    def remarks(self) -> list[str]:
        """Lines of the earlier release that could not be read: what they held is not known to be seen."""
        unread = [place for known in _sets(self) for place in known.unread]
        return [f"{len(unread)} lines of the earlier release can't be read, so that what they hold stays; the first is {unread[0]}"] if unread else []


@dataclass(frozen=True)
class Known:
    """A set of keys and what it was made of."""

    bloom: Bloom
    files: tuple[str, ...]
    error: float
    """Measured."""
    unread: tuple[str, ...] = ()
    """Where lines stand that could not be read."""

    @property
    def told(self) -> str:
        """The set, in words."""
        more = f" and {len(self.files) - 1} more files" if len(self.files) > 1 else ""
        return f"one of {self.bloom.keys:,} records of {self.files[0]}{more}"


def save(path: Path | str, against: tuple[str, ...], by: tuple[str, ...] = (), error: float = 1e-6, profile: Profile = "auto") -> float:
    """Write the set of files as an index that `against` takes; give its measured error. Raises RecipeError where there is no record."""
    step = Stream(against=against, by=by, error=error, profile=profile)
    found = _outside.digested(against)
    if saved := [name for name, _ in found if _saved.is_saved(name)]:
        raise RecipeError(Mistake("against", f"{saved[0]} is an index already: name the files it was made of"))
    return _kept(Path(path), step, found).error


def _sets(step: Stream) -> list[Known]:
    """The sets that `against` names: one of all raw files, and each saved one."""
    found = _outside.digested(step.against)
    raw = tuple(pair for pair in found if not _saved.is_saved(pair[0]))
    known = [_opened(path, step) for path, _ in found if (path, _) not in raw]
    if raw:
        known.append(_of(raw, step.by, step.error, step.profile, step.index))
    return known


@lru_cache(maxsize=4)
def _of(found: tuple[tuple[str, str], ...], by: tuple[str, ...], error: float, profile: Profile, index: str) -> Known:
    """The set of raw files, once a process; from `index` where that was made of the same bytes in the same way."""
    step = Stream(against=tuple(path for path, _ in found), by=by, error=error, profile=profile)
    if not index:
        return _read(found, step)
    path = Path(index)
    if path.exists() and _saved.is_saved(path):
        made, _ = _saved.read(path, KIND)
        if made["digests"] == [digest for _, digest in found] and _same(made, step) and made["wanted"] == error:
            return _opened(index, step)
    elif path.exists():
        raise RecipeError(Mistake("index", f"{index} exists and is no index", "name another file"))
    return _kept(path, step, found)


def _read(found: tuple[tuple[str, str], ...], step: Stream) -> Known:
    bloom = Bloom(step.error)
    unread: list[str] = []
    for path, _ in found:
        for rows in _records(path, step, unread):
            hi, lo = _key.digests(rows, step.by, step.profile)
            says = hi.is_not_null()
            bloom.add(hi.filter(says).to_numpy(), lo.filter(says).to_numpy())
    if not bloom.settle().keys:
        raise RecipeError(Mistake("against", f"{', '.join(path for path, _ in found)} holds no record that says anything of `by`"))
    return Known(bloom, tuple(path for path, _ in found), bloom.error, tuple(unread))


def _records(path: str, step: Stream, unread: list[str]) -> Iterator[pl.DataFrame]:
    """The records of a file with the columns that `by` names, by the names that the file itself uses; `unread` is given the places of the rest."""
    from dadeum import io

    names = {column: column for column in _key.columns(step.by)}
    try:
        for chunk in io.read(Path(path), Source(path=path, fields=names), CHUNK):
            unread += [f"{path}{chunk.mark}{bad.line}" for bad in chunk.bad]
            yield chunk.rows
    except RecipeError as error:
        if not names:
            raise
        told = "; ".join(mistake.what for mistake in error.mistakes)
        raise RecipeError(Mistake("by", told, "the earlier release has to hold what is compared, under the same name")) from error


def _kept(path: Path, step: Stream, found: tuple[tuple[str, str], ...]) -> Known:
    """Read the files, and write the set."""
    known = _read(found, step)
    layers = known.bloom.layers
    made: dict[str, Any] = {
        "files": list(known.files),
        "digests": [digest for _, digest in found],
        "by": list(step.by),
        "profile": step.profile,
        "wanted": step.error,
        "error": known.error,
        "unread": list(known.unread),
        "layers": [[layer.size, layer.probes, layer.capacity, layer.keys] for layer in layers],
    }
    _saved.write(path, KIND, made, {str(i): layer.bits for i, layer in enumerate(layers)})
    return known


def _same(made: dict[str, Any], step: Stream) -> bool:
    return made["by"] == list(step.by) and made["profile"] == step.profile


def _opened(path: str, step: Stream) -> Known:
    made, arrays = _saved.read(path, KIND)
    if not _same(made, step):
        raise RecipeError(Mistake("against", f"{path} was made with by: {made['by']}, profile: {made['profile']}", "ask it the same way"))
    if made["wanted"] > step.error:
        told = f"{path} was made for an error of {made['wanted']:.2g}, more than {step.error:.2g}"
        raise RecipeError(Mistake("error", told, "make it again with this `error`"))
    layers = [Layer(arrays[str(i)], *told) for i, told in enumerate(made["layers"])]
    return Known(Bloom(made["wanted"], layers), tuple(made["files"]), made["error"], tuple(made.get("unread", ())))
