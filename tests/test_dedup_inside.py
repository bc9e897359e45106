"""dedup.inside: what is cut, what must not be, and how a chat stands afterwards."""

from __future__ import annotations

import gzip
import itertools
import json
import random
import re
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dadeum.evaluate.quantiles import wilson
from dadeum.record import records
from dadeum.steps import _key
from dadeum.steps.dedup import _spans_units
from dadeum.steps.dedup.inside import Inside

DATA = Path(__file__).parents[2] / "shared/data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} is not there")

SENTENCES = [
    "배송은 보통 이틀에서 사흘 정도 걸립니다.", "배송은 보통 이틀에서 사흘정도 걸립니다!", "환불은 받은 날부터 이레 안에 하실 수 있어요.", "네.", "감사합니다.",
    "The parcel takes two or three days to arrive.", "THE PARCEL takes two or three days, to arrive!", "You may send it back within a week.", "OK.", "Could you tell me when it will arrive?", "언제쯤 받아 볼 수 있는지 알려 주시겠어요?",
]  # fmt: skip


def key(text: str) -> str:
    return _key.normal(pl.Series([text])).item()


def weight(text: str) -> int:
    return sum(2 if ord(c) >= 0x2E80 else 1 for c in key(text))


def cut(text: str, **params: Any) -> str:
    return Inside(**params).edit(records([{"text": text}]))["text"].item()


@given(st.lists(st.sampled_from(SENTENCES), max_size=12), st.sampled_from(["paragraph", "line", "sentence"]), st.sampled_from([1, 20, 40, 100]))
def test_what_stays_is_what_the_slow_twin_keeps(units: list[str], unit: Any, least: int) -> None:
    gone = [key(t) in {key(u) for u in units[:i]} and weight(t) >= least for i, t in enumerate(units)]
    for i in reversed(range(len(units) - 1)):
        gone[i] = gone[i] and (unit != "sentence" or not units[i].endswith("?") or gone[i + 1])
    want = [t for t, cut in zip(units, gone) if not cut]
    glue = {"paragraph": "\n\n", "line": "\n", "sentence": " "}[unit]
    assert cut(glue.join(units), unit=unit, min=least) == glue.join(want)


@given(st.text(st.sampled_from("가다요. \n\t!?Mr12\x00`|-ab습니”"), max_size=60), st.sampled_from(["paragraph", "line", "sentence"]))
def test_units_put_together_are_the_string(text: str, unit: Any) -> None:
    if "\0" not in text:
        assert "".join(_spans_units.cut(pl.Series([text]), unit)["unit"]) == text


@pytest.mark.parametrize(
    "text, ends",
    [
        ("갔다. 왔다. 봤다.", 3), ("가니? 간다! 그래…  응.", 4), ("값은 3.5 입니다. 1. 항목 2. 항목", 2), ("했습니다 그리고 잤어요 그래서 왔죠 끝", 4),
        ("필요 없다 중요 사항 수요 공급", 1), ("하다 보니 좋다 나쁘다", 1), ("“왔다.” 그가 말했다. (끝.) 응", 4), ("Mr. Kim met J. R. Lee at 5 p.m. today. Yes.", 2),
        ("See e.g. this. I.e. that. Really?! Yes... no.", 5), ("한 줄\n다음 줄", 2), ("あした。 いく！ はい", 3), ("가세요~ 또 봐요", 1),
    ],
)  # fmt: skip
def test_sentences_end_where_they_should(text: str, ends: int) -> None:
    assert _spans_units.cut(pl.Series([text]), "sentence").height == ends


ROLES = st.sampled_from(["네", "서울은 어떤 도시인가요?", "수도이고 강이 흐릅니다.", "What is the capital of Korea?", "It is Seoul, on the Han."])


def chat(said: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"role": role, "content": text} for pair in said for role, text in zip(("user", "assistant"), pair)]


def cut_turns(messages: list[dict[str, Any]], **params: Any) -> list[dict[str, Any]]:
    out = Inside(unit="turn", **params).edit(records([{"messages": messages}]))["messages"][0].to_list()
    return [{k: v for k, v in turn.items() if v is not None} for turn in out]


@given(st.lists(st.tuples(ROLES, ROLES), max_size=8))
def test_a_chat_that_alternates_does_so_afterwards(said: list[tuple[str, str]]) -> None:
    seen: set[tuple[str, str]] = set()
    want = []
    for pair in said:
        told = (key(pair[0]), key(pair[1]))
        if told not in seen or sum(map(weight, pair)) < 12:
            want.append(pair)
        seen.add(told)
    assert cut_turns(chat(said)) == chat(want)


@given(st.lists(st.tuples(st.sampled_from(["system", "user", "assistant", "tool"]), ROLES), max_size=10))
def test_turns_are_cut_and_nothing_is_lost(said: list[tuple[str, str]]) -> None:
    given_ = [{"role": role, "content": text} for role, text in said]
    out = cut_turns(given_, min=1)
    assert {(t["role"], key(t["content"])) for t in out} == {(t["role"], key(t["content"])) for t in given_}
    assert [t for t in out if t["role"] in ("system", "tool")] == [t for t in given_ if t["role"] in ("system", "tool")]
    follow = iter(given_)
    assert all(turn in follow for turn in out), "in their order"
    assert cut_turns(out, min=1) == out
    twins = [a for a, b in itertools.pairwise(out) if a["role"] == b["role"] and key(a["content"]) == key(b["content"]) and a["role"] in ("user", "assistant")]
    assert not twins


