"""What a model gets of a row, and the ledger of all rows: the same for every kind of training.

An example is one or more sequences that must meet the model together: one for a chat or a document, two (chosen, rejected) for a
preference pair. Which of its tokens carry loss, or are where a head reads, is said by `labels`; `label` names its class.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

import numpy as np
import polars as pl

from dadeum.format.tokens import pieces

IGNORED: Final = -100
"""The label of a token that carries no loss: what torch's cross entropy and transformers skip."""
LEDGER: Final = pl.Schema(
    {
        "id": pl.String(),
        "n_tokens": pl.UInt32(),
        "n_supervised": pl.UInt32(),
        "cut": pl.UInt32(),  # tokens cut off: always 0, since rows are left out whole
        "reason": pl.String(),  # null: trained on
        "labels_digest": pl.String(),  # of ids and labels
        "turns": pl.UInt32(),  # supervised turns
        "note": pl.String(),  # what the template or the tokenizer did to the content: trimmed, altered, call_lost, tools_lost, turn_lost, normalised, seam, history, control_token
        "text": pl.String(),  # as rendered, control tokens included; of a pair, both ends; null where it could not be rendered
        "ids": pl.List(pl.Int32()),  # what the model gets, the row's examples one after another; null: left out
        "loss": pl.List(pl.Struct({"start": pl.UInt32(), "end": pl.UInt32(), "why": pl.String()})),  # which of `ids` carry loss, and why
    }
)
Span = tuple[int, int, str]
"""Tokens from, up to, and why they carry loss."""


