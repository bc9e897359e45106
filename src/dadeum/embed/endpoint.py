"""An OpenAI-compatible endpoint: POST {url}/embeddings, as vLLM, llama.cpp, Ollama, text-embeddings-inference and others serve.

    http://127.0.0.1:8080/v1#bge-m3      the address up to `/v1`, and after # the model's name there

A key, where one is needed, is read from $DADEUM_EMBEDDING_KEY: a recipe is written into every run's folder. Each string is asked
for once: answers lie in a SQLite file below `$DADEUM_CACHE` (else the user's cache folder) under digests of the strings, never the
strings. What the name stands for is the server's matter, so another model under the same name needs another address or an empty
cache.

Busy servers and lost connections are tried again as model/post.py does it; all else that goes wrong says what was asked, where, and what
came back.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
import xxhash

from dadeum import remote
from dadeum.embed import Vectors
from dadeum.errors import DadeumError, Mistake, RecipeError
from dadeum.model.post import RefusedError, SilentError, post

KEY: Final = "DADEUM_EMBEDDING_KEY"
BATCH: Final = 64
"""Strings in one request."""
TRIES: Final = 5
SILENCE: Final = 120
"""Seconds without an answer after which a request is given up."""


@dataclass(frozen=True)
class Endpoint:
    """A model behind an address."""

    url: str
    model: str

    @classmethod
    def named(cls, spec: str) -> Endpoint:
        """Of `https://host/v1#model`. Raises RecipeError where a part is missing, or where the address holds a password."""
        url, _, model = spec.partition("#")
        if not model:
            raise RecipeError(Mistake("model", f"{remote.shown(spec)} names no model", f"write it after #: {remote.shown(spec).rstrip('/')}#bge-m3"))
        if "@" in url or "?" in url:
            raise RecipeError(Mistake("model", "holds a password or a query, which the run's folder would keep", f"put the key into ${KEY}"))
        return cls(url.rstrip("/").removesuffix("/embeddings"), model)

    @property
    def name(self) -> str:
        return f"{self.model} at {self.url}"

    @property
    def key(self) -> str:
        return hashlib.blake2b(json.dumps([1, self.url, self.model]).encode(), digest_size=16).hexdigest()

    @property
    def measured(self) -> dict[str, float]:
        return {}

    def vectors(self, strings: pl.Series) -> Vectors:
        """See `Embedding.vectors`. Raises DadeumError where the endpoint can't be reached or answers something else."""
        texts = strings.fill_null("").to_list()
        digests = [xxhash.xxh3_128_digest(text.encode()) for text in texts]
        wanted = {digest: text for digest, text in zip(digests, texts) if text.strip()}
        with _opened(self.key) as cache:
            known = dict(_known(cache, list(wanted)))
            missing = [digest for digest in wanted if digest not in known]
            for start in range(0, len(missing), BATCH):
                part = missing[start : start + BATCH]
                made = dict(zip(part, self._asked([wanted[digest] for digest in part])))
                with cache:
                    cache.executemany("insert or ignore into vectors values (?, ?)", [(k, v.tobytes()) for k, v in made.items()])
                known.update(made)
        sizes = {len(vector) for vector in known.values()}
        if len(sizes) > 1:
            raise DadeumError(f"{self.name} gave vectors of {sorted(sizes)} dimensions: another model answers by this name now; remove {_place(self.key)}")
        nothing = np.zeros(max(sizes, default=1), dtype=np.float32)
        return np.stack([known.get(digest, nothing) for digest in digests]) if digests else np.zeros((0, len(nothing)), dtype=np.float32)

    def _asked(self, texts: Sequence[str]) -> list[Vectors]:
        answer = self._posted({"model": self.model, "input": list(texts), "encoding_format": "float"})
        try:
            listed = sorted(answer["data"], key=lambda item: item["index"])
            made = np.array([item["embedding"] for item in listed], dtype=np.float64)
            in_order = [item["index"] for item in listed] == list(range(len(texts)))
        except (KeyError, TypeError, ValueError) as error:
            raise DadeumError(f"{self.url}/embeddings answered no list of vectors: {json.dumps(answer)[:200]}") from error
        if not in_order or made.ndim != 2 or not np.isfinite(made).all() or not made.any(axis=1).all():
            raise DadeumError(f"{self.url}/embeddings was asked for {len(texts)} vectors and gave {made.shape}, or some of them empty or not finite")
        made /= np.sqrt(np.einsum("nd,nd->n", made, made))[:, None]
        return list(made.astype(np.float32))

    def _posted(self, body: dict[str, Any]) -> Any:
        url = f"{self.url}/embeddings"
        try:
            return post(url, body, os.environ.get(KEY, ""), named=KEY, patience=SILENCE, tries=TRIES)
        except RefusedError as error:
            raise DadeumError(f"{url} refused {self.model}: {error}. A text may be longer than the model takes") from error
        except SilentError as error:
            raise DadeumError(
                f"{error}. Does it run, and is the address the one up to /v1? "
                "What was answered so far is kept: the same command goes on from here"
            ) from error


def _place(key: str) -> Path:
    return remote.home().parent / "embeddings" / f"{key}.sqlite"


@contextlib.contextmanager
def _opened(key: str) -> Iterator[sqlite3.Connection]:
    """The answers so far; several workers may write at once."""
    path = _place(key)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)
    with contextlib.closing(sqlite3.connect(path, timeout=60)) as cache:
        with cache:
            cache.execute("create table if not exists vectors (digest blob primary key, vector blob) without rowid")
        yield cache


def _known(cache: sqlite3.Connection, digests: Sequence[bytes]) -> Iterator[tuple[bytes, Vectors]]:
    for start in range(0, len(digests), 500):
        part = digests[start : start + 500]
        marks = ",".join("?" * len(part))
        for digest, vector in cache.execute(f"select digest, vector from vectors where digest in ({marks})", part):
            yield digest, np.frombuffer(vector, dtype=np.float32)
