"""What a model answers, and how well it expects the answers that were held out: the renderer, ids and stops of training.

Decoding is greedy: the same model and prompt give the same answer, so that two arms are compared and no dice. Prompts of like length
go together, padded on the left under an attention mask.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from dadeum.errors import DadeumError
from dadeum.format.conversation import prompts
from dadeum.format.supervise import supervise
from dadeum.format.template import Template
from dadeum.format.tokens import encode, load_tokenizer
from dadeum.settings import Train
from dadeum.train.base import load
from dadeum.train.batches import collate, fill
from dadeum.train.machine import device_of, quiet, threads
from dadeum.train.objectives.words import whole

LOSSES: Final = pl.Schema(
    {
        "id": pl.String(),
        "nll": pl.Float64(),  # nats, summed over the tokens that carry loss; null for a row that was left out
        "tokens": pl.UInt32(),
        "bytes": pl.UInt32(),  # UTF-8, of the text of those tokens, stop tokens aside
        "reason": pl.String(),  # why it was left out
    }
)
_TOGETHER: Final = 16_384


def answers(
    model_folder: str | Path,
    rows: pl.DataFrame,
    settings: Train,
    max_new_tokens: int,
    progress: Callable[[dict[str, Any]], None] | None = None,
) -> list[str]:
    """The model's greedy answer to each row's messages without their last assistant turn, in the rows' order.

    An answer ends before the first stop, or after `max_new_tokens`. Raises DadeumError for a row that has no prompt or that the
    template refuses, naming it.
    """
    import torch

    tokenizer = load_tokenizer(model_folder)
    template = Template.of(tokenizer, settings.template)
    asked = [_prompt(template, chat) for chat in prompts(rows, template.source)]
    ids = encode(tokenizer, asked)
    model = load(model_folder, device_of(settings)).eval()
    parameters = model.num_parameters()
    stops = _stops(model, tokenizer)
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else stops[0]
    said = [""] * len(ids)
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    at = 0
    if progress:
        progress({"stage": "answers", "rows": 0, "of": len(order)})  # the model is there: from here on it answers
    while at < len(order):
        end = at
        while end < len(order) and (end + 1 - at) * (len(ids[order[end]]) + max_new_tokens) <= _TOGETHER:
            end += 1
        batch = order[at : max(end, at + 1)]
        at += len(batch)
        width = max(len(ids[i]) for i in batch)
        tokens = torch.full((len(batch), width), pad)
        seen = torch.zeros((len(batch), width), dtype=torch.long)
        for r, i in enumerate(batch):
            tokens[r, width - len(ids[i]) :] = torch.tensor(ids[i])
            seen[r, width - len(ids[i]) :] = 1
        with torch.no_grad(), quiet(), threads(parameters):
            made = model.generate(
                input_ids=tokens.to(model.device),
                attention_mask=seen.to(model.device),
                max_new_tokens=max_new_tokens,
                do_sample=False,
                num_beams=1,
                eos_token_id=stops,
                pad_token_id=pad,
            )[:, width:].cpu()
        for i, row in zip(batch, made.tolist()):
            cut = next((k for k, token in enumerate(row) if token in stops), len(row))
            said[i] = tokenizer.decode(row[:cut], skip_special_tokens=True)
        if progress:
            progress({"stage": "answers", "rows": at, "of": len(order)})
    return said


def losses(model_folder: str | Path, rows: pl.DataFrame, settings: Train) -> pl.DataFrame:
    """LOSSES, one line per row in the rows' order: divide sums of `nll` by sums of `tokens` or `bytes`.

    Per token it compares models with one tokenizer; per byte any models. A model of preferences is read as one of answers.
    """
    import torch
    from torch.nn.functional import cross_entropy

    tokenizer = load_tokenizer(model_folder)
    taught = supervise(rows, tokenizer, replace(settings, objective="sft") if settings.objective == "dpo" else settings)
    examples = taught.examples
    alone = Train(packing=False, micro_tokens=settings.micro_tokens, max_length=settings.max_length)
    device = device_of(settings)
    model = load(model_folder, device).eval()
    parameters = model.num_parameters()
    nll = np.full(rows.height, np.nan)
    count = np.zeros(rows.height, dtype=np.int64)
    size = np.zeros(rows.height, dtype=np.int64)
    for micro in fill([len(e.ids) for e in examples], list(range(len(examples))), alone):
        batch = {k: v.to(device) for k, v in collate(examples, micro, alone, 0).items()}
        with torch.no_grad(), threads(parameters):
            logits = whole(model, batch)
        labels = batch["labels"][:, 1:]
        each = cross_entropy(logits[:, :-1].float().transpose(1, 2), labels, reduction="none").double().sum(1).cpu().numpy()
        for (i,), value in zip(micro, each):
            example = examples[i]
            carried = example.ids[example.labels != -100]
            nll[example.row] = np.nansum([nll[example.row], value])  # a long document is several examples
            count[example.row] += len(carried)
            size[example.row] += len(tokenizer.decode(carried, skip_special_tokens=True).encode())
    return pl.DataFrame(
        {
            "id": taught.ledger.get_column("id"),
            "nll": pl.Series(nll).fill_nan(None),
            "tokens": count.astype(np.uint32),
            "bytes": size.astype(np.uint32),
            "reason": taught.ledger.get_column("reason"),
        },
        schema=LOSSES,
    )


def _prompt(template: Template, chat: Any) -> str:
    if chat.why_not or not chat.messages:
        raise DadeumError(f"row {chat.id} has no prompt to answer ({chat.why_not or 'no messages'})")
    try:
        return template.render(chat.messages, chat.tools, prompt=True)
    except DadeumError as error:
        raise DadeumError(f"row {chat.id}: {error}") from error


def _stops(model: Any, tokenizer: Any) -> list[int]:
    had = model.generation_config.eos_token_id
    own = [had] if isinstance(had, int) else list(had or [])
    stops = list(dict.fromkeys([*own, *([tokenizer.eos_token_id] if tokenizer.eos_token_id is not None else [])]))
    if not stops:
        raise DadeumError("the model names no stop token: its answers would never end. Set eos_token_id in its generation_config.json")
    return stops
