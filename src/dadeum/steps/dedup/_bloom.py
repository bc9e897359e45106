"""A Bloom filter over 128-bit keys: a set as bits, some 30 a key at an error of one in a million, however long its texts are.

    m = n ln(1/p) / (ln 2)^2 bits for n keys at error p, k = log2(1/p) bits set for each     (Bloom 1970)

The k places of a key come from its two halves by enhanced double hashing (Dillinger and Manolios 2004: plain double hashing lets
the error grow where p is small), each mixed once more: without that, two keys whose halves are equal modulo m share all their places,
and of strangers to a set of one key 260 in a million were members (m is 64 there) where `error` said one. A layer is full at a known number of keys; the next one holds twice as many at half the error, so
a set may grow while it is read once and all layers together keep to `error` (Almeida et al. 2007). The keys of a small
set wait until it is read to its end: its one layer is then exactly as large as it has to be.

Our own, in NumPy: a lookup is at most k table look-ups, and of keys that are not in the set half are out after one. The kept
libraries (rbloom, pybloom-live) take one Python object at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.uint64]
Bits = npt.NDArray[np.uint8]

WAITING: Final = 1 << 20
"""Keys (16 MB) that are collected before the first layer is made."""
BLOCK: Final = 1 << 16
SMALLEST: Final = 1 << 12
"""Bits of a layer at least: in fewer, chance alone sets more of them than the formula expects."""


@dataclass
class Layer:
    """A plain Bloom filter for `capacity` keys."""

    bits: Bits
    size: int
    """m, in bits."""
    probes: int
    """k."""
    capacity: int
    keys: int = 0

    @classmethod
    def of(cls, capacity: int, error: float) -> Layer:
        """An empty layer that errs at most so often when it is full."""
        size = max(SMALLEST, math.ceil(max(1, capacity) * math.log(1 / error) / math.log(2) ** 2))
        probes = max(1, round(size / max(1, capacity) * math.log(2))) if capacity else 1
        return cls(np.zeros(-(-size // 8), dtype=np.uint8), size, min(probes, 64), capacity)

    def add(self, hi: Keys, lo: Keys) -> None:
        for at in _places(hi, lo, self.size, self.probes):
            np.bitwise_or.at(self.bits, at >> np.uint64(3), np.uint8(1) << (at & np.uint64(7)).astype(np.uint8))
        self.keys += len(hi)

    def has(self, hi: Keys, lo: Keys) -> npt.NDArray[np.bool_]:
        left = np.arange(len(hi))
        x, y = _mixed(lo), _mixed(hi)
        for i in range(self.probes):
            at = _at(x, self.size)
            hit = (np.take(self.bits, at >> np.uint64(3)) >> (at & np.uint64(7)).astype(np.uint8)) & np.uint8(1) != 0
            left, x, y = left[hit], x[hit], y[hit]
            if not len(left):
                break
            x = x + y
            y = y + np.uint64(i + 1)
        found = np.zeros(len(hi), dtype=bool)
        found[left] = True
        return found

    @property
    def error(self) -> float:
        """The chance that a key outside is taken for one inside, from the share of bits that are set."""
        filled = sum(int(np.bitwise_count(self.bits[i : i + (1 << 24)]).sum()) for i in range(0, len(self.bits), 1 << 24))
        return (filled / self.size) ** self.probes


@dataclass
class Bloom:
    """A set that grows. `settle` it once all keys are in."""

    wanted: float
    """The error that it keeps to."""
    layers: list[Layer] = field(default_factory=list)
    _waiting: list[tuple[Keys, Keys]] = field(default_factory=list)
    _held: int = 0

    def add(self, hi: Keys, lo: Keys) -> None:
        """Put keys in; those that are in count once."""
        for start in range(0, len(hi), BLOCK):
            a, b = hi[start : start + BLOCK], lo[start : start + BLOCK]
            if not self.layers:
                self._waiting.append((a, b))
                self._held += len(a)
                if self._held >= WAITING:
                    self._first(2 * self._held)
            else:
                self._put(a, b)

    def settle(self) -> Bloom:
        """End of the keys: those that wait get their layer."""
        if not self.layers:
            self._first(0)
        return self

    def has(self, hi: Keys, lo: Keys) -> npt.NDArray[np.bool_]:
        """Which keys are in the set; of those outside about `error` are said to be in it."""
        found = np.zeros(len(hi), dtype=bool)
        for layer in self.layers:
            out = np.flatnonzero(~found)
            found[out] = layer.has(hi[out], lo[out])
        return found

    @property
    def keys(self) -> int:
        """Different keys that were put in (but for those that the filter took for others)."""
        return sum(layer.keys for layer in self.layers)

    @property
    def error(self) -> float:
        """The measured chance of a false hit, of all layers together."""
        return 1 - math.prod(1 - layer.error for layer in self.layers)

    def _first(self, capacity: int) -> None:
        """The layer of the keys that waited, each once. capacity: 0 for exactly as many as there are."""
        parts = self._waiting or [(np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.uint64))]
        both = np.stack([np.concatenate(part) for part in zip(*parts)], axis=1)
        both = np.unique(np.ascontiguousarray(both).view([("hi", "<u8"), ("lo", "<u8")]).reshape(-1))
        self._waiting, self._held = [], 0
        self.layers = [Layer.of(capacity or len(both), self.wanted / 2 if capacity else self.wanted)]
        self.layers[0].add(both["hi"], both["lo"])

    def _put(self, hi: Keys, lo: Keys) -> None:
        new = ~self.has(hi, lo)
        both = np.unique(np.stack([hi[new], lo[new]], axis=1), axis=0)
        last = self.layers[-1]
        if last.keys + len(both) > last.capacity:
            last = Layer.of(2 * last.capacity, self.wanted / 2 ** (len(self.layers) + 1))
            self.layers.append(last)
        last.add(both[:, 0], both[:, 1])


def _mixed(x: Keys) -> Keys:
    """SplitMix64's finaliser: sums of products (`_key.text_digests`) are weak in their low bits."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _places(hi: Keys, lo: Keys, size: int, probes: int) -> Iterator[Keys]:
    """The places of all keys, one array a probe."""
    x, y = _mixed(lo), _mixed(hi)
    for i in range(probes):
        yield _at(x, size)
        x = x + y
        y = y + np.uint64(i + 1)


def _at(x: Keys, size: int) -> Keys:
    """A place for each: all 64 bits count, not what is left of them modulo `size`."""
    mixed = (x ^ (x >> np.uint64(32))) * np.uint64(0x9FB21C651E98DF25)
    return (mixed ^ (mixed >> np.uint64(28))) % np.uint64(size)
