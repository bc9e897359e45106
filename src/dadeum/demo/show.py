"""`dadeum demo`: make the raw data, run the recipe, hold what was found against what was planted, show the verdict."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import orjson

from dadeum import run
from dadeum.demo import prepare, truth
from dadeum.engine import folder
from dadeum.report.terminal import funnel_text, summary_text


def show(out: Path, sets: Sequence[str] = (), workers: int = 0) -> dict[str, object]:
    """The whole demo in the folder `out`; gives run.json's content. A second call continues it."""
    with folder.locked(out):
        started = time.perf_counter()
        recipe, _ = prepare.prepare(out, sets)
        _say("raw data written", started)
        told = run.data(recipe, out, "report", workers=workers)
        _say("data engineered", started)
        found = truth.score(out, out / "truth.parquet")
        (out / "truth.json").write_bytes(orjson.dumps({"steps": found}))
        told = run.later(recipe, out, told, "report", lambda what: _say(what, started))
    page = out / "report.html"
    width = shutil.get_terminal_size((100, 24)).columns
    print(funnel_text(told, width))
    print()
    print(summary_text(told, orjson.loads((out / "proof.json").read_bytes()), width, report=page, trained=True))
    return told


def _say(what: str, started: float) -> None:
    print(f"[{time.perf_counter() - started:5.0f} s] {what}", flush=True)
