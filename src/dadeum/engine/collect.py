"""From shards with their history to the files of a run: data/, ledger/, quarantine.jsonl.

Every shard is replayed once more, step by step; what left at a step is told with its reason, what changed with before and
after, and what stayed is written. The totals are then counted from the written files and held against the receipts.
"""

from __future__ import annotations

import itertools
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import polars as pl

from dadeum import io
from dadeum.engine import local, unit
from dadeum.engine.delta import Delta, Standing
from dadeum.engine.flow import Processed
from dadeum.engine.shard import Shard
from dadeum.ledger import EDITS, VERDICTS, balance, count
from dadeum.record import CARRIED, EDITED, RECORD, ROLES, prose
from dadeum.step import Step

SPLITS: Final = ("train", "validation", "test")
LOST: Final = pl.Schema({"id": pl.String(), "place": pl.String(), "step": pl.String(), "reason": pl.String(), "text": pl.String()})
SAMPLE: Final = 20
"""Contents kept for each step and reason, so that a person can look at what left without running again."""
EDGES: Final = np.unique(np.round(2 ** (np.arange(0, 41) / 2)).astype(np.int64) - 1)
"""Edges of the histograms of lengths in characters: 0, then steps of the square root of two."""
ALL: Final = ("text", *ROLES)


@dataclass(frozen=True)
class _Task:
    shard: Shard
    number: int
    steps: tuple[Step, ...]
    draft: Path
    format: str
    split: bool
    rows: int


@dataclass
class _Part:
    """What one shard gave."""

    kept: dict[str, int] = field(default_factory=dict)
    lengths: dict[str, np.ndarray] = field(default_factory=dict)


