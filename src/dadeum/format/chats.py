"""Chats to token ids and loss mask, proven row by row.

The ids of a turn's prompt, tokenised by themselves as they are when the model answers, must be the beginning of the ids of the whole
chat. That gives the borders of a turn in tokens without looking for any token. Where a token would straddle a border (a newline of the
prompt with one of the answer), the text is tokenised in two pieces, so that it still is; such rows are counted (`seams`).
For every supervised turn decode(its ids) must be its rendered text, stop token included. A row of which that cannot be shown is a fault
(`Supervision.faults`): no training begins with one, and `dadeum check` tells how many there are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

import numpy as np

from dadeum.format.conversation import Conversation
from dadeum.format.examples import IGNORED, Example, Ledger, Span, Supervision, carrying
from dadeum.format.template import RefusedError, Rendered, Template, Turn, UnprovenError
from dadeum.format.thinking import thoughts
from dadeum.format.tokens import begins, bos_twice, decode, encode, eos_id, normalised
from dadeum.settings import Train

_BATCH: Final = 2000


def chats(given: Sequence[Conversation], tokenizer: Any, template: Template, settings: Train) -> Supervision:
    """Tokens and loss mask of every conversation, in order; a plain text among them is learned whole.

    Faults: decode(supervised) is not the rendered answer (`unkept`), two beginning-of-text tokens (`double_bos`), and those of the template
    (UnprovenError). Raises DadeumError for a tokenizer without a stop, RecipeError for a bad template.
    """
    work = _Work(tokenizer, template, settings)
    for start in range(0, len(given), _BATCH):
        work.add(given[start : start + _BATCH], start)
    return work.ledger.done()


class _Work:
    """Fills the ledger batch by batch: rendering row by row, tokenising and decoding a batch at once."""

    def __init__(self, tokenizer: Any, template: Template, settings: Train):
        self.tokenizer, self.template, self.settings = tokenizer, template, settings
        self.specials = tuple(s for s in template.specials if s)
        self.control = re.compile("|".join(map(re.escape, self.specials)) or "(?!)")
        eos_id(tokenizer)
        self.eos = tokenizer.eos_token
        self.bos = begins(tokenizer)
        self.ledger = Ledger()

    def add(self, batch: Sequence[Conversation], first: int) -> None:
        lines: list[_Line] = [self._line(c, first + i) for i, c in enumerate(batch)]
        live = [line for line in lines if not line.reason]
        for line, ids in zip(live, encode(self.tokenizer, [line.text for line in live])):
            line.ids = ids
        self._borders([line for line in live if line.turns])
        self._prove([line for line in live if line.turns and not line.reason])
        for line in lines:
            self._finish(line)
        self._shares([line for line in live if not line.reason])

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
        except UnprovenError as error:
            line.reason = self.ledger.fault(error.fault, f"row {chat.id}: {error}")
            return line
        line.text = rendered.text
        line.turns = self._carrying(chat, rendered)
        line.note = [w for w, n in (("history", rendered.history), ("unprompted", rendered.unprompted)) if n]
        line.note += rendered.lost
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
                    line.reason = self.ledger.fault(
                        "unkept",
                        f"row {line.chat.id}, turn {turn.message}: the tokens that carry loss say {got!r}, the answer is {meant!r}: "
                        "this tokenizer does not keep the text. Take another base, or clean what it cannot keep",
                    )

    def _finish(self, line: _Line) -> None:
        ids = np.asarray(line.ids, dtype=np.int32)
        if not line.reason and bos_twice(self.tokenizer, line.ids):
            line.reason = self.ledger.fault("double_bos", f"row {line.chat.id}: the text begins with two beginning-of-text tokens: take one out of the template")
        if not line.reason and len(ids) > self.settings.max_length:
            line.reason = "too_long"
        labels = np.full(len(ids), IGNORED, dtype=np.int32)
        everything = line.chat.messages is None or self.settings.supervise == "all"
        for a, b in [(0, len(ids))] if everything else line.spans:
            labels[a:b] = ids[a:b]
        labels[:1] = IGNORED  # nothing stands before the first token that could predict it
        if self.settings.thinking == "read" and not everything:
            for a, b in (held for span in line.spans for held in thoughts(self.tokenizer, line.ids, *span)):
                labels[a:b] = IGNORED
        example = Example(line.chat.id, line.row, ids, labels, tuple(line.spans))
        if not line.reason:
            self.ledger.stops.update(int(ids[b - 1]) for _, b in line.spans)
            if line.chat.messages is None:
                self.ledger.stops.add(int(ids[-1]))
        line.labels = labels
        note = "+".join(dict.fromkeys(line.note))
        self.ledger.put(line.chat.id, [example], line.reason, len(line.spans), note, len(ids), line.text or None, self._why(line))

    def _why(self, line: _Line) -> list[Span]:
        """The tokens that carry loss, and what they are."""
        if line.chat.messages is None or self.settings.supervise == "all":
            return carrying(line.labels, "document" if line.chat.messages is None else "train.supervise: all")
        return [span for turn, (a, b) in zip(line.turns, line.spans) for span in carrying(line.labels, f"answer, turn {turn.message}", a, b)]

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
                self.ledger.count(role, n, carried)


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