def test_numbers_are_compared_with_their_signs() -> None:
    for one, two in [("-5", "5"), ("3.5", "35"), ("10 - 2", "10 + 2"), ("5%", "5")]:
        text = f"그래서 우리가 구하려던 값은 {one} 입니다. 그래서 우리가 구하려던 값은 {two} 입니다. 끝."
        assert cut(text, unit="sentence") == text
    assert cut("그래서 우리가 구하려던 값은 -5 입니다. 그래서 우리가 구하려던 값은 - 5입니다. 끝.", unit="sentence") == "그래서 우리가 구하려던 값은 -5 입니다. 끝."


def test_turns_that_differ_in_what_training_reads_are_no_twins() -> None:
    one, two = {"role": "assistant", "content": "수도이고 강이 흐릅니다.", "weight": 0.0}, {"role": "assistant", "content": "수도이고 강이 흐릅니다.", "weight": 1.0}
    assert cut_turns([one, two]) == [one, two]


def test_parts_follow_a_cut() -> None:
    text = f"{SENTENCES[0]} 네. {SENTENCES[0]} 끝."
    parts = json.dumps([{"type": "text", "text": len(text) - 2}, {"type": "image_url"}, {"type": "text", "text": 2}])
    out = Inside(unit="sentence").edit(records([{"messages": [{"role": "user", "content": text, "parts": parts}]}]))["messages"][0][0]
    assert out["content"] == f"{SENTENCES[0]} 네. 끝."
    assert sum(p.get("text", 0) for p in json.loads(out["parts"])) == len(out["content"])


def documents(language: str) -> list[list[str]]:
    """Real paragraphs of prose, four to a document, no two the same."""
    if language == "ko":
        with gzip.open(DATA / "kobest/BoolQ/train.tsv.gz", "rt", encoding="utf-8") as file:
            lines = [line.split("\t")[1] for line in file]
    else:
        lines = [p for line in open(DATA / "webtext_c4/c4_demo.jsonl") for p in json.loads(line)["text"].split("\n")]  # noqa: SIM115
    made = list({key(p): p.strip() for p in lines if 80 < len(p) < 600 and not re.search(r"(?m)\||\t|^\s*([-*+•>#]|\d+[.)])\s", p)}.values())
    return [made[i : i + 4] for i in range(0, len(made) - 3, 4)][:300]


def spoilt(text: str, kind: str, draw: random.Random) -> str:
    if kind == "spacing":
        return "".join(c for c in text if c != " " or draw.random() < 0.7)
    if kind == "punctuation":
        return re.sub(r"[,](?= )", "", text)
    return text.upper() if kind == "case" else text


@needs_data
@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("unit", ["paragraph", "line", "sentence"])
def test_planted_repetition_is_cut_from_real_text(language: str, unit: Any) -> None:
    draw = random.Random(5)
    glue = {"paragraph": "\n\n", "line": "\n", "sentence": "\n"}[unit]
    plain = documents(language)
    assert len(plain) > 100
    kinds = ["verbatim", "spacing", "punctuation", "case"]
    rows, truth = [], []
    for paragraphs in plain:
        kind = draw.choice(kinds)
        said = list(paragraphs)
        copied = said[0]
        if unit == "sentence":
            sentences = [s.strip() for s in _spans_units.cut(pl.Series([copied]), "sentence")["unit"] if "?" not in s]
            if not sentences:
                continue
            copied = max(sentences, key=len)
        # Not between sentences without spaces: where none is left, nothing tells their end.
        said.insert(draw.randrange(2, 5), spoilt(copied, kind, draw) if unit != "sentence" or kind != "spacing" else copied.replace(" ", "", 1))
        rows.append({"text": glue.join(said)})
        truth.append((kind, glue.join(paragraphs)))
    out = Inside(unit=unit).edit(records(rows))["text"].to_list()
    clean = Inside(unit=unit).edit(records([{"text": t} for _, t in truth]))["text"].to_list()
    hit, all_ = Counter(), Counter()
    for made, (kind, _), untouched in zip(out, truth, clean):
        all_[kind] += 1
        hit[kind] += made == untouched
    for kind in kinds:
        low, high = wilson(hit[kind], all_[kind])
        print(f"{language} {unit} {kind}: {hit[kind]}/{all_[kind]} ({low:.3f} to {high:.3f})")
    changed = sum(a != t for a, (_, t) in zip(clean, truth))
    print(f"{language} {unit}: {changed} of {len(truth)} documents changed without a planted copy")
    assert sum(hit.values()) >= 0.99 * sum(all_.values())


@needs_data
def test_worked_answers_lose_next_to_nothing() -> None:
    """They repeat questions, each with an answer of its own, and hardly any sentence: 77 lost one when questions were cut too."""
    files = sorted((DATA / "gsm8k").glob("*.jsonl*"))
    rows = [json.loads(line) for f in files for line in (gzip.open(f, "rt") if f.suffix == ".gz" else open(f))]  # noqa: SIM115
    texts = [row["answer"] for row in rows if "answer" in row][:3000]
    out = Inside(unit="sentence").edit(records([{"text": t} for t in texts]))["text"].to_list()
    changed = sum(a != b for a, b in zip(out, texts))
    print(f"{changed} of {len(texts)} answers changed")
    assert len(texts) > 1000 and changed < 0.01 * len(texts)