@dataclass(frozen=True)
class Example:
    """One row, or a part of one, as the model gets it. `ids`, `labels`: int32 of equal length, all sequences one after another."""

    id: str
    row: int
    ids: np.ndarray
    labels: np.ndarray
    turns: tuple[tuple[int, int], ...] = ()
    """Supervised token spans, each ending in a stop."""
    starts: tuple[int, ...] = (0,)
    """Where each sequence begins."""
    label: str = ""
    """The class, for a classifier."""

    @property
    def digest(self) -> str:
        return digest(self.ids, self.labels)

    @property
    def sequences(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """(ids, labels) of each sequence."""
        return [(self.ids[a:b], self.labels[a:b]) for a, b in pairwise((*self.starts, len(self.ids)))]


@dataclass(frozen=True)
class Supervision:
    """The examples, and the ledger with one line per row that came in, in its order."""

    examples: list[Example]
    ledger: pl.DataFrame
    roles: pl.DataFrame
    """{role, n_tokens, n_supervised}: assistant is answers with their stops, the other roles their contents, template the rest."""
    stops: tuple[int, ...]
    """The ids that supervised turns end with."""
    counts: dict[str, int] = field(default_factory=dict)
    """How many rows or turns a note or reason applies to."""
    faults: dict[str, str] = field(default_factory=dict)
    """Reasons that nobody should train in spite of, each with the first row that it holds for and what to do."""

    @property
    def digest(self) -> str:
        """One value for the whole: equal when every id and label is."""
        told = "".join(f"{e.id}\0{e.digest}\0" + (f"{e.starts}{e.label}\0" if e.label or len(e.starts) > 1 else "") for e in self.examples)
        return hashlib.blake2b(told.encode(), digest_size=16).hexdigest()

    @property
    def tokens(self) -> int:
        return sum(len(e.ids) for e in self.examples)

@dataclass
class Ledger:
    """Examples and ledger lines as they are made, row by row."""

    examples: list[Example] = field(default_factory=list)
    lines: list[tuple[Any, ...]] = field(default_factory=list)
    ids: dict[int, np.ndarray] = field(default_factory=dict)
    """By line."""
    loss: list[tuple[int, int, int, str]] = field(default_factory=list)
    """(line, from, up to, why)."""
    roles: dict[str, list[int]] = field(default_factory=dict)
    stops: set[int] = field(default_factory=set)
    faults: dict[str, str] = field(default_factory=dict)

    def put(
        self, id: str, made: Sequence[Example], reason: str = "", turns: int = 0, note: str = "", tokens: int = 0, text: str | None = None, loss: Sequence[Span] = ()
    ) -> None:
        """A line for one row, and its examples where there is no reason to leave it out. tokens: of a row that is left out. loss: spans of the ids of
        all its examples together."""
        kept = [] if reason else list(made)
        line, n, carried, told = len(self.lines), tokens, 0, None
        if kept:
            ids, labels = (np.concatenate([getattr(e, part) for e in kept]) for part in ("ids", "labels"))
            n, carried, told = len(ids), int((labels != IGNORED).sum()), digest(ids, labels)
            self.examples += kept
            self.ids[line] = ids
            self.loss += [(line, *span) for span in loss]
        self.lines.append((id, n, carried, 0, reason or None, told, turns if kept else 0, note or None, text))

    def count(self, role: str, tokens: int, carried: int) -> None:
        """Add to the tokens of a role, and to those of them that carry loss."""
        had = self.roles.get(role, [0, 0])
        self.roles[role] = [had[0] + tokens, had[1] + carried]

    def fault(self, reason: str, message: str) -> str:
        """Keep the first message of a fault; gives the reason."""
        self.faults.setdefault(reason, message)
        return reason

    def done(self) -> Supervision:
        """The whole."""
        ledger = self._table()
        counts: dict[str, int] = {}
        for column in ("reason", "note"):
            said = ledger.get_column(column).drop_nulls().str.split("+").explode()
            counts |= dict(said.value_counts(sort=True).iter_rows())
        roles = pl.DataFrame(
            [(role, *n) for role, n in sorted(self.roles.items())],
            schema={"role": pl.String(), "n_tokens": pl.UInt64(), "n_supervised": pl.UInt64()},
            orient="row",
        )
        return Supervision(self.examples, ledger, roles, tuple(sorted(self.stops)), counts, self.faults)


    def _table(self) -> pl.DataFrame:
        """The lines, with ids and spans as lists: put together flat, which 100,000 rows take 0.3 CPU-s for, and one by one two and a half."""
        lines = np.repeat(np.array(list(self.ids), dtype=np.uint32), [len(ids) for ids in self.ids.values()])
        ids = pl.DataFrame({"line": lines, "ids": np.concatenate([*self.ids.values(), np.empty(0, dtype=np.int32)])})
        loss = pl.DataFrame(self.loss, schema={"line": pl.UInt32(), "start": pl.UInt32(), "end": pl.UInt32(), "why": pl.String()}, orient="row")
        given = ids.group_by("line", maintain_order=True).agg("ids"), loss.group_by("line", maintain_order=True).agg(pl.struct("start", "end", "why").alias("loss"))
        table = pl.DataFrame(self.lines, schema=dict(list(LEDGER.items())[:-2]), orient="row").with_row_index("line")
        for part in given:
            table = table.join(part, on="line", how="left", maintain_order="left")
        return table.drop("line").with_columns(pl.col("loss").fill_null(pl.lit([], LEDGER["loss"])))


def carrying(labels: np.ndarray, why: str, start: int = 0, end: int | None = None) -> list[Span]:
    """The stretches of `labels[start:end]` that carry loss.

    >>> carrying(np.array([-100, 7, 8, -100, 9]), "answer", 1)
    [(1, 3, 'answer'), (4, 5, 'answer')]
    """
    on = labels[start:end] != IGNORED
    if on.all():
        return [(start, start + len(on), why)] if len(on) else []
    edges = (np.flatnonzero(np.diff(on, prepend=False, append=False)) + start).tolist()
    return [(a, b, why) for a, b in zip(edges[::2], edges[1::2])]


def digest(ids: np.ndarray, labels: np.ndarray) -> str:
    """blake2b-64 of ids and labels (int32, little-endian), as hex."""
    return hashlib.blake2b(
        ids.astype("<i4").tobytes() + b"|" + labels.astype("<i4").tobytes(), digest_size=8
    ).hexdigest()


def picture(supervision: Supervision, tokenizer: Any, ids: Iterable[str]) -> dict[str, list[tuple[str, bool]]]:
    """For some rows: their text in pieces and whether each carries loss, for the report."""
    wanted = set(ids)
    out: dict[str, list[tuple[str, bool]]] = {}
    for example in supervision.examples:
        if example.id not in wanted or example.id in out:
            continue
        marked, at = [], 0
        for said, n in pieces(tokenizer, example.ids.tolist()):
            marked.append((said, bool((example.labels[at : at + n] != IGNORED).any())))
            at += n
        out[example.id] = marked
    return out


def fits(lengths: Sequence[int], share: float = 0.995) -> int:
    """The length (tokens) that `share` of rows fit into: what to set `max_length` to.

    >>> fits([10, 20, 30, 40], 0.75)
    30
    """
    if not lengths:
        return 0
    ordered = sorted(lengths)
    return int(ordered[max(0, int(np.ceil(share * len(ordered))) - 1)])
