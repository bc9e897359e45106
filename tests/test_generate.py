"""What is asked of a model on disk: answers kept as they come, stops of every kind, and held-out losses in batches."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest

pytest.importorskip("torch", reason="needs dadeum[train]")

import torch

from dadeum.errors import DadeumError
from dadeum.format.supervise import IGNORED, supervise
from dadeum.format.tokens import load_tokenizer
from dadeum.record import records
from dadeum.settings import Train
from dadeum.train import decode, generate
from dadeum.train.base import load
from train_cases import SETTINGS, documents, reviews, tiny

MOST = 12


def base(folder: Path) -> Path:
    """The tiny base with other weights: it has read little, and says the same to everything."""
    shutil.copytree(tiny(), folder)
    model = load(folder)
    torch.manual_seed(1)
    for weights in model.parameters():
        torch.nn.init.normal_(weights, std=0.4)
    model.save_pretrained(folder)
    return folder


def alone(folder: Path, rows: pl.DataFrame, most: int = MOST) -> list[str]:
    """As anybody would ask with transformers: one row after the other, by the folder's own template."""
    tokenizer, model = load_tokenizer(folder), load(folder).eval()
    said = []
    for turns in rows["messages"].to_list():
        asked = [{"role": turn["role"], "content": turn["content"]} for turn in turns[:-1]]
        ids = tokenizer.apply_chat_template(asked, add_generation_prompt=True, return_tensors="pt", return_dict=True)
        with torch.no_grad():
            made = model.generate(**ids, max_new_tokens=most, do_sample=False)
        said.append(tokenizer.decode(made[0, ids["input_ids"].shape[1] :], skip_special_tokens=True))
    return said


def test_answers_are_those_of_one_by_one(tmp_path: Path) -> None:
    folder, rows = base(tmp_path / "m"), reviews(60, 3)
    said = alone(folder, rows)
    assert len(set(said)) > 20 and generate.answers(folder, rows, SETTINGS, MOST) == said
    assert generate.answers(folder, rows[:1], SETTINGS, MOST) == said[:1] and generate.answers(folder, rows[:0], SETTINGS, MOST) == []


def test_progress_counts_rows_prompts_and_tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "READ", 64)
    monkeypatch.setattr(decode, "ROWS", 2)
    folder, rows = base(tmp_path / "m"), reviews(12, 3)
    seen: list[dict[str, Any]] = []
    generate.answers(folder, pl.concat([rows, rows]), SETTINGS, MOST, seen.append)
    counts = [told["rows"] for told in seen]
    assert counts[0] == 0 and counts == sorted(counts) and counts[-1] == 24 == seen[0]["of"] and len(counts) > 2
    unique = rows["messages"].list.first().n_unique()
    assert [told["asked"] for told in seen][-1] == unique < 24, "prompts that are alike were asked once"
    assert seen[-1]["read"] > 24 and 24 <= seen[-1]["written"] <= 24 * MOST


def test_what_was_answered_is_not_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "READ", 64)
    monkeypatch.setattr(decode, "ROWS", 4)
    folder, rows, beside = base(tmp_path / "m"), reviews(40, 3), tmp_path / "kept.jsonl"
    whole = generate.answers(folder, rows, SETTINGS, MOST)

    def stop(told: dict[str, Any]) -> None:
        if told["rows"] >= 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate.answers(folder, rows, SETTINGS, MOST, stop, beside)
    kept = len(beside.read_text(encoding="utf-8").splitlines())
    assert 20 <= kept < 40
    with open(beside, "a", encoding="utf-8") as out:
        out.write('[39, "half a li')  # killed in the middle of a line

    asked: list[int] = []
    plain = decode.decode

    def counted(model: Any, prompts: Any, *more: Any) -> Any:
        asked.append(len(prompts))
        return plain(model, prompts, *more)

    monkeypatch.setattr(decode, "decode", counted)
    assert generate.answers(folder, rows, SETTINGS, MOST, None, beside) == whole and asked == [40 - kept]
    monkeypatch.setattr(generate, "load", None)
    seen: list[dict[str, Any]] = []
    assert generate.answers(folder, rows, SETTINGS, MOST, seen.append, beside) == whole, "nothing is missing: no model is loaded"
    assert seen[-1]["rows"] == 40 and seen[-1]["asked"] == 0 and [json.loads(line)[0] for line in beside.read_text().splitlines()].count(39) == 1


