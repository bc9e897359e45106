"""The three sides of a split: what they are called, and which groups go where."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from dadeum.errors import Mistake, RecipeError
from dadeum.steps.mix._groups import Ints, mixed

SIDES: Final = ("test", "validation", "train")
"""In the order of their importance: the code of a side is its place here."""
TRAIN: Final = 2
NAMED: Final = {
    **dict.fromkeys(("test", "eval", "evaluation", "heldout", "holdout", "테스트", "평가", "시험"), 0),
    **dict.fromkeys(("validation", "valid", "val", "dev", "development", "검증"), 1),
    **dict.fromkeys(("train", "training", "학습", "훈련"), 2),
}
"""What the values of a ready-made split may be called, alone or as one word of several (`nsmc_train`, `test-2`)."""

Sides = npt.NDArray[np.int8]
Floats = npt.NDArray[np.float64]
Asked = tuple[float, float]
"""What test and validation should have: each a share below 1, or a number of rows."""


def ready(values: pl.Series) -> pl.Series:
    """The sides of a ready-made split, Int8 `side`; null where the value is null. Raises RecipeError for a name that tells no side."""
    from dadeum.steps.guard._pii.find import tellable

    known = values.cast(pl.String).alias("said").to_frame().unique().drop_nulls().sort("said")
    sides: list[int] = []
    strange: list[str] = []
    for said in known["said"].to_list():
        words = "".join(c if c.isalpha() else " " for c in said.lower()).split()
        found = {NAMED[word] for word in words if word in NAMED}
        sides.append(found.pop() if len(found) == 1 else -1)
        strange += [repr(tellable(said))] if sides[-1] < 0 else []
    if strange:
        shown = ", ".join(strange[:3])
        raise RecipeError(Mistake("mix.split.check", f"the column {values.name!r} holds {shown}", f"known: {', '.join(NAMED)}"))
    known = known.with_columns(pl.Series("side", sides, dtype=pl.Int8))
    return values.cast(pl.String).alias("said").to_frame().join(known, on="said", how="left", maintain_order="left").get_column("side")


def by_hash(place: npt.NDArray[np.uint64], asked: Asked) -> Sides:
    """Each group's side by its own hash: no other group has a say in it."""
    point = place / 2.0**64
    side = np.full(len(place), TRAIN, dtype=np.int8)
    side[point < asked[0] + asked[1]] = 1
    side[point < asked[0]] = 0
    return side


def by_count(place: npt.NDArray[np.uint64], sizes: Floats, stratum: Ints, asked: Asked) -> Sides:
    """Groups in the order of their hashes, stratum by stratum, until there are enough rows."""
    side = np.full(len(place), TRAIN, dtype=np.int8)
    order = np.lexsort((place, stratum))
    for mine in np.split(order, np.flatnonzero(np.diff(stratum[order])) + 1):
        side[mine] = _taken(sizes[mine], sizes[mine].sum() / sizes.sum(), asked)
    return side


def by_time(unit: Ints, time: Ints, dated: npt.NDArray[np.bool_], asked: Asked) -> Sides:
    """`[units]`: the newest are the test, those before them validation. A unit is as old as its newest row, so that nothing in
    training is newer than the oldest unit of the test; units of one age stay together; those without a date are for training."""
    n = int(unit.max()) + 1
    newest = np.full(n, np.iinfo(np.int64).min)
    np.maximum.at(newest, unit[dated], time[dated])
    sizes = np.bincount(unit[dated], minlength=n).astype(np.float64)
    known = np.flatnonzero(sizes)
    side = np.full(n, TRAIN, dtype=np.int8)
    if len(known):
        ages, age = np.unique(-newest[known], return_inverse=True)
        taken = _taken(np.bincount(age, weights=sizes[known], minlength=len(ages)).astype(np.float64), 1.0, asked)
        if len(known) == n:
            taken[-1] = TRAIN  # the oldest, where there is nothing undated either
        side[known] = taken[age]
    return side


def _taken(sizes: Floats, part: float, asked: Asked) -> Sides:
    """The sides of groups in their order; part: the share of all rows that these are."""
    before = np.cumsum(sizes) - sizes
    total = sizes.sum()
    # A share ends where the middle of a group passes it, a count where it is reached.
    tested = (before + (sizes / 2 if asked[0] < 1 else 0)) < asked[0] * (total if asked[0] < 1 else part)
    until = sizes[tested].sum() + asked[1] * (total if asked[1] < 1 else part)
    valid = ~tested & ((before + (sizes / 2 if asked[1] < 1 else 0)) < until)
    return np.where(tested, 0, np.where(valid, 1, TRAIN)).astype(np.int8)


def places(group: npt.NDArray[np.uint64], unit: Ints) -> npt.NDArray[np.uint64]:
    """The hash that places each unit: that of its smallest group."""
    first = np.full(int(unit.max()) + 1, 2**64 - 1, dtype=np.uint64)
    np.minimum.at(first, unit, group)
    return mixed(first)
