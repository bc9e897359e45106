"""Measured on a sample: what each step costs a row and how many rows it lets go; from these, the cheapest order (see order.py).

A sample is the head of every file. Steps of a stretch are measured on the rows that come to its beginning, those that an earlier
filter of the stretch lets go too: so it is known of every row which steps it would leave at, and the rows left after any set of
steps are counted, not multiplied out of shares as if filters had nothing to do with each other (length and repetition have).
Costs are CPU time of this process; a step that waits for something else looks cheaper than it is.

A proposal is tried before it is made: both orders run on the sample, and rows that differ show a step that looks at more than it
declares. `order: auto` keeps what it chose in the run's folder (order.json), because a cost that is measured again would give
another order on another day, and with it another ledger and nothing found in the cache. Removing the file measures anew.
"""

from __future__ import annotations

import dataclasses
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson
import polars as pl

from dadeum import io
from dadeum.engine import flow, local
from dadeum.engine.delta import LEAVING, work
from dadeum.engine.order import allowed, before, cheapest, cost, stretches
from dadeum.engine.unit import publish
from dadeum.errors import Mistake, RecipeError, StepError
from dadeum.ledger import Receipt
from dadeum.recipe import Recipe
from dadeum.step import Step

SAMPLE: Final = 2000
"""Raw rows of each source."""
BATCH: Final = 8192
"""Rows that a cheap step is measured on (the sample, several times over): on 2,000 what a call costs hides what a row costs."""
ENOUGH: Final = 0.25
"""CPU-seconds after which a step needs no more measuring; five times at most."""
FILE: Final = "order.json"


@dataclass
class Measured:
    """A stretch of row-wise steps on the rows that came to it."""

    costs: list[float]
    """CPU-seconds a row."""
    firm: list[int]
    """The steps that have to stay before each, as bits."""
    leaving: Counter[int]
    """Steps that a row would leave at, as bits, and how many rows; 0 for those that stay."""

    def alive(self, done: int) -> float:
        """Rows left once these steps are done."""
        return sum(n for leaves, n in self.leaving.items() if not leaves & done)

    def told_otherwise(self, order: Sequence[int]) -> int:
        """Rows that leave at another step than in the order as written."""
        place = {i: at for at, i in enumerate(order)}
        several = {leaves: [i for i in place if leaves >> i & 1] for leaves in self.leaving if leaves}
        return sum(self.leaving[leaves] for leaves, at in several.items() if min(at) != min(at, key=place.__getitem__))


@dataclass(frozen=True)
class Trial:
    """What was measured, and the proposal."""

    receipts: list[Receipt]
    order: tuple[int, ...]
    """Positions of the recipe's steps, in the order proposed."""
    orders: int
    """How many orders provably give the same rows."""
    rows: int
    """Raw rows of the sample."""
    row_bytes: float
    """What a raw row takes as JSON."""
    costs: list[float]
    """Seconds a row of each step: CPU time of row-wise ones."""
    given: float
    """CPU-seconds of the row-wise steps on the sample, in the order as written. (A comparison costs the same in every order.)"""
    proposed: float
    told_otherwise: int = 0
    """Rows of the sample that leave at another step than in the order as written."""
    refuted: tuple[int, ...] = field(default=())
    """An order that should have given the same rows and did not: a step looks at more than it declares."""


