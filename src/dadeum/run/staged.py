"""A recipe from its sources to its proof, stage by stage, in one folder.

    records  steps  split  |  supervision  train  prove  report
    the data, in one go    |  what a model learns from it, and whether it helped

Each stage looks first whether the folder already holds what it would make.
"""

from __future__ import annotations

import dataclasses
import resource
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, Literal

import orjson
import yaml

import dadeum
from dadeum import ledger, remote, tuning
from dadeum.engine import collect, flow, folder, local, trial
from dadeum.errors import DadeumError, RecipeError, StepError
from dadeum.recipe import Recipe
from dadeum.step import files

Stage = Literal["records", "steps", "split", "supervision", "train", "prove", "report"]
LATER: Final = ("supervision.parquet", "supervision_sample.json", "check.json", "gates.json", "curve.json", "proof.json", "calls.json", "decision.json", "truth.json", "report.html", "card.md")
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
            told = {**before, "recipe_digest": recipe.digest, "stages": _told(recipe, made.receipts, before), "until": until}
            folder.publish(out / "recipe.yaml", _yaml(recipe))
            folder.publish(out / "run.json", json_bytes(told))
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
                "stages": _told(recipe, made.receipts, before),
                "dataset_digest": found["dataset_digest"],
                **({"recheck": checked} if checked else {}),
                "verdict": None,
                "until": until,
                "made": _made(recipe, made),
                "seconds": round(time.perf_counter() - started, 2),
                "peak_rss_mb": peak(),
            }
            folder.settle(draft, out, json_bytes(told))
    return told


def _told(recipe: Recipe, receipts: list[ledger.Receipt], before: dict[str, Any] | None) -> list[dict[str, Any]]:
    """run.json's `stages`. A step that learned from labels tells, as `held_out` of its report, how well it ranks rows that it has not
    seen: as it stands in the run before where the step is the same, for to tell it the model is trained once more."""
    known = {stage["key"]: (stage.get("report") or {}).get("held_out") for stage in (before or {}).get("stages", [])}
    steps = list(recipe.steps)
    told = []
    for receipt in receipts:
        stage = ledger.stage(receipt)
        step = next((s for s in steps if s.name == receipt.step), None)
        if step is not None:
            steps.remove(step)
            if measured := known.get(receipt.key) or step.held_out():
                stage["report"] = {**stage["report"], "held_out": measured}
        told.append(stage)
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


def stages(
    recipe: Recipe, out: Path, until: Stage = "report", sample: int = 0, workers: int = 0, say: Callable[[str], None] = lambda what: None
) -> dict[str, Any]:
    """Every stage up to `until` in a folder that the caller has locked. Stages that the recipe has no section for are left out.

    say: is told each stage that is done.
    """
    if recipe.train is not None and STAGES.index(until) >= STAGES.index("supervision"):
        from dadeum.train.loop import ready

        for lesson in (recipe.train, *map(recipe.train.of, recipe.train.stages)):
            ready(lesson)  # what is missing is said before anything is spent
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
            if name == "train":
                tuning.ready(recipe, out)
            made = tuning.supervision(recipe, out) if name == "supervision" else getattr(tuning, name)(recipe, out, say)
            told = {**told, name: made, f"{name}_seconds": round(time.perf_counter() - started, 1)}
            if name == "prove":
                told["verdict"] = made["verdict"]
            told["peak_rss_mb"] = max(told["peak_rss_mb"], peak())
            told["seconds"] = round(told["seconds"] + time.perf_counter() - started, 2)
            folder.publish(out / "run.json", json_bytes(told))
            say(f"{name} done")
    if last >= 4 and (out / "model").exists():
        certified(recipe, out, told, say)
    if last >= 2:
        from dadeum.report.card import write_card
        from dadeum.report.page import write

        write_card(out)
        write(out)
    return told


def certified(recipe: Recipe, out: Path, told: dict[str, Any], say: Callable[[str], None]) -> None:
    """model/parity.json and model/README.md: that the model is the one that was trained, and what it is."""
    from dadeum.report.model_card import write_model_card
    from dadeum.tuning.parity import certify

    if certify(recipe, out, told, recipe.prove.served if recipe.prove else True) is not None:
        say("parity certified")
    write_model_card(out)


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
        ledgers = {path.stem for path in (out / "ledger").glob("*.parquet") if pl.read_parquet_schema(path)}
        return kept == told["splits"] and {"verdicts", "edits"} <= ledgers
    except (OSError, KeyError, pl.exceptions.PolarsError):
        return False


def _yaml(recipe: Recipe) -> bytes:
    return yaml.safe_dump(recipe.to_dict(), allow_unicode=True, sort_keys=False, width=120).encode()


def say(line: str) -> None:
    """Tell the person who waits what goes on; answers go to standard output."""
    print(line, file=sys.stderr, flush=True)


def json_bytes(told: dict[str, Any]) -> bytes:
    """As the files of a run are written."""
    return orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
