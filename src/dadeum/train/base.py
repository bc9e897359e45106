"""The model that training starts from, and loading models: made on the spot, in a folder, or from the hub by name.

Weights are loaded as 32-bit floats wherever they are trained: a pure bf16 copy loses small updates to rounding (at a learning rate of
1e-5, 85 % of the movement). A GPU computes in bf16 by autocast. The frozen base of an adapter may be bf16.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dadeum.errors import DadeumError, Mistake, RecipeError
from dadeum.format.tokens import need
from dadeum.settings import Train
from dadeum.train.machine import attention, quiet


def base(
    settings: Train, texts: Sequence[str], cache: Path, seed: int = 0, progress: Callable[[dict[str, Any]], None] | None = None
) -> str:
    """What `load` takes as the base model: the folder of the tiny model (made in `cache`), the folder named, or the hub's name.

    Raises RecipeError when a path that looks like a folder is none.
    """
    if settings.base == "tiny":
        from dadeum.train.tiny import make

        return str(make(settings.tiny, texts, cache, seed, progress))
    path = Path(settings.base)
    if path.is_dir() or not (path.is_absolute() or settings.base.startswith((".", "~"))):
        return settings.base
    raise RecipeError(Mistake("train.base", f"no folder {settings.base}", "`tiny`, a folder with a model, or the name of a hub model"))


def load(name: str | Path, device: str = "cpu", train: bool = False, frozen: bool = False) -> Any:
    """The causal language model of a folder or hub name, on `device`.

    train: 32-bit weights; frozen: they will not be trained themselves, so a GPU may hold them in bf16.
    Attention is torch's (sdpa), or flash attention where it is installed and the device is a GPU.
    Raises RecipeError when there is no model.
    """
    need("torch", "transformers")
    import torch
    from transformers import AutoModelForCausalLM

    half = device == "cuda" and (frozen or not train)
    try:
        with quiet():
            model = AutoModelForCausalLM.from_pretrained(
                str(name), dtype=torch.bfloat16 if half else torch.float32, attn_implementation=attention(device)
            )
    except (OSError, ValueError) as error:
        raise RecipeError(Mistake("train.base", f"no model in {name}", str(error).split("\n")[0])) from error
    except ImportError as error:
        raise DadeumError(f"the model {name} needs a package that is not installed: {error}") from error
    return model.to(torch.device(device))  # type: ignore[arg-type]
