"""Who is near whom among unit vectors, decided in an order: each row either stays, or leaves for a row before it that stays.

One pass in blocks: a block's rows are held against all rows that stay so far, then against each other. So no two rows that stay
are as near as the threshold, and whoever leaves has a living witness that is: chains (a like b, b like c, a unlike c) pull nothing
out. Thousands of mutual copies cost no more than one row that stays and a look at it each.

Up to `EXACT` rows every pair is looked at, by matrix products. Beyond, rows that stay are found through faiss's inverted lists (IVF,
k-means cells, the nearest `PROBES` of them): trained and searched in one thread with a fixed seed, so the same rows give the same
answer, and grown as rows stay, which a graph that is built at once can't be. Measured on 60,000 vectors of 256 dimensions, one
core: every pair 29 CPU-s, faiss IVF 5 (2 for training), an HNSW graph (usearch) 15; each found all of 2,000 planted neighbours.
Whatever found it, a pair counts by its exact cosine; what the approximation overlooked is measured on every run, on a sample.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from dadeum.errors import MissingExtra

Vectors = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Method = Literal["auto", "exact", "approximate"]

EXACT: Final = 50_000
"""Rows up to which every pair is looked at."""
BLOCK: Final = 2048
PROBES: Final = 16
SAMPLE: Final = 2000
"""Rows whose exact neighbours the approximate ones are held against."""
DIGITS: Final = 6
"""Cosines are told and compared to so many digits: equal vectors have cosine 1, whatever float32 made of their length."""
_SLACK: Final = 1e-4
"""Float32 products may be so far below the exact cosine; candidates from there on are computed again."""
_TIE: Final = 1e-6


@dataclass(frozen=True)
class Found:
    """For each row: the row that it leaves for (-1: it stays), and their cosine (NaN where it stays)."""

    witness: Ints
    cosine: Floats
    told: dict[str, Any]


def leave(vectors: Vectors, threshold: float, method: Method = "auto") -> Found:
    """Go through unit vectors `[n, d]` in their order. Raises MissingExtra where an approximation is wanted and faiss is missing."""
    n = len(vectors)
    approximate = method == "approximate" or (method == "auto" and n > EXACT)
    witness, cosine = np.full(n, -1, dtype=np.int64), np.full(n, np.nan)
    staying: _Exact | _Inverted = _Inverted(vectors) if approximate and n else _Exact(vectors)
    for start in range(0, n, BLOCK):
        block = np.arange(start, min(start + BLOCK, n))
        _settle(vectors, block, *staying.nearest(block, threshold - _SLACK), threshold, witness, cosine)
        staying.add(block[witness[block] < 0])
    told: dict[str, Any] = {"method": "approximate" if approximate else "exact"}
    if approximate:
        told |= _recall(vectors, threshold, witness)
    return Found(witness, cosine, told)


def exact(vectors: Vectors, one: Ints, other: Ints) -> Floats:
    """Cosines of pairs of rows, to `DIGITS` digits."""
    a, b = vectors[one].astype(np.float64), vectors[other].astype(np.float64)
    lengths = np.sqrt(np.einsum("nd,nd->n", a, a) * np.einsum("nd,nd->n", b, b))
    return np.round(np.einsum("nd,nd->n", a, b) / lengths, DIGITS)


def _settle(vectors: Vectors, block: Ints, nearest: Ints, near: Floats, threshold: float, witness: Ints, cosine: Floats) -> None:
    """Decide about a block, given the nearest row that stayed before it (-1: none)."""
    among = vectors[block] @ vectors[block].T
    close = np.tril(among >= threshold - _SLACK, -1)
    found = np.flatnonzero((nearest >= 0) & (near >= threshold - _SLACK))
    value = np.full(len(block), -np.inf)
    value[found] = exact(vectors, block[found], nearest[found])
    gone = value >= threshold
    witness[block[gone]], cosine[block[gone]] = nearest[gone], value[gone]
    for i in np.flatnonzero(close.any(axis=1) & ~gone):  # in order: who stays depends on who stayed before
        others = np.flatnonzero(close[i] & ~gone)
        if not len(others):
            continue
        values = exact(vectors, np.full(len(others), block[i]), block[others])
        best = int(values.argmax())
        if values[best] >= threshold:
            gone[i] = True
            witness[block[i]], cosine[block[i]] = block[others[best]], values[best]


class _Exact:
    """The nearest row that stays, by looking at all of them."""

    def __init__(self, vectors: Vectors):
        self.vectors, self.parts = vectors, [np.zeros(0, dtype=np.int64)]

    def nearest(self, rows: Ints, floor: float) -> tuple[Ints, Floats]:
        """(row or -1, cosine) for each; right where the cosine is `floor` or more."""
        staying = np.concatenate(self.parts)
        self.parts = [staying]
        best, value = np.full(len(rows), -1, dtype=np.int64), np.full(len(rows), -np.inf)
        for start in range(0, len(staying), 4 * BLOCK):
            part = staying[start : start + 4 * BLOCK]
            products = self.vectors[rows] @ self.vectors[part].T
            at = products.argmax(axis=1)
            top = products[np.arange(len(rows)), at]
            tied = np.flatnonzero(top >= floor)  # the first of equals, whatever the last bits of the products are
            at[tied] = (products[tied] >= top[tied, None] - _TIE).argmax(axis=1)
            better = top > value + _TIE
            best[better], value[better] = part[at[better]], top[better]
        return best, value

    def add(self, rows: Ints) -> None:
        self.parts.append(rows)


class _Inverted:
    """The nearest row that stays, by faiss's inverted lists."""

    def __init__(self, vectors: Vectors):
        if importlib.util.find_spec("faiss") is None:
            hint = 'pip install "dadeum[embed]", or `method: exact`, whose time grows with the square of the rows'
            raise MissingExtra(f"faiss-cpu not installed, which neighbours among {len(vectors):,} rows need: {hint}")
        import faiss

        self.vectors, self.faiss = vectors, faiss
        d, lists = vectors.shape[1], max(1, int(4 * len(vectors) ** 0.5) if len(vectors) > 1000 else len(vectors) // 64)
        self.cells = faiss.IndexFlatIP(d)
        self.index = faiss.IndexIVFFlat(self.cells, d, lists, faiss.METRIC_INNER_PRODUCT)
        self.index.cp.niter, self.index.cp.max_points_per_centroid, self.index.cp.min_points_per_centroid = 6, 64, 1
        self.index.nprobe = min(PROBES, lists)
        self._alone(lambda: self.index.train(vectors))

    def nearest(self, rows: Ints, floor: float) -> tuple[Ints, Floats]:
        """(row or -1, cosine) for each; right where the cosine is `floor` or more."""
        value, best = self._alone(lambda: self.index.search(self.vectors[rows], 1))
        return best[:, 0], value[:, 0].astype(np.float64)

    def add(self, rows: Ints) -> None:
        if len(rows):
            self._alone(lambda: self.index.add_with_ids(self.vectors[rows], rows))

    def _alone(self, work: Any) -> Any:
        """In one thread: sums in another order have other last bits, and cells at the margin other rows."""
        threads = self.faiss.omp_get_max_threads()
        self.faiss.omp_set_num_threads(1)
        try:
            return work()
        finally:
            self.faiss.omp_set_num_threads(threads)


def _recall(vectors: Vectors, threshold: float, witness: Ints) -> dict[str, Any]:
    """Of a sample: the rows that have an earlier row that stays and is near enough, and the share of them that left."""
    sample = np.unique(np.linspace(0, len(vectors) - 1, min(SAMPLE, len(vectors))).astype(np.int64))
    staying = np.flatnonzero(witness < 0)
    should = np.zeros(len(sample), dtype=bool)
    for start in range(0, len(staying), 4 * BLOCK):
        part = staying[start : start + 4 * BLOCK]
        products = vectors[sample] @ vectors[part].T
        products[part[None, :] >= sample[:, None]] = -1
        best = products.argmax(axis=1)
        should |= exact(vectors, sample, part[best]) * (part[best] < sample) >= threshold
    left = witness[sample] >= 0
    return {"sampled": len(sample), "have_a_neighbour": int((should | left).sum()), "recall": round(float(left.sum() / max((should | left).sum(), 1)), 4)}
