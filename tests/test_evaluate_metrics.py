"""Scorers against cases with known truth, and against slow twins."""

from __future__ import annotations

import gzip
import json
import random
import unicodedata
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dadeum.errors import RecipeError
from dadeum.evaluate import metrics
from dadeum.evaluate.metrics import chrf, exact, label, numbers, numeric
from dadeum.settings import Prove

RIGHT = [
    ("서울", "서울"),
    ("서울입니다", "서울"),
    ("정답은 서울입니다.", "서울"),
    ("최종 답: 「서울」", "서울"),
    ("답: 서울이에요", "서울"),
    ("**정답**: 서울", "서울"),
    ("Answer: Paris.", "Paris"),
    ("The answer is Paris", "paris"),
    ("the final answer is: \\boxed{42}", "42"),
    ("＄３５，０００", "$35,000"),
    ("사과가", "사과"),
    ("사과예요", "사과"),
    ("12이다", "12"),
    ("12입니다", "12"),
    ("십이", "12"),
    ("12", "십이"),
    ("3만5천", "35,000"),
    ("35000원", "3만5천 원"),
    ("12억 3,000만", "1230000000"),
    ("12억 3,000만 원입니다", "1,230,000,000원"),
    ("삼만오천", "35000"),
    (unicodedata.normalize("NFD", "한국어입니다"), "한국어"),
    ("한국어", unicodedata.normalize("NFD", "한국어")),
    ("대한 민국", "대한민국"),
    ("1/2", "½"),
    ("0.50", "0.5"),
    ("LoRA는", "LoRA"),
    ("사입니다", "사"),
    ("서울에서입니다", "서울"),
]
WRONG = [
    ("사고", "사과"),
    ("십이", "십"),
    ("십", "십이"),
    ("사과", "사"),
    ("사", "사과"),
    ("이십", "이"),
    ("1만", "1"),
    ("13", "12"),
    ("12", "12.5"),
    ("10.5", "10"),
    ("35,000달러", "35,000원"),
    ("12개", "12명"),
    ("수도", "수"),
    ("나이", "나"),
    ("사이다", "사"),
    ("서울과 부산", "서울"),
    ("서울이 아닙니다", "서울"),
    ("서울특별시청", "서울"),
    ("과자를", "과자가"),
    ("사과은", "사과"),
    ("", "서울"),
    ("서울", ""),
    ("not Paris", "Paris"),
    ("Parisian", "Paris"),
    ("-5", "5"),
    ("5%", "5"),
    ("3,5000", "35000.1"),
]


@pytest.mark.parametrize(("reply", "reference"), RIGHT)
def test_exact_says_right(reply: str, reference: str) -> None:
    assert exact.score(reply, reference) == 1.0


@pytest.mark.parametrize(("reply", "reference"), WRONG)
def test_exact_says_wrong(reply: str, reference: str) -> None:
    assert exact.score(reply, reference) == 0.0


@given(st.text(max_size=40), st.text(max_size=40))
def test_exact_takes_anything_and_knows_itself(a: str, b: str) -> None:
    assert exact.score(a, b) in (0.0, 1.0)
    if exact.fold(a):
        assert exact.score(a, a) == 1.0


@given(st.text(alphabet="가나다라마사과이은는십백천만원일이삼0123456789,. ", min_size=1, max_size=12))
def test_numbers_take_anything(text: str) -> None:
    numbers.whole(text)
    numbers.find_all(text)


def spelled(n: int) -> str:
    """A slow obvious twin: 35,012 as 삼만오천십이, digit by digit; 일 is left out before 십, 백 and 천, and before a lone 만."""

    def part(n: int) -> str:
        out = ""
        for power, name in ((1000, "천"), (100, "백"), (10, "십"), (1, "")):
            digit = n // power % 10
            if digit:
                out += ("" if digit == 1 and name else "영일이삼사오육칠팔구"[digit]) + name
        return out

    out = ""
    for power, name in ((10**12, "조"), (10**8, "억"), (10**4, "만"), (1, "")):
        if here := n // power % 10**4:
            out += (part(here) if not (here == 1 and name == "만" and not out) else "") + name
    return out


