"""`dadeum look`: planted copies, conflicts, roles and personal data are counted exactly; nothing personal is ever shown."""

from __future__ import annotations

import math
import random
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dadeum import cli
from dadeum.errors import DadeumError, RecipeError
from dadeum.record import RECORD, records
from dadeum.report import files, look, look_page, look_text, personal, repeats, survey, tally
from dadeum.report.shown import SHOWN
from dadeum.report.terminal import columns
from dadeum.report.words import LANGS

EMAIL, PHONE, CARD, RESIDENT = "kim.minsu@hanmail.net", "010-2345-6789", "4539 1488 0343 6467", "900101-1234568"
SECRETS = (EMAIL, PHONE, CARD, RESIDENT)
HOSTILE = "<script>alert('행')</script><img src=http://evil.example/x.png onerror=alert(1)>"
NSMC = Path(__file__).parent.parent.parent / "shared/data/nsmc_raw"


def lines(path: Path, rows: list[Any]) -> Path:
    path.write_bytes(b"".join(row if isinstance(row, bytes) else orjson.dumps(row) + b"\n" for row in rows))
    return path


def looked(path: Path) -> dict[str, Any]:
    return look.look(path, *files.opened(path))


def everything(path: Path, out: Path, capsys: pytest.CaptureFixture[str], lang: str = "en") -> str:
    """Page, terminal and JSON, one after another."""
    look.run(path, out, lang, False)
    look.run(path, None, lang, True)
    return out.read_text(encoding="utf-8") + "".join(capsys.readouterr())


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    """12 rows: a text three times (twice one label, once another), a copy that differs in case and spaces, two empty ones, one unreadable."""
    rows: list[Any] = [
        {"text": "정말 재미있는 영화!", "label": "긍정", "film": "a"},
        {"text": "정말재미있는영화", "label": "긍정", "film": "b"},
        {"text": "정말 재미있는 영화", "label": "부정", "film": "a"},
        {"text": "Good film", "label": "긍정", "film": "a"},
        {"text": "good  FILM.", "label": "긍정", "film": "a"},
        {"text": "지루했다", "label": "부정", "film": "b"},
        {"text": "", "label": "부정", "film": "b"},
        {"text": " \n", "label": "부정"},
        b"{broken\n",
        {"text": f"연락 주세요 {PHONE} 또는 {EMAIL}", "label": "부정", "film": None},
        {"text": "배우의 연기가 좋았고 음악도 좋았다", "label": "긍정", "film": "a"},
        {"text": "x", "label": "긍정", "film": "a"},
    ]
    return lines(tmp_path / "reviews.jsonl", rows)


def test_planted_truth_of_texts_is_counted_exactly(reviews: Path) -> None:
    told = looked(reviews)
    assert told["counts"] == {"read": 12, "records": 11, "unreadable": 1}
    assert told["unreadable"][0]["n"] == 1 and told["unreadable"][0]["first"].endswith("reviews.jsonl:9")
    fields = {f["name"]: f for f in told["fields"]}
    assert (fields["text"]["missing"], fields["text"]["empty"]) == (0, 2)
    assert (fields["film"]["missing"], fields["film"]["types"]) == (2, {"text": 9})
    assert told["empty"] == 2
    # Three and two of a kind, and the two empty ones.
    assert told["copies"] == {"texts": 3, "records": 7, "more": 4}
    assert (told["conflicts"]["texts"], told["conflicts"]["records"]) == (1, 3)
    assert told["conflicts"]["shown"][0]["labels"] == [["긍정", 2], ["부정", 1]]
    assert told["conflicts"]["shown"][0]["place"].endswith("reviews.jsonl:1")
    assert told["labels"]["values"] == [["긍정", 6], ["부정", 5]]
    assert [(e["n"], e["text"]) for e in told["texts"][:2]] == [(3, "정말 재미있는 영화!"), (2, "Good film")]
    assert told["shortest"][0]["text"] == "x" and told["shortest"][0]["place"].endswith(":12")
    assert told["profiles"] == {"ko": 5, "en": 5, "mixed": 1}
    assert told["personal"]["kinds"] == {"email": 1, "phone": 1} and told["personal"]["records"] == 1


