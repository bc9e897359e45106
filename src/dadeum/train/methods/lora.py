"""Low-rank adapters on all linear layers (E. Hu et al., 2021), with the scaling of rsLoRA or the split weights of DoRA.

The finished model is merged, so that it needs neither PEFT nor the base; the adapter itself lies beside in `adapter/` for those who
serve many on one base. A head is trained whole.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dadeum.errors import Mistake, RecipeError
from dadeum.settings import Train
from dadeum.train.adapters import sign
from dadeum.train.base import load as load_base
from dadeum.train.methods import full
from dadeum.train.methods.way import Head, Way, thrifty
from dadeum.train.numbers import half


def load(base: str, device: str, settings: Train, head: Head | None) -> Any:
    """The frozen base with untrained adapters: it answers as the base does."""
    return adapted(load_base(base, device, train=True, half=half(settings, device), head=head), settings, head)


def adapted(model: Any, settings: Train, head: Head | None) -> Any:
    """`model` with adapters of the recipe's size and variant. Raises RecipeError for a base that PEFT adapts no layer of (Mamba)."""
    from peft import LoraConfig, get_peft_model

    lora = settings.lora
    config = LoraConfig(
        r=lora.r,
        lora_alpha=lora.alpha,  # type: ignore[arg-type]
        lora_dropout=lora.dropout,
        use_rslora=lora.variant == "rslora",
        use_dora=lora.variant == "dora",
        target_modules="all-linear",
        task_type="SEQ_CLS" if head else "CAUSAL_LM",
    )
    try:
        return get_peft_model(thrifty(model, settings), config)
    except ValueError as error:
        raise RecipeError(Mistake("train.method", f"{settings.method} on this base: {error}", "full, or another base")) from error


def write(model: Any, folder: Path) -> Any:
    """The adapter in `adapter/`, and the base with the adapter added to its weights."""
    model.save_pretrained(folder / "adapter")
    sign(folder / "adapter", str(model.get_base_model().name_or_path))
    return full.write(model.merge_and_unload(), folder)


WAY = Way(load, write, made=lambda model: hasattr(model, "get_base_model"))
