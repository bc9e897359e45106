"""Supervision: every row's token ids and which of them carry loss, proven row by row, with a ledger of all rows.

What a row becomes is the objective's (`train.objective`), one module each:

    chats      sft               answers and their stops carry loss
    documents  pretrain          every token does
    infill     infill            every token does
    pairs      dpo               the answers of both ends do
               reward            the last token of both ends: where the head reads the score
    labelled   classify          the last token: where the head reads the label

Nothing is cut: a row that does not fit is left out with a reason (a document is laid out in several examples instead). Reasons:
too_long, no_answer (no assistant turn that may carry loss), refused (the template does not take it), stop_inside (an answer spells out
a control token), seam, empty, weight (only 0 and 1 are possible), not_text, message_json, tools_json; of pairs one_sided, equal;
of labels no_label, label_outside. Faults, which no training begins with: prompt_differs, no_stop, markers, double_bos, unkept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import polars as pl

from dadeum.errors import DadeumError
from dadeum.format import documents, infill, labelled, pairs
from dadeum.format.chats import chats
from dadeum.format.conversation import conversations
from dadeum.format.examples import IGNORED, LEDGER, Example, Supervision, digest, fits, picture
from dadeum.format.template import Template
from dadeum.settings import Train

__all__ = ["IGNORED", "LEDGER", "ROWS", "Example", "Supervision", "digest", "fits", "picture", "supervise"]


def _chats(rows: pl.DataFrame, tokenizer: Any, settings: Train) -> Supervision:
    template = Template.of(tokenizer, settings.template)
    return chats(conversations(rows, template.source), tokenizer, template, settings)


ROWS: Final[dict[str, Callable[[pl.DataFrame, Any, Train], Supervision]]] = {
    "sft": _chats,
    "pretrain": documents.whole,
    "infill": infill.rearranged,
    "dpo": pairs.answers,
    "reward": pairs.ends,
    "classify": labelled.labelled,
}
"""How rows become examples, by objective."""


def supervise(rows: pl.DataFrame, tokenizer: Any, settings: Train, faulty: bool = False) -> Supervision:
    """Tokens and loss mask of every row of a frame with RECORD's columns. faulty: rows of which the mask cannot be proven are left out with
    their reason, to be told of; so they are where the recipe says that they are to block nothing (`train.checks`: mask_proven).

    Raises DadeumError naming the first such row where not `faulty`, RecipeError for a bad template or a tokenizer that the objective cannot
    be trained with.
    """
    made = ROWS[settings.objective](rows, tokenizer, settings)
    if made.faults and not faulty and settings.checks.get("mask_proven", "block") == "block":
        raise DadeumError(next(iter(made.faults.values())))
    return made
