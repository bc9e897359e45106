"""QLoRA: adapters on a base in 4 bits, NF4 with double quantisation, by bitsandbytes (T. Dettmers et al., 2023).

bitsandbytes computes 4-bit layers on CUDA and, since 0.49, on a CPU. The adapter belongs to the rounded base: added to the original
weights it answers differently, and rounded to 4 bits again most of it is lost. So the finished model is the base as 4 bits hold it, in
whole floats, with the adapter added to that: it answers as the trained one did, and needs neither bitsandbytes nor PEFT.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dadeum.errors import Mistake, RecipeError
from dadeum.settings import Train
from dadeum.train.base import head_of
from dadeum.train.base import load as load_base
from dadeum.train.methods import full
from dadeum.train.methods.lora import adapted
from dadeum.train.methods.way import Head, Way
from dadeum.train.numbers import half

KEPT = ["lm_head", "score", "classifier"]
"""Layers that stay whole: the output, and a head that is trained."""


def load(base: str, device: str, settings: Train, head: Head | None) -> Any:
    """The base in 4 bits with untrained adapters. Raises RecipeError for a base that has nothing to put into 4 bits."""
    import torch
    from transformers import BitsAndBytesConfig

    halved = half(settings, device)
    packed = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16 if halved else torch.float32,
        llm_int8_skip_modules=KEPT,
    )
    model = load_base(base, device, train=True, half=halved, head=head, packed=packed)
    if not four_bit(model):
        raise RecipeError(Mistake("train.method", f"qlora: no layer of {base} is one that 4 bits can hold", "lora"))
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            # On CPUs with AVX512-BF16, evaluation would pack the weights anew with scales rounded to bf16, and refuse shapes that are no
            # multiple of 32: a model that answers otherwise from machine to machine, and after its first evaluation.
            module.support_avx512bf16_for_cpu = False
    model.requires_grad_(False)
    return adapted(model, settings, head)


def four_bit(model: Any) -> bool:
    """Whether any weight of the model is held in 4 bits."""
    return any(type(p).__name__ == "Params4bit" for p in model.parameters())


def write(model: Any, folder: Path) -> Any:
    """The adapter in `adapter/`, and the rounded base in whole floats with the adapter added."""
    import torch
    from bitsandbytes.functional import dequantize_4bit
    from peft import PeftModel

    model.save_pretrained(folder / "adapter")
    inner = model.get_base_model()
    with torch.no_grad():
        held = {
            name: dequantize_4bit(module.weight.data, module.weight.quant_state).detach().cpu()
            for name, module in inner.named_modules()
            if type(getattr(module, "weight", None)).__name__ == "Params4bit"
        }
        whole = load_base(inner.name_or_path, train=True, head=head_of(inner))
        for name, weight in held.items():
            # PEFT keeps the layer it adapts below the name `base_layer`.
            layer = whole.get_submodule(name.removesuffix(".base_layer"))
            layer.weight.copy_(weight.to(layer.weight.dtype))
    whole.config.eos_token_id, whole.config.pad_token_id = inner.config.eos_token_id, inner.config.pad_token_id
    if hasattr(inner, "generation_config"):
        whole.generation_config = inner.generation_config
    merged = PeftModel.from_pretrained(whole, str(folder / "adapter")).merge_and_unload()
    return full.write(merged, folder)


WAY = Way(load, write, made=lambda model: hasattr(model, "get_base_model") and four_bit(model), packages=("bitsandbytes",), extra="qlora")
