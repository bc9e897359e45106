"""mix.split: which rows are for training, which for validation, which for the test, by group and without leaks.

A group (all reviews of a film, all messages of a customer) lies on one side as a whole. Its place is a hash of the seed and its
own value: the same on every machine, whatever the order of the rows, and, where shares are asked for, whatever other groups
there are. `test: 0.1` therefore means that every group has a chance of one in ten; the report tells the realised shares. Counts
(`test: 500`) and `stratify` have to look at all groups: they take them in the order of their hashes until there are enough rows.

No prompt stands on two sides: neither a text nor the user turns of a chat, by normalised key (`steps/_key.py`). Groups can't
promise that alone, because a short review stands under hundreds of films. The row that leaves is always the one on the side that
matters less (train before validation before test), so no test row is ever lost. Rows that leave may make counts come out
differently; the step repeats until nothing changes, so a second run on what stayed changes nothing.

A sketch is 33 bytes a row (row 8, group 8, prompt 16, ready-made side 1), 41 with `stratify`; a decision takes about 60 more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field

from dadeum.errors import Mistake, RecipeError
from dadeum.record import ROLES, prose
from dadeum.step import DECISION, Compare
from dadeum.steps import _key

SIDES: Final = ("test", "validation", "train")
"""In the order of their importance: the code of a side is its place here."""
TRAIN: Final = 2
NAMED: Final = {
    **{name: 0 for name in ("test", "eval", "evaluation", "heldout", "holdout")},
    **{name: 1 for name in ("validation", "valid", "val", "dev", "development")},
    **{name: 2 for name in ("train", "training")},
}
"""What the values of a ready-made split may be called."""
SPLIT: Final = {**dict(DECISION), "split": pl.String()}
"""A decision's columns."""

