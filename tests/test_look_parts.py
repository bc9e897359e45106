"""`dadeum look`, part by part on planted truth: tokens, labels by slice, annotators, causes of outliers, thresholds, coverage of a target."""

from __future__ import annotations

import math
import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dadeum import cli
from dadeum.errors import RecipeError
from dadeum.evaluate.quantiles import wilson
from dadeum.report import balance, coverage, cuts, files, look, look_page, tokens, votes
from dadeum.report.words import LANGS, Words
from dadeum.steps.annotate.tokens import Tokens
from dirt_annotate import SENTENCES
from test_look import EMAIL, PHONE, lines, looked

DATA = Path(__file__).parent.parent.parent / "shared/data"
CITIES = ("서울", "부산", "대구", "인천", "광주", "대전", "울산", "수원", "창원", "전주")
THINGS = ("우산", "신발", "가방", "모자", "책상", "의자", "컵", "이불", "시계", "화분")
ASKED = [f"{city}에서 산 {thing} 배송이 언제 오는지 알려 주세요" for city in CITIES for thing in THINGS]
ENGLISH = [f"When will the {thing} that I ordered in {city} be delivered to my house" for city in ("Oslo", "Rome", "Lima", "Cairo") for thing in ("coat", "lamp", "desk", "bike", "sofa")]


