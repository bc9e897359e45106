"""Many small sets of 32-bit numbers in one array, and what can be said of pairs of them without a loop.

The bitmaps are the bitmap filter of Sandes, Teodoro and Melo (2020): bit `v mod bits` is flipped for every value `v`. Where two
bitmaps differ in d bits, the sets differ in at least d values, so most pairs are refused, and none wrongly, at a few
words each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

BLOCK: Final = 1 << 20
"""Values in one pass over ragged rows: 8 MiB where they are 64 bits wide."""
EDGE: Final = 1e-9
"""Thresholds are decimal: 0.8 * 5 has to count as 4 whatever its last bit."""


@dataclass(frozen=True)
class Sets:
    """`n` texts: the set of text i is `values[offsets[i]:offsets[i + 1]]`, sorted, each value once.

    A text too short for shingles has an empty set, and is like those with an equal key alone.
    """

    values: U32
    offsets: Ints
    keys: U64
    """`[n]`: a digest of the whole text as it is compared; equal keys are equal texts. 0: nothing is said, which is like nothing else."""

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def sizes(self) -> Ints:
        """`[n]`: how many values each set has."""
        return np.diff(self.offsets)


def ragged(starts: Ints, sizes: Ints) -> Ints:
    """The positions `start, start + 1, ...` of all runs, one after the other.

    >>> ragged(np.array([5, 0]), np.array([2, 3])).tolist()
    [5, 6, 0, 1, 2]
    """
    ends = np.cumsum(sizes)
    total = int(ends[-1]) if len(ends) else 0
    return np.repeat(starts - (ends - sizes), sizes) + np.arange(total)


def summed(flags: npt.NDArray[Any], sizes: Ints) -> Ints:
    """The sum of each run of `flags`; an empty run gives 0."""
    total = np.zeros(len(flags) + 1, dtype=np.int64)
    np.cumsum(flags, out=total[1:])
    ends = np.cumsum(sizes)
    return total[ends] - total[ends - sizes]


def blocks(sizes: Ints, most: int = BLOCK) -> Iterator[slice]:
    """Slices of rows with about `most` values together, at least one row each."""
    ends = np.cumsum(sizes)
    start = 0
    while start < len(sizes):
        done = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + most, side="right")))
        yield slice(start, stop)
        start = stop


def mixed(x: U64) -> U64:
    """SplitMix64's finaliser: a permutation of 64-bit numbers that leaves nothing of their order."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def distinct(x: U64) -> U64:
    """Each number once, in order. (NumPy's own `unique` hashes; pairs `a << 32 | b` made it take 0.7 s for a million.)"""
    x = np.sort(x)
    new = np.ones(len(x), dtype=bool)
    np.not_equal(x[1:], x[:-1], out=new[1:])
    return x[new]


def words(sizes: Ints, fine: int = 2) -> int:
    """How many 64-bit words a bitmap should have: `fine` bits for each value of all but the largest tenth of the sets; a power of
    two up to 32."""
    large = float(np.quantile(sizes, 0.9)) if len(sizes) else 0.0
    return int(2 ** np.clip(np.ceil(np.log2(max(fine * large, 1) / 64)), 0, 5))


def bitmaps(values: U32, starts: Ints, sizes: Ints, width: int) -> U64:
    """`[rows, width]`: bit `v mod 64 width` of a row is the parity of the row's values v that fall on it."""
    bits = 64 * width
    out = np.zeros((len(starts), width), dtype=np.uint64)
    for part in blocks(np.maximum(sizes, bits), BLOCK):
        n = part.stop - part.start
        at = values[ragged(starts[part], sizes[part])] & np.uint32(bits - 1)
        cell = np.repeat(np.arange(n) * bits, sizes[part]) + at
        odd = (np.bincount(cell, minlength=n * bits) & 1).astype(np.uint8)
        out[part] = np.packbits(odd, bitorder="little").view("<u8").reshape(n, width)
    return out


def least(threshold: float, together: Ints) -> Ints:
    """How many values two sets must share to be so similar, given how many they have together (with repetition)."""
    return np.ceil(threshold / (1 + threshold) * together - EDGE).astype(np.int64)


def differing(one: U64, other: U64) -> Ints:
    """In how many bits bitmaps differ, `[..., width]` against `[..., width]`: the sets differ in at least as many values."""
    bits = np.bitwise_count(one ^ other)
    if bits.shape[-1] == 1:
        return bits[..., 0]
    # A product with ones: a fifth of the time of `sum` over so short an axis. Exact, as there are far fewer than 2^24 bits.
    return (bits.astype(np.float32) @ np.ones(bits.shape[-1], dtype=np.float32)).astype(np.int64)


def shared(values: U32, starts: Ints, sizes: Ints, a: Ints, b: Ints) -> Ints:
    """How many values the sets of each pair of rows share."""
    out = np.zeros(len(a), dtype=np.int64)
    both = sizes[a] + sizes[b]
    for part in blocks(both, BLOCK):
        n = part.stop - part.start
        mine = np.stack([a[part], b[part]], axis=1).ravel()
        size = sizes[mine]
        pair = np.repeat(np.arange(n, dtype=np.uint64) << np.uint64(32), both[part])
        pair |= values[ragged(starts[mine], size)]
        pair.sort()
        twice = pair[1:][pair[1:] == pair[:-1]] >> np.uint64(32)
        out[part] = np.bincount(twice.astype(np.int64), minlength=n)
    return out
