"""Documents for continued pretraining: every token is learned, and the end of text stands behind each.

A document longer than `max_length` is laid out in several examples. The last token of one is the first of the next, without loss there,
so that every token of the document but its first is predicted exactly once. Packed side by side, documents do not read one another
(pack.py). A chat among them is learned as its template renders it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import polars as pl

from dadeum.format.conversation import Conversation, conversations
from dadeum.format.examples import IGNORED, Example, Ledger, Supervision, carrying
from dadeum.format.template import RefusedError, Template
from dadeum.format.tokens import begins, decode, encode, eos_id
from dadeum.settings import Train

Lay = Callable[[Conversation, list[int]], tuple[list[list[int]], str]]
"""(row, its ids with beginning and end) to the ids of its examples, and a note."""
_BATCH: Final = 2000


def whole(rows: pl.DataFrame, tokenizer: Any, settings: Train) -> Supervision:
    """Every document in its order."""

    def lay(chat: Conversation, ids: list[int]) -> tuple[list[list[int]], str]:
        return pieces(ids, settings.max_length), "pieces" if len(ids) > settings.max_length else ""

    return laid(rows, tokenizer, settings, lay)


def laid(rows: pl.DataFrame, tokenizer: Any, settings: Train, lay: Lay) -> Supervision:
    """Examples in which every token carries loss, laid out by `lay`. A row without text is left out (`empty`, `refused`)."""
    template, ledger, end = Template.of(tokenizer, settings.template), Ledger(), eos_id(tokenizer)
    unknown = tokenizer.unk_token_id
    chats = conversations(rows, template.source)
    for start in range(0, len(chats), _BATCH):
        batch = chats[start : start + _BATCH]
        texts = [_text(chat, template, begins(tokenizer), tokenizer.eos_token) for chat in batch]
        for row, (chat, (text, reason), ids) in enumerate(zip(batch, texts, encode(tokenizer, [text for text, _ in texts])), start):
            if reason:
                ledger.put(chat.id, [], reason)
                continue
            parts, note = lay(chat, ids)
            notes = [note, "unknown" if unknown is not None and unknown in ids else ""]
            examples = [learned(chat.id, row, part) for part in parts if len(part) > 1]
            said = "".join(decode(tokenizer, parts)) if note == "rearranged" else text
            loss = carrying(np.concatenate([e.labels for e in examples]), "document") if examples else []
            ledger.put(chat.id, examples, "" if examples else "empty", note="+".join(filter(None, notes)), tokens=len(ids), text=said, loss=loss)
            ledger.count("text", sum(len(e.ids) for e in examples), sum(int((e.labels != IGNORED).sum()) for e in examples))
            ledger.stops.add(end)
    return ledger.done()


def learned(id: str, row: int, ids: Sequence[int]) -> Example:
    """An example in which every token carries loss but the first, which nothing predicts."""
    made = np.asarray(ids, dtype=np.int32)
    labels = made.copy()
    labels[:1] = IGNORED
    return Example(id, row, made, labels)


def pieces(ids: Sequence[int], room: int) -> list[list[int]]:
    """`ids` in stretches of at most `room`, each beginning with the last of the one before.

    >>> pieces([1, 2, 3, 4, 5, 6], 3)
    [[1, 2, 3], [3, 4, 5], [5, 6]]
    """
    step = max(1, room - 1)
    return [list(ids[at : at + room]) for at in range(0, max(1, len(ids) - 1), step)]


def _text(chat: Conversation, template: Template, before: str, end: str) -> tuple[str, str]:
    """(text with its beginning and end, reason to leave it out)."""
    if chat.why_not:
        return "", chat.why_not
    if chat.messages is None:
        return f"{before}{chat.text}{end}", ""
    try:
        text = template.render(chat.messages, chat.tools)
    except RefusedError:
        return "", "refused"
    return text if text.rstrip().endswith(end) else text + end, ""

