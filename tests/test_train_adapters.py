"""An adapter as the base of a training: merged where it belongs to its base, refused in words where it does not."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("trl", reason="needs dadeum[train]")

from check_worlds import world
from dadeum.cli import main
from dadeum.errors import RecipeError
from dadeum.train.adapters import OWN, fits
from dadeum.train.base import base, load, merged
from dadeum.train.loop import train
from train_cases import one_thread, reviews, short, tiny

one_thread()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA training's model folder, with its adapter beside."""
    settings = short(method="lora", epochs=1.0, evaluations=0)
    return train(reviews(60, 1), None, tiny(), settings, 0, tmp_path_factory.mktemp("lora") / "model").folder


def refused(folder: Path) -> str:
    with pytest.raises(RecipeError) as told:
        fits(folder)
    [mistake] = told.value.mistakes
    assert mistake.path == "train.base" and mistake.hint
    return mistake.what


def another(trained: Path, tmp_path: Path, **told: object) -> Path:
    """A copy of the adapter with other words in its configuration."""
    folder = tmp_path / "adapter"
    shutil.copytree(trained / "adapter", folder)
    config = json.loads((folder / "adapter_config.json").read_text()) | told
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder


def test_an_adapter_of_the_right_base_is_merged_and_answers_as_the_merged_model(trained: Path, tmp_path: Path) -> None:
    import torch

    settings = short(base=str(trained / "adapter"))
    folder = base(settings, [], tmp_path)
    assert folder == base(settings, [], tmp_path) == merged(trained / "adapter", tmp_path) and len(list(tmp_path.iterdir())) == 1
    ids = torch.arange(20)[None]
    with torch.no_grad():
        ours, theirs, bare = (load(one).eval()(input_ids=ids).logits for one in (folder, trained, tiny()))
    assert torch.allclose(ours, theirs, atol=1e-4) and not torch.allclose(ours, bare, atol=1e-4)
    again = train(reviews(60, 1), None, folder, replace(settings, epochs=1.0, evaluations=0), 0, tmp_path / "model")
    assert again.steps > 0


def test_an_adapter_of_another_architecture_or_width_is_refused(trained: Path, tmp_path: Path) -> None:
    (trained / "adapter" / OWN).rename(tmp_path / OWN)  # as an adapter that others wrote
    try:
        neox = refused(another(trained, tmp_path / "neox", base_model_name_or_path=world("neox")))
        assert "no such layer" in neox and "gpt_neox" in neox
        llama = refused(another(trained, tmp_path / "llama", base_model_name_or_path=world("llama")))
        assert "layer is" in llama or "no such layer" in llama
    finally:
        (tmp_path / OWN).rename(trained / "adapter" / OWN)


def test_an_adapter_of_the_same_shapes_and_other_weights_is_refused(trained: Path, tmp_path: Path) -> None:
    other = train(reviews(60, 2), None, tiny(), short(epochs=1.0, evaluations=0), 0, tmp_path / "other").folder
    assert "no longer those" in refused(another(trained, tmp_path, base_model_name_or_path=str(other)))


def test_an_adapter_whose_base_is_gone_or_unnamed_or_that_is_no_part_of_weights_is_refused(trained: Path, tmp_path: Path) -> None:
    assert "not there" in refused(another(trained, tmp_path / "gone", base_model_name_or_path=str(tmp_path / "nowhere")))
    assert "does not say of which" in refused(another(trained, tmp_path / "none", base_model_name_or_path=None))
    assert "cannot be merged" in refused(another(trained, tmp_path / "prompt", peft_type="PROMPT_TUNING"))
    assert "cannot be merged" in refused(another(trained, tmp_path / "head", task_type="SEQ_CLS"))
    empty = another(trained, tmp_path / "empty")
    for file in empty.glob("*.safetensors"):
        file.unlink()
    assert "no adapter_model.safetensors" in refused(empty)


def test_the_command_ends_with_2_and_one_line_before_anything_is_trained(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    adapter = another(trained, tmp_path, base_model_name_or_path=world("neox"))
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps({"text": f"글 {i} hello world"}) + "\n" for i in range(40)))
    told = {"sources": [{"path": str(tmp_path / "rows.jsonl")}], "steps": [{"mix.split": {"test": 0.2}}], "train": {"base": str(adapter), "objective": "pretrain"}}
    (tmp_path / "recipe.yaml").write_text(json.dumps(told))
    for command in ("check", "train"):
        assert main([command, str(tmp_path / "recipe.yaml"), "--out", str(tmp_path / "run")]) == 2
        said = capsys.readouterr().err
        assert "train.base" in said and "another model" in said and "Traceback" not in said
    assert not (tmp_path / "run/models").exists()
