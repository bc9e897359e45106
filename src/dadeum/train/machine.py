"""Where training runs: the device, its attention, the CPU threads, and the libraries kept quiet."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from logging import ERROR, getLogger
from typing import Any, Final

from dadeum.errors import Mistake, RecipeError
from dadeum.format.tokens import need
from dadeum.settings import Train

_SMALL: Final = 20_000_000


def device_of(settings: Train) -> str:
    """cpu or cuda. Raises RecipeError when cuda is asked for and there is none."""
    need("torch")
    import torch

    if settings.device == "cuda" and not torch.cuda.is_available():
        raise RecipeError(Mistake("train.device", "no CUDA device here", "cpu, or auto"))
    return "cuda" if settings.device != "cpu" and torch.cuda.is_available() else "cpu"


def attention(device: str, config: Any = None) -> str:
    """`flash_attention_2` on a GPU with the package, else `sdpa`; `eager` for a configuration whose family torch's attention cannot
    compute (Gemma 2 caps its scores, which only flash attention and the plain formula do)."""
    from importlib.util import find_spec

    if device == "cuda" and find_spec("flash_attn"):
        return "flash_attention_2"
    return "sdpa" if config is None or _sdpa(config) else "eager"


def _sdpa(config: Any) -> bool:
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

    for family in (AutoModelForCausalLM, AutoModelForSequenceClassification):
        kind = family._model_mapping.get(type(config), None)  # type: ignore[attr-defined]
        if kind is not None:
            return bool(getattr(kind, "_supports_sdpa", True))
    return True


@contextlib.contextmanager
def threads(parameters: int) -> Iterator[None]:
    """One CPU thread for a small model (below 20 million parameters), torch's own number for others.

    At 0.6 million parameters a second thread adds little where cores are idle, and where they are shared its waiting eats them:
    16,000 to 21,000 tokens per CPU-second with one against 1,700 to 9,000 with two on two busy cores. One thread also gives the same
    bytes on machines with different numbers of cores.
    """
    import torch

    had = torch.get_num_threads()
    if parameters < _SMALL:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(had)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Only what goes wrong: the libraries' bars and notices would bury the run's own lines."""
    from transformers.utils import logging

    # It looks for a faster kernel for 4-bit layers on every import and says so where it finds none.
    getLogger("bitsandbytes").setLevel(ERROR)
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