def collect(made: Processed, draft: Path, format: str, engine: local.Engine) -> dict[str, Any]:
    """Write the run's files below `draft`, and give {counts, splits, lengths, dataset_digest}.

    Raises BalanceError where receipts and files do not agree.
    """
    for folder in ("data", "ledger", "parts"):
        (draft / folder).mkdir(parents=True, exist_ok=True)
    _witnesses(made.shards).write_ipc(draft / "parts/witnesses.ipc")
    split = any("split" in s.writes for s in made.steps)
    last = made.receipts[-1].rows_out
    tasks = [_Task(s, i, made.steps, draft, format, split, last // max(1, len(made.shards))) for i, s in enumerate(made.shards)]
    parts = engine.map(_collect, tasks, "write", lambda t: t.rows)
    splits = {}
    for name in SPLITS if split else ("train",):
        splits[name] = sum(p.kept.get(name, 0) for p in parts)
        _merge(draft, name, len(tasks))
    quarantined = _quarantine(made, draft)
    verdicts = _verdicts(draft, quarantined)
    _stack(draft, "edits", EDITS).sink_parquet(draft / "ledger/edits.parquet")
    lost = _stack(draft, "lost", LOST).collect()
    lost.group_by("step", "reason", maintain_order=True).head(SAMPLE).select(LOST.names()).write_parquet(draft / "ledger/lost.parquet")
    _lengths(parts).write_parquet(draft / "ledger/lengths.parquet")
    counts = count(made.receipts, sum(splits.values()))
    balance(made.receipts, counts, verdicts)
    shutil.rmtree(draft / "parts")
    written = [(draft / f"data/{name}.jsonl") for name in splits]
    told = unit.digest(*itertools.chain.from_iterable((p.name, _digest(p)) for p in written))
    return {"counts": counts, "splits": splits, "dataset_digest": told}


@dataclass
class Told:
    """One shard's story: the rows that stayed, and a frame for each step of what left, what changed and samples of what left."""

    rows: pl.DataFrame
    verdicts: list[pl.DataFrame] = field(default_factory=list)
    edits: list[pl.DataFrame] = field(default_factory=list)
    lost: list[pl.DataFrame] = field(default_factory=list)
    ids: list[pl.DataFrame] = field(default_factory=list)
    """`row` and `id` of the records that others were merged into."""


def tell(shard: Shard, steps: tuple[Step, ...], witnesses: pl.Series, contents: bool = True) -> Told:
    """Replay a shard. `contents` False leaves edits and samples out."""
    rows = shard.load()
    known = witnesses.implode()
    told = Told(rows, ids=[rows.select("row", "id").filter(pl.col("row").is_in(known))])
    standing = Standing(rows)
    for index, before, delta, after in shard.replay(rows):
        step, standing = steps[index], after
        if delta.grown.height:
            told.ids.append(delta.grown.select("row", "id").filter(pl.col("row").is_in(known)))
        if delta.leaving.height:
            left = before.some(delta.leaving.get_column("at"))
            told.verdicts.append(_left(step, left, delta))
            if contents:
                told.lost.append(_lost(step, left, delta))
        if contents and step.told and any(c in EDITED or c.startswith(CARRIED) for c in delta.changed.columns):
            told.edits.append(_edits(step, before.some(delta.changed.get_column("at")), delta))
    told.rows = standing.rows()
    return told


def _collect(task: _Task) -> _Part:
    witnesses = pl.read_ipc(task.draft / "parts/witnesses.ipc").get_column("row")
    made = _Part(lengths={"before": _histogram(task.shard.load())})
    told = tell(task.shard, task.steps, witnesses)
    made.lengths["after"] = _histogram(told.rows)
    for name in ("verdicts", "edits", "lost", "ids"):
        _write(task.draft, task.number, name, getattr(told, name))
    for name in SPLITS if task.split else ("train",):
        mine = told.rows.filter(pl.col("split") == name) if task.split else told.rows
        made.kept[name] = mine.height
        writer = io.writer(task.draft / f"parts/{name}-{task.number:06d}.jsonl", task.format)
        writer.write(mine)
        writer.close()
        fold(mine).write_ipc(task.draft / f"parts/{name}-{task.number:06d}.ipc", compression="uncompressed")
    return made


def one_file(made: Processed, draft: Path, out: str, engine: local.Engine) -> dict[str, int]:
    """Write the kept rows, in the shape they came in, as `draft/out`, with `out`.ledger.parquet and `out`.quarantine.jsonl;
    and, where a step keeps a vault, with `out`.vault.parquet: its edits, with the values sealed.

    Gives the counts. Raises BalanceError.
    """
    vaults = [s.name for s in made.steps if s.secret and s.parameters.get("mode") == "vault"]
    (draft / "parts").mkdir()
    (draft / "ledger").mkdir()
    witnesses = _witnesses(made.shards).get_column("row")
    writer = io.writer(draft / out, "source")
    kept = 0
    for number, shard in enumerate(made.shards):
        told = tell(shard, made.steps, witnesses, contents=bool(vaults))
        _write(draft, number, "verdicts", told.verdicts)
        _write(draft, number, "edits", told.edits)
        _write(draft, number, "ids", told.ids)
        writer.write(told.rows)
        kept += told.rows.height
    if not kept and made.shards:
        writer.like(made.shards[0].load().head(SAMPLE))
    writer.close()
    verdicts = _verdicts(draft, _quarantine(made, draft))
    counts = count(made.receipts, kept)
    balance(made.receipts, counts, verdicts)
    if vaults:
        (draft / f"{out}.vault.parquet").touch(0o600)
        _stack(draft, "edits", EDITS).filter(pl.col("step").is_in(vaults)).collect().write_parquet(draft / f"{out}.vault.parquet")
    (draft / "ledger/verdicts.parquet").rename(draft / f"{out}.ledger.parquet")
    (draft / "quarantine.jsonl").rename(draft / f"{out}.quarantine.jsonl")
    return counts


def fold(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows at rest: RECORD's columns, then scores and named columns; the carried `meta.*` columns as JSON in `meta`."""
    carried = [c for c in rows.columns if c.startswith(CARRIED)]
    if carried:
        fields = [pl.col(c).alias(c.removeprefix(CARRIED)) for c in carried]
        rows = rows.with_columns(pl.coalesce("meta", pl.struct(fields).struct.json_encode()).alias("meta")).drop(carried)
    return rows.select(*RECORD, *(c for c in rows.columns if c not in RECORD))


def _left(step: Step, left: pl.DataFrame, delta: Delta) -> pl.DataFrame:
    told = delta.leaving.select("state", pl.lit(step.name).alias("step"), "reason", "value", "threshold", "witness", "witness_row")
    return pl.concat([left.select("id", "source", "place"), told], how="horizontal")


def _lost(step: Step, left: pl.DataFrame, delta: Delta) -> pl.DataFrame:
    frame = left.with_columns(pl.lit(step.name).alias("step"), delta.leaving.get_column("reason"))
    few = frame.group_by("reason", maintain_order=True).head(SAMPLE).select(frame.columns)
    return few.select("id", "place", "step", "reason").with_columns(prose(few, ALL).str.slice(0, 2000).alias("text"))


def _edits(step: Step, old: pl.DataFrame, delta: Delta) -> pl.DataFrame:
    new = Delta(changed=delta.changed.with_columns(pl.int_range(pl.len(), dtype=pl.UInt32).alias("at"))).put_on(old)
    was, now = step.before_and_after(old, new)
    differs = was.ne_missing(now)
    old, was, now = old.filter(differs), was.filter(differs), now.filter(differs)
    return old.select("id", pl.lit(step.name).alias("step")).with_columns(was.alias("before"), now.alias("after"))


def _histogram(rows: pl.DataFrame) -> np.ndarray:
    lengths = prose(rows, ALL).str.len_chars().fill_null(0).to_numpy()
    return np.histogram(lengths, bins=np.append(EDGES, np.iinfo(np.int64).max))[0]


def _lengths(parts: list[_Part]) -> pl.DataFrame:
    rows = []
    for when in ("before", "after"):
        n = sum((p.lengths[when] for p in parts), np.zeros(len(EDGES), dtype=np.int64))
        for low, high, k in zip(EDGES, [*EDGES[1:], None], n):
            rows.append({"when": when, "unit": "characters", "low": int(low), "high": None if high is None else int(high), "n": int(k)})
    schema = {"when": pl.String, "unit": pl.String, "low": pl.Int64, "high": pl.Int64, "n": pl.Int64}
    return pl.DataFrame(rows, schema=schema)


def _write(draft: Path, number: int, name: str, found: list[pl.DataFrame]) -> None:
    if found:
        pl.concat(found).write_ipc(draft / f"parts/{name}-{number:06d}.ipc", compression="uncompressed")


def _witnesses(shards: list[Shard]) -> pl.DataFrame:
    """The rows that others were merged into: their ids have to be told."""
    found = [pl.Series("row", [], dtype=pl.UInt64)]
    for shard in shards:
        for _, path in shard.history:
            loaded = unit.load(path, "leaving")
            if loaded is not None and "leaving" in loaded.parts:
                found.append(loaded.parts["leaving"].get_column("witness_row").drop_nulls().alias("row"))
    return pl.concat(found).unique().sort().to_frame()


def _stack(draft: Path, name: str, schema: pl.Schema) -> pl.LazyFrame:
    paths = sorted((draft / "parts").glob(f"{name}-*.ipc"))
    if not paths:
        return pl.LazyFrame(schema=schema)
    return pl.concat([pl.scan_ipc(p) for p in paths])


def _merge(draft: Path, name: str, n: int) -> None:
    parts = [draft / f"parts/{name}-{i:06d}" for i in range(n)]
    pl.concat([pl.scan_ipc(p.with_suffix(".ipc")) for p in parts], how="diagonal").sink_parquet(draft / f"data/{name}.parquet")
    with open(draft / f"data/{name}.jsonl", "wb") as out:
        for p in parts:
            with open(p.with_suffix(".jsonl"), "rb") as part:
                shutil.copyfileobj(part, out, 1 << 20)


def _quarantine(made: Processed, draft: Path) -> pl.DataFrame:
    """quarantine.jsonl, and the verdicts of what could not be read."""
    rows: list[tuple[str, str, str, str]] = []
    with open(draft / "quarantine.jsonl", "wb") as out:
        for r in made.reads:
            for part in r.parts:
                for line, error, raw in part["bad"]:
                    mark = part["mark"]
                    rows.append((f"{r.source}/{r.inside}{mark}{line}", r.source, f"{r.path}{mark}{line}", error))
                    out.write(orjson.dumps({"file": r.path, "line": line, "error": error, "raw": raw}) + b"\n")
    told = pl.DataFrame(rows, schema=["id", "source", "place", "reason"], orient="row") if rows else pl.DataFrame(schema=VERDICTS)
    told = told.with_columns(state=pl.lit("quarantined"), step=pl.lit("read")) if rows else told
    return pl.concat([pl.DataFrame(schema=VERDICTS), told.cast({c: pl.String for c in told.columns if VERDICTS[c] == pl.String})], how="diagonal")


def _verdicts(draft: Path, quarantined: pl.DataFrame) -> pl.DataFrame:
    """Write ledger/verdicts.parquet, witnesses by id; give the number of rows by state."""
    schema = pl.Schema({**VERDICTS, "witness_row": pl.UInt64()})
    ids = _stack(draft, "ids", pl.Schema({"row": pl.UInt64(), "id": pl.String()})).rename({"id": "witness_id"})
    left = _stack(draft, "verdicts", schema).join(ids, left_on="witness_row", right_on="row", how="left", maintain_order="left")
    told = left.with_columns(pl.coalesce("witness", "witness_id").alias("witness")).select(VERDICTS.names())
    pl.concat([quarantined.lazy(), told]).sink_parquet(draft / "ledger/verdicts.parquet")
    return pl.scan_parquet(draft / "ledger/verdicts.parquet").group_by("state").agg(pl.len().alias("n")).collect()


def _digest(path: Path) -> str:
    import xxhash

    h = xxhash.xxh3_128()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            h.update(block)
    return h.hexdigest()
