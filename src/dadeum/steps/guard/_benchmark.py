"""The index that guard.contamination asks: the items of benchmark files (`_items.py`), cut into n-grams of normalised characters.

Boilerplate convicts nobody: n-grams that stand in `COMMON` or more different items ("decide whether the review is ...") are left
out, and an item of nothing else is compared as a whole.

An index can be saved (`save`) and opened again (`opened`): 20,000 short items take 24 MB, built in 0.46 CPU-s, opened in 0.06.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from dadeum.errors import Mistake, RecipeError
from dadeum.steps import _key, _saved
from dadeum.steps.guard import _items

KIND: Final = "guard.contamination"
RULES: Final = 3
COMMON: Final = 10
"""An n-gram in so many different values says nothing of any of them."""
WEIGHT: Final = 16
"""Letters that a short value needs, those of Korean, Chinese and Japanese counted twice: "네", "5" and "thank you" convict nobody."""

SEVERAL: Final = 255
"""In the sieve: more than one n-gram stands here."""

Hashes = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]

ARRAYS: Final = ("codes", "starts", "reach", "grams", "first", "postings", "sieve")
_BASE: Final = 0x9E3779B97F4A7C15


@dataclass(frozen=True, eq=False)
class Index:
    """Values of a benchmark. Memory: 4 bytes a character, 24 an n-gram, 16 to 32 for the table that sieves."""

    codes: _key.Codes
    """The values' characters, a 0 after each."""
    starts: Ints
    places: list[str]
    """Where each value stands first."""
    texts: list[str]
    """Each value as its file has it."""
    reach: Ints
    """Characters of each value that its n-grams cover, boilerplate left out."""
    grams: Hashes
    """Sorted, each once."""
    first: Ints
    """`[grams + 1]`: where each n-gram's postings begin."""
    postings: Ints
    """Positions in `codes`."""
    sieve: npt.NDArray[np.uint8]
    """By the leading bits of a hash: 0 where no n-gram has them, the mark of the one that has, SEVERAL where more do."""
    whole: dict[bytes, int]
    """The values that are compared as a whole."""
    unread: tuple[str, ...] = ()
    """Where lines stand that could not be read, and were taken as they are."""

    @cached_property
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


