"""Embeddings: strings in, unit vectors out, by one of three ways behind one interface.

    hashed     built in: nothing to install or download, no network           load("hashed")
    local      a sentence-transformers or ONNX folder on this machine         load("models/ko-sroberta")
    endpoint   an OpenAI-compatible /v1/embeddings                            load("http://127.0.0.1:8080/v1#bge-m3")

A vector depends on its string alone: never on the other strings, their order or the cut into batches. So nothing here is
fitted on the data (no idf, no SVD of the rows at hand): a pair that is alike in a million rows is alike by itself, which is what
a witness has to show. Reduction is a fixed random projection for the same reason.

How good an embedding is, `quality` says, on sentence pairs that people scored; `benchmarks/embeddings.py` runs it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from dadeum.errors import Mistake, RecipeError

Vectors = npt.NDArray[np.float32]

HASHED: Final = "hashed"


class Embedding(Protocol):
    """What every embedding is."""

    @property
    def name(self) -> str:
        """As a report tells it."""

    @property
    def key(self) -> str:
        """A digest of all that the vectors depend on: equal keys, equal vectors. For caches and the keys of steps."""

    @property
    def measured(self) -> dict[str, float]:
        """Spearman's rank correlation with people's scores, by set, as far as it was measured; empty: nobody did."""

    def vectors(self, strings: pl.Series) -> Vectors:
        """float32 `[n, d]`, rows of length 1; rows of zeros for null and for strings that hold nothing to embed."""


def load(spec: str, dimensions: int = 0) -> Embedding:
    """The embedding that `spec` names: `hashed`, a folder, or an endpoint as `https://host/v1#model`.

    dimensions: reduce to so many; 0 keeps the embedding's own. Loaded once a process.
    Raises RecipeError (path `model`) where `spec` names none, or a folder that can't be read as one; MissingExtra.
    """
    if spec == HASHED or is_endpoint(spec):
        return _loaded(spec, dimensions, 0)
    folder = Path(spec)
    if not folder.is_dir():
        hint = "hashed, a folder with a model, or an endpoint as https://host/v1#model"
        raise RecipeError(Mistake("model", f"there is no folder {spec!r}", hint))
    return _loaded(str(folder.resolve()), dimensions, max((path.stat().st_mtime_ns for path in folder.rglob("*")), default=0))


def is_endpoint(spec: str) -> bool:
    """Whether `spec` names an endpoint.

    >>> is_endpoint("http://127.0.0.1:8080/v1#bge-m3"), is_endpoint("models/bge-m3")
    (True, False)
    """
    return re.match(r"https?://", spec) is not None


def quality(embedding: Embedding, pairs: pl.DataFrame) -> dict[str, Any]:
    """How well cosines follow people's scores: `{embedding, pairs, spearman}`.

    pairs: columns `a`, `b` (strings) and `score` (numbers, higher is more alike).
    """
    one, other = embedding.vectors(pairs.get_column("a")), embedding.vectors(pairs.get_column("b"))
    cosines = pl.Series("cosine", np.einsum("nd,nd->n", one, other, dtype=np.float64))
    told = pl.DataFrame([cosines, pairs.get_column("score").cast(pl.Float64)])
    value = told.select(pl.corr("cosine", "score", method="spearman")).item()
    return {"embedding": embedding.name, "pairs": pairs.height, "spearman": round(float(value), 3)}


@lru_cache(maxsize=4)
def _loaded(spec: str, dimensions: int, changed: int) -> Embedding:
    """changed: when the newest file did; another time is another model."""
    if spec == HASHED:
        from dadeum.embed.hashed import DIMENSIONS, Hashed

        return Hashed(dimensions or DIMENSIONS)
    if is_endpoint(spec):
        from dadeum.embed.endpoint import Endpoint

        made: Embedding = Endpoint.named(spec)
    else:
        from dadeum.embed.local import Local

        made = Local.opened(Path(spec))
    if not dimensions:
        return made
    from dadeum.embed.reduced import Reduced

    return Reduced(made, dimensions)
