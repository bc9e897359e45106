"""Infilling: a document cut at two places, its middle last, between marks that the tokenizer already has.

    PSM   PRE prefix SUF suffix MID middle END
    SPM   PRE SUF suffix MID prefix middle END

Cuts fall between characters, so that a model learns to go on inside a word, and each part is tokenised by itself, as it will be
when a prefix and a suffix are given. Every token carries loss. Which documents are rearranged, and where they are cut, goes by their
ids alone. A document that does not fit is halved at line ends until its parts do, and each part is treated as a document.
Source: M. Bavarian et al., "Efficient Training of Language Models to Fill in the Middle", 2022 (SPM there: variant 2, appendix D).
"""

from __future__ import annotations

import hashlib
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl

from dadeum.errors import Mistake, RecipeError
from dadeum.format.conversation import Conversation
from dadeum.format.documents import laid, pieces
from dadeum.format.examples import Supervision
from dadeum.format.tokens import begins, encode
from dadeum.settings import Train


class Marks(NamedTuple):
    """What stands before the prefix, the suffix and the middle, and behind it (empty: the end of text)."""

    prefix: str
    suffix: str
    middle: str
    end: str = ""


MARKS: Final = (
    Marks("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),  # Qwen2.5-Coder, CodeGemma; what a tiny base gets
    Marks("<fim_prefix>", "<fim_suffix>", "<fim_middle>"),  # StarCoder, Granite, Stable Code
    Marks("<fim-prefix>", "<fim-suffix>", "<fim-middle>"),  # SantaCoder
    Marks("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"),  # DeepSeek-Coder
    Marks("▁<PRE>", "▁<SUF>", "▁<MID>", "▁<EOT>"),  # Code Llama
)


def marks(tokenizer: Any) -> tuple[int, int, int, int]:
    """The ids of the tokenizer's marks. Raises RecipeError where it has none."""
    known = tokenizer.get_vocab()
    for kind in MARKS:
        if all(mark in known for mark in kind[:3]):
            return (*(known[mark] for mark in kind[:3]), known.get(kind.end, tokenizer.eos_token_id))
    hint = "take a base made for it (Qwen2.5-Coder, StarCoder2, DeepSeek-Coder, Code Llama, ...), or objective: pretrain"
    raise RecipeError(Mistake("train.objective", "infill: the base's tokenizer has no marks for prefix, suffix and middle", hint))


def rearranged(rows: pl.DataFrame, tokenizer: Any, settings: Train) -> Supervision:
    """`infill.rate` of the documents with their middle last, the others in their order."""
    prefix, suffix, middle, end = marks(tokenizer)
    before = encode(tokenizer, [begins(tokenizer)])[0] if begins(tokenizer) else []

    def layout(text: str, rng: np.random.Generator) -> list[int]:
        a, b = sorted(rng.integers(0, len(text) + 1, 2).tolist())
        first, held, last = encode(tokenizer, [text[:a], text[a:b], text[b:]])
        if rng.random() < settings.infill.spm:
            return [*before, prefix, suffix, *last, middle, *first, *held, end]
        return [*before, prefix, *first, suffix, *last, middle, *held, end]

    def lay(chat: Conversation, ids: list[int]) -> tuple[list[list[int]], str]:
        rng = np.random.default_rng(int.from_bytes(hashlib.blake2b(chat.id.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big"))
        if chat.text is None:
            return pieces(ids, settings.max_length), ""
        room = settings.max_length - 4 - len(before)
        parts = _halved(chat.text, tokenizer, room) if len(ids) > room else [chat.text]
        made, moved = [], False
        for text in parts:
            turned = layout(text, rng) if rng.random() < settings.infill.rate else None
            moved |= turned is not None
            # Cutting inside a word may take some tokens more than the words did: such a part stays as it was.
            made.append(turned if turned and len(turned) <= settings.max_length else [*before, *encode(tokenizer, [text])[0], end])
        return [cut for one in made for cut in pieces(one, settings.max_length)], "rearranged" if moved else ""

    return laid(rows, tokenizer, settings, lay)


def _halved(text: str, tokenizer: Any, room: int) -> list[str]:
    """`text` in parts of at most `room` tokens, cut at line ends where there are any."""
    if len(text) < 2 or len(encode(tokenizer, [text])[0]) <= room:
        return [text]
    half = len(text) // 2
    at = max(text.rfind("\n", 1, half), 0) + 1 if "\n" in text[1:half] else half
    return _halved(text[:at], tokenizer, room) + _halved(text[at:], tokenizer, room)
