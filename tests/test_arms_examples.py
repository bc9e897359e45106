"""What arms show an item before they ask it: looked up as a slow twin does, and never what tells the answer."""

from __future__ import annotations

import math
import random
import re
import unicodedata
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dadeum.evaluate.arms import ask, fitted
from dadeum.evaluate.arms.bm25 import Bm25, terms
from dadeum.evaluate.arms.closest import closest
from dadeum.evaluate.arms.examples import Pool, order
from dadeum.evaluate.arms.near import Near
from dadeum.evaluate.arms.prompts import filled, instruction
from dadeum.evaluate.items import items
from dadeum.proving import Arm
from dadeum.record import records
from dadeum.settings import Prove

WORDS = ["배송", "환불", "결제", "영화", "정말", "좋아요", "별로", "늦게", "도착", "상자", "주문", "취소", "문의", "답변", "친절", "다시", "오늘", "어제", "서울", "부산", "the", "order", "late", "refund", "please", "thanks", "again", "box", "today"]


def row(id: str, asked: str, answer: str, **more: Any) -> dict[str, Any]:
    return {"id": id, "messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}], **more}


def slow_scores(texts: list[str], query: str) -> list[float]:
    """BM25 written down as its formula, text by text."""
    lists = [list(terms(t)) for t in texts]
    mean = sum(map(len, lists)) / len(lists) or 1.0
    out = []
    for words in lists:
        score = 0.0
        for term in terms(query):
            df = sum(term in other for other in lists)
            tf = words.count(term)
            score += math.log(1 + (len(lists) - df + 0.5) / (df + 0.5)) * tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * len(words) / mean)) if tf else 0.0
        out.append(score)
    return out


@given(st.lists(st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join), min_size=1, max_size=12), st.lists(st.sampled_from(WORDS), max_size=4).map(" ".join))
def test_bm25_is_its_formula(texts: list[str], query: str) -> None:
    assert Bm25(texts).scores(query) == pytest.approx(slow_scores(texts, query))


def test_korean_is_found_without_spaces_and_with_other_endings() -> None:
    texts = ["배송이 너무 늦어요", "환불을 받고 싶습니다", "영화가 정말 좋았다"]
    for query in ("환불 받고싶어요", "환불을받고싶습니다", unicodedata.normalize("NFD", "환불")):
        assert next(closest([query], texts, "bm25")).tolist()[0] == 1
    assert list(terms("the LATE order")) == ["the", "late", "order"]


@given(st.text(max_size=30))
def test_terms_take_anything(text: str) -> None:
    counted = Counter(terms(text))
    assert all(counted) and all(unicodedata.normalize("NFC", t).lower() for t in counted)


def test_hybrid_adds_reciprocal_ranks() -> None:
    texts = [f"{a} {b}" for a in WORDS[:12] for b in WORDS[5:15]]
    for query in ("환불 좋아요", "별로 늦게 도착"):
        words, dense, both = (next(closest([query], texts, by)).tolist() for by in ("bm25", "embedding", "hybrid"))
        scores = Counter({p: 1 / (61 + r) for r, p in enumerate(words)})
        scores.update({p: 1 / (61 + r) for r, p in enumerate(dense)})
        assert both == sorted(scores, key=lambda p: (-round(scores[p], 12), p))[:100]


def framed(text: str) -> str:
    return f"다음 영화 평은 긍정인가요, 부정인가요?\n\n{text}"


def test_planted_copies_are_near_and_other_rows_are_not() -> None:
    rng = random.Random(0)
    for words in (WORDS[:20], ["river", "winter", "hotel", "keyboard", "station", "yellow", "seven", "kitchen", "window", "purple", "market", "garden", "teacher", "bridge", "copper"]):
        rows = [framed(" ".join(rng.choices(words, k=9)) + f" {i}") for i in range(500)]
        near = Near(rows)

        def typo(text: str) -> str:
            i = rng.randrange(text.index("\n"), len(text))
            return text[:i] + rng.choice("가x나y") + text[i + 1 :]

        for change in (lambda t: t.replace(" ", ""), lambda t: t + "!!", typo, lambda t: t + " 감사합니다. Thank you.", str.upper):
            missed = [t for t in rows if not near.copy(t, change(t))]
            assert not missed, (change, missed[:2])
        pairs = [(a, b) for a, b in zip(rng.choices(rows, k=20_000), rng.choices(rows, k=20_000)) if a != b]
        assert not [p for p in pairs if near.copy(*p)]


def test_short_texts_in_a_frame_are_copies_only_when_equal() -> None:
    near = Near([framed(t) for t in ("굿", "최고", "별로", "음") for _ in range(30)])
    assert near.copy(framed("굿"), framed("굿!")) and not near.copy(framed("굿"), framed("별로"))


