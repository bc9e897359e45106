"""The parts of the text steps that can be wrong unseen: tables of characters, n-grams against slow twins."""

from __future__ import annotations

import random
import re
import unicodedata
from collections import Counter

import numpy as np
import polars as pl
import pytest

from dadeum import steps
from dadeum.errors import RecipeError
from dadeum.recipe import read_step
from dadeum.record import records
from dadeum.steps.clean.unicode import BREAK, HALF, INVISIBLE, KEPT, SAFE, SUSPECT
from dadeum.steps.filter import _grams

POINTS = pl.Series([chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000])


def test_no_safe_character_needs_the_step() -> None:
    safe = POINTS.filter(~POINTS.str.contains(SUSPECT))
    assert len(safe) > 40_000
    assert not [c for c in safe if unicodedata.normalize("NFC", c) != c or unicodedata.combining(c)]
    assert not safe.str.contains(f"{INVISIBLE}|{BREAK}|[\\u{{200D}}\\u{{FE0F}}]|[ㆍ\u119e\u11a2]").any()
    assert not set(safe) & set(HALF)


def test_no_two_safe_characters_compose() -> None:
    safe = set(POINTS.filter(~POINTS.str.contains(SUSPECT)))
    pairs = (unicodedata.decomposition(c).split() for c in map(chr, range(0x110000)))
    second = {chr(int(p[1], 16)) for p in pairs if len(p) == 2 and not p[0].startswith("<")}
    assert not second & safe, "a character that composes with the one before it"


def test_every_control_and_format_character_goes() -> None:
    seen = POINTS.filter(POINTS.map_elements(lambda c: unicodedata.category(c) in ("Cc", "Cf"), return_dtype=pl.Boolean))
    out = read_step("clean.unicode", {}).edit(records([{"text": f"가{c}나"} for c in seen]))["text"]  # type: ignore[attr-defined]
    left = {c for c, text in zip(seen, out) if c in text}
    script = {c for c in left if unicodedata.name(c, "?").split()[0] in ("ARABIC", "SYRIAC", "KAITHI", "EGYPTIAN", "SHORTHAND")}
    assert left - script == {"\n", "\t", "\r"}, "marks that show are letters' companions and stay"
    assert SAFE and KEPT


def slow_repeated(text: str, n: int) -> float:
    grams = [text[i : i + n] for i in range(len(text) - n + 1)]
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def slow_top(words: list[str], n: int) -> float:
    grams = Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))
    held = max((k * sum(map(len, gram)) for gram, k in grams.items() if k > 1), default=0)
    return min(1.0, held / max(1, sum(map(len, words))))


def slow_covered(words: list[str], n: int) -> float:
    seen, inside = set(), set()
    for i in range(len(words) - n + 1):
        gram = tuple(words[i : i + n])
        if gram in seen:
            inside |= set(range(i, i + n))
        seen.add(gram)
    return sum(len(words[i]) for i in inside) / max(1, sum(map(len, words)))


def test_grams_against_slow_twins() -> None:
    rng = random.Random(7)
    texts = [" ".join(rng.choices(["가", "나다", "the", "cat", "라마바"], k=rng.randint(0, 40))) for _ in range(200)]
    series = pl.Series(texts)
    points, lengths = _grams.characters(series)
    numbers, sizes, counts = _grams.words(series)
    run = [max((len(m[0]) for m in re.finditer(r"(.)\1*", t)), default=0) / max(1, len(t)) for t in texts]
    np.testing.assert_allclose(_grams.longest_run(points, lengths), run)
    for n in (2, 5, 10):
        np.testing.assert_allclose(_grams.repeated(points, lengths, n), [slow_repeated(t, n) for t in texts])
        np.testing.assert_allclose(_grams.top_share(numbers, sizes, counts, n), [slow_top(t.split(), n) for t in texts])
        np.testing.assert_allclose(_grams.covered(numbers, sizes, counts, n), [slow_covered(t.split(), n) for t in texts])


def test_the_registry_tells_the_nearest_name_and_keeps_private_modules() -> None:
    assert not [name for name in steps.names() if "_" in name.split(".")[0] or name.split(".")[1].startswith("_")]
    with pytest.raises(RecipeError, match=r"did you mean clean\.unicode"):
        steps.load("clean.unicod")
    for name in steps.names():
        assert read_step.__name__ and steps.load(name).__module__ == f"dadeum.steps.{name}"
