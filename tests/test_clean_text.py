"""Markdown, frames, runs, missing values and terms: the parts that can be wrong unseen, against slow twins and real text."""

from __future__ import annotations

import csv
import gzip
import itertools
import json
import re
import unicodedata
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dadeum.errors import RecipeError
from dadeum.recipe import read_step
from dadeum.record import records
from dadeum.step import Edit
from dadeum.steps.clean import _frame, _kiwi, _noise, _terms
from dadeum.steps.clean._spacing import runs, spaced

DATA = Path(__file__).parent.parent.parent / "shared/data"
here = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is absent")


def edited(step: str, texts: list[str], **params: object) -> list[str]:
    made = read_step(step, params, step)
    assert isinstance(made, Edit)
    return made.edit(records([{"text": text} for text in texts]))["text"].to_list()


def lines(path: str, field: str) -> list[str]:
    with gzip.open(DATA / path, "rt", encoding="utf-8") as file:
        return [json.loads(line)[field] for line in file]


@here
def test_a_book_in_markdown() -> None:
    """51 chapters: headings and emphasis are gone, every fenced block is the same."""
    fence = re.compile(r"^```[^\n]*\n.*?^```$", re.MULTILINE | re.DOTALL)
    texts = [t for t in lines("html_ko_rustbook/markdown_second-edition.jsonl.gz", _markdown_field()) if t]
    out = edited("clean.markdown", texts, profile="ko")
    blocks = sum(len(fence.findall(t)) for t in texts)
    assert blocks > 300
    assert [fence.findall(t) for t in texts] == [fence.findall(t) for t in out]
    prose = "\n".join(fence.sub("", t) for t in out)
    before = "\n".join(fence.sub("", t) for t in texts)
    assert len(re.findall(r"^#{1,4} ", before, re.M)) > 200
    assert len(re.findall(r"^#{1,4} ", prose, re.M)) == 0
    assert len(re.findall(r"\]\(", prose)) < 0.05 * len(re.findall(r"\]\(", before))


def _markdown_field() -> str:
    with gzip.open(DATA / "html_ko_rustbook/markdown_second-edition.jsonl.gz", "rt", encoding="utf-8") as file:
        return next(k for k, v in json.loads(file.readline()).items() if isinstance(v, str) and "\n" in v)


@here
def test_frames_are_not_found_in_sentences() -> None:
    """KLUE's news and reviews, two by two as the lines of a text: no line is a frame's."""
    rows = json.loads(gzip.decompress((DATA / "klue_nli/klue-nli-v1.1_dev.json.gz").read_bytes()))
    said = list(dict.fromkeys(row["premise"] for row in rows))
    texts = ["\n".join(pair) for pair in zip(said[::2], said[1::2])]
    out = edited("clean.boilerplate", texts)
    assert len(texts) > 400
    assert sum(a != b for a, b in zip(texts, out)) <= 1


def test_every_line_of_a_frame_holds_one_of_its_words() -> None:
    """The guard is made of them: a line that a pattern takes and no word announces would be missed."""
    import dirt_clean as dirt

    for language in ("ko", "en"):
        for kind, known in dirt.BOILERPLATE[language].items():
            for line in known:
                assert re.match(_frame.patterns((kind,)), line), line
                assert any(word in line.lower() for word in _frame.HINTS[kind]), line


def slow_short(text: str, keep: int) -> str:
    """Runs of one jamo, the plain way."""
    out = ""
    for c in text:
        if not ("ㄱ" <= c <= "ㅣ" and out.endswith(c * keep)):
            out += c
    return out


@given(st.lists(st.tuples(st.sampled_from("ㅋㅠㄷ b7"), st.integers(1, 7)), max_size=6), st.integers(2, 4))
def test_runs_of_jamo_against_a_slow_twin(drawn: list[tuple[str, int]], keep: int) -> None:
    text = "".join(c * (n if "ㄱ" <= c <= "ㅣ" else 1) for c, n in drawn)
    twice = any(a != b and a in _noise.LAUGHS and b in _noise.LAUGHS for a, b in itertools.pairwise(text))
    if not twice:  # pairs of them are another rule
        assert _noise.Noise(keep, False)(text) == slow_short(text, keep)


def test_terms_end_as_their_letters_do() -> None:
    for code in range(0xAC00, 0xD7A4):
        c = chr(code)
        final = unicodedata.normalize("NFD", c)[2:]
        assert _terms.final(c) == ("" if not final else "ㄹ" if final == "\u11af" else "ㄱ")
    assert [_terms.final(w) for w in ("3", "2", "GPT", "LLM", "URL", "email", "AI")] == ["ㅁ", "", "", "ㅁ", "ㄹ", None, ""]


