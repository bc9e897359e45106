"""annotate.quality and filter.quality: every measure against a slow obvious twin, planted faults, clean Korean kept, a set on the wrong
language refused, the classifier against what is known of it."""

from __future__ import annotations

import gzip
import json
import random
import re
import unicodedata
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dirt_annotate as dirt
from dadeum import run
from dadeum.errors import RecipeError
from dadeum.recipe import compose
from dadeum.record import records
from dadeum.steps.annotate import _linear, _lines, _measures
from dadeum.steps.annotate._rules import SETS, columns
from dadeum.steps.annotate.quality import Quality
from dadeum.steps.filter import quality as filters
from promises import texts

DATA = Path(__file__).parent.parent.parent / "shared/data"
NLI = DATA / "klue_nli/klue-nli-v1.1_dev.json.gz"


# Measures against slow twins.


def space(c: str) -> bool:
    return c.isspace()


def slow(text: str) -> dict[str, float]:
    """What `words` and `lines` say of one text, a loop at a time."""
    words = [w for w in re.split("|".join(map(re.escape, {c for c in text if space(c)})), text) if w] if any(map(space, text)) else [text] if text else []
    out: dict[str, float] = {"words": len(words), "characters": sum(map(len, words)), "longest_word": max(map(len, words), default=0)}
    out["hashes"] = text.count("#")
    out["ellipses"] = text.count("…") + len(re.findall(r"\.{3,}", text))
    lower = [[c.lower() if c.isascii() else c for c in w] for w in words]

    def grams(n: int) -> list[tuple[str, ...]]:
        return [tuple("".join(w) for w in lower[i : i + n]) for i in range(len(lower) - n + 1)]

    total = max(1, sum(map(len, words)))
    for n in (2, 3, 4):
        held = {g: sum(map(len, g)) * grams(n).count(g) for g in grams(n) if grams(n).count(g) > 1}
        out[f"top_{n}gram"] = min(1.0, max(held.values(), default=0) / total)
    for n in range(5, 11):
        inside = {k for i, g in enumerate(grams(n)) if g in grams(n)[:i] for k in range(i, i + n)}
        out[f"duplicate_{n}gram"] = sum(len(words[k]) for k in inside) / total
    return out


@given(st.lists(texts | st.lists(st.sampled_from(["the", "The", "cat", "하는", "것은", "...", "#", "…", "sat"]), max_size=30).map(" ".join), max_size=6))
def test_words_and_their_ngrams_are_those_of_the_slow_twin(strings: list[str]) -> None:
    found = _measures.words(pl.Series(strings, dtype=pl.String), "letters", "signs", "grams")
    for i, text in enumerate(strings):
        for name, value in slow(text).items():
            assert found[name][i] == pytest.approx(value), (name, text)


@given(st.lists(texts, max_size=6))
def test_shares_are_those_of_the_slow_twin(strings: list[str]) -> None:
    found = _measures.words(pl.Series(strings, dtype=pl.String), "shares")
    for i, text in enumerate(strings):
        visible = [c for c in text if not space(c)]
        runs = sum(len(m.group()) for m in re.finditer(r"(.)\1{3,}", text, re.DOTALL) if not space(m.group()[0]))
        assert found["visible"][i] == len(visible)
        assert found["in_runs"][i] == runs
        assert found["jamo"][i] == sum("\u3131" <= c <= "\u3163" for c in text)


@given(st.lists(texts | st.lists(st.sampled_from(["the", "The", "여행은", "of", "漢字", "ㅋㅋ", "3kg", "x=1", "have", "가a", "."]), max_size=12).map(" ".join), max_size=6))
def test_runs_are_those_of_the_slow_twin(strings: list[str]) -> None:
    found = _measures.words(pl.Series(strings, dtype=pl.String), "letters", "runs", "stops_en", "stops_ko")
    for i, text in enumerate(strings):
        letters = "".join(c if unicodedata.category(c)[0] in "LM" and not space(c) else " " for c in text).split(" ")
        runs = [r for r in letters if r]
        small = ["".join(c.lower() if c.isascii() else c for c in r) for r in runs]
        assert found["runs"][i] == len(runs) and found["run_letters"][i] == sum(map(len, runs)) and found["longest_run"][i] == max(map(len, runs), default=0)
        assert found["stops_en"][i] == len(set(small) & set(_measures.STOPS_EN))
        assert found["stops_ko"][i] == len({r[-1] for r in runs if "가" <= r[0] <= "힣"} & set(_measures.STOPS_KO))
        words = "".join(c if not space(c) else " " for c in text).split(" ")
        assert found["alphabetic"][i] == sum(any(unicodedata.category(c)[0] in "LM" for c in w) for w in words)


