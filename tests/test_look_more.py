"""`dadeum look`, closely: the six qualities, near-copies, slices, topics, rows behind bars, and two piles side by side, on planted rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dadeum import cli
from dadeum.evaluate.quantiles import wilson
from dadeum.report import even, files, look, look_page, qualities
from dadeum.report.words import LANGS, TABLE, Words
from dadeum.steps.annotate import outlier
from test_look import EMAIL, PHONE, lines, looked
from test_report_browser import CONTRAST, browser, opened

__all__ = ["browser"]


def chat(question: str, answer: str | None, **more: Any) -> dict[str, Any]:
    turns = [{"role": "user", "content": question}] + ([{"role": "assistant", "content": answer}] if answer is not None else [])
    return {"messages": turns, **more}


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """40 sound chats, and one or two of each kind of bad one."""
    rows = [chat(f"{city}까지 배송은 며칠이나 걸리나요?", f"{city}까지는 보통 {i + 2}일 안에 도착합니다.", label="배송", source_kind="web", created_at=f"2025-{i % 3 + 1:02d}-05") for i, city in enumerate(CITIES)]
    rows += [
        chat("상담 시간은 언제인가요?", "상담 시간은 아홉 시부터입니다. 점심때는 전화 안 받아."),
        chat("환불 규정을 알려 주세요.", None),
        chat("교환은 어떻게 신청하나요?", "You can ask for an exchange on the page of your orders."),
        chat("회원 탈퇴는 어디에서 할 수 있나요?", "회원 탈퇴는 어디에서 할 수 있나요?"),
        chat("영수증을 다시 받을 수 있을까요?", "<p>네, 주문 내역에서&nbsp;받으실 수 있습니다.</p>"),
        chat("고객센터 번호가 무엇인가요?", f"고객센터 번호는 {PHONE}입니다. 메일은 {EMAIL}로 보내 주세요."),
        chat("포인트는 언제 쓸 수 있나요?", "포인트는 주문하실 때 바로 쓰실 수 있습니다. ì•ˆë…•í•˜ì„¸ìš”"),
        chat(f"{CITIES[0]}까지 배송은 며칠이나 걸리나요", f"{CITIES[0]}까지는 보통 2일 안에 도착합니다", label="환불"),
    ]
    return lines(tmp_path / "planted.jsonl", rows)


CITIES = [f"{a}{b}" for a in ("강릉", "목포", "진주", "충주", "군산", "여수", "안동", "속초") for b in ("시 중앙동", "역 앞", "항구 쪽", "시장 골목", "대학교 정문")]


def checks(told: dict[str, Any], quality: str) -> dict[str, int]:
    return {c["check"]: c["n"] for c in told["qualities"][quality]["checks"] if c["n"]}


def test_every_planted_defect_is_counted_under_its_quality(planted: Path) -> None:
    told = looked(planted)
    assert checks(told, "relevant") == {}
    assert checks(told, "aligned") == {"unanswered": 1, "other_language": 1, "copies_question": 1}
    assert checks(told, "consistent") == {"conflict": 2, "mixed_register": 1}  # -입니다 beside -주세요 is none
    assert checks(told, "formatted") == {"mojibake": 1, "markup": 1}
    assert checks(told, "unique")["copy"] == 1
    assert checks(told, "compliant") == {"personal": 1}
    aligned = told["qualities"]["aligned"]
    assert (aligned["n"], aligned["good"]) == (48, 45) and (aligned["low"], aligned["high"]) == wilson(45, 48)


def test_the_rows_behind_a_check_are_the_rows_that_it_found(planted: Path) -> None:
    told = looked(planted)
    rows = {c["check"]: c["rows"] for q in told["qualities"].values() for c in q["checks"]}
    assert [r["place"].rpartition(":")[2] for r in rows["unanswered"]] == ["42"]
    assert rows["markup"][0]["text"].startswith("영수증을") and "[PHONE]" in rows["personal"][0]["text"]
    assert PHONE not in orjson.dumps(told).decode() and EMAIL not in orjson.dumps(told).decode()


def test_texts_without_turns_have_no_aligned_quality(tmp_path: Path) -> None:
    told = looked(lines(tmp_path / "t.jsonl", [{"text": t} for t in ("좋은 영화", "N/A", "!!! 3", "", "Good film")]))
    assert "aligned" not in told["qualities"] and checks(told, "relevant") == {"empty": 1, "nothing": 1, "letterless": 1}


def test_near_copies_are_told_with_the_row_that_would_stay(tmp_path: Path) -> None:
    base = "배송이 생각보다 빨라서 정말 좋았고 포장도 꼼꼼해서 다음에 또 주문할 생각입니다"
    rows = [{"text": base}, {"text": base + "요"}, {"text": "전혀 다른 이야기를 하는 글이 여기에 하나 더 있어야 비교가 됩니다"}]
    near = looked(lines(tmp_path / "n.jsonl", rows))["near"]
    assert near["near"] == 1 and near["looked_at"] == near["of"] == 3
    assert {e["text"] for e in near["shown"][0]["rows"]} == {base, base + "요"} and 0.8 <= near["shown"][0]["similarity"] < 1


def test_slices_by_time_and_annotator(tmp_path: Path) -> None:
    rows = [{"text": f"글 {i // 3} 번째입니다", "label": "가" if i % 3 else "나", "annotator": f"a{i % 3}", "created_at": f"2025년 {i % 2 + 1}월 3일" if i else "soon"} for i in range(30)]
    told = looked(lines(tmp_path / "s.jsonl", rows))
    slices = {s["kind"]: s for s in told["slices"]}
    assert [(v["value"], v["n"]) for v in slices["time"]["values"]] == [("2025-01", 14), ("2025-02", 15)] and slices["time"]["undated"] == 1
    assert [(v["value"], v["n"]) for v in slices["annotator"]["values"]] == [("a0", 10), ("a1", 10), ("a2", 10)]
    agreement = told["votes"]
    assert (agreement["how"], agreement["fields"]) == ("rows", ["annotator"])
    assert agreement["items"] == 10 and agreement["observed"] == pytest.approx(1 / 3)
    assert {b["annotator"]: b["agrees"] for b in agreement["by"]} == pytest.approx({"a0": 0.0, "a1": 0.5, "a2": 0.5})


def test_two_models_answers_side_by_side(tmp_path: Path) -> None:
    asked = [f"{city}까지 며칠 걸리나요?" for city in CITIES[:10]] + ["Where is it?", "How long does it take?"]
    a = lines(tmp_path / "a.jsonl", [chat(q, "사흘 걸립니다.") for q in asked])
    b = lines(tmp_path / "b.jsonl", [chat(q.replace(" ", "  "), "사흘 걸립니다" if i < 7 else f"연락은 {PHONE}로 주세요.") for i, q in enumerate(asked[:-1])] + [chat("새 물음", "새 답")])
    told = look.side_by_side(a, files.opened(a)[0], b, files.opened(b)[0])
    assert (told["of"], told["both"], told["same"], told["changed"], told["only"]) == ("answers", 11, 7, 4, {"a": 1, "b": 1})
    slices = {(line["by"], line["value"]): (line["n"], line["changed"]) for line in told["slices"]}
    assert {value: n for (by, value), n in slices.items() if by == "language"} == {"ko": (10, 3), "en": (1, 1)}
    assert sum(n for (by, _), (n, _) in slices.items() if by == "length") == 11
    ko = told["slices"][0]
    assert (ko["low"], ko["high"]) == wilson(3, 10) and len(ko["rows"]) == 3 and all("[PHONE]" in row["text"] for row in ko["rows"])
    assert "새 물음" in told["gone"]["b"][0]["text"] and PHONE not in orjson.dumps(told).decode()
    assert all("사흘" in pair["a"]["text"] and "[PHONE]" in pair["b"]["text"] for pair in told["shown"])


def test_two_label_files_side_by_side_from_the_command_line(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    a = lines(tmp_path / "a.jsonl", [{"text": f"영화 {i}", "label": "긍정"} for i in range(6)])
    b = lines(tmp_path / "b.jsonl", [{"text": f"영화 {i}", "label": "긍정" if i else "부정"} for i in range(6)])
    assert cli.main(["look", str(a), "--against", str(b), "--json"]) == 0
    told = orjson.loads(capfdbinary.readouterr().out)["against"]
    assert (told["of"], told["both"], told["changed"]) == ("labels", 6, 1)
    assert [(pair["a"]["label"], pair["b"]["label"]) for pair in told["shown"]] == [("긍정", "부정")]
    for lang in LANGS:
        assert cli.main(["look", str(a), "--against", str(b), "--lang", lang, "--out", str(tmp_path / "o.html")]) == 0
        assert Words(lang)("look.against") in (tmp_path / "o.html").read_text(encoding="utf-8")


@given(st.integers(1, 400), st.integers(1, 50), st.integers(1, 60))
def test_an_even_sample_does_not_depend_on_the_cut(n: int, most: int, cut: int) -> None:
    rows = pl.Series(range(n), dtype=pl.UInt64)
    whole, parts = even.Even(most), even.Even(most)
    whole.take(rows)
    for start in range(0, n, cut):
        parts.take(rows[start : start + cut])
    assert sorted(whole.marks) == sorted(parts.marks) and len(whole.marks) <= most and whole.of == parts.of == n


def test_every_check_and_cause_has_words() -> None:
    t = Words("ko")
    assert not [c for found in qualities.CHECKS.values() for c in found if f"look.check.{c}" not in TABLE and t.reason(c) == c]
    causes = {c for pair in outlier.CAUSES.values() for c in pair if c} | {"other_language", "label"}
    assert not [c for c in causes if f"look.outlier.{c}" not in TABLE]


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("lang", LANGS)
def test_the_page_in_a_browser(browser: Any, planted: Path, tmp_path: Path, lang: str, width: int) -> None:
    out = tmp_path / "look.html"
    rows = [*map(orjson.loads, planted.read_bytes().splitlines()), *(chat("Where is my parcel?", f"It is number {i}.", label="배송") for i in range(30))]
    votes = {f"label{who}": "ab"[who % 2] for who in (1, 2, 3)}
    wide = lines(tmp_path / "wide.jsonl", [{**row, **votes, "label": row.get("label", "환불"), "source": "가나"[i % 3 == 0], "toxicity": i / 100} for i, row in enumerate(rows)])
    asked = look.Asked(against=planted, target=planted)
    told = look.look(wide, *files.opened(wide), asked)
    assert told["votes"] and told["balance"] and told["coverage"]["gaps"] and told["numbers"] and told["rules"] and told["tokens"]
    out.write_text(look_page.render(told, lang), encoding="utf-8")
    tab, asked, wrong = opened(browser, out, width)
    bar = tab.locator("#card details").first
    assert not bar.locator(".said").is_visible()
    bar.locator("summary").click()
    assert bar.locator(".said .text").first.is_visible(), "the rows behind a bar are one click away, without a script"
    tab.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert asked == [out.as_uri()] and wrong == []
    assert tab.evaluate(CONTRAST) == []
    tab.close()
