"""Fewer dimensions by a fixed random projection: signs that depend on nothing but their place (Achlioptas 2003).

Cosines keep their values up to an error of about (1 - cosine²)/sqrt(dimensions): .012 at cosine .9 in 256. A projection fitted on
the data (principal components) would lose less, and would give a pair another cosine in every set it is part of.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import polars as pl

from dadeum.embed import Embedding, Vectors


@dataclass(frozen=True)
class Reduced:
    """Another embedding's vectors, projected to `dimensions`."""

    whole: Embedding
    dimensions: int

    @property
    def name(self) -> str:
        return f"{self.whole.name}, projected to {self.dimensions} dimensions"

    @property
    def key(self) -> str:
        return f"{self.whole.key}-projected-1-{self.dimensions}"

    @property
    def measured(self) -> dict[str, float]:
        """Nothing: what was measured of the whole need not hold of its projection."""
        return {}

    def vectors(self, strings: pl.Series) -> Vectors:
        """See `Embedding.vectors`."""
        found = self.whole.vectors(strings)
        # In float64: the result, rounded to float32, does not depend on how many rows were multiplied at once.
        made = found.astype(np.float64) @ signs(found.shape[1], self.dimensions)
        size = np.sqrt(np.einsum("nd,nd->n", made, made))
        return (made / np.where(size, size, 1)[:, None]).astype(np.float32)


@lru_cache(maxsize=2)
def signs(whole: int, dimensions: int) -> npt.NDArray[np.float64]:
    """`[whole, dimensions]` of +1 and -1: a bit of SplitMix64 of each place's number, the same on every machine."""
    x = np.arange(1, whole * dimensions + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.where(x >> np.uint64(63), 1.0, -1.0).reshape(whole, dimensions)
