"""annotate.toxicity: disguises of known truth, innocent words that hold a term, and what a trained model reaches."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dadeum.recipe import read_step
from dadeum.record import records
from dadeum.steps.annotate import _lexicon, _linear

DATA = Path(__file__).parents[2] / "shared/data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is absent")

INNOCENT = {
    "ko": (
        "시발점을 지나 종점까지 갔다", "다시 발표를 하겠습니다", "역시 발이 넓다", "위기가 닥쳐도 포기하지 않는다", "꽁치의 가시를 발라 먹었다", "방배동 카페에서 만나요", "섬유유연제를 넣으세요", "보지 못했던 영화", "잠을 자지 않았다",
        "새끼 고양이가 귀여워요", "졸라 매지 마세요", "대충 읽었다", "고충을 들어 주세요", "1개년 계획을 세웠다", "시바견을 키우고 싶어요", "개새로운 기분", "병신년의 개혁", "ㅅㅅ 잘했다", "ㅂ자 모양",
    ),
    "en": (
        "I live in Scunthorpe", "shiitake mushrooms", "a flame retardant fabric", "the class assesses assets", "he bastardized the recipe", "Dickens wrote it", "cocktail bar", "The hits keep coming", "as is, no refund",
        "**** four stars", "is hit by a car", "push it harder", "Shitake is misspelt but a mushroom", "button, mutton, glutton", "snigger", "a s h tree",
    ),
}  # fmt: skip
KO = ("씨발", "시발", "병신", "지랄", "개새끼", "썅", "미친놈", "느금마")
EN = ("fuck", "shit", "bitch", "asshole", "bastard", "whore")
LOOKS = {"a": "@4", "e": "3", "i": "1!", "o": "0", "s": "$5", "u": "v"}


def disguised(language: str, rng: random.Random) -> str:
    """An abusive word in one of its disguises, in a sentence."""
    if language == "ko":
        word = rng.choice(KO)
        how = rng.randrange(4)
        if how == 1:
            word = word[0] + rng.choice(["1", "~", "*", "88", "ㆍ", "\u200b", "."]) + word[1:]
        elif how == 2 and (ord(word[-1]) - 0xAC00) % 28:
            last = (ord(word[-1]) - 0xAC00) % 28
            word = word[:-1] + chr(ord(word[-1]) - last) + _lexicon._FINALS[last]
        elif how == 3:
            word = rng.choice(["ㅅㅂ", "ㅂㅅ", "ㅈㄹ", "ㅄ"])
        return f"아 {word} 진짜 {rng.choice(['왜', '짜증', '뭐'])}"
    word = rng.choice(EN)
    how = rng.randrange(4)
    if how == 1:
        word = rng.choice([".", "-", " ", "*", "_"]).join(word)
    elif how == 2:
        at = [i for i, c in enumerate(word) if c in LOOKS and i]
        word = "".join(rng.choice(LOOKS[c]) if i in at[:1] else c for i, c in enumerate(word))
    elif how == 3:
        word = word[0] + word[1] * 4 + word[2:]
    return f"what a {word.upper() if rng.random() < 0.3 else word} this is"


@pytest.mark.parametrize("language", ["ko", "en"])
def test_disguises_are_seen_through(language: str) -> None:
    rng = random.Random(3)
    texts = [disguised(language, rng) for _ in range(400)]
    missed = [text for text, n in zip(texts, _lexicon.hits(pl.Series(texts), _lexicon.builtin())) if not n]
    assert len(missed) <= 8, missed


@pytest.mark.parametrize("language", ["ko", "en"])
def test_innocent_words_stay(language: str) -> None:
    found = _lexicon.hits(pl.Series(INNOCENT[language]), _lexicon.builtin())
    assert [text for text, n in zip(INNOCENT[language], found) if n] == []


def test_a_hostile_text_is_read_in_linear_time() -> None:
    assert _lexicon.hits(pl.Series(["f.u." * 50_000 + "시1" * 50_000 + "ㅅㅣ" * 50_000]), _lexicon.builtin()).to_list() == [0]


def test_the_worst_string_of_a_record_counts_and_contradictions_come_first() -> None:
    params = {"labels": [str(Path(__file__).parent / "data/toxic.jsonl")], "label": "kind", "positive": ["toxic"]}
    step = read_step("annotate.toxicity", params, "")
    texts = ["오늘 점심 맛있었어요", "너 정말 못됐다 역겨운 것들", "책을 읽고 있어요 시1발"]
    rows = records([*({"text": t} for t in texts), {"messages": [{"role": "user", "content": texts[1]}, {"role": "assistant", "content": texts[0]}]}, {"text": None}])
    told = step.edit(rows)
    assert told["toxicity"][0] < 0.5 < told["toxicity"][1] == told["toxicity"][3]
    assert told["toxicity"][2] < 0.5 and told["toxicity_review"][2] == 1.0
    assert told["toxicity"][4] is None


def test_auc_is_its_slow_twin() -> None:
    rng = np.random.default_rng(0)
    good, other = rng.integers(0, 6, 30).astype(float), rng.integers(0, 5, 20).astype(float)
    slow = np.mean([(a > b) + (a == b) / 2 for a in good for b in other])
    assert _linear.auc(good, other)[0] == pytest.approx(slow)


@needs_data
def test_korean_hate_speech() -> None:
    path = str(DATA / "korean_hate_speech/labeled/train.tsv")
    step = read_step("annotate.toxicity", {"labels": [path], "text": "comments", "label": "hate", "positive": ["hate", "offensive"]}, "")
    held = step.held_out()
    assert (held["rows"], held["good"]) == (7896, 4410)
    assert held["low"] < held["auc"] < held["high"] and held["auc"] > 0.8 and held["f1"] > 0.75


@needs_data
def test_the_list_is_silent_on_neutral_sentences() -> None:
    with gzip.open(DATA / "klue_nli/klue-nli-v1.1_dev.json.gz", "rt", encoding="utf-8") as file:
        every = {row[k] for row in json.load(file) for k in ("premise", "hypothesis")}
    assert (_lexicon.hits(pl.Series(sorted(every)), _lexicon.builtin()) > 0).sum() == 0