KILLED = """
import sys, time
from pathlib import Path
from dadeum.settings import Train
from dadeum.train import decode, generate
sys.path.insert(0, sys.argv[1])
from train_cases import reviews
decode.READ, decode.ROWS = 64, 4
generate.answers(sys.argv[2], reviews(400, 3), Train(device="cpu"), 12, lambda told: time.sleep(0.05), Path(sys.argv[3]))
"""


def test_a_kill_loses_the_batch_at_hand(tmp_path: Path) -> None:
    folder, beside = base(tmp_path / "m"), tmp_path / "kept.jsonl"
    run = subprocess.Popen([sys.executable, "-c", KILLED, str(Path(__file__).parent), str(folder), str(beside)])
    until = time.monotonic() + 120
    while not beside.exists() and run.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    run.kill()
    run.wait()
    rows = reviews(400, 3)
    kept = generate._kept(beside)
    assert 0 < len(kept) < 400
    said = generate.answers(folder, rows, SETTINGS, MOST, None, beside)
    assert all(said[i] == text for i, (text, _) in kept.items()) and said == generate.answers(folder, rows, SETTINGS, MOST)


def test_stops_of_every_kind_end_an_answer(tmp_path: Path) -> None:
    folder, rows = base(tmp_path / "m"), reviews(30, 3)
    tokenizer = load_tokenizer(folder)
    plain = generate.answers(folder, rows, SETTINGS, MOST)
    often = max("abcdefghijklmnopqrstuvwxyz0123456789 .,", key=lambda letter: sum(letter in text for text in plain))
    settings = json.loads((folder / "generation_config.json").read_text(encoding="utf-8"))
    (folder / "generation_config.json").write_text(json.dumps({**settings, "stop_strings": [often]}), encoding="utf-8")
    said = generate.answers(folder, rows, SETTINGS, MOST)
    assert [text.split(often)[0] for text in plain] == said != plain
    token = tokenizer(often, add_special_tokens=False)["input_ids"][0]
    (folder / "generation_config.json").write_text(json.dumps({**settings, "eos_token_id": [tokenizer.eos_token_id, token]}), encoding="utf-8")
    said = generate.answers(folder, rows, SETTINGS, MOST)
    assert said != plain and all(a.startswith(b.rstrip("\ufffd")) for a, b in zip(plain, said))


def test_a_row_that_cannot_be_asked_is_named(tmp_path: Path) -> None:
    folder = base(tmp_path / "m")
    rows = records([{"id": "a", "messages": [{"role": "user", "content": "x"}]}, {"id": "b", "text": "no turns"}])
    with pytest.raises(DadeumError, match="row b has no prompt"):
        generate.answers(folder, rows, SETTINGS, MOST)
    silent = tmp_path / "silent.jinja"
    silent.write_text("{% for m in messages %}{% endfor %}", encoding="utf-8")
    with pytest.raises(DadeumError, match="row a: the template makes nothing"):
        generate.answers(folder, rows[:1], Train(template=str(silent), device="cpu"), MOST)


@pytest.mark.parametrize("rows", [reviews(40, 5), documents(40, 5)], ids=["chats", "documents"])
def test_losses_in_batches_are_those_of_one_by_one(tmp_path: Path, rows: pl.DataFrame) -> None:
    folder = base(tmp_path / "m")
    settings = Train(device="cpu", max_length=128, objective="pretrain" if rows["text"].is_not_null().all() else "sft")
    lost = generate.losses(folder, rows, settings)
    tokenizer, model = load_tokenizer(folder), load(folder).eval()
    nll = dict.fromkeys(range(rows.height), 0.0)
    for example in supervise(rows, tokenizer, settings).examples:
        ids, labels = torch.tensor([list(example.ids)]), torch.tensor(list(example.labels)).long()
        with torch.no_grad():
            said = torch.log_softmax(model(input_ids=ids).logits[0].double(), -1)
        nll[example.row] -= sum(float(said[at - 1, label]) for at, label in enumerate(labels.tolist()) if at and label != IGNORED)
    assert lost["nll"].to_list() == pytest.approx(list(nll.values()), rel=1e-5) and len(set(nll.values())) > 20
