"""Which training rows an item may be shown: in an order that the seed draws, and never one that tells the answer.

Left out for an item: rows of its own group (a column that the split went by, or that items are clustered by), rows made out of it or of
the same seeds, and near copies of it (near.py). That a recipe's split lets none of those into training is no reason not to look.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any, Final

import polars as pl

from dadeum.evaluate.arms.near import Near

FEW: Final = 40
"""So many different answers at most are labels that examples can be balanced by."""


@dataclass(frozen=True)
class Pool:
    """Training rows as solved examples: their turns, last questions, answers, and what each belongs to."""

    ids: list[str]
    turns: list[list[dict[str, Any]]]
    questions: list[str]
    answers: list[str]
    groups: list[frozenset[str]]
    near: Near

    @classmethod
    def of(cls, rows: pl.DataFrame, columns: Sequence[str] = ()) -> Pool:
        """Out of `items.items(training rows, carry=columns)`. columns: those whose equal values belong together."""
        turns = rows.get_column("messages").to_list()
        questions = [question(said) for said in turns]
        return cls(rows.get_column("id").to_list(), turns, questions, rows.get_column("reference").to_list(), groups(rows, columns), Near(questions))

    def allowed(self, order: Iterable[int], item: str, asked: str, group: frozenset[str]) -> Iterator[int]:
        """The places of `order` that an item may be shown. item: its id; asked: its question; group: as of `groups`."""
        own = self.near.own(asked)
        for i in order:
            if self.ids[i] != item and not self.groups[i] & group and not self.near.copy(asked, self.questions[i], own):
                yield i


def order(pool: Pool, seed: int, balanced: bool) -> list[int]:
    """All places of the pool as the seed draws them, by ids alone; balanced: one answer after the other, where there are few.

    >>> from dadeum.record import records
    >>> from dadeum.evaluate.items import items
    >>> said = lambda i: [{"role": "user", "content": f"q{i}"}, {"role": "assistant", "content": "ab"[i > 3]}]
    >>> pool = Pool.of(items(records([{"messages": said(i)} for i in range(6)])))
    >>> [pool.answers[i] for i in order(pool, 0, True)]
    ['a', 'b', 'a', 'b', 'a', 'a']
    """
    drawn = sorted(range(len(pool.ids)), key=lambda i: (_rank(seed, pool.ids[i]), pool.ids[i]))
    if not balanced or len(set(pool.answers)) > FEW:
        return drawn
    by: dict[str, list[int]] = defaultdict(list)
    for i in drawn:
        by[pool.answers[i]].append(i)
    return [i for i in chain(*zip_longest(*(by[answer] for answer in sorted(by)))) if i is not None]


def groups(rows: pl.DataFrame, columns: Sequence[str] = ()) -> list[frozenset[str]]:
    """What each row belongs to: itself, its parents, and its values of the columns."""
    made = [{f"row {id}", *(f"row {parent}" for parent in parents or ())} for id, parents in zip(rows["id"].to_list(), rows["parents"].to_list())]
    for column in columns:
        for group, value in zip(made, rows.get_column(column).cast(pl.String).to_list()):
            if value is not None:
                group.add(f"{column} {value}")
    return [frozenset(group) for group in made]


def question(turns: list[dict[str, Any]]) -> str:
    """What the last user turn says; the last turn before the answer where no user speaks."""
    before = turns[:-1] if turns and turns[-1]["role"] == "assistant" else turns
    said = [turn["content"] or "" for turn in before if turn["role"] == "user"] or [turn["content"] or "" for turn in before]
    return said[-1] if said else ""


def shown(pool: Pool, place: int) -> list[dict[str, Any]]:
    """A training row as turns to stand before a question: without its system turn."""
    return [turn for turn in pool.turns[place] if turn["role"] not in ("system", "developer")]


def _rank(seed: int, name: str) -> bytes:
    return hashlib.blake2b(f"few\0{seed}\0{name}".encode("utf-8", "surrogatepass"), digest_size=16).digest()


