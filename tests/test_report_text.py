"""The parts of the report that can be held against a slow or obvious twin: differences, charts, terminal text, the card."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from xml.etree import ElementTree

import orjson
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dadeum.report import card, chart, diff, figures, terminal
from dadeum.report.words import LANGS, Words
from test_report_run import make, run

__all__ = ["run"]
TEXT = st.text(st.sampled_from("가나다각 aAb1-<>&\u200b\u1100\u1161\n⟨⟩:"), max_size=40)


@given(TEXT, TEXT)
def test_a_difference_holds_both_sides(before: str, after: str) -> None:
    made = diff.segments(before, after)
    assert "".join(s.text for s in made if s.kind in ("same", "gone")) == before
    assert "".join(s.text for s in made if s.kind in ("same", "new")) == after
    assert (before == after) == all(s.kind == "same" for s in made)


def test_a_particle_that_goes_is_the_only_thing_marked() -> None:
    assert [s for s in diff.segments("배송은 언제 오나요", "배송 언제 오나요") if s.kind != "same"] == [diff.Segment("gone", "은")]


def test_a_word_changes_whole_unless_its_letters_stay() -> None:
    assert [s.text for s in diff.segments("the colour", "the color") if s.kind != "same"] == ["colour", "color"]
    assert [(s.kind, s.text) for s in diff.segments("can\u00adnot", "cannot")] == [("same", "can"), ("gone", "\u00ad"), ("same", "not")]


def test_what_cannot_be_seen_is_named() -> None:
    made = diff.shown("가\u1102\u1161\u200b 나\u00a0다", "가나 나 다")
    gone = "".join(s.text for s in made if s.kind == "gone")
    assert gone == "⟨U+1102⟩⟨U+1161⟩⟨U+200B⟩⟨U+00A0⟩"
    assert diff.shown("가\u1102\u1161", "가나")[1:] == [diff.Segment("gone", "U+1102 U+1161"), diff.Segment("new", "나")]


def test_far_unchanged_text_is_left_out() -> None:
    made = diff.shown("가" * 600 + "나", "가" * 600)
    assert sum(len(s.text) for s in made) < 120 and made[-1] == diff.Segment("gone", "나") and any(s.kind == "gap" for s in made)


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.integers(2, 8))
def test_ticks_are_round_and_inside(low: float, size: float, n: int) -> None:
    high = low + size
    made = chart.ticks(low, high, n)
    assert made == sorted(made) and n / 2 - 1 <= len(made) <= 2 * n + 1
    assert all(low - size * 1e-6 <= t <= high + size * 1e-6 for t in made)


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50), st.integers(1, 200))
def test_pictures_are_well_formed_and_in_proportion(stays: int, merged: int, dropped: int, scale: int) -> None:
    made = chart.stream(stays + merged + dropped, stays, [("merged", merged), ("dropped", dropped)], 0, scale, '<&"')
    tree = ElementTree.fromstring(made)
    assert tree.find("title") is not None and tree.attrib["aria-label"] == '<&"'
    kept = next(p for p in tree.iter("path") if p.attrib["class"] == "kept")
    assert float(re.findall(r"H([\d.]+)", kept.attrib["d"])[0]) == pytest.approx(1000 * stays / scale, abs=0.01)
    bar = ElementTree.fromstring(chart.bar([("a", stays), ("b", merged)], stays + merged + dropped, "t"))
    widths = [float(r.attrib["width"].rstrip("%")) for r in bar.iter("rect")][1:]
    if stays + merged + dropped:
        assert widths == pytest.approx([100 * n / (stays + merged + dropped) for n in (stays, merged)], abs=0.01)


def test_bars_of_a_histogram_are_as_high_as_their_counts() -> None:
    tree = ElementTree.fromstring(chart.histogram([("0", 10, 5), ("1", 40, 20)], str, "t"))
    highs = {(r.attrib["class"], i // 2): float(r.attrib["height"]) for i, r in enumerate(tree.iter("rect"))}
    assert highs["before", 1] == 4 * highs["before", 0] == 2 * highs["after", 1]


def test_an_interval_lies_where_its_numbers_lie() -> None:
    tree = ElementTree.fromstring(chart.interval(-1, 0.5, 1, (-2, 2), "t", "better", zero=True))
    assert [c.attrib["cx"] for c in tree.iter("circle")] == ["62.50%"]
    assert [n.attrib["x1"] for n in tree.iter("line")][:2] == ["50.00%", "25.00%"]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=90))
def test_folding_bins_keeps_every_row(counts: list[tuple[int, int]]) -> None:
    bins = [(i, i + 1, b, a) for i, (b, a) in enumerate(counts)]
    made = figures.fold(bins)
    assert len(made) <= 28
    assert sum(b[2] for b in made) == sum(b for b, _ in counts) and sum(b[3] for b in made) == sum(a for _, a in counts)
    assert (made[0][0], made[-1][1]) == (0, len(counts))


def test_a_thinned_curve_keeps_its_ends() -> None:
    points = [{"arm": "a", "seed": 0, "tokens": i, "loss": float(i), "eval_loss": None if i % 3 else 0.5} for i in range(5001)]
    line = figures.curves(points)["a", 0]
    assert line["loss"][0] == (0, 0.0) and line["loss"][-1] == (5000, 5000.0) and len(line["loss"]) <= figures.POINTS + 1
    assert all(t % 3 == 0 for t, _ in line["eval_loss"])


def slow_columns(text: str) -> int:
    """The obvious twin: wide and full-width characters take two columns, marks and format characters none."""
    total = 0
    for c in text:
        if unicodedata.category(c) in ("Mn", "Cf") or unicodedata.combining(c):
            continue
        total += 2 if unicodedata.east_asian_width(c) in ("W", "F") else 1
    return total


@given(st.text(st.sampled_from("가나다각ａabc-1 한글\u0301"), max_size=30), st.integers(0, 24), st.booleans())
def test_a_fitted_text_takes_exactly_its_columns(text: str, width: int, right: bool) -> None:
    assert slow_columns(terminal.fit(text, width, right)) == width


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("width", [40, 57, 80, 120])
def test_no_line_of_the_terminal_is_wider_than_it(run: Path, lang: str, width: int) -> None:
    told = orjson.loads((run / "run.json").read_bytes())
    told["stages"][3]["dropped"] = {"아주 긴 까닭" * 20: 23, "bad\x1b[31m reason": 1}
    proof = orjson.loads((run / "proof.json").read_bytes())
    text = terminal.funnel_text(told, width, lang) + "\n" + terminal.summary_text(told, proof, width, lang)
    assert all(slow_columns(line) <= width for line in text.splitlines())
    assert "\x1b" not in text


def test_the_funnel_tells_every_step_reason_and_the_account(run: Path) -> None:
    told = orjson.loads((run / "run.json").read_bytes())
    text = terminal.funnel_text(told, 100)
    for stage in told["stages"]:
        line = next(line for line in text.splitlines() if line.startswith(stage["step"]))
        assert [f"{stage['rows_in']:,}", f"{stage['rows_out']:,}"] == line.split()[1:3]
        assert all(f"-{n:,}" in text for n in stage["dropped"].values())
    assert "1,255 read + 0 grown = 1,016 kept + 55 dropped + 181 merged + 3 quarantined" in text
    bars = [line.count("#") for line in text.splitlines() if "#" in line]
    assert bars == sorted(bars, reverse=True) and bars[0] > bars[-1]


def test_the_summary_says_the_verdict_or_that_there_is_none(run: Path) -> None:
    told = orjson.loads((run / "run.json").read_bytes())
    proof = orjson.loads((run / "proof.json").read_bytes())
    assert terminal.summary_text(told, proof).startswith("Better by 19.0 points")
    assert terminal.summary_text(told, proof, lang="ko").startswith("19.0%p 더 낫습니다")
    plain = {lang: " ".join(terminal.summary_text(told, proof, lang=lang).split()) for lang in ("en", "ko")}
    assert "Against the untuned model the difference is +46.7 points (+42.1 to +51.2 points): better." in plain["en"]
    assert "튜닝 전 모델 대비 차이는 +46.7%p(+42.1 ~ +51.2%p), 더 나음입니다." in plain["ko"]
    only = {**proof, "comparisons": proof["comparisons"][:1]}
    assert "untuned model the difference" not in terminal.summary_text(told, only), "told where it was compared alone"
    assert terminal.summary_text(told).startswith("Not proven")
    assert terminal.summary_text(told, report=Path("runs/a/report.html")).endswith("report: runs/a/report.html")


def test_preferences_are_a_share_of_pairs() -> None:
    gap = {"difference": 0.321, "low": 0.183, "high": 0.467, "p": 0.001, "verdict": "better"}
    arms = {name: {"score": score, "low": score, "high": score} for name, score in (("base", 0.633), ("tuned", 0.954))}
    proof = {"task": "t", "metric": "preference", "n": 109, "arms": arms, **gap, "comparisons": [{"a": "tuned", "b": "base", "metric": "preference", **gap}]}
    assert terminal.summary_text({"splits": {}}, proof).startswith("Better by 32.1 points")


def test_the_life_of_a_row() -> None:
    verdict = {"step": "dedup.near", "reason": "near_duplicate", "value": 0.91, "threshold": 0.8, "witness": "b", "state": "merged"}
    edit = {"step": "clean.markup", "before": "<b>a</b>", "after": "a"}
    life = {"id": "a", "state": "merged", "place": "f:1", "split": None, "verdict": verdict, "edits": [edit], "merged_here": []}
    text = terminal.why_text(life)
    assert text.splitlines()[:3] == ["a: merged", "  f:1", "  clean.markup"]
    assert "0.91 against the threshold 0.8" in text and "b" in text.splitlines()[-1] and "- <b>a</b>" in text


@pytest.mark.parametrize("lang", LANGS)
def test_the_card_tells_sources_licences_counts_and_duties(run: Path, lang: str) -> None:
    t, text = Words(lang), card.card(run, lang)
    assert text.startswith("---\npretty_name: ") and "license: other" in text and "1K<n<10K" in text
    assert "| messages | CC-BY-SA-4.0 | 546 | 64 | 66 | 55 | 181 | 3 |" in text
    assert t("duty.sa", source="messages", licence="CC-BY-SA-4.0") in text and t("duty.unknown", source="faq") in text
    assert t("duty.pii", n=45) in text
    for line in text.splitlines():
        if line.startswith("|"):
            assert line.endswith("|")


def told_again(folder: Path, **licence: object) -> Path:
    """The run with `guard.licence` in it, as its stage would tell it."""
    told = orjson.loads((folder / "run.json").read_bytes())
    told["stages"].insert(1, {**told["stages"][1], "step": "guard.licence", "dropped": {}, "edited": 0, "report": licence})
    (folder / "run.json").write_bytes(orjson.dumps(told))
    return folder


@pytest.mark.parametrize("lang", LANGS)
def test_the_card_tells_duties_of_licences_that_rows_name_and_of_no_source_that_left(tmp_path: Path, lang: str) -> None:
    t = Words(lang)
    met = {"CC-BY-SA-4.0": 676, "CC-BY-NC-SA-4.0": 300, "openai`": 40}
    text = card.card(told_again(make(tmp_path / "r", trained=False), use="research", licences=met), lang)
    assert "faq" not in text.split("## ")[3], "every row of that source names its own licence"
    assert t("duty.nc", source="–", licence="CC-BY-NC-SA-4.0") in text
    assert t("duty.apart", a="CC-BY-NC-SA-4.0", b="CC-BY-SA-4.0") in text
    allowed = next(line for line in text.splitlines() if line.startswith("| CC-BY-NC-SA-4.0"))
    assert allowed.count(t("card.yes")) == 1 and t("card.no", terms=t("term.nc")) in allowed
    assert "openai\\`" in text and "`openai`" not in text


def test_a_source_without_rows_in_the_data_obliges_to_nothing(tmp_path: Path) -> None:
    folder = make(tmp_path / "r", trained=False)
    for name in ("train", "validation", "test"):
        rows = pl.read_parquet(folder / f"data/{name}.parquet")
        rows.filter(pl.col("source") == "faq").write_parquet(folder / f"data/{name}.parquet")
    text = card.card(folder)
    assert "name the authors" not in text and Words()("duty.unknown", source="faq") in text


@pytest.mark.parametrize("lang", LANGS)
def test_personal_data_that_were_only_marked_are_not_called_replaced(tmp_path: Path, lang: str) -> None:
    folder = make(tmp_path / "r", trained=False)
    (folder / "recipe.yaml").write_text("name: r\nsources: [{path: raw/a.jsonl}]\nsteps:\n- guard.pii: {mode: flag}\n", encoding="utf-8")
    text = card.card(folder, lang)
    assert Words(lang)("duty.pii_marked") in text and Words(lang)("duty.pii", n=45) not in text


def test_a_card_without_a_search_for_personal_data_says_so(tmp_path: Path) -> None:
    folder = make(tmp_path / "r", trained=False)
    told = orjson.loads((folder / "run.json").read_bytes())
    told["stages"] = [s for s in told["stages"] if s["step"] != "guard.pii"]
    (folder / "run.json").write_bytes(orjson.dumps(told))
    assert Words()("duty.no_pii") in card.card(folder)


@pytest.mark.parametrize(
    ("licence", "keys"),
    [("CC0-1.0", ["free"]), ("Apache-2.0", ["notice"]), ("CC-BY-4.0", ["by"]), ("cc-by-nc-nd-4.0", ["nc", "nd", "by"]), ("ODbL-1.0", ["sa", "by"]), ("", ["unknown"]), ("AI-Hub", ["closed", "by"]), ("openai", ["competing"]), ("Llama-3.1", ["notice", "named"]), ("MIT OR CC-BY-NC-4.0", ["notice"])],
)
def test_duties_follow_from_the_licence(licence: str, keys: list[str]) -> None:
    assert card.duties(licence) == keys
