"""An adapter as the base of a training: held against the base that it names.

PEFT puts an adapter onto whatever base it is given. A name that differs goes unnoticed, and so does another model of the same shapes: it
answers, worse. So every tensor's shape is compared with the layer that it is for, before anything is loaded, and where dadeum wrote the
adapter the base's own files are compared as well (`base.json` beside it).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from dadeum.errors import Mistake, RecipeError
from dadeum.format.tokens import load_tokenizer
from dadeum.step import digest_file
from dadeum.train.machine import quiet

CONFIG: Final = "adapter_config.json"
OWN: Final = "base.json"
"""The digests of the base's weights, in adapters that dadeum writes."""


def is_adapter(folder: str | Path) -> bool:
    """Whether a folder holds a PEFT adapter and no weights of a whole model."""
    return (Path(folder) / CONFIG).is_file()


def sign(folder: Path, base: str) -> None:
    """Write beside an adapter what its base's weights are, where they lie in a folder."""
    digests = weights(Path(base))
    if digests:
        (folder / OWN).write_text(json.dumps(digests, indent=1), encoding="utf-8")


def fits(folder: Path, path: str = "train.base") -> str:
    """The base that an adapter names, if the adapter is one of it. Raises RecipeError, at `path` of the recipe."""
    told = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    base = str(told.get("base_model_name_or_path") or "")
    if told.get("peft_type") != "LORA" or told.get("task_type") not in (None, "CAUSAL_LM"):
        kind = f"{told.get('peft_type')} for {told.get('task_type')}"
        raise RecipeError(Mistake(path, f"{folder} is an adapter ({kind}) that cannot be merged into weights", f"its base: {base}" if base else "a whole model"))
    if not base:
        raise RecipeError(Mistake(path, f"{folder} is an adapter and does not say of which base", f"write it into {CONFIG}: base_model_name_or_path"))
    if not Path(base).is_dir() and (Path(base).is_absolute() or base.startswith((".", "~"))):
        raise RecipeError(Mistake(path, f"{folder} is an adapter of {base}, which is not there", f"bring the base there, or write its place into {CONFIG}"))
    if wrong := _misfits(folder, base):
        raise RecipeError(Mistake(path, f"{folder} is an adapter of another model than the {base} that it names: {wrong}", "the base that it was trained on"))
    return base


def _misfits(folder: Path, base: str) -> str:
    """What of an adapter does not fit a base; empty where everything does."""
    own = folder / OWN
    if own.is_file() and (had := json.loads(own.read_text(encoding="utf-8"))) != weights(Path(base)):
        return f"its weights ({', '.join(sorted(had))}) are no longer those that the adapter was trained on"
    import torch
    from safetensors import safe_open
    from transformers import AutoConfig, AutoModelForCausalLM

    with quiet(), torch.device("meta"):
        config = AutoConfig.from_pretrained(base)
        layers = dict(AutoModelForCausalLM.from_config(config).named_modules())
    files = sorted(folder.glob("adapter_model*.safetensors"))
    if not files:
        return "it has no adapter_model.safetensors"
    for file in files:
        with safe_open(file, "pt") as held:
            for name in held.keys():  # noqa: SIM118 - safetensors' handle is no mapping
                shape = held.get_slice(name).get_shape()
                layer, _, part = name.removeprefix("base_model.model.").partition(".lora_")
                if not part:
                    continue
                if layer not in layers:
                    return f"it adapts {layer}, and {config.model_type} has no such layer"
                # The first half is rank x input, the second output x rank; some layers keep their weights the other way round.
                wide, weight = shape[1 if part.split(".")[0].endswith("A") else 0], tuple(layers[layer].weight.shape)
                if len(shape) > 1 and wide not in weight:
                    return f"at {layer} it is for {wide:,} numbers, and the layer is {weight[0]:,} x {weight[1]:,}"
    if (folder / "tokenizer_config.json").is_file() and (n := len(load_tokenizer(str(folder)))) > config.get_text_config().vocab_size:
        return f"its tokenizer has {n:,} tokens, the model {config.get_text_config().vocab_size:,}"
    return ""


def weights(base: Path) -> dict[str, str]:
    """The digest of every file of weights in a folder, by name; none for a hub's name."""
    return {p.name: digest_file(p) for p in sorted(base.glob("*.safetensors"))} if base.is_dir() else {}
