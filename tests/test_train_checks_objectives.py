"""Checks and probes of preferences and labels: silent on what is right, each of them speaking on the fault it is there for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
import pytest

pytest.importorskip("trl", reason="needs dadeum[train]")

from dadeum import recipe as recipes
from dadeum.format.supervise import supervise
from dadeum.format.tokens import load_tokenizer
from dadeum.record import records
from dadeum.settings import Classify
from dadeum.train import checks, probe
from train_cases import documents, labelled, one_thread, preferences, reviews, short, tiny

one_thread()
ROWS: dict[str, Any] = {"sft": reviews, "dpo": preferences, "reward": preferences, "classify": labelled, "pretrain": documents}


def setup(objective: str, rows: pl.DataFrame | None = None, held: pl.DataFrame | None = None, **more: Any) -> checks.Setup:
    settings = short(objective=objective, **more)
    rows = ROWS[objective](60, 1) if rows is None else rows
    tokenizer = load_tokenizer(tiny())
    taught = supervise(rows, tokenizer, settings)
    other = ROWS[objective](20, 2) if held is None else held
    test = ROWS[objective](20, 3).filter(~pl.col("text").is_in(rows["text"].drop_nulls().implode()).fill_null(False))
    return checks.Setup(rows, taught.ledger, taught.roles, taught, rows, tokenizer, tiny(), settings, other, test if held is None else held)


def found(given: checks.Setup, name: str) -> checks.Found:
    return checks.CHECKS[name](given)


@pytest.mark.parametrize("objective", sorted(ROWS))
def test_silent_on_what_is_right(objective):
    """(Reviews of two words may be the same in training and test: `overlap` is right to say so.)"""
    rows = checks.checks(setup(objective, batch_tokens=128, micro_tokens=128))
    assert [f.name for f in rows if f.verdict in ("fail", "warn") and f.name != "overlap"] == []


@pytest.mark.parametrize(
    ("objective", "more"),
    [
        ("dpo", {}), ("reward", {"method": "lora"}), ("classify", {}), ("sft", {"method": "prompt"}),
        *(pytest.param(*kind, marks=pytest.mark.night) for kind in (("dpo", {"packing": False}), ("dpo", {"method": "prompt"}), ("pretrain", {}))),
    ],
)  # fmt: skip
def test_the_probes_pass_for_every_objective(objective, more):
    told = probe.probes(ROWS[objective](60, 1), tiny(), short(objective=objective, **more))
    assert [p.name for p in told if p.verdict == "fail"] == []
    [own] = [p.verdict for p in told if p.name == "reference_agrees"]
    assert own == ("pass" if objective == "dpo" and more.get("method") != "prompt" else "not applicable")


def test_a_reference_that_is_another_model_is_found(monkeypatch, tmp_path):
    from dadeum.train.batches import plan
    from dadeum.train.loop import make_trainer

    settings, tokenizer = short(objective="dpo"), load_tokenizer(tiny())
    taught = supervise(preferences(30, 1), tokenizer, settings)
    steps = plan([len(e.ids) for e in taught.examples], settings, 0)
    trainer = make_trainer(tiny(), tokenizer, taught, None, steps, settings, 0, tmp_path)
    right = probe.reference(trainer, taught.examples, steps)
    trainer.objective.reference = {key: (chosen, rejected - 5) for key, (chosen, rejected) in trainer.objective.reference.items()}
    wrong = probe.reference(trainer, taught.examples, steps)
    assert right.verdict == "pass" and right.number < 1e-4
    assert wrong.verdict == "fail" and wrong.number == pytest.approx(0.5, rel=1e-3)


def test_one_segment_that_reads_another_is_found_in_pairs_too(tmp_path):
    import torch

    from dadeum.train.base import load
    from dadeum.train.batches import collate

    settings, tokenizer = short(objective="dpo"), load_tokenizer(tiny())
    examples = supervise(preferences(4, 1), tokenizer, settings).examples

    def right(given, micro):
        return collate(given, micro, settings, 0)

    def planted(given, micro):
        return right(given, micro) | {"attention_mask": torch.ones_like(right(given, micro)["input_ids"])}

    model = load(tiny(), train=True)
    assert probe.leak(model, right, examples, settings).verdict == "pass"
    assert probe.leak(model, planted, examples, settings).verdict == "fail"


def test_pairs_that_stand_there_both_ways_round_are_found():
    rows = preferences(40, 1)
    turned = rows[:3].rename({"chosen": "rejected", "rejected": "chosen"}).select(rows.columns).with_columns(("x" + pl.col("id")).alias("id"))
    told = found(setup("dpo", pl.concat([rows, turned])), "pairs_contradict")
    assert told.verdict == "fail" and told.row == rows["id"][0] and told.number == pytest.approx(6 / 43)
    assert found(setup("sft"), "pairs_contradict").verdict == "not applicable"
    equal = rows.with_columns(rejected=pl.when(pl.col("id") == rows["id"][0]).then("chosen").otherwise("rejected"))
    assert found(setup("dpo", equal), "pairs_contradict").verdict == "pass", "a pair of two equal ends is left out, and contradicts nobody"


def test_pairs_that_teach_length_are_found():
    rows = records(
        [
            {"messages": [{"role": "user", "content": str(i)}], **{end: [{"role": "assistant", "content": "네 " * n}] for end, n in ends.items()}}
            for i, ends in enumerate({"chosen": 9 if k % 10 else 1, "rejected": 4} for k in range(40))
        ]
    )
    told = found(setup("reward", rows), "pairs_length")
    assert told.verdict == "fail" and told.number == 0.9 and "90%" in told.means
    assert {f.name: f.verdict for f in checks.checks(setup("reward", rows))}["pairs_length"] == "warn", "told, not blocking"


def test_pairs_that_say_nothing_are_counted():
    rows = preferences(40, 1)
    same = rows[:5].with_columns(pl.col("chosen").alias("rejected"), ("x" + pl.col("id")).alias("id"))
    told = found(setup("dpo", pl.concat([rows, same])), "left_out")
    assert told.verdict == "fail" and "equal 5" in told.means


def test_one_label_alone_and_a_rare_one_are_found():
    rows = labelled(200, 1)
    good, bad = (rows.filter(pl.col("label") == label) for label in ("긍정", "부정"))
    one = found(setup("classify", good), "labels_balanced")
    assert one.verdict == "fail" and "one label" in one.means
    rare = pl.concat([good[:80], bad[:2]])
    assert found(setup("classify", rare), "labels_balanced").verdict == "warn"
    assert found(setup("classify", rare, classify=Classify(weights="balanced")), "labels_balanced").verdict == "pass"
    assert found(setup("classify"), "labels_balanced").verdict == "pass"


def test_a_label_that_training_never_sees_is_found():
    held = labelled(20, 2).with_columns(pl.lit("중립").alias("label"))
    told = found(setup("classify", held=held), "labels_known")
    assert told.verdict == "fail" and told.number == 40 and "중립" in told.means


def test_answers_lost_from_one_end_of_a_pair_are_found():
    given = setup("dpo")
    cut = [replace(e, labels=e.labels.copy()) for e in given.sample.examples]
    for example in cut:
        example.labels[: example.starts[1]] = -100
    assert found(replace(given, sample=replace(given.sample, examples=cut)), "mask_round_trip").verdict == "fail"


def test_the_power_counts_what_each_objective_is_measured_by(tmp_path, monkeypatch):
    from dadeum.tuning import before

    rows = pl.concat([labelled(30, 1), labelled(4, 2).with_columns(label=pl.lit(None, pl.String))])
    for objective, metric, held, expected in (("classify", "label", rows, 30), ("reward", "preference", preferences(20, 1), 20), ("sft", "exact", reviews(12, 1), 12)):
        monkeypatch.setattr(before, "split", lambda out, name, held=held: held)
        raw = {"sources": [{"path": __file__, "format": "text"}], "steps": [{"mix.split": {"test": 0.1}}], "train": {"objective": objective}}
        labels = {"labels": ["긍정", "부정"]} if metric == "label" else {}
        told = before.power(recipes.compose(raw | {"prove": {"metric": metric, **labels}}), tmp_path)
        assert told is not None and (told["items"], told["clusters"]) == (expected, expected)
