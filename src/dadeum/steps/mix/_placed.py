"""All rows of a split placed: on which side each stands, which leave, what that is worth telling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from dadeum.errors import Mistake, RecipeError
from dadeum.steps.mix import _groups, _leaks, _sides
from dadeum.steps.mix._groups import Ints
from dadeum.steps.mix._leaks import Alike, Bits
from dadeum.steps.mix._sides import SIDES, TRAIN, Asked, Sides

SHOWN: Final = 50
"""Strata that the report lists."""
OFF: Final = 0.1
"""How far the share of a stratum on a side may be from its share in training before the report warns."""


@dataclass(frozen=True)
class Bound:
    """What binds a split, of its parameters."""

    asked: Asked
    leak: str
    check: bool
    stratify: bool
    undated: str
    """Empty where time plays no part."""
    near: float


def placed(sketches: pl.DataFrame, bound: Bound) -> pl.DataFrame:
    """One line a row, in the order of `row`: `side` (its code), `unit` (the group it was placed with), `reason`, `value`, `witness`
    (null where it stays), `first` (the side it had before any row left) and, of the kinds that were looked for, `prompt`, `near`,
    `context`, `group`: what it reached from there (bits, see `_leaks`)."""
    rows = sketches if sketches.get_column("row").is_sorted() else sketches.sort("row")
    made = _Placing(rows, bound)
    side, unit = made.settle()
    number = rows.get_column("row").to_numpy()
    witness = pl.Series("witness", number[np.maximum(made.witness, 0)] if len(number) else number, dtype=pl.UInt64)
    leaks, undated = pl.Series(made.gone == 1), pl.Series(made.gone == 2)
    out = pl.DataFrame({"row": rows.get_column("row"), "side": side, "unit": unit, "first": made.first}).with_columns(
        pl.when(leaks).then(pl.lit("leak")).when(undated).then(pl.lit("undated")).alias("reason"),
        pl.when(leaks).then(pl.Series(made.value)).alias("value"),
        pl.when(leaks & pl.Series(made.witness >= 0)).then(witness).alias("witness"),
        *(pl.Series(kind, bits) for kind, bits in made.found.items()),
    )
    return out.with_columns(rows.select(c for c in ("stratum", "time") if c in rows.columns))


class _Placing:
    """The rows on their way: who is still there, what was found."""

    def __init__(self, rows: pl.DataFrame, bound: Bound) -> None:
        n = rows.height
        self.rows, self.bound, self.n = rows, bound, n
        self.group = rows.get_column("group").to_numpy()
        self.number = _groups.numbered([rows.get_column("group")])
        self.contexts = [_groups.numbered([rows.get_column(c)]) for c in rows.columns if c.startswith("context")]
        self.prompt = _groups.numbered([rows.get_column("hi"), rows.get_column("lo")]) if "hi" in rows.columns else np.zeros(n, dtype=np.int64)
        self.alike = Alike.search(rows.get_column("shingles"), rows.get_column("hi"), bound.near) if bound.near and n else None
        self.gone = np.zeros(n, dtype=np.int8)
        """1: it leaks; 2: it has no date."""
        self.value, self.witness = np.ones(n), np.full(n, -1, dtype=np.int64)
        self.found: dict[str, Bits] = {}
        self.first: Sides = np.full(n, TRAIN, dtype=np.int8)

    def settle(self) -> tuple[Sides, Ints]:
        """(the side of every row, the unit of every row): rows leave until none leaks."""
        if not self.n:
            return self.first, self.number
        self._undated()
        told = False
        while True:
            alive = np.flatnonzero(self.gone == 0)
            unit = self._units(alive, self.bound.leak == "unite")
            side = np.full(self.n, -1, dtype=np.int8)
            if len(alive):
                side[alive] = self._sides(alive, unit[alive])
            late = self._late(side, told)
            told = True
            if not late.any() or self.bound.leak == "allow":
                break
            if self.bound.leak == "error":
                raise RecipeError(Mistake("mix.split.leak", f"{late.sum()} rows repeat a prompt of a side that matters more", "leak: drop lets them go"))
            self.gone[late] = 1
            if not ((side == TRAIN) & ~late).any():
                if self.bound.check:
                    what = "every training row repeats a row of a side that matters more: nothing is left to train on"
                    raise RecipeError(Mistake("mix.split.leak", what, "leave `check` out to split anew, or leak: allow"))
                # Too little for both: what would have been dropped stands together, in training.
                self.gone[self.gone == 1] = 0
                alive = np.flatnonzero(self.gone == 0)
                unit = self._units(alive, True)
                side[alive] = self._sides(alive, unit[alive])
                break
        self._witnessed(side, unit)
        return np.where(side < 0, TRAIN, side).astype(np.int8), unit

    def _undated(self) -> None:
        if not self.bound.undated or not self.n:
            return
        missing = self.rows.get_column("time").is_null().to_numpy()
        if missing.all():
            raise RecipeError(Mistake("mix.split.time", f"none of {self.n:,} rows has a date that can be read", "years have four digits: 2026-03-05, 2026년 3월 5일"))
        if self.bound.undated == "train":
            return
        if missing.any() and self.bound.undated == "error":
            raise RecipeError(Mistake("mix.split.undated", f"{missing.sum():,} rows have no date that can be read", "undated: train or drop"))
        self.gone[missing] = 2

    def _units(self, alive: Ints, unite: bool) -> Ints:
        """The unit of every row: its group, with those that share a context or, where asked, a prompt."""
        keys = [] if self.bound.check and not unite else [c[alive] for c in self.contexts]
        links = None
        if unite:
            keys.append(self.prompt[alive])
            if self.alike is not None:
                position = np.full(self.n, -1, dtype=np.int64)
                position[alive] = np.arange(len(alive))
                a, b = (position[end] for end in self.alike.links())
                both = (a >= 0) & (b >= 0)
                links = a[both], b[both]
        out = np.full(self.n, -1, dtype=np.int64)
        out[alive] = _groups.united(self.number[alive], keys, links)
        return out

    def _sides(self, alive: Ints, unit: Ints) -> Sides:
        """The sides of the rows that are there."""
        place, n = _sides.places(self.group[alive], unit), int(unit.max()) + 1
        bound = self.bound
        if bound.undated:
            time = self.rows.get_column("time").gather(alive)
            dated = time.is_not_null().to_numpy()
            side = _sides.by_time(unit, time.fill_null(0).to_numpy(), dated, bound.asked)
        elif bound.stratify or max(bound.asked) >= 1:
            stratum = _groups.strata(unit, self.rows.get_column("stratum").gather(alive), n) if bound.stratify else np.zeros(n, dtype=np.int64)
            side = _sides.by_count(place, np.bincount(unit, minlength=n).astype(np.float64), stratum, bound.asked)
        else:
            side = _sides.by_hash(place, bound.asked)
        if not (side[unit] == TRAIN).any():
            side[np.argmax(place)] = TRAIN
        if not bound.check:
            return side[unit]
        ready = self.rows.get_column("side").gather(alive).fill_null(-1).to_numpy()
        return np.where(ready >= 0, ready, side[unit]).astype(np.int8)

    def _late(self, side: Sides, told: bool) -> npt.NDArray[np.bool_]:
        """Rows whose like stands on a side that matters more; what the first look finds is kept for the report."""
        reach = {"prompt": _leaks.by_key(self.prompt, side)} if "hi" in self.rows.columns else {}
        if self.alike is not None:
            near, witness, value = self.alike.reach(side)
            reach["near"] = near & ~reach["prompt"]
            new = (near > 0) & (self.gone == 0)
            self.witness[new], self.value[new] = witness[new], value[new]
        if self.bound.check:
            reach["group"] = _leaks.by_key(self.number, side)
            for context in self.contexts:
                reach["context"] = reach.get("context", np.zeros(self.n, dtype=np.uint8)) | _leaks.by_key(context, side)
        if not told:
            self.found, self.first = reach, side.copy()
        late = np.zeros(self.n, dtype=bool)
        for bits in reach.values():
            late |= bits > 0
        return late

    def _witnessed(self, side: Sides, unit: Ints) -> None:
        """For each row that leaks, a row that stays and that it repeats: by its prompt, else what it is nearest to, else by its
        context or group."""
        gone = np.flatnonzero(self.gone == 1)
        near = self.witness[gone]
        near = np.where((near >= 0) & (side[near] >= 0), near, -1)
        made = _leaks.witnesses(self.prompt, side, gone)
        by_similarity = (made < 0) & (near >= 0)
        value = np.where(by_similarity, self.value[gone], 1.0)
        made = np.where(made >= 0, made, near)
        if self.bound.check:
            for key in (*self.contexts, self.number):
                made = np.where(made >= 0, made, _leaks.witnesses(key, side, gone))
        self.witness[:] = -1
        self.witness[gone], self.value[gone] = made, value


def told(related: pl.DataFrame, bound: Bound) -> dict[str, Any]:
    """What the ledger tells of a split. JSON values.

    `test`, `validation`, `train`: rows, groups, share (and `from`, `to` with time). `leaks`: rows that leak. `leaks_by`: of each
    kind (the same prompt; near, but not the same; a context; a group) the rows by pair of sides, as they stood before any left.
    `largest_group`: its share of the rows. `strata`: the share of each on each side. `undated`: rows without a date.
    """
    if related.is_empty():
        return {}
    stays = related.filter(pl.col("reason").is_null())
    first = related.get_column("first").to_numpy()
    kinds = [kind for kind in ("prompt", "near", "context", "group") if kind in related.columns]
    by = {kind: _leaks.counted(related.get_column(kind).to_numpy(), first) for kind in kinds}
    leaks = pl.any_horizontal(pl.lit(False), *(pl.col(kind) > 0 for kind in kinds)) if bound.leak == "allow" else pl.col("reason") == "leak"
    out: dict[str, Any] = {"leaks": related.filter(leaks).height, "leaks_by": {kind: pairs for kind, pairs in by.items() if pairs}}
    warnings: list[str] = []
    for code, name in enumerate(SIDES):
        mine = stays.filter(pl.col("side") == code)
        out[name] = {"rows": mine.height, "groups": mine["unit"].n_unique(), "share": round(mine.height / max(stays.height, 1), 4)}
        if bound.undated and mine["time"].count():
            ends = mine.select(pl.col("time").min().alias("from"), pl.col("time").max().alias("to")).cast(pl.Datetime("us"))
            out[name] |= {end: ends[end].dt.to_string("%Y-%m-%dT%H:%M:%S").item() for end in ("from", "to")}
        if code < TRAIN and bound.asked[code] and not bound.check and out[name]["groups"] < 2:
            warnings.append(f"{name} has {out[name]['groups']} groups: nothing can be said of unseen ones")
    if out["train"]["rows"] <= out["test"]["rows"]:
        warnings.append("the test is not smaller than what is left for training")
    unit = related.get_column("unit").to_numpy()
    out["largest_group"] = round(float(np.bincount(unit[unit >= 0], minlength=1).max()) / related.height, 4)
    if out["largest_group"] > 0.5:
        warnings.append(f"one group holds {out['largest_group']:.0%} of the rows")
    if bound.undated:
        out["undated"] = related["time"].null_count()
        if out["undated"] and bound.undated == "train":
            warnings.append(f"{out['undated']} rows have no date: in training they may be newer than the test")
    if bound.stratify:
        out["strata"] = _shares(stays)
        held = [name for name in SIDES[:2] if out[name]["rows"]]
        off = [f"{value} in {name}" for value, shares in out["strata"].items() for name in held if abs(shares[name] - shares["train"]) > OFF]
        if off:
            warnings.append(f"groups are too large for equal shares: {', '.join(off[:3])}")
    out["warnings"] = warnings
    return out


def _shares(stays: pl.DataFrame) -> dict[str, dict[str, float]]:
    """Of the most frequent strata, which share of each side's rows they are."""
    from dadeum.steps.guard._pii.find import tellable

    counts = stays.group_by("stratum", "side").len()
    totals = dict(stays.group_by("side").len().iter_rows())
    common = counts.group_by("stratum").agg(pl.col("len").sum()).sort("len", "stratum", descending=[True, False])["stratum"].head(SHOWN)
    found = {(value, side): n for value, side, n in counts.iter_rows()}
    sides = list(enumerate(SIDES))
    return {tellable(value): {name: round(found.get((value, code), 0) / max(totals.get(code, 0), 1), 4) for code, name in sides} for value in common}
