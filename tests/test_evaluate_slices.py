"""Slices, suites and the order of many arms: false calls at the level, planted effects found, and slow twins."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from dadeum.evaluate.compare import Arm, holm
from dadeum.evaluate.proof import Answers, proof
from dadeum.evaluate.ranking import PRIOR, ranking, strengths, wins
from dadeum.evaluate.slices import LEAST, heterogeneity, slices, values
from dadeum.evaluate.together import together
from dadeum.settings import Prove

QUICK = Prove(resamples=199)


def arms(rng: np.random.Generator, n: int, gain: np.ndarray | float = 0.0) -> tuple[Arm, Arm]:
    base = (rng.random(n) < 0.5).astype(float)
    luck = rng.random(n)
    tuned = np.where(luck < np.abs(gain), np.where(np.asarray(gain) > 0, 1.0, 0.0), base)
    tuned = np.where(rng.random(n) < 0.1, 1 - tuned, tuned)
    return Arm("tuned", tuned[None], fixed=True), Arm("base", base[None], fixed=True)


def sliced(a: Arm, b: Arm, columns: dict[str, Any], cluster: Any = None) -> dict[str, Any]:
    return slices(a, b, columns, QUICK, cluster, binary=True)


def test_a_planted_loss_in_one_slice_is_found_there() -> None:
    rng = np.random.default_rng(1)
    topic = rng.choice(["배송", "환불", "기타"], 900)
    a, b = arms(rng, 900, np.where(topic == "환불", -0.45, 0.35))
    told = sliced(a, b, {"topic": topic.tolist(), "noise": rng.choice(["x", "y"], 900).tolist()})
    found = {(row["column"], row["value"]): row for row in told["slices"]}
    assert found["topic", "환불"]["verdict"] == "worse" and found["topic", "배송"]["verdict"] == "better"
    assert told["columns"]["topic"]["p"] < 0.01 < told["columns"]["noise"]["p"]
    assert [row["p_corrected"] for row in told["slices"]] == pytest.approx(holm([row["p"] for row in told["slices"]]))
    row = found["topic", "환불"]
    at = topic == "환불"
    assert row["n"] == at.sum() and row["a"] == a.scores[0, at].mean() and row["difference"] == pytest.approx(row["a"] - row["b"])


def test_many_slices_of_equal_arms_are_seldom_called() -> None:
    rng = np.random.default_rng(2)
    runs = 30
    called = uneven = 0
    for _ in range(runs):
        a, b = arms(rng, 400)
        told = sliced(a, b, {name: rng.choice(list("pqrst"), 400).tolist() for name in "ab"})
        called += any(row["verdict"] != "cannot tell" for row in told["slices"])
        uneven += told["columns"]["a"]["p"] <= 0.05
    # 30 runs at 5 %: five or more happen in 6 % of the cases.
    assert called <= 4 and uneven <= 4, (called, uneven)


def test_clusters_move_together() -> None:
    """Twenty clusters whose items all gain or all lose: no gain of a slice that holds whole clusters is beyond their luck."""
    rng = np.random.default_rng(3)
    called = 0
    for _ in range(40):
        sign = np.repeat(rng.choice([-1.0, 1.0], 20), 30)
        cluster = np.repeat(np.arange(20), 30)
        half = np.repeat(rng.permutation(20) < 10, 30)
        a, b = Arm("a", ((1 + sign) / 2)[None], fixed=True), Arm("b", np.full((1, 600), 0.5), fixed=True)
        called += (heterogeneity(a, b, half.tolist(), cluster.tolist(), seed=1) or 1) <= 0.05
    assert called <= 6, called


def test_few_items_have_no_verdict_and_rare_values_are_counted() -> None:
    n = 400
    a, b = Arm("a", np.ones((1, n)), fixed=True), Arm("b", np.zeros((1, n)), fixed=True)
    rare = ["few"] * (LEAST - 1) + [None] * 3 + [f"v{i % 30}" for i in range(n - LEAST - 2)]
    told = sliced(a, b, {"c": rare})
    assert next(row for row in told["slices"] if row["value"] == "few")["verdict"] == "cannot tell"
    assert told["columns"]["c"]["more"] == 11 and len(told["slices"]) == 20
    assert told["columns"]["c"]["p"] == 1.0, "the same gain everywhere"


def test_languages_and_lengths_come_of_the_questions() -> None:
    asked = ["환불해 주세요", "LoRA 설정", "please", "東京", "123", "please refund my order"]
    frame = pl.DataFrame({"topic": list("aabbcc")})
    assert values(frame, "language", asked) == ["ko", "ko", "en", "other", None, "en"]
    framed = [f"다음 글의 감정은?\n{text}\n답:" for text in ("refund please", "환불해 주세요", "not good")]
    assert values(frame, "language", framed) == ["en", "ko", "en"] and values(frame, "language", ["같은 물음"] * 2) == ["ko", "ko"]
    assert values(frame, "language", ["aba", "a"]) == ["en", "en"] and values(frame, "language", ["환불 refund please"]) == ["en"]
    assert values(frame, "length", ["x" * n for n in (1, 2, 3, 4, 5, 6)]) == ["short", "short", "middle", "middle", "long", "long"]
    assert set(values(frame, "length", ["same"] * 6)) == {"short"}
    assert values(frame, "topic", asked) == list("aabbcc")


def test_suites_are_corrected_together() -> None:
    rng = np.random.default_rng(4)
    proofs = []
    for gain in (0.0, 0.1, 0.5):
        a, b = arms(rng, 200, gain)
        said = [["yes" if x else "no" for x in arm.scores[0]] for arm in (b, a)]
        proofs.append(proof([Answers("base", [said[0]]), Answers("tuned", [said[1]], (0,))], ["yes"] * 200, QUICK))
    before = [told["p"] for told in proofs]
    alone = [told["p_corrected"] for told in proofs]
    together(proofs)
    assert [told["p_corrected"] for told in proofs] == pytest.approx(holm(before)) != alone
    assert [told["verdict"] for told in proofs][2] == "better" and proofs[0]["verdict"] == "cannot tell"
    assert all(told["comparisons"][0]["p_corrected"] == told["p_corrected"] for told in proofs)


def test_equal_suites_are_seldom_called_together() -> None:
    rng = np.random.default_rng(5)
    called = 0
    for _ in range(40):
        proofs = []
        for _ in range(6):
            a, b = arms(rng, 80)
            said = [["yes" if x else "no" for x in arm.scores[0]] for arm in (b, a)]
            proofs.append(proof([Answers("base", [said[0]]), Answers("tuned", [said[1]], (0,))], ["yes"] * 80, Prove(resamples=99)))
        together(proofs)
        called += any(told["verdict"] != "cannot tell" for told in proofs)
    assert called <= 6, called


def slow_strengths(table: np.ndarray) -> np.ndarray:
    """Hunter's minorisation (2004), a thousand times slower and too simple to be wrong."""
    games, won, strength = table + table.T, table.sum(1) + PRIOR, np.ones(len(table))
    for _ in range(100_000):
        new = won / ((games / (strength[:, None] + strength[None, :])).sum(1) + 2 * PRIOR / (strength + 1))
        if np.abs(new - strength).max() < 1e-13:
            break
        strength = new
    return np.log(strength) - np.log(strength).mean()


