"""The way through a recipe's steps: read, pass after pass over the shards, a comparison between two passes.

A pass runs all Edits, Filters and Grows up to the next Compare on each shard and takes the Compare's sketches while the rows
are in memory. The comparison decides over all sketches at once, here, and its answer goes back to the shards as differences
like any other step's.

Each step's differences on a shard lie at `steps/{key of the step}/{digest of its input}`. The digest of an output is the
digest of the input where the step changed nothing, so a step that was put in or changed without effect on a shard makes
nothing after it run again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from dadeum import io, remote
from dadeum.engine import local, unit
from dadeum.engine.compare import keep_sketch, placed, scatter, sketch_path
from dadeum.engine.delta import ENGINE, Delta, work
from dadeum.engine.shard import Read, Shard, claimed, peeked, read
from dadeum.errors import Mistake, RecipeError
from dadeum.ledger import Receipt, add
from dadeum.recipe import Recipe
from dadeum.record import CONTENTS
from dadeum.settings import CONTENT_FIELDS, Source, named
from dadeum.step import Compare, Step, TextStep


@dataclass
class Processed:
    """The rows as they stand after every step: shards with their history, and the receipts."""

    shards: list[Shard]
    reads: list[Read]
    receipts: list[Receipt]
    steps: tuple[Step, ...]
    reports: dict[str, Any] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Of the rows that came out, in order."""
        return unit.digest(*(f"{s.digest}{s.source}{s.inside}" for s in self.shards))


def process(recipe: Recipe, cache: Path, engine: local.Engine, sample: int = 0) -> Processed:
    """Run a recipe's steps. `sample`: only about so many raw rows of each source, from the head of each of its files.

    Raises RecipeError (an empty source, labels outside a map), StepError, BalanceError.
    """
    reads = _read(recipe, cache, engine, sample)
    for source in _speechless(reads) if any(isinstance(s, TextStep) or s.name.startswith("dedup.") for s in recipe.steps) else ():
        told = f"{source.path}: no field of its rows is known as text or turns, so steps find nothing to read there"
        print(f"dadeum: {told}; name one: fields: {{text: ITS_NAME}} of the source", file=sys.stderr)
    shards = _shards(reads, recipe.sources)
    made = Processed(shards, reads, [_reading(reads)], recipe.steps)
    start = 0
    while True:
        barrier = next((i for i in range(start, len(recipe.steps)) if isinstance(recipe.steps[i], Compare)), len(recipe.steps))
        compare = recipe.steps[barrier] if barrier < len(recipe.steps) else None
        tasks = [_Pass(s, recipe.steps, start, barrier, cache) for s in made.shards]
        name = ", ".join(s.name for s in recipe.steps[start : barrier + 1]) or "rows"
        results = engine.map(_run, tasks, name, lambda t: t.shard_rows)
        made.shards = [shard for shard, _ in results]
        for i in range(barrier - start):
            made.receipts.append(add(receipts[i] for _, receipts in results))
        if compare is None:
            return made
        try:
            made.shards, receipt = scatter(compare, barrier, made.shards, cache)  # type: ignore[arg-type]
        except RecipeError as error:
            raise error.below(f"steps.{barrier}.{compare.name}", compare.name) from error
        made.receipts.append(receipt)
        start = barrier + 1


@dataclass(frozen=True)
class _Reading:
    path: str
    inside: str
    source: Source
    size: int
    cache: Path
    where: str
    """The source's path in the recipe."""
    limit: int = 0


@dataclass(frozen=True)
class _Pass:
    shard: Shard
    steps: tuple[Step, ...]
    start: int
    stop: int
    cache: Path

    @property
    def shard_rows(self) -> int:
        found = unit.peek(self.shard.base)
        return found.head["rows"] if found else 0


def _ingest(task: _Reading) -> Read:
    try:
        return read(task.path, task.inside, task.source, task.size, task.cache, task.limit)
    except RecipeError as error:
        raise error.below(task.where, f"sources.{task.source.name}.") from error


