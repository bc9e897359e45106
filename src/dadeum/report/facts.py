"""What a run's folder tells, read once into plain values that are small whatever the run's size.

Tables are scanned lazily and reduced where they lie; only a bounded number of samples is ever taken into memory. A file that
the run did not get to is None, and the report says so. Contents of rows come from five places alone: ledger/edits.parquet,
ledger/lost.parquet, quarantine.jsonl, supervision_sample.json, and, for the witness of a merged row, data/*.parquet.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import orjson
import polars as pl

from dadeum import remote
from dadeum.ledger import read_json, read_run
from dadeum.recipe import parse
from dadeum.record import RECORD, ROLES, prose
from dadeum.settings import Source, named

SPLITS: Final = ("train", "validation", "test")
ALL: Final = ("text", *ROLES)
QUARANTINE: Final = 40
"""Unreadable records that are shown."""
RECIPE: Final = 24_000
"""Characters of the recipe that are shown."""


@dataclass(frozen=True)
class Supervision:
    """supervision.parquet in sums: examples that reach the model, their tokens, those that carry loss, and who was left out."""

    rows: int
    tokens: int
    supervised: int
    out: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Facts:
    """One run. `run` is run.json; the rest is named after its file, None where the run has none."""

    folder: Path
    run: dict[str, Any]
    recipe: str | None
    sources: tuple[dict[str, Any], ...]
    by_source: tuple[dict[str, Any], ...]
    """{source, train, validation, test, dropped, merged, quarantined}: rows."""
    lengths: dict[str, list[tuple[int, int | None, int, int]]]
    """unit -> (low, high, before, after). Tokens come from supervision.parquet where the ledger has none: after alone, before all zero."""
    quarantine: tuple[dict[str, Any], ...]
    supervision: Supervision | None
    supervision_sample: list[dict[str, Any]]
    curve: list[dict[str, Any]]
    proof: dict[str, Any] | None
    truth: list[dict[str, Any]] = field(default_factory=list)
    steps: tuple[tuple[str, dict[str, Any]], ...] = ()
    """(name, parameters) of the recipe's steps, in its order."""
    data_curve: dict[str, Any] | None = None
    decision: dict[str, Any] | None = None

    @property
    def licences(self) -> dict[str, str]:
        """source -> licence as the recipe says it; a source without a name in the recipe goes by the one that the engine gave it."""
        told = tuple(Source(path=str(s.get("path", "")), name=str(s.get("name") or "")) for s in self.sources)
        return {made.name: str(s.get("licence") or "unknown") for made, s in zip(named(told), self.sources)}

    @property
    def stages(self) -> list[dict[str, Any]]:
        """run.json's stages."""
        return self.run["stages"]


def read(folder: Path) -> Facts:
    """The facts of a run. Raises DadeumError where the folder holds no finished run."""
    run = read_run(folder)
    path = folder / "recipe.yaml"
    recipe = path.read_text(encoding="utf-8") if path.exists() else None
    told = parse(recipe, str(path)) if recipe is not None else None
    sources = tuple(told.get("sources") or ()) if isinstance(told, dict) else ()
    steps = (told.get("steps") or ()) if isinstance(told, dict) else ()
    truth = read_json(folder / "truth.json")
    return Facts(
        folder=folder,
        run=run,
        recipe=None if recipe is None else re.sub(r"https?://\S+", lambda url: remote.shown(url[0]), recipe)[:RECIPE],
        sources=sources,
        by_source=tuple(_by_source(folder)),
        lengths=_lengths(folder),
        quarantine=tuple(_quarantine(folder)),
        supervision=_supervision(folder),
        supervision_sample=read_json(folder / "supervision_sample.json", list) or [],
        curve=read_json(folder / "curve.json", list) or [],
        proof=read_json(folder / "proof.json"),
        truth=truth.get("steps", []) if truth else [],
        data_curve=read_json(folder / "data_curve.json"),
        decision=read_json(folder / "decision.json"),
        steps=tuple((name, more or {}) for step in steps for name, more in (step.items() if isinstance(step, dict) else [(step, {})])),
    )