POOL = records(
    [
        *(row(f"t{i}", f"주문 {i}번은 언제 도착하나요? 상자 {i * 7919}", ("배송", "환불", "기타")[i % 3 if i % 5 else 0], film=f"f{i % 9}") for i in range(60)),
        row("copy", "제 환불은 며칠 뒤에 통장으로 들어오나요", "환불", film="other"),
        row("child", "전혀 다른 말", "환불", parents=["item"], film="other"),
        row("sibling", "또 다른 말", "환불", parents=["seed"], film="other"),
        row("same", "같은 영화의 다른 물음", "환불", film="f100"),
    ]
)
HELD = records([row("item", "제 환불은 며칠 뒤에 통장으로 들어오나요?", "환불", parents=["seed"], film="f100"), row("t3", "주문 3번은 언제 도착하나요? 상자 3", "배송", film=None)])


@pytest.mark.parametrize("kind", ["few_shot", "retrieval"])
@pytest.mark.parametrize("by", ["bm25", "embedding", "hybrid"])
def test_no_example_tells_the_answer(kind: str, by: str) -> None:
    pool = Pool.of(items(POOL, carry=["film"]), ["film"])
    asked = ask(Arm("x", kind, k=64, by=by), items(HELD, carry=["film"]), pool, [], Prove(), columns=["film"])  # type: ignore[arg-type]
    assert not {"copy", "child", "sibling", "same"} & set(asked.chosen[0]) and asked.chosen[0]
    assert "t3" not in asked.chosen[1], "the item's own row"
    assert len(set(asked.chosen[0])) == len(asked.chosen[0])


def test_examples_go_by_seed_and_ids_alone() -> None:
    pool = Pool.of(items(POOL))
    shuffled = Pool.of(items(POOL.reverse()))
    drawn = [pool.ids[i] for i in order(pool, 3, False)]
    assert drawn == [shuffled.ids[i] for i in order(shuffled, 3, False)] and sorted(drawn) == sorted(pool.ids)
    assert drawn != [pool.ids[i] for i in order(pool, 4, False)]
    first = [pool.answers[i] for i in order(pool, 3, True)][:9]
    assert Counter(first) == {"기타": 3, "배송": 3, "환불": 3}


def test_turns_stand_where_they_belong() -> None:
    pool = Pool.of(items(records([row("a", "1+1", "2"), row("b", "2+2", "4")])))
    held = items(records([{"id": "q", "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "3+3"}, {"role": "assistant", "content": "6"}]}]))
    asked = ask(Arm("x", "few_shot", k=2), held, pool, [], Prove())
    said = asked.frame()["messages"].to_list()[0]
    assert [t["role"] for t in said] == ["system", "user", "assistant", "user", "assistant", "user", "assistant"]
    assert said[-2]["content"] == "3+3" and said[-1]["content"] == "6" and held["messages"].to_list()[0][1]["content"] == "3+3"
    assert [t["content"] for t in asked.frame([1])["messages"].to_list()[0]][1] == {"a": "1+1", "b": "2+2"}[asked.chosen[0][0]]
    assert asked.frame([0])["messages"].to_list() == held["messages"].to_list()


def test_passages_go_into_the_question_but_never_the_item_itself() -> None:
    corpus = ["환불은 사흘 뒤에 들어옵니다.", "배송은 이틀 걸립니다.", "물음: 제 환불은 며칠 뒤에 통장으로 들어오나요? 답: 환불"]
    asked = ask(Arm("x", "retrieval", k=2, corpus="docs"), items(HELD), None, corpus, Prove())
    said = asked.frame()["messages"].to_list()[0][0]["content"]
    assert corpus[0] in said and corpus[2] not in said and said.endswith("들어오나요?") and said.startswith("다음 자료를")


def test_a_prompt_is_what_fits() -> None:
    pool = Pool.of(items(POOL))
    asked = ask(Arm("x", "few_shot", k=8), items(HELD), pool, [], Prove())

    def lengths(frame: Any) -> list[int]:
        return [sum(len(t["content"]) for t in turns) for turns in frame["messages"].to_list()]

    for room in (10_000, 120, 60, 1):
        keep = fitted(asked, lengths, room)
        for i in range(2):
            fits = [n for n in range(9) if lengths(asked.frame([n, n]))[i] <= room]
            assert keep[i] == max(fits, default=0)


def test_templates_fill_once() -> None:
    assert filled("Q: {question} [{labels}] {x}", "what is {context}?", "C", ["a", "b"]) == "Use these passages:\n\nC\n\nQ: what is {context}? [a, b] {x}"
    assert "{labels}" in instruction(Prove(metric="label", labels=("a", "b")), True) and "####" in instruction(Prove(metric="numeric", answer_after="####"), False)
    zero = ask(Arm("zero_shot", "zero_shot"), items(HELD), None, [], Prove(metric="label", labels=("환불", "배송")))
    assert re.match(r"다음 가운데 하나로만 답하십시오: 환불, 배송\n\n제 환불은", zero.frame()["messages"].to_list()[0][0]["content"])


def test_nothing_to_look_up() -> None:
    with pytest.raises(ValueError, match="needs training rows"):
        ask(Arm("few_shot", "few_shot"), items(HELD), None, [], Prove())
    empty = Pool.of(items(POOL.clear()))
    assert np.array_equal(ask(Arm("few_shot", "few_shot"), items(HELD), empty, [], Prove()).most, [0, 0])
