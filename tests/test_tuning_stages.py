"""Several trainings in a row: which rows each sees, what is trained again and what is not, and the gate between them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest

pytest.importorskip("trl", reason="needs dadeum[train]")

import runs
from dadeum import recipe as recipes
from dadeum import run, tuning
from dadeum.errors import DadeumError, RecipeError
from dadeum.recipe.where import matching
from dadeum.tuning.lessons import lessons
from train_cases import one_thread, reviews

one_thread()
TRAIN: dict[str, Any] = {
    "base": "tiny",
    "tiny": {"vocabulary": 400, "hidden": 64, "layers": 2, "heads": 4, "context": 256, "pretrain_tokens": 30_000},
    "max_length": 128,
    "batch_tokens": 128,
    "learning_rate": 5e-3,
    "micro_tokens": 128,
    "evaluations": 2,
    "device": "cpu",
}


def rows(folder: Path, strange: bool = True) -> list[dict[str, str]]:
    """Two sources: reviews that are answered right, and others that are answered (if `strange`) by words of another kind."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, seed, turn in (("right", 1, False), ("other", 5, strange)):
        lines = []
        for one in reviews(160, seed).select("id", "messages").to_dicts():
            turns = [{"role": m["role"], "content": m["content"]} for m in one["messages"]]
            if turn:
                turns[1]["content"] = "모르겠어요 plum"
            lines.append(json.dumps({"id": one["id"], "messages": turns}, ensure_ascii=False))
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return [{"path": f"{folder}/{name}.jsonl", "name": name} for name in ("right", "other")]


def staged(folder: Path, *stages: dict[str, Any], **more: Any) -> dict[str, Any]:
    split = {"mix.split": {"test": 0.1, "validation": 0.15, "leak": "allow"}}
    return {"name": "staged", "sources": rows(folder / "rows", **more), "steps": [split], "train": {**TRAIN, "stages": list(stages)}}


FIRST = {"name": "first", "where": {"source": "right"}, "epochs": 4}
SECOND = {"name": "second", "where": {"source": "other"}, "epochs": 4}


def stamps(out: Path) -> dict[str, int]:
    return {p.parent.name: p.stat().st_mtime_ns for p in sorted((out / "models").glob("*/model.safetensors"))}


def test_conditions_pick_rows() -> None:
    frame = pl.DataFrame(
        {"id": list("abcd"), "source": ["web", "wiki", "web", None], "quality": [0.9, 0.7, None, 0.1], "parents": [[], ["x"], [], []], "n": [1, 2, 3, 4], "ok": [True, False, None, True]}
    )

    def ids(**where: Any) -> str:
        return "".join(matching({k: v if isinstance(v, tuple) else (v,) for k, v in where.items()}, frame)["id"])

    assert ids() == "abcd" and ids(source="web") == "ac" and ids(source=("web", "wiki")) == "abc" and ids(source="!= web") == "bd"
    assert ids(quality=">= 0.7") == "ab" and ids(quality="<0.7") == "d" and ids(quality="none") == "c" and ids(quality=(">0.8", "<=0.1")) == "ad"
    assert ids(parents="some") == "b" and ids(parents="none", source="web") == "ac"
    assert ids(n=2.0) == ids(n="2") == "b" and ids(ok=True) == "ad" and ids(source="some") == "abc"


def test_mistakes_are_told_at_their_paths(tmp_path: Path) -> None:
    raw = staged(
        tmp_path,
        {"name": "a", "replay": 0.5, "gate": {}, "where": {"qual": "some", "source": "> much"}, "epoch": 3},
    )
    with pytest.raises(RecipeError) as found:
        recipes.compose(raw)
    assert {m.path for m in found.value.mistakes} == {"train.stages.0.epoch"}
    del raw["train"]["stages"][0]["epoch"]
    raw["train"]["stages"] += [{"name": "a", "method": "prompt", "gate": {"suites": "absent.jsonl"}}, {"name": "c", "objective": "dpo", "replay": 0.1}]
    with pytest.raises(RecipeError) as found:
        recipes.compose(raw)
    paths = ("0.replay", "0.gate.suites", "0.where.qual", "0.where.source", "1.name", "1", "1.gate.suites.0", "2.replay")
    assert {m.path for m in found.value.mistakes} == {f"train.stages.{path}" for path in paths}


