"""annotate.language and filter.language: planted languages, answers in another one, scripts against a slow twin."""

from __future__ import annotations

import unicodedata
from collections import Counter

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dirt_annotate as dirt
from dadeum.record import records
from dadeum.steps.annotate import _scripts
from dadeum.steps.annotate.language import Language, identify
from dadeum.steps.filter import language as filters
from promises import texts


def told(kind: str) -> list[dirt.Told]:
    return [t for t in dirt.languages() if t.kind == kind]


def right(rows: list[dirt.Told]) -> Counter[str]:
    found = identify(pl.Series([t.text for t in rows]))["language"].to_list()
    return Counter("right" if f == t.truth else "und" if f == "und" else "wrong" for f, t in zip(found, rows))


@pytest.mark.parametrize("language", dirt.SENTENCES)
def test_sentences_are_told_and_none_is_taken_for_another_language(language: str) -> None:
    rows = [t for t in told("sentence") if t.truth == language]
    counts = right(rows)
    assert counts["wrong"] == 0
    assert counts["right"] >= len(rows) - 1 >= 5


@pytest.mark.parametrize("language", dirt.SENTENCES)
def test_short_text_is_told_or_left_open(language: str) -> None:
    """Where four words don't tell, the step says so."""
    counts = right([t for t in told("short") if t.truth == language])
    assert counts["wrong"] == 0
    assert counts["right"] >= 5


@pytest.mark.parametrize("kind", ["one word", "another script", "mojibake", "no language", "mixed"])
def test_what_is_no_plain_sentence(kind: str) -> None:
    rows = told(kind)
    assert right(rows)["right"] == len(rows) >= 6


def test_terms_in_korean_are_no_mixture_and_code_counts_for_nothing() -> None:
    said = ["LoRA는 큰 모델을 적은 메모리로 조정하는 방법이다", "모델 병합 model merging", "```python\nfor the value of this in that: print(it)\n```\n파이썬 예시입니다", "ㅋㅋㅋ", "ㅤㅤ", "ㆍㆍ"]
    assert identify(pl.Series(said))["language"].to_list() == ["ko", "mixed", "ko", "ko", "und", "und"]


letters = st.text(st.sampled_from([chr(c) for first, last in ((0x20, 0x17F), (0x370, 0x3FF), (0x1100, 0x11FF), (0x3005, 0x30FF), (0x3131, 0x3163), (0x4E00, 0x4E40), (0xAC00, 0xAC40)) for c in range(first, last + 1)]))


@given(st.lists(texts | letters, max_size=8))
def test_script_counts_are_those_of_the_slow_twin(strings: list[str]) -> None:
    def script(c: str) -> int | None:
        if unicodedata.category(c)[0] != "L" and c not in "\u3005\u3006\u3007":
            return None
        name = unicodedata.name(c, "")
        if c in "\u3164\u115f\u1160\u318d\uffa0":
            return None
        for at, words in enumerate((("HANGUL",), ("LATIN",), ("CJK", "IDEOGRAPHIC"), ("HIRAGANA", "KATAKANA"))):
            if any(w in name for w in words):
                return at
        return 4

    got = _scripts.count(pl.Series(strings, dtype=pl.String)).tolist()
    assert got == [[sum(script(c) == at for c in s) for at in range(5)] for s in strings]


def chat(question: str, answer: str) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}


@pytest.mark.parametrize("language", ["ko", "en"])
def test_answers_in_another_language_are_seen_unless_asked_for(language: str) -> None:
    rows = list(dirt.answers(language))
    out = Language().edit(records([chat(q, a) for _, q, a, _ in rows]))["language_answer"].to_list()
    wrong = [(kind, q, a, got) for (kind, q, a, truth), got in zip(rows, out) if got != truth]
    assert len(rows) == 40 and not wrong


def test_each_answer_is_held_against_its_own_question() -> None:
    turns = [("user", "Where can I ask for a refund?"), ("assistant", "You can ask for it here."), ("user", "환불은 어디에서 하나요?"), ("assistant", "You can ask for it here.")]
    rows = records([{"messages": [{"role": r, "content": c} for r, c in turns]}, {"messages": [{"role": r, "content": c} for r, c in turns[:2]]}])
    assert Language().edit(rows)["language_answer"].to_list() == ["other", "same"]


def test_a_preference_pair_is_judged_by_its_chosen_answer() -> None:
    ask = [{"role": "user", "content": "환불은 어디에서 하나요?"}]
    ko, en = ([{"role": "assistant", "content": c}] for c in ("고객센터에서 하세요.", "You can ask for it here."))
    rows = records([{"messages": ask, "chosen": en, "rejected": ko}, {"messages": ask, "chosen": ko, "rejected": en}])
    assert Language().edit(rows)["language_answer"].to_list() == ["other", "same"]


def test_the_filter_drops_what_it_is_told_and_says_so() -> None:
    rows = Language().edit(records([{"text": t} for t in ("이건 한국어", "Das ist ein Buch.", "PyTorch LoRA", "모델 병합 model merging")] + [chat("환불은 어디에서 하나요?", "You can ask for it here.")]))
    assert filters.Language(keep=("ko",)).why(rows)["reason"].to_list() == [None, "language_de", None, None, "answer_language"]
    assert filters.Language(mixed="drop", und="drop", answer="keep").why(rows)["reason"].to_list() == [None, None, "language_und", "language_mixed", "language_mixed"]