@given(st.lists(st.lists(st.sampled_from(["- 하나", "The end.", "짧다", "", "  ", "Use cookies now please.", "one two three!", "끝...", "x" * 31]), max_size=8).map("\n".join), max_size=5))
def test_lines_are_those_of_the_slow_twin(strings: list[str]) -> None:
    found = _lines.lines(pl.Series(strings, dtype=pl.String))
    for i, text in enumerate(strings):
        lines = [line.strip() for line in text.split("\n") if line.strip()]
        n = max(1, len(lines))
        row = found.row(i, named=True)
        assert row["lines"] == len(lines) and row["newlines"] == text.count("\n")
        assert row["short_lines"] == pytest.approx(sum(len(line) <= 30 for line in lines) / n)
        assert row["bullet_lines"] == pytest.approx(sum(line[0] == "-" for line in lines) / n)
        assert row["ellipsis_lines"] == pytest.approx(sum(line.endswith("...") for line in lines) / n)
        assert row["ends"] == pytest.approx(sum(line[-1] in ".!" for line in lines) / n)
        again = [line for k, line in enumerate(lines) if line in lines[:k]]
        assert row["duplicate_lines"] == pytest.approx(len(again) / n)
        assert row["duplicate_line_characters"] == pytest.approx(sum(map(len, again)) / max(1, sum(map(len, lines))))
        kept = [line for line in lines if line[-1] in ".!" and not line.endswith("...") and len(line.split()) >= 3 and "ookies" not in line]
        assert row["lines_kept"] == pytest.approx(len(kept) / n) and row["sentences"] == len(kept)


# What the sets do with clean and broken text.


def judged(rows: list[dict[str, object]], rules: str) -> pl.Series:
    out = Quality(rules=rules).edit(records(rows))  # type: ignore[arg-type]
    return filters.Quality(rules=rules).why(out)["reason"]  # type: ignore[arg-type]


@pytest.mark.parametrize("language", ["ko", "en"])
def test_planted_faults_are_seen_by_their_own_rule(language: str) -> None:
    rows = list(dirt.broken(language, random.Random(3)))
    found = judged([{"text": t.text} for t in rows], "finetune").to_list()
    missed = [(t.kind, t.truth, t.text[:40]) for t, reason in zip(rows, found) if reason is None]
    assert len(rows) >= 72 and not missed
    assert sum(reason == f"finetune_{t.kind}" for t, reason in zip(rows, found)) >= 0.8 * len(rows)


@pytest.mark.parametrize("language", dirt.SENTENCES)
def test_sound_records_stay(language: str) -> None:
    found = judged([{"text": t} for t in dirt.sound(language, random.Random(5))], "finetune")
    assert found.null_count() == len(found) == 48


def test_a_bad_answer_does_not_hide_behind_a_good_question() -> None:
    good, bad = dirt.SENTENCES["ko"][0], "배송이생각보다빨라서정말좋았습니다그래서다시주문하려고합니다"
    chat = [{"messages": [{"role": "user", "content": " ".join(dirt.SENTENCES["ko"])}, {"role": "assistant", "content": a}]} for a in (good, bad)]
    assert judged(chat, "finetune").to_list() == [None, "finetune_longest_run"]


LAWFUL = {
    "addresses": "Here are some answers:\n1. https://example.com/questions/5767325/how-to-remove-item-from-array-by-value\n2. https://example.com/a/b/remove-a-particular-element-from-an-array",
    "tags": '<?xml version="1.0"?>\n<InterestRateSwaps>\n  <SwapType>고정</SwapType>\n  <CounterpartyIdentification scheme="local">x</CounterpartyIdentification>\n</InterestRateSwaps>',
    "latex": "\\documentclass{article}\n\\tableofcontents\n\\section{Introduction}\n\\subsection{Background}\n\\subsection{Purpose}\n\\section{Methods}",
    "list, en": "-Vegetables: carrots, celery, broccoli, spinach, kale, tomatoes, peppers, onions, garlic\n-Fruit: apples, bananas, oranges, pears, grapes, berries\n-Protein: chicken, fish, tofu, eggs",
    "list, ko": "- 채소: 당근, 셀러리, 브로콜리, 시금치, 케일, 토마토, 피망, 양파, 마늘\n- 과일: 사과, 바나나, 귤, 배, 포도, 딸기\n- 단백질: 닭고기, 생선, 두부, 달걀",
    "table": "| 날짜 | 경기 | 점수 |\n|------------|------------|------------|\n| 3일 | 홈 | 3:1 |\n| 9일 | 원정 | 0:2 |",
    "drawn lines": "-" * 80 + "\n고객 지원 대화 기록\n" + "=" * 80,
    "formula": "2x - 3y = 4, 3x + y = 17, so x = 5, y = 2 and z = 0",
    "expression": r"^[0-9].*\s$",
}


