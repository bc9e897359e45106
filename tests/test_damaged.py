"""A finished run of which a file was cut off, emptied or deleted: a word that says what to do, or the same file made anew; never a traceback."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import orjson
import polars as pl
import pytest
from polars.testing import assert_frame_equal

pytest.importorskip("trl", reason="needs dadeum[train]")

import runs
from dadeum import cli

CHAT = {"form.chat": {"turns": [{"role": "user", "content": "별점은?\n{text}"}, {"role": "assistant", "content": "{stars}"}]}}
TRAIN = {
    "base": "tiny",
    "tiny": {"vocabulary": 300, "hidden": 32, "layers": 1, "heads": 2, "context": 256, "pretrain_tokens": 0},
    "max_length": 128, "rows": 60, "tokens": 1500, "batch_tokens": 512, "price_per_hour": {"l4": 0.5},
}  # fmt: skip
PROVE = {"metric": "exact", "items": 20, "max_new_tokens": 2, "resamples": 199, "served": False}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("damaged")
    raw = runs.recipe(runs.raw(folder / "rows", files=1, rows=300), train=TRAIN, prove=PROVE)
    raw["steps"].append(CHAT)
    assert cli.main(["run", str(runs.write(folder / "recipe.yaml", raw)), "--out", str(folder / "run")]) == 0
    return folder / "run"


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Iterator[Path]:
    copied = tmp_path / "run"
    shutil.copytree(whole, copied, symlinks=True)
    yield copied


@pytest.mark.parametrize("name", ["proof.json", "curve.json", "supervision_sample.json"])
@pytest.mark.parametrize("held", ['{"a":', "null"])
def test_a_broken_file_of_a_later_stage_is_named_and_made_anew(run: Path, whole: Path, name: str, held: str, capsys: pytest.CaptureFixture[str]) -> None:
    (run / name).write_text(held)
    assert cli.main(["report", str(run)]) == 1
    assert f"{run / name} is damaged" in capsys.readouterr().err
    assert cli.main(["prove", str(run)]) == 0
    assert orjson.loads((run / name).read_bytes()) == orjson.loads((whole / name).read_bytes())
    assert cli.main(["report", str(run)]) == 0


@pytest.mark.parametrize("name", ["supervision.parquet", "data/train.parquet", "ledger/verdicts.parquet"])
def test_a_table_that_was_cut_off_is_told_and_made_anew(run: Path, whole: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    (run / name).write_bytes((run / name).read_bytes()[:300])
    assert cli.main(["report", str(run)]) == 1
    assert "is damaged" in capsys.readouterr().err
    assert cli.main(["prove", str(run)]) == 0
    assert_frame_equal(pl.read_parquet(run / name), pl.read_parquet(whole / name))


@pytest.mark.parametrize(("name", "size"), [("model.safetensors", None), ("model.safetensors", 1000), ("tokenizer.json", None), ("generation_config.json", 0), ("training.json", 5)])
def test_a_model_folder_that_lost_a_file_is_trained_again(run: Path, whole: Path, name: str, size: int | None) -> None:
    path = run / "models/tuned-0" / name
    path.write_bytes(path.read_bytes()[:size]) if size is not None else path.unlink()
    assert cli.main(["prove", str(run)]) == 0
    assert (run / "model/model.safetensors").read_bytes() == (whole / "model/model.safetensors").read_bytes()
    assert orjson.loads((run / "proof.json").read_bytes()) == orjson.loads((whole / "proof.json").read_bytes())
    assert path.stat().st_size == (whole / "models/tuned-0" / name).stat().st_size or name == "training.json"


def test_a_broken_certificate_is_written_anew(run: Path) -> None:
    (run / "model/parity.json").write_text("{")
    assert cli.main(["prove", str(run)]) == 0
    assert orjson.loads((run / "model/parity.json").read_bytes())["verdict"] == "agree"


def test_decide_before_a_training_reckons_with_the_device_that_has_a_price(run: Path, whole: Path) -> None:
    """No price of this machine's own processor, and nothing trained: the forecast of a named device is all there is."""
    for arm in (run / "model", run / "models"):
        arm.unlink() if arm.is_symlink() else shutil.rmtree(arm)
    assert cli.main(["decide", str(run)]) == 0
    told = orjson.loads((run / "decision.json").read_bytes())
    assert told["verdict"] == "not trained" and told["tuning"]["least"] and told["tuning"]["machine"] > 0


@pytest.mark.parametrize("command", [["curve"], ["prove", "--ablate", "clean.unicode"]])
def test_a_study_of_models_that_are_asked_for_no_words_is_refused_before_it_trains(tmp_path: Path, command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    raw = runs.recipe(runs.raw(tmp_path / "rows", files=1, rows=80), train={**TRAIN, "objective": "classify"}, prove={"metric": "label", "labels": ["1", "2"]})
    path = runs.write(tmp_path / "recipe.yaml", raw)
    assert cli.main([command[0], str(path), "--out", str(tmp_path / "run"), *command[1:]]) == 2
    assert "train.objective: is classify measured by label" in capsys.readouterr().err and not (tmp_path / "run").exists()
