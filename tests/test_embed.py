"""Embeddings: the built-in one next to a slow twin, what all of them promise, and how good the built-in one is."""

from __future__ import annotations

import math
import random
import unicodedata
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dadeum import embed
from dadeum.embed import hashed
from dadeum.embed.reduced import Reduced
from dadeum.errors import RecipeError

KORSTS = Path(__file__).parents[2] / "shared/data/kornlu/KorSTS/sts-train.tsv"
PIECES = [
    "영화가", "재미있어요", "재미없어요", "하고", "안", "ㅋㅋㅋㅋ", "ㅠㅠ", "한", "ᄒ", "ᅡ", "ᆫ", "The", "movie", "don't", "not", "AI가", "3시", "2024", "1111", "漢字", "かな",
    "İ", "café", "e\u0301", "ＧＯＯＤ", "👍", "!!", "...", "_", "\0", "\n", "", "x" * 80, "가" * 70, "Привет", "हिन्दी",
]  # fmt: skip
strings = st.lists(st.one_of(st.sampled_from(PIECES), st.text(st.characters(exclude_categories=["Cs"]), max_size=3)), max_size=8).flatmap(
    lambda parts: st.sampled_from([" ", "", "\n"]).map(lambda glue: glue.join(parts))
)
MASK = 2**64 - 1


def slow_mix(one: int, other: int) -> int:
    x = (one * 0x9E3779B97F4A7C15 + other * 0xD1B54A32D192ED03) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def slow_word(word: str) -> int:
    return sum(slow_mix(ord(c), 11) * (slow_mix(min(i, 63) + 1, 7) | 1) for i, c in enumerate(word)) & MASK


def slow_kind(c: str) -> int:
    n = ord(c)
    if unicodedata.category(c)[0] not in "LNM":
        return 0
    if any(a <= n <= b for a, b in ((0xAC00, 0xD7A3), (0x1100, 0x11FF), (0x3131, 0x318E), (0x3040, 0x30FF), (0x3400, 0x9FFF))):
        return 1
    return 3 if c in "0123456789" else 2


def slow_open(n: int) -> int:
    return n - (n - 0xAC00) % 28 if 0xAC00 <= n <= 0xD7A3 else n


