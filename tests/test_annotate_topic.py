"""annotate.topic and annotate.outlier: planted topics and odd rows, Korean and English; instructions that were read by people."""

from __future__ import annotations

import random
from collections import Counter

import polars as pl
import pytest

from dadeum.recipe import read_step
from dadeum.record import records
from dadeum.steps.annotate._instruction import parsed

SUBJECTS = {
    "ko": ("배송 택배 송장 도착 기사", "결제 카드 승인 취소 영수증", "로그인 비밀번호 계정 인증 아이디", "화면 배터리 충전 고장 수리"),
    "en": ("parcel courier delivery arrives tracking", "payment refund invoice billing card", "password login account verify username", "battery screen charger broken repair"),
}
FILLERS = {"ko": ["어제부터", "계속", "확인", "부탁", "문제", "다시", "처음", "여러", "번", "오늘", "아침"], "en": ["yesterday", "again", "problem", "still", "first", "twice", "morning", "today", "several", "times"]}


def planted(language: str, seed: int, n: int = 400) -> list[tuple[int, str]]:
    """(subject, text): two or three words of one subject among words of none."""
    rng = random.Random(seed)
    made = []
    for _ in range(n):
        which = rng.randrange(4)
        words = rng.sample(SUBJECTS[language][which].split(), rng.choice([2, 3])) + rng.sample(FILLERS[language], 3)
        rng.shuffle(words)
        made.append((which, " ".join(words)))
    return made


def told(name: str, rows: pl.DataFrame, **params: object) -> pl.DataFrame:
    step = read_step(name, params, "")
    return step.decide(step.relate(step.sketch(rows))).sort("row")


@pytest.mark.parametrize("language", ["ko", "en"])
def test_planted_subjects_are_found_and_named_by_their_words(language: str) -> None:
    truth = planted(language, 5)
    topics = told("annotate.topic", records([{"text": text} for _, text in truth]), clusters=8)["topic"].to_list()
    by: dict[str, Counter[int]] = {}
    for (which, _), topic in zip(truth, topics):
        by.setdefault(topic, Counter())[which] += 1
    purity = sum(counts.most_common(1)[0][1] for counts in by.values()) / len(truth)
    assert purity > 0.9, by
    for topic, counts in by.items():
        assert set(topic.split(", ")) & set(SUBJECTS[language][counts.most_common(1)[0][0]].split()), (topic, counts)


def test_topics_do_not_depend_on_the_order_of_rows() -> None:
    rows = records([{"text": text} for _, text in planted("ko", 1) + planted("en", 1)])
    mixed = rows.sample(fraction=1, shuffle=True, seed=4)
    assert told("annotate.topic", rows).equals(told("annotate.topic", mixed))
    assert told("annotate.outlier", rows).equals(told("annotate.outlier", mixed))


@pytest.mark.parametrize(
    "text, verb, noun",
    [
        ("다음 글을 세 문장으로 요약해 주세요.", "요약하다", "글"), ("이 문장을 영어로 번역하시오.", "번역하다", "문장"), ("자기소개서를 써 줘", "쓰다", "자기소개서"),
        ("서울의 관광지를 추천해줄래?", "추천하다", "관광지"), ("요약을 해 주세요", "요약하다", None), ("광합성에 대해 설명해줘", "설명하다", None), ("이메일 좀 고쳐 주실 수 있나요?", "고치다", None),
        ("가장 큰 수를 고르시오.", "고르다", "수"), ("오늘 날씨가 좋네요", None, None), ("이건 뭔가요?", None, None), ("집에 가야 해요.", None, None),
        ("Please write me a short poem about spring.", "write", "poem"), ("Can you summarize the following article?", "summarize", "article"), ("List three countries in Europe", "list", "countries"),
        ("Given the text below, find all verbs.", "find", "verbs"), ("The weather is nice.", None, None), ("What is love?", None, None), ("I like to write.", None, None),
    ],
)  # fmt: skip
def test_what_is_asked_for(text: str, verb: str | None, noun: str | None) -> None:
    assert parsed(text) == (verb, noun)


@pytest.mark.parametrize("language", ["ko", "en"])
def test_odd_rows_are_found_with_their_cause_and_the_others_left_alone(language: str) -> None:
    rng = random.Random(9)
    good = [text for _, text in planted(language, 3, 600)]
    words = [w for s in SUBJECTS[language] for w in s.split()] + FILLERS[language]
    made = {
        "too_long": lambda: " ".join(rng.choice(words) + str(rng.choice(words)) + rng.choice(words) for _ in range(150)),
        "symbols": lambda: "".join(rng.choice("#$%&*@!~^|<>=+") for _ in range(40)) + rng.choice(words),
        "digits": lambda: " ".join(str(rng.randrange(1000, 99999)) for _ in range(6)) + " " + rng.choice(words),
        "repetition": lambda: (rng.choice(words) + " ") * rng.randrange(9, 14),
        "odd_letters": lambda: "".join(rng.choice("абвгдежзиклмнопрст ") for _ in range(30)) + rng.choice(words),
    }
    odd = [(cause, f()) for cause, f in made.items() for _ in range(5)]
    rows = records([{"text": text} for text in [*good, *(text for _, text in odd)]])
    found = told("annotate.outlier", rows, profile=language)["outlier_cause"].to_list()
    assert sum(cause is not None for cause in found[: len(good)]) <= 6  # one in a hundred
    right = Counter(cause for (cause, _), got in zip(odd, found[len(good) :]) if got is not None)
    assert all(right[cause] == 5 for cause in made), list(zip(odd, found[len(good) :]))
    named = sum(cause == got for (cause, _), got in zip(odd, found[len(good) :]))
    assert named >= 0.8 * len(odd)


@pytest.mark.parametrize("language", ["ko", "en"])
def test_flipped_labels_stand_against_their_neighbours(language: str) -> None:
    rng = random.Random(2)
    truth = planted(language, 8, 400)
    flipped = set(rng.sample(range(len(truth)), 20))
    rows = records([{"text": text, "label": str((which + (i in flipped)) % 4)} for i, (which, text) in enumerate(truth)])
    share = told("annotate.outlier", rows)["outlier_label"].fill_null(0.0).to_list()
    ranked = sorted(range(len(share)), key=lambda i: -share[i])
    hits = len(flipped & set(ranked[:20]))
    assert hits >= 15, hits  # one of them by chance


@pytest.mark.parametrize("piece", ["가", "\n", " ", "1", "해 ", "please ", "can you ", ", ", "을 ", "a.", "써 주"])
def test_hostile_instructions_end(piece: str) -> None:
    assert len(parsed(piece * 100_000)) == 2  # backtracking would take minutes