def test_the_same_text_under_different_values_of_a_field(tmp_path: Path) -> None:
    rows = [{"text": f"글 {i}", "split": "train", "n": i % 2} for i in range(30)]
    rows += [{"text": "글 3!", "split": "test", "n": 1}, {"text": "글 4", "split": "train", "n": 0}, {"text": "글 5", "split": "test", "n": 1}]
    told = looked(lines(tmp_path / "a.jsonl", rows))
    assert told["differing"] == [{"field": "split", "texts": 2, "records": 4}]


@pytest.fixture
def chats(tmp_path: Path) -> Path:
    def chat(*said: tuple[str, str | None], **more: Any) -> dict[str, Any]:
        return {"messages": [{"role": r, "content": c} for r, c in said], **more}

    call = {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}
    rows = [
        chat(("user", "환불은 언제 되나요?"), ("assistant", "사흘 안에 됩니다.")),
        chat(("user", "환불은 언제 되나요"), ("assistant", "닷새 안에 됩니다.")),
        chat(("user", "배송은요?"), ("assistant", "사흘 안에 됩니다")),
        chat(("system", "친절하게."), ("user", "a"), ("assistant", "b"), ("user", "c")),
        chat(("user", "d"), ("assistant", "")),
        {"messages": [{"role": "user", "content": "e"}, call, {"role": "tool", "tool_call_id": "1", "content": "7"}], "tools": [{"name": "f"}]},
        {"messages": [{"role": "critic", "content": f"my card {CARD}"}, {"role": "assistant", "content": "ok"}]},
    ]
    return lines(tmp_path / "chats.jsonl", rows)


def test_planted_truth_of_chats_is_counted_exactly(chats: Path) -> None:
    told = looked(chats)
    found = told["chats"]
    assert found["records"] == 7
    assert found["roles"] == {"assistant": 7, "user": 7, "critic": 1, "system": 1, "tool": 1}
    assert found["last"] == {"assistant": 5, "user": 1, "tool": 1} and found["unanswered"] == 2
    assert (found["silent"], found["tools"], found["calls"], found["pairs"]) == (1, 1, 1, 0)
    assert (found["turns"]["min"], found["turns"]["median"], found["turns"]["max"]) == (2, 2, 4)
    assert told["questions"] == {"texts": 1, "records": 2}
    assert [(e["n"], e["text"]) for e in told["answers"]] == [(2, "사흘 안에 됩니다.")]
    assert told["lengths"]["critic"]["n"] == 1 and told["lengths"]["user"]["max"] == 11
    assert told["personal"]["kinds"] == {"card": 1}, "a role that is none of ours is searched as well"


def test_a_preference_pair_s_prompt_needs_no_answer(tmp_path: Path) -> None:
    rows = [{"prompt": f"질문 {i}", "chosen": "네, 그렇습니다.", "rejected": "아니요"} for i in range(3)]
    told = looked(lines(tmp_path / "pairs.jsonl", rows))
    assert told["chats"]["pairs"] == 3 and told["chats"]["unanswered"] == 0
    assert told["lengths"]["chosen"]["n"] == told["lengths"]["rejected"]["n"] == 3


def test_the_field_with_the_longest_median_is_taken_for_the_text_and_that_is_said(tmp_path: Path) -> None:
    rows = [{"review": f"배우가 좋았던 영화 {i} 번째", "url": f"https://example.com/{'a' * 60}/{i}", "author": f"u{i}"} for i in range(20)]
    path = lines(tmp_path / "r.jsonl", [*rows, {"review": rows[0]["review"], "url": "", "author": ""}])
    told = looked(path)
    assert told["measured"] == ["review"] and told["lengths"]["record"]["n"] == 21
    assert told["copies"]["more"] == 1
    assert {f["name"] for f in told["fields"]} == {"review", "url", "author"}
    for lang in LANGS:
        assert "review" in look_text.summary(told, lang).split("\n\n")[0]
        assert "review" in look_page.render(told, lang)


def test_rows_without_any_text_still_show_their_fields(tmp_path: Path) -> None:
    told = looked(lines(tmp_path / "n.jsonl", [{"a": i, "b": [1] * (i % 2), "c": {"d": i}} for i in range(10)]))
    assert told["measured"] == [] and told["lengths"] == {} and told["copies"]["records"] == 0
    fields = {f["name"]: f for f in told["fields"]}
    assert fields["a"]["types"] == {"number": 10} and fields["b"]["empty"] == 5 and fields["c"]["types"] == {"object": 10}
    for lang in LANGS:
        assert look_page.render(told, lang) and look_text.summary(told, lang)