@given(st.integers(1, 10**15))
def test_korean_numerals_are_read_as_they_are_spelled(n: int) -> None:
    assert numbers.whole(spelled(n)) == numbers.Number(Fraction(n)), spelled(n)
    assert numbers.whole(f"{n:,}원") == numbers.Number(Fraction(n), "원")


@given(st.integers(1, 9999), st.integers(0, 9999))
def test_mixed_numerals(high: int, low: int) -> None:
    value = numbers.Number(Fraction(high * 10**4 + low))
    assert numbers.whole(f"{high}만{low or ''}") == value
    assert numbers.whole(f"{high:,}만 {low:,}") == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3/4", Fraction(3, 4)), ("3½", Fraction(7, 2)), ("1 1/2", Fraction(3, 2)), ("-7", -7), ("₩3,000", 3000), ("12.5%", Fraction(25, 2)),
        ("1.5e3", 1500), ("1.5억", 150_000_000), ("이공이사", 2024), ("\\frac{1}{4}", Fraction(1, 4)), ("2천3백", 2300), ("１２３", 123), ("만", 10_000),
    ],
)  # fmt: skip
def test_forms_of_numbers(text: str, value: Fraction | int) -> None:
    found = numbers.whole(text)
    assert found is not None and found.value == value


@pytest.mark.parametrize("text", ["", "사과", "12 13", "1/0", "1e99999999", "12,34,5x7", "이 사람", "3만5천6만", "천백천"])
def test_what_is_no_number(text: str) -> None:
    assert numbers.whole(text) is None


@pytest.mark.parametrize(
    ("reply", "reference", "mark", "score"),
    [
        ("3 + 4 = 7\n#### 7", "#### 7", "####", 1.0),
        ("#### 7.0", "#### 7", "####", 1.0),
        ("#### $1,200", "so #### 1200", "####", 1.0),
        ("#### 8", "#### 7", "####", 0.0),
        ("#### 7 #### 8", "#### 7", "####", 0.0),
        ("the answer is 7", "#### 7", "####", None),
        ("####", "#### 7", "####", None),
        ("정답은 3만5천 원입니다", "35,000", "", 1.0),
        ("2 + 3 = 5", "5", "", 1.0),
        ("답: 5. 왜냐하면 2와 3을 더하기 때문", "5", "", 1.0),
        ("\\boxed{12} (see 3)", "12", "", 1.0),
        ("no idea", "5", "", None),
        ("A-7", "7", "", 1.0),
        ("50%", "50", "", 1.0),
        ("50%", "0.5", "", 0.0),
        ("50달러", "50원", "", 0.0),
        ("$50", "₩50", "", 0.0),
        ("5-7=-2", "-2", "", 1.0),
    ],
)
def test_numeric(reply: str, reference: str, mark: str, score: float | None) -> None:
    assert numeric.score(reply, reference, mark) == score


@pytest.mark.parametrize(
    ("reply", "labels", "found"),
    [
        ("긍정", ["긍정", "부정"], "긍정"),
        ("긍정적입니다", ["긍정", "부정"], "긍정"),
        ("정답은 '부정'", ["긍정", "부정"], "부정"),
        ("매우 긍정", ["매우", "매우 긍정"], "매우 긍정"),
        ("Positive.", ["positive", "negative"], "positive"),
        ("negatively", ["negative"], None),
        ("10", ["1", "10"], "10"),
        ("12", ["1", "10"], None),
        ("이 리뷰는 긍정", ["긍정", "부정"], None),
        ("", ["긍정", "부정"], None),
        ("  \n부정\n", ["긍정", "부정"], "부정"),
        (unicodedata.normalize("NFD", "긍정"), ["긍정", "부정"], "긍정"),
        ("ＰＯＳＩＴＩＶＥ", ["positive"], "positive"),
    ],
)
def test_labels(reply: str, labels: list[str], found: str | None) -> None:
    assert label.find(reply, labels) == found
    assert label.find(reply, labels[::-1]) == found


def test_confusion_adds_up() -> None:
    counted = label.confusion(["a", "b", "x", "a"], ["a", "a", "b", "b"], ["a", "b"])
    assert sum(n for row in counted.values() for n in row.values()) == 4
    assert counted["b"] == {"a": 1, "b": 0, "": 1}


