"""What a training costs, said before and measured after; the rate that is found; every value with its origin; a disk that is full."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("trl", reason="needs dadeum[train]")

from dadeum.format.supervise import supervise
from dadeum.format.tokens import load_tokenizer
from dadeum.settings import Train
from dadeum.train import actual, dry, effective, finder, pace
from dadeum.train.batches import plan
from dadeum.train.loop import make_trainer, train
from test_train_loop import HELD, TRAIN, same
from train_cases import one_thread, short, tiny

one_thread()


def test_a_rate_is_found_again_and_is_one_that_learns(tmp_path: Path) -> None:
    first, second = (finder.find(TRAIN[:200], tiny(), short(), 0) for _ in range(2))
    assert first == second
    rates = [point["rate"] for point in first["curve"]]
    assert rates == sorted(rates) and rates[0] == pytest.approx(first["usual"] / finder.SPAN) and len(rates) <= finder.STEPS
    assert 1e-4 <= first["rate"] <= 1e-1 and first["rate"] in [float(f"{r / finder.BELOW:.2g}") for r in rates]
    losses = {}
    for rate in (first["rate"], first["rate"] / 50, first["rate"] * 100):
        losses[rate] = train(TRAIN[:200], HELD, tiny(), short(learning_rate=rate, epochs=4.0, batch_tokens=256, evaluations=1), 0, tmp_path / f"{rate}").eval_loss
    assert losses[first["rate"]] == min(losses.values()), losses
    assert finder.text(first).startswith(f"learning rate {first['rate']:g} found")


def test_every_value_says_where_it_comes_from() -> None:
    told = {one["key"]: one for one in effective.effective(short(method="lora", epochs=3.0, learning_rate=0.0), 1_000_000, 10_000)}
    assert told["epochs"] == {"key": "epochs", "value": 3.0, "source": "recipe"} and told["warmup"]["source"] == "default"
    assert told["learning_rate"]["value"] == 5e-3 and "sft by lora, below 50 million" in told["learning_rate"]["source"]
    assert told["lora.r"]["value"] == 16 and "dpo.beta" not in told and told["tiny.hidden"]["source"] == "recipe"
    assert not any(key.startswith("tiny") for key in (one["key"] for one in effective.effective(Train(base="org/model"), 10**9, 10)))
    assert told["device"]["value"] in ("cpu", "cuda") and told["number_format"]["value"] != "auto", "what auto comes to"
    assert told["tokens in all"]["value"] == 30_000 and told["optimiser steps"]["value"] == round(30_000 / 512)
    found = {one["key"]: one for one in effective.effective(Train(learning_rate="find"), 10**9, 10, {"rate": 3e-4})}
    assert found["learning_rate"] == {"key": "learning_rate", "value": 3e-4, "source": "found by a range test"} and "lora.r" not in found
    lines = effective.text(list(told.values()))
    assert any(line.split()[:3] == ["epochs", "3", "recipe"] for line in lines) and lines[-1].strip().startswith("defaults: ")


def test_what_no_key_sets_is_what_the_loop_has_and_steps_are_those_of_the_plan(tmp_path: Path) -> None:
    settings = short(epochs=3.0, evaluations=0)
    tokenizer = load_tokenizer(tiny())
    taught = supervise(TRAIN[:90], tokenizer, settings)
    steps = plan([len(e.ids) for e in taught.examples], settings, 0)
    arguments = make_trainer(tiny(), tokenizer, taught, None, steps, settings, 0, tmp_path).args
    assert arguments.optim.startswith("adamw") and arguments.max_grad_norm == effective.LOOP["gradient clipping"]
    assert effective.LOOP["optimiser"] == f"AdamW, betas {arguments.adam_beta1:g} and {arguments.adam_beta2:g}"
    given = dry.read(json.loads(json.dumps(asdict(dry.passes(taught.examples, settings)))))
    told = {one["key"]: one["value"] for one in effective.effective(settings, 10**5, sum(len(e.ids) for e in taught.examples), None, given.planned)}
    assert told["optimiser steps"] == arguments.max_steps == steps.steps and told["warm-up steps"] == arguments.warmup_steps


def test_the_pace_that_is_measured_is_that_of_the_training(tmp_path: Path) -> None:
    measured = pace.pace(TRAIN, tiny(), short())
    assert measured is not None and measured["device"] == "cpu" and 0 < measured["slow"] < measured["fast"]
    made = train(TRAIN, None, tiny(), short(epochs=2.0, evaluations=0), 0, tmp_path / "model")
    assert measured["slow"] / 20 < made.tokens / made.seconds < measured["fast"] * 3, "busy machines are slow; an order of magnitude is wrong arithmetic"


FULL = """
import resource, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_train_loop import RESUMED, TRAIN, HELD
from dadeum.errors import DadeumError
from dadeum.train.loop import train
def progress(told):
    if told.get("step") == {at}:  # from here on no file may be larger than this: what a full disk does to a checkpoint
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    train(TRAIN, HELD, {base!r}, RESUMED["full"], 3, Path({out!r}), progress)
except DadeumError as error:
    sys.exit(str(error))
