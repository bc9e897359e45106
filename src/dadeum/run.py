"""A recipe from its sources to its proof, stage by stage, in one folder.

    records  steps  split  |  supervision  train  prove  report
    the data, in one go    |  what a model learns from it, and whether it helped

Each stage looks first whether the folder already holds what it would make.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, Literal

import orjson
import yaml

import dadeum
from dadeum import io, ledger, remote, tuning
from dadeum import recipe as recipes
from dadeum.engine import collect, flow, folder, local, trial, unit
from dadeum.errors import DadeumError, Mistake, RecipeError, StepError
from dadeum.recipe import Recipe
from dadeum.step import files

Stage = Literal["records", "steps", "split", "supervision", "train", "prove", "report"]
READ_BYTES_PER_SECOND: Final = 20_000_000
"""Rough: short JSON lines read, cleaned and written on one core."""
LARGE: Final = 1 << 17
"""Rows of a shard where everything is held in memory: a tenth less time than with a quarter of them, for there are fewer calls."""
LATER: Final = ("supervision.parquet", "supervision_sample.json", "curve.json", "proof.json", "truth.json", "report.html", "card.md")
"""What the later stages made of the data: gone when the data change."""
STAGES: Final[tuple[Stage, ...]] = ("records", "steps", "split", "supervision", "train", "prove", "report")


def data(recipe: Recipe, out: Path, until: Stage = "report", sample: int = 0, workers: int = 0) -> dict[str, Any]:
    """Make the data of a run and its ledger below `out` (which the caller has locked); give run.json's content."""
    started = time.perf_counter()
    cache = Path(recipe.engine.cache) if recipe.engine.cache else out / "cache"
    if until != "records" and finished(out) is None:
        trial.fit(recipe)
    written, recipe = recipe, reach(trial.chosen(recipe, out, cache) if until != "records" else recipe, until)
    with _engine(recipe, workers or recipe.engine.workers, out, cache) as engine:
        try:
            made = flow.process(recipe, cache, engine, sample)
        except (RecipeError, StepError):
            # In another order a step may meet rows that it refuses and that others would have let go before.
            if recipe.steps == reach(written, until).steps:
                raise
            recipe = reach(trial.keep(written, range(len(written.steps)), out), until)
            made = flow.process(recipe, cache, engine, sample)
        before = finished(out)
        same = before is not None and before.get("made") == _made(recipe, made) and _whole(out, before)
        if before is not None and same:
            told = {**before, "recipe_digest": recipe.digest, "stages": [ledger.stage(r) for r in made.receipts], "until": until}
            folder.publish(out / "recipe.yaml", _yaml(recipe))
            folder.publish(out / "run.json", _json(told))
            return told
        for stale in LATER:
            (out / stale).unlink(missing_ok=True)
        with folder.drafted(out) as draft:
            found = collect.collect(made, draft, recipe.output.format, engine)
            (draft / "recipe.yaml").write_bytes(_yaml(recipe))
            checked = _rechecked(recipe, draft, found["splits"])
            told = {
                "name": recipe.name,
                "version": dadeum.__version__,
                "recipe_digest": recipe.digest,
                "seed": recipe.seed,
                "counts": found["counts"],
                "splits": found["splits"],
                "stages": [ledger.stage(r) for r in made.receipts],
                "dataset_digest": found["dataset_digest"],
                **({"recheck": checked} if checked else {}),
                "verdict": None,
                "until": until,
                "made": _made(recipe, made),
                "seconds": round(time.perf_counter() - started, 2),
                "peak_rss_mb": peak(),
            }
            folder.settle(draft, out, _json(told))
    return told


def _rechecked(recipe: Recipe, draft: Path, splits: Iterable[str]) -> dict[str, int]:
    """Rows of each exported file that hold an item of a benchmark, by the recipe's own guards: steps after them may have let one in."""
    if all(s.name != "guard.contamination" for s in recipe.steps):
        return {}
    from dadeum.steps.guard import _recheck
    from dadeum.steps.guard.contamination import Contamination

    guards = [s for s in recipe.steps if isinstance(s, Contamination)]
    return {name: int(sum(_recheck.exported(s, draft / f"data/{name}.jsonl").height for s in guards)) for name in splits}


