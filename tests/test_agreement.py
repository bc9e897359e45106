"""annotate.agreement: statistics against published examples, slow twins, planted truth and three real panels."""

from __future__ import annotations

import gzip
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dadeum.recipe import read_step
from dadeum.record import records
from dadeum.run import apply
from dadeum.steps.annotate import _agreement as agreement
from dadeum.steps.annotate._dawid_skene import estimate

DATA = Path(__file__).parents[2] / "shared/data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is absent")

KRIPPENDORFF = ["123321412...", "12332241" + "25.3", ".33323422" + "51.", "1233244" + "1251."]
"""Four observers of twelve units (Krippendorff 2011, example C)."""
FLEISS = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip
"""Ten subjects, fourteen raters, five classes (after Fleiss 1971)."""


def panel(observers: list[str]) -> np.ndarray:
    counts = np.zeros((len(observers[0]), 5))
    for votes in observers:
        for unit, vote in enumerate(votes):
            if vote != ".":
                counts[unit, int(vote) - 1] += 1
    return counts


@pytest.mark.parametrize("level, published", [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)])
def test_krippendorffs_own_example(level: agreement.Level, published: float) -> None:
    assert agreement.alpha(panel(KRIPPENDORFF), level, np.arange(1.0, 6.0)) == pytest.approx(published, abs=5e-4)


def test_published_kappas() -> None:
    assert agreement.fleiss(np.array(FLEISS, dtype=float)) == pytest.approx(0.210, abs=5e-4)
    assert agreement.cohen(np.array([[20.0, 5], [10, 15]])) == pytest.approx(0.4)
    # Gwet's example of the paradox: 118 and 0 of 125 agreed on, 7 not.
    paradox = np.array([[2.0, 0]] * 118 + [[1.0, 1]] * 7)
    assert agreement.ac1(paradox) == pytest.approx(0.9408, abs=1e-4)
    assert agreement.fleiss(paradox) == pytest.approx(-0.0288, abs=1e-4)
    assert agreement.observed(paradox) == pytest.approx(0.944)


def slow_alpha(units: list[list[int]], level: str) -> float | None:
    """Pair by pair, as the definition says."""
    units = [unit for unit in units if len(unit) > 1]
    every = [vote for unit in units for vote in unit]

    def away(a: int, b: int) -> float:
        if level == "nominal":
            return float(a != b)
        if level == "interval":
            return float((a - b) ** 2)
        if level == "ratio":
            return 0.0 if a == b else ((a - b) / (a + b)) ** 2
        low, high = min(a, b), max(a, b)
        return (sum(low <= v <= high for v in every) - (every.count(low) + every.count(high)) / 2) ** 2

    def pairs(votes: list[int]) -> float:
        return sum(away(votes[i], votes[j]) for i, j in itertools.permutations(range(len(votes)), 2))

    expected = pairs(every) / (len(every) - 1) if len(every) > 1 else 0
    return 1 - sum(pairs(unit) / (len(unit) - 1) for unit in units) / expected if expected else None


@given(st.lists(st.lists(st.integers(0, 4), max_size=4), max_size=8), st.sampled_from(["nominal", "ordinal", "interval", "ratio"]))
def test_alpha_is_its_slow_twin(units: list[list[int]], level: agreement.Level) -> None:
    counts = np.array([np.bincount(np.array(unit, dtype=int), minlength=5) for unit in units], dtype=float).reshape(-1, 5)
    fast, slow = agreement.alpha(counts, level, np.arange(5.0)), slow_alpha(units, level)
    assert (fast is None) == (slow is None)
    if slow is not None:
        assert fast == pytest.approx(slow)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    held = 0
    truth = None
    for n in [200_000] + [100] * 120:
        real = rng.integers(0, 3, n)
        votes = np.where(rng.random((n, 3)) < 0.8, real[:, None], rng.integers(0, 3, (n, 3)))
        counts = np.stack([(votes == c).sum(1) for c in range(3)], 1).astype(float)
        if truth is None:
            truth = agreement.alpha(counts, "nominal", np.arange(3.0))
            continue
        of = lambda kinds, often: agreement._alpha(kinds, often, "nominal", np.arange(3.0))  # noqa: E731
        low, high = agreement.bootstrap(counts, of, 0.95, 200, 0)
        held += low <= truth <= high
    assert 105 <= held <= 120  # 95 % of 120 is 114; fewer than 105 has a chance of 1 in 2,000


