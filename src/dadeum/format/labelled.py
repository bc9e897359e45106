"""Labelled rows for a classifier: the ids that a plain `tokenizer(text)` gives, marked at the last one, where the head reads.

A text is tokenised with what the tokenizer puts around any text ([CLS], a beginning), so that `pipeline("text-classification")` on the
finished model sees what was trained; a chat is what its template renders. The label is the record's own. A row without one is left
out (`no_label`), and so is one whose label is not among the recipe's (`label_outside`).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import polars as pl

from dadeum.format.conversation import Conversation, conversations
from dadeum.format.examples import IGNORED, Example, Ledger, Supervision
from dadeum.format.template import RefusedError, Template
from dadeum.format.tokens import decode, encode
from dadeum.settings import Train

_BATCH: Final = 2000


def labelled(rows: pl.DataFrame, tokenizer: Any, settings: Train) -> Supervision:
    """One example for every row with a text and a known label."""
    given = rows.get_column("label").to_list() if "label" in rows.columns else [None] * rows.height
    ledger = Ledger()
    for start in range(0, rows.height, _BATCH):
        batch = inputs(rows[start : start + _BATCH], tokenizer, settings)
        said = decode(tokenizer, [ids for _, ids, _ in batch])
        for row, ((id, ids, reason), text, label) in enumerate(zip(batch, said, given[start : start + _BATCH]), start):
            why = reason or _why(ids, label, settings)
            made = np.asarray(ids, dtype=np.int32)
            marked = np.full(len(made), IGNORED, dtype=np.int32)
            marked[-1:] = made[-1:]
            read = [(len(ids) - 1, len(ids), "the head reads here")]
            ledger.put(id, [Example(id, row, made, marked, label=label or "")], why, tokens=len(ids), text=text or None, loss=read)
            if not why:
                ledger.count("text", len(ids), 1)
    return ledger.done()


def inputs(rows: pl.DataFrame, tokenizer: Any, settings: Train) -> list[tuple[str, list[int], str]]:
    """(id, token ids, reason why there are none) of every row, whatever its label."""
    template = Template.of(tokenizer, settings.template)
    chats = conversations(rows, template.source)
    said = [_text(chat, template) for chat in chats]
    plain = tokenizer([chat.text or "" for chat in chats], truncation=False, verbose=False)["input_ids"] if chats else []
    rendered = encode(tokenizer, [text or "" for text, _ in said])
    return [(chat.id, *(([], why) if why else (one if text is None else other, ""))) for chat, (text, why), one, other in zip(chats, said, plain, rendered)]


def _text(chat: Conversation, template: Template) -> tuple[str | None, str]:
    """(the rendered chat, or null for a plain text; why it cannot be read)."""
    if chat.why_not or chat.messages is None:
        return None, chat.why_not
    try:
        return template.render(chat.messages, chat.tools), ""
    except RefusedError:
        return None, "refused"


def _why(ids: list[int], label: str | None, settings: Train) -> str:
    if not label:
        return "no_label"
    if settings.classify.labels and label not in settings.classify.labels:
        return "label_outside"
    return "too_long" if len(ids) > settings.max_length else ""