def scan(folder: Path, name: str) -> pl.LazyFrame | None:
    """A table of the run, or None where the run has none."""
    path = folder / name
    return pl.scan_parquet(path) if path.exists() else None


def contents(folder: Path, ids: list[str]) -> dict[str, str]:
    """What the kept rows of these ids say, cut to 2,000 characters each."""
    found: dict[str, str] = {}
    for name in SPLITS:
        table = scan(folder, f"data/{name}.parquet")
        if table is None or not ids:
            continue
        rows = table.filter(pl.col("id").is_in(ids)).select(*RECORD).collect()
        said = prose(rows, ALL).fill_null("").str.slice(0, 2000)
        found |= dict(zip(rows.get_column("id").to_list(), said.to_list()))
    return found


def _by_source(folder: Path) -> list[dict[str, Any]]:
    counted = []
    for name in SPLITS:
        table = scan(folder, f"data/{name}.parquet")
        if table is not None:
            counted.append(table.group_by("source").agg(pl.len().alias("n")).with_columns(pl.lit(name).alias("to")))
    verdicts = scan(folder, "ledger/verdicts.parquet")
    if verdicts is not None:
        counted.append(verdicts.group_by("source", "state").agg(pl.len().alias("n")).select("source", "n", pl.col("state").alias("to")))
    if not counted:
        return []
    rows: dict[str, dict[str, Any]] = {}
    for source, n, to in pl.concat(counted).sort("source").collect().iter_rows():
        rows.setdefault(source or "", {"source": source or ""})[to] = n
    return list(rows.values())


def _lengths(folder: Path) -> dict[str, list[tuple[int, int | None, int, int]]]:
    """Both histograms of a unit over the same bins, empty bins at both ends left out."""
    table = scan(folder, "ledger/lengths.parquet")
    if table is None:
        return {}
    out: dict[str, list[tuple[int, int | None, int, int]]] = {}
    sums = [pl.col("n").filter(pl.col("when") == when).sum().alias(when) for when in ("before", "after")]
    for unit, low, high, before, after in table.group_by("unit", "low", "high").agg(sums).sort("unit", "low").collect().iter_rows():
        out.setdefault(unit, []).append((low, high, before, after))
    if "tokens" not in out:
        out["tokens"] = _tokens(folder)
    for unit, bins in out.items():
        full = [i for i, b in enumerate(bins) if b[2] or b[3]]
        out[unit] = bins[full[0] : full[-1] + 1] if full else []
    return {unit: bins for unit, bins in out.items() if bins}


def _tokens(folder: Path) -> list[tuple[int, int | None, int, int]]:
    """Training examples by their number of tokens, in steps of the square root of two."""
    table = scan(folder, "supervision.parquet")
    if table is None:
        return []
    edges = sorted({round(2 ** (k / 2)) for k in range(60)})
    n = pl.col("n_tokens").filter(pl.col("reason").is_null())
    sums = table.select(((n >= low) & (n < high)).sum().alias(str(low)) for low, high in pairwise(edges)).collect().row(0)
    return [(low, high, 0, int(k)) for (low, high), k in zip(pairwise(edges), sums)]


def _quarantine(folder: Path) -> list[dict[str, Any]]:
    path = folder / "quarantine.jsonl"
    if not path.exists():
        return []
    with open(path, "rb") as lines:
        return [orjson.loads(line) for line in itertools.islice(lines, QUARANTINE)]


def _supervision(folder: Path) -> Supervision | None:
    table = scan(folder, "supervision.parquet")
    if table is None:
        return None
    out = pl.col("reason").is_not_null() & (pl.col("reason") != "")
    inside = table.filter(~out).select(pl.len(), pl.col("n_tokens").sum(), pl.col("n_supervised").sum()).collect().row(0)
    reasons = table.filter(out).group_by("reason").agg(pl.len().alias("n")).sort("n", "reason", descending=[True, False]).collect()
    return Supervision(inside[0], inside[1] or 0, inside[2] or 0, tuple(reasons.iter_rows()))