def test_strengths_are_the_most_likely_ones() -> None:
    rng = np.random.default_rng(6)
    for n in (2, 3, 7):
        table = rng.integers(1, 40, (n, n)).astype(float)
        np.fill_diagonal(table, 0)
        assert strengths(table) == pytest.approx(slow_strengths(table), abs=1e-6)
    always = np.array([[0.0, 50.0, 50.0], [0.0, 0.0, 25.0], [0.0, 25.0, 0.0]])
    assert np.isfinite(strengths(always)).all() and strengths(always)[0] > strengths(always)[1]
    with np.errstate(all="raise"):
        assert strengths(np.array([[0.0, 1e6], [0.0, 0.0]]))[0] > 5


def test_known_strengths_are_found_within_their_intervals() -> None:
    rng = np.random.default_rng(7)
    true = np.array([-0.8, -0.2, 0.1, 0.9])
    inside = total = 0
    for _ in range(12):
        score = true[:, None] + rng.gumbel(size=(4, 400))  # of gumbel noise the larger wins with Bradley and Terry's odds
        made = ranking([Arm(f"{i}", score[i][None], fixed=True) for i in range(4)], binary=False)
        assert [one["name"] for one in made["arms"]] == ["3", "2", "1", "0"]
        for one in made["arms"]:
            points = 400 / np.log(10) * (true[int(one["name"])] - true.mean())
            inside += one["low"] <= points <= one["high"]
            total += 1
            assert one["first"] <= 4 - int(one["name"]) <= one["last"]
    assert inside / total > 0.85, "95 % intervals"
    assert not made["circles"]


def test_circles_are_told() -> None:
    n = 300
    rock = np.tile([2.0, 1.0, 0.0], n)
    paper, scissors = np.tile([1.0, 0.0, 2.0], n), np.tile([0.0, 2.0, 1.0], n)
    made = ranking([Arm(name, line[None], fixed=True) for name, line in (("a", rock), ("b", paper), ("c", scissors))], binary=False)
    assert made["circles"] == [["a", "b", "c"]], "a beats b on two items of three, b beats c, c beats a"
    assert wins(np.array([[1.0, 0.5], [0.0, 0.5]]))[0, 1].tolist() == [1.0, 0.5]
