"""The certificate beside a model: the same ids wherever the folder is loaded, and a word where they are not."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
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


def test_a_server_that_fails_leaves_the_other_ways_and_is_asked_again(adapter: tuple[Path, Train], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dadeum import serve
    from dadeum.errors import DadeumError

    @contextlib.contextmanager
    def down(model: Path) -> Iterator[Any]:
        raise DadeumError("transformers serve did not come up: no memory")
        yield

    monkeypatch.setattr(serve, "served", down)
    monkeypatch.setattr(serve, "missing", list)
    told = parity.parity(*adapter)
    assert told["verdict"] == "agree" and told["server"] == {"asked": False, "why_not": "transformers serve did not come up: no memory"}
    assert all("server" not in e and e["transformers"] == "same" for e in told["prompts"])


@pytest.mark.parametrize(("heard", "answer"), [("same", "same"), ("parsed", "same"), ("other text", "differs"), ("other ids", "differs")])
def test_an_answer_is_held_against_ids_and_text(adapter: tuple[Path, Train], heard: str, answer: str) -> None:
    """A server may take thoughts and calls out of the text; its ids still have to be ours."""
    from dadeum.format.tokens import load_tokenizer
    from dadeum.serve import Heard
    from dadeum.train.base import load

    tokenizer, model = load_tokenizer(adapter[0]), load(adapter[0]).eval()
    ours = parity._trainer(*adapter)

    class Running:
        def ask(self, messages: Any, tools: Any, n: int) -> Heard:
            ids = ours(messages, tools) or []
            said = parity._greedy(model, ids)
            text = tokenizer.decode(said, skip_special_tokens=True)
            if heard == "other ids":
                said = [*said[:-1], said[-1] + 1]
            return Heard(ids, said, {"parsed": None, "other text": f"{text} ?"}.get(heard, text))

    assert parity._asked(Running(), tokenizer, model, *parity.PROMPTS["korean"], ours) == {"server": "same", "answer": answer}


def test_a_server_ends_with_the_process_that_started_it() -> None:
    child = "import os, sys; from dadeum.serve.heard import _end_with; print(os.getpid(), flush=True); _end_with(int(sys.argv[1]))"
    parent = f"import os, subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}, str(os.getpid())]); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout
        pid = int(started.stdout.readline())
        os.kill(pid, 0)
        started.kill()
        until = time.monotonic() + 20
        while time.monotonic() < until and not ended(pid):
            time.sleep(0.1)
    assert ended(pid)


def ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"  # nobody here may have waited for it yet
    except FileNotFoundError:
        return True


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
