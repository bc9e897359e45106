"""Hard answers: numbers in words and scales, negation, hedges, several answers, fences, answers cut short. Unscored is None, and never 0."""

from __future__ import annotations

import time

import pytest

from dadeum.evaluate import metrics
from dadeum.evaluate.metrics import structured
from dadeum.settings import Prove

Case = tuple[str, str, float | None]
NUMERIC: list[Case] = [
    ("열두 개입니다", "12", 1), ("스물다섯 명", "25", 1), ("세 개", "3", 1), ("하나", "1", 1), ("스무 살이에요", "20", 1), ("정답은 열여덟 살입니다.", "18", 1),
    ("정답: 열두 개. 3개씩 4번이므로", "12", 1), ("세상", "3", None), ("한국입니다", "1", None), ("둘 다 아닙니다", "2", None), ("네, 맞습니다", "4", None),
    ("three", "3", 1), ("The answer is twenty-five because 5 * 5.", "25", 1), ("one hundred and five", "105", 1), ("a dozen", "12", 1), ("an apple", "1", None),
    ("이십만 삼천", "203000", 1), ("사만 이천 원", "42000", 1), ("일억 이천만 원", "120000000", 1), ("3만5천2백원", "35200", 1), ("약 3천만 원 정도", "30000000", 1),
    ("2 million", "2000000", 1), ("1.2 billion dollars", "1200000000", 1), ("$5M", "5000000", 1), ("3k", "3000", 1), ("5 m", "5", 1), ("5 km", "5", 1), ("$3", "3 dollars", 1),
    ("영하 5도", "-5", 1), ("마이너스 3입니다", "-3", 1), ("minus 4", "-4", 1), ("10 minus 3", "3", 1), ("A-7", "7", 1),
    ("10^3", "1000", 1), ("2³", "8", 1), ("3 × 10^-2", "0.03", 1), ("넓이는 12 m^2", "12", 1), ("12 cm²", "12", 1),
    ("The answer is not 41 but 42.", "42", 1), ("정답은 41이 아니라 42입니다.", "42", 1), ("답은 7, 아니 8입니다", "8", 1), ("42입니다. 40이 아닙니다.", "42", 1),
    ("The answer is not 5.", "5", None), ("It isn't 5", "5", None), ("5개가 아닙니다", "5", None), ("42 (not 43)", "42", 1),
    ("between 3 and 5", "5", None), ("3과 5 사이", "5", None), ("3~5개", "5", None), ("3 or 5", "5", None), ("3개 또는 5개입니다", "3", None), ("5 아니면 7", "7", None), ("5 or 5.0", "5", 1),
    ("300000000달러", "3억 원", 0), ("3억 달러", "$300,000,000", 1), ("35,000 won", "3만5천원", 1), ("50%", "0.5", 0), ("12명", "12 people", 1), ("1,5", "1.5", 0), ("3:45", "3", 0),
]  # fmt: skip
EXACT: list[Case] = [
    ("서울", "서울입니다", 1), ("서울요", "서울", 1), ("서울이요", "서울", 1), ("수요", "수", 0), ("세종로", "세종", 0), ("서울로", "서울", 1), ("학교로", "학교", 1),
    ("```text\nSeoul\n```", "Seoul", 1), ("```\n서울\n```", "서울", 1), ("`Seoul`", "Seoul", 1), ("세 개", "3개", 1), ("three", "3", 1), ("한국", "1국", 0), ("세상", "3상", 0),
    ("서울이 아닙니다", "서울", 0), ("not Seoul", "Seoul", 0), ("서울 또는 부산", "서울", 0), ("서울, 부산", "서울", 0), ("yes, it is", "yes", 0), ("네", "예", 0), ("두산", "2산", 0),
    ("사과", "사과입니다", 1), ("사과와 배", "사과", 0), ("회의", "회", 0), ("포도", "포", 0), ("사", "사이다", 0), ("수도", "도", 0), ("제 생각엔 서울", "서울", 0),
    ("\\boxed{\\text{Seoul}}", "\\text{Seoul}", 1), ("정답: ②", "②", 1), ("세종대왕이라고 생각합니다", "세종대왕", 1), ("10^3", "1000", 1), ("2 million", "2,000,000", 1),
]  # fmt: skip
KOREAN, ENGLISH, BINARY, LETTERS = ("긍정", "부정", "중립"), ("positive", "negative", "neutral"), ("0", "1"), ("A", "B", "C")
LABELS: list[tuple[str, str | None, tuple[str, ...]]] = [
    ("긍정", "긍정", KOREAN), ("긍정적입니다", "긍정", KOREAN), ("```\n긍정\n```", "긍정", KOREAN), ("[긍정]", "긍정", KOREAN), ("긍정 (확신 90%)", "긍정", KOREAN),
    ("라벨: 긍정", "긍정", KOREAN), ("감정: **부정**", "부정", KOREAN), ("분류 결과: 중립", "중립", KOREAN), ('{"label": "positive"}', "positive", ENGLISH),
    ("Label: neutral", "neutral", ENGLISH), ("Sentiment: negative.", "negative", ENGLISH), ("이유: 긍정적인 말이 많다", None, KOREAN),
    ("긍정 또는 부정", None, KOREAN), ("긍정/부정", None, KOREAN), ("긍정, 부정", None, KOREAN), ("긍정이거나 중립", None, KOREAN), ("긍정도 부정도 아닙니다", None, KOREAN),
    ("긍정인지 부정인지 모르겠습니다", None, KOREAN), ("긍정인지 잘 모르겠습니다", None, KOREAN), ("긍정일 수도 있습니다", None, KOREAN), ("긍정이라고 보기 어렵다", None, KOREAN),
    ("positive or negative", None, ENGLISH), ("positive, but also negative", None, ENGLISH), ("positive? No, negative", None, ENGLISH), ("0 or 1", None, BINARY),
    ("positive isn't right", None, ENGLISH), ("positive is wrong", None, ENGLISH), ("Not positive", None, ENGLISH), ("긍정이 아닙니다", None, KOREAN), ("긍정적이지 않습니다", None, KOREAN),
    ("긍정. 부정적인 표현이 없습니다", "긍정", KOREAN), ("긍정, 부정적인 말이 없으므로", "긍정", KOREAN), ("긍정\n부정\n부정", "긍정", KOREAN), ("positive, as nothing negative is said", "positive", ENGLISH),
    ("A. 서울", "A", LETTERS), ("(B) Seoul", "B", LETTERS), ("A is correct", "A", LETTERS), ("A dog ran", None, LETTERS), ("A와 B", None, LETTERS), ("정답: B번", "B", LETTERS),
    ("yes/no", None, ("yes", "no")), ("Yes. No doubt.", "yes", ("yes", "no")), ("No, it isn't", "no", ("yes", "no")), ("예를 들어", None, ("예", "아니오")),
    ("positive is the label", "positive", ENGLISH), ("1번", "1", BINARY), ("0, 1", None, BINARY),
]  # fmt: skip
ONE, TWO = '{"name": "Kim", "age": 30}', '{"name": "Lee", "age": 31}'
JSON: list[Case] = [
    (f"{ONE} {TWO}", ONE, None), (f"{ONE}가 아니라 {TWO}", ONE, None), (f"{ONE}\n{ONE}", ONE, 1), (f"[참고] {ONE}", ONE, 1), (f"[1]에 따르면 {ONE}", ONE, None),
    (f"```json\n{ONE}\n```\n```json\n{TWO}\n```", ONE, None), (f"```python\nx = 1\n```\n```json\n{ONE}\n```", ONE, 1), (f"```json {ONE}```", ONE, 1), (f"\ufeff{ONE}", ONE, 1),
    ('{"name": "Kim", "tags": ["a", "b"]', ONE, None), ('{"name": "Kim", "in": {"age": 30}', ONE, None), ('{"name": "Kim", "in": {"age": 30},}', ONE, None), ("```json\n{", ONE, None),
    ('{"a": "닫히지 않은 } 괄호"}', '{"a": "닫히지 않은 } 괄호"}', 1), ("{'name': 'Kim', 'in': {\"age\": 30}}", ONE, None), (f"<think>{TWO}</think>{ONE}", ONE, 1), ("", ONE, None),
]  # fmt: skip
PER, LOC = '{"type": "PER", "text": "홍길동"}', '{"type": "LOC", "text": "서울"}'
SPANS: list[Case] = [
    (f"{PER}\n{LOC}", f"[{PER}, {LOC}]", 1), (f"[{PER}, {LOC}", f"[{PER}, {LOC}]", None), (f"[{PER}, {LOC},]", f"[{PER}, {LOC}]", None), (f"[{PER}] 또는 [{LOC}]", f"[{PER}]", None),
    (f"[] 또는 [{PER}]", f"[{PER}]", None), ("[]", "[]", 1), ("없음", "[]", None), ("[]", f"[{PER}]", 0), (f"여기 [메모]: [{PER}]", f"[{PER}]", 1), (f'{{"entities": [{PER}', f"[{PER}]", None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("metric", "case"), [(metric, case) for metric, cases in (("numeric", NUMERIC), ("exact", EXACT), ("json", JSON), ("spans", SPANS)) for case in cases]
)
def test_hard_answers(metric: str, case: Case) -> None:
    reply, reference, wanted = case
    [found] = metrics.score(Prove(metric=metric), [reply], [reference])  # type: ignore[arg-type]
    assert found == wanted and (found is None) == (wanted is None)


@pytest.mark.parametrize(("reply", "wanted", "labels"), LABELS)
def test_hard_labels(reply: str, wanted: str | None, labels: tuple[str, ...]) -> None:
    for asked in labels:
        expected = None if wanted is None else float(asked == wanted)
        assert metrics.score(Prove(metric="label", labels=labels), [reply], [asked]) == [expected]


@pytest.mark.parametrize("reply", ["[" * 50_000, "{[" * 50_000, '["' * 50_000, '\\"' * 50_000 + "{", "[a] " * 50_000, "1" * 50_000, "5 또는 " * 20_000, "3 x 10^" * 20_000, "영하 " * 30_000, "하나 " * 30_000])
def test_long_nonsense_takes_no_quadratic_time(reply: str) -> None:
    began = time.process_time()
    for metric, more in (("numeric", {}), ("exact", {}), ("json", {}), ("spans", {}), ("label", {"labels": ("1", "2")})):
        metrics.score(Prove(metric=metric, **more), [reply], ["1" if metric != "spans" else "[]"])  # type: ignore[arg-type]
    assert time.process_time() - began < 20  # quadratic ones took minutes


def test_values_are_what_the_parser_takes_one_by_one() -> None:
    assert structured.values('a {"x": [1]} b [2] {"y": 3') == [{"x": [1]}, [2]]
