"""Embeddings of folders (tiny models made on the spot) and endpoints (a real server on this machine)."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from dadeum import embed
from dadeum.embed import endpoint
from dadeum.errors import DadeumError, RecipeError

TEXTS = pl.Series(["영화 최고", "good movie", None, "영화", "", "영화 최고", "good good good movie 최고 " * 12, "최고"])


def meant(text: str) -> list[float]:
    """The server's vector: of the text alone, not of length 1."""
    return [float(b) - 99.5 for b in hashlib.blake2b(text.encode(), digest_size=8).digest()]


class Server:
    """Answers /v1/embeddings in the wrong order, after the faults it was told of."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.faults: list[Any] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.asked.append(body)
                outer.keys.append(self.headers.get("Authorization"))
                fault = outer.faults.pop(0) if outer.faults else None
                if isinstance(fault, int):
                    self.answer(fault, {"error": "as planted"})
                else:
                    items = [{"index": i, "embedding": meant(text)} for i, text in enumerate(body["input"])]
                    self.answer(200, fault(items) if fault else {"data": items[::-1]})

            def answer(self, code: int, content: Any) -> None:
                data = json.dumps(content).encode()
                self.send_response(code)
                self.send_header("Retry-After", "0")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.spec = f"http://127.0.0.1:{self.http.server_port}/v1#tiny"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("DADEUM_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(endpoint.KEY, raising=False)
    made = Server()
    thread = threading.Thread(target=made.http.serve_forever)
    thread.start()
    yield made
    made.http.shutdown()
    thread.join()
    made.http.server_close()


def test_an_endpoint_is_asked_for_each_string_once(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "BATCH", 2)
    monkeypatch.setenv(endpoint.KEY, "secret")
    made = embed.load(server.spec)
    found = made.vectors(TEXTS)
    want = np.array([meant(t) if t else [0.0] * 8 for t in TEXTS])
    want = want / np.maximum(np.linalg.norm(want, axis=1, keepdims=True), 1e-9)
    assert np.allclose(found, want, atol=1e-6)
    assert sorted(text for body in server.asked for text in body["input"]) == sorted({t for t in TEXTS if t})
    assert {body["model"] for body in server.asked} == {"tiny"} and set(server.keys) == {"Bearer secret"}
    before = len(server.asked)
    assert np.array_equal(made.vectors(TEXTS.reverse()), found[::-1])
    assert len(server.asked) == before
    stored = b"".join(path.read_bytes() for path in endpoint._place(made.key).parent.iterdir())
    assert "영화".encode() not in stored and b"secret" not in stored


def test_a_busy_endpoint_is_asked_again(server: Server) -> None:
    server.faults = [503, 429]
    assert embed.load(server.spec).vectors(TEXTS).shape == (8, 8)
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    "faults, told",
    [
        ([401], f"401.*{endpoint.KEY}"),
        ([404], "404.*model's name"),
        ([500] * endpoint.TRIES, "no answer in 5 tries"),
        ([lambda items: {"data": items[1:]}], "asked for 5 vectors"),
        ([lambda items: {"data": [{**item, "embedding": [float("nan")]} for item in items]}], "not finite"),
        ([lambda items: {"data": [{**item, "embedding": [0.0] * (1 + item["index"])} for item in items]}], "no list of vectors"),
        ([lambda items: {"choices": []}], "no list of vectors"),
    ],
)
def test_what_goes_wrong_is_told(server: Server, faults: list[Any], told: str) -> None:
    server.faults = list(faults)
    with pytest.raises(DadeumError, match=told) as raised:
        embed.load(server.spec).vectors(TEXTS)
    assert "127.0.0.1" in str(raised.value)


def test_an_endpoint_that_is_not_there(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "TRIES", 2)
    with pytest.raises(DadeumError, match=r"127\.0\.0\.1:9/v1/embeddings gave no answer in 2 tries .*Does it run"):
        embed.load("http://127.0.0.1:9/v1#tiny").vectors(pl.Series(["a"]))


@pytest.mark.parametrize("spec, told", [("http://h/v1", "names no model"), ("http://u:secret@h/v1#m", "holds a password")])
def test_an_address_that_says_too_little_or_too_much(spec: str, told: str) -> None:
    with pytest.raises(RecipeError, match=told) as raised:
        embed.load(spec)
    assert "secret" not in str(raised.value)


WORDS = {w: i for i, w in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "영화", "최고", "good", "movie", "query"])}


def save_tokenizer(folder: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    made = Tokenizer(models.WordLevel(WORDS, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    made.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]"}))


def slow_ids(text: str, longest: int = 32) -> list[int]:
    return [2, *[WORDS.get(w, 1) for w in text.split()][: longest - 2], 3]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("bert")
    torch.manual_seed(3)
    size = {"vocab_size": len(WORDS), "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
    transformers.BertModel(transformers.BertConfig(**size, max_position_embeddings=32)).save_pretrained(folder)
    save_tokenizer(folder)
    return folder


def as_sentence_transformer(folder: Path, weights: Path, pooling: dict[str, Any], *others: str, prompt: str = "") -> Path:
    folder.mkdir()
    for path in weights.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    kinds = ["Transformer", "Pooling", *others]
    modules = [{"path": "" if i == 0 else f"{i}_{kind}", "type": f"sentence_transformers.models.{kind}"} for i, kind in enumerate(kinds)]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling/config.json").write_text(json.dumps(pooling))
    if prompt:
        (folder / "config_sentence_transformers.json").write_text(json.dumps({"prompts": {"q": prompt}, "default_prompt_name": "q"}))
    return folder


@pytest.mark.parametrize(
    "pooling, how, prompt",
    [
        (None, "mean", ""),
        ({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}, "mean", "query "),
        ({"pooling_mode_cls_token": True}, "cls", ""),
        ({"pooling_mode": "max"}, "max", ""),
        ({"pooling_mode": "lasttoken"}, "last", ""),
    ],
)
def test_a_folder_of_weights_is_one_text_at_a_time(weights: Path, tmp_path: Path, pooling: dict[str, Any] | None, how: str, prompt: str) -> None:
    import torch
    from transformers import AutoModel

    folder = weights if pooling is None else as_sentence_transformer(tmp_path / "st", weights, pooling, "Normalize", prompt=prompt)
    found = embed.load(str(folder)).vectors(TEXTS)
    model = AutoModel.from_pretrained(weights).eval()
    for text, vector in zip(TEXTS, found):
        if not text:
            assert not vector.any()
            continue
        states = model(torch.tensor([slow_ids(prompt + text)])).last_hidden_state[0].detach().numpy()
        want = {"mean": states.mean(axis=0), "cls": states[0], "max": states.max(axis=0), "last": states[-1]}[how]
        assert np.allclose(vector, want / np.linalg.norm(want), atol=1e-5)


def test_a_folder_and_its_batches(weights: Path) -> None:
    made = embed.load(str(weights))
    texts = pl.Series([" ".join(["영화", "good", "최고", "movie"][: 1 + i % 4] * (1 + i % 7)) for i in range(60)])
    whole = made.vectors(texts)
    assert np.allclose(made.vectors(texts.reverse())[::-1], whole, atol=1e-6)
    assert np.allclose(np.concatenate([made.vectors(texts[:7]), made.vectors(texts[7:])]), whole, atol=1e-6)
    assert made.vectors(texts[:0]).shape[0] == 0


def test_an_onnx_folder(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from onnx import TensorProto, helper

    table = np.random.default_rng(1).standard_normal((len(WORDS), 6)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "input_ids"], ["last_hidden_state"])], "tiny",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["n", "l"])],
        [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["n", "l", 6])],
        [onnx.numpy_helper.from_array(table, "table")],
    )  # fmt: skip
    (tmp_path / "onnx").mkdir()
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), tmp_path / "onnx/model.onnx")
    with pytest.raises(RecipeError, match=r"no tokenizer\.json"):
        embed.load(str(tmp_path))
    save_tokenizer(tmp_path)
    made = embed.load(str(tmp_path))
    for text, vector in zip(TEXTS, made.vectors(TEXTS)):
        want = table[slow_ids(text, 512)].mean(axis=0) if text else np.zeros(6)
        assert np.allclose(vector, want / (np.linalg.norm(want) or 1), atol=1e-5)
    before = made.key
    (tmp_path / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 4}))
    shorter = embed.load(str(tmp_path))
    assert shorter.key != before
    assert np.allclose(shorter.vectors(pl.Series(["영화 최고 good"])), shorter.vectors(pl.Series(["영화 최고"])), atol=1e-6)


def test_a_folder_that_is_no_model(tmp_path: Path, weights: Path) -> None:
    with pytest.raises(RecipeError, match=r"neither model\.onnx nor config\.json"):
        embed.load(str(tmp_path))
    with pytest.raises(RecipeError, match="module Dense is not supported"):
        embed.load(str(as_sentence_transformer(tmp_path / "dense", weights, {"pooling_mode": "mean"}, "Dense")))
    with pytest.raises(RecipeError, match="asks for the pooling pooling_mode_weightedmean_tokens"):
        embed.load(str(as_sentence_transformer(tmp_path / "weighted", weights, {"pooling_mode_weightedmean_tokens": True})))
