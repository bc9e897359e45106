"""A model in a folder: sentence-transformers, a plain transformers encoder, or ONNX. Everything is read from the folder itself.

    modules.json                          where the encoder and the pooling lie (sentence-transformers)
    1_Pooling/config.json                 mean, cls, max or lasttoken; mean where the folder says nothing
    sentence_bert_config.json             how many tokens are read
    config_sentence_transformers.json     a prompt that goes before every text, where one is the default
    onnx/model.onnx, model.onnx           run by onnxruntime where it is there; else the weights, by transformers and torch

Texts are computed in batches of one size, padded to a multiple of 16 tokens and sorted by length; the place in the batch aside, a
text always meets the same shapes, so its vector does not depend on its neighbours beyond float32's last bits. On the CPU: another
device gives other last bits. Code in a folder is never run (`trust_remote_code` is off), and nothing is asked of the network.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from dadeum.embed import Vectors
from dadeum.errors import DadeumError, MissingExtra, Mistake, RecipeError
from dadeum.step import digest_file

BATCH: Final = 16
PAD: Final = 16
"""Lengths are padded to multiples of this."""
LONGEST: Final = 512
"""Tokens that are read where the folder doesn't say."""
POOLINGS: Final = {"mean": "mean_tokens", "cls": "cls_token", "max": "max_tokens", "lasttoken": "lasttoken"}
"""The poolings, by the names that newer folders use, and what older ones call them after `pooling_mode_`."""

Tokens = Callable[[list[str]], tuple[list[list[int]], int]]
"""Texts -> (token ids of each, the id that pads)."""
Ints = npt.NDArray[np.int64]
Encoder = Callable[[Ints, Ints], npt.NDArray[np.float32]]
"""(token ids `[n, length]`, mask) -> states `[n, length, d]`, or vectors `[n, d]` where the model pools by itself."""


@dataclass(frozen=True)
class Local:
    """A folder's model. Its weights are read when the first vectors are asked for, and once."""

    folder: Path
    inner: Path
    graph: Path | None
    weights: tuple[Path, ...]
    pooling: str
    prompt: str
    longest: int

    @classmethod
    def opened(cls, folder: Path) -> Local:
        """Raises RecipeError (path `model`) where the folder holds no model that can be read, MissingExtra where a package is missing."""
        modules = _json(folder / "modules.json") or [{"type": "models.Transformer", "path": ""}]
        kinds = {module["type"].rpartition(".")[2]: folder / module["path"] for module in modules}
        if others := sorted(set(kinds) - {"Transformer", "Pooling", "Normalize"}):
            raise RecipeError(Mistake("model", f"{folder}: its module {', '.join(others)} is not supported", "serve it, and name the endpoint"))
        inner = kinds.get("Transformer", folder)
        config = _json(inner / "config.json") or {}
        graph = next((path for path in (inner / "onnx/model.onnx", inner / "model.onnx", folder / "onnx/model.onnx") if path.is_file()), None)
        weights = [path for name in ("model*.safetensors", "pytorch_model*.bin") for path in sorted(inner.glob(name))]
        if graph is not None:
            _need("onnxruntime", "tokenizers", extra="embed")
            weights = [graph, *sorted(graph.parent.glob(f"{graph.name}?*"))]
            if not (inner / "tokenizer.json").is_file():
                raise RecipeError(Mistake("model", f"{inner} holds no tokenizer.json", "an ONNX folder needs one beside the model"))
        elif weights and config:
            _need("torch", "transformers", extra="train")
        else:
            hint = "a folder as `save_pretrained` writes it, or with model.onnx and tokenizer.json"
            raise RecipeError(Mistake("model", f"{folder} holds neither model.onnx nor config.json with weights", hint))
        told = (_json(inner / "sentence_bert_config.json") or {}).get("max_seq_length")
        longest = int(told or min(int(config.get("max_position_embeddings") or LONGEST), LONGEST))
        prompts = _json(folder / "config_sentence_transformers.json") or {}
        prompt = (prompts.get("prompts") or {}).get(prompts.get("default_prompt_name") or "", "")
        pooling = _pooling(kinds["Pooling"]) if "Pooling" in kinds else "mean"
        return cls(folder, inner, graph, tuple(weights), pooling, prompt, longest)

    @cached_property
    def key(self) -> str:
        """Of the weights that are used, and of every small file that says how."""
        said = {path for ending in ("*.json", "*.txt", "*.model") for path in self.folder.rglob(ending)}
        h = hashlib.blake2b(b"local-1", digest_size=16)
        for path in sorted(said.union(self.weights)):
            h.update(f"{path.relative_to(self.folder)} {digest_file(path)} ".encode())
        return h.hexdigest()

    @cached_property
    def tokens(self) -> Tokens:
        return _tokens(self.inner, self.longest) if self.graph else _auto_tokens(self.inner, self.longest)

    @cached_property
    def encode(self) -> Encoder:
        return _onnx(self.graph) if self.graph else _torch(self.inner)

    @property
    def name(self) -> str:
        return f"{self.folder.name} ({self.pooling} pooling)"

    @property
    def measured(self) -> dict[str, float]:
        return {}

    def vectors(self, strings: pl.Series) -> Vectors:
        """See `Embedding.vectors`. Equal strings are computed once. Raises DadeumError where the model fails on a batch."""
        known = strings.fill_null("").to_frame("text").with_columns(pl.col("text").str.strip_chars())
        known = known.with_columns((pl.col("text").rank("dense") - 1).alias("at"))
        texts = known.unique("at").sort("at").get_column("text").to_list()
        ids, padding = self.tokens([self.prompt + text for text in texts])
        made = None
        for rows, length in _batches(ids):
            lines = [ids[i] for i in (rows + rows[-1:] * BATCH)[:BATCH]]
            padded = np.array([line + [padding] * (length - len(line)) for line in lines], dtype=np.int64)
            mask = np.array([[1] * len(line) + [0] * (length - len(line)) for line in lines], dtype=np.int64)
            try:
                states = self.encode(padded, mask)
            except (RuntimeError, ValueError, IndexError) as error:
                raise DadeumError(f"{self.folder} failed on {len(rows)} texts of up to {length} tokens: {' '.join(str(error).split())[:300]}") from error
            pooled = states if states.ndim == 2 else _pooled(states, mask, self.pooling)
            if made is None:
                made = np.zeros((len(texts), pooled.shape[1]), dtype=np.float32)
            size = np.sqrt(np.einsum("nd,nd->n", pooled, pooled, dtype=np.float64))
            made[rows] = (pooled / np.where(size, size, 1)[:, None])[: len(rows)]
        if made is None:
            return np.zeros((len(strings), 1), dtype=np.float32)
        made[[i for i, text in enumerate(texts) if not text]] = 0
        return made[known.get_column("at").to_numpy()]