Ints = npt.NDArray[np.int64]
Sides = npt.NDArray[np.int8]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Split(Compare):
    """Writes `split`: train, validation or test."""

    by: tuple[str, ...] = ()
    """Columns whose equal values make a group. Empty, or null in a row: every row is a group of its own."""
    test: Annotated[int | float, Field(ge=0)] = 0.1
    """A share of the groups (below 1), or at least so many rows (1 and more)."""
    validation: Annotated[int | float, Field(ge=0)] = 0.05
    """As `test`."""
    stratify: str = ""
    """A column whose values get the same shares on every side (a group counts for its most frequent value)."""
    seed: int = 0
    leak: Literal["drop", "unite", "error", "allow"] = "drop"
    """What happens where a prompt stands on two sides. drop: the row on the side that matters less leaves (reason `leak`, the
    witness is the row it repeats); unite: groups that share a prompt become one; error: the run stops; allow: nothing."""
    check: str = ""
    """A column that holds a ready-made split (test, validation, train and their usual names): it is taken over and searched for
    leaks, of prompts and of `by` groups. Rows without a value are split by hash."""
    writes = ("split",)

    def __post_init__(self) -> None:
        mistakes = []
        for name in ("test", "validation"):
            value = getattr(self, name)
            if value >= 1 and value != int(value):
                mistakes.append(Mistake(name, f"{value} is neither a share below 1 nor a whole number of rows"))
        if sum(value for value in (self.test, self.validation) if value < 1) >= 1:
            mistakes.append(Mistake("test", f"test and validation take {self.test + self.validation:g} of the rows: none is left for training"))
        if self.check and self.stratify:
            mistakes.append(Mistake("stratify", "has no meaning where `check` takes over a ready-made split"))
        if self.check and self.leak == "unite":
            mistakes.append(Mistake("leak", "can't unite groups that `check` has already placed", "drop, error or allow"))
        mistakes += [Mistake(f"by.{i}", f"{c!r} makes no groups") for i, c in enumerate(self.by) if c in _key.UNUSABLE]
        if mistakes:
            raise RecipeError(mistakes)

    @property
    def reads(self) -> tuple[str, ...]:
        return _key.columns([c for c in (*self.by, self.stratify, self.check) if c])

    def sketch(self, rows: pl.DataFrame) -> pl.DataFrame:
        """`row`, `group` (hash), `hi` `lo` (the prompt's key, null where there is none), and `stratum`, `side` where they are asked for."""
        own = _key.marks("\0" + rows.get_column("id"), self.seed)
        columns = [rows.get_column("row"), own.alias("group")]
        if self.by:
            parts = [pl.col(c).cast(pl.String) for c in self.by]
            value = rows.select(pl.when(pl.any_horizontal(p.is_not_null() for p in parts)).then(_joined(parts))).to_series()
            shared = _key.marks(value, self.seed)
            columns[1] = pl.select(pl.coalesce(shared, own)).to_series().alias("group")
        if self.leak != "allow":
            hi, lo = _key.digests(_prompts(rows))
            columns += [hi.alias("hi"), lo.alias("lo")]
        if self.stratify:
            columns.append(_key.marks(rows.get_column(self.stratify).cast(pl.String)).fill_null(0).alias("stratum"))
        if self.check:
            columns.append(self._ready(rows.get_column(self.check).cast(pl.String)))
        return pl.DataFrame(columns)

    def decide(self, related: pl.DataFrame) -> pl.DataFrame:
        """`row`, `split`, and DECISION's columns, which are null for rows that stay; one line per row.

        Raises RecipeError where `leak` is `error` and there are leaks.
        """
        if related.is_empty():
            return pl.DataFrame(schema=pl.Schema(SPLIT))
        rows = _table(related)
        side, alive = self._placed(rows)
        leaving = ~alive
        witness = _witnesses(rows, side, alive) if leaving.any() else np.zeros(len(side), dtype=np.uint64)
        names = pl.Series("split", SIDES).gather(side.astype(np.uint32))
        made = pl.DataFrame({"row": rows["row"], "split": names, "left": leaving, "witness": witness}).select(
            "row",
            pl.when(~pl.col("left")).then("split").alias("split"),
            pl.when("left").then(pl.lit("dropped")).alias("state"),
            pl.when("left").then(pl.lit("leak")).alias("reason"),
            pl.when("left").then(1.0).alias("value"),
            pl.lit(None).alias("threshold"),
            pl.when("left").then("witness").alias("witness"),
        )
        return made.cast(pl.Schema(SPLIT))

    def report(self, related: pl.DataFrame) -> dict[str, Any]:
        """Rows, groups and share of each side, leaks, the share of the largest group, and what deserves a warning. JSON values."""
        if related.is_empty():
            return {}
        rows = _table(related)
        side, alive = self._placed(rows)
        groups = rows["unit"].to_numpy()
        told: dict[str, Any] = {"leaks": int((~alive).sum()), "largest_group": 0.0, "warnings": []}
        for code, name in enumerate(SIDES):
            mine = alive & (side == code)
            told[name] = {"rows": int(mine.sum()), "groups": len(np.unique(groups[mine])), "share": round(float(mine.sum() / alive.sum()), 4)}
            asked = getattr(self, name, 0) if not self.check else 0
            if asked and told[name]["groups"] < 2:
                told["warnings"].append(f"{name} has {told[name]['groups']} groups: nothing can be said of unseen ones")
        if told["train"]["rows"] <= told["test"]["rows"]:
            told["warnings"].append("the test is not smaller than what is left for training")
        united = _united(rows) if self.leak == "unite" and "prompt" in rows.columns else groups
        told["largest_group"] = round(float(np.bincount(united).max() / len(united)), 4)
        if told["largest_group"] > 0.5:
            told["warnings"].append(f"one group holds {told['largest_group']:.0%} of the rows")
        return told

    def _ready(self, values: pl.Series) -> pl.Series:
        said = values.str.strip_chars().str.to_lowercase()
        side = said.replace_strict(NAMED, default=None, return_dtype=pl.Int8)
        strange = said.filter(side.is_null() & said.is_not_null()).unique().sort()
        if len(strange):
            shown = ", ".join(repr(v) for v in strange.head(3).to_list())
            raise RecipeError(Mistake("check", f"the column {self.check!r} holds {shown}", f"known: {', '.join(NAMED)}"))
        return side.alias("side")

    def _placed(self, rows: pl.DataFrame) -> tuple[Sides, Bools]:
        """(side of every row, which rows stay)."""
        unit = _united(rows) if self.leak == "unite" and "prompt" in rows.columns else rows["unit"].to_numpy()
        alive = np.ones(rows.height, dtype=bool)
        while True:
            side = self._assigned(rows, unit, alive)
            late = self._leaking(rows, side) & alive
            if not late.any():
                return side, alive
            if self.leak == "error":
                raise RecipeError(Mistake("leak", f"{late.sum()} rows repeat a prompt of a side that matters more", "leak: drop lets them go"))
            alive &= ~late
            if not (alive & (side == TRAIN)).any():
                # Too little for both: what would have been dropped stands together, in training.
                side = np.full(rows.height, TRAIN, dtype=np.int8) if self.check else self._assigned(rows, _united(rows), np.ones_like(alive))
                return side, np.ones_like(alive)

    def _leaking(self, rows: pl.DataFrame, side: Sides) -> Bools:
        """Rows whose prompt (or, in a ready-made split, whose group) also stands on a side that matters more."""
        late = np.zeros(len(side), dtype=bool)
        if self.leak == "allow":
            return late
        for name in ("prompt", "unit") if self.check else ("prompt",):
            at = rows[name].to_numpy()
            most = np.full(int(at.max()) + 1, TRAIN, dtype=np.int8)
            np.minimum.at(most, at, side)
            late |= (most[at] < side) & (at > 0 if name == "prompt" else True)
        return late

    def _assigned(self, rows: pl.DataFrame, unit: Ints, alive: Bools) -> Sides:
        """The side of every row, by group; counts and strata look at the rows that are alive only."""
        n = int(unit.max()) + 1
        first = np.full(n, 2**64 - 1, dtype=np.uint64)
        np.minimum.at(first, unit, rows["group"].to_numpy())
        place = _mixed(first)
        size = np.bincount(unit, weights=alive.astype(np.float64), minlength=n).astype(np.float64)
        side = np.full(n, TRAIN, dtype=np.int8)
        strata = _strata(rows, unit, alive, n) if self.stratify else np.zeros(n, dtype=np.int64)
        if not self.stratify and self.test < 1 and self.validation < 1:
            point = place / 2.0**64
            side[point < self.test + self.validation] = 1
            side[point < self.test] = 0
        else:
            order = np.lexsort((place, strata))
            for mine in np.split(order, np.flatnonzero(np.diff(strata[order])) + 1):
                side[mine] = self._counted(size[mine], size[mine].sum() / size.sum())
        if not (side[size > 0] == TRAIN).any():
            living = np.flatnonzero(size > 0)
            side[living[np.argmax(place[living])]] = TRAIN
        out = side[unit]
        if self.check:
            ready = rows["side"].to_numpy()
            out = np.where(ready >= 0, ready, out).astype(np.int8)
        return out

    def _counted(self, sizes: npt.NDArray[np.float64], part: float) -> Sides:
        """The sides of a stratum's groups in their order; part: the stratum's share of all rows."""
        before = np.cumsum(sizes) - sizes
        total = sizes.sum()
        # A share ends where the middle of a group passes it, a count where it is reached.
        test = self.test * total if self.test < 1 else self.test * part
        until = before if self.test >= 1 else before + sizes / 2
        tested = until < test
        taken = sizes[tested].sum()
        validation = self.validation * total if self.validation < 1 else self.validation * part
        until = before if self.validation >= 1 else before + sizes / 2
        valid = ~tested & (until < taken + validation)
        return np.where(tested, 0, np.where(valid, 1, TRAIN)).astype(np.int8)


