"""In which orders a recipe's steps give the same rows, and which of these orders is the cheapest.

Two neighbours may change places when both are row-wise (Edit or Filter) and neither writes what the other looks at or writes:
each then meets a row with the same values in either order, and a row that both let through comes out the same. It is the rule
of read and write sets (Hueske et al. 2012, "Opening the Black Boxes in Data Flow Optimization"); `Step.looks` and `Step.writes`
say what they are. What can be reached by such exchanges of neighbours is every order that keeps each pair that may not change
places as it was written (Mazurkiewicz 1977), so pairs are all there is to prove.

What stays where it is:

* A comparison and whatever grows rows, and the side of them that a step stands on: who survives a comparison depends on who
  takes part. A filter before `dedup.exact` makes way for a copy that a filter after it would have found merged away. Not even
  an Edit passes: a row on which it fails would have taken part.
* Two steps that both add columns: the columns of the data would come in another order.

What may differ: a row that two steps let go is told under the one that meets it first, with its reason; and edits of rows that
leave afterwards are not made. A row on which a step fails is gone in either order, quarantined or dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from dadeum.record import RECORD
from dadeum.step import Edit, Filter, Step

WHO: Final = frozenset({"row", "id", "source", "place", "parents"})
"""Columns that any step may look at: a step that writes one of them stays where it is."""
WIDTH: Final = 20_000
"""Sets of done steps that are followed at once. Fifteen steps that may all change places have 6,435; beyond, the cheapest go on."""
PAYS: Final = 0.002
"""Share of the whole cost that every pair has to save that changes places: what it costs to measure is uncertain, and a recipe
that runs as it is written is easier to read."""


def commute(one: Step, other: Step) -> bool:
    """Whether two neighbours give the same rows in either order."""
    if not (isinstance(one, (Edit, Filter)) and isinstance(other, (Edit, Filter))):
        return False
    if all(any(c not in RECORD for c in s.writes) for s in (one, other)):
        return False
    return not _meddles(one, other) and not _meddles(other, one)


def _meddles(one: Step, other: Step) -> bool:
    """Whether `one` writes what `other` looks at. An Edit's answer may be the value that was there, so it looks at what it writes."""
    if other.looks is None:
        return bool(one.writes)
    return not WHO.union(other.looks, other.reads, other.writes).isdisjoint(one.writes)


def before(steps: Sequence[Step]) -> list[int]:
    """For each step the earlier ones that have to stay before it, as bits."""
    return [sum(1 << i for i in range(j) if not commute(steps[i], steps[j])) for j in range(len(steps))]


def allowed(order: Sequence[int], steps: Sequence[Step]) -> bool:
    """Whether `order` (positions in `steps`) provably gives the same rows as the steps as they stand."""
    firm, done = before(steps), 0
    for i in order:
        if not 0 <= i < len(steps) or done >> i & 1 or firm[i] & ~done:
            return False
        done |= 1 << i
    return done == (1 << len(steps)) - 1


def stretches(steps: Sequence[Step]) -> Iterator[range]:
    """The longest runs of row-wise steps: what lies between them stays where it is."""
    start = 0
    for stop in range(len(steps) + 1):
        if stop == len(steps) or not isinstance(steps[stop], (Edit, Filter)):
            if stop > start:
                yield range(start, stop)
            start = stop + 1


@dataclass(frozen=True)
class Cheapest:
    """What `cheapest` found."""

    order: tuple[int, ...]
    cost: float
    orders: int
    """How many orders there are (at least so many where there are too many to follow)."""


def cost(order: Sequence[int], costs: Sequence[float], alive: Callable[[int], float]) -> float:
    """What an order costs: each step's cost a row times the rows that come to it."""
    total, done = 0.0, 0
    for i in order:
        total += costs[i] * alive(done)
        done |= 1 << i
    return total


def cheapest(firm: Sequence[int], costs: Sequence[float], alive: Callable[[int], float]) -> Cheapest:
    """The order of least cost, by dynamic programming over the sets of steps that can be done first.

    firm: `before`. costs: of each step for a row that comes to it. alive: rows left once a set of steps (as bits) is done; it
    does not depend on their order. Among equals the order that is nearest to the one as written; see PAYS.
    """
    n = len(costs)
    price = PAYS * cost(range(n), costs, alive)
    level: dict[int, tuple[float, tuple[int, ...], int]] = {0: (0.0, (), 1)}
    for _ in range(n):
        following: dict[int, tuple[float, tuple[int, ...], int]] = {}
        for done, (spent, path, ways) in level.items():
            rows = alive(done)
            overtaken = 0
            for i in range(n):
                if done >> i & 1:
                    continue
                if not firm[i] & ~done:
                    found = (spent + costs[i] * rows + price * overtaken, (*path, i), ways)
                    known = following.get(done | 1 << i)
                    if known is not None:
                        found = (*min(found[:2], known[:2]), ways + known[2])
                    following[done | 1 << i] = found
                overtaken += 1
        if len(following) > WIDTH:
            following = dict(sorted(following.items(), key=lambda item: item[1][:2])[:WIDTH])
        level = following
    [(_, order, ways)] = level.values()
    made = cost(order, costs, alive)
    if made >= cost(range(n), costs, alive):
        return Cheapest(tuple(range(n)), cost(range(n), costs, alive), ways)
    return Cheapest(order, made, ways)
