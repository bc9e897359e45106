"""filter.pairs and filter.answers: planted truth in Korean and English, slow twins, and real answers."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from dadeum import io
from dadeum.recipe import read_step
from dadeum.record import records
from dadeum.settings import Source
from dadeum.steps.filter.pairs import RULES
from dirt_pairs import Pair, pairs

DATA = Path(__file__).parents[2] / "shared/data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is absent")


def chat(pair: tuple[str, str]) -> dict[str, list[dict[str, str]]]:
    return {"messages": [{"role": "user", "content": pair[0]}, {"role": "assistant", "content": pair[1]}]}


def judged(asked: list[tuple[str, str]]) -> list[str | None]:
    return read_step("filter.pairs", {}, "").why(records([chat(pair) for pair in asked]))["reason"].to_list()


def table(language: str) -> dict[str, tuple[int, int, int, int]]:
    """Rule: (found, planted, of those that the rule told the right ones, told)."""
    planted: list[Pair] = pairs(language, seed=7)
    told = judged([(p.question, p.answer) for p in planted])
    both = Counter((p.reason, t) for p, t in zip(planted, told))
    rules = {r: (both[r, r], sum(n for (p, _), n in both.items() if p == r), both[r, r], sum(n for (_, t), n in both.items() if t == r)) for r in RULES}
    rules["good"] = (both[None, None], sum(n for (p, _), n in both.items() if p is None), 0, 0)
    return rules


RECALL = {  # what a rule has to find at least of what was planted
    "empty_answer": 1.0, "acknowledgement": 1.0, "copies_question": 1.0, "prompt_echo": 1.0, "refusal": 0.95, "cut_off": 0.8,
}  # fmt: skip


@pytest.mark.parametrize("language", ["ko", "en"])
def test_planted_dirt_is_found_and_good_pairs_stay(language: str) -> None:
    found = table(language)
    assert found["good"][0] == found["good"][1], found
    for rule, least in RECALL.items():
        hit, planted, right, told = found[rule]
        assert hit >= least * planted, (rule, found)
        assert right >= 0.98 * told, (rule, found)


def test_one_answer_is_its_slow_twin() -> None:
    asked = [("q" + str(i * i % 7), ("answer number " * 2) + str(i % 3)) for i in range(60)]
    step = read_step("filter.answers", {"questions": 2}, "")
    sketch = step.sketch(records([chat(pair) for pair in asked]))
    told = step.decide(step.relate(sketch))["row"].to_list()
    seen: dict[str, list[str]] = {}
    for question, answer in asked:
        seen.setdefault(answer, [])
        if question not in seen[answer]:
            seen[answer].append(question)
    assert told == [i for i, (q, a) in enumerate(asked) if seen[a].index(q) >= 2]
    assert told


def test_numbers_can_be_moved_without_a_look_at_the_rows() -> None:
    one, other = (read_step("filter.answers", {"questions": n}, "") for n in (2, 3))
    assert one.early_key == other.early_key and one.key != other.key


@needs_data
def test_worked_answers_stay() -> None:
    path = next((DATA / "gsm8k").glob("train.jsonl*"))
    rows = pl.read_ndjson(path).head(2000)
    assert judged(list(zip(rows["question"], rows["answer"]))) == [None] * rows.height


@needs_data
def test_empty_answers_of_a_model_are_all_found() -> None:
    lines = (DATA / "self_instruct/predictions/davinci-t0-ft_predictions.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    key = next(k for k in rows[0] if "respon" in k or "output" in k or "predict" in k)
    told = [row[key] if isinstance(row[key], str) else row[key]["choices"][0]["text"] for row in rows]
    assert sum(not text.strip() for text in told) == 36
    assert judged([("Do it.", text) for text in told]).count("empty_answer") == 36


FLIGHTS = {
    "en": [("Please move my flight to Friday.", "Done, you now fly on Friday."), ("And change the passenger's name.", "I'm sorry, but I can't change the passenger of a booking."), ("Then add a suitcase.", "One suitcase is added.")],
    "ko": [("항공편을 금요일로 옮겨 주세요.", "네, 금요일 편으로 옮겼습니다."), ("탑승자 이름도 바꿔 주세요.", "죄송하지만 탑승자 변경은 도와드릴 수 없습니다."), ("그럼 수하물을 하나 추가해 주세요.", "수하물을 하나 추가했습니다.")],
}  # fmt: skip


@pytest.mark.parametrize("language", ["ko", "en"])
def test_one_declined_wish_of_several_is_no_refusal(language: str) -> None:
    """29 of 120 dialogues of a booking agent left by one such turn."""
    turns = [{"role": role, "content": said} for pair in FLIGHTS[language] for role, said in zip(("user", "assistant"), pair)]
    rows = records([{"messages": turns}, {"messages": turns[2:4]}, {"messages": turns[:2], "chosen": [turns[3]], "rejected": [turns[1]]}])
    assert read_step("filter.pairs", {}, "").why(rows)["reason"].to_list() == [None, "refusal", "refusal"]


def test_a_model_that_says_who_it_is_refuses_nothing() -> None:
    """259 of 500 dialogues of such questions left."""
    asked = [("Who are you?", "I am a language model trained by the Example team."), ("너는 누구야?", "저는 인공지능 비서 다듬이입니다."), ("Can you write?", "As an AI assistant, I can help you with letters.")]
    assert judged(asked) == [None] * 3
    refused = [("How do you feel?", "As an AI language model, I don't have feelings."), ("기분이 어때?", "저는 인공지능이라서 감정을 느끼지 못합니다."), ("Order a pizza.", "I'm sorry, but as an AI, I am unable to place orders.")]
    assert judged(refused) == ["refusal"] * 3


def test_letters_quotes_and_tables_may_end_without_a_stop() -> None:
    letter = "Dear all,\n\nDinner is at seven on Friday. Please tell me whether you can come. I will cook your favourite dish!\n\nLooking forward to seeing you,"
    quote = "“You are braver than you think. You are stronger than you seem. You are loved more than you know.”\n― A. Milne, The Light in the Heart of the Wood"
    ending = "The ending of a German verb depends on the subject. Most follow one table. Luckily two of them are the same.\nSubject | Ending\ner / sie | t"
    assert judged([("Write it.", said) for said in (letter, quote, ending)]) == [None] * 3
    assert judged([("Explain it.", "It rains often. The wind is strong. We stayed at home and then we went out to the,")]) == ["cut_off"]


@needs_data
def test_dialogues_with_a_service_and_about_the_model_stay() -> None:
    for name, n in (("tau_bench/gpt-4o-airline.json.gz", 120), ("fastchat_dummy_conversation/dummy_conversation.json", 500)):
        rows = pl.concat([chunk.rows for chunk in io.read(DATA / name, Source(path=str(DATA / name)), 8192)])
        assert rows.height == n and read_step("filter.pairs", {}, "").why(rows)["reason"].null_count() == n
