"""The model that training starts from, and loading models: made on the spot, in a folder, or from the hub by name.

Weights that are trained are 32-bit floats unless the recipe says otherwise (numbers.py).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dadeum.errors import DadeumError, Mistake, RecipeError
from dadeum.format.examples import Example
from dadeum.format.infill import MARKS
from dadeum.format.tokens import load_tokenizer, need
from dadeum.settings import Train
from dadeum.step import digest_file
from dadeum.train.adapters import fits, is_adapter, weights
from dadeum.train.checkpoints import disk_told
from dadeum.train.machine import attention, quiet

if TYPE_CHECKING:
    from dadeum.train.methods.way import Head


def base(
    settings: Train, texts: Sequence[str], cache: Path, seed: int = 0, progress: Callable[[dict[str, Any]], None] | None = None
) -> str:
    """What `load` takes as the base model: the folder of the tiny model (made in `cache`), the folder named, or the hub's name. A folder with an
    adapter is merged into the base that it names (in `cache`), and training goes on from there.

    Raises RecipeError when a path that looks like a folder is none, and for an adapter of another base.
    """
    if settings.base == "tiny":
        from dadeum.train.tiny import make

        with disk_told(cache):
            return str(make(settings.tiny, texts, cache, seed, progress, MARKS[0][:3] if settings.objective == "infill" else ()))
    path = Path(settings.base)
    if is_adapter(path):
        return merged(path, cache)
    if path.is_dir() or not (path.is_absolute() or settings.base.startswith((".", "~"))):
        return settings.base
    raise RecipeError(Mistake("train.base", f"no folder {settings.base}", "`tiny`, a folder with a model, or the name of a hub model"))


def merged(folder: Path, cache: Path) -> str:
    """The folder, in `cache`, of the base with the adapter added to its weights; made once of the same two.

    Raises RecipeError for an adapter of another base or of a kind that is no part of weights, naming what does not fit.
    """
    need("torch", "transformers", "peft")
    base = fits(folder)
    content = json.dumps([{p.name: digest_file(p) for p in sorted(folder.iterdir()) if p.is_file()}, weights(Path(base)) or base])
    out = cache / f"merged-{hashlib.blake2b(content.encode(), digest_size=8).hexdigest()}"
    if out.is_dir():
        return str(out)
    from peft import PeftModel

    cache.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".merged-", dir=cache))
    try:
        with quiet(), disk_told(cache):
            whole: Any = PeftModel.from_pretrained(load(base, train=True), str(folder)).merge_and_unload()
            whole.save_pretrained(draft)
            load_tokenizer(str(folder) if (folder / "tokenizer_config.json").is_file() else base).save_pretrained(draft)
        os.replace(draft, out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return str(out)


def covered(examples: Sequence[Example], base: str) -> None:
    """Raise RecipeError where an example has a token that the base has no embedding for: deep in torch that is an index out of range."""
    from transformers import AutoConfig

    rows = int(AutoConfig.from_pretrained(base).get_text_config().vocab_size)
    over = next((e for e in examples if len(e.ids) and int(e.ids.max()) >= rows), None)
    if over is not None:
        what = f"the tokenizer of {base} gives token {int(over.ids.max()):,} (row {over.id}), and the model has {rows:,} embeddings"
        raise RecipeError(Mistake("train.base", what, "take the tokenizer that came with the base: its files belong into the same folder"))


def load(
    name: str | Path, device: str = "cpu", train: bool = False, half: bool | None = None, head: Head | None = None, packed: Any = None
) -> Any:
    """The model of a folder or hub name, on `device`: a causal language model, or, with `head`, one that reads the last token.

    train: 32-bit weights, also on a GPU. half: bf16 weights; null: by device and `train`. head: made new where the folder has none of that
    size, from torch's seed. packed: a quantisation that transformers knows.
    A folder that holds an adapter alone (prompt tuning) is loaded with the base it names.
    Attention is torch's (sdpa), or flash attention where it is installed and the device is a GPU.
    Raises RecipeError when there is no model.
    """
    need("torch", "transformers")
    import torch
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification

    if is_adapter(name):
        return _adapted(Path(name), device)
    half = (device == "cuda" and not train) if half is None else half
    kind = AutoModelForSequenceClassification if head else AutoModelForCausalLM
    told: dict[str, Any] = {"num_labels": head.outputs} if head else {}
    if head and head.labels:
        told |= {"id2label": dict(enumerate(head.labels)), "label2id": {label: i for i, label in enumerate(head.labels)}}
    if packed is not None:
        told["quantization_config"] = packed
    try:
        with quiet():
            model: Any = kind.from_pretrained(
                str(name), dtype=torch.bfloat16 if half else torch.float32, attn_implementation=attention(device, AutoConfig.from_pretrained(str(name))), **told
            )
    except (OSError, ValueError, SafetensorError) as error:
        raise RecipeError(Mistake("train.base", f"no model in {name}", str(error).split("\n")[0])) from error
    except ImportError as error:
        raise DadeumError(f"the model {name} needs a package that is not installed: {error}") from error
    return model if packed is not None and device == "cuda" else model.to(torch.device(device))


def head_of(model: Any) -> Head | None:
    """The head of a model that has one."""
    from dadeum.train.methods.way import Head

    config = model.config
    if "SequenceClassification" not in type(model.get_base_model() if hasattr(model, "get_base_model") else model).__name__:
        return None
    return Head(tuple(config.id2label[i] for i in range(config.num_labels)) if config.num_labels > 1 else ())


def head_in(folder: str | Path) -> Head:
    """The head that a folder's configuration tells of. Raises RecipeError where it tells of none."""
    from transformers import AutoConfig

    from dadeum.train.methods.way import Head

    config = AutoConfig.from_pretrained(str(folder))
    if not any("SequenceClassification" in name for name in config.architectures or ()):
        raise RecipeError(Mistake("train.objective", f"the model in {folder} has no head", "train it with objective: classify or reward"))
    return Head(tuple(config.id2label[i] for i in range(config.num_labels)) if config.num_labels > 1 else ())


def _adapted(folder: Path, device: str) -> Any:
    """The base that an adapter names, with the adapter, and with the adapter's own way of stopping where it says one."""
    from peft import PeftConfig, PeftModel
    from transformers import GenerationConfig

    config = PeftConfig.from_pretrained(str(folder))
    named = fits(folder, str(folder)) if str(config.peft_type) == "PeftType.LORA" else str(config.base_model_name_or_path)
    base = load(named, device)
    model: Any = PeftModel.from_pretrained(base, str(folder))
    if (folder / "generation_config.json").is_file():
        model.base_model.generation_config = model.generation_config = GenerationConfig.from_pretrained(str(folder))
    return model
