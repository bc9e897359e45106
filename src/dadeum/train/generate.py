"""What a model answers, and how well it expects the answers that were held out: the renderer, ids and stops of training.

The same model and prompt give the same answer, so that two arms are compared and no dice (`decode.py`): the greedy one, or one that is drawn with
a seed of its own (`sampling.py`). Answers are kept as they come: a call that is stopped loses the batch at hand.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from dadeum.errors import DadeumError
from dadeum.format.conversation import prompts
from dadeum.format.supervise import IGNORED, supervise
from dadeum.format.template import Template
from dadeum.format.tokens import encode, load_tokenizer
from dadeum.settings import Train
from dadeum.train.base import load
from dadeum.train.batches import collate, fill
from dadeum.train.machine import device_of, threads
from dadeum.train.objectives.words import Words, carried
from dadeum.train.sampling import Draw

LOSSES: Final = pl.Schema(
    {
        "id": pl.String(),
        "nll": pl.Float64(),  # nats, summed over the tokens that carry loss; null for a row that was left out
        "tokens": pl.UInt32(),
        "bytes": pl.UInt32(),  # UTF-8, of the text of those tokens, stop tokens aside
        "reason": pl.String(),  # why it was left out
    }
)


def answers(
    model_folder: str | Path,
    rows: pl.DataFrame,
    settings: Train,
    max_new_tokens: int,
    progress: Callable[[dict[str, Any]], None] | None = None,
    beside: Path | None = None,
    draw: Draw | None = None,
) -> list[str]:
    """The model's answer to each row's messages without their last assistant turn, in the rows' order: the greedy one, or that of `draw`.

    An answer ends before the first stop, or after `max_new_tokens`. progress: told {stage, rows, of, asked, read, written}: answers there,
    of how many; prompts asked by this call, of those that are alike one; tokens of all prompts, and of the answers there. beside: a file
    in which answers are kept as they come: the same call goes on from there. Raises DadeumError for a row that has no prompt or that the
    template refuses, naming it.
    """
    from dadeum.train.decode import decode

    tokenizer = load_tokenizer(model_folder)
    template = Template.of(tokenizer, settings.template)
    chats = prompts(rows, template.source)
    ids = encode(tokenizer, [_prompt(template, chat) for chat in chats])
    if empty := next((chat.id for chat, one in zip(chats, ids) if not one), None):
        raise DadeumError(f"row {empty}: the template makes nothing of its prompt")
    said = _kept(beside) if beside else {}
    missing = [i for i in range(len(ids)) if i not in said]
    asked: set[tuple[int, ...]] = set()

    def tell() -> None:
        if progress:
            read, written = sum(map(len, ids)), sum(tokens for _, tokens in said.values())
            progress({"stage": "answers", "rows": len(said), "of": len(ids), "asked": len(asked), "read": read, "written": written})

    if missing:
        model = load(model_folder, device_of(settings)).eval()
        stops, strings = _stops(model, tokenizer), _strings(model)
        tell()  # the model is there: from here on it answers
        for batch in decode(model, [ids[i] for i in missing], stops, max_new_tokens, _criteria(tokenizer, strings), draw):
            new = {missing[at]: (_text(tokenizer, row, stops, strings), len(row)) for at, row in batch.items()}
            if beside:
                with open(beside, "a", encoding="utf-8") as out:
                    out.writelines(json.dumps([i, *one]) + "\n" for i, one in new.items())
            said |= new
            asked |= {tuple(ids[i]) for i in new}
            tell()
    else:
        tell()
    return [said[i][0] for i in range(len(ids))]


def losses(model_folder: str | Path, rows: pl.DataFrame, settings: Train) -> pl.DataFrame:
    """LOSSES, one line per row in the rows' order: divide sums of `nll` by sums of `tokens` or `bytes`.

    Per token it compares models with one tokenizer; per byte any models. A model of preferences is read as one of answers.
    """
    import torch

    tokenizer = load_tokenizer(model_folder)
    taught = supervise(rows, tokenizer, replace(settings, objective="sft") if settings.objective == "dpo" else settings)
    examples = taught.examples
    alone = Train(packing=False, micro_tokens=settings.micro_tokens, max_length=settings.max_length)
    device = device_of(settings)
    model = load(model_folder, device).eval()
    parameters, words = model.num_parameters(), Words()
    nll = np.full(rows.height, np.nan)
    count = np.zeros(rows.height, dtype=np.int64)
    size = np.zeros(rows.height, dtype=np.int64)
    for micro in fill([len(e.ids) for e in examples], list(range(len(examples))), alone):
        batch = {k: v.to(device) for k, v in collate(examples, micro, alone, 0).items()}
        with torch.no_grad(), threads(parameters):
            each = words.logprobs(model, batch).double().cpu()
        for (i,), said in zip(micro, each.split(carried(batch)[1].sum(1).tolist())):
            example = examples[i]
            answer = example.ids[example.labels != IGNORED]
            nll[example.row] = (nll[example.row] if count[example.row] else 0.0) - float(said.sum())  # a long document is several examples
            count[example.row] += len(answer)
            size[example.row] += len(tokenizer.decode(answer, skip_special_tokens=True).encode())
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


def _kept(beside: Path) -> dict[int, tuple[str, int]]:
    """(answer, its tokens) by row, as far as a call before this one came; a line that it was killed in does not count."""
    found: dict[int, tuple[str, int]] = {}
    raw = beside.read_bytes() if beside.exists() else b""
    whole = raw[: raw.rfind(b"\n") + 1]
    if len(whole) < len(raw):
        beside.write_bytes(whole)
    for line in whole.splitlines():
        i, text, tokens = json.loads(line)
        found[i] = text, tokens
    return found


def _text(tokenizer: Any, row: list[int], stops: list[int], strings: list[str]) -> str:
    """What was said before the first stop."""
    cut = next((k for k, token in enumerate(row) if token in stops), len(row))
    text = str(tokenizer.decode(row[:cut], skip_special_tokens=True))
    return text[: min((text.find(one) for one in strings if one in text), default=len(text))]


def _strings(model: Any) -> list[str]:
    """Texts that end an answer beside the stop tokens, where the model's generation_config.json names any."""
    had = model.generation_config.stop_strings
    return [had] if isinstance(had, str) else list(had or [])


def _criteria(tokenizer: Any, strings: list[str]) -> list[Any]:
    from transformers import StopStringCriteria

    return [StopStringCriteria(tokenizer, strings)] if strings else []


def _stops(model: Any, tokenizer: Any) -> list[int]:
    had = model.generation_config.eos_token_id
    own = [had] if isinstance(had, int) else list(had or [])
    stops = list(dict.fromkeys([*own, *([tokenizer.eos_token_id] if tokenizer.eos_token_id is not None else [])]))
    if not stops:
        raise DadeumError("the model names no stop token: its answers would never end. Set eos_token_id in its generation_config.json")
    return stops