@pytest.mark.parametrize("lang", LANGS)
def test_no_personal_value_is_shown_anywhere(tmp_path: Path, capsys: pytest.CaptureFixture[str], lang: str) -> None:
    """In texts that repeat and conflict, are longest and shortest; in labels, categories, names of fields, roles, and unreadable rows."""
    secret = f"문의: {EMAIL} 전화 {PHONE} 카드 {CARD} 주민등록번호 {RESIDENT}"
    rows: list[Any] = [{"text": secret, "label": EMAIL, "owner": PHONE, EMAIL: 1, "score": i} for i in range(12)]
    rows += [{"text": secret, "label": "b", "owner": PHONE}, {"text": PHONE, "label": "b"}, f'{{"text": "{EMAIL}\n'.encode()]
    rows += [{"messages": [{"role": EMAIL, "content": secret}, {"role": "assistant", "content": secret}]}] * 2
    path = lines(tmp_path / "s.jsonl", rows)
    shown = everything(path, tmp_path / "look.html", capsys, lang)
    for value in SECRETS:
        assert value not in shown
        assert re.sub(r"\D", "", value) not in shown or value == EMAIL
    assert "[EMAIL]" in shown and "[PHONE]" in shown
    told = looked(path)
    assert {f["field"]: f["kinds"] for f in told["personal"]["fields"]}["owner"] == {"phone": 13}
    assert told["personal"]["kinds"]["resident"] == 15


def test_a_secret_at_the_edge_of_what_is_shown_is_not_cut_in_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"text": "가" * (SHOWN - k) + f" {EMAIL} 끝"} for k in range(2, 22, 3) for _ in range(2)]
    shown = everything(lines(tmp_path / "e.jsonl", rows), tmp_path / "o.html", capsys)
    assert "kim.min" not in shown and "hanmail" not in shown


@pytest.mark.parametrize("lang", LANGS)
def test_hostile_strings_stay_text(tmp_path: Path, capsys: pytest.CaptureFixture[str], lang: str) -> None:
    rows = [{"text": HOSTILE, "label": HOSTILE, HOSTILE: HOSTILE, "x\x1b[31m": "y"} for _ in range(12)] + [{"text": HOSTILE, "label": "b"}]
    rows.append({"messages": [{"role": HOSTILE, "content": HOSTILE}]})
    path = lines(tmp_path / "h.jsonl", rows)
    out = tmp_path / "h.html"
    look.run(path, out, lang, False)
    page = out.read_text(encoding="utf-8")
    assert "<script" not in page and "<img" not in page and "&lt;script&gt;" in page
    assert "default-src 'none'" in page and not re.search(r"<[^>]*(?:src|href)=[\"']?(?!#)\w", page)
    assert "\x1b" not in capsys.readouterr().out


def test_the_terminal_keeps_its_width_in_both_languages(reviews: Path, chats: Path) -> None:
    for told in (looked(reviews), looked(chats)):
        for lang in LANGS:
            for width in (40, 66, 100):
                assert all(columns(line) <= width for line in look_text.summary(told, lang, width).splitlines())


def test_the_page_is_the_language_it_is_asked_for(reviews: Path) -> None:
    told = looked(reviews)
    english, korean = (look_page.render(told, lang) for lang in LANGS)
    assert '<html lang="en">' in english and "What stands out" in english and "먼저 볼 것" not in english
    assert '<html lang="ko">' in korean and "먼저 볼 것" in korean and "What stands out" not in korean


def test_a_run_is_looked_at_as_its_data_together(tmp_path: Path) -> None:
    folder = tmp_path / "runs/ko"
    (folder / "data").mkdir(parents=True)
    for name, n in (("train", 3), ("test", 2)):
        rows = records({"id": f"{name}{i}", "text": f"{name} 글 {i}", "label": "a", "meta": '{"film":"x"}'} for i in range(n))
        rows.with_columns(quality=pl.lit(0.5)).write_parquet(folder / f"data/{name}.parquet")
    (folder / "run.json").write_bytes(orjson.dumps({"name": "영화", "counts": {"kept": 5}, "stages": []}))
    told = looked(folder)
    assert told["run"]["name"] == "영화" and told["counts"] == {"read": 5, "records": 5, "unreadable": 0}
    assert [f["records"] for f in told["files"]] == [2, 3]
    assert {"film", "quality"} <= {f["name"] for f in told["fields"]}
    assert "영화" in look_text.summary(told, "ko") and "runs" not in look_text.summary(told, "ko")


