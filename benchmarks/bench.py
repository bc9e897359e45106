"""Timings, as ratios within one run: `make bench`. CPU-seconds (user + system, children too) of whole processes, the median of
several runs taken in turn, because the machine may be shared. Jobs read ../shared/data and are skipped where it is absent.

The hand-written script runs as its user would start it: Polars' own number of threads, its Parquet settings, which are dadeum's too.
A first run of both is not counted: it compiles and brings files into memory, as an installation and any second call find them.

Peers run once each: Hugging Face datasets where it is installed here, datatrove where benchmarks/peers/.venvs/datatrove has it
(`benchmarks/near.py` makes it). A first ratio is to the hand-written script, a second to dadeum."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
DATA = HERE.parent.parent / "shared/data"
REVIEWS = f"{DATA}/nsmc_raw/*.jsonl.gz"
PLAIN = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "POLARS_", "OMP_", "OPENBLAS_"))}
"""The environment without what would change how the jobs run: threads, and modules that are compiled again at every start."""


@dataclass
class Job:
    """A command to be timed; `out` is removed before each run."""

    name: str
    command: list[str]
    out: Path
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    peak: list[float] = field(default_factory=list)

    def run(self, counted: bool = True) -> None:
        for path in self.out.parent.glob(f"{self.out.name}*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        started = time.perf_counter()
        process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=PLAIN)
        said = process.stderr.read() if process.stderr else b""
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            sys.exit(f"{self.name} failed: {said.decode()[-1000:]}")
        if not counted:
            return
        self.cpu.append(usage.ru_utime + usage.ru_stime)
        self.wall.append(time.perf_counter() - started)
        self.peak.append(usage.ru_maxrss / 1024)


def peers(out: Path) -> list[Job]:
    """The same job in other tools, those that are installed."""
    found = []
    if importlib.util.find_spec("datasets"):
        name = f"Hugging Face datasets {importlib.metadata.version('datasets')}, no ledger"
        found.append(Job(name, [sys.executable, str(HERE / "peers/datasets_job.py"), REVIEWS, str(out / "c.parquet")], out / "c.parquet"))
    python = HERE / "peers/.venvs/datatrove/bin/python"
    if python.exists():
        told = subprocess.run([python, "-c", "from importlib.metadata import version as v; print(v('datatrove'))"], capture_output=True, text=True)
        name = f"datatrove {told.stdout.strip()}, no ledger"
        found.append(Job(name, [str(python), str(HERE / "peers/datatrove_job.py"), f"{DATA}/nsmc_raw", str(out / "d")], out / "d"))
    return found


HEAD = "| job | CPU-s | fewest | × hand-written | × dadeum | wall s | peak MB |\n|---|---|---|---|---|---|---|"


def row(job: Job, hand: Job, ours: Job) -> str:
    """A job's line of the table: medians, but for the fewest CPU-seconds and the highest peak."""
    cpu = statistics.median(job.cpu)
    figures = (cpu, min(job.cpu), cpu / statistics.median(hand.cpu), cpu / statistics.median(ours.cpu), statistics.median(job.wall), max(job.peak))
    return "| {} | {:.2f} | {:.2f} | {:.2f} | {:.2f} | {:.2f} | {:,.0f} |".format(job.name, *figures)


def main(times: int = 5) -> None:
    if not DATA.is_dir():
        sys.exit("../shared/data is absent: nothing to time")
    import polars

    print(f"Python {platform.python_version()}, Polars {polars.__version__}, {os.cpu_count()} cores, median of {times} runs in turn\n")
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        dadeum = str(Path(sys.executable).parent / "dadeum")
        steps = ["clean.unicode", "clean.markup", "clean.whitespace", "filter.length", "dedup.exact"]
        sets = ["--set", "source.fields={text: review, id: review_id}", "--set", "filter.length.min=2", "--set", "filter.length.max=1000"]
        jobs = [
            Job("hand-written Polars script, no ledger", [sys.executable, str(HERE / "polars_job.py"), REVIEWS, str(out / "a.parquet")], out / "a.parquet"),
            Job("dadeum apply, ledger on", [dadeum, "apply", *steps, REVIEWS, "-o", str(out / "b.parquet"), *sets], out / "b.parquet"),
        ]
        for job in jobs:
            job.run(counted=False)
        for turn in range(times):
            for job in jobs if turn % 2 else jobs[::-1]:
                job.run()
        print("All reviews: JSON lines → NFC, tags, space, length, exact duplicates → Parquet\n")
        print(HEAD, *(row(job, *jobs) for job in jobs), sep="\n", flush=True)
        for job in peers(out):
            job.run()
            print(row(job, *jobs), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
