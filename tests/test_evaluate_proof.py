"""proof.json and the items it is about."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from dadeum.errors import DadeumError, RecipeError
from dadeum.evaluate.items import items
from dadeum.evaluate.metrics.loss import Losses
from dadeum.evaluate.proof import Answers, proof
from dadeum.record import RECORD, records
from dadeum.settings import Prove

QUICK = {"resamples": 299}
CONTRACT = {"task", "n", "arms", "difference", "low", "high", "p", "verdict", "seeds", "comparisons"}


def said(rng: np.random.Generator, right: float, n: int = 120, unreadable: float = 0.0) -> list[str]:
    words = np.where(rng.random(n) < right, "긍정", "부정")
    return np.where(rng.random(n) < unreadable, "글쎄요", words).tolist()


def label(**more: object) -> Prove:
    return Prove(metric="label", labels=("긍정", "부정"), **QUICK, **more)  # type: ignore[arg-type]


def test_three_arms_and_the_contract() -> None:
    rng = np.random.default_rng(0)
    arms = [
        Answers("base", [said(rng, 0.5)]),
        Answers("raw", [said(rng, 0.6) for _ in range(3)], (0, 1, 2)),
        Answers("tuned", [said(rng, 0.9) for _ in range(3)], (0, 1, 2)),
    ]
    told = proof(arms, ["긍정"] * 120, label(), task="reviews")
    assert told.keys() >= CONTRACT
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert told["verdict"] == "better" and told["headline"] == ["tuned", "base"] and told["seeds"] == [0, 1, 2]
    pairs = [(c["a"], c["b"]) for c in told["comparisons"]]
    assert sorted(pairs) == [("raw", "base"), ("tuned", "base"), ("tuned", "raw")]
    assert all({"a", "b", "metric", "difference", "low", "high", "p", "p_corrected", "verdict"} <= c.keys() for c in told["comparisons"])
    assert all(c["p_corrected"] >= c["p"] for c in told["comparisons"])
    for arm in told["arms"].values():
        assert arm["low"] <= arm["score"] <= arm["high"] and arm["score"] == pytest.approx(np.mean(arm["by_seed"]))
    assert told["difference"] == pytest.approx(told["arms"]["tuned"]["score"] - told["arms"]["base"]["score"])
    assert sum(told["arms"]["tuned"]["confusion"]["긍정"].values()) == 360


def test_the_headline_is_whom_one_asks_for() -> None:
    rng = np.random.default_rng(0)
    arms = [Answers("tuned", [said(rng, 0.9)], (0,)), Answers("base", [said(rng, 0.4)])]
    told = proof(arms, ["긍정"] * 120, label(), headline=("tuned", "base"))
    assert told["verdict"] == "better" and told["seeds"] == [0]
    assert proof(arms, ["긍정"] * 120, label())["verdict"] == "worse"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_items_tell_nothing_and_warn_of_nothing(n: int) -> None:
    arms = [Answers("base", [["부정"] * n]), Answers("other", [["긍정"] * n]), Answers("tuned", [["긍정"] * n], (0,))]
    losses = [Losses([float(i + k) for i in range(n)], [3] * n, [9] * n) for k in (2, 1)]
    arms = [Answers(arm.name, arm.replies, arm.seeds, [lost]) for arm, lost in zip((arms[0], arms[2]), losses)] + [arms[1]]
    told = proof(arms, ["긍정"] * n, label(), headline=("tuned", "base"))
    assert told["verdict"] == "cannot tell" and json.dumps(told, allow_nan=False)


def test_two_trained_arms_with_one_training_each_cannot_be_told_apart() -> None:
    rng = np.random.default_rng(0)
    once = [Answers("raw", [said(rng, 0.5)], (0,)), Answers("tuned", [said(rng, 0.95)], (1000,))]
    told = proof(once, ["긍정"] * 120, label())
    assert told["verdict"] == "cannot tell" and told["items_only"] == "better" and told["covers"] == "items"
    assert "trained once" in told["notes"][0] and "한 번씩" in told["notes_ko"][0]


def test_one_training_against_a_fixed_arm_says_what_it_covers() -> None:
    rng = np.random.default_rng(0)
    told = proof([Answers("base", [said(rng, 0.5)]), Answers("tuned", [said(rng, 0.95)], (0,))], ["긍정"] * 120, label())
    assert told["verdict"] == "better" and told["covers"] == "items" and "items only" in told["notes"][0]


def test_nobody_gains_by_being_unreadable() -> None:
    """The same answers, half of them turned unreadable: the arm's score can only fall."""
    rng = np.random.default_rng(1)
    good = said(rng, 0.7)
    base = Answers("base", [said(rng, 0.7)])
    whole = proof([base, Answers("tuned", [good], (0,))], ["긍정"] * 120, label())
    spoilt = [r if i % 2 else "음..." for i, r in enumerate(good)]
    told = proof([base, Answers("tuned", [spoilt], (0,))], ["긍정"] * 120, label())
    assert told["arms"]["tuned"]["unscored"] == 60 and told["difference"] < whole["difference"] and told["n"] == 120
    assert told["scored_by_both"]["n"] == 60
    also = proof([Answers("base", [["음..."] * 120]), Answers("tuned", [good], (0,))], ["긍정"] * 120, label())
    assert also["difference"] >= whole["difference"] and also["scored_by_both"] == {"n": 0, "difference": None}