def test_json_alone_on_standard_output_and_no_page(reviews: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(reviews.parent)
    assert cli.main(["look", str(reviews), "--json"]) == 0
    assert orjson.loads(capfdbinary.readouterr().out)["counts"]["read"] == 12
    assert not Path("look.html").exists()
    assert cli.main(["look", str(reviews), "--json", "--out", "x.html"]) == 0
    orjson.loads(capfdbinary.readouterr().out)
    assert Path("x.html").stat().st_mode & 0o077 == 0
    assert cli.main(["look", str(reviews)]) == 0
    assert Path("look.html").exists() and capfdbinary.readouterr().out.rstrip().endswith(b"look.html")


def test_what_cannot_be_looked_at_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = lines(tmp_path / "empty.jsonl", [])
    broken = lines(tmp_path / "broken.jsonl", [b"{no\n", b"[1]\n"])
    good = lines(tmp_path / "good.jsonl", [{"text": "a"}])
    (tmp_path / "odd.xyz").write_text("?")
    out = str(tmp_path / "o.html")
    for args, code, word in (
        ([str(tmp_path / "god.jsonl")], 2, "good.jsonl"),
        ([str(empty)], 2, "holds no records"),
        ([str(broken)], 1, "none of its 2 rows could be read"),
        ([str(tmp_path / "odd.xyz")], 2, "ending"),
        ([str(good), "--out", str(good)], 2, "one of the files"),
        ([str(good), "--out", str(tmp_path)], 2, "is a folder"),
        ([str(good), "--out", str(tmp_path / "no/o.html")], 2, "does not exist"),
    ):
        assert cli.main(["look", *args, *([] if "--out" in args else ["--out", out])]) == code, args
        assert word in capsys.readouterr().err, args
    assert not Path(out).exists() and good.read_bytes() == b'{"text":"a"}\n'


def test_one_damaged_file_does_not_hide_the_others(tmp_path: Path) -> None:
    lines(tmp_path / "a.jsonl", [{"text": "가"}, {"text": "나"}])
    (tmp_path / "b.jsonl.gz").write_bytes(b"\x1f\x8b damaged")
    told = looked(tmp_path)
    assert told["counts"]["records"] == 2
    assert [bool(f["error"]) for f in told["files"]] == [False, True]
    assert "b.jsonl.gz" in look_page.render(told, "ko")
    with pytest.raises(DadeumError):
        looked(tmp_path / "b.jsonl.gz")


def test_small_files_of_different_shapes_are_told_apart(tmp_path: Path) -> None:
    for i in range(7):
        (tmp_path / f"{i}.md").write_text(f"문서 {i}", encoding="utf-8")
    lines(tmp_path / "x.jsonl", [{"review": "좋은 영화 였다", "n": 1}] * 2)
    told = looked(tmp_path)
    assert told["counts"]["records"] == 9
    assert [f["records"] for f in told["files"]] == [1] * 7 + [2]
    assert told["files"][-1]["measured"] == "review" and told["files"][0]["measured"] == ""
    assert told["lengths"]["record"]["n"] == 9 and told["copies"]["more"] == 1


@given(st.lists(st.integers(0, 3000), min_size=1, max_size=60), st.integers(1, 20))
def test_lengths_are_those_of_a_sorted_list(sizes: list[int], cut: int) -> None:
    found = tally.Lengths()
    for start in range(0, len(sizes), cut):
        found.add(pl.Series(sizes[start : start + cut], dtype=pl.UInt32))
    told = found.tell()
    assert told is not None
    ordered = sorted(sizes)
    assert (told["min"], told["max"], told["n"], told["total"]) == (ordered[0], ordered[-1], len(sizes), sum(sizes))
    assert told["median"] == ordered[math.ceil(0.5 * len(sizes)) - 1] and told["p95"] == ordered[math.ceil(0.95 * len(sizes)) - 1]
    assert all(n == sum(low <= s and (high is None or s < high) for s in sizes) for low, high, n in told["bins"])
    assert sum(n for _, _, n in told["bins"]) == len(sizes)


@given(st.lists(st.tuples(st.sampled_from(["가나", "가 나!", "b", "B.", "c", ""]), st.sampled_from(["1", "2", None])), max_size=30), st.integers(1, 7))
def test_copies_and_conflicts_are_those_of_a_dictionary(rows: list[tuple[str, str | None]], cut: int) -> None:
    frame = records({"text": t, "label": v} for t, v in rows)
    found = repeats.Repeats()
    for start in range(0, len(rows), cut):
        found.add(frame[start : start + cut], False, {})
    told = found.tell(["1", "2"], [])
    groups: dict[str, list[str | None]] = defaultdict(list)
    for text, label in rows:
        groups["".join(c for c in text.lower() if c.isalnum())].append(label)
    repeated = [g for g in groups.values() if len(g) > 1]
    clashing = [g for g in repeated if len(set(g) - {None}) > 1]
    assert told["copies"] == {"texts": len(repeated), "records": sum(map(len, repeated)), "more": sum(len(g) - 1 for g in repeated)}
    assert (told["conflicts"]["texts"], told["conflicts"]["records"]) == (len(clashing), sum(map(len, clashing)))
    assert sorted(e["n"] for e in told["texts"]) == sorted(map(len, repeated))
    votes = sorted(sorted(Counter(v for v in g if v).items()) for g in clashing)
    assert sorted(sorted((v, n) for v, n in e["labels"]) for e in told["conflicts"]["shown"]) == votes


def test_however_the_rows_are_cut_the_survey_says_the_same() -> None:
    draw = random.Random(3)
    words = ["좋다", "나쁘다", "film", PHONE, "보통 이다"]
    rows = records({"text": " ".join(draw.choices(words, k=draw.randint(0, 4))), "label": draw.choice("ab"), "film": draw.choice("xyz")} for _ in range(400))
    told = []
    for cut in (400, 64, 7):
        found = survey.Survey()
        for start in range(0, 400, cut):
            found.add(rows[start : start + cut])
        told.append(found.tell())
    assert told[0] == told[1] == told[2]


def test_a_large_pile_is_searched_for_personal_data_by_an_even_sample() -> None:
    def search(cut: int) -> dict[str, Any]:
        found = personal.Personal(most=500)
        for start in range(0, 4000, cut):
            row = pl.Series("row", range(start, start + cut), dtype=pl.UInt64)
            found.add(row, [("", pl.Series([f"전화 {PHONE}" if i % 10 == 0 else "글" for i in range(start, start + cut)]))])
        return found.tell()

    told = search(1000)
    assert 250 <= told["looked_at"] <= 500 and told["of"] == 4000
    assert abs(told["records"] / told["looked_at"] - 0.1) < 0.05
    assert told == search(1000) == search(80)


def test_rows_whose_keys_are_data_do_not_fill_the_memory(tmp_path: Path) -> None:
    told = looked(lines(tmp_path / "k.jsonl", [{"text": "a", f"key{i}": i, "n": {"x": i}} for i in range(1200)]))
    assert len(told["fields"]) == tally.FIELDS and told["fields_more"] == 1202 - tally.FIELDS


def test_nothing_of_the_record_is_left_out_of_the_fields(tmp_path: Path) -> None:
    given = {"text": "글", "label": "a", "score": 0.5, "tools": "[]"}
    told = looked(lines(tmp_path / "r.jsonl", [given]))
    assert {f["name"] for f in told["fields"]} == set(given) <= set(RECORD)
    assert told["scores"] == {"n": 1, "min": 0.5, "mean": 0.5, "max": 0.5}


def test_an_unknown_language_is_a_mistake_of_the_user(reviews: Path) -> None:
    with pytest.raises(RecipeError, match="--lang"):
        look.run(reviews, None, "fr", True)


def test_all_reviews_are_counted() -> None:
    if not NSMC.is_dir():
        pytest.skip("../shared/data is absent: the raw Korean reviews can't be looked at")
    told = looked(NSMC / "reviews-00.jsonl.gz")
    assert told["counts"] == {"read": 106_206, "records": 106_206, "unreadable": 0} and told["measured"] == ["review"]
    rows = pl.read_ndjson(NSMC / "reviews-00.jsonl.gz")
    lengths = rows.get_column("review").str.len_chars()
    assert (told["lengths"]["record"]["min"], told["lengths"]["record"]["max"]) == (lengths.min(), lengths.max())
    assert told["lengths"]["record"]["median"] == lengths.sort()[math.ceil(len(lengths) / 2) - 1]
    rating = next(f for f in told["fields"] if f["name"] == "rating")
    assert dict(map(tuple, rating["values"])) == dict(rows.get_column("rating").value_counts().iter_rows())
