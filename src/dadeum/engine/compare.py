"""A comparison between two passes: all sketches, one decision, its answer put back to the shards as differences.

Memory is the sketches' (each Compare states its bytes a row) and 24 bytes a row to find the way back.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import polars as pl

from dadeum.engine import unit
from dadeum.engine.delta import LEAVING, Delta
from dadeum.engine.shard import Shard
from dadeum.errors import DadeumError, StepError
from dadeum.ledger import Receipt, add
from dadeum.step import DECISION, Compare, Step


def sketch_path(cache: Path, step: Step, shard: Shard) -> Path:
    """Where a shard's sketch for a Compare lies. Sketches hold `row`, so the number of the file is part of the name."""
    return cache / "sketches" / step.key / f"{shard.digest}-{shard.file}-{shard.part}"


def placed(step: Step, shards: list[Shard], cache: Path) -> tuple[list[Path], list[Path], Path]:
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
    frames = []
    seconds = 0.0
    for number, path in enumerate(sketches):
        found = unit.load(path)
        if found is None:
            path.unlink(missing_ok=True)
            raise DadeumError(f"{path} was damaged and is removed: the same command makes it anew")
        seconds += found.head["seconds"]
        where = [pl.lit(number, dtype=pl.UInt32).alias("_shard"), pl.int_range(pl.len(), dtype=pl.UInt32).alias("_at")]
        frames.append(found.parts.get("sketch", pl.DataFrame(schema={"row": pl.UInt64})).with_columns(where))
    every = pl.concat([f for f in frames if f.height] or frames[:1], how="vertical_relaxed")
    back = every.select("row", "_shard", "_at")
    sizes = [f.height for f in frames]
    del frames
    sketch = every.drop("_shard", "_at")
    del every
    decision = step.decide(sketch) if sketch.height else pl.DataFrame(schema=DECISION)
    report = step.report(sketch) if sketch.height else {}
    _promised(step, decision, back)
    placed = decision.join(back, on="row", how="left", maintain_order="left").sort("_shard", "_at")
    by_shard = {key[0]: frame for key, frame in placed.partition_by("_shard", as_dict=True, include_key=False).items()}
    for number, path in enumerate(paths):
        mine = by_shard.get(number, placed.clear().drop("_shard"))
        delta = Delta(changed=_changed(step, mine), leaving=_leaving(mine))
        head = {"in": sizes[number], "edited": 0, "left": delta.left(), "grown": 0, "seconds": 0.0}
        unit.save(path, head, delta.parts())
    return {**report, "seconds": seconds + time.perf_counter() - started}


def _promised(step: Compare, decision: pl.DataFrame, back: pl.DataFrame) -> None:
    """A Compare's promises, held on every run: known rows, each once; whoever is merged has a witness that stays."""
    if decision.get_column("row").n_unique() != decision.height:
        raise StepError(f"{step.name} decided twice about the same row")
    if decision.join(back, on="row", how="anti").height:
        raise StepError(f"{step.name} decided about rows that it was not given")
    if "state" not in decision.columns:
        return
    leaving = decision.filter(pl.col("state").is_not_null())
    merged = leaving.filter(pl.col("state") == "merged")
    staying = back.join(leaving, on="row", how="anti")
    orphans = merged.join(staying, left_on="witness", right_on="row", how="anti")
    if orphans.height:
        raise StepError(f"{step.name} merged {orphans.height} rows into witnesses that leave themselves; the first is row {orphans['row'][0]}")


def _changed(step: Compare, mine: pl.DataFrame) -> pl.DataFrame:
    written = [c for c in step.writes if c in mine.columns]
    return mine.select(pl.col("_at").alias("at"), *written) if written else pl.DataFrame()


def _leaving(mine: pl.DataFrame) -> pl.DataFrame:
    if "state" not in mine.columns:
        return pl.DataFrame(schema=LEAVING)
    left = mine.filter(pl.col("state").is_not_null())
    return left.select(
        pl.col("_at").alias("at"),
        "state",
        "reason",
        "value",
        "threshold",
        pl.lit(None, dtype=pl.String).alias("witness"),
        pl.col("witness").alias("witness_row"),
    ).cast(LEAVING)