def test_a_bad_reference_leaves_for_all() -> None:
    replies = ["긍정"] * 40
    told = proof([Answers("base", [replies]), Answers("tuned", [replies], (0,))], ["긍정"] * 30 + ["중립"] * 10, label())
    assert told["n"] == 30 and told["unusable_items"] == 10 and told["verdict"] == "cannot tell"
    with pytest.raises(DadeumError, match="none of the 40"):
        proof([Answers("base", [replies]), Answers("tuned", [replies], (0,))], ["?"] * 40, label())


def losses(rng: np.random.Generator, level: float, n: int = 80) -> Losses:
    tokens = 5 + np.arange(n) % 7
    return Losses((tokens * (level + rng.normal(0, 0.2, n))).tolist(), tokens.tolist(), (tokens * 3).tolist())


def test_losses_lower_is_better() -> None:
    rng = np.random.default_rng(2)
    replies = ["x"] * 80
    arms = [
        Answers("base", [replies], losses=[losses(rng, 3.0)]),
        Answers("tuned", [replies] * 3, (0, 1, 2), [losses(rng, 2.5) for _ in range(3)]),
    ]
    told = proof(arms, ["y"] * 80, Prove(metric="exact", **QUICK))
    found = {c["metric"]: c for c in told["comparisons"]}
    assert found["exact"]["verdict"] == "cannot tell"
    assert found["loss_per_token"]["verdict"] == "better" and found["loss_per_token"]["difference"] == pytest.approx(-0.5, abs=0.1)
    assert found["loss_per_byte"]["difference"] == pytest.approx(found["loss_per_token"]["difference"] / 3)
    assert told["arms"]["tuned"]["loss_per_token"]["score"] == pytest.approx(2.5, abs=0.1)


def test_other_tokens_are_not_compared_per_token() -> None:
    rng = np.random.default_rng(2)
    one, other = losses(rng, 3.0), losses(rng, 3.0)
    other = Losses(other.nats, [t + 1 for t in other.tokens], other.bytes)
    arms = [Answers("base", [["x"] * 80], losses=[one]), Answers("tuned", [["x"] * 80], (0,), [other])]
    assert {c["metric"] for c in proof(arms, ["y"] * 80, Prove(**QUICK))["comparisons"]} == {"exact", "loss_per_byte"}


def test_a_loss_that_is_missing_leaves_for_all() -> None:
    rng = np.random.default_rng(2)
    one = losses(rng, 3.0)
    gap = Losses([float("nan"), *one.nats[1:]], one.tokens, one.bytes)
    arms = [Answers("base", [["x"] * 80], losses=[one]), Answers("tuned", [["x"] * 80], (0,), [gap])]
    found = {c["metric"]: c for c in proof(arms, ["y"] * 80, Prove(**QUICK))["comparisons"]}
    assert found["loss_per_token"]["n"] == 79 and found["loss_per_token"]["difference"] == 0


@pytest.mark.parametrize("metric", ["exact", "numeric", "chrf"])
def test_every_metric_goes_through(metric: str) -> None:
    arms = [Answers("base", [["1", "2", "x"] * 10]), Answers("tuned", [["1", "2", "3"] * 10], (0,))]
    told = proof(arms, ["1", "2", "3"] * 10, Prove(metric=metric, **QUICK))  # type: ignore[arg-type]
    assert told["difference"] == pytest.approx(100 / 3 if metric == "chrf" else 1 / 3)
    assert told["arms"]["base"]["unscored"] == (10 if metric == "numeric" else 0)
    assert told["verdict"] == "better" and told["smallest_difference"] > 0


def test_clusters_and_seed_decide_nothing_by_chance() -> None:
    rng = np.random.default_rng(5)
    arms = [Answers("base", [said(rng, 0.5)]), Answers("tuned", [said(rng, 0.6)], (0,))]
    films = [f"film {i % 15}" for i in range(120)]
    assert proof(arms, ["긍정"] * 120, label(), cluster=films) == proof(arms, ["긍정"] * 120, label(), cluster=films)
    assert proof(arms, ["긍정"] * 120, label(), cluster=films)["clusters"] == 15
    few = proof(arms, ["긍정"] * 120, label(), cluster=[i % 4 for i in range(120)])
    assert few["verdict"] == "cannot tell" and any("clusters are few" in note for note in few["notes"])


