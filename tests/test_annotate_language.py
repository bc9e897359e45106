"""annotate.language and filter.language: planted languages, answers in another one, scripts against a slow twin."""

from __future__ import annotations

import unicodedata
from collections import Counter

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dirt_annotate as dirt
from dadeum.profiles import CODE, FENCE, HANGUL, LATIN, profile
from dadeum.record import records
from dadeum.steps.annotate import _scripts
from dadeum.steps.annotate._words import WORDS
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


def answered(question: str, answer: str) -> str | None:
    return Language().edit(records([{"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}]))["language_answer"][0]


LATIN_LANGUAGES = [name for name in dirt.SENTENCES if name in WORDS]


def test_answers_in_another_language_of_the_same_letters_are_found() -> None:
    pairs = [(a, b, i) for a in LATIN_LANGUAGES for b in LATIN_LANGUAGES if a != b for i in range(8)]
    chats = [[{"role": "user", "content": dirt.SENTENCES[a][i]}, {"role": "assistant", "content": dirt.SENTENCES[b][(i + 1) % 8]}] for a, b, i in pairs]
    found = Language().edit(records([{"messages": chat} for chat in chats]))["language_answer"]
    assert len(pairs) == 336 and sum(f in ("other", "wanted") for f in found) >= 0.85 * len(pairs)


@pytest.mark.parametrize(
    "question, answer",
    [
        ("Are there any other nice restaurants in the area?", "Che Fico is another nice restaurant in San Francisco."),
        ("Could you suggest another restaurant that serves alcohol?", "Dumpling Era in San Bruno serves alcohol."),
        ("Give me the final answer. 3x - 4y = 1, 2x + 3y = 12", "x = 3, y = 2"),
        ("How many more trees are in the yard?", "Ferdinand:6/2=<<6/2=3>>3 trees\nHarry:5+2(3)=5+6=11 trees\n11-3=<<11-3=8>>8 trees"),
        ("Which company has its seat in Singapore? (A) Alibaba (B) TSMC (C) Salesforce (D) Shopee", "D"),
        ("Search in LA.", "Bill Callahan is at the Lodge Room."),
    ],
)
def test_names_formulas_and_short_remarks_are_no_other_language(question: str, answer: str) -> None:
    """Of 4,660 worked answers of gsm8k 9 left, of 383 dialogues of sgd 7, of 175 seed tasks 4."""
    assert answered(question, answer) in ("same", None)


@given(st.lists(st.none() | texts | st.text(st.sampled_from("가나ㅋab é{};\n`1 "), max_size=12), max_size=6))
def test_a_profile_is_the_one_that_counting_every_letter_gives(strings: list[str | None]) -> None:
    """Rows of one script are routed without a count."""
    hangul, latin, fence, code = (pl.Series([p]) for p in (HANGUL, LATIN, FENCE, CODE))

    def count(text: str, pattern: pl.Series) -> int:
        return int(pl.select(pl.lit(text).str.count_matches(pattern[0])).item())

    def slow(text: str | None) -> str:
        if text is None:
            return "en"
        if count(text, fence) or ("\n" in text and count(text, code) * 3 >= text.count("\n") + 1):
            return "code"
        ko, en = count(text, hangul), count(text, latin)
        share = ko / max(1, ko + en)
        return "ko" if share > 0.5 else "mixed" if share >= 0.25 else "en"

    found = pl.DataFrame({"text": pl.Series(strings, dtype=pl.String)}).select(profile(pl.col("text"))).to_series().to_list()
    assert found == [slow(text) for text in strings]
