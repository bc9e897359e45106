"""annotate.register: planted speech levels, mixtures, and a morphological analyser as a second opinion on real text."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

import dirt_annotate as dirt
from dadeum.steps.annotate.register import levels, sentences

CHAT = Path(__file__).parent.parent.parent / "shared/data/chatbot_ko/ChatbotData.csv"


def test_every_level_is_told_with_a_full_stop_without_and_behind_laughter() -> None:
    rows = list(dirt.registers())
    found = levels(pl.Series([t.text for t in rows]))["register"].to_list()
    n, right = Counter(t.kind for t in rows), Counter(t.kind for t, f in zip(rows, found) if f == t.truth)
    assert len(n) == 15 and min(n.values()) >= 36
    assert {kind: f"{right[kind]} of {n[kind]}" for kind in n if right[kind] < 0.95 * n[kind]} == {}


def test_mixtures_are_told() -> None:
    rows = list(dirt.mixtures())
    found = levels(pl.Series([t.text for t in rows]))["register_mixed"].to_list()
    wrong = [(t.text, f) for t, f in zip(rows, found) if f != (t.truth == "yes")]
    assert len(rows) > 200
    assert len(wrong) <= 0.02 * len(rows), wrong[:5]


@pytest.mark.parametrize("text", ["충전이 필요", "내용", "바다", "Hello there.", "", "12,000원", "https://a.b/요", "남자"])
def test_what_shows_no_level_has_none(text: str) -> None:
    assert levels(pl.Series([text])).row(0) == (None, None, None)


def test_clauses_and_other_speakers_do_not_count_twice() -> None:
    assert sentences(pl.Series(["늦었지만 괜찮다고 생각했어요. 다니다 보면 압니다."]))["level"].to_list() == ["haeyo", "hapsyo"]
    assert sentences(pl.Series(["```python\n# 출력한다\n```\n이렇게 하세요."]))["level"].to_list() == ["haeyo"]


def test_the_politest_of_equals_names_the_row() -> None:
    assert levels(pl.Series(["갔다. 갔습니다.", "갔어. 갔다."]))["register"].to_list() == ["hapsyo", "haera"]


@pytest.mark.skipif(not CHAT.exists(), reason=f"{CHAT} is not there")
def test_a_morphological_analyser_says_the_same_of_chat_answers() -> None:
    kiwi = pytest.importorskip("kiwipiepy").Kiwi()
    with open(CHAT, encoding="utf-8", newline="") as file:
        answers = [row["A"] for row in csv.DictReader(file)][::29]

    def second(text: str) -> str | None:
        ends = [t.form for t in kiwi.tokenize(text) if t.tag == "EF"]
        if not ends:
            return None
        last = ends[-1]
        return "hapsyo" if last.endswith(("니다", "니까", "시오", "시다")) else "haeyo" if last.endswith(("요", "죠")) else "plain"

    last = sentences(pl.Series(answers)).group_by("at", maintain_order=True).last()
    mine = dict(zip(last["at"], last["level"]))
    pairs = [(second(text), {"haera": "plain", "hae": "plain"}.get(str(mine.get(i)), mine.get(i))) for i, text in enumerate(answers)]
    both = [(a, b) for a, b in pairs if a and b]
    assert len(both) > 250
    assert sum(a == b for a, b in both) >= 0.98 * len(both)
