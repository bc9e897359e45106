"""A comparison between two passes: all sketches, one decision, its answer put back to the shards as differences.

Memory is the sketches' (each Compare states its bytes a row) and what it finds related.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from dadeum.engine import unit
from dadeum.engine.delta import LEAVING, Delta
from dadeum.engine.shard import Shard
from dadeum.errors import DadeumError, StepError
from dadeum.ledger import Receipt, add
from dadeum.step import Compare

Ints = npt.NDArray[np.int64]
Rows = npt.NDArray[np.uint64]


def sketch_path(cache: Path, step: Compare, shard: Shard) -> Path:
    """Where a shard's sketch for a Compare lies. Sketches hold `row`, so the number of the file is part of the name."""
    return cache / "sketches" / step.early_key / f"{shard.digest}-{shard.file}-{shard.part}"


def keep_sketch(path: Path, step: Compare, rows: pl.DataFrame) -> None:
    """Sketch a shard's rows into a unit: `row` by itself, so that the way back can be found without the rest."""
    started = time.perf_counter()
    sketch = step.sketch(rows)
    parts = {"row": sketch.select("row"), "sketch": sketch.drop("row")}
    unit.save(path, {"rows": rows.height, "seconds": time.perf_counter() - started}, parts)


def placed(step: Compare, shards: list[Shard], cache: Path) -> tuple[list[Path], list[Path], Path]:
    """(the shards' sketches, the differences that the decision makes on each, the decision's report), where they lie or would."""
    sketches = [sketch_path(cache, step, shard) for shard in shards]
    folder = cache / "steps" / step.key
    whole = unit.digest(*(path.name for path in sketches))
    return sketches, [folder / unit.digest(whole, path.name) for path in sketches], folder / f"{whole}-decision"


def scatter(step: Compare, index: int, shards: list[Shard], cache: Path) -> tuple[list[Shard], Receipt]:
    """Decide over the sketches of all shards, and give the shards with the decision in their history.

    Raises StepError where the decision breaks the promise of its shape: a row that isn't there, a witness that leaves itself.
    """
    sketches, paths, decision = placed(step, shards, cache)
    done = unit.peek(decision)
    cached = done is not None and all(unit.peek(path) is not None for path in paths)
    if done is None or not cached:
        report = _decide(step, sketches, paths)
        unit.save(decision, {"report": report}, {})
    else:
        report = done.head["report"]
    moved, receipts = [], []
    for shard, path in zip(shards, paths):
        found = unit.peek(path)
        if found is None:
            raise DadeumError(f"{path} vanished while it was in use")
        head = found.head
        left = sum(sum(reasons.values()) for reasons in head["left"].values())
        receipt = Receipt(step.name, step.key, head["in"], head["in"] - left, head["edited"], 0, head["left"], 0.0, cached, {})
        receipt.check(f"{shard.path} part {shard.part}")
        receipts.append(receipt)
        moved.append(shard.moved(index, path, found.digest))
    seconds = 0.0 if cached else report.get("seconds", 0.0)
    total = add(receipts) if receipts else Receipt(step.name, step.key, 0, 0)
    told = {k: v for k, v in report.items() if k != "seconds"}
    return moved, Receipt(**{**total.__dict__, "seconds": seconds, "report": told})


def _decide(step: Compare, sketches: list[Path], paths: list[Path]) -> dict[str, Any]:
    started = time.perf_counter()
    related, seconds = _related(step, sketches)
    decision = step.decide(related).sort("row")
    report = step.report(related)
    del related
    for path, size, (at, line) in zip(paths, *_back(step, decision, sketches)):
        mine = decision[line]
        delta = Delta(changed=_changed(step, mine, at), leaving=_leaving(mine, at))
        head = {"in": size, "edited": 0, "left": delta.left(), "grown": 0, "seconds": 0.0}
        unit.save(path, head, delta.parts())
    return {**report, "seconds": seconds + time.perf_counter() - started}


