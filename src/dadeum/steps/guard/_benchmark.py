"""The index that guard.contamination asks: every text of the benchmark files, cut into n-grams of normalised characters.

A benchmark row has several texts (a question, an answer, a premise, four choices), and each of them counts by itself: whoever
has the question alone has seen the question. All are taken: the text, the turns, and every string among the other fields, however
deep. A row that cannot be read is taken as its raw line, so that nothing of the benchmark is left unguarded.

Not taken, because they convict without evidence:
* names, labels, links: a value without white space in ASCII alone; a value without enough letters (`WEIGHT`);
* classes and system prompts: a value that at least 5 rows and 5 % of the rows have in the same field;
* boilerplate: n-grams that stand in `COMMON` or more different values ("decide whether the review is ..."). A value of nothing
  else is compared as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson
import polars as pl

from dadeum.errors import Mistake, RecipeError
from dadeum.record import CARRIED, CHATS, turns
from dadeum.settings import Source
from dadeum.steps import _key

COMMON: Final = 10
"""An n-gram in so many different values says nothing of any of them."""
WEIGHT: Final = 16
"""Letters that a short value needs, those of Korean, Chinese and Japanese counted twice: "네", "5" and "thank you" convict nobody."""
CLASS_ROWS: Final = 5
CLASS_SHARE: Final = 0.05
CHUNK: Final = 32_768

Hashes = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]

_ROLE: Final = {"system": "system", "before": "user", "after": "user"}
"""Codecs of layouts (io/layout.py) that tell the role."""
_BASE: Final = 0x9E3779B97F4A7C15


@dataclass(frozen=True, eq=False)
class Index:
    """Values of a benchmark. Memory: 4 bytes a character, 24 an n-gram, 16 to 32 for the table that sieves."""

    codes: _key.Codes
    """The values' characters, a 0 after each."""
    starts: Ints
    places: list[str]
    """Where each value stands first."""
    reach: Ints
    """Characters of each value that its n-grams cover, boilerplate left out."""
    grams: Hashes
    """Sorted, each once."""
    first: Ints
    """`[grams + 1]`: where each n-gram's postings begin."""
    postings: Ints
    """Positions in `codes`."""
    sieve: npt.NDArray[np.bool_]
    """By the leading bits of a hash: false where no n-gram has them."""
    whole: dict[bytes, int]
    """The values that are compared as a whole."""

    @property
    def lengths(self) -> Ints:
        """The lengths that occur in `whole`."""
        return np.unique(np.array([len(key) // 4 for key in self.whole], dtype=np.int64))


def grams(codes: _key.Codes, n: int) -> Hashes:
    """A 64-bit hash of every n codes in a row, `[len(codes) - n + 1]`: a polynomial, put together by doubling."""
    at = codes.astype(np.uint64) * np.uint64(0xD6E8FEB86659FD93)
    made: Hashes | None = None
    size, width = 0, 1
    while True:
        if n & width:
            made, size = (at, width) if made is None else (_joined(made, size, at, width), size + width)
        if size == n and made is not None:
            made = made[: max(0, len(codes) - n + 1)]
            return (made ^ (made >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
        at, width = _joined(at, width, at, width), 2 * width


def sieved(hashes: Hashes, sieve: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Which hashes may be in the index."""
    return np.take(sieve, (hashes >> np.uint64(64 - (len(sieve).bit_length() - 1))).astype(np.int64))


@lru_cache(maxsize=4)
def load(files: tuple[tuple[str, str], ...], n: int, fields: tuple[str, ...], verbatim: bool) -> Index:
    """The index of benchmark files, once per process.

    files: (path, digest of its content). fields: which fields are taken, all if empty. verbatim: keep case and punctuation.
    Raises RecipeError where they hold nothing: a guard that guards nothing must not look like one.
    """
    values: dict[str, str] = {}
    for path, _ in files:
        for place, value in _distinctive(path, fields):
            values.setdefault(value, place)
    if not values:
        told = ", ".join(path for path, _ in files)
        raise RecipeError(Mistake("against", f"{told} holds no text that a row could be held against", "is it the right file, are `fields` right?"))
    return build(list(values), list(values.values()), n, verbatim)


def build(values: list[str], places: list[str], n: int, verbatim: bool = False) -> Index:
    """The index of values; of those with the same normalised characters the first counts."""
    series = pl.Series("value", values, dtype=pl.String)
    codes = _key.characters(series) if verbatim else _key.letters(series)
    seen: dict[bytes, int] = {}
    for i, (a, b) in enumerate(_spans(codes)):
        if _weight(codes[a:b]) >= (n if b - a >= n else WEIGHT):
            seen.setdefault(codes[a:b].tobytes(), i)
    keys = list(seen)
    joined = np.frombuffer(b"\0\0\0\0".join([*keys, b""]), dtype="<u4")
    sizes = np.array([len(key) // 4 for key in keys], dtype=np.int64)
    starts = np.cumsum(sizes + 1) - sizes - 1
    windows = np.maximum(sizes - n + 1, 0)
    owner = np.repeat(np.arange(len(keys)), windows)
    at = np.arange(windows.sum()) - np.repeat(np.cumsum(windows) - windows, windows) + np.repeat(starts, windows)
    hashes = grams(joined, n)[at] if len(joined) >= n else np.zeros(0, dtype=np.uint64)
    order = np.lexsort((at, hashes))
    hashes, at, owner = hashes[order], at[order], owner[order]
    new = np.flatnonzero(np.diff(hashes, prepend=~hashes[:1]) != 0)
    other = np.diff(owner, prepend=-1) != 0
    other[new] = True
    common = np.add.reduceat(other, new, dtype=np.int64) >= COMMON if len(new) else np.zeros(0, dtype=bool)
    telling = ~np.repeat(common, np.diff([*new, len(hashes)]))
    hashes, at, owner = hashes[telling], at[telling], owner[telling]
    distinct, first = np.unique(hashes, return_index=True)
    reach = np.zeros(len(keys), dtype=np.int64)
    owners, covered = coverage(owner, at, n)
    reach[owners] = covered
    bits = min(27, max(16, (16 * len(distinct)).bit_length()))
    sieve = np.zeros(1 << bits, dtype=bool)
    sieve[(distinct >> np.uint64(64 - bits)).astype(np.int64)] = True
    return Index(
        codes=joined, starts=starts, places=[places[i] for i in seen.values()], reach=reach,
        grams=distinct, first=np.append(first, len(hashes)).astype(np.int64), postings=at, sieve=sieve,
        whole={keys[i]: i for i in np.flatnonzero(reach == 0).tolist()},
    )  # fmt: skip


def coverage(owner: Ints, at: Ints, n: int) -> tuple[Ints, Ints]:
    """(owners, the number of positions that windows of n beginning `at` cover), owners sorted; windows may repeat."""
    if not len(owner):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    order = np.lexsort((at, owner))
    owner, at = owner[order], at[order]
    last = np.diff(owner, append=-1) != 0
    step = np.minimum(np.diff(at, append=0), n)
    step[last] = n
    begin = np.flatnonzero(np.diff(owner, prepend=-1) != 0)
    return owner[begin], np.add.reduceat(step, begin)


def _joined(a: Hashes, size: int, b: Hashes, width: int) -> Hashes:
    """Hashes of windows of `size`, each followed by one of `width`."""
    scale = np.uint64(pow(_BASE, width, 2**64))
    return a[: max(0, len(b) - size)] * scale + b[size:]


def _spans(codes: _key.Codes) -> Iterator[tuple[int, int]]:
    start = 0
    for end in np.flatnonzero(codes == 0).tolist():
        yield start, end
        start = end + 1


def _weight(codes: _key.Codes) -> int:
    digits = (codes >= ord("0")) & (codes <= ord("9"))
    return int(len(codes) - np.count_nonzero(digits) + np.count_nonzero(codes >= 0x1100))


def _distinctive(path: str, fields: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """(place, value) of every value of a file that could convict."""
    found: dict[str, list[tuple[str, str]]] = {}
    for names, place, value in _values(path):
        if (not fields or not set(names).isdisjoint(fields)) and not (value.isascii() and len(value.split()) < 2):
            found.setdefault(names[0], []).append((place, value))
    for pairs in found.values():
        counts: dict[str, int] = {}
        for _, value in pairs:
            counts[value] = counts.get(value, 0) + 1
        rows = len({place for place, _ in pairs})
        for place, value in pairs:
            if counts[value] < max(CLASS_ROWS, CLASS_SHARE * rows):
                yield place, value


def _values(path: str) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """(names, place, value) of every string of a file. Names: `text` or the role and what the file calls it, or the field's own."""
    from dadeum import io

    for chunk in io.read(Path(path), Source(path=path), CHUNK):
        rows = chunk.rows
        places = [f"{path}{chunk.mark}{line}" for line in rows.get_column("line").to_list()]
        called = [_called(layout) for layout in rows.get_column("layout").to_list()]
        for place, text, names in zip(places, rows.get_column("text").to_list(), called):
            if text:
                yield ("text", *names.get("text", ())), place, text
        for column in CHATS:
            flat = turns(rows, column).select("index", "role", "content").drop_nulls("content")
            for index, role, content in zip(*(flat.get_column(c).to_list() for c in flat.columns)):
                yield (role or "", *called[index].get(role, ())), places[index], content
        for column in rows.columns:
            if column.startswith(CARRIED) and rows.schema[column] == pl.String:
                for place, value in zip(places, rows.get_column(column).to_list()):
                    for leaf in _leaves(_parsed(value)):
                        yield (column.removeprefix(CARRIED),), place, leaf
        for place, meta in zip(places, rows.get_column("meta").to_list()):
            told = _parsed(meta)
            for name, value in told.items() if isinstance(told, dict) else ():
                for leaf in _leaves(value):
                    yield (str(name),), place, leaf
        for bad in chunk.bad:
            yield ("raw",), f"{path}{chunk.mark}{bad.line}", bad.raw


@lru_cache(maxsize=1024)
def _called(layout: str | None) -> dict[str | None, list[str]]:
    """What a row calls its text and the turn of each role (`question` for `user`), as its layout tells."""
    told: dict[str | None, list[str]] = {}
    for path, column, codec, *rest in orjson.loads(layout).get("slots", []) if layout else []:
        role = column if column == "text" else _ROLE.get(codec) or (rest[-1] if codec in ("said", "copied") else None)
        told.setdefault(role, []).append(".".join(path))
    return told


def _parsed(value: str | None) -> Any:
    if value and value[:1] in '[{"':
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return value


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