def slow_vector(text: str, dimensions: int) -> np.ndarray:
    text = unicodedata.normalize("NFC", text).lower().replace("'", "").replace("’", "")
    spaced = "".join(c if slow_kind(c) else " " for c in text)
    text = "".join(c for i, c in enumerate(spaced) if not (i > 1 and spaced[i - 2] == spaced[i - 1] == c and ord(c) > 57))
    words: list[str] = []
    for i, c in enumerate(text):
        if slow_kind(c):
            if i and slow_kind(text[i - 1]) == slow_kind(c):
                words[-1] += c
            else:
                words.append(c)
    counts = [0] * dimensions

    def tell(value: int, weight: int) -> None:
        counts[(value & 0xFFFFFFFF) % dimensions] += weight if value >> 63 else -weight

    for word in words:
        stop, turned = word in hashed.STOP.split(), word in hashed.NOT.split()
        kind = slow_kind(word[0])
        for i, c in enumerate(word):
            before = ord(word[i - 1]) if i else 1
            after = ord(word[i + 1]) if i + 1 < len(word) else 1
            if kind == 1:
                weight = 20 if turned or c in "없않못" else (3 if stop else 10) if i < 2 else (1 if stop else 3)
                weight = max(weight * 3 // 10, 1) if stop and i < 2 and weight == 10 else weight
                tell(slow_mix(ord(c), 1), weight)
                tell(slow_mix(ord(c), before + (2 << 40)), weight)
                tell(slow_mix(slow_open(ord(c)), slow_open(before) + (3 << 40)), weight)
            elif kind == 2:
                tell(slow_mix(slow_mix(ord(c), before), after + (4 << 40)), 2 if stop else 14 if turned else 7)
        if kind > 1:
            tell(slow_mix(slow_word(word), 5 << 40), 6 if stop else 40 if turned or kind == 3 else 20)
    size = math.sqrt(sum(c * c for c in counts))
    return np.array([c / size if size else 0.0 for c in counts], dtype=np.float64).astype(np.float32)


@given(st.lists(strings, max_size=5), st.sampled_from([7, 64, 512]))
def test_hashed_is_the_slow_one(texts: list[str], dimensions: int) -> None:
    # Polars' own case folding and character classes stand in both; what they do is compared on characters that Python agrees on.
    texts = [t for t in texts if t.lower() == pl.Series([t]).str.to_lowercase()[0] and all(unicodedata.category(c) != "Cn" for c in t)]
    found = embed.load("hashed", dimensions).vectors(pl.Series(texts, dtype=pl.String))
    assert np.allclose(found, np.array([slow_vector(t, dimensions) for t in texts]).reshape(len(texts), dimensions), atol=1e-6)


@pytest.mark.parametrize("made", [hashed.Hashed(), hashed.Hashed(48), Reduced(hashed.Hashed(), 96)], ids=lambda e: e.name)
@given(texts=st.lists(st.none() | strings, max_size=9), cut=st.integers(0, 9))
def test_a_vector_depends_on_its_string_alone(made: embed.Embedding, texts: list[str | None], cut: int) -> None:
    series = pl.Series(texts, dtype=pl.String)
    whole = made.vectors(series)
    assert whole.dtype == np.float32
    assert np.array_equal(made.vectors(series.reverse())[::-1], whole)
    assert np.array_equal(np.concatenate([made.vectors(series[:cut]), made.vectors(series[cut:])]), whole)
    sizes = np.linalg.norm(whole, axis=1)
    assert np.all((np.abs(sizes - 1) < 1e-5) | (sizes == 0))
    assert not sizes[[i for i, t in enumerate(texts) if not t]].any()


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(5)
    series = pl.Series([" ".join(draw.choices(PIECES, k=draw.randrange(9))) for _ in range(300)])
    whole = hashed.Hashed(64).vectors(series)
    monkeypatch.setattr(hashed, "BLOCK", 64 * 7)
    assert np.array_equal(hashed.Hashed(64).vectors(series), whole)


class Told:
    """An embedding whose vectors are written down: strings are the numbers of rows."""

    name = key = "told"
    measured: ClassVar[dict[str, float]] = {}

    def __init__(self, rows: np.ndarray):
        self.rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    def vectors(self, strings: pl.Series) -> embed.Vectors:
        return self.rows[strings.cast(pl.Int64).to_numpy()]


@pytest.mark.parametrize("cosine", [0.0, 0.6, 0.9])
def test_a_projection_keeps_cosines(cosine: float) -> None:
    draw = np.random.default_rng(6)
    one, other = (draw.standard_normal((800, 400)) for _ in range(2))
    other = cosine * one + (1 - cosine**2) ** 0.5 * other
    every = pl.Series(range(800)).cast(pl.String)
    whole, fewer = ([made.vectors(every) for made in made] for made in ([Told(one), Told(other)], [Reduced(Told(one), 256), Reduced(Told(other), 256)]))
    error = np.einsum("nd,nd->n", *fewer) - np.einsum("nd,nd->n", *whole)
    told = (1 - cosine**2) / 256**0.5
    assert 0.8 * told < error.std() < 1.2 * told
    assert abs(error.mean()) < 4 * told / 800**0.5


def test_what_names_none_is_told() -> None:
    with pytest.raises(RecipeError, match=r"model: there is no folder 'bge-m3' \(hashed, a folder"):
        embed.load("bge-m3")


def test_keys_tell_embeddings_apart() -> None:
    keys = [hashed.Hashed().key, hashed.Hashed(256).key, Reduced(hashed.Hashed(), 256).key, Reduced(hashed.Hashed(), 128).key]
    assert len(set(keys)) == 4
    assert embed.load("hashed").key == hashed.Hashed().key


def test_quality_is_spearman() -> None:
    pairs = pl.DataFrame({"a": ["가나다", "가나다", "가나다"], "b": ["가나다", "가나라", "바사아"], "score": [5.0, 3.0, 0.0]})
    assert embed.quality(hashed.Hashed(), pairs)["spearman"] == 1.0
    assert embed.quality(hashed.Hashed(), pairs.with_columns(-pl.col("score")))["spearman"] == -1.0


@pytest.mark.skipif(not KORSTS.exists(), reason=f"{KORSTS} is not there")
def test_the_numbers_told_are_those_measured() -> None:
    lines = [line.split("\t") for line in KORSTS.read_text(encoding="utf-8").split("\n")[1:] if line]
    pairs = pl.DataFrame({"a": [x[5] for x in lines], "b": [x[6] for x in lines], "score": [float(x[4]) for x in lines]})
    assert pairs.height == 5749
    for dimensions in (128, 256, 512):
        made = hashed.Hashed(dimensions)
        assert embed.quality(made, pairs)["spearman"] == made.measured["KorSTS"]
