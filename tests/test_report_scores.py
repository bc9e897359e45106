"""What the report tells of scores: other thresholds as counting gives them, a tokenizer's fit, and how good a trained scorer is. On real runs."""

from __future__ import annotations

from pathlib import Path

import orjson
import polars as pl
import pytest

from dadeum import recipe as recipes
from dadeum.report import facts, page, scores
from dadeum.report.words import LANGS, Words
from dadeum.run import data

TOKENIZER = Path(__file__).parent / "data/tokenizer.json"
KIND = ("정말 고마워요", "오늘 즐거웠습니다", "친절하게 알려 주셨네요", "다음에 또 만나요", "what a lovely day", "thank you so much")
RUDE = ("꺼져 멍청아", "너 진짜 바보냐", "입 닥쳐라", "쓰레기 같은 놈", "you are an idiot", "shut up you fool")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a trained scorer, a cut on its score, a cut by rules, and counted tokens."""
    pytest.importorskip("tokenizers")
    folder = tmp_path_factory.mktemp("scored")
    rows = [{"text": f"{said} {i % 37}", "kind": kind} for i in range(200) for said, kind in ((KIND[i % 6], "good"), (RUDE[i % 6], "rude"))]
    (folder / "labels.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    raw = [f"{(KIND + RUDE)[i % 12]} {i}" for i in range(240)] + [f"ㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋ {i}" for i in range(12)]
    (folder / "raw.jsonl").write_bytes(b"".join(orjson.dumps({"text": text}) + b"\n" for text in raw))
    steps = [
        {"annotate.quality": {}},
        {"filter.quality": {}},
        {"annotate.toxicity": {"labels": [str(folder / "labels.jsonl")], "label": "kind", "positive": ["rude"], "builtin": False}},
        {"filter.threshold": {"column": "toxicity", "max": 0.8}},
        {"annotate.tokens": {"tokenizer": str(TOKENIZER)}},
        {"mix.split": {"test": 0.2, "validation": 0}},
    ]
    out = folder / "run"
    out.mkdir()
    data(recipes.compose({"name": "scored", "sources": [{"path": str(folder / "raw.jsonl")}], "steps": steps}), out)
    return out


def told(run: Path, lang: str = "en") -> dict[str, scores.Finding]:
    return {f.step: f for f in scores.found(facts.read(run), Words(lang))}


def test_other_thresholds_drop_what_counting_says(run: Path) -> None:
    found = told(run)["filter.threshold"]
    kept = pl.concat(pl.read_parquet(path).select("toxicity") for path in (run / "data").glob("*.parquet")).to_series()
    left = pl.read_parquet(run / "ledger/verdicts.parquet").filter(pl.col("reason") == "toxicity_above").get_column("value")
    values = pl.concat([kept, left.alias("toxicity")])
    assert left.len() and found.lede.startswith(f"What other thresholds would have dropped, without scoring again: of {len(values)} rows")
    for line in found.lines:
        threshold = 0.8 if "as run" in line.name else float(line.name)
        n = sum(v > threshold for v in values.to_list())
        assert abs(line.numbers[0][0] - n) <= (0 if "as run" in line.name else 2), "the name is rounded to four digits"
    [now] = [line for line in found.lines if "as run" in line.name]
    assert now.numbers[0][0] == left.len() and now.numbers[1][0] == left.len() / len(values)


def test_rules_tell_what_they_dropped_and_their_strictest_limits(run: Path) -> None:
    found = told(run)["filter.quality"]
    jamo = next(line for line in found.lines if line.name.startswith("loose jamo"))
    assert jamo.numbers[1][0] == 12 and jamo.numbers[0][1] == "0.3"
    assert [most for most, _ in jamo.numbers[2:]] == [0.01, 0.05, 0.1]


def test_a_tokenizer_s_fit_is_told_by_language(run: Path) -> None:
    found = told(run)["annotate.tokens"]
    rows = pl.concat(pl.read_parquet(path).select("text", "tokens") for path in (run / "data").glob("*.parquet"))
    assert sum(line.numbers[0][0] for line in found.lines) == rows.height
    assert sum(line.numbers[1][0] for line in found.lines) == rows.get_column("tokens").sum()


def test_how_good_a_trained_scorer_is_stands_in_the_run_and_is_not_measured_again(run: Path) -> None:
    stages = {stage["step"]: stage for stage in orjson.loads((run / "run.json").read_bytes())["stages"]}
    held = stages["annotate.toxicity"]["report"]["held_out"]
    assert held["rows"] == 400 and held["good"] == 200 and held["low"] <= held["auc"] <= held["high"]
    assert "held_out" not in stages["annotate.quality"]["report"]
    found = told(run)["annotate.toxicity"]
    assert found.lines[0].numbers[0][0] == held["auc"] and "400" in found.lede


@pytest.mark.parametrize("lang", LANGS)
def test_the_page_shows_all_of_it(run: Path, lang: str) -> None:
    html = page.render(run, lang)
    t = Words(lang)
    for title in (t("find.cut.title", column="toxicity"), t("look.fertility"), t("find.held.title", step="annotate.toxicity"), t("find.rules.title", name="finetune")):
        assert title in html
