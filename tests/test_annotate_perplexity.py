"""annotate.perplexity: the n-gram model against a dictionary that counts one by one, and what it has to tell apart."""

from __future__ import annotations

import json
import math
import random
from collections import defaultdict
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dirt_annotate as dirt
from dadeum.recipe import read_step
from dadeum.record import records
from dadeum.step import Edit
from dadeum.steps.annotate import _ngram
from promises import texts

START, END = "<", ">"


class Slow:
    """Interpolated Kneser-Ney as in the textbook, in dictionaries."""

    def __init__(self, reference: list[str], n: int):
        self.n = n
        padded = [[START] * max(1, n - 1) + list(t) + [END] for t in reference]
        longest: dict[tuple[str, ...], int] = defaultdict(int)
        for t in padded:
            for i in range(max(1, n - 1), len(t)):
                longest[tuple(t[i - n + 1 : i + 1])] += 1
        self.counts = {n: dict(longest)}
        grams: dict[int, set[tuple[str, ...]]] = {k: {tuple(t[i - k + 1 : i + 1]) for t in padded for i in range(max(1, n - 1), len(t))} for k in range(1, n + 1)}
        for k in range(n - 1, 0, -1):
            counts: dict[tuple[str, ...], int] = defaultdict(int)
            for g in grams[k + 1]:
                counts[g[1:]] += 1
            self.counts[k] = dict(counts)
        self.known = {g[-1] for g in grams[1]}

    def discount(self, k: int) -> float:
        once, two = (sum(c == want for c in self.counts[k].values()) for want in (1, 2))
        return once / (once + 2 * two) if once and two else 0.5

    def p(self, c: str, history: tuple[str, ...]) -> float:
        k = len(history) + 1
        shorter = self.p(c, history[1:]) if k > 1 else 1 / (len(self.known) + 1)
        of = {g: n for g, n in self.counts[k].items() if g[:-1] == history}
        if not of:
            return shorter
        total, d = sum(of.values()), self.discount(k)
        return max(of.get((*history, c), 0) - d, 0) / total + d * len(of) / total * shorter

    def bits(self, text: str) -> float:
        t = [START] * max(1, self.n - 1) + list(text) + [END]
        spent = [-math.log2(self.p(t[i], tuple(t[i - self.n + 1 : i]))) for i in range(max(1, self.n - 1), len(t))]
        return sum(spent) / len(spent)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
@given(st.lists(st.text("가나ab ", max_size=8), min_size=1, max_size=6), st.lists(st.text("가나다abc ", max_size=8), min_size=1, max_size=4))
def test_bits_are_those_of_the_slow_twin(n: int, reference: list[str], said: list[str]) -> None:
    found = _ngram.fit(pl.Series(reference), n).bits(pl.Series(said)).to_list()
    assert found == pytest.approx([Slow(reference, n).bits(t) for t in said])


def test_the_probabilities_of_all_characters_and_an_unknown_one_sum_to_one() -> None:
    slow = Slow(["가나가", "나나b", "ab 가"], 3)
    for history in ((START, START), ("가", "나"), ("x", "y"), ("a", "b")):
        assert sum(slow.p(c, history) for c in (*slow.known, "?")) == pytest.approx(1)


@given(st.lists(texts, min_size=1, max_size=6))
def test_a_text_costs_the_same_in_any_company(said: list[str]) -> None:
    model = _ngram.fit(pl.Series(list(dirt.SENTENCES["ko"])), 3)
    assert model.bits(pl.Series(said)).to_list() == [model.bits(pl.Series([t]))[0] for t in said]


def step(path: Path, **params: object) -> Edit:
    made = read_step("annotate.perplexity", {"reference": [str(path)], **params}, "annotate.perplexity")
    assert isinstance(made, Edit)
    return made


@pytest.mark.parametrize("language", ["ko", "en"])
def test_shuffled_text_costs_more_and_each_language_has_a_model_of_its_own(tmp_path: Path, language: str) -> None:
    rng = random.Random(6)
    path = tmp_path / "reference.jsonl"
    rows = [" ".join(rng.sample(dirt.SENTENCES[name], 5)) for name in ("ko", "en") for _ in range(40)]
    path.write_text("".join(json.dumps({"text": t}) + "\n" for t in rows))
    whole = list(dirt.sound(language, rng))
    shuffled = ["".join(rng.sample(t, len(t))) for t in whole]
    made = step(path)
    good, bad = (made.edit(records([{"text": t} for t in ts]))["bits_per_character"] for ts in (whole, shuffled))
    assert (good < bad).all() and bad.mean() > 3 * good.mean()  # type: ignore[operator]
    alone = tmp_path / "alone.jsonl"
    alone.write_text("".join(json.dumps({"text": t}) + "\n" for t in (rows[:40] if language == "ko" else rows[40:])))
    assert step(alone).edit(records([{"text": t} for t in whole]))["bits_per_character"].to_list() == good.to_list()
    other = dirt.SENTENCES["en" if language == "ko" else "ko"]
    assert step(alone).edit(records([{"text": other[0]}]))["bits_per_character"].to_list() == [None]


def test_another_reference_is_another_key(tmp_path: Path) -> None:
    path = tmp_path / "reference.jsonl"
    path.write_text(json.dumps({"text": "가나다 " * 700}) + "\n")
    before = step(path).key
    path.write_text(json.dumps({"text": "가나라 " * 700}) + "\n")
    assert step(path).key != before
