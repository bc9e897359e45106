"""filter.repetition on dialogues, data and loops: what repeats by its trade stays, what runs away leaves, wherever it stands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dadeum import io
from dadeum.record import records
from dadeum.settings import Source
from dadeum.steps.filter.repetition import Repetition

DATA = Path(__file__).parent.parent.parent / "shared/data"

LOOP = {"ko": "배송이 아직도 안 왔어요 확인해 주세요 ", "en": "the order has not arrived please check it "}
LONG = {
    "ko": "이번 주문은 지난달에 넣었고 결제도 바로 끝났는데 {0}번 창고에서 아직 출고되지 않았다는 안내만 받았습니다. ",
    "en": "I placed this order last month and paid at once, yet all I hear is that it never left warehouse number {0}. ",
}
BOOKING = {
    "ko": "예약 내용을 확인해 드릴게요.\n- 출발: 김포 {0}시\n- 도착: 제주 {1}시\n- 좌석: 일반석\n- 요금: {0}{1}000원\n이 내용으로 진행할까요?",
    "en": "Here is your booking.\n- Departure: Denver {0}:00\n- Arrival: Houston {1}:00\n- Cabin: Economy\n- Price: ${0}{1}\nShall I go ahead with it?",
}
TALK = {
    "ko": (
        "안녕하세요, 다음 주에 제주로 가는 표를 알아보고 있어요.", "아침 비행기는 너무 일러서 점심 무렵이면 좋겠어요.", "창가 자리가 남아 있나요? 아이가 밖을 보고 싶어 해서요.",
        "짐을 하나 더 부치면 얼마를 더 내야 하는지도 알려 주세요.", "생각해 보니 하루 늦게 떠나는 편이 낫겠습니다.", "그럼 그 시간으로 바꿔 주시고 결제는 같은 카드로 할게요.",
    ),
    "en": (
        "Hello, I would like to fly to Houston some time next week.", "The first one leaves far too early for me; anything around noon?", "Is there a window seat left? My daughter loves to watch the clouds.",
        "How much would you charge for one more suitcase?", "On second thought we had better leave a day later than that.", "Good, move us there and charge the card that you have on file.",
    ),
}  # fmt: skip


def chat(*contents: str) -> dict[str, Any]:
    return {"messages": [{"role": ("user", "assistant")[i % 2], "content": c} for i, c in enumerate(contents)]}


def reasons(*rows: dict[str, Any], **params: Any) -> list[str | None]:
    return Repetition(**params).why(records(rows))["reason"].to_list()


@pytest.mark.parametrize("language", ["ko", "en"])
def test_an_agent_that_reads_bookings_back_stays(language: str) -> None:
    said = [BOOKING[language].format(10 + i, 12 + i) for i in range(6)]
    turns = [turn for pair in zip(TALK[language], said) for turn in pair]
    assert reasons(chat(*turns), chat(*turns[:6])) == [None, None]
    assert reasons({"text": "\n".join(said[0].splitlines()[1:-1] * 4)}, limits={"repeated_characters": None}) == [None], "labelled values are no lines of prose"


@pytest.mark.parametrize("language", ["ko", "en"])
def test_the_same_answer_in_every_turn_leaves(language: str) -> None:
    asked = [LONG[language].format(i) for i in range(6)]
    same = LONG[language].format("?") * 2
    assert reasons(chat(*(turn for question in asked for turn in (question[:30], same)))) == ["repeated_characters"]


@pytest.mark.parametrize("language", ["ko", "en"])
def test_a_loop_does_not_hide_behind_a_long_question(language: str) -> None:
    question = "".join(LONG[language].format(f"{i * 7919 % 1000}{chr(97 + i % 26)}") for i in range(2))
    rest = " ".join(f"{i * 104729 % 9973}" for i in range(200))
    assert reasons(chat(question + rest, LOOP[language] * 5)) == ["repeated_characters"]
    assert reasons(chat(question + rest, LOOP[language])) == [None]


@pytest.mark.parametrize("who", [("user", "assistant", "tool"), ("고객", "상담원", "system")])
def test_a_dialogue_that_came_as_a_text_is_measured_by_turns_without_what_tools_say(who: tuple[str, str, str]) -> None:
    order = json.dumps({f"item_{i}": {"name": f"thing {i}", "price": i * 7} for i in range(30)})
    turns = [line for i in range(0, 6, 2) for line in (f"{who[0]}: {TALK['ko'][i]}", f"{who[2]}: {order}", f"{who[1]}: {TALK['ko'][i + 1]}")]
    assert reasons({"text": "\n".join(turns)}) == [None]
    assert reasons({"text": "\n".join([*turns, f"{who[1]}: " + LOOP["en"] * 9])}) == ["repeated_characters"]
    assert reasons({"text": f"{order}\n" * 6}) == ["repeated_characters"], "data alone can loop"


def test_tables_markup_and_ruled_lines_repeat_by_nature() -> None:
    table = "| 날짜 | 경기 | 점수 |\n|---|---|---|\n" + "\n".join(f"| {i}일 | 홈 경기 대 원정 경기 | {i}:{i % 7} |" for i in range(60))
    ruled = f"{'-' * 90}\n고객 지원 대화 기록\n{'-' * 90}\n오늘 문의가 하나 있었고 바로 답을 드렸습니다. 감사합니다."
    page = "<list>\n" + "\n".join("<item>\n<name>\n" + f"제품 {i}\n</name>\n</item>" for i in range(20)) + "\n</list>"
    assert reasons({"text": f"지난 경기를 모두 적었습니다.\n{table}"}, {"text": ruled}, {"text": page}, limits={"repeated_characters": None}) == [None] * 3
    assert reasons({"text": ruled}) == [None]
    assert reasons({"text": "표시\n" + "-" * 900}) == ["character_run"], "no page is that wide"


def read(path: Path, **fields: str) -> pl.DataFrame:
    return pl.concat([chunk.rows for chunk in io.read(path, Source(path=str(path), fields=fields), 8192)], how="diagonal_relaxed")


@pytest.mark.skipif(not (DATA / "tau_bench").is_dir(), reason="../shared/data/tau_bench is not here")
def test_no_dialogue_of_a_service_agent_leaves() -> None:
    """106 of these 189 left when a dialogue was measured as one text: flights and orders read back, and what tools returned."""
    airline = read(DATA / "tau_bench/gpt-4o-airline.json.gz")
    with (DATA / "tau_bench/MockRetailDomainEnv-few_shot.jsonl").open(encoding="utf-8") as file:
        retail = records([{"text": json.loads(line)["messages_display"]} for line in file])
    for rows, n in ((airline, 120), (retail, 69)):
        assert rows.height == n
        assert Repetition().why(rows)["reason"].null_count() == n


@pytest.mark.skipif(not (DATA / "self_instruct").is_dir(), reason="../shared/data/self_instruct is not here")
def test_loops_of_real_models_still_leave() -> None:
    """148 of the 150 answers of an untuned model run away; of worked answers and dialogues between people none does."""
    left = {name: Repetition().why(read(DATA / name))["reason"].is_not_null().sum() for name in ("self_instruct/predictions/davinci_predictions.jsonl", "gsm8k/test.jsonl", "sgd/train/dialogues_001.json.gz")}
    assert left == {"self_instruct/predictions/davinci_predictions.jsonl": 148, "gsm8k/test.jsonl": 0, "sgd/train/dialogues_001.json.gz": 0}
