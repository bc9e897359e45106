"""filter.pairs and filter.answers: planted truth in Korean and English, slow twins, and real answers."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from dadeum.recipe import read_step
from dadeum.record import records
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