def test_particles_go_both_ways() -> None:
    for behind_consonant, behind_vowel in _terms.PARTICLES:
        assert _terms.particle(behind_consonant, "나무") == behind_vowel
        assert _terms.particle(behind_vowel, "산") == behind_consonant
        expected = behind_vowel if behind_vowel.startswith("로") else behind_consonant
        assert _terms.particle(behind_vowel, "길") == expected


@here
def test_spacing_leaves_edited_text_alone() -> None:
    rows = json.loads(gzip.decompress((DATA / "klue_nli/klue-nli-v1.1_dev.json.gz").read_bytes()))
    texts = sorted({row["premise"] for row in rows if row["source"] != "NSMC"} | {row["hypothesis"] for row in rows})
    assert len(texts) > 3000
    changed = [(before.split(), after) for before, after in zip(texts, edited("clean.spacing", texts)) if before != after]
    # What changes are words of guests' reviews that do lack their spaces.
    assert {next(w for w in before if w not in after) for before, after in changed} <= {"더운날씨에완벽했습니다", "훨씬좋은공간이였습니다.", "더티해리만큼이나멋지다"}
    assert len(changed) <= 3


@here
def test_spacing_leaves_articles_questions_and_a_book_alone() -> None:
    """Of 13,500 edited texts one changes: `정산이라고도불리는데` in an article."""
    with gzip.open(DATA / "kobest/BoolQ/train.tsv.gz", "rt", encoding="utf-8", newline="") as file:
        articles = [row["Text"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]
    questions = [row["question"] for row in json.loads(gzip.decompress((DATA / "square/question_valid.json.gz").read_bytes()))]
    book = [json.loads(line)["markdown"] for line in gzip.decompress((DATA / "html_ko_rustbook/markdown_second-edition.jsonl.gz").read_bytes()).splitlines()]
    texts = [*articles, *questions, *book]
    changed = [text for text, after in zip(texts, edited("clean.spacing", texts)) if text != after]
    assert len(texts) > 10_000 and len(changed) == 1 and "정산이라고도불리는데" in changed[0]


def test_words_written_as_one_are_parted_and_names_are_not() -> None:
    pytest.importorskip("kiwipiepy")
    glued = {"영화를보고집에오면 생각이 많아진다": "영화를 보고 집에 오면 생각이 많아진다", "환불은영업일기준3일안에처리됩니다": "환불은 영업일 기준 3일 안에 처리됩니다", "다시 봐도 어떻게해야하는지모르겠어요": "다시 봐도 어떻게 해야 하는지 모르겠어요"}
    assert edited("clean.spacing", list(glued)) == list(glued.values())
    names = ["성폭력범죄의처벌등에관한특례법을 고쳤다", "국민의힘당에서는 말이 없었다", "한국과학기술연구원부설연구소", "걷고싶은거리에서 만나자", "ㅋㅋㅋ대박대박대박대박대박"]
    assert edited("clean.spacing", names) == names


def test_without_the_analyser_right_text_still_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked for only when a run proves the need."""
    monkeypatch.setattr("dadeum.steps.clean._spacing.kiwi", lambda: pytest.fail("asked for"))
    assert spaced("띄어쓰기가 맞는 글은 그대로 둔다", runs(20)) == "띄어쓰기가 맞는 글은 그대로 둔다"
    assert _kiwi.kiwi.__wrapped__


def test_fills_of_columns_that_are_not_there_are_told_at_once() -> None:
    with pytest.raises(RecipeError) as raised:
        read_step("clean.missing", {"columns": ["city"], "rule": "fill", "fill": {"citi": "x", "city": "-"}}, "clean.missing")
    assert len(raised.value.mistakes) == 2


@pytest.mark.parametrize("step", ["mojibake", "markdown", "boilerplate", "noise", "missing", "terms"])
def test_hostile_strings_end(step: str) -> None:
    """Long runs of whatever a pattern repeats: quadratic time would take minutes."""
    n = 5_000
    hostile = [
        "*" * n, "**a" * n, "[" * n, "![a](" * n, "(" * n, "_a" * n, "~~a" * n, "> " * n, "- " * n, "|-|\n" * n, "ㅋㅎ" * n, "ha" * n, "!?" * n, "lo" * n, "a" * n, "a@" * n, "Ã" * n,
        "â€" * n, "ì\x95" * n, "?? " * n, "-- \n" * n, "On " * n, "가 " * n, "ⓒ " * n, "http://" * n, "\n" * n, "`" * n, "$a" * n, "데이터 " * n, "기자 @" * n, "\n기자" * n, "#\n" * n, "쿠키 " * n,
    ]  # fmt: skip
    out = read_step(f"clean.{step}", {}, step).edit(records([{"text": text} for text in hostile]))  # type: ignore[attr-defined]
    assert out.height == len(hostile)
    assert isinstance(out, pl.DataFrame)