def test_lengths_and_names_are_checked() -> None:
    with pytest.raises(ValueError, match="replies for 3 items"):
        proof([Answers("a", [["긍정"] * 2]), Answers("b", [["긍정"] * 3])], ["긍정"] * 3, label())
    with pytest.raises(ValueError, match="own name"):
        proof([Answers("a", [["긍정"]]), Answers("a", [["긍정"]])], ["긍정"], label())
    with pytest.raises(ValueError, match="2 seeds, 1 lists"):
        Answers("a", [["긍정"]], (0, 1))


def test_losses_come_out_of_a_frame() -> None:
    told = Losses.of(pl.DataFrame({"nll": [1.5, None], "tokens": [3, 0], "bytes": [9, 0]}, schema_overrides={"tokens": pl.UInt32}))
    assert told.nats[0] == 1.5 and np.isnan(told.nats[1]) and list(told.tokens) == [3, 0]


def chat(*turns: tuple[str, str | None]) -> list[dict[str, object]]:
    return [{"role": role, "content": content} for role, content in turns]


ROWS = records(
    [
        {"id": "one", "messages": chat(("system", "s"), ("user", "q"), ("assistant", "a")), "film": 7},
        {"id": "after", "messages": chat(("user", "q"), ("assistant", "a1"), ("user", "q2"), ("assistant", "a2"), ("user", "bye")), "film": 8},
        {"id": "pair", "messages": chat(("user", "q")), "chosen": chat(("assistant", "good")), "rejected": chat(("assistant", "bad")), "film": 8},
        {"id": "text", "text": "no chat", "film": 9},
        {"id": "unanswered", "messages": chat(("user", "q")), "film": 9},
        {"id": "unasked", "messages": chat(("assistant", "hello")), "film": 9},
        {"id": "silent", "messages": chat(("user", "q"), ("assistant", None)), "film": 9},
    ]
)


def test_items_are_what_is_asked_and_expected() -> None:
    found = items(ROWS, "film")
    assert found.select("id", "reference", "cluster", pl.col("messages").list.len()).rows() == [
        ("one", "a", "7", 3), ("after", "a2", "8", 4), ("pair", "good", "8", 2),
    ]  # fmt: skip
    assert found.columns == [*RECORD, "reference", "cluster"] and found.select(RECORD.names()).schema == RECORD
    assert found["chosen"].null_count() == 3
    assert found["messages"].list.last().struct.field("content").to_list() == found["reference"].to_list()


def test_draws_go_by_id_alone() -> None:
    rows = records([{"id": f"r{i}", "messages": chat(("user", "q"), ("assistant", str(i)))} for i in range(200)])
    some = items(rows, count=40, seed=3)
    assert some.height == 40 and some["row"].is_sorted()
    assert sorted(items(rows.sort("id", descending=True), count=40, seed=3)["id"]) == sorted(some["id"])
    assert set(items(rows.head(150), count=40, seed=3)["id"]) >= set(some["id"]) & {f"r{i}" for i in range(150)}
    assert set(items(rows, count=40, seed=4)["id"]) != set(some["id"])
    assert set(items(rows, count=60, seed=3)["id"]) > set(some["id"])
    assert sorted(some["id"])[:4] == ["r106", "r11", "r116", "r126"], "blake2b of seed and id: the same on every machine, for ever"


def test_no_items_and_no_column() -> None:
    assert items(records([{"text": "x"}])).height == 0
    assert items(records([])).height == 0
    with pytest.raises(RecipeError, match="did you mean film"):
        items(ROWS, "flim")


def test_a_proof_by_held_out_loss_calls_the_lower_one_better():
    n = 60
    nats = np.random.default_rng(0).uniform(1, 3, n)
    base = Answers("base", [["x"] * n], losses=[Losses(list(nats + 1), [4] * n, [12] * n)])
    tuned = Answers("tuned", [["x"] * n], seeds=(0,), losses=[Losses(list(nats), [4] * n, [12] * n)])
    told = proof([base, tuned], ["ref"] * n, Prove(metric="loss_per_byte", resamples=499))
    assert told["verdict"] == "better" and told["difference"] == pytest.approx(-1 / 12)
    with pytest.raises(DadeumError, match="needs held-out losses"):
        proof([Answers("base", [["x"]]), Answers("tuned", [["x"]], seeds=(0,))], ["ref"], Prove(metric="loss_per_byte"))