def test_replay_draws_its_share_from_earlier_stages_by_the_seed(tmp_path: Path) -> None:
    made = recipes.compose(staged(tmp_path, FIRST, {**SECOND, "rows": 60, "replay": 0.25}))
    run.stages(made, tmp_path / "run", "split")
    given = tuning.split(tmp_path / "run", "train"), tuning.split(tmp_path / "run", "validation")
    one, two = lessons(made, *given)
    assert set(one.rows["source"]) == {"right"} and not one.replayed and set(two.held["source"]) == {"other"}
    assert two.rows.height == 80 and len(two.replayed) == 20 and two.replayed <= set(one.rows["id"])
    assert two.rows.filter(pl.col("id").is_in(list(two.replayed)))["source"].unique().to_list() == ["right"]
    again = lessons(made, *(frame.reverse() for frame in given))[1]
    other = lessons(recipes.compose(made.to_dict(), ["seed=7"]), *given)[1]
    assert again.replayed == two.replayed != other.replayed
    told = tuning.supervision(made, tmp_path / "run")
    ledger = pl.read_parquet(tmp_path / "run/supervision.parquet")
    assert ledger.group_by("stage", "replayed").len().sort("stage", "replayed").rows() == [("first", False, one.rows.height), ("second", False, 60), ("second", True, 20)]
    assert [s["stage"] for s in told["stages"]] == ["first", "second"] and told["stages"][1]["replayed"] == 20
    assert told["rows"] == ledger.height and told["tokens"] == ledger["n_tokens"].sum()


def test_a_stage_without_a_row_says_so(tmp_path: Path) -> None:
    made = recipes.compose(staged(tmp_path, FIRST, {"name": "second", "where": {"label": "x"}}))
    with pytest.raises(DadeumError, match=r"train\.stages\.1 \(second\): none of .* label: x"):
        run.stages(made, tmp_path / "run", "supervision")


@pytest.mark.night
def test_a_second_call_trains_only_what_changed(tmp_path: Path) -> None:
    raw = staged(tmp_path, {**FIRST, "epochs": 1}, {**SECOND, "epochs": 1}, {"name": "third", "epochs": 0.5})
    out = tmp_path / "run"
    told = run.stages(recipes.compose(raw), out, "train")
    before = stamps(out)
    assert list(before) == ["tuned-0", "tuned-0.1-first", "tuned-0.2-second"]
    arm = told["train"]["arms"]["tuned-0"]
    assert [s["stage"] for s in arm["stages"]] == ["first", "second", "third"] and arm["tokens"] == sum(s["tokens"] for s in arm["stages"])
    curve = orjson.loads((out / "curve.json").read_bytes())
    assert [p["tokens"] for p in curve] == sorted(p["tokens"] for p in curve) and curve[-1]["stage"] == "third" and curve[-1]["step"] == arm["steps"]

    run.stages(recipes.compose(raw), out, "train")
    assert stamps(out) == before
    raw["train"]["stages"][1]["gate"] = {"otherwise": "warn"}
    run.stages(recipes.compose(raw), out, "train")
    assert stamps(out) == before, "a gate is no part of what a training is made of"
    raw["train"]["stages"][1]["epochs"] = 2
    run.stages(recipes.compose(raw), out, "train")
    after = stamps(out)
    assert after["tuned-0.1-first"] == before["tuned-0.1-first"] and all(after[k] > before[k] for k in ("tuned-0", "tuned-0.2-second"))