def slow_chrf(reply: str, reference: str) -> float:
    """chrF2 by the definition, one n-gram at a time, taking each match out of the reference."""
    said, asked = ("".join(unicodedata.normalize("NFC", s).split()) for s in (reply, reference))
    precisions, recalls = [], []
    for n in range(1, 7):
        ours = [said[i : i + n] for i in range(len(said) - n + 1)]
        theirs = [asked[i : i + n] for i in range(len(asked) - n + 1)]
        if not ours or not theirs:
            continue
        left, hits = list(theirs), 0
        for gram in ours:
            if gram in left:
                left.remove(gram)
                hits += 1
        precisions.append(hits / len(ours))
        recalls.append(hits / len(theirs))
    if not precisions or not sum(precisions):
        return 0.0
    p, r = sum(precisions) / len(precisions), sum(recalls) / len(recalls)
    return 100 * 5 * p * r / (4 * p + r)


@given(st.text(alphabet="가나다라 abc.", max_size=20), st.text(alphabet="가나다라 abc.", max_size=20))
def test_chrf_is_its_slow_twin(reply: str, reference: str) -> None:
    assert chrf.score(reply, reference) == pytest.approx(slow_chrf(reply, reference))


@pytest.mark.parametrize(
    ("reply", "reference", "score"),
    [
        ("나는 학교에 갔다", "나는 학교에 간다", 49.28571428571429),
        ("고양이가 방에서 잔다", "강아지가 방에서 논다", 23.0489417989418),
        ("The cat sat.", "The cat sat on the mat.", 49.26069433771915),
        ("같다", "다르다", 17.857142857142854),
        ("ab", "abc", 63.636363636363626),
    ],
)
def test_chrf_is_what_sacrebleu_2_says(reply: str, reference: str, score: float) -> None:
    assert chrf.score(reply, reference) == pytest.approx(score)


def test_chrf_sees_decomposed_hangul() -> None:
    assert chrf.score(unicodedata.normalize("NFD", "같다"), "같다") == 100


def test_shuffled_replies_score_lower() -> None:
    """A scorer that always says yes would pass every test above that expects 1."""
    rng = random.Random(0)
    asked = [f"{rng.randrange(10**6):,}" for _ in range(200)]
    other = asked[1:] + asked[:1]
    for metric in ("exact", "numeric"):
        assert sum(s or 0 for s in metrics.score(Prove(metric=metric), asked, asked)) == 200
        assert sum(s or 0 for s in metrics.score(Prove(metric=metric), other, asked)) < 5


def test_a_missing_mark_is_unscored_not_wrong() -> None:
    assert metrics.score(Prove(metric="exact", answer_after="####"), ["서울", "#### 서울"], ["#### 서울"] * 2) == [None, 1.0]


def test_mistakes_in_settings_come_all_at_once() -> None:
    with pytest.raises(RecipeError) as caught:
        metrics.checked(Prove(metric="label", labels=("긍정", "긍정"), answer_after="#"))
    assert len(caught.value.mistakes) == 3
    with pytest.raises(RecipeError, match=r"prove\.level"):
        metrics.checked(Prove(level=0.0))


DATA = Path(__file__).parent.parent.parent / "shared/data/gsm8k"


@pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data/gsm8k is not here")
def test_four_models_answers_are_graded_as_their_makers_did() -> None:
    with gzip.open(DATA / "example_model_solutions.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    graded = [(said["solution"], row["ground_truth"], said["is_correct"]) for row in rows for said in row.values() if isinstance(said, dict)]
    replies, references, right = zip(*graded)
    scores = metrics.score(Prove(metric="numeric", answer_after="\nA:"), replies, references)
    assert len(graded) == 4 * 660
    assert sum((s == 1.0) != said for s, said in zip(scores, right)) == 0


@pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data/gsm8k is not here")
def test_every_reference_has_its_number() -> None:
    answers = [json.loads(line)["answer"] for line in (DATA / "test.jsonl").read_text(encoding="utf-8").splitlines()]
    found = [numeric.find(answer, "####") for answer in answers]
    assert [n and n.value for n in found] == [Fraction(a.rpartition("####")[2].strip().replace(",", "")) for a in answers]
