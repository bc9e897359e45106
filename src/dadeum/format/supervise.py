"""Supervision: every row's token ids and which of them carry loss, proven row by row, with a ledger of all rows.

The ids of a turn's prompt, tokenised by themselves as they are when the model answers, must be the beginning of the ids of the whole
chat. That gives the borders of a turn in tokens without looking for any token. Where a token would straddle a border (a newline of the
prompt with one of the answer), the text is tokenised in two pieces, so that it still is; such rows are counted (`seams`).
For every supervised turn decode(its ids) must be its rendered text, stop token included, or the run stops and names the row.

Nothing is cut: a row that does not fit is left out with a reason. Reasons: too_long, no_answer (no assistant turn that may carry loss),
refused (the template does not take it), stop_inside (an answer spells out a control token), seam, empty, weight (only 0 and 1 are
possible), not_text, message_json, tools_json.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

import numpy as np
import polars as pl

from dadeum.errors import DadeumError
from dadeum.format.conversation import Conversation, conversations
from dadeum.format.template import RefusedError, Rendered, Template, Turn
from dadeum.format.tokens import bos_twice, decode, encode, eos_id, normalised, pieces
from dadeum.settings import Train

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
        "note": pl.String(),  # what the template or the tokenizer did to the content: trimmed, altered, normalised, seam, history, control_token
    }
)
_BATCH: Final = 2000


@dataclass(frozen=True)
class Example:
    """One row as the model gets it. `ids`, `labels`: int32 of equal length; `turns`: supervised token spans, each ending in a stop."""

    id: str
    row: int
    ids: np.ndarray
    labels: np.ndarray
    turns: tuple[tuple[int, int], ...] = ()

    @property
    def digest(self) -> str:
        return digest(self.ids, self.labels)


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

    @property
    def digest(self) -> str:
        """One value for the whole: equal when every id and label is."""
        told = "".join(f"{e.id}\0{e.digest}\0" for e in self.examples)
        return hashlib.blake2b(told.encode(), digest_size=16).hexdigest()

    @property
    def tokens(self) -> int:
        return sum(len(e.ids) for e in self.examples)


def supervise(rows: pl.DataFrame, tokenizer: Any, settings: Train) -> Supervision:
    """Tokens and loss mask of every row of a frame with RECORD's columns.

    Raises DadeumError naming the row where decode(supervised) is not the rendered answer, where the template gives two
    beginning-of-text tokens, or where it cannot be trained with at all; RecipeError for a bad template.
    """
    template = Template.of(tokenizer, settings.template)
    work = _Work(tokenizer, template, settings)
    for start in range(0, rows.height, _BATCH):
        work.add(conversations(rows[start : start + _BATCH], template.source), start)
    return work.done()


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


class _Work:
    """Fills the ledger batch by batch: rendering row by row, tokenising and decoding a batch at once."""

    def __init__(self, tokenizer: Any, template: Template, settings: Train):
        self.tokenizer, self.template, self.settings = tokenizer, template, settings
        self.specials = tuple(s for s in template.specials if s)
        self.control = re.compile("|".join(map(re.escape, self.specials)) or "(?!)")
        eos_id(tokenizer)
        self.eos = tokenizer.eos_token
        self.bos = tokenizer.bos_token if tokenizer.bos_token and tokenizer("a")["input_ids"][0] == tokenizer.bos_token_id else ""
        self.examples: list[Example] = []
        self.ledger: list[tuple[Any, ...]] = []
        self.roles: dict[str, list[int]] = {}
        self.stops: set[int] = set()

    def add(self, batch: list[Conversation], first: int) -> None:
        lines: list[_Line] = [self._line(c, first + i) for i, c in enumerate(batch)]
        live = [line for line in lines if not line.reason]
        for line, ids in zip(live, encode(self.tokenizer, [line.text for line in live])):
            line.ids = ids
        self._borders([line for line in live if line.turns])
        self._prove([line for line in live if line.turns and not line.reason])
        for line in lines:
            self._finish(line)
        self._shares([line for line in live if not line.reason])

    def done(self) -> Supervision:
        ledger = pl.DataFrame(self.ledger, schema=LEDGER, orient="row")
        counts: dict[str, int] = {}
        for column in ("reason", "note"):
            said = ledger.get_column(column).drop_nulls().str.split("+").explode()
            counts |= dict(said.value_counts(sort=True).iter_rows())
        roles = pl.DataFrame(
            [(role, *n) for role, n in sorted(self.roles.items())],
            schema={"role": pl.String(), "n_tokens": pl.UInt64(), "n_supervised": pl.UInt64()},
            orient="row",
        )
        return Supervision(self.examples, ledger, roles, tuple(sorted(self.stops)), counts)

    def _line(self, chat: Conversation, row: int) -> _Line:
        line = _Line(chat, row, reason=chat.why_not)
        if line.reason:
            return line
        if chat.messages is None:
            # Prose for continued pretraining: what the tokenizer puts before a text stays its own affair.
            before = self.bos
            line.text = f"{before}{chat.text}{self.eos}"
            return line
        try:
            rendered = self.template.conversation(chat.messages, chat.tools)
        except RefusedError as error:
            line.reason, line.note = "refused", [str(error)]
            return line
        except DadeumError as error:
            raise DadeumError(f"row {chat.id}: {error}") from error
        line.text = rendered.text
        line.turns = self._carrying(chat, rendered)
        line.note = [w for w, n in (("history", rendered.history), ("unprompted", rendered.unprompted)) if n]
        line.note += sorted({turn.said for turn in line.turns} - {"exact"})
        if any(self.control.search(m["content"]) for m in chat.messages):
            line.note.append("control_token")
        if not line.turns:
            line.reason = "no_answer"
        elif any(self._spells(rendered.text[t.start : t.end]) for t in line.turns):
            line.reason = "stop_inside"
        return line

    def _carrying(self, chat: Conversation, rendered: Rendered) -> tuple[Turn, ...]:
        turns = rendered.turns
        if self.settings.supervise == "last":
            turns = turns[-1:]
        return tuple(t for t in turns if chat.weights[t.message] != 0.0)

    def _spells(self, span: str) -> bool:
        """Whether the stop token stands in an answer before its end: a model that wrote this would stop there."""
        return any(span.endswith(s) and s in span[: -len(s)] for s in self.specials)

    def _borders(self, lines: list[_Line]) -> None:
        """The turns' borders in tokens: each prompt's ids, and each prompt-and-answer's, must begin the row's ids."""
        cuts = [(line, line.text[: turn.start], line.text[: turn.end]) for line in lines for turn in line.turns]
        flat = encode(self.tokenizer, [text for _, before, upto in cuts for text in (before, upto)])
        for at, (line, _, _) in enumerate(cuts):
            line.prefixes.append((flat[2 * at], flat[2 * at + 1]))
        for line in lines:
            if all(line.ids[: len(p)] == p and line.ids[: len(u)] == u for p, u in line.prefixes):
                line.spans = [(len(p), len(u)) for p, u in line.prefixes]
            else:
                self._split(line)

    def _split(self, line: _Line) -> None:
        """Tokenise in pieces, cut at the supervised turns' starts; refuse where a prompt still is not the beginning."""
        cuts = [0, *(at for turn in line.turns for at in (turn.start, turn.end)), len(line.text)]
        parts = encode(self.tokenizer, [line.text[a:b] for a, b in pairwise(cuts)])
        ends = np.cumsum([len(p) for p in parts]).tolist()
        line.ids = [i for part in parts for i in part]
        line.spans = [(ends[2 * k], ends[2 * k + 1]) for k in range(len(line.turns))]
        line.note.append("seam")
        if any(line.ids[:start] != prompt for (start, _), (prompt, _) in zip(line.spans, line.prefixes)):
            line.reason = "seam"

    def _prove(self, lines: list[_Line]) -> None:
        said = decode(self.tokenizer, [line.ids[a:b] for line in lines for a, b in line.spans])
        at = 0
        for line in lines:
            for turn, (a, b) in zip(line.turns, line.spans):
                meant, got = line.text[turn.start : turn.end], said[at]
                at += 1
                if got == meant:
                    continue
                if got == normalised(self.tokenizer, meant):
                    line.note.append("normalised")
                    continue
                # Some tokenizers drop a leading space when a text is decoded by itself: read it as the end of the whole.
                before, upto = decode(self.tokenizer, [line.ids[:a], line.ids[:b]])
                if upto[len(before) :] != meant:
                    raise DadeumError(
                        f"row {line.chat.id}, turn {turn.message}: the tokens that carry loss say {got!r}, the answer is {meant!r}: "
                        "this tokenizer does not keep the text. Take another base, or clean what it cannot keep"
                    )

    def _finish(self, line: _Line) -> None:
        ids = np.asarray(line.ids, dtype=np.int32)
        if not line.reason and bos_twice(self.tokenizer, line.ids):
            raise DadeumError(f"row {line.chat.id}: the text begins with two beginning-of-text tokens: take one out of the template")
        if not line.reason and len(ids) > self.settings.max_length:
            line.reason = "too_long"
        labels = np.full(len(ids), IGNORED, dtype=np.int32)
        everything = line.chat.messages is None or self.settings.supervise == "all"
        for a, b in [(0, len(ids))] if everything else line.spans:
            labels[a:b] = ids[a:b]
        labels[:1] = IGNORED  # nothing stands before the first token that could predict it
        kept = not line.reason
        example = Example(line.chat.id, line.row, ids, labels, tuple(line.spans))
        if kept:
            self.examples.append(example)
            self.stops.update(int(ids[b - 1]) for _, b in line.spans)
            if line.chat.messages is None:
                self.stops.add(int(ids[-1]))
        line.labels = labels
        self.ledger.append(
            (
                line.chat.id,
                len(ids),
                int((labels != IGNORED).sum()) if kept else 0,
                0,
                line.reason or None,
                example.digest if kept else None,
                len(line.spans) if kept else 0,
                "+".join(dict.fromkeys(line.note)) or None,
            )
        )

    def _shares(self, lines: list[_Line]) -> None:
        """Add to the tokens per role. The contents of other roles are tokenised by themselves, which is near enough to count."""
        told = [(m["role"], m["content"]) for line in lines for m in line.chat.messages or () if m["role"] != "assistant"]
        count: dict[str, int] = {}
        for (role, _), ids in zip(told, encode(self.tokenizer, [content for _, content in told])):
            count[role] = count.get(role, 0) + len(ids)
        answers = sum(b - a for line in lines for a, b in line.spans)
        prose = sum(len(line.ids) for line in lines if line.chat.messages is None)
        total = sum(len(line.ids) for line in lines)
        supervised = sum(int((line.labels != IGNORED).sum()) for line in lines)
        in_prose = sum(int((line.labels != IGNORED).sum()) for line in lines if line.chat.messages is None)
        in_answers = sum(int((line.labels[a:b] != IGNORED).sum()) for line in lines for a, b in line.spans)
        rest = max(total - answers - prose - sum(count.values()), 0)
        full = supervised - in_prose - in_answers > 0
        counted = {"assistant": (answers, in_answers), "text": (prose, in_prose), "template": (rest, rest if full else 0)}
        counted |= {role: (n, n if full else 0) for role, n in count.items()}
        for role, (n, carried) in counted.items():
            if n:
                had = self.roles.get(role, [0, 0])
                self.roles[role] = [had[0] + n, had[1] + carried]


@dataclass
class _Line:
    """A row on its way through a batch."""

    chat: Conversation
    row: int
    reason: str = ""
    text: str = ""
    turns: tuple[Turn, ...] = ()
    note: list[str] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    prefixes: list[tuple[list[int], list[int]]] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)
    labels: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int32))


def fits(lengths: Sequence[int], share: float = 0.995) -> int:
    """The length (tokens) that `share` of rows fit into: what to set `max_length` to.

    >>> fits([10, 20, 30, 40], 0.75)
    30
    """
    if not lengths:
        return 0
    ordered = sorted(lengths)
    return int(ordered[max(0, int(np.ceil(share * len(ordered))) - 1)])
