"""What comparisons and guards found is in the report: the numbers of the files, in words of both languages, and no personal value."""

from __future__ import annotations

import re
from pathlib import Path

import orjson
import polars as pl
import pytest

from dadeum import steps
from dadeum.report import facts, findings, page
from dadeum.report.words import LANGS, TABLE, Words
from test_report_page import numbers
from test_report_run import REPORTS, make, run

__all__ = ["run"]
CASES = Path(__file__).parent / "cases"


def of(run: Path, lang: str = "en") -> dict[str, findings.Finding]:
    return {f"{f.step}: {f.title}": f for f in findings.found(facts.read(run), Words(lang))}


def test_every_reason_that_a_step_gives_has_words_in_both_languages() -> None:
    """Reasons as the steps' own sources and golden rows spell them."""
    spelt = "\n".join(p.read_text(encoding="utf-8") for p in Path(steps.__file__).parent.rglob("*.py"))
    reasons = set(re.findall(r'reason=pl\.lit\("(\w+)"\)|pl\.lit\("(\w+)"\)\.alias\("reason"\)', spelt))
    told = {r for pair in reasons for r in pair if r} | set(re.findall(r'^REASON = "(\w+)"', spelt, re.MULTILINE))
    cases = [orjson.loads(line) for path in CASES.glob("*.jsonl") for line in path.read_bytes().splitlines() if line.strip()]
    golden = {case["reason"] for case in cases if isinstance(case.get("reason"), str)}
    assert {"alike", "over_cap", "contaminated", "seen_before", "too_long"} <= told | golden
    korean = Words("ko")
    assert not {reason for reason in told | golden if not re.search("[가-힣]", korean.reason(reason).replace(reason, ""))}


def test_a_pair_s_similarity_is_shown_as_counted(run: Path) -> None:
    near = of(run)["dedup.near: How similar the near-copies are"]
    assert [[n for n, _ in line.numbers] for line in near.lines] == [[41, 95], [30, 61], [31, 33], [0, 0]]
    assert [line.bar for line in near.lines] == [1.0, 30 / 41, 31 / 41, 0.0]
    assert "every pair" in near.lede


def test_leaks_are_told_by_kind_and_pair_of_sides(run: Path) -> None:
    leaks = of(run)["mix.split: What stood on two sides of the split"]
    assert [(line.name, line.numbers[0][0]) for line in leaks.lines] == [
        ("the same prompt · training rows that stand in the test", 2),
        ("nearly the same prompt · training rows that stand in validation", 1),
    ]
    sides = of(run, "ko")["mix.split: 분할의 각 쪽"]
    assert sides.warnings == ("검증: 그룹이 1개뿐이라 처음 보는 그룹에 대해 말할 수 없습니다.",)


def test_contamination_names_its_benchmark_its_items_and_the_row(run: Path) -> None:
    found = of(run)["guard.contamination: Test items found in the training rows"]
    verdicts = pl.read_parquet(run / "ledger/verdicts.parquet").filter(pl.col("reason") == "contaminated")
    assert found.lines[0].name == "test/questions.jsonl · test item leaked in"
    assert [n for n, _ in found.lines[0].numbers] == [verdicts.height, verdicts["witness"].n_unique()]
    assert found.pairs[0].item == "test/questions.jsonl:12" and found.pairs[0].text.startswith("How do I reset")
    assert "[PHONE]" in found.pairs[0].text


@pytest.mark.parametrize("lang", LANGS)
def test_an_exported_file_that_holds_a_test_item_is_a_warning(run: Path, lang: str) -> None:
    t = Words(lang)
    assert t("find.recheck.title") in page.render(run, lang) and t("find.recheck.bad", n=2) not in page.render(run, lang)
    told = orjson.loads((run / "run.json").read_bytes())
    told["recheck"]["train"] = 2
    (run / "run.json").write_bytes(orjson.dumps(told))
    assert t("find.recheck.bad", n=2) in page.render(run, lang)