def sieved(hashes: Hashes, sieve: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Which hashes may be in the index: of strangers about one in 300."""
    found = np.take(sieve, (hashes >> np.uint64(64 - (len(sieve).bit_length() - 1))).view(np.int64))
    may: npt.NDArray[np.bool_] = found == _marks(hashes)
    may |= found == SEVERAL
    return may


def _marks(hashes: Hashes) -> npt.NDArray[np.uint8]:
    """1 to 254, by the last bits of a hash."""
    return hashes.astype(np.uint8) % np.uint8(SEVERAL - 1) + np.uint8(1)


@lru_cache(maxsize=4)
def load(files: tuple[tuple[str, str], ...], n: int, fields: tuple[str, ...], verbatim: bool) -> Index:
    """The index of benchmark files, once per process.

    files: (path, digest of its content). fields: which fields are taken, all if empty. verbatim: keep case and punctuation.
    Raises RecipeError where they hold nothing: a guard that guards nothing must not look like one.
    """
    values: dict[str, str] = {}
    unread: list[str] = []
    for path, _ in files:
        for place, value in _items.values(path, fields, unread):
            values.setdefault(value, place)
    if not values:
        told = ", ".join(path for path, _ in files)
        raise RecipeError(Mistake("against", f"{told} holds no text that a row could be held against", "is it the right file, are `fields` right?"))
    return replace(build(list(values), list(values.values()), n, verbatim), unread=tuple(unread))


def save(path: Path | str, files: tuple[tuple[str, str], ...], n: int, fields: tuple[str, ...], verbatim: bool) -> Index:
    """Write the index of files for `opened`, and give it."""
    index = load(files, n, fields, verbatim)
    arrays = {name: getattr(index, name) for name in ARRAYS}
    for name in ("places", "texts"):
        arrays[f"{name}_bytes"], arrays[f"{name}_ends"] = _packed(getattr(index, name))
    made = {"files": [name for name, _ in files], "digests": [digest for _, digest in files], "unread": list(index.unread), **_way(n, fields, verbatim)}
    _saved.write(path, KIND, made, arrays)
    return index


@lru_cache(maxsize=4)
def opened(path: str, digest: str, n: int, fields: tuple[str, ...], verbatim: bool) -> Index:
    """A saved index. digest: of its file. Raises RecipeError where it was made in another way, DadeumError where it is damaged."""
    made, arrays = _saved.read(path, KIND)
    if any(made[name] != value for name, value in _way(n, fields, verbatim).items()):
        told = ", ".join(f"{name}: {made[name]}" for name in _way(n, fields, verbatim))
        raise RecipeError(Mistake("against", f"{path} is an index made with {told}", "ask it the same way, or make it again"))
    places, texts = (_unpacked(arrays[f"{name}_bytes"], arrays[f"{name}_ends"]) for name in ("places", "texts"))
    whole = _wholes(arrays["codes"], arrays["starts"], arrays["reach"])
    return Index(**{name: np.asarray(arrays[name]) for name in ARRAYS}, places=places, texts=texts, whole=whole, unread=tuple(made["unread"]))


def is_of(path: str, files: tuple[tuple[str, str], ...], n: int, fields: tuple[str, ...], verbatim: bool) -> bool:
    """Whether a saved index holds just these files, made in this way."""
    made, _ = _saved.read(path, KIND)
    return made["digests"] == [digest for _, digest in files] and all(made[k] == v for k, v in _way(n, fields, verbatim).items())


def _way(n: int, fields: tuple[str, ...], verbatim: bool) -> dict[str, Any]:
    """What an index depends on besides its files. `rules` counts the changes of what is an item and what is boilerplate."""
    return {"n": n, "fields": list(fields), "verbatim": verbatim, "rules": RULES}


def _packed(strings: list[str]) -> tuple[npt.NDArray[np.uint8], Ints]:
    encoded = [s.encode("utf-8", "surrogatepass") for s in strings]
    return np.frombuffer(b"".join(encoded), dtype=np.uint8), np.cumsum([len(e) for e in encoded], dtype=np.int64)


def _unpacked(joined: npt.NDArray[np.uint8], ends: Ints) -> list[str]:
    raw, bounds = joined.tobytes(), [0, *ends.tolist()]
    return [raw[a:b].decode("utf-8", "surrogatepass") for a, b in itertools.pairwise(bounds)]


def _wholes(codes: _key.Codes, starts: Ints, reach: Ints) -> dict[bytes, int]:
    """The items that are compared as a whole: those that no n-gram covers."""
    ends = np.append(starts[1:], len(codes)) - 1
    return {codes[starts[i] : ends[i]].tobytes(): i for i in np.flatnonzero(reach == 0).tolist()}


def build(values: list[str], places: list[str], n: int, verbatim: bool = False) -> Index:
    """The index of values; of those with the same normalised characters the first counts."""
    series = pl.Series("value", values, dtype=pl.String)
    codes = _key.characters(series) if verbatim else _key.letters(series)
    seen: dict[bytes, int] = {}
    ends = np.flatnonzero(codes == 0)
    begins = np.append(0, ends[:-1] + 1)[: len(ends)]
    heavy = _weights(codes, begins, ends) >= np.where(ends - begins >= n, n, WEIGHT)
    for i, a, b in zip(np.flatnonzero(heavy).tolist(), begins[heavy].tolist(), ends[heavy].tolist()):
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
    sieve = np.zeros(1 << bits, dtype=np.uint8)
    slots = (distinct >> np.uint64(64 - bits)).view(np.int64)
    sieve[slots] = _marks(distinct)
    sieve[slots[1:][slots[1:] == slots[:-1]]] = SEVERAL
    return Index(
        codes=joined, starts=starts, places=[places[i] for i in seen.values()], texts=[values[i] for i in seen.values()], reach=reach,
        grams=distinct, first=np.append(first, len(hashes)).astype(np.int64), postings=at, sieve=sieve,
        whole=_wholes(joined, starts, reach),
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


def _weights(codes: _key.Codes, begins: Ints, ends: Ints) -> Ints:
    """Letters of each value, those of Korean, Chinese and Japanese counted twice, digits not."""
    digits = (codes >= ord("0")) & (codes <= ord("9"))
    each = (~digits & (codes > 0)).astype(np.int64) + (codes >= 0x1100)
    before = np.append(0, np.cumsum(each))
    return before[ends] - before[begins]