def _engine(recipe: Recipe, workers: int, out: Path, cache: Path) -> local.Engine:
    """Where the recipe wants its tasks done."""
    paths = flow.paths(recipe)
    if recipe.engine.kind == "local":
        return local.Local(local.workers(workers, local.size(paths)))
    from dadeum.engine import cluster

    inputs = [str(path) for s in recipe.steps for patterns in s.inputs.values() for p in patterns if not remote.is_remote(p) for path in files(p)]
    return cluster.Ray(workers, recipe.engine.address, (out, cache), [*paths, *inputs])


def apply(steps: list[str], path: str, out: Path, sets: list[str], force: bool = False, workers: int = 0) -> dict[str, int]:
    """Steps on one file: what stays goes to `out` in the shape it came in, the ledger beside it. Gives the counts."""
    mistakes = _unfit(out, force)
    raw: dict[str, Any] = {"name": out.name, "sources": [{"path": path}], "steps": list(steps)}
    try:
        made = recipes.compose(raw, [f"sources.0.{s.removeprefix('source.')}" if s.startswith("source.") else s for s in sets])
    except RecipeError as error:
        mistakes += error.mistakes
    if mistakes:
        raise RecipeError(mistakes)
    trial.fit(made)
    size = local.size(flow.paths(made))
    n = local.workers(workers, size)
    held: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
    if n == 1 and size < local.SMALL:
        held = unit.in_memory()
        made = dataclasses.replace(made, engine=dataclasses.replace(made.engine, shard=LARGE))
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as name, held, local.Local(n) as engine:
        draft = Path(name)
        processed = flow.process(made, draft / "cache", engine)
        counts = collect.one_file(processed, draft, out.name, engine)
        for beside in (*(f"{out.name}.{part}" for part in ("ledger.parquet", "vault.parquet", "quarantine.jsonl")), out.name):
            if (draft / beside).exists():
                os.replace(draft / beside, out.parent / beside)
    return counts


def _unfit(out: Path, force: bool) -> list[Mistake]:
    """Why `apply` can't write `out`: known before anything is read."""
    mistakes = io.unwritable(out)
    if out.is_dir():
        mistakes.append(Mistake(str(out), "is a folder", "name a file"))
    elif out.exists() and not force:
        mistakes.append(Mistake(str(out), "exists", "--force replaces it"))
    elif not out.parent.is_dir():
        mistakes.append(Mistake(str(out), f"the folder {out.parent} does not exist"))
    return mistakes


def plan(recipe: Recipe, out: Path, measured: bool = False) -> dict[str, Any]:
    """What a run would do, step by step: shape, what it reads and writes, how much of it is in the cache. Runs nothing.

    Steps that are a mistake on these rows (an English threshold on Korean text) are refused by what they say of a sample.

    measured: every step on the first 2,000 rows of each source, in a folder that is thrown away, and the cheapest order; the steps
    are then told in the order as written, else in that which a run in `out` keeps to.
    """
    if recipe.order == "auto" and not measured:
        recipe = trial.kept(recipe, out) or recipe
    trial.fit(recipe)
    cache = Path(recipe.engine.cache) if recipe.engine.cache else out / "cache"
    size = local.size(flow.paths(recipe))
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
                "held_out": s.held_out() if s else {},
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
    if measured:
        found = trial.trial(recipe)
        read = found.receipts[0].seconds / max(1, found.receipts[0].rows_in)
        for row, receipt, seconds in zip(rows, found.receipts, (read, *found.costs)):
            row["trial"] = {
                "rows_in": receipt.rows_in,
                "rows_out": receipt.rows_out,
                "edited": receipt.edited,
                "microseconds_per_row": round(1e6 * seconds, 2),
            }
        told["order"] = trial.told(found, recipe, size, rows[0]["rows"])
    return told


def run(recipe: Recipe, out: Path, until: Stage = "report", sample: int = 0, workers: int = 0) -> dict[str, Any]:
    """Every stage up to `until`, then the summary on standard output. Gives run.json's content."""
    with folder.locked(out):
        told = stages(recipe, out, until, sample, workers)
    from dadeum.report import terminal

    width = shutil.get_terminal_size((100, 24)).columns
    page = out / "report.html"
    print(terminal.funnel_text(told, width))
    print()
    trained = (out / "model").exists()
    print(terminal.summary_text(told, _read(out / "proof.json"), width, report=page if page.exists() else None, trained=trained))
    return told