def slow_estimate(votes: list[tuple[int, int, int]], items: int, annotators: int, classes: int, rounds: int) -> list[list[float]]:
    """Dawid and Skene with loops."""
    chances = [[0.0] * classes for _ in range(items)]
    for item in range(items):
        mine = [said for i, _, said in votes if i == item]
        for c in range(classes):
            chances[item][c] = mine.count(c) / len(mine) if mine else 1 / classes
    for _ in range(rounds):
        prior = [(sum(row[c] for row in chances) + 1 / classes) / (items + 1) for c in range(classes)]
        errs = [[[0.1 + 0.9 * (t == s) for s in range(classes)] for t in range(classes)] for _ in range(annotators)]
        for item, who, said in votes:
            for t in range(classes):
                errs[who][t][said] += chances[item][t]
        errs = [[[cell / sum(row) for cell in row] for row in matrix] for matrix in errs]
        for item in range(items):
            made = list(prior)
            for i, who, said in votes:
                if i == item:
                    made = [m * errs[who][t][said] for t, m in enumerate(made)]
            chances[item] = [m / sum(made) for m in made]
    return chances


def test_dawid_skene_is_its_slow_twin() -> None:
    rng = np.random.default_rng(3)
    votes = [(int(i), int(w), int(s)) for i, w, s in zip(rng.integers(0, 12, 50), rng.integers(0, 4, 50), rng.integers(0, 3, 50))]
    item, who, said = (np.array(part) for part in zip(*votes))
    fast = estimate(item, who, said, 12, 4, 3)
    assert np.allclose(fast.chances, slow_estimate(votes, 12, 4, 3, fast.rounds), atol=1e-9)


def planted(language: str) -> tuple[pl.DataFrame, list[str]]:
    """300 items, five good annotators, one who always says the same and one who says the contrary; a vote a row."""
    rng = np.random.default_rng(11)
    yes, no = ("욕설", "정상") if language == "ko" else ("abuse", "fine")
    truth = [yes if t else no for t in rng.random(300) < 0.5]
    rows: list[dict[str, Any]] = []
    for i, true in enumerate(truth):
        other = no if true == yes else yes
        for who in range(5):
            rows.append({"text": f"{true}{i}", "who": f"good{who}", "vote": true if rng.random() < 0.85 else other})
        rows.append({"text": f"{true}{i}", "who": "stuck", "vote": yes})
        rows.append({"text": f"{true}{i}", "who": "contrary", "vote": other if rng.random() < 0.9 else true})
    return records(rows), truth


@pytest.mark.parametrize("language", ["ko", "en"])
def test_the_bad_annotators_are_found_and_the_truth_in_spite_of_them(language: str) -> None:
    rows, truth = planted(language)
    step = read_step("annotate.agreement", {"votes": ["vote"], "annotator": "who", "item": ["text"]}, "")
    related = step.relate(step.sketch(rows))
    told = step.decide(related).sort("row").join(rows.select("row", "text"), on="row").unique("text", keep="first", maintain_order=True)
    report = step.report(related)
    assert report["ask_annotators"] == {"contrary": ["disagrees"], "stuck": ["disagrees", "one_answer"]}
    model = np.mean([a == b for a, b in zip(told["agreement_model"], truth)])
    majority = np.mean([a == b for a, b in zip(told["agreement_majority"], truth)])
    assert model > 0.97 and model > majority
    by = {line["annotator"]: line for line in report["by_annotator"]}
    assert by["contrary"]["accuracy"] < 0.2 and all(abs(by[f"good{i}"]["accuracy"] - 0.85) < 0.07 for i in range(5))
    assert by["contrary"]["alpha_without"] > report["alpha"]["value"] > by["good0"]["alpha_without"]


def test_the_order_of_rows_and_the_cut_are_irrelevant_to_the_report() -> None:
    rows, _ = planted("en")
    step = read_step("annotate.agreement", {"votes": ["vote"], "annotator": "who", "item": ["text"], "draws": 100}, "")
    sketches = step.sketch(rows)
    assert step.report(sketches) == step.report(sketches.sample(fraction=1, shuffle=True, seed=2))
    assert pl.concat([step.sketch(rows[:333]), step.sketch(rows[333:])]).equals(sketches)