def trial(recipe: Recipe, copies: Path | None = None) -> Trial:
    """Run the steps on a sample, in a folder that is thrown away, and find the cheapest order.

    copies: a folder for copies of remote sources, which stay for the run. Raises RecipeError and StepError as a run would.
    """
    with tempfile.TemporaryDirectory(prefix="dadeum-trial-") as name, local.Local(1, quiet=True) as engine:
        cache = Path(name)
        if copies is not None:
            copies.mkdir(parents=True, exist_ok=True, mode=0o700)
            (cache / "remote").symlink_to(copies.resolve())
        made = flow.process(recipe, cache, engine, SAMPLE)
        n = sum(r.n for r in made.reads)
        costs = [r.seconds / max(1, r.rows_in) for r in made.receipts[1:]]
        order, orders, given, proposed, otherwise = list(range(len(recipe.steps))), 1, 0.0, 0.0, 0
        for stretch in stretches(recipe.steps):
            found = measure([recipe.steps[i] for i in stretch], _rows(made, stretch.start))
            best = cheapest(found.firm, found.costs, found.alive)
            order[stretch.start : stretch.stop] = [stretch.start + i for i in best.order]
            costs[stretch.start : stretch.stop] = found.costs
            orders *= best.orders
            given += cost(range(len(stretch)), found.costs, found.alive)
            proposed += best.cost
            otherwise += found.told_otherwise(best.order)
        told = Trial(made.receipts, tuple(order), orders, n, _row_bytes(made, cache / "sample.jsonl"), costs, given, proposed, otherwise)
        if order != sorted(order) and not _same(made, flow.process(reordered(recipe, order), cache, engine, SAMPLE)):
            return dataclasses.replace(told, order=tuple(sorted(order)), proposed=told.given, told_otherwise=0, refuted=tuple(order))
        return told


def fit(recipe: Recipe) -> None:
    """Raises RecipeError where steps say of a sample of the rows that come to them that they are a mistake (`Step.unfit`)."""
    asked = [i for i, s in enumerate(recipe.steps) if type(s).unfit is not Step.unfit]
    if not asked:
        return
    cut = dataclasses.replace(recipe, steps=recipe.steps[: asked[-1] + 1], order="given")
    with tempfile.TemporaryDirectory(prefix="dadeum-trial-") as name, local.Local(1, quiet=True) as engine:
        try:
            made = flow.process(cut, Path(name), engine, SAMPLE)
        except StepError:  # more rows fail than a sample may have: the run is larger, and may have them
            return
        mistakes: list[Mistake] = []
        for i in asked:
            found = RecipeError(recipe.steps[i].unfit(_rows(made, i)))
            mistakes += found.below(f"steps.{i}.{recipe.steps[i].name}", recipe.steps[i].name).mistakes
    if mistakes:
        raise RecipeError(mistakes)


def reordered(recipe: Recipe, order: Sequence[int]) -> Recipe:
    """The recipe with its steps in this order, written out as such."""
    return dataclasses.replace(recipe, steps=tuple(recipe.steps[i] for i in order), order="given")


def kept(recipe: Recipe, out: Path) -> Recipe | None:
    """The recipe in the order that the run's folder holds for it, or None where there is none (any more)."""
    try:
        told = orjson.loads((out / FILE).read_bytes())
        if told["steps"] == [s.name for s in recipe.steps] and allowed(told["order"], recipe.steps):
            return reordered(recipe, told["order"])
    except (FileNotFoundError, orjson.JSONDecodeError, KeyError, TypeError):
        pass
    return None


def chosen(recipe: Recipe, out: Path, cache: Path) -> Recipe:
    """The recipe in the order that a run in `out` takes: as written, or with `order: auto` what is kept there or measured now."""
    if recipe.order == "given":
        return recipe
    found = kept(recipe, out)
    if found is not None:
        return found
    try:
        order: Sequence[int] = trial(recipe, cache / "remote").order
    except StepError:  # more rows fail than a sample may have: the run is larger, and may have them
        order = range(len(recipe.steps))
    return keep(recipe, order, out)


def keep(recipe: Recipe, order: Sequence[int], out: Path) -> Recipe:
    """Keep an order in the run's folder, and give the recipe in it."""
    told = {"steps": [s.name for s in recipe.steps], "order": list(order)}
    publish(out / FILE, orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE))
    return reordered(recipe, order)