def test_the_order_as_run_stands_beside_the_order_as_written(run: Path) -> None:
    assert not any(f.step == "order" for f in of(run).values())
    (run / "order.json").write_bytes(orjson.dumps({"steps": ["clean.unicode", "clean.markup", "filter.length"], "order": [2, 0, 1]}))
    [order] = [f for f in of(run).values() if f.step == "order"]
    assert [(line.name, [n for n, _ in line.numbers]) for line in order.lines] == [("filter.length", [3, 1]), ("clean.unicode", [1, 2]), ("clean.markup", [2, 3])]
    assert "moved 3 steps" in order.lede


def test_clusters_are_told_by_their_size(run: Path) -> None:
    told = orjson.loads((run / "run.json").read_bytes())
    report = {"embedding": "hashed", "spearman": {"KorSTS": 0.7}, "compared_rows": 90, "method": "approximate", "sampled": 9, "have_a_neighbour": 4, "recall": 1.0, "merged_rows": 9, "clusters": 5, "clusters_by_size": {"2": 3, "10": 1, "4": 1}, "largest": [{"row": 1, "rows": 10}]}
    told["stages"].append({**told["stages"][5], "step": "dedup.semantic", "report": report})
    (run / "run.json").write_bytes(orjson.dumps(told))
    clusters = of(run)["dedup.semantic: Clusters of the same meaning"]
    assert [(line.name, line.numbers[0][0]) for line in clusters.lines] == [("2 rows", 3), ("4 rows", 1), ("10 rows", 1)]
    assert "100%" in clusters.lede and "hashed" in clusters.lede


@pytest.mark.parametrize("lang", LANGS)
def test_every_number_of_a_finding_is_on_the_page_with_its_place_and_no_stratum_is_personal(run: Path, lang: str) -> None:
    text = page.render(run, lang)
    assert "010-2345-6789" not in text and "[PHONE]" in text
    found = numbers(text)
    i = next(i for i, s in enumerate(orjson.loads((run / "run.json").read_bytes())["stages"]) if s["step"] == "dedup.near")
    t = Words(lang)
    for low, n in REPORTS["dedup.near"]["pairs"].items():
        assert found[f"run.json: stages[{i}].report.pairs, {t('find.from', x=low)}, {t('find.pairs')}"] == n


def test_every_entry_of_a_step_s_report_has_words() -> None:
    for told in REPORTS.values():
        assert not {key for key in told if f"finding.{key}" not in TABLE and key not in sum(findings.SHOWN.values(), ())}


def test_a_run_without_findings_has_no_section_for_them(tmp_path: Path) -> None:
    folder = make(tmp_path / "r", trained=False)
    told = orjson.loads((folder / "run.json").read_bytes())
    told.pop("recheck")
    for stage in told["stages"]:
        stage["report"] = {}
    (folder / "run.json").write_bytes(orjson.dumps(told))
    verdicts = folder / "ledger/verdicts.parquet"
    pl.read_parquet(verdicts).filter(pl.col("reason") != "contaminated").write_parquet(verdicts)
    assert 'id="findings"' not in page.render(folder)


def test_apply_tells_what_its_steps_found_and_warn_of() -> None:
    from dadeum.report import terminal

    counts = {"read": 3, "kept": 3, "dropped": 0, "merged": 0, "quarantined": 0, "grown": 0}
    report = {"alpha": {"value": 0.75}, "most": [{"one": "kim", "kappa": 0.5}], "warnings": ["only 1 group"]}
    text = terminal.apply_text(counts, Path("o.jsonl"), 80, "en", [{"step": "annotate.agreement", "report": report}, {"step": "clean.unicode", "report": {}}])
    assert "alpha value 0.75" in text and "one kim, kappa 0.5" in text and "! only 1 group" in text
    assert "{" not in text and "clean.unicode" not in text and "3 read + 0 grown = 3 kept" in text