def _read(recipe: Recipe, cache: Path, engine: local.Engine, sample: int) -> list[Read]:
    tasks = []
    for i, source in enumerate(named(recipe.sources)):
        files = _files(source)
        limit = -(-sample // len(files))
        tasks += [_Reading(path, inside, source, recipe.engine.shard, cache, f"sources.{i}", limit) for path, inside in files]
    reads = engine.map(_ingest, tasks, "read", lambda t: local.size([t.path]), "B")
    for i, source in enumerate(named(recipe.sources)):
        if not sum(r.n for r in reads if r.source == source.name):
            raise RecipeError(Mistake(f"sources.{i}.path", f"{source.path} holds no records: the source is empty"))
    return reads


def _speechless(reads: list[Read]) -> list[Read]:
    """The first file of each source in which no row has contents."""
    said = {r.source for r in reads for part in r.parts if part["rows"] and not all(c in part["same"] for c in CONTENTS)}
    return list({r.source: r for r in reversed(reads) if r.source not in said and r.n}.values())


def paths(recipe: Recipe) -> list[str]:
    """Every file of every source. Raises RecipeError with the path in the recipe of each source that names none to read."""
    found: list[str] = []
    mistakes: list[Mistake] = []
    for i, source in enumerate(recipe.sources):
        try:
            found += io.sources(source)
        except RecipeError as error:
            mistakes += error.below(f"sources.{i}", f"sources.{source.name}." if source.name else "sources.").mistakes
    if mistakes:
        raise RecipeError(mistakes)
    return found


def _files(source: Source) -> list[tuple[str, str]]:
    """The source's files (paths, or urls), each with its path inside the source."""
    found = io.sources(source)
    paths = [Path(remote.shown(name)) for name in found]
    root = Path(source.path) if io.folder(source.path, found) else _root(paths)
    return [(name, path.relative_to(root).as_posix()) for name, path in zip(found, paths)]


def _root(paths: list[Path]) -> Path:
    """The deepest folder that holds all the files."""
    parents = [p.parent.parts for p in paths]
    shared = 0
    while all(len(p) > shared for p in parents) and len({p[shared] for p in parents}) == 1:
        shared += 1
    return Path(*parents[0][:shared])


def _shards(reads: list[Read], sources: Iterable[Source]) -> list[Shard]:
    """One shard a unit, told what it has to know of the others: own ids that are not unique in the run, columns that others name."""
    columns = {s.name: set(s.fields) - set(CONTENT_FIELDS) for s in named(sources)}
    every_column = set().union(*columns.values())
    keys: dict[Path, np.ndarray] = {}
    for r in reads:
        for i in range(len(r.parts)):
            path = r.folder / f"{i:05d}"
            found = unit.load(path, "ids")
            if found is not None and "ids" in found.parts:
                keys[path] = found.parts["ids"].get_column("id").to_numpy()
    every = np.sort(np.concatenate(list(keys.values()))) if keys else np.array([], dtype="<u8")
    twice = np.unique(every[1:][every[1:] == every[:-1]])
    shards = []
    for number, r in enumerate(reads):
        for i, part in enumerate(r.parts):
            path = r.folder / f"{i:05d}"
            again = np.intersect1d(keys[path], twice) if path in keys and len(twice) else np.array([], dtype="<u8")
            if part.get("placed"):
                again = np.union1d(again, claimed(path, columns))
            here = again.astype("<u8").tobytes()
            missing = tuple(sorted(every_column - columns[r.source]))
            told = unit.digest(ENGINE, part["digest"], r.source, r.inside, here, *missing)
            shards.append(Shard(r.path, r.source, r.inside, number, i, path, told, here, missing))
    return shards


def _reading(reads: list[Read]) -> Receipt:
    bad: dict[str, int] = {}
    for r in reads:
        for part in r.parts:
            for _, error, _ in part["bad"]:
                reason = str(error).split(":")[0]
                bad[reason] = bad.get(reason, 0) + 1
    n = sum(r.n for r in reads)
    return Receipt(
        step="read",
        key=unit.digest(*(str(r.folder.parent.name) for r in reads)),
        rows_in=n,
        rows_out=n - sum(bad.values()),
        left={"quarantined": dict(sorted(bad.items()))} if bad else {},
        seconds=sum(r.seconds for r in reads),
        cached=all(r.cached for r in reads),
    )


def _run(task: _Pass) -> tuple[Shard, list[Receipt]]:
    """One pass over one shard, in a worker: differences that exist are taken, the others made; then the sketch."""
    shard, receipts = task.shard, []
    rows: pl.DataFrame | None = None
    for i in range(task.start, task.stop):
        step = task.steps[i]
        path = task.cache / "steps" / step.key / shard.digest
        found = unit.peek(path)
        if found is None or (rows is not None and unit.load(path) is None):
            rows = shard.rows() if rows is None else rows
            try:
                given = shard.rows(carried=True) if step.carries and shard.carries else rows
                delta = work(step, given, f"{shard.path} part {shard.part}")
            except RecipeError as error:
                raise error.below(f"steps.{i}.{step.name}", step.name) from error
            # Here and not at the end: the worker has the step's files open, and a run that finds all done need not open them again.
            remarks = step.remarks()
            head: dict[str, Any] = {"remarks": remarks, "in": rows.height, "edited": delta.edited, "left": delta.left(), "grown": delta.grown.height, "seconds": delta.seconds}
            told = unit.save(path, head, delta.parts())
            after = delta.put_on(rows)
            receipt = _receipt(step, head, after.height, cached=False)
            rows, digest = after, told
        else:
            head = found.head
            left = sum(sum(reasons.values()) for reasons in head["left"].values())
            receipt = _receipt(step, head, head["in"] + head["grown"] - left, cached=True)
            digest = found.digest
            if rows is not None:
                whole = unit.load(path)
                if whole is not None:
                    rows = Delta.of(whole.parts, whole.head).put_on(rows)
        receipt.check(f"{shard.path} part {shard.part}")
        receipts.append(receipt)
        shard = shard.moved(i, path, digest)
    if task.stop < len(task.steps) and isinstance(step := task.steps[task.stop], Compare):
        path = sketch_path(task.cache, step, shard)
        if unit.peek(path) is None:
            rows = shard.rows() if rows is None else rows
            keep_sketch(path, step, rows)
    return shard, receipts


def _receipt(step: Step, head: dict[str, Any], rows_out: int, cached: bool) -> Receipt:
    seconds = 0.0 if cached else head["seconds"]
    report = {"warnings": head["remarks"]} if head.get("remarks") else {}
    return Receipt(step.name, step.key, head["in"], rows_out, head["edited"], head["grown"], head["left"], seconds, cached, report)


@dataclass(frozen=True)
class Forecast:
    """What `process` would find done: units of a step that exist, of those known; rows in, where known."""

    step: str
    key: str
    done: int
    units: int
    rows: int | None


def forecast(recipe: Recipe, cache: Path) -> list[Forecast]:
    """Follow the digests through the cache without running anything. Unknown where a step before is not done."""
    reads, known = [], True
    for source in named(recipe.sources):
        for path, inside in _files(source):
            found = peeked(path, inside, source, recipe.engine.shard, cache)
            known &= found is not None
            reads.append(found)
    done = [r for r in reads if r is not None]
    out = [Forecast("read", "", len(done), len(reads), sum(r.n for r in done) if known else None)]
    shards = _shards(done, recipe.sources) if known else []
    for i, step in enumerate(recipe.steps):
        paths = answers(step, shards, cache)
        heads = [unit.peek(path) for path in paths]
        whole = [h for h in heads if h is not None]
        known = known and len(whole) == len(shards)
        out.append(Forecast(step.name, step.key, len(whole), len(shards), sum(h.head["in"] for h in whole) if known else None))
        if not known:
            shards = []
        else:
            shards = [s.moved(i, p, h.digest) for s, p, h in zip(shards, paths, whole)]
    return out


def answers(step: Step, shards: list[Shard], cache: Path) -> list[Path]:
    """Where a step's differences on each shard lie, or would."""
    if isinstance(step, Compare):
        return placed(step, shards, cache)[1]
    return [cache / "steps" / step.key / shard.digest for shard in shards]