def asked(path: Path, **more: Any) -> dict[str, Any]:
    made = look.Asked(**more)
    return look.look(path, *files.opened(path, made.sets), made)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer that makes a token of every word."""
    made = pytest.importorskip("tokenizers")
    path = tmp_path_factory.mktemp("words") / "tokenizer.json"
    words = made.Tokenizer(made.models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    words.pre_tokenizer = made.pre_tokenizers.WhitespaceSplit()
    words.save(str(path))
    return path


# tokens


def test_tokens_are_counted_by_record_role_and_language(tmp_path: Path, tokenizer: Path) -> None:
    rows = [{"messages": [{"role": "user", "content": "하나 둘 셋"}, {"role": "assistant", "content": "네 다섯"}]}] * 3
    rows += [{"messages": [{"role": "user", "content": "one two three four"}, {"role": "assistant", "content": None}]}]
    told = asked(lines(tmp_path / "a.jsonl", rows), tokenizer=str(tokenizer))["tokens"]
    assert (told["how"], told["total"], told["low"], told["high"], told["of"]) == ("counted", 19, 19, 19, 4)
    assert {part: (found["n"], found["total"]) for part, found in told["lengths"].items()} == {"record": (4, 19), "user": (4, 13), "assistant": (3, 6)}
    language = {line["language"]: line for line in told["languages"]}
    assert language["ko"]["per_word"] == language["en"]["per_word"] == 1.0
    assert language["ko"]["per_character"] == pytest.approx(15 / (3 * len("하나 둘 셋\n네 다섯")))


def test_the_sum_of_a_sample_of_tokens_holds_the_truth(tokenizer: Path) -> None:
    draw = random.Random(5)
    found, sizes = tokens.Tokens(str(tokenizer), most=400), [draw.randint(0, 30) for _ in range(4000)]
    for start in range(0, 4000, 300):
        part = sizes[start : start + 300]
        rows = files_of([" ".join(["말"] * n) for n in part], start)
        kinds = pl.Series("profile", ["ko"] * len(part))
        found.add(rows, {}, kinds, rows.get_column("text").str.len_chars(), [])
    told = found.tell()
    assert told is not None and 200 <= told["looked_at"] <= 400 and told["of"] == 4000
    assert told["low"] <= sum(sizes) <= told["high"] and told["high"] - told["low"] < 0.4 * sum(sizes)
    assert told["lengths"]["record"]["n"] == told["looked_at"]


def files_of(texts: list[str], start: int = 0) -> pl.DataFrame:
    from dadeum.record import records

    return records({"text": text, "row": start + i} for i, text in enumerate(texts))


def test_without_a_tokenizer_tokens_are_an_estimate_that_says_how_far_off_it_may_be(tmp_path: Path) -> None:
    rows = [{"text": "가" * 100}] * 2 + [{"text": "plain English words " * 5}]
    told = looked(lines(tmp_path / "a.jsonl", rows))["tokens"]
    assert told["how"] == "estimated" and told["low"] < told["total"] < told["high"]
    ko, en = tokens.RATES["ko"], tokens.RATES["en"]
    assert (told["low"], told["high"]) == (round(200 * ko[0] + 100 * en[0]), round(200 * ko[2] + 100 * en[2]))
    assert told["lengths"]["record"]["max"] == math.ceil(100 * ko[1])
    for lang in LANGS:
        assert f"{told['high']:,}" in look_page.render(looked(tmp_path / "a.jsonl"), lang)


def test_tokens_that_a_step_counted_are_taken_and_a_field_that_is_only_called_so_is_not(tmp_path: Path, tokenizer: Path) -> None:
    made = Tokens(tokenizer=str(tokenizer)).edit(files_of(["하나 둘", "셋"])).select("text", "tokens", "tokens_per_character", "tokens_per_word", "tokens_per_byte")
    told = looked(lines(tmp_path / "a.jsonl", made.to_dicts()))["tokens"]
    assert (told["how"], told["total"]) == ("given", 3) and told["languages"][0]["per_word"] == 1.0
    assert looked(lines(tmp_path / "b.jsonl", [{"text": "하나 둘", "tokens": 999, "language": EMAIL}]))["tokens"]["how"] == "estimated"


def test_an_unknown_tokenizer_is_a_mistake_of_the_user(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = lines(tmp_path / "a.jsonl", [{"text": "하나"}])
    assert cli.main(["look", str(path), "--json", "--tokenizer", str(tmp_path / "no/tokenizer.json")]) == 2
    assert "tokenizer" in capsys.readouterr().err


# labels by slice


def test_a_label_that_stands_in_one_file_alone_is_told_of(tmp_path: Path) -> None:
    for name, label in (("a", "긍정"), ("b", "부정")):
        lines(tmp_path / f"{name}.jsonl", [{"text": f"{name} {ASKED[i]}", "label": label if i % 20 else "부정"} for i in range(100)])
    told = looked(tmp_path)
    source = next(one for one in told["balance"] if one["by"] == "source")
    assert [(part["value"], part["n"], part["shares"]) for part in source["slices"]] == [("a.jsonl", 100, [0.05, 0.95]), ("b.jsonl", 100, [1.0, 0.0])]
    assert source["labels"] == ["부정", "긍정"] and source["v"] > 0.9
    apart = source["apart"]
    assert (apart["label"], apart["share"], apart["whole"]) in [("부정", 1.0, 0.525), ("긍정", 0.95, 0.475), ("부정", 0.05, 0.525), ("긍정", 0.0, 0.475)]
    assert apart["rows"] or not apart["share"]
    assert Words("ko")("look.by.source") in look_page.render(told, "ko")


def test_labels_that_chance_spread_stand_out_nowhere() -> None:
    draw, wrong = random.Random(1), 0
    for _ in range(200):
        found = balance.Balance()
        labels = pl.Series([draw.choice("ab") for _ in range(300)])
        found.add(labels, {"source": pl.Series([draw.choice("xyz") for _ in range(300)])}, pl.Series(range(300), dtype=pl.UInt64))
        wrong += any(one["apart"] for one in found.tell())
    assert wrong <= 20, "the intervals hold in 95 of 100 looks, all cells together"


@given(st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from("abc")), min_size=2, max_size=60))
def test_cramer_is_that_of_the_textbook(cells: list[tuple[str, str]]) -> None:
    slices = [Counter(label for part, label in cells if part == name) for name in sorted({part for part, _ in cells})]
    labels = sorted({label for _, label in cells})
    n = len(cells)
    expected = [[s.total() * sum(t[label] for t in slices) / n for label in labels] for s in slices]
    chi = sum((s[label] - e) ** 2 / e for s, row in zip(slices, expected) for label, e in zip(labels, row))
    r, c = len(slices), len(labels)
    told = balance.cramer(slices)
    if min(r, c) < 2:
        assert told is None
        return
    phi = max(0.0, chi / n - (r - 1) * (c - 1) / (n - 1))
    least = min(r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)) - 1
    if least > 1e-9:
        assert told == pytest.approx(min(1.0, math.sqrt(phi / least)), abs=1e-5)


def test_five_thousand_labels_and_a_thousand_sources_are_no_table(tmp_path: Path) -> None:
    rows = [{"text": ASKED[i % 100] + str(i), "label": f"라벨{i}", "source": f"출처{i % 1000}", "annotator": f"a{i % 7}"} for i in range(5000)]
    told = looked(lines(tmp_path / "a.jsonl", rows))
    assert told["labels"]["many"] and told["balance"] == [] and told["votes"] is None
    source = next(one for one in told["slices"] if one["kind"] == "source")
    assert len(source["values"]) + source["more"] == 1000
    for lang in LANGS:
        assert len(look_page.render(told, lang)) < 600_000


@pytest.mark.parametrize("order", ["year", "day"])
def test_dates_with_short_years_are_read_where_the_year_is_seen_to_come_first(tmp_path: Path, order: str) -> None:
    days = [(13 + i % 3, i % 12 + 1, i % 31 + 1) for i in range(400)]
    rows = [{"text": f"글 {i}", "date": f"{y:02}.{m:02}.{d:02}" if order == "year" else f"{d:02}.{m:02}.{y:02}"} for i, (y, m, d) in enumerate(days)]
    slices = looked(lines(tmp_path / "a.jsonl", rows))["slices"]
    if order == "day":
        assert slices == []
        return
    [time] = slices
    assert (time["kind"], time["short"], time["undated"]) == ("time", True, 0)
    assert {v["value"]: v["n"] for v in time["values"]} == dict(Counter(f"20{y}-{m:02}" for y, m, _ in days))


# annotators


def test_votes_in_columns_in_lists_and_a_row_each_agree_alike(tmp_path: Path) -> None:
    draw = random.Random(2)
    truth = [draw.choice(["예", "아니요"]) for _ in range(60)]
    said = [[t if draw.random() < (0.95, 0.9, 0.3)[who] else {"예": "아니요", "아니요": "예"}[t] for who in range(3)] for t in truth]
    columns = [{"text": ASKED[i], **{f"label{who + 1}": v for who, v in enumerate(found)}} for i, found in enumerate(said)]
    lists = [{"text": ASKED[i], "annotations": [{"workerID": f"w{who}", "vote": v} for who, v in enumerate(found)]} for i, found in enumerate(said)]
    each = [{"text": ASKED[i], "label": v, "worker_id": f"w{who}"} for i, found in enumerate(said) for who, v in enumerate(found)]
    told = [looked(lines(tmp_path / f"{i}.jsonl", rows))["votes"] for i, rows in enumerate((columns, lists, each))]
    assert [t["how"] for t in told] == ["columns", "lists", "rows"]
    assert {t["alpha"] for t in told} == {told[0]["alpha"]} and {(t["items"], t["votes"]) for t in told} == {(60, 180)}
    assert all(t["by"][0]["annotator"] in ("w2", "label3") and t["by"][0]["why"] == ["disagrees"] for t in told), "who disagrees comes first"
    html = look_page.render(looked(tmp_path / "2.jsonl"), "en")
    assert Words("en")("look.annotators.why.disagrees") in html and Words("en")("look.glance.annotators", n=1) in html


def test_fields_that_are_numbered_and_hold_no_votes_are_left_alone(tmp_path: Path) -> None:
    rows = [{"text": ASKED[i], "label1": f"자유로운 글 {i}", "label2": f"다른 글 {i}", "column_1": "a", "column_2": "b"} for i in range(50)]
    assert looked(lines(tmp_path / "a.jsonl", rows))["votes"] is None
    assert votes.NUMBERED.search("sentence1") is None and votes.ANNOTATOR.search("author") is None


def test_an_annotator_who_is_called_by_an_address_is_not(tmp_path: Path) -> None:
    rows = [{"text": ASKED[i % 30], "label": "가나"[i % 2], "annotator": (EMAIL, PHONE, "c")[i // 30]} for i in range(90)]
    told = looked(lines(tmp_path / "a.jsonl", rows))
    shown = orjson.dumps(told).decode() + look_page.render(told, "ko")
    assert told["votes"] and EMAIL not in shown and PHONE not in shown


def test_klue_s_annotators() -> None:
    path = DATA / "klue_nli/klue-nli-v1.1_dev.json.gz"
    if not path.exists():
        pytest.skip("../shared/data is absent: no real votes to look at")
    told = looked(path)["votes"]
    assert (told["how"], told["items"], told["votes"]) == ("columns", 3000, 12000) and 0.78 < told["alpha"] < 0.84


# outliers


def test_outliers_are_told_with_their_cause(tmp_path: Path) -> None:
    bad = {
        "broken_encoding": "ìš°ì‚° ë°°ì†¡ì´ ì–¸ì œ ì˜¤ë‚˜ìš” ì•Œë ¤ ì£¼ì„¸ìš” ê°ì‚¬í•©ë‹ˆë‹¤",
        "too_long": " ".join([*SENTENCES["ko"], *SENTENCES["ko"][:3]]),
        "digits": "17 2093 55 8123 9 44 10 7 3321 90 배송",
        "other_topic": "은하수 한복판에 초대질량 블랙홀이 숨어 회전하며 항성 궤도와 성간 먼지를 뒤흔든다고 천문학자들은 추정한다",
    }
    told = looked(lines(tmp_path / "a.jsonl", [{"text": text} for text in [*ASKED, *bad.values()]]))
    found = {one["cause"]: [r["place"].rpartition(":")[2] for r in one["rows"]] for one in told["outliers"]}
    for i, cause in enumerate(bad):
        assert str(101 + i) in found.get(cause, []), f"{cause}: {found}"
    assert sum(one["n"] for one in told["outliers"]) == len(bad)


def test_what_a_check_found_deep_in_a_text_is_seen(tmp_path: Path) -> None:
    deep = " ".join(f"{i}번째 문장은 서로 다른 말을 합니다." for i in range(60))
    rows = [{"text": f"{deep} 연락처 {PHONE} {deep}"}, {"text": f"{deep} <br/>줄 {deep}"}, {"messages": [{"role": "user", "content": "왜 그런지 알려 주세요."}, {"role": "assistant", "content": deep + " 그래서 우리는"}]}]
    told = looked(lines(tmp_path / "a.jsonl", rows))
    shown = {c["check"]: c["rows"] for q in told["qualities"].values() for c in q["checks"] if c["n"]}
    assert "[PHONE]" in shown["personal"][0]["text"] and "<br/>" in shown["markup"][0]["text"]
    assert shown["cut_off"][0]["text"].endswith("그래서 우리는")
    assert all(len(row["text"]) < 300 for rows in shown.values() for row in rows)


# thresholds


@given(st.lists(st.one_of(st.none(), st.integers(0, 30)), min_size=1, max_size=200))
def test_the_strictest_limit_is_that_of_counting(values: list[int | None]) -> None:
    column = pl.Series(values, dtype=pl.Float64)
    known = sorted({v for v in values if v is not None})
    for side in ("low", "high"):
        told = dict(map(tuple, cuts._curve(column, side)["at_most"]))
        for most, threshold in told.items():
            good = [v for v in known if sum(w is not None and (w < v if side == "low" else w > v) for w in values) <= most * len(values)]
            assert threshold == ((max if side == "low" else min)(good) if good else None)


def test_rules_and_scores_are_shown_with_what_they_would_drop(tmp_path: Path) -> None:
    rows = [{"text": ASKED[i % 100], "toxicity": i / 200, "rating": i % 3, "id_number": i} for i in range(200)] + [{"text": "ㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋ 하", "toxicity": None}] * 10
    told = looked(lines(tmp_path / "a.jsonl", rows))
    jamo = next(line for line in told["rules"] if line["rule"] == "jamo")
    assert (jamo["drops"], jamo["n"], jamo["low"]) == (10, 210, wilson(10, 210)[0]) and len(jamo["rows"]) == 1, "the same text stands once"
    [toxicity] = told["numbers"]
    assert (toxicity["column"], toxicity["missing"]) == ("toxicity", 10)
    assert dict(map(tuple, toxicity["high"]["at_most"]))[0.05] == pytest.approx(0.945)
    for lang in LANGS:
        assert "toxicity" in look_page.render(told, lang)


# coverage


def test_what_the_target_has_and_the_data_lack_is_told(tmp_path: Path) -> None:
    data = lines(tmp_path / "data.jsonl", [{"text": t} for t in ASKED])
    target = lines(tmp_path / "target.jsonl", [{"text": t.replace("언제", "언제쯤")} for t in ASKED[::3]] + [{"text": t} for t in ENGLISH])
    told = asked(data, target=target)["coverage"]
    n = len(ASKED[::3]) + len(ENGLISH)
    assert told["target"]["of"] == n and told["near"]["n"] == n
    assert told["near"]["covered"] <= len(ASKED[::3]) and all("When" in row["text"] for row in told["far"])
    language = {line["name"]: line["state"] for line in told["gaps"] if line["kind"] == "language"}
    assert language == {"en": "missing", "ko": "there"}
    verbs = {line["name"]: line["state"] for line in told["gaps"] if line["kind"] == "verb"}
    assert verbs.get("알리다") == "there"
    for lang in LANGS:
        assert "data.jsonl" in look_page.render(asked(data, target=target), lang)


@pytest.mark.parametrize("texts", [ASKED, ENGLISH * 3])
def test_data_like_the_target_cover_it(texts: list[str], tmp_path: Path) -> None:
    draw = random.Random(4)
    rows = [{"text": " ".join(draw.sample(t.split(), k=len(t.split()) - 1)) + f" {draw.choice(CITIES)}"} for t in texts for _ in range(6)]
    draw.shuffle(rows)
    told = asked(lines(tmp_path / "d.jsonl", rows[::2]), target=lines(tmp_path / "t.jsonl", rows[1::2]))["coverage"]
    assert told["near"]["share"] > 0.88 and abs(told["like"]["share"] - 0.5) < 0.12
    assert not [line for line in told["gaps"] if line["state"] == "missing"]


def test_nearest_is_that_of_a_loop() -> None:
    draw = np.random.default_rng(0)
    a, b = (draw.standard_normal((n, coverage.DIMENSIONS)).astype(np.float32) for n in (700, 40))
    slow = [max(float(x @ y) for y in b) for x in a]
    assert np.allclose(coverage._nearest(a, b), slow, atol=1e-3)
    own = [max(float(x @ y) for j, y in enumerate(a) if j != i) for i, x in enumerate(a[:50])]
    assert np.allclose(coverage._nearest(a[:50], a, itself=True), own, atol=1e-3)


def test_a_target_that_says_nothing_is_told_of(tmp_path: Path) -> None:
    data = lines(tmp_path / "d.jsonl", [{"text": t} for t in ASKED])
    told = asked(data, target=lines(tmp_path / "t.jsonl", [{"text": ""}]))
    assert told["coverage"]["near"] is None
    for lang in LANGS:
        assert Words(lang)("look.coverage.none") in look_page.render(told, lang)


def test_no_personal_value_of_a_target_is_shown(tmp_path: Path) -> None:
    data = lines(tmp_path / "d.jsonl", [{"text": t, "label": "a"} for t in ASKED])
    target = lines(tmp_path / "t.jsonl", [{"text": f"Please write to {EMAIL} number {i}", "label": PHONE} for i in range(20)])
    told = asked(data, target=target)
    shown = orjson.dumps(told).decode() + look_page.render(told, "en")
    assert EMAIL not in shown and PHONE not in shown and "[EMAIL]" in shown


def test_from_the_command_line(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], tokenizer: Path) -> None:
    data = lines(tmp_path / "d.jsonl", [{"review": t, "stars": "가나"[i % 2]} for i, t in enumerate(ASKED)])
    more = ["--set", "source.fields={text: review, label: stars}", "--tokenizer", str(tokenizer.parent), "--target", str(data)]
    assert cli.main(["look", str(data), "--json", *more]) == 0
    told = orjson.loads(capfdbinary.readouterr().out)
    assert told["labels"]["values"] == [["가", 50], ["나", 50]] and told["tokens"]["how"] == "counted" and told["coverage"]["near"]["covered"] == 100
    assert cli.main(["look", str(data), "--set", "filter.length.min=3"]) == 2 and cli.main(["look", str(data), "--set", "source.feilds={}"]) == 2
    with pytest.raises(RecipeError, match="source"):
        files.opened(data, ["fields={}"])


@pytest.mark.parametrize("text", ["", "a", "가" * 1_000_000, "<script>alert(1)</script>", "\x00\ud7a4‮"])
def test_one_row_of_anything(tmp_path: Path, text: str) -> None:
    path = lines(tmp_path / "one.jsonl", [{"text": text, "label": text[:50]}])
    told = asked(path, target=path)
    for lang in LANGS:
        html = look_page.render(told, lang)
        assert "<script" not in html and len(html) < 300_000


@pytest.mark.parametrize("lang", LANGS)
def test_every_place_where_a_row_speaks_is_escaped_and_masked(tmp_path: Path, lang: str) -> None:
    """Sources, annotators, labels, scores, verbs' objects, tokens' parts, the target's rows and their labels."""
    evil = f"<script>alert(1)</script><img src=x onerror=alert(2)> {EMAIL}"
    rows: list[dict[str, Any]] = [
        {"text": f"{ASKED[i]} {evil}", "label": evil if i % 2 else PHONE, "source": evil if i % 3 else EMAIL, "annotator": (PHONE, evil)[i % 2], f"score {EMAIL}": i / 60} for i in range(60)
    ]
    rows += [{**row, "annotator": EMAIL, "label": "b"} for row in rows[:30]]
    rows += [{"messages": [{"role": evil, "content": evil}, {"role": "user", "content": f"write {evil} please"}, {"role": "assistant", "content": evil}]}] * 8
    path = lines(tmp_path / "a.jsonl", rows)
    told = asked(path, target=path, against=path)
    html = look_page.render(told, lang)
    assert told["votes"] and told["balance"] and told["slices"]
    shown = html + orjson.dumps(told).decode()
    assert EMAIL not in shown and PHONE not in shown and PHONE.replace("-", "") not in shown
    assert "<script" not in html and "<img" not in html and "&lt;script&gt;" in html