def test_the_gate_stops_at_what_is_forgotten_and_nothing_is_lost(tmp_path: Path) -> None:
    raw = staged(tmp_path, FIRST, {**SECOND, "gate": {"allow": 0.2}})
    path, out = runs.write(tmp_path / "staged.yaml", raw), tmp_path / "run"
    refused = runs.dadeum("train", path, "--out", out, check=1)
    assert "the stage second forgets: earlier stages" in refused.stderr and "train.stages.1.replay" in refused.stderr
    [found] = orjson.loads((out / "gates.json").read_bytes())
    assert found["verdict"] == "forgotten" and found["low"] > 0.2 and found["low"] < found["change"] < found["high"]
    before = stamps(out)
    assert set(before) == {"tuned-0", "tuned-0.1-first"}
    told = run.stages(recipes.compose(raw, ["train.stages.1.gate.otherwise=warn"]), out, "train")
    assert stamps(out) == before and told["train"]["gates"][0]["verdict"] == "forgotten"


@pytest.mark.night
def test_the_gate_lets_pass_what_is_kept(tmp_path: Path) -> None:
    suite = tmp_path / "suite.jsonl"
    raw = staged(tmp_path, FIRST, {**SECOND, "learning_rate": 1e-6, "epochs": 0.5, "gate": {"suites": [str(suite)], "items": 40}}, strange=False)
    lines = [{"prompt": m[0]["content"], "completion": m[1]["content"]} for m in reviews(60, 9)["messages"].to_list()]
    suite.write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines), encoding="utf-8")
    told = run.stages(recipes.compose(raw), tmp_path / "run", "train")
    [found] = told["train"]["gates"]
    assert found["verdict"] == "kept" and found["rows"] == 40 and abs(found["change"]) < 0.05 and found["suite"] == str(suite)


def suited(tmp_path: Path, second: dict[str, Any], strange: bool) -> dict[str, Any]:
    """Two stages, the gate of the second on the suite `sense` of other reviews, by label accuracy."""
    lines = [{"prompt": m[0]["content"], "completion": m[1]["content"]} for m in reviews(80, 9)["messages"].to_list()]
    suite = tmp_path / "suite.jsonl"
    suite.write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines), encoding="utf-8")
    answers = sorted({line["completion"] for line in lines})
    raw = staged(tmp_path, FIRST, {**SECOND, **second, "gate": {"suites": ["sense"], "allow": 0.1}}, strange=strange)
    raw["prove"] = {"metric": "exact", "suites": [{"name": "sense", "path": str(suite), "metric": "label", "labels": answers, "max_new_tokens": 6}]}
    return raw


def test_a_gate_asks_a_named_suite_by_its_own_metric(tmp_path: Path) -> None:
    refused = recipes.compose(suited(tmp_path, {}, strange=True))
    with pytest.raises(DadeumError, match="the stage second forgets: sense: label accuracy goes from"):
        run.stages(refused, tmp_path / "run", "train")
    [found] = orjson.loads((tmp_path / "run/gates.json").read_bytes())
    assert found["verdict"] == "forgotten" and found["before"] > 0.3 > 0.1 > found["after"] and found["high"] < -0.1 * found["before"]
    raw = suited(tmp_path, {}, strange=True)
    raw["train"]["stages"][1]["gate"]["otherwise"] = "warn"
    told = run.stages(recipes.compose(raw), tmp_path / "run", "train")
    assert told["train"]["gates"] == [found]
    html = (tmp_path / "run/report.html").read_text(encoding="utf-8")
    assert 'id="gates"' in html and "label accuracy" in html and "forgotten" in html


def test_a_gate_lets_a_harmless_stage_pass_by_a_metric(tmp_path: Path) -> None:
    told = run.stages(recipes.compose(suited(tmp_path, {"learning_rate": 1e-6, "epochs": 0.5}, strange=False)), tmp_path / "run", "train")
    [found] = told["train"]["gates"]
    assert found["verdict"] == "kept" and found["rows"] == 80 and found["metric"] == "label accuracy"


def test_a_gate_names_suites_that_there_are(tmp_path: Path) -> None:
    raw = suited(tmp_path, {}, strange=False)
    raw["train"]["stages"][1]["gate"]["suites"] = ["sens", "tasks"]
    raw["prove"]["suites"].append({"name": "tasks", "task": "hellaswag"})
    with pytest.raises(RecipeError) as found:
        recipes.compose(raw)
    assert {m.path for m in found.value.mistakes} == {"train.stages.1.gate.suites.0", "train.stages.1.gate.suites.1"}
