"""Training for real, on models of a few seconds: it learns, stops, resumes bit for bit after a kill, and says what went wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("trl", reason="needs dadeum[train]")

from dadeum.errors import DadeumError, RecipeError
from dadeum.settings import Lora, Tiny, Train
from dadeum.train.base import base
from dadeum.train.generate import answers, losses
from dadeum.train.loop import drawn, learning_rate, train
from train_cases import SETTINGS, TINY, one_thread, reviews, short, texts, tiny

one_thread()
TRAIN, HELD = reviews(400, 1), reviews(60, 2)
WANTED = [turns[-1]["content"] for turns in HELD.get_column("messages").to_list()]


def right(folder) -> float:
    return float(np.mean([a == b for a, b in zip(answers(folder, HELD, SETTINGS, 12), WANTED)]))


def weights(folder: Path):
    from safetensors.numpy import load_file

    return load_file(folder / "model.safetensors")


def same(a: Path, b: Path) -> bool:
    x, y = weights(a), weights(b)
    return x.keys() == y.keys() and all(np.array_equal(x[k], y[k]) for k in x)


def test_it_learns_the_task_and_the_folder_is_plain_transformers(tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    assert right(tiny()) < 0.2
    told = []
    made = train(TRAIN, HELD, tiny(), short(epochs=6.0), 0, tmp_path / "model", told.append)
    assert right(made.folder) > 0.9
    assert made.tokens == 6 * made.ledger.get_column("n_tokens").sum() and made.steps == made.planned_steps == told[-1]["steps"] == told[-2]["step"]
    curve = made.curve.drop_nulls("eval_loss").get_column("eval_loss").to_list()
    assert len(curve) == 9 and min(curve) == made.eval_loss < curve[0] / 2 and curve[0] == made.before and not made.resumed
    before, after = losses(tiny(), HELD, SETTINGS), losses(made.folder, HELD, SETTINGS)
    assert after.get_column("nll").sum() / after.get_column("tokens").sum() == pytest.approx(made.eval_loss, rel=1e-3)
    assert before.get_column("nll").sum() / before.get_column("tokens").sum() == pytest.approx(made.before, rel=1e-3)
    assert after.get_column("nll").sum() < before.get_column("nll").sum() / 2
    assert after.get_column("bytes").to_list() == [len(a.encode()) for a in WANTED]

    model, tokenizer = AutoModelForCausalLM.from_pretrained(made.folder), AutoTokenizer.from_pretrained(made.folder)
    stop = tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert model.generation_config.eos_token_id == model.config.eos_token_id == tokenizer.eos_token_id == stop != tokenizer.pad_token_id
    turns = [{"role": "user", "content": "사과 맛있어요 귤"}]
    asked = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    said = model.generate(**asked, do_sample=False, max_new_tokens=20)[0, asked["input_ids"].shape[1] :]
    assert tokenizer.decode(said) == "긍정<|im_end|>"


def test_lora_is_merged_and_the_adapter_lies_beside(tmp_path):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    settings = short(method="lora", lora=Lora(r=8, alpha=16, dropout=0.1), epochs=1.0)
    made = train(TRAIN, HELD, tiny(), settings, 0, tmp_path / "model")
    assert made.trainable < made.parameters / 2
    assert losses(made.folder, HELD, SETTINGS).get_column("nll").sum() < losses(tiny(), HELD, SETTINGS).get_column("nll").sum()
    adapted = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny()), made.folder / "adapter").merge_and_unload()
    merged = weights(made.folder)
    for name, tensor in adapted.state_dict().items():
        if name in merged:
            assert np.allclose(tensor.numpy(), merged[name], atol=1e-6)


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_train_loop import RESUMED, TRAIN, HELD
from dadeum.train.loop import train
def progress(told):
    if told.get("step") == {at}:
        os.kill(os.getpid(), signal.SIGKILL)
train(TRAIN, HELD, {base!r}, RESUMED[{method!r}], 3, Path({out!r}), progress)
"""
RESUMED = {
    "full": short(epochs=2.0, evaluations=4),
    "lora": short(epochs=2.0, evaluations=4, packing=False, method="lora", lora=Lora(r=4, alpha=8, dropout=0.2)),
}


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_killed_training_continues_to_the_same_weights(tmp_path, method):
    settings, out = RESUMED[method], tmp_path / "killed"
    straight = train(TRAIN, HELD, tiny(), settings, 3, tmp_path / "straight")
    at = straight.steps * 5 // 8
    code = KILLED.format(tests=str(Path(__file__).parent), at=at, base=tiny(), out=str(out), method=method)
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | {"PYTHONPATH": ":".join(sys.path)})
    assert ended.returncode == -signal.SIGKILL, ended.stderr[-2000:]
    checkpoints = tmp_path / "killed.checkpoints"
    last = max(checkpoints.glob("checkpoint-*/whole.json"), key=lambda p: int(p.parent.name.split("-")[1])).parent
    assert not out.exists() and 0 < int(last.name.split("-")[1]) < at
    half = checkpoints / "checkpoint-999"
    half.mkdir()
    (half / "model.safetensors").write_bytes(b"half")
    resumed = train(TRAIN, HELD, tiny(), settings, 3, out)
    assert resumed.resumed and not straight.resumed
    assert same(straight.folder, resumed.folder) and straight.curve.equals(resumed.curve)
    assert not checkpoints.exists()
    stamp = (out / "model.safetensors").stat().st_mtime_ns
    again = train(TRAIN, HELD, tiny(), settings, 3, out)
    assert (out / "model.safetensors").stat().st_mtime_ns == stamp and again.curve.equals(resumed.curve)