@pytest.mark.parametrize("kind", LAWFUL)
def test_what_is_no_prose_is_not_held_to_its_rules(kind: str) -> None:
    """Of 150 sound answers of a model 14 left, of 175 tasks written by hand 6, of 1,217 finance records 200, by words that were addresses, tags and lists."""
    assert judged([{"text": LAWFUL[kind]}], "finetune").to_list() == [None]


@pytest.mark.skipif(not (DATA / "self_instruct").is_dir(), reason=f"{DATA}/self_instruct is not there")
def test_no_task_written_by_hand_is_dropped() -> None:
    tasks = [json.loads(line) for line in (DATA / "self_instruct/seed_tasks.jsonl").read_text(encoding="utf-8").splitlines()]
    chats = [[("user", f"{t['instruction']}\n{i['input']}"), ("assistant", i["output"])] for t in tasks for i in t["instances"]]
    assert len(chats) >= 175
    assert judged([{"messages": [{"role": role, "content": said} for role, said in chat]} for chat in chats], "finetune").null_count() == len(chats)


@pytest.mark.skipif(not NLI.exists(), reason=f"{NLI} is not there")
def test_none_of_83_clean_korean_documents_is_dropped_by_the_korean_rules() -> None:
    """A peer keeps 0 of 83 by its English rules, and 0 of 83 when it is told that they are Korean."""
    with gzip.open(NLI, "rt", encoding="utf-8") as file:
        premises = list(dict.fromkeys(row["premise"] for row in json.load(file)))
    rows = [{"text": t} for t in dirt.documents(premises)]
    assert len(rows) == 83
    assert judged(rows, "fineweb2_ko").null_count() == 83
    assert judged(rows, "finetune").null_count() == 83
    assert judged(rows, "gopher").null_count() == 0
    out = Quality(rules="gopher").edit(records(rows))
    assert "would drop 100% of the Korean rows (83 of 83" in str(filters.Quality(rules="gopher").unfit(out)[0])


def recipe(path: Path, **params: object) -> dict[str, object]:
    rules = params.get("rules", "gopher")
    return {"name": "x", "sources": [{"path": str(path)}], "steps": [{"annotate.quality": {"rules": rules}}, {"filter.quality": params}]}


def test_an_english_set_on_korean_rows_is_refused_by_plan_and_run_with_the_share(tmp_path: Path) -> None:
    rows = [" ".join(dirt.SENTENCES["ko"]) * 4] * 9 + [" ".join(dirt.SENTENCES["en"]) * 4]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps({"text": t}, ensure_ascii=False) + "\n" for t in rows))
    made = compose(recipe(tmp_path / "in.jsonl", rules="gopher"))
    for refused in (lambda: run.plan(made, tmp_path / "out"), lambda: run.data(made, tmp_path / "out")):
        with pytest.raises(RecipeError, match=r"steps\.1\.filter\.quality\.rules: gopher was made for English and would drop 100% of the Korean rows \(9 of 9"):
            refused()
    for fine in (recipe(tmp_path / "in.jsonl", rules="gopher", profiles=["en"]), recipe(tmp_path / "in.jsonl", rules="finetune")):
        assert run.plan(compose(fine), tmp_path / "out")["stages"]


def test_limits_move_without_measuring_again_and_the_curve_says_what_they_drop() -> None:
    rng = random.Random(7)
    rows = Quality(rules="gopher").edit(records([{"text": " ".join(rng.choices(["the", "cat", "sat", "and", "ran", "with", "12", "3"], k=rng.randint(5, 90)))} for _ in range(200)]))
    off = {rule.name: None for rule in SETS["gopher"] if rule.name != "words"}
    shares = filters.curve(rows["gopher_words"], "low")
    for threshold, share in shares.rows():
        why = filters.Quality(rules="gopher", limits={**off, "words": (threshold, None)}).why(rows)
        assert why["reason"].is_not_null().mean() == pytest.approx(share)
    assert shares["share"].is_sorted() and len(shares) > 20
    high = filters.curve(rows["gopher_words"], "high")
    assert high["share"][-1] == 0 and high["share"].is_sorted(descending=True)


def test_columns_are_named_after_set_and_rule() -> None:
    for rules in SETS:
        out = Quality(rules=rules).edit(records([{"text": "한 줄"}, {"text": None}]))  # type: ignore[arg-type]
        assert tuple(c for c in out.columns if c.startswith(f"{rules}_")) == columns(rules)  # type: ignore[arg-type]
        assert out.select(columns(rules))[1].row(0) == (None,) * len(columns(rules))  # type: ignore[arg-type]


