"""The embeddings of the tokens that the rows use: there at all, and ever trained.

A base that never saw its chat tokens has rows for them that stayed where they began: much shorter than the vocabulary's, or, after a
resize, the vocabulary's mean. LoRA freezes the embeddings, so they stay like that and the model never stops (QwenLM/Qwen3 #1064,
LLaMA-Factory #7943). Measures after S. Land, M. Bartolo, "Fishing for Magikarp", 2024. A row drawn at random at the vocabulary's own
length cannot be told from a trained one by these.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from dadeum.train.checks.found import Found, Setup

SHORT: Final = 0.3
"""Of the vocabulary's median length."""
MEAN: Final = 0.99
"""Cosine with the vocabulary's mean."""


def vocabulary_fits(setup: Setup) -> Found:
    """Every id must have a row in the embeddings."""
    rows = setup.model.get_input_embeddings().weight.shape[0]
    over = [(int(e.ids.max()), e.id) for e in setup.sample.examples if len(e.ids) and int(e.ids.max()) >= rows]
    if not over:
        return Found("vocabulary_fits", "pass", float(rows), f"all ids of the sample lie below the model's {rows:,} embeddings")
    most, row = max(over)
    remedy = "take the base's own tokenizer: this one has tokens that the model has not"
    return Found("vocabulary_fits", "fail", float(most), f"id {most} has no embedding: the model has {rows:,}", row, remedy)


def stop_learned(setup: Setup) -> Found:
    """Control tokens that the rows use and that were never trained, where the embeddings will be frozen."""
    import torch

    if setup.settings.method == "full":
        return Found("stop_learned", "not applicable", 0.0, "the embeddings are trained along")
    weights = setup.model.get_input_embeddings().weight.detach().float()
    lengths = weights.norm(dim=1)
    mean = weights.mean(dim=0)
    used = set(np.unique(np.concatenate([e.ids for e in setup.sample.examples])).tolist()) if setup.sample.examples else set()
    control = {i for i, token in setup.tokenizer.added_tokens_decoder.items() if token.special} | set(setup.sample.stops)
    asleep = []
    for i in sorted(i for i in used & control if i < len(weights)):
        near = float(torch.nn.functional.cosine_similarity(weights[i], mean, dim=0))
        if float(lengths[i]) < SHORT * float(lengths.median()) or near > MEAN:
            asleep.append(i)
    if not asleep:
        return Found("stop_learned", "pass", 0.0, "the control tokens in use have embeddings like other tokens")
    row = next(e.id for e in setup.sample.examples if np.isin(asleep, e.ids).any())
    names = ", ".join(setup.tokenizer.convert_ids_to_tokens(asleep))
    remedy = "take an instruction-tuned base, train.method full, or a template whose stop the base knows (train.template)"
    return Found("stop_learned", "fail", float(len(asleep)), f"never trained, and frozen by train.method {setup.settings.method}: {names}", row, remedy)