def test_seeds_and_rows_decide_and_nothing_else(tmp_path):
    settings = short(epochs=0.5, evaluations=0)
    a, b, c = (train(TRAIN, None, tiny(), settings, seed, tmp_path / name).folder for seed, name in ((0, "a"), (0, "b"), (1, "c")))
    assert same(a, b) and not same(a, c)


def test_another_training_in_the_folder_is_not_taken_for_this_one(tmp_path):
    first = train(TRAIN, None, tiny(), short(epochs=0.3), 0, tmp_path / "model")
    kept = weights(first.folder)
    other = train(TRAIN[:200], None, tiny(), short(epochs=0.3), 0, tmp_path / "model")
    assert any(not np.array_equal(kept[k], v) for k, v in weights(other.folder).items())


def test_a_token_budget_is_the_same_for_two_arms(tmp_path):
    settings = short(tokens=4000, patience=1)
    arms = [train(rows, HELD, tiny(), settings, 0, tmp_path / str(i)) for i, rows in enumerate((TRAIN, TRAIN[100:160]))]
    assert [arm.tokens for arm in arms] == [4000, 4000]


def test_the_loss_told_at_a_step_is_the_whole_steps_however_many_passes_it_takes(tmp_path):
    told = []
    made = train(TRAIN, None, tiny(), short(epochs=1.0, batch_tokens=1024, micro_tokens=256), 0, tmp_path / "model", told.append)
    logged = made.curve.drop_nulls("loss")
    assert made.steps > 3 and len(logged) == made.steps
    assert [line["loss"] for line in told if line["stage"] == "train"] == pytest.approx(logged.get_column("loss").to_list(), rel=1e-3)


def test_training_stops_when_the_held_out_loss_no_longer_falls_and_keeps_the_best(tmp_path):
    shuffled = HELD.with_columns(HELD.get_column("messages").shuffle(1))
    wrong = shuffled.with_columns(HELD.get_column("id"))
    told = wrong.get_column("messages").to_list()
    flipped = [[t[0], t[1] | {"content": "부정" if t[1]["content"] == "긍정" else "긍정"}] for t in told]
    import polars as pl

    held = wrong.with_columns(pl.Series("messages", flipped, dtype=HELD.schema["messages"]))
    made = train(TRAIN[:200], held, tiny(), short(epochs=20.0, evaluations=20, patience=2, learning_rate=2e-3), 0, tmp_path / "model")
    assert made.steps < made.planned_steps and made.best_step < made.steps
    found = losses(made.folder, held, SETTINGS)
    assert found.get_column("nll").sum() / found.get_column("tokens").sum() == pytest.approx(made.eval_loss, rel=1e-3)


def test_a_training_that_does_harm_says_so(tmp_path):
    from dadeum.tuning.watching import Line

    said = []
    made = train(TRAIN[:200], HELD, tiny(), short(learning_rate=30.0, epochs=4.0), 0, tmp_path / "model", Line(said.append, 3))
    assert made.eval_loss > made.before and made.best_step > 0
    assert said[-1].startswith("  worse than before the training") and f"before the first step {made.before:.3f}" in said[-2]


def test_a_training_without_held_out_rows_is_told_as_it_goes_and_one_that_is_there_is_not_made_again(tmp_path):
    from dadeum.tuning.watching import Line

    said = []
    for _ in range(2):
        train(TRAIN[:40], None, tiny(), short(epochs=4.0, batch_tokens=256, evaluations=4), 0, tmp_path / "model", Line(said.append, 3))
    assert "nothing is held out" in said[1] and sum(line.startswith("step ") for line in said) == 4
    assert said[-1].startswith("trained before, of the same rows") and sum("rows of" in line for line in said) == 1


