"""Prompt tuning: a few vectors in front of every input are trained, the base stays as it is (B. Lester et al., 2021).

The finished model is a PEFT adapter of some kilobytes that names its base: `AutoPeftModelForCausalLM.from_pretrained(folder)` loads both.
The vectors stand before each sequence, so sequences do not share rows (`train.packing` has no effect).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dadeum.settings import Train
from dadeum.train.base import load as load_base
from dadeum.train.methods.way import Head, Way, thrifty
from dadeum.train.numbers import half


def load(base: str, device: str, settings: Train, head: Head | None) -> Any:
    """The frozen base behind untrained vectors."""
    import torch
    from peft import PromptTuningConfig, get_peft_model

    from dadeum.format.tokens import encode, load_tokenizer

    model = thrifty(load_base(base, device, train=True, half=half(settings, device)), settings)
    length = settings.prompt.length
    made: Any = get_peft_model(model, PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=length, prompt_tuning_init="RANDOM"))
    words = model.get_input_embeddings().weight
    tokenizer = load_tokenizer(base)
    told = encode(tokenizer, [settings.prompt.text])[0] if settings.prompt.text else []
    # PEFT's own random start is far longer than any embedding of a small model; drawn from the vocabulary, the vectors begin as words do.
    ids = (told * length)[:length] if told else torch.randint(0, len(tokenizer), (length,)).tolist()
    with torch.no_grad():
        made.prompt_encoder["default"].embedding.weight.copy_(words[torch.tensor(ids, device=words.device)].float())
    return made


def write(model: Any, folder: Path) -> Any:
    """The vectors, the base's name, and how to stop."""
    config = model.peft_config["default"]
    base = Path(config.base_model_name_or_path)
    if base.is_dir():
        config.base_model_name_or_path = str(base.resolve())
    model.save_pretrained(folder)
    model.generation_config.save_pretrained(folder)
    return model


WAY = Way(load, write, made=lambda model: hasattr(model, "get_base_model") and model.active_peft_config.is_prompt_learning)