def stages(
    recipe: Recipe, out: Path, until: Stage = "report", sample: int = 0, workers: int = 0, say: Callable[[str], None] = lambda what: None
) -> dict[str, Any]:
    """Every stage up to `until` in a folder that the caller has locked. Stages that the recipe has no section for are left out.

    say: is told each stage that is done.
    """
    told = data(recipe, out, until, sample, workers)
    told = later(recipe, out, told, until, say)
    if recipe.output.to and not sample and STAGES.index(until) >= STAGES.index("split"):
        send(out, told, recipe.output.to)
        say("sent")
    return told


def send(out: Path, told: dict[str, Any], to: str) -> None:
    """Copy data/ and run.json to a url, run.json last; data that an earlier call has sent are not sent again."""
    to = to.rstrip("/")
    there = remote.content(f"{to}/run.json")
    before = orjson.loads(there) if there else {}
    names = [f"data/{name}.{kind}" for name in told["splits"] for kind in ("parquet", "jsonl")]
    stale = [f"data/{name}.{kind}" for name in before.get("splits", ()) for kind in ("parquet", "jsonl")]
    if before.get("made") == told["made"]:
        names, stale = [], []
    if there != (out / "run.json").read_bytes():
        remote.send({name: out / name for name in (*names, "run.json")}, to, stale)


def later(recipe: Recipe, out: Path, told: dict[str, Any], until: Stage, say: Callable[[str], None]) -> dict[str, Any]:
    """The stages after the data, and the report. told: run.json's content so far."""
    last = STAGES.index(until)
    parts = ((3, "supervision", recipe.train), (4, "train", recipe.train), (5, "prove", recipe.prove))
    for number, name, section in parts:
        if last >= number and section is not None:
            started = time.perf_counter()
            made = getattr(tuning, name)(recipe, out)
            told = {**told, name: made, f"{name}_seconds": round(time.perf_counter() - started, 1)}
            if name == "prove":
                told["verdict"] = made["verdict"]
            told["peak_rss_mb"] = max(told["peak_rss_mb"], peak())
            told["seconds"] = round(told["seconds"] + time.perf_counter() - started, 2)
            folder.publish(out / "run.json", _json(told))
            say(f"{name} done")
    if last >= 2:
        from dadeum.report.card import write_card
        from dadeum.report.page import write

        write_card(out)
        write(out)
    return told


def report(out: Path, lang: str = "en") -> None:
    """Write report.html and card.md of a finished run again, in a language."""
    from dadeum.report.card import write_card
    from dadeum.report.page import write

    with folder.locked(out):
        ledger.read_run(out)
        write_card(out, lang)
        print(write(out, lang))


def check(recipe: Recipe, out: Path, workers: int = 0) -> dict[str, Any]:
    """What can be known before training: {verdict, supervision, probes, memory, power}; also written to check.json."""
    with folder.locked(out):
        data(recipe, out, "split", 0, workers)
        found = tuning.check(recipe, out)
        folder.publish(out / "check.json", _json(found))
    return found


def check_text(found: dict[str, Any]) -> str:
    """`check`'s answer for the terminal."""
    told = found["supervision"]
    share = told["supervised_tokens"] / max(1, told["tokens"])
    lines = [f"{told['trained']:,} of {told['rows']:,} training rows fit: {told['tokens']:,} tokens, {share:.0%} of them carry loss"]
    lines += [f"  left out, {reason}: {n:,}" for reason, n in told["left_out"].items()]
    lines += [f"  {role['role']:<10} {role['n_tokens']:>12,} tokens, {role['n_supervised']:>12,} with loss" for role in told["roles"]]
    lines.append("")
    for one in found["probes"]:
        if one["verdict"] in ("fail", "warn"):
            lines.append(f"{one['verdict']:<5} {one['name']:<18} {one['number']:<10.4g} {one['means']}")
            lines += [f"      row     {one['row']}"] if one["row"] else []
            lines += [f"      remedy  {one['remedy']}"] if one["remedy"] else []
    for verdict in ("pass", "not applicable"):
        names = [one["name"] for one in found["probes"] if one["verdict"] == verdict]
        lines += [f"{verdict} ({len(names)}): {', '.join(names)}"] if names else []
    if found.get("memory"):
        from dadeum.train import forecast

        lines += ["", *forecast.text(found["memory"])]
    lines += ["", found["power"]["means"]] if found["power"] else []
    return "\n".join([*lines, "", f"check: {found['verdict']}"])