def _related(step: Compare, sketches: list[Path]) -> tuple[pl.DataFrame, float]:
    """(what `decide` needs, seconds that sketching took). Kept where other parameters may decide over it anew."""
    folder = sketches[0].parent if sketches else Path()
    kept = folder / f"{unit.digest(*(path.name for path in sketches))}-related"
    found = unit.load(kept) if step.late and sketches else None
    if found is not None:
        return found.parts["related"], 0.0
    units = [_found(path) for path in sketches]
    seconds = sum(u.head["seconds"] for u in units)
    frames = [u.parts["row"].hstack(u.parts.get("sketch", pl.DataFrame())) for u in units]
    del units
    frames = [pl.concat([f for f in frames if f.height] or frames[:1], how="vertical_relaxed") if frames else pl.DataFrame()]
    related = step.relate(frames.pop())  # whoever relates may let go of what it has read
    if step.late and sketches:
        unit.save(kept, {}, {"related": related})
    return related, seconds


def _back(step: Compare, decision: pl.DataFrame, sketches: list[Path]) -> tuple[list[int], list[tuple[Ints, Ints]]]:
    """The way back to the shards: (rows of each, (position in the shard, line of the decision) of each).

    Holds a Compare's promises, on every run: known rows, each once; whoever is merged has a witness that stays. Memory is the
    decision's, and one shard's rows.
    """
    told = decision.get_column("row").to_numpy()
    if len(told) != len(np.unique(told)):
        raise StepError(f"{step.name} decided twice about the same row")
    leaving = decision.filter(pl.col("state").is_not_null()) if "state" in decision.columns else decision.clear()
    merged = leaving.filter(pl.col("state") == "merged") if "state" in decision.columns else leaving
    witnesses = merged.get_column("witness").unique().sort().to_numpy() if merged.height else np.zeros(0, dtype=np.uint64)
    alive = np.zeros(len(witnesses), dtype=bool)
    sizes, places = [], []
    for path in sketches:
        rows = _found(path, "row").parts["row"].get_column("row").to_numpy()
        line = _line(told, rows)
        at = np.flatnonzero(line >= 0)
        sizes.append(len(rows))
        places.append((at, line[at]))
        witness = _line(witnesses, rows)
        alive[witness[witness >= 0]] = True
    if sum(len(at) for at, _ in places) != decision.height:
        raise StepError(f"{step.name} decided about rows that it was not given")
    alive &= _line(leaving.get_column("row").to_numpy(), witnesses) < 0
    if not alive.all():
        first = merged.filter(pl.col("witness") == witnesses[~alive][0])["row"]
        raise StepError(f"{step.name} merged {len(first)} rows or more into a witness that leaves itself; the first is row {first[0]}")
    return sizes, places


def _line(known: Rows, rows: Rows) -> Ints:
    """Where each row stands in `known` (sorted); -1 where it does not."""
    if not len(known):
        return np.full(len(rows), -1, dtype=np.int64)
    at = np.minimum(np.searchsorted(known, rows), len(known) - 1)
    return np.where(known[at] == rows, at, -1)


def _found(path: Path, *names: str) -> unit.Unit:
    found = unit.load(path, *names)
    if found is None:
        path.unlink(missing_ok=True)
        raise DadeumError(f"{path} was damaged and is removed: the same command makes it anew")
    return found


def _changed(step: Compare, mine: pl.DataFrame, at: Ints) -> pl.DataFrame:
    written = [c for c in step.writes if c in mine.columns]
    return mine.select(pl.Series("at", at.astype(np.uint32)), *written) if written else pl.DataFrame()


def _leaving(mine: pl.DataFrame, at: Ints) -> pl.DataFrame:
    if "state" not in mine.columns:
        return pl.DataFrame(schema=LEAVING)
    left = mine.with_columns(pl.Series("at", at.astype(np.uint32))).filter(pl.col("state").is_not_null())
    witness = [pl.lit(None, dtype=pl.String).alias("witness"), pl.col("witness").alias("witness_row")]
    return left.select("at", "state", "reason", "value", "threshold", *witness).cast(LEAVING)