def test_a_training_under_another_name_beside_is_taken_up_and_a_damaged_or_other_one_is_not(tmp_path):
    settings = short(epochs=0.5, evaluations=0)
    first = train(TRAIN[:200], None, tiny(), settings, 0, tmp_path / "tuned-0")
    again = train(TRAIN[:200], None, tiny(), settings, 0, tmp_path / "tuned-0.2-b")
    assert again.seconds == first.seconds and same(first.folder, again.folder), "taken up, not made again"
    other = train(TRAIN[:200], None, tiny(), settings, 1, tmp_path / "tuned-1")
    assert not same(first.folder, other.folder)
    later = train(TRAIN[200:], None, str(again.folder), settings, 0, tmp_path / "tuned-0")
    assert not same(later.folder, again.folder), "what was taken up stays when the folder it came from is written anew"
    assert same(train(TRAIN[:200], None, tiny(), settings, 0, tmp_path / "tuned-0").folder, again.folder)


def test_a_loss_that_is_no_number_stops_and_teaches(tmp_path):
    with pytest.raises(DadeumError, match=r"smaller train\.learning_rate \(0\.001\)"):
        train(TRAIN, None, tiny(), short(learning_rate=1e25, warmup=0.0, epochs=4.0), 0, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_nothing_to_train_on_says_why(tmp_path):
    with pytest.raises(DadeumError, match="too_long"):
        train(TRAIN, None, tiny(), short(max_length=4), 0, tmp_path / "model")
    with pytest.raises(DadeumError, match="shortest row"):
        train(TRAIN, None, tiny(), short(tokens=3), 0, tmp_path / "model")


def test_rows_are_drawn_by_the_seed():
    a, b = drawn(TRAIN, short(rows=50), 0), drawn(TRAIN, short(rows=50), 0)
    assert a.equals(b) and a.height == 50 == a.get_column("id").n_unique() and not a.equals(drawn(TRAIN, short(rows=50), 1))
    assert drawn(TRAIN, short(rows=9999), 0).equals(TRAIN)


def test_learning_rates_by_method_and_size():
    assert learning_rate(Train(), 1_000_000) == 1e-3 and learning_rate(Train(), 7_000_000_000) == 2e-5
    assert learning_rate(Train(method="lora"), 1_000_000) == 5e-3 and learning_rate(Train(method="lora"), 7_000_000_000) == 2e-4
    assert learning_rate(Train(learning_rate=0.5), 1) == 0.5


def test_answers_do_not_depend_on_their_company(tmp_path):
    made = train(TRAIN, None, tiny(), short(epochs=3.0), 0, tmp_path / "model")
    together = answers(made.folder, HELD[:20], SETTINGS, 8)
    assert together == [answers(made.folder, HELD[i : i + 1], SETTINGS, 8)[0] for i in range(20)]


def test_a_tiny_base_is_made_once_and_the_same_everywhere(tmp_path):
    import json

    said = texts(TRAIN)
    settings = Train(tiny=Tiny(vocabulary=300, hidden=32, layers=1, heads=2, context=64, pretrain_tokens=30_000))
    one, two = base(settings, said, tmp_path / "a"), base(settings, said, tmp_path / "b")
    assert same(Path(one), Path(two)) and (Path(one) / "tokenizer.json").read_bytes() == (Path(two) / "tokenizer.json").read_bytes()
    stamp = (Path(one) / "made.json").stat().st_mtime_ns
    assert base(settings, said, tmp_path / "a") == one and (Path(one) / "made.json").stat().st_mtime_ns == stamp
    assert base(settings, [*said, "more"], tmp_path / "a") != one
    told = json.loads((Path(one) / "made.json").read_text())
    assert told["last_loss"] < told["first_loss"] and told["read_tokens"] >= 30_000


def test_a_byte_level_vocabulary_says_anything():
    from dadeum.format.tokens import decode, encode, load_tokenizer

    made = load_tokenizer(tiny())
    said = ["똠방각하 펲시콜라", "𠮷野家 👩‍👩‍👧", "\x00\x7f\r\n\t ", "ñandú — “quotes”", "‮reversed"]
    assert decode(made, encode(made, said)) == said
    assert len(made) <= TINY.vocabulary


def test_sizes_that_cannot_be_and_bases_that_are_not_are_mistakes(tmp_path):
    with pytest.raises(RecipeError) as found:
        base(Train(tiny=Tiny(vocabulary=100, hidden=30, heads=4)), ["text"], tmp_path)
    assert {m.path for m in found.value.mistakes} == {"train.tiny.vocabulary", "train.tiny.heads"}
    with pytest.raises(RecipeError, match=r"train\.base"):
        base(Train(base="./absent"), ["text"], tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(RecipeError, match=r"train\.base"):
        train(TRAIN, None, str(tmp_path / "empty"), SETTINGS, 0, tmp_path / "model")


def test_a_missing_extra_says_what_to_install(monkeypatch, tmp_path):
    import importlib.util

    from dadeum.errors import MissingExtra

    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "trl" else found(name, *a))
    with pytest.raises(MissingExtra, match=r'pip install "dadeum\[train\]"'):
        train(TRAIN, None, tiny(), SETTINGS, 0, tmp_path / "model")
