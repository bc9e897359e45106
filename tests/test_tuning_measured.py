"""Proofs of models that are not asked for words: whole runs, from raw rows to a verdict against what has to be beaten."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest

import runs

pytest.importorskip("trl", reason="needs dadeum[train]")

from dadeum import recipe as recipes
from dadeum import run
from dadeum.errors import RecipeError
from dadeum.train import measure
from train_cases import documents, labelled, one_thread, preferences

one_thread()
TRAIN = {"base": "tiny", "tiny": {"vocabulary": 400, "hidden": 64, "layers": 2, "heads": 4, "context": 128, "pretrain_tokens": 20000}, "max_length": 128, "batch_tokens": 512, "micro_tokens": 256}


def written(folder: Path, objective: str, n: int = 240) -> dict[str, Any]:
    """A source of `n` raw rows, and a recipe over them."""
    folder.mkdir(parents=True)
    if objective in ("dpo", "reward"):
        rows = preferences(n, 1).select("id", *(pl.col(c).list.first().struct.field("content").alias(c) for c in ("messages", "chosen", "rejected")))
        lines = [{"id": i, "prompt": m, "chosen": c, "rejected": r} for i, m, c, r in rows.iter_rows()]
    elif objective == "classify":
        lines = labelled(n, 1).select("id", "text", "label").to_dicts()
    else:
        lines = documents(n, 1).select("id", "text").to_dicts()
    (folder / "rows.jsonl").write_bytes(b"\n".join(map(orjson.dumps, lines)))
    metric = {"dpo": "preference", "reward": "preference", "classify": "label"}.get(objective, "loss_per_byte")
    source: dict[str, Any] = {"path": f"{folder}/rows.jsonl", "name": "rows"}
    if objective == "classify":
        source["fields"] = {"id": "id", "text": "text", "label": "label"}
    prove: dict[str, Any] = {"metric": metric, "resamples": 999}
    if metric == "label":
        prove["labels"] = ["긍정", "부정"]
    return {
        "name": objective,
        "sources": [source],
        "steps": ["clean.unicode", {"mix.split": {"test": 0.25, "validation": 0.1, "leak": "allow"}}],
        "train": {**TRAIN, "objective": objective, "epochs": 5 if objective == "classify" else 2},
        "prove": prove,
    }


KINDS = [
    ("reward", "length"),
    ("pretrain", "base"),
    *(pytest.param(*kind, marks=pytest.mark.night) for kind in (("dpo", "base"), ("classify", "common"), ("infill", "base"))),
]


@pytest.mark.parametrize(("objective", "beaten"), KINDS)
def test_a_run_ends_in_a_verdict_on_its_own_measure(tmp_path: Path, objective: str, beaten: str) -> None:
    made = recipes.compose(written(tmp_path / "raw", objective), [])
    run.stages(made, tmp_path / "run")
    told = orjson.loads((tmp_path / "run/proof.json").read_bytes())
    assert told["headline"] == ["tuned", beaten] and told["verdict"] == "better", told["notes"]
    low, high = told["low"], told["high"]
    assert (low > 0) if objective not in ("pretrain", "infill") else (high < 0)
    answers = pl.read_parquet(tmp_path / "run/answers.parquet")
    assert set(answers["arm"]) == {"tuned", beaten} and answers.height == 2 * told["n"]
    if objective in ("reward", "classify"):  # the score is that of a second reading
        test = pl.read_parquet(tmp_path / "run/data/test.parquet")
        read = (measure.labels if objective == "classify" else measure.scores)(tmp_path / "run/models/tuned-0", test, made.train)
        right = (read["label"] == read["said"]) if objective == "classify" else (read["chosen"] > read["rejected"])
        assert told["arms"]["tuned"]["score"] == pytest.approx(right.mean())
    if objective == "classify":
        test = pl.read_parquet(tmp_path / "run/data/test.parquet")
        most = pl.read_parquet(tmp_path / "run/data/train.parquet")["label"].mode()[0]
        assert told["arms"]["common"]["score"] == pytest.approx((test["label"] == most).mean())


def test_length_alone_goes_the_way_that_the_training_pairs_do(tmp_path: Path) -> None:
    """Where chosen ends are the shorter ones, the arm to be beaten prefers the shorter end."""
    raw = written(tmp_path / "raw", "reward", 160)
    lines = [orjson.loads(line) for line in (tmp_path / "raw/rows.jsonl").read_bytes().splitlines()]
    (tmp_path / "raw/rows.jsonl").write_bytes(b"\n".join(orjson.dumps({**line, "rejected": line["chosen"] + " 아주 길게 말하면"}) for line in lines))
    run.stages(recipes.compose(raw, []), tmp_path / "run")
    told = orjson.loads((tmp_path / "run/proof.json").read_bytes())
    assert told["arms"]["length"]["score"] == 1.0 and told["verdict"] == "cannot tell"


@pytest.mark.parametrize(
    ("objective", "sets", "path"),
    [
        ("reward", ["prove.metric=exact"], "prove.metric"),
        ("classify", ["prove.metric=exact", "prove.labels=[]"], "prove.metric"),
        ("pretrain", ["prove.metric=chrf"], "prove.metric"),
        ("reward", ["train.objective=sft"], "prove.metric"),
        ("dpo", ["prove.arms=[base, raw]"], "prove.arms.1"),
        ("reward", ["prove.slices=[length]"], "prove.slices"),
        ("classify", ["train.method=prompt"], "train.method"),
        ("classify", ["train.classify.labels=[a]"], "train.classify.labels"),
    ],
)
def test_a_proof_that_does_not_fit_is_a_mistake_in_the_recipe(tmp_path: Path, objective: str, sets: list[str], path: str) -> None:
    with pytest.raises(RecipeError) as found:
        recipes.compose(written(tmp_path / "raw", objective, 10), sets)
    assert path in {m.path for m in found.value.mistakes}


def test_without_what_a_method_needs_the_command_ends_with_two(tmp_path: Path) -> None:
    """Before any row is read into a model: `dadeum run` says what to install."""
    raw = runs.write(tmp_path / "r.yaml", written(tmp_path / "raw", "pretrain", 20) | {"train": {**TRAIN, "objective": "pretrain", "method": "qlora"}})
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / "sitecustomize.py").write_text(
        "import importlib.util as u\nf=u.find_spec\nu.find_spec=lambda n,*a: None if n=='bitsandbytes' else f(n,*a)\n", encoding="utf-8"
    )
    import os

    env = os.environ | {"PYTHONPATH": f"{blocked}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    done = runs.dadeum("run", raw, "--out", tmp_path / "run", check=2, env=env)
    assert "dadeum[qlora]" in done.stderr and not (tmp_path / "run/data").exists()