def _batches(ids: list[list[int]]) -> Iterator[tuple[list[int], int]]:
    """(rows, padded length) of each batch: rows of one padded length."""
    by_length: dict[int, list[int]] = {}
    for i, line in enumerate(ids):
        by_length.setdefault(max(1, -(-len(line) // PAD)) * PAD, []).append(i)
    for length, rows in sorted(by_length.items()):
        for start in range(0, len(rows), BATCH):
            yield rows[start : start + BATCH], length


def _pooled(states: npt.NDArray[np.float32], mask: Ints, pooling: str) -> npt.NDArray[np.float32]:
    """`[n, length, d]` to `[n, d]`."""
    if pooling == "cls":
        return states[:, 0]
    if pooling == "lasttoken":
        return states[np.arange(len(states)), mask.sum(axis=1) - 1]
    kept = mask[:, :, None].astype(np.float32)
    if pooling == "max":
        return np.where(kept > 0, states, -np.inf).max(axis=1)
    return (states * kept).sum(axis=1) / np.maximum(kept.sum(axis=1), 1)


def _pooling(folder: Path) -> str:
    config = _json(folder / "config.json") or {}
    asked = {new for new, old in POOLINGS.items() if config.get(f"pooling_mode_{old}")} | ({config["pooling_mode"]} if "pooling_mode" in config else set())
    other = {name for name, value in config.items() if name.startswith("pooling_mode_") and value is True} - {f"pooling_mode_{old}" for old in POOLINGS.values()}
    if len(asked) != 1 or other or not asked <= set(POOLINGS):
        found = sorted(asked | other) or ["nothing"]
        raise RecipeError(Mistake("model", f"{folder} asks for the pooling {', '.join(found)}", f"known: one of {', '.join(POOLINGS)}"))
    return asked.pop()


def _tokens(folder: Path, longest: int) -> Tokens:
    from tokenizers import Tokenizer

    made = Tokenizer.from_file(str(folder / "tokenizer.json"))
    made.no_padding()
    made.enable_truncation(longest)
    padding = int((_json(folder / "config.json") or {}).get("pad_token_id") or 0)
    return lambda texts: ([found.ids for found in made.encode_batch(texts)], padding)


def _auto_tokens(folder: Path, longest: int) -> Tokens:
    from transformers import AutoTokenizer

    try:
        made = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    except (OSError, ValueError) as error:
        raise RecipeError(Mistake("model", f"{folder}: no tokenizer can be read: {' '.join(str(error).split())[:200]}")) from error
    limit = min(longest, int(made.model_max_length))
    return lambda texts: (made(texts, truncation=True, max_length=limit)["input_ids"] if texts else [], int(made.pad_token_id or 0))


def _onnx(path: Path) -> Encoder:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    takes = {value.name for value in session.get_inputs()}
    gives = [value.name for value in session.get_outputs()]
    output = next((name for name in ("sentence_embedding", "last_hidden_state", "token_embeddings") if name in gives), gives[0])

    def encode(ids: Ints, mask: Ints) -> npt.NDArray[np.float32]:
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids), "position_ids": np.maximum(mask.cumsum(axis=1) - 1, 0)}
        return session.run([output], {name: value for name, value in given.items() if name in takes})[0].astype(np.float32)

    return encode


def _torch(folder: Path) -> Encoder:
    import torch
    from transformers import AutoModel

    try:
        model = AutoModel.from_pretrained(str(folder), local_files_only=True, dtype=torch.float32).eval()
    except (OSError, ValueError, KeyError) as error:
        raise RecipeError(Mistake("model", f"{folder}: the model can't be read: {' '.join(str(error).split())[:200]}")) from error

    def encode(ids: Ints, mask: Ints) -> npt.NDArray[np.float32]:
        with torch.inference_mode():
            return model(input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask)).last_hidden_state.numpy()

    return encode


def _need(*packages: str, extra: str) -> None:
    if missing := [name for name in packages if importlib.util.find_spec(name) is None]:
        raise MissingExtra(f'{", ".join(missing)} not installed, which a model in a folder needs: pip install "dadeum[{extra}]"')


def _json(path: Path) -> Any:
    """The file's content; None where there is no such file."""
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RecipeError(Mistake("model", f"{path} is no JSON: {error}")) from error