"""


@pytest.mark.skipif(actual.resident("VmRSS") is None, reason="this system does not tell how large a process is")
def test_by_how_much_the_process_grew() -> None:
    """What was there, and freed, before the watch began is no part of it; what comes and goes while it lasts is."""
    import torch

    idle = SimpleNamespace(device_name="cpu", add_callback=lambda callback: None, optimizer=SimpleNamespace(state={}), model=torch.nn.Linear(2, 2))

    def held(megabytes: int) -> None:
        bytearray(megabytes * 2**20)[::4096] = b"x" * (megabytes * 256)

    held(400)
    watch = actual.Watch(idle, {1})
    watch.begin()
    held(100)
    watch.end()
    assert watch.grew is not None and 99 * 2**20 <= watch.grew < 200 * 2**20


def test_a_full_disk_at_a_checkpoint_is_said_and_nothing_is_lost(tmp_path: Path) -> None:
    from test_train_loop import RESUMED

    straight = train(TRAIN, HELD, tiny(), RESUMED["full"], 3, tmp_path / "straight")
    assert straight.peak_bytes is not None and straight.peak_bytes > 4 * 3 * straight.parameters
    code = FULL.format(tests=str(Path(__file__).parent), at=straight.steps * 5 // 8, base=tiny(), out=str(tmp_path / "full"))
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": ":".join(sys.path)})
    assert ended.returncode == 1 and "could not be written" in ended.stderr and "last whole checkpoint" in ended.stderr, ended.stderr[-2000:]
    assert "Traceback" not in ended.stderr and not (tmp_path / "full").exists()
    resumed = train(TRAIN, HELD, tiny(), RESUMED["full"], 3, tmp_path / "full")
    assert resumed.resumed and same(straight.folder, resumed.folder)


def test_checkpointing_trains_the_same_model(tmp_path: Path) -> None:
    """What is computed anew is what was computed before, bit for bit; what it saves is test_train_memory's."""
    for method in ("full", "lora"):
        plain, thrifty = (
            train(TRAIN[:60], None, tiny(), short(method=method, epochs=1.0, evaluations=0, checkpointing=on), 0, tmp_path / f"{method}-{on}") for on in (False, True)
        )
        assert same(plain.folder, thrifty.folder)
        assert thrifty.peak_bytes is not None and plain.peak_bytes is not None and thrifty.peak_bytes <= plain.peak_bytes


def test_a_number_format_is_the_one_that_is_trained_in(tmp_path: Path) -> None:
    import torch

    from dadeum.errors import RecipeError
    from dadeum.train.methods import METHODS
    from dadeum.train.numbers import number_format

    assert {METHODS["full"].load(tiny(), "cpu", short(number_format=f), None).dtype for f in ("auto", "float32", "mixed")} == {torch.float32}
    assert METHODS["full"].load(tiny(), "cpu", short(number_format="bfloat16"), None).dtype == torch.bfloat16
    frozen = METHODS["lora"].load(tiny(), "cpu", short(method="lora", number_format="mixed"), None)
    assert {p.dtype for p in frozen.parameters() if not p.requires_grad} == {torch.bfloat16} and number_format(short(), "cpu") == "float32"
    with pytest.raises(RecipeError, match="number_format"):
        short(method="lora", number_format="bfloat16")
    made = train(TRAIN[:60], HELD[:20], tiny(), short(number_format="bfloat16", epochs=1.0, evaluations=1), 0, tmp_path / "half")
    wide = train(TRAIN[:60], HELD[:20], tiny(), short(epochs=1.0, evaluations=1), 0, tmp_path / "wide")
    assert made.eval_loss is not None and made.eval_loss == pytest.approx(wide.eval_loss, rel=0.1) and made.eval_loss != wide.eval_loss
