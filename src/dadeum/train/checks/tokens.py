"""The embeddings of the tokens that the rows use: there at all, and ever trained.

A base that never saw its chat tokens has rows for them that stayed where they began: much shorter than the vocabulary's, or, after a
resize, the vocabulary's mean. LoRA freezes the embeddings, so they stay like that and the model never stops (QwenLM/Qwen3 #1064,
LLaMA-Factory #7943). Measures after S. Land, M. Bartolo, "Fishing for Magikarp", 2024. A row drawn at random at the vocabulary's own
length cannot be told from a trained one by these.
"""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from dadeum.train.checks.found import Found, Setup

SHORT: Final = 0.3
"""Of the vocabulary's median length."""
MEAN: Final = 0.99
"""Cosine with the vocabulary's mean."""


def vocabulary_fits(setup: Setup) -> Found:
    """Every id must have a row in the embeddings."""
    rows = setup.model.get_input_embeddings().weight.shape[0]
    highest = setup.ledger.select("id", pl.col("ids").list.max().fill_null(0).alias("most")).sort("most", maintain_order=True)
    row, most = highest.row(-1) if highest.height else ("", 0)
    if most < rows:
        return Found("vocabulary_fits", "pass", float(rows), f"all ids lie below the model's {rows:,} embeddings")
    remedy = "take the base's own tokenizer: this one has tokens that the model has not"
    return Found("vocabulary_fits", "fail", float(most), f"id {most} has no embedding: the model has {rows:,}", row, remedy)


def stop_learned(setup: Setup) -> Found:
    """Added tokens that the rows use and that were never trained, where the embeddings will be frozen; of a stop, what makes the model say it, too."""
    if setup.settings.method == "full":
        return Found("stop_learned", "not applicable", 0.0, "the embeddings are trained along")
    used = set(setup.ledger["ids"].explode().drop_nulls().unique().to_list())
    stops = set(setup.sample.stops)
    read = _asleep(setup.model.get_input_embeddings(), used & ({*setup.tokenizer.added_tokens_decoder} | stops))
    asleep = sorted(read | _asleep(setup.model.get_output_embeddings(), used & stops))
    if not asleep:
        return Found("stop_learned", "pass", 0.0, "the added tokens in use have embeddings like other tokens")
    row = setup.ledger.filter(pl.col("ids").list.set_intersection(asleep).list.len() > 0)["id"][0]
    names = ", ".join(setup.tokenizer.convert_ids_to_tokens(asleep))
    remedy = "take an instruction-tuned base, train.method full, or a template whose stop the base knows (train.template)"
    return Found("stop_learned", "fail", float(len(asleep)), f"never trained, and frozen by train.method {setup.settings.method}: {names}", row, remedy)


def _asleep(layer: Any, ids: set[int]) -> set[int]:
    """Which of the tokens have a row that is short for the vocabulary, or the vocabulary's mean."""
    import torch

    if layer is None or not ids:
        return set()
    weights = layer.weight.detach().float()
    lengths, mean = weights.norm(dim=1), weights.mean(dim=0)
    asked = torch.tensor(sorted(i for i in ids if i < len(weights)), dtype=torch.int64)
    near = torch.nn.functional.cosine_similarity(weights[asked], mean[None])
    return set(asked[(lengths[asked] < SHORT * lengths.median()) | (near > MEAN)].tolist())
