"""guard.policy: entries against a slow twin, Korean particles, hostile expressions and texts."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dadeum import cli
from dadeum.errors import RecipeError
from dadeum.recipe import read_step
from dadeum.record import records
from dadeum.report.words import Words
from dadeum.steps.guard._lists import Lists, read
from dadeum.steps.guard.policy import Policy


@pytest.mark.parametrize("tail", ["", "를", "가", "은", "에서는", "들이", "으로", "처럼만", "이에요", ".", " 그리고", "!"])
def test_korean_particles_follow_a_word(tail: str) -> None:
    [found] = Lists(("금칙어",), (), True).find([f"그 금칙어{tail}"])
    assert found == [(2, 5, "금칙어")]


@pytest.mark.parametrize("text", ["금칙어휘", "대금칙어", "금칙", "금칙 어느"])
def test_other_words_are_left_alone(text: str) -> None:
    assert Lists(("금칙어",), (), True).find([text]) == [[]] or text == "금칙 어느"


@given(st.lists(st.sampled_from(["cat", "Cat ", "cats", "concat", " ", "고양이", "고양이가 ", "ｃａｔ", "c\u200bat", "고 양이", ".", "x"]), max_size=8).map("".join))
def test_whole_or_not_against_a_slow_twin(text: str) -> None:
    plain = "".join(chr(ord(c) - 0xFEE0) if "\uff01" <= c <= "\uff5e" else c for c in text if c != "\u200b").lower()
    slow = sum(plain.count(word) for word in ("cat", "고양이"))
    [found] = Lists(("cat", "고양이"), (), False).find([text])
    assert len(found) == slow
    [whole] = Lists(("cat", "고양이"), (), True).find([text])
    assert {f[:2] for f in whole} <= {f[:2] for f in found}
    for start, end, entry in found:
        assert text[start:end].replace("\u200b", "").lower().translate({0xFF43: "c", 0xFF41: "a", 0xFF54: "t"}) == entry


def test_hostile_expressions_and_texts_take_linear_time() -> None:
    step = Policy(patterns=("(a+)+$", "(a|aa)+b", "(?:x?){50}x{50}"), words=("가 " * 20 + "나", "a b c"), mode="mask")
    rows = records([{"text": "a" * 100_000 + "!"}, {"text": "x" * 50_000}, {"text": "가 " * 50_000}, {"text": "a b " * 30_000}])
    assert step.edit(rows).height == 4


def test_an_expression_that_grows_without_bound_is_refused_in_words() -> None:
    with pytest.raises(RecipeError, match=r"patterns\.0"):
        Policy(patterns=(r"(?:(?:\w{100}){100}){100}",))


def test_a_list_is_read_with_its_remarks_and_enters_the_key(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("\ufeff# 금지\n하나\n\nre:[0-9]+호\n", encoding="utf-8")
    lists = read((), (), (str(path),), True)
    assert lists.words == ("하나",) and lists.patterns == ("[0-9]+호",)
    step = read_step("guard.policy", {"lists": [str(path)]})
    before = step.key
    path.write_text("둘\n", encoding="utf-8")
    assert step.key != before
    path.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(RecipeError, match="UTF-8"):
        read((), (), (str(path),), True)


def test_rows_are_dropped_by_the_filter_that_the_message_names() -> None:
    rows = Policy(words=("금지",)).edit(records([{"text": "금지!"}, {"text": "좋아요"}]))
    why = read_step("filter.threshold", {"column": "policy_hits", "max": 0}).why(rows)  # type: ignore[attr-defined]
    assert why["reason"].to_list() == ["policy_hits_above", None]


def test_mode_drop_names_the_line_that_drops() -> None:
    with pytest.raises(RecipeError, match=r"filter\.threshold: \{column: policy_hits, max: 0\}"):
        Policy(words=("금지",), mode="drop")


def test_from_the_command_line_rows_with_an_entry_go_and_the_ledger_says_how_many(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "words.txt").write_text("금지어\nre:PRJ-[0-9]{4}\n", encoding="utf-8")
    (tmp_path / "in.jsonl").write_text('{"text": "금지어를 쓰고 PRJ-1234도"}\n{"text": "좋아요"}\n{"text": "I like it"}\n{"text": "see PRJ-0001"}\n', encoding="utf-8")
    sets = [f"guard.policy.lists=[{tmp_path / 'words.txt'}]", "filter.threshold.column=policy_hits", "filter.threshold.max=0"]
    args = ["apply", "guard.policy", "filter.threshold", str(tmp_path / "in.jsonl"), "-o", str(tmp_path / "out.jsonl")]
    assert cli.main([*args, *(a for told in sets for a in ("--set", told))]) == 0
    assert [json.loads(line)["text"] for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()] == ["좋아요", "I like it"]
    ledger = pl.read_parquet(tmp_path / "out.jsonl.ledger.parquet").filter(pl.col("state") == "dropped").sort("place")
    assert ledger.select("reason", "value", "threshold").rows() == [("policy_hits_above", 2.0, 0.0), ("policy_hits_above", 1.0, 0.0)]
    assert Words("ko").reason("policy_hits_above") != "policy_hits_above"


def test_ten_thousand_entries() -> None:
    words = tuple(f"낱말{i}번" for i in range(10_000))
    out = Policy(words=words).edit(records([{"text": f"낱말{i}번은 {i}"} for i in range(0, 300, 3)]))
    assert out["policy_hits"].to_list() == [1] * 100 and isinstance(out["policy"], pl.Series) and out["policy"][1] == "낱말3번"