def measure(steps: Sequence[Step], rows: pl.DataFrame) -> Measured:
    """Each step on all the rows, whichever of them the others let go.

    A step that refuses rows which the filters before it let go (a value outside a map) is measured without them, and has to stay
    behind those filters.
    """
    firm = before(steps)
    costs: list[float] = []
    leaves: Counter[int] = Counter({row: 0 for row in rows.get_column("row").to_list()})
    for i, step in enumerate(steps):
        try:
            delta = work(step, rows, "the sample")
        except (RecipeError, StepError):
            stays = [not leaves[row] for row in rows.get_column("row").to_list()]
            rows = rows.filter(pl.Series(stays, dtype=pl.Boolean))
            delta = work(step, rows, "the sample")
            firm[i] |= (1 << i) - 1
        costs.append(_cost(step, rows))
        for row in rows.get_column("row").gather(delta.leaving.get_column("at")).to_list():
            leaves[row] |= 1 << i
        rows = dataclasses.replace(delta, leaving=pl.DataFrame(schema=LEAVING)).put_on(rows)
    return Measured(costs, firm, Counter(leaves.values()))


def _cost(step: Step, rows: pl.DataFrame) -> float:
    """CPU-seconds a row, the median of a few goes after a first one (`measure`) that loaded what there is to load."""
    if not rows.height:
        return 0.0
    spent = [_spent(step, rows)]
    times = -(-BATCH // rows.height)
    if spent[0] * 5 * times < 2 * ENOUGH:
        rows, spent = pl.concat([rows] * times), []
    while len(spent) < 5 and sum(spent) < ENOUGH:
        spent.append(_spent(step, rows))
    return statistics.median(spent) / rows.height


def _spent(step: Step, rows: pl.DataFrame) -> float:
    started = time.process_time()
    work(step, rows, "the sample").put_on(rows)
    return time.process_time() - started


def _rows(made: flow.Processed, index: int) -> pl.DataFrame:
    """The rows that came to a step, in all shards."""
    came = [before.rows() for s in made.shards for at, before, *_ in s.replay(s.load(carried=False)) if at == index]
    return pl.concat(came, how="diagonal_relaxed")


def _same(one: flow.Processed, other: flow.Processed) -> bool:
    """Whether two ways through the steps left the same rows."""
    return all(a.rows().equals(b.rows()) for a, b in zip(one.shards, other.shards, strict=True))


def _row_bytes(made: flow.Processed, path: Path) -> float:
    """What the sample's raw rows take as JSON, on average."""
    writer = io.writer(path, "source")
    rows = 0
    for shard in made.shards:
        found = shard.load()
        writer.write(found)
        rows += found.height
    writer.close()
    return path.stat().st_size / max(1, rows)


def told(found: Trial, recipe: Recipe, size: int, rows: int | None) -> dict[str, Any]:
    """A trial as plain JSON values. size: bytes of all sources; rows: raw rows of all sources, where known."""
    every = rows if rows is not None else round(size / max(1.0, found.row_bytes))
    scale = every / max(1, found.rows)
    return {
        "steps": [recipe.steps[i].name for i in found.order],
        "order": list(found.order),
        "orders": found.orders,
        "sample": found.rows,
        "rows": every,
        "seconds_given": round(found.given * scale, 3),
        "seconds_proposed": round(found.proposed * scale, 3),
        "saves": round(1 - found.proposed / found.given, 4) if found.given else 0.0,
        "told_otherwise": found.told_otherwise,
        "refuted": [recipe.steps[i].name for i in found.refuted],
    }


def text(told: dict[str, Any]) -> list[str]:
    """`told` for the terminal."""
    if told["refuted"]:
        return [f"order: as written; {', '.join(told['refuted'])} gave other rows, so one of these steps looks at more than it declares"]
    if told["order"] == sorted(told["order"]):
        several = f"the cheapest of {told['orders']:,} that" if told["orders"] > 1 else "the only one that"
        return [f"order: the order as written is {several} provably give{'' if told['orders'] > 1 else 's'} the same rows"]
    saved = told["seconds_given"] - told["seconds_proposed"]
    lines = [
        f"order: of {told['orders']:,} that provably give the same rows, the cheapest saves about {saved:,.1f} of {told['seconds_given']:,.1f}"
        f" CPU-seconds of the row-wise steps ({told['saves']:.0%}), for about {told['rows']:,} rows:",
        *(f"  - {name}" for name in told["steps"]),
    ]
    if told["told_otherwise"]:
        lines.append(f"{told['told_otherwise']:,} of {told['sample']:,} sampled rows would leave at another step than now, with that step's reason")
    return [*lines, "`order: auto` takes it"]