def test_a_name_that_is_an_address_is_not_told() -> None:
    rows = records([{"text": "a", "who": who, "vote": "1"} for who in ("kim.chulsoo@naver.com", "anna")])
    step = read_step("annotate.agreement", {"votes": ["vote"], "annotator": "who", "item": ["text"]}, "")
    assert "naver" not in json.dumps(step.report(step.sketch(rows)))


def told(rows: list[dict[str, Any]], **params: Any) -> dict[str, Any]:
    step = read_step("annotate.agreement", {"draws": 200, **params}, "")
    return step.report(step.relate(step.sketch(records(rows))))


@needs_data
def test_convabuse() -> None:
    raw = pl.read_csv(DATA / "convabuse/ConvAbuseEMNLPfull_per_annotator.csv.gz", infer_schema_length=None)
    severity = sum(pl.col(f"is_abuse.{k}").cast(pl.Int64) * k for k in (1, 0, -1, -2, -3))
    raw = raw.with_columns(severity=severity).rename({"user": "said"})  # `user` is a role's name
    item = ["conv_id", "prev_agent", "prev_user", "agent", "said"]
    rows = records([{}] * raw.height).with_columns(raw.select("annotator_id", "severity", *item))
    step = read_step("annotate.agreement", {"votes": ["severity"], "annotator": "annotator_id", "item": item, "level": "interval", "draws": 200}, "")
    report = step.report(step.sketch(rows))
    assert (report["items"], report["votes"], report["annotators"]) == (2422, 7413, 8)
    assert report["alpha"]["value"] == pytest.approx(0.726, abs=5e-4)
    assert report["alpha"]["low"] < 0.726 < report["alpha"]["high"]
    assert report["repeated"]["consistent"] > 0.9 * report["repeated"]["votes"]


@needs_data
def test_klue_nli() -> None:
    with gzip.open(DATA / "klue_nli/klue-nli-v1.1_dev.json.gz", "rt", encoding="utf-8") as file:
        raw = json.load(file)
    report = told(raw, votes=["author", "label2", "label3", "label4", "label5"])
    assert report["alpha"]["value"] == pytest.approx(0.838, abs=5e-4)
    assert "tie" not in report["ask_items"]  # every pair has three equal votes of five
    assert not report["prevalence"]


@needs_data
def test_square_and_the_prevalence_paradox() -> None:
    def panel(name: str, question: str, key: str) -> dict[str, Any]:
        raw = json.loads((DATA / f"square/{name}_test_ood_annotations.json").read_text(encoding="utf-8"))
        rows = [{"text": "", "votes": json.dumps(row["raw_annotations"][question], ensure_ascii=False)} for row in raw]
        return told(rows, votes=["votes"], value=key, annotator="workerID")

    acceptable = panel("response", "Q2: Acceptable or Non-acceptable", "acceptable?")
    assert acceptable["alpha"]["value"] == pytest.approx(0.317, abs=5e-4)
    assert acceptable["annotators"] == 179
    subjective = panel("question", "Q2: Subjective or Objective", "subjective?")
    assert subjective["alpha"]["value"] == pytest.approx(-0.053, abs=5e-4)
    assert subjective["prevalence"] and subjective["ac1"]["value"] > 0.85 and subjective["observed"]["value"] > 0.89
    assert not acceptable["prevalence"]


def test_apply_takes_the_files_own_fields(tmp_path: Path) -> None:
    votes = [("a", "x", "1"), ("a", "y", "1"), ("b", "x", "0"), ("b", "y", "0"), ("c", "x", "1"), ("c", "y", "0")]
    rows = [{"text": f"문장 {item}", "item": item, "who": who, "vote": vote} for item, who, vote in votes]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    sets = ["annotate.agreement.item=item", "annotate.agreement.annotator=who", "annotate.agreement.votes=vote"]
    counts = apply(["annotate.agreement"], str(tmp_path / "in.jsonl"), tmp_path / "out.jsonl", sets)
    assert counts["kept"] == 6
    made = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["vote"] for row in made] == [vote for _, _, vote in votes] and len(made[0]) > len(rows[0])
