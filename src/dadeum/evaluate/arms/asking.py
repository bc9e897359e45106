"""The items as one arm asks them.

An item keeps its own turns. Solved examples stand before them as turns of their own, after a system turn; passages and instructions go
into the last question. The more examples, the longer the prompt: `Asked.frame` makes it with as many as somebody who knows the model's context
allows, the best first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import numpy as np
import polars as pl

from dadeum.evaluate.arms.closest import DEPTH, closest
from dadeum.evaluate.arms.examples import Pool, groups, order, question, shown
from dadeum.evaluate.arms.near import Near
from dadeum.evaluate.arms.prompts import filled, instruction, is_korean
from dadeum.proving import Arm
from dadeum.record import TURNS
from dadeum.settings import Prove

BETWEEN: Final = "\n\n"


@dataclass(frozen=True)
class Asked:
    """One arm's prompts, with as many examples or passages as are wanted."""

    items: pl.DataFrame
    examples: list[list[list[dict[str, Any]]]]
    """For each item the examples, best first, each as its turns."""
    passages: list[list[str]]
    template: str
    labels: tuple[str, ...] = ()
    korean: bool = False
    chosen: tuple[tuple[str, ...], ...] = ()
    """For each item the ids of what it is shown, best first."""

    @property
    def most(self) -> np.ndarray:
        """int64 [items]: how many there are to show."""
        return np.array([max(len(a), len(b)) for a, b in zip(self.examples, self.passages)], dtype=np.int64)

    def frame(self, keep: Sequence[int] | np.ndarray | None = None) -> pl.DataFrame:
        """The items with what they are shown. keep: how many, by item; None all."""
        keep = self.most if keep is None else keep
        if not self.template and not any(keep):
            return self.items
        made = []
        for turns, examples, passages, n in zip(self.items.get_column("messages").to_list(), self.examples, self.passages, keep):
            head = next((i for i, turn in enumerate(turns) if turn["role"] not in ("system", "developer")), len(turns))
            context = BETWEEN.join(passages[:n])
            rest = turns[head:]
            if self.template or context:
                last = max((i for i, turn in enumerate(rest) if turn["role"] == "user"), default=None)
                if last is not None:
                    said = filled(self.template, rest[last]["content"] or "", context, self.labels, self.korean)
                    rest = [*rest[:last], {**rest[last], "content": said, "parts": None}, *rest[last + 1 :]]
            # The best stands next to the question.
            made.append([*turns[:head], *(turn for example in reversed(examples[:n]) for turn in example), *rest])
        return self.items.with_columns(pl.Series("messages", made, dtype=TURNS))


def ask(arm: Arm, held: pl.DataFrame, pool: Pool | None, corpus: Sequence[str], prove: Prove, seed: int = 0, columns: Sequence[str] = ()) -> Asked:
    """The items of `held` (items.items) as `arm` asks them.

    pool: the training rows, for few_shot and for retrieval without a corpus. corpus: the passages of `arm.corpus`. columns: those of
    `held` whose equal values belong together, as of the pool. Raises ValueError where an arm lacks what it asks with.
    """
    said = held.get_column("messages").to_list()
    questions = [question(turns) for turns in said]
    korean = is_korean(questions[:200])
    template = arm.prompt or (instruction(prove, korean) if arm.kind == "zero_shot" else "")
    examples: list[list[list[dict[str, Any]]]] = [[] for _ in said]
    passages: list[list[str]] = [[] for _ in said]
    chosen: list[tuple[str, ...]] = [() for _ in said]
    if arm.kind == "retrieval" and arm.corpus:
        near = Near(corpus)
        for i, (found, asked) in enumerate(zip(closest(questions, corpus, arm.by, arm.embedding), questions)):
            own = near.own(asked)
            places = list(islice((p for p in found.tolist() if not near.copy(asked, corpus[p], own)), arm.k))
            passages[i] = [corpus[p] for p in places]
            chosen[i] = tuple(f"passage {p}" for p in places)
    elif arm.kind in ("few_shot", "retrieval"):
        if pool is None:
            raise ValueError(f"the arm {arm.name} needs training rows")
        orders = closest(questions, pool.questions, arm.by, arm.embedding, DEPTH + arm.k) if arm.kind == "retrieval" else None
        drawn = order(pool, seed, arm.balanced) if orders is None else []
        for i, (id, asked, group) in enumerate(zip(held.get_column("id").to_list(), questions, groups(held, columns))):
            places = list(islice(pool.allowed(next(orders).tolist() if orders is not None else drawn, id, asked, group), arm.k))
            examples[i] = [shown(pool, p) for p in places]
            chosen[i] = tuple(pool.ids[p] for p in places)
    return Asked(held, examples, passages, template, prove.labels, korean, tuple(chosen))


def fitted(asked: Asked, lengths: Callable[[pl.DataFrame], Sequence[int]], room: int) -> np.ndarray:
    """int64 [items]: how many examples each item can be shown, the best first, in a prompt of at most `room` tokens.

    lengths: the prompts' tokens. An item that is too long by itself is shown none.
    """
    keep = asked.most
    while True:
        over = np.flatnonzero((np.asarray(lengths(asked.frame(keep))) > room) & (keep > 0))
        if not len(over):
            return keep
        keep[over] -= 1
