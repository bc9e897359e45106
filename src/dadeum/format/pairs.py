"""Preference pairs: two conversations that begin alike and end differently, `chosen` and `rejected`.

Both are rendered and proven as chats are (chats.py). They must share the prompt token by token, or the pair would also prefer one
prompt to another. A pair whose ends are the same says nothing and is left out (`equal`); so is one without both ends (`one_sided`),
and one of which either end does not fit (`too_long`): cutting one alone would teach lengths.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import polars as pl

from dadeum.format.chats import chats
from dadeum.format.conversation import Conversation, conversations
from dadeum.format.examples import IGNORED, Example, Ledger, Span, Supervision, carrying
from dadeum.format.template import Template
from dadeum.settings import Train


def answers(rows: pl.DataFrame, tokenizer: Any, settings: Train) -> Supervision:
    """Pairs in which the answers carry loss, each as long as it is."""
    return _pairs(rows, tokenizer, settings)


def ends(rows: pl.DataFrame, tokenizer: Any, settings: Train) -> Supervision:
    """Pairs marked at the last token of each end alone, where a head reads its score."""
    return _pairs(rows, tokenizer, settings, only_last=True)


def _pairs(rows: pl.DataFrame, tokenizer: Any, settings: Train, only_last: bool = False) -> Supervision:
    template = Template.of(tokenizer, settings.template)
    plain = dataclasses.replace(settings, supervise="assistant")
    sides = [chats(_side(rows, side, template), tokenizer, template, plain) for side in ("chosen", "rejected")]
    found = [{e.row: e for e in side.examples} for side in sides]
    lines = zip(*(side.ledger.select("id", "reason", "note", "n_tokens", "text").iter_rows() for side in sides))
    ledger = Ledger(faults=sides[1].faults | sides[0].faults)
    for row, ((id, why, note, n, text), (_, why_other, note_other, m, text_other)) in enumerate(lines):
        chosen, rejected = (side.get(row) for side in found)
        reason = why or why_other or ""
        if chosen and rejected:
            reason = _fault(chosen, rejected)
        notes = dict.fromkeys(part for said in (note, note_other) for part in (said or "").split("+") if part)
        joined = [_joined(chosen, rejected, only_last)] if chosen and rejected and not reason else []
        said = (text or "") + (text_other or "") or None
        ledger.put(id, joined, reason, sum(len(e.turns) for e in joined), "+".join(notes), n + m, said, [span for e in joined for span in _why(e, only_last)])
        for end in (end for end in (chosen, rejected) if end and joined):
            carried = 1 if only_last else int((end.labels != IGNORED).sum())
            spoken = sum(b - a for a, b in end.turns)
            ledger.count("assistant", spoken, carried)
            ledger.count("prompt", len(end.ids) - spoken, 0)
            ledger.stops.update(() if only_last else (int(end.ids[b - 1]) for _, b in end.turns))
    return ledger.done()


def _side(rows: pl.DataFrame, side: str, template: Template) -> list[Conversation]:
    """The conversations with one of both ends; the prompt's own answers carry no loss."""
    both = rows.get_column("chosen").list.len().fill_null(0), rows.get_column("rejected").list.len().fill_null(0)
    shared = rows.get_column("messages").list.len().fill_null(0).to_list()
    whole = ((both[0] > 0) & (both[1] > 0)).to_list()
    made = []
    for chat, n, has in zip(conversations(rows.with_columns(rows.get_column(side).alias("chosen")), template.source), shared, whole):
        if not has or chat.messages is None:
            made.append(dataclasses.replace(chat, messages=None, text=None, why_not=chat.why_not if has and chat.why_not else "one_sided"))
        else:
            made.append(dataclasses.replace(chat, weights=(0.0,) * n + chat.weights[n:]))
    return made


def _why(pair: Example, only_last: bool) -> list[Span]:
    """The tokens of both ends that carry loss."""
    borders = zip(pair.starts, (*pair.starts[1:], len(pair.ids)), ("chosen", "rejected"))
    return [span for a, b, end in borders for span in carrying(pair.labels, f"{end}: the head reads here" if only_last else end, a, b)]


def _fault(chosen: Example, rejected: Example) -> str:
    """Why two ends cannot be compared: the same tokens, or another prompt."""
    if np.array_equal(chosen.ids, rejected.ids):
        return "equal"
    (a, _), (b, _) = chosen.turns[0], rejected.turns[0]
    return "" if a == b and np.array_equal(chosen.ids[:a], rejected.ids[:b]) else "seam"


def _joined(chosen: Example, rejected: Example, only_last: bool) -> Example:
    n = len(chosen.ids)
    ids = np.concatenate([chosen.ids, rejected.ids])
    labels = np.concatenate([chosen.labels, rejected.labels])
    if only_last:
        labels = np.full(len(ids), IGNORED, dtype=np.int32)
        labels[[n - 1, len(ids) - 1]] = ids[[n - 1, len(ids) - 1]]
        return Example(chosen.id, chosen.row, ids, labels, starts=(0, n))
    return Example(chosen.id, chosen.row, ids, labels, (*chosen.turns, *((a + n, b + n) for a, b in rejected.turns)), (0, n))
