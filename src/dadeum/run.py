"""A recipe from its sources to its proof, stage by stage, in one folder.

    records  steps  split  |  supervision  train  prove  report
    the data, in one go    |  what a model learns from it, and whether it helped

Each stage looks first whether the folder already holds what it would make.
"""

from __future__ import annotations

import dataclasses
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any, Final, Literal

import orjson
import yaml

import dadeum
from dadeum import io, ledger
from dadeum import recipe as recipes
from dadeum.engine import collect, flow, folder, local
from dadeum.errors import Mistake, RecipeError
from dadeum.recipe import Recipe

Stage = Literal["records", "steps", "split", "supervision", "train", "prove", "report"]
READ_BYTES_PER_SECOND: Final = 20_000_000
"""Rough: short JSON lines read, cleaned and written on one core."""
STAGES: Final[tuple[Stage, ...]] = ("records", "steps", "split", "supervision", "train", "prove", "report")


def data(recipe: Recipe, out: Path, until: Stage = "report", sample: int = 0, workers: int = 0) -> dict[str, Any]:
    """Make the data of a run and its ledger below `out` (which the caller has locked); give run.json's content."""
    started = time.perf_counter()
    recipe = reach(recipe, until)
    paths = [str(p) for source in recipe.sources for p in io.sources(source)]
    n = local.workers(workers or recipe.engine.workers, local.size(paths))
    cache = Path(recipe.engine.cache) if recipe.engine.cache else out / "cache"
    with local.Local(n) as engine:
        made = flow.process(recipe, cache, engine, sample)
        before = finished(out)
        same = before is not None and before.get("made") == _made(recipe, made) and _whole(out, before)
        if before is not None and same:
            told = {**before, "stages": [ledger.stage(r) for r in made.receipts]}
            folder.publish(out / "run.json", _json(told))
            return told
        with folder.drafted(out) as draft:
            found = collect.collect(made, draft, recipe.output.format, engine)
            text = yaml.safe_dump(recipe.to_dict(), allow_unicode=True, sort_keys=False, width=120)
            (draft / "recipe.yaml").write_text(text, encoding="utf-8")
            told = {
                "name": recipe.name,
                "version": dadeum.__version__,
                "recipe_digest": recipe.digest,
                "seed": recipe.seed,
                "counts": found["counts"],
                "splits": found["splits"],
                "stages": [ledger.stage(r) for r in made.receipts],
                "dataset_digest": found["dataset_digest"],
                "verdict": None,
                "until": until,
                "made": _made(recipe, made),
                "seconds": round(time.perf_counter() - started, 2),
                "peak_rss_mb": peak(),
            }
            folder.settle(draft, out, _json(told))
    return told


def apply(steps: list[str], path: str, out: Path, sets: list[str], force: bool = False, workers: int = 0) -> dict[str, int]:
    """Steps on one file: what stays goes to `out` in the shape it came in, the ledger beside it. Gives the counts."""
    if out.exists() and not force:
        raise RecipeError(Mistake(str(out), "exists", "--force replaces it"))
    if not out.parent.is_dir():
        raise RecipeError(Mistake(str(out), f"the folder {out.parent} does not exist"))
    raw: dict[str, Any] = {"name": out.name, "sources": [{"path": path}], "steps": list(steps)}
    made = recipes.compose(raw, [f"sources.0.{s.removeprefix('source.')}" if s.startswith("source.") else s for s in sets])
    n = local.workers(workers, local.size(str(p) for p in io.sources(made.sources[0])))
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as name, local.Local(n) as engine:
        draft = Path(name)
        processed = flow.process(made, draft / "cache", engine)
        counts = collect.one_file(processed, draft, out.name, engine)
        for beside in (f"{out.name}.ledger.parquet", f"{out.name}.quarantine.jsonl", out.name):
            os.replace(draft / beside, out.parent / beside)
    return counts


def plan(recipe: Recipe, out: Path, trial: bool = False) -> dict[str, Any]:
    """What a run would do, step by step: shape, what it reads and writes, how much of it is in the cache. Runs nothing.

    trial: measure every step on the first 2,000 rows of each source, in a folder that is thrown away.
    """
    cache = Path(recipe.engine.cache) if recipe.engine.cache else out / "cache"
    size = local.size(str(p) for source in recipe.sources for p in io.sources(source))
    rows: list[dict[str, Any]] = []
    for s, f in zip((None, *recipe.steps), flow.forecast(recipe, cache)):
        shape = type(s).__mro__ if s else ()
        shapes = [kind.__name__ for kind in shape if kind.__name__ in ("Edit", "Filter", "Compare", "Grow")]
        rows.append(
            {
                "step": f.step,
                "shape": shapes[0].lower() if shapes else "read",
                "key": f.key,
                "reads": list(s.reads) if s else [],
                "writes": list(s.writes) if s else [],
                "parameters": s.parameters if s else {},
                "units": f.units,
                "cached": f.done,
                "rows": f.rows,
            }
        )
    told: dict[str, Any] = {"name": recipe.name, "digest": recipe.digest, "bytes": size, "stages": rows}
    told["seconds"] = round(size / READ_BYTES_PER_SECOND, 1)
    for section in ("output", "train", "prove"):
        value = getattr(recipe, section)
        told[section] = dataclasses.asdict(value) if value is not None else None
    if trial:
        with tempfile.TemporaryDirectory(prefix="dadeum-trial-") as name, local.Local(1, quiet=True) as engine:
            made = flow.process(recipe, Path(name), engine, sample=2000)
        for row, receipt in zip(rows, made.receipts):
            row["trial"] = {
                "rows_in": receipt.rows_in,
                "rows_out": receipt.rows_out,
                "edited": receipt.edited,
                "microseconds_per_row": round(1e6 * receipt.seconds / max(1, receipt.rows_in), 2),
            }
    return told


def reach(recipe: Recipe, until: Stage) -> Recipe:
    """The recipe with the steps that lie within a stage: none for records, all but the split for steps."""
    if until == "records":
        return dataclasses.replace(recipe, steps=())
    if until == "steps":
        return dataclasses.replace(recipe, steps=tuple(s for s in recipe.steps if "split" not in s.writes))
    return recipe


def finished(out: Path) -> dict[str, Any] | None:
    """run.json of the folder, or None."""
    try:
        return orjson.loads((out / "run.json").read_bytes())
    except (FileNotFoundError, orjson.JSONDecodeError):
        return None


def peak() -> int:
    """Largest resident set of this process or one of its children so far, in MB."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(k).ru_maxrss for k in kinds) // 1024


def _made(recipe: Recipe, made: flow.Processed) -> str:
    """Digest of everything the files of data/ and ledger/ depend on."""
    from dadeum.engine.unit import digest

    bad = [str(part["bad"]) for r in made.reads for part in r.parts]
    return digest(recipe.digest, made.digest, *(r.key for r in made.receipts), *(f"{r.path}{r.source}" for r in made.reads), *bad)


def _whole(out: Path, told: dict[str, Any]) -> bool:
    """Whether the files that run.json speaks of are there, with the rows that it counts."""
    import polars as pl

    try:
        kept = {name: pl.scan_parquet(out / f"data/{name}.parquet").select(pl.len()).collect().item() for name in told["splits"]}
        return kept == told["splits"] and os.path.exists(out / "ledger/verdicts.parquet") and os.path.exists(out / "ledger/edits.parquet")
    except (OSError, pl.exceptions.PolarsError):
        return False


def _json(told: dict[str, Any]) -> bytes:
    return orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
