"""The certificate beside a model: the same ids wherever the folder is loaded, and a word where they are not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

pytest.importorskip("torch", reason="needs dadeum[train]")

from dadeum import recipe as recipes
from dadeum.record import records
from dadeum.serve import missing
from dadeum.settings import Lora, Tiny, Train
from dadeum.train import loop
from dadeum.train.tiny import make
from dadeum.tuning import parity
from dadeum.tuning.keep import content

TEXTS = ["주문은 언제 도착하나요?", "When will my order arrive?", "환불해 주세요. 제품이 고장 났습니다."] * 30


def rows(n: int = 24) -> pl.DataFrame:
    return records([{"messages": [{"role": "user", "content": f"{TEXTS[i]} {i}"}, {"role": "assistant", "content": "네, 확인했습니다."}]} for i in range(n)])


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    tiny = Tiny(vocabulary=320, hidden=32, layers=1, heads=2, context=512, pretrain_tokens=0)
    return str(make(tiny, TEXTS, tmp_path_factory.mktemp("base")))


def trained(base: str, out: Path, **more: Any) -> tuple[Path, Train]:
    settings = Train(base=base, tokens=1500, batch_tokens=256, micro_tokens=256, evaluations=0, **more)
    loop.train(rows(), None, base, settings, 0, out)
    return out, settings


@pytest.fixture(scope="module")
def adapter(base: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Train]:
    return trained(base, tmp_path_factory.mktemp("trained") / "model", method="lora", lora=Lora(r=4))


def test_every_way_gives_the_ids_of_training_and_the_adapter_its_logits(adapter: tuple[Path, Train]) -> None:
    told = parity.parity(*adapter, serve=False)
    assert told["verdict"] == "agree"
    assert {e["prompt"] for e in told["prompts"]} == set(parity.PROMPTS)
    assert all(e["transformers"] == e["exported"] == "same" and e["tokens"] > 5 for e in told["prompts"])
    assert told["logits"]["agree"] and told["logits"]["same_first"] > 0.99
    assert told["server"] == {"asked": False, "why_not": "prove.served is false"}


def test_a_real_server_gets_the_ids_of_training_and_gives_the_same_answers(adapter: tuple[Path, Train]) -> None:
    if absent := missing():
        pytest.skip(f"needs dadeum[serve]: {', '.join(absent)}")
    told = parity.parity(*adapter)
    assert told["server"]["asked"] and told["verdict"] == "agree"
    assert [(e["server"], e["answer"]) for e in told["prompts"]] == [("same", "same")] * len(parity.PROMPTS)


@pytest.mark.parametrize("fault", ["template", "tokenizer", "adapter"])
def test_what_differs_is_told(adapter: tuple[Path, Train], tmp_path: Path, fault: str) -> None:
    folder, settings = shutil.copytree(adapter[0], tmp_path / "model"), adapter[1]
    if fault == "template":
        path = folder / "chat_template.jinja"
        path.write_text(path.read_text(encoding="utf-8").replace("<|im_start|>", "<|im_start|> "), encoding="utf-8")
    elif fault == "tokenizer":  # two letters have changed places
        raw = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
        words = raw["model"]["vocab"]
        words["e"], words["r"] = words["r"], words["e"]
        (folder / "tokenizer.json").write_text(json.dumps(raw), encoding="utf-8")
    else:
        from safetensors.torch import load_file, save_file

        path = folder / "adapter/adapter_model.safetensors"
        save_file({k: v * 30 + 0.5 for k, v in load_file(path).items()}, path)
    told = parity.parity(folder, settings, serve=False)
    assert told["verdict"] == "differ"
    differing = {e["prompt"] for e in told["prompts"] if e["transformers"] == e["exported"] == "differs"}
    assert told["logits"]["agree"] == (fault != "adapter") and bool(differing) == (fault != "adapter")


def test_a_certificate_is_kept_and_is_no_part_of_the_model(adapter: tuple[Path, Train], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "run"
    shutil.copytree(adapter[0], out / "model")
    before = content(out / "model")
    (tmp_path / "x.jsonl").write_text("{}\n", encoding="utf-8")
    recipe = recipes.compose({"sources": [{"path": str(tmp_path / "x.jsonl")}], "steps": ["mix.split"], "train": {"method": "lora"}}, [])
    told = parity.certify(recipe, out, {"dataset_digest": "d", "recipe_digest": "r"}, serve=False)
    assert told is not None and told["digests"]["data"] == "d" and (out / "model/parity.json").exists()
    assert content(out / "model") == before

    def forbidden(*arguments: Any) -> Any:
        raise AssertionError("certified a second time")

    monkeypatch.setattr(parity, "parity", forbidden)
    assert parity.certify(recipe, out, {"dataset_digest": "d", "recipe_digest": "r"}, serve=False) == told
    with pytest.raises(AssertionError, match="second time"):
        parity.certify(recipe, out, {"dataset_digest": "other", "recipe_digest": "r"}, serve=False)