def plan_text(planned: dict[str, Any]) -> str:
    """`plan`'s answer for the terminal."""
    lines = [f"{planned['name']}: about {planned['bytes'] / 1e6:,.0f} MB to read, {planned['seconds']:,.0f} CPU-seconds for the data", ""]
    measured = any("trial" in s for s in planned["stages"])
    head = f"{'step':<22}{'shape':<9}{'cached':>11}{'rows in':>12}" + (f"{'µs/row':>10}{'left':>8}{'edited':>8}" if measured else "") + "  writes"
    lines.append(head)
    for s in planned["stages"]:
        cached = f"{s['cached']}/{s['units']}" if s["units"] else "-"
        rows = f"{s['rows']:,}" if s["rows"] is not None else "?"
        line = f"{s['step']:<22}{s['shape']:<9}{cached:>11}{rows:>12}"
        if measured:
            t = s.get("trial", {"microseconds_per_row": 0.0, "rows_in": 0, "rows_out": 0, "edited": 0})
            n = max(1, t["rows_in"])
            line += f"{t['microseconds_per_row']:>10.2f}{(t['rows_in'] - t['rows_out']) / n:>8.1%}{t['edited'] / n:>8.1%}"
        lines.append(f"{line}  {', '.join(s['writes'])}".rstrip())
    for s in planned["stages"]:
        if held := s["held_out"]:
            told = f"AUC {held['auc']:.3f} [{held['low']:.3f}, {held['high']:.3f}] on {held['rows']:,} labelled rows ({held['good']:,} positive)"
            lines += ["", f"{s['step']} learns from labels: {told}, each scored by a model that has not seen it"]
    lines += ["", *trial.text(planned["order"])] if measured else []
    for section in ("train", "prove"):
        if planned[section]:
            told = ", ".join(f"{k}={v}" for k, v in planned[section].items() if not isinstance(v, dict))
            lines += ["", f"{section}: {told}"]
    return "\n".join(lines)


def reach(recipe: Recipe, until: Stage) -> Recipe:
    """The recipe with the steps that lie within a stage: none for records, all but the split for steps."""
    if until == "records":
        # The format that the recipe asks for may need its steps: a text has no turns before form.chat.
        output = recipe.output if recipe.output.format == "source" else dataclasses.replace(recipe.output, format="auto")
        return dataclasses.replace(recipe, steps=(), output=output)
    if until == "steps":
        return dataclasses.replace(recipe, steps=tuple(s for s in recipe.steps if "split" not in s.writes))
    return recipe


def finished(out: Path) -> dict[str, Any] | None:
    """run.json of the folder, or None where it is absent or damaged."""
    try:
        return ledger.read_run(out)
    except DadeumError:
        return None


def _read(path: Path) -> dict[str, Any] | None:
    """A JSON file, or None where it is absent."""
    return orjson.loads(path.read_bytes()) if path.exists() else None


def peak() -> int:
    """Largest resident set of this process or one of its children so far, in MB."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(k).ru_maxrss for k in kinds) // 1024


def _made(recipe: Recipe, made: flow.Processed) -> str:
    """Digest of everything the files of data/ and ledger/ depend on."""
    from dadeum.engine.unit import digest

    bad = [str(part["bad"]) for r in made.reads for part in r.parts]
    told = orjson.dumps({k: v for k, v in recipe.to_dict().items() if k in ("name", "seed", "sources", "steps")} | {"format": recipe.output.format})
    return digest(told, made.digest, *(r.key for r in made.receipts), *(f"{r.path}{r.source}" for r in made.reads), *bad)


def _whole(out: Path, told: dict[str, Any]) -> bool:
    """Whether the files that run.json speaks of are there, with the rows that it counts."""
    import polars as pl

    try:
        kept = {name: pl.scan_parquet(out / f"data/{name}.parquet").select(pl.len()).collect().item() for name in told["splits"]}
        return kept == told["splits"] and os.path.exists(out / "ledger/verdicts.parquet") and os.path.exists(out / "ledger/edits.parquet")
    except (OSError, KeyError, pl.exceptions.PolarsError):
        return False


def _yaml(recipe: Recipe) -> bytes:
    return yaml.safe_dump(recipe.to_dict(), allow_unicode=True, sort_keys=False, width=120).encode()


def _json(told: dict[str, Any]) -> bytes:
    return orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