def _joined(parts: list[pl.Expr]) -> pl.Expr:
    return parts[0] if len(parts) == 1 else pl.concat_str([p.fill_null("\0") for p in parts], separator="\x1f")


def _prompts(rows: pl.DataFrame) -> pl.Series:
    """The key of what is asked: the text and the user turns; of chats without any, all turns."""
    asked = prose(rows, ("text", "user"))
    if asked.null_count():
        asked = pl.select(pl.coalesce(asked, prose(rows, ROLES))).to_series()
    return _key.normal(asked)


def _table(sketches: pl.DataFrame) -> pl.DataFrame:
    """The sketches in the order of `row`, groups and prompts numbered: `unit` from 0, `prompt` from 1 (0 where there is none)."""
    rows = sketches.sort("row").with_columns(unit=pl.col("group").rank("dense").cast(pl.Int64) - 1)
    if "hi" in rows.columns:
        prompt = pl.struct("hi", "lo").rank("dense").cast(pl.Int64)
        rows = rows.with_columns(prompt=pl.when(pl.col("hi").is_not_null()).then(prompt).otherwise(0)).drop("hi", "lo")
    if "side" in rows.columns:
        rows = rows.with_columns(pl.col("side").fill_null(-1))
    return rows


def _mixed(hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """SplitMix64's finaliser: the smallest hash of a group of united ones is not uniform any more, its mix is."""
    x = hashes + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _strata(rows: pl.DataFrame, unit: Ints, alive: Bools, n: int) -> Ints:
    """The stratum of each group, numbered: its most frequent value, the smaller hash of two."""
    seen = pl.DataFrame({"unit": unit, "stratum": rows["stratum"]}).filter(pl.Series(alive)).group_by("unit", "stratum").len()
    best = seen.sort("unit", "len", "stratum", descending=[False, True, False]).unique("unit", keep="first", maintain_order=True)
    out = np.zeros(n, dtype=np.int64)
    out[best["unit"].to_numpy()] = best["stratum"].rank("dense").to_numpy() - 1
    return out


def _united(rows: pl.DataFrame) -> Ints:
    """Groups that share a prompt as one: the connected components of groups and prompts, numbered."""
    unit, prompt = rows["unit"].to_numpy(), rows["prompt"].to_numpy()
    order = np.lexsort((unit, prompt))
    order = order[prompt[order] > 0]
    same = prompt[order[1:]] == prompt[order[:-1]]
    a, b = unit[order[:-1]][same], unit[order[1:]][same]
    parent = np.arange(int(unit.max()) + 1)
    while True:
        # Hook the larger root to the smaller, then point every group straight at its root.
        x, y = parent[a], parent[b]
        if (x == y).all():
            return np.unique(parent[unit], return_inverse=True)[1].astype(np.int64)
        np.minimum.at(parent, np.maximum(x, y), np.minimum(x, y))
        while (parent != parent[parent]).any():
            parent = parent[parent]


def _witnesses(rows: pl.DataFrame, side: Sides, alive: Bools) -> npt.NDArray[np.uint64]:
    """For each row that leaves, the row that stays with its prompt (or its group), on the side that matters most."""
    out = np.zeros(len(side), dtype=np.uint64)
    numbers = rows["row"].to_numpy()
    gone = np.flatnonzero(~alive)
    for name in ("unit", "prompt"):
        at = rows[name].to_numpy()
        living = np.flatnonzero(alive & (at > 0 if name == "prompt" else True))
        living = living[np.lexsort((numbers[living], side[living], at[living]))]
        found = np.searchsorted(at[living], at[gone])
        hit = (found < len(living)) & (at[living[np.minimum(found, len(living) - 1)]] == at[gone])
        out[gone[hit]] = numbers[living[found[hit]]]
    return out
