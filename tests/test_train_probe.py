"""The probes pass on what is right and, each of them, fail on the fault it is there for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("trl", reason="needs dadeum[train]")

from dadeum.format.supervise import IGNORED, Example, supervise
from dadeum.format.tokens import load_tokenizer
from dadeum.train import probe
from dadeum.train.base import load
from dadeum.train.batches import collate, plan
from dadeum.train.loop import make_trainer
from train_cases import SETTINGS, one_thread, reviews, short, tiny

one_thread()
ROWS = reviews(80, 1)


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    tokenizer = load_tokenizer(tiny())
    taught = supervise(ROWS, tokenizer, SETTINGS)
    steps = plan([len(e.ids) for e in taught.examples], replace(SETTINGS, epochs=1.0), 0)
    return tokenizer, taught, steps, make_trainer(tiny(), tokenizer, taught, None, steps, SETTINGS, 0, tmp_path_factory.mktemp("probe"))


def laid(settings, examples, micro):
    return collate(examples, micro, settings, 0)


@pytest.mark.parametrize("settings", [short(), short(packing=False), short(method="lora"), short(supervise="all")])
def test_all_pass_on_what_is_right(settings):
    found = probe.probes(ROWS, tiny(), settings)
    assert [p.name for p in found if p.verdict == "fail"] == []
    assert len(found) == 14 == len({p.name for p in found})


def test_too_few_steps_are_warned_of(parts):
    _, taught, _, _ = parts
    few, many = probe.enough(taught, 80, short(batch_tokens=4096)), probe.enough(taught, 8000, short())
    assert few.verdict == "warn" and "train.batch_tokens" in few.remedy
    assert many.verdict == "pass" and many.number == pytest.approx(2 * 100 * taught.tokens / 512, rel=0.01)


def test_a_planted_leak_is_caught(parts):
    import torch

    _, taught, _, _ = parts

    def with_mask(examples, micro):
        batch = laid(SETTINGS, examples, micro)
        return batch | {"attention_mask": torch.ones_like(batch["input_ids"])}

    def without_restart(examples, micro):
        batch = laid(SETTINGS, examples, micro)
        return batch | {"position_ids": torch.arange(batch["input_ids"].shape[1]).expand_as(batch["input_ids"])}

    model = load(tiny(), train=True)
    for planted in (with_mask, without_restart):
        found = probe.leak(model, planted, taught.examples, SETTINGS)
        assert found.verdict == "fail" and found.number > 1e-3
    assert probe.leak(model, lambda e, m: laid(SETTINGS, e, m), taught.examples, SETTINGS).verdict == "pass"


def test_the_flat_layout_of_flash_attention_keeps_segments_apart_too(parts):
    _, taught, _, _ = parts
    model = load(tiny(), train=True)

    def flat(examples, micro):
        return collate(examples, micro, SETTINGS, 0, flat=True)

    assert probe.leak(model, flat, taught.examples, SETTINGS).verdict == "pass"


def test_a_stop_without_loss_is_caught(parts):
    _, taught, steps, trainer = parts
    masked = [Example(e.id, e.row, e.ids, np.where(np.isin(e.ids, taught.stops), IGNORED, e.labels), e.turns) for e in taught.examples]
    found = probe.stops(replace(taught, examples=masked), trainer.collate, steps)
    assert found.verdict == "fail" and found.number == 1.0


def test_labels_lost_in_the_batch_are_caught(parts):
    _, taught, steps, trainer = parts

    def everything(examples, micro):
        batch = trainer.collate(examples, micro)
        return batch | {"labels": batch["input_ids"].clone()}

    assert probe.ledger(taught, everything, steps).verdict == "fail"
    assert probe.ledger(taught, trainer.collate, steps).verdict == "pass"


def test_a_loss_on_every_token_is_caught(parts, monkeypatch):
    _, taught, steps, trainer = parts
    right = type(trainer).compute_loss

    def on_everything(self, model, inputs, *args, **kwargs):
        return right(self, model, inputs | {"labels": inputs["input_ids"]}, *args, **kwargs)

    monkeypatch.setattr(type(trainer), "compute_loss", on_everything)
    assert probe.mask(trainer, taught.examples, steps).verdict == "fail"


def test_a_mean_of_means_is_caught(parts, monkeypatch):
    _, taught, steps, trainer = parts
    right = type(trainer).compute_loss

    def mean(self, model, inputs, *args, num_items_in_batch=None, **kwargs):
        return right(self, model, inputs, num_items_in_batch=(inputs["labels"] != IGNORED).sum())

    monkeypatch.setattr(type(trainer), "compute_loss", mean)
    assert probe.accumulation(trainer, taught.examples, steps).verdict == "fail"


def test_a_tensor_that_never_moves_is_caught(parts, monkeypatch):
    _, taught, steps, trainer = parts
    before = {name: p.detach().clone() for name, p in trainer.model.named_parameters()}
    monkeypatch.setattr(type(trainer), "peak_rate", 0.0)
    assert probe.moves(trainer, taught.examples, steps).number == 1.0
    monkeypatch.undo()
    assert probe.moves(trainer, taught.examples, steps).verdict == "pass"
    assert all((p == before[name]).all() for name, p in trainer.model.named_parameters()), "the probe must leave the weights alone"


def test_two_beginnings_of_text_are_caught(parts):
    tokenizer, taught, _, _ = parts

    class Begins:
        bos_token_id = 5

    twice = [Example(e.id, e.row, np.concatenate([[5, 5], e.ids]), e.labels, e.turns) for e in taught.examples[:3]]
    assert probe.bos(replace(taught, examples=twice), Begins()).number == 3
    assert probe.bos(taught, tokenizer).verdict == "pass"


def test_the_compact_loss_is_trls_own(parts):
    import torch

    _, taught, steps, trainer = parts
    losses = {}
    for compact in (True, False):
        trainer.compact = compact
        losses[compact] = float(trainer.compute_loss(trainer.model.eval(), trainer.collate(taught.examples, steps.micros[0])))
    trainer.compact = None
    assert losses[True] == pytest.approx(losses[False], rel=1e-5) and torch.isfinite(torch.tensor(losses[True]))


def test_every_probe_that_can_fail_says_what_to_do():
    import ast
    from pathlib import Path

    from dadeum.train import agreement

    verdicts = []
    for module in (probe, agreement):
        for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Probe":
                verdict = node.args[1]
                assert isinstance(verdict, ast.Constant)
                verdicts.append(verdict.value)
                assert verdict.value not in ("fail", "warn") or len(node.args) == 6, ast.unparse(node)
    assert verdicts.count("fail") >= 12
