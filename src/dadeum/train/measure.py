"""What a trained model says of held-out rows without being asked for words: a label and how sure it is, or which end of a pair it prefers.

A head's score, or, where words were trained, the summed log-probability of each end. The rows are tokenised as in training, the
model is the folder as plain transformers loads it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import polars as pl

from dadeum.format.supervise import Example, supervise
from dadeum.format.tokens import load_tokenizer
from dadeum.settings import HEADS, Train
from dadeum.train.base import head_in, load
from dadeum.train.batches import collate, fill
from dadeum.train.machine import device_of, threads

LABELS: Final = pl.Schema({"id": pl.String(), "label": pl.String(), "said": pl.String(), "probability": pl.Float64()})
SCORES: Final = pl.Schema({"id": pl.String(), "chosen": pl.Float64(), "rejected": pl.Float64(), "longer": pl.Int32()})


def labels(folder: str | Path, rows: pl.DataFrame, settings: Train) -> pl.DataFrame:
    """LABELS, a line for every row with a text and a label: the row's own, the model's, and the probability it gives to that."""
    head = head_in(folder)
    found = []
    for examples, logits in _read(folder, rows, settings):
        sure, said = logits.double().softmax(-1).max(-1)
        found += [(e.id, e.label, head.labels[i], p) for e, i, p in zip(examples, said.tolist(), sure.tolist())]
    return _ordered(rows, pl.DataFrame(found, schema=LABELS, orient="row"))


def scores(folder: str | Path, rows: pl.DataFrame, settings: Train) -> pl.DataFrame:
    """SCORES, a line for every pair: the scores (dpo: log-probabilities) of both ends, and how many tokens the chosen one has more."""
    found = []
    for examples, logits in _read(folder, rows, settings):
        both = logits[:, 0].double().view(-1, 2).tolist()
        found += [(e.id, chosen, rejected, 2 * e.starts[1] - len(e.ids)) for e, (chosen, rejected) in zip(examples, both)]
    return _ordered(rows, pl.DataFrame(found, schema=SCORES, orient="row"))


def _read(folder: str | Path, rows: pl.DataFrame, settings: Train) -> Iterator[tuple[list[Example], Any]]:
    """(examples, what is read of each sequence, on the CPU) of each forward pass."""
    import torch

    from dadeum.train.objectives.dpo import both
    from dadeum.train.objectives.reward import read
    from dadeum.train.objectives.words import Words

    tokenizer = load_tokenizer(folder)
    examples = supervise(rows, tokenizer, settings).examples
    device = device_of(settings)
    model = load(folder, device, head=head_in(folder) if settings.objective in HEADS else None).eval()
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    words = Words()
    for micro in fill([len(e.ids) for e in examples], list(range(len(examples))), settings):
        batch = {name: tensor.to(device) for name, tensor in collate(examples, micro, settings, pad).items()}
        with torch.no_grad(), threads(model.num_parameters()):
            said = read(model, batch) if settings.objective in HEADS else both(words, model, batch).view(-1, 1)
            yield [examples[i] for row in micro for i in row], said.cpu()


def _ordered(rows: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    return rows.select("id").join(found, on="id", how="inner", maintain_order="left")