# The classifier.


def test_auc_is_the_share_of_pairs_in_order() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        good, other = rng.integers(0, 6, rng.integers(2, 30)).astype(float), rng.integers(0, 6, rng.integers(2, 30)).astype(float)
        value, low, high = _linear.auc(good, other)
        assert value == pytest.approx(np.mean([(g > o) + 0.5 * (g == o) for g in good for o in other]))
        assert 0 <= low <= value <= high <= 1


def test_the_interval_covers_the_truth() -> None:
    """Two normals one deviation apart: AUC .760. Of 400 samples at least 93 % hold it."""
    rng = np.random.default_rng(2)
    held = sum(low <= 0.7602 <= high for _, low, high in (_linear.auc(rng.normal(1, 1, 60), rng.normal(0, 1, 80)) for _ in range(400)))
    assert held >= 0.93 * 400


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("noise, least", [(0.0, 0.98), (0.2, 0.7)])
def test_it_learns_what_can_be_learnt(language: str, noise: float, least: float) -> None:
    rows = list(dirt.rated(language, 200, noise, random.Random(9)))
    made = _linear.fit(pl.Series([t.text for t in rows]), pl.Series([t.truth == "good" for t in rows]))
    assert made.held_out["auc"] >= least and made.held_out["rows"] == 200


def test_of_labels_that_mean_nothing_it_says_so() -> None:
    rng = random.Random(4)
    rows = list(dirt.rated("ko", 300, 0.0, rng))
    held = _linear.fit(pl.Series([t.text for t in rows]), pl.Series([rng.random() < 0.5 for _ in rows])).held_out
    assert held["low"] < 0.5 < held["high"]


def test_neither_order_nor_company_changes_a_score() -> None:
    rows = list(dirt.rated("en", 60, 0.1, random.Random(8)))
    texts_, good = pl.Series([t.text for t in rows]), pl.Series([t.truth == "good" for t in rows])
    one, again, other = _linear.fit(texts_, good), _linear.fit(texts_, good), _linear.fit(texts_.reverse(), good.reverse())
    assert np.array_equal(one.weights, again.weights)
    assert np.allclose(one.weights, other.weights, atol=1e-4)
    whole = one.score(texts_)
    assert whole.to_list() == [one.score(texts_[i : i + 1])[0] for i in range(60)]


def test_the_optimum_is_the_slow_one() -> None:
    """Plain gradient descent on the same loss, for long enough, ends where Newton's method does."""
    rng = np.random.default_rng(3)
    dense = (rng.random((30, 6)) < 0.5) * rng.random((30, 6))
    y = (rng.random(30) < 0.4).astype(float)
    at = np.nonzero(dense)
    x = _linear.Sparse(np.searchsorted(at[0], np.arange(31)), at[1].astype(np.int64), dense[at])
    weights, bias = _linear._newton(x, y)
    share = np.where(y == 1, 0.5 / y.mean(), 0.5 / (1 - y.mean()))
    w, b = np.zeros(6), 0.0
    for _ in range(20_000):
        r = share * (1 / (1 + np.exp(-(dense @ w + b))) - y)
        w, b = w - 0.02 * (dense.T @ r + _linear.PENALTY * w), b - 0.02 * r.sum()
    assert np.allclose(weights[:6], w, atol=1e-3) and bias == pytest.approx(b, abs=1e-3)


def test_labels_may_stand_in_any_field_of_rows_in_any_shape(tmp_path: Path) -> None:
    rows = list(dirt.rated("ko", 60, 0.0, random.Random(2)))
    made = {"good": "5", "bad": "1"}
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"text": t.text, "stars": int(made[t.truth])}) + "\n" for t in rows))
    chats = ({"messages": [{"role": "user", "content": t.text}], "stars": made[t.truth]} for t in rows)
    (tmp_path / "b.jsonl").write_text("".join(json.dumps(row) + "\n" for row in chats))
    steps = [Quality(rules=None, labels=(str(tmp_path / name),), label="stars", good=("5",)) for name in ("a.jsonl", "b.jsonl")]
    held = [s.held_out() for s in steps]
    assert held[0] == held[1] and held[0]["auc"] > 0.98 and held[0]["good"] == 30
    scores = steps[0].edit(records([{"text": "자세한 설명이 도움이 되었습니다"}, {"text": "몰라 귀찮아"}, {"text": None}]))["quality"].to_list()
    assert scores[0] > 0.5 > scores[1] and scores[2] is None
    with pytest.raises(RecipeError, match="60 good rows and 0 others"):
        Quality(rules=None, labels=(str(tmp_path / "a.jsonl"),), label="stars", good=("5", "1")).held_out()
