"""The stages after the data, a second time: what was answered is not asked again, and what changed is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

import runs

pytest.importorskip("torch", reason="needs dadeum[train]")

from dadeum import recipe as recipes
from dadeum import run
from dadeum.format import supervise
from dadeum.train import generate
from dadeum.tuning import replies

CHAT = {"form.chat": {"turns": [{"role": "user", "content": "{text}"}, {"role": "assistant", "content": "{stars}"}]}}
TRAIN = {
    "base": "tiny",
    "tiny": {"vocabulary": 300, "hidden": 32, "layers": 1, "heads": 2, "context": 128, "pretrain_tokens": 0},
    "max_length": 128,
    "rows": 60,
    "tokens": 2000,
    "batch_tokens": 512,
}


def forbidden(*arguments: Any, **more: Any) -> Any:
    raise AssertionError("done a second time")


def test_a_second_call_neither_supervises_nor_asks_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = runs.recipe(runs.raw(tmp_path / "rows", files=1, rows=300), train=TRAIN, prove={"metric": "exact", "items": 20, "max_new_tokens": 2})
    raw["steps"].append(CHAT)
    made = recipes.compose(raw, [])
    monkeypatch.setattr(replies, "SOON", 0.0)
    said: list[str] = []
    run.stages(made, tmp_path / "run", say=said.append)
    assert {line for line in said if "answers" in line} >= {"base: 20 of 20 answers", "the tuned model: 20 of 20 answers"}
    assert not list((tmp_path / "run/cache/answers").glob("*.jsonl")), "what is whole needs no half"
    names = ("proof.json", "supervision_sample.json")
    before = [(tmp_path / "run" / name).read_bytes() for name in names]
    for name in (*names, "supervision.parquet", "answers.parquet"):
        (tmp_path / "run" / name).unlink()

    monkeypatch.setattr(supervise, "supervise", forbidden)
    monkeypatch.setattr(generate, "answers", forbidden)
    monkeypatch.setattr(generate, "losses", forbidden)
    run.stages(made, tmp_path / "run")
    assert [(tmp_path / "run" / name).read_bytes() for name in names] == before
    assert orjson.loads(before[0])["n"] > 0 and (tmp_path / "run/supervision.parquet").exists() and (tmp_path / "run/answers.parquet").exists()

    with pytest.raises(AssertionError, match="second time"):
        run.stages(recipes.compose(raw, ["prove.max_new_tokens=3"]), tmp_path / "run")
    with pytest.raises(AssertionError, match="second time"):
        run.stages(recipes.compose(raw, ["train.rows=50"]), tmp_path / "run", "supervision")
