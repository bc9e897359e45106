"""Steps on one machine: the same functions over shards, in this process or in several.

Results come back in the order of the tasks, so nothing depends on who was faster. Workers are spawned, not forked (Polars'
threads do not survive a fork), and each takes its share of the cores. Ctrl-C ends the workers and passes on; a worker that is
killed ends the run with a word about it, and the next call goes on from the units that were finished.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, TypeVar

from tqdm import tqdm

from dadeum.errors import DadeumError, Mistake, RecipeError

SMALL = 100_000_000
"""Bytes of input (compressed files counted four times) that one process takes on alone."""
T = TypeVar("T")
R = TypeVar("R")


@dataclass
class Local:
    """`map` over this machine's processes. workers: 1 stays in this process."""

    workers: int = 1
    quiet: bool | None = None
    """None shows progress where standard error is a terminal."""

    def __post_init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Local:
        return self

    def __exit__(self, *exc: Any) -> None:
        if self._pool is not None:
            for process in list((self._pool._processes or {}).values()) if exc[0] is not None else ():
                process.terminate()
            self._pool.shutdown(wait=exc[0] is None, cancel_futures=True)
            self._pool = None

    def map(self, f: Callable[[T], R], tasks: Sequence[T], name: str, weigh: Callable[[T], int], unit: str = "rows") -> list[R]:
        """`[f(t) for t in tasks]`, with progress (rate, time left) measured in `weigh(t)` of `unit`.

        Mistakes of a recipe that several tasks find (labels outside a map, say) are raised together.
        """
        mistakes: list[Mistake] = []
        hidden = self.quiet if self.quiet is not None else (None if sys.stderr.isatty() else True)
        total = sum(map(weigh, tasks))
        with tqdm(total=total, desc=name, unit=f" {unit}", unit_scale=True, disable=hidden, leave=False, smoothing=0.1) as bar:
            if self.workers <= 1 or len(tasks) <= 1:
                results = []
                for task in tasks:
                    _gather(lambda task=task: results.append(f(task)), mistakes)  # type: ignore[misc]
                    bar.update(weigh(task))
            else:
                results = self._spread(f, tasks, bar, weigh, mistakes)
        if mistakes:
            # Shards find the same mistake with other counts: it is told once.
            raise RecipeError({(m.path, re.sub(r"\d+ rows", "", m.what)): m for m in reversed(mistakes)}.values())
        return results

    def _spread(self, f: Callable[[T], R], tasks: Sequence[T], bar: Any, weigh: Callable[[T], int], mistakes: list[Mistake]) -> list[R]:
        if self._pool is None:
            threads = max(1, (os.cpu_count() or 1) // self.workers)
            os.environ.setdefault("POLARS_MAX_THREADS", str(threads))
            self._pool = ProcessPoolExecutor(self.workers, mp_context=multiprocessing.get_context("spawn"), initializer=_quiet_worker)
        futures: dict[Future[R], int] = {self._pool.submit(f, task): i for i, task in enumerate(tasks)}
        results: dict[int, R] = {}
        try:
            for future in as_completed(futures):
                at = futures[future]
                _gather(lambda: results.__setitem__(at, future.result()), mistakes)  # noqa: B023 (called at once)
                bar.update(weigh(tasks[at]))
        except BrokenProcessPool as error:
            raise DadeumError("a worker was killed (out of memory?); what was finished is kept: the same command goes on from there") from error
        return [results[i] for i in sorted(results)]


def _gather(call: Callable[[], None], mistakes: list[Mistake]) -> None:
    try:
        call()
    except RecipeError as error:
        mistakes += error.mistakes


def _quiet_worker() -> None:
    """Ctrl-C is the parent's to handle: a worker would only print a traceback of its own."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)


def workers(asked: int, size: int) -> int:
    """How many processes: as asked, else one a core, and one alone where the input (bytes) is too small to repay their start.

    A worker's start costs 0.35 CPU-s; this process alone reads and cleans about 20 MB a second, so two begin to pay at about 100 MB.
    """
    if asked:
        return asked
    return min(os.cpu_count() or 1, 1 + size // SMALL)


def size(paths: Iterable[str]) -> int:
    """Bytes of the files, compressed ones counted four times."""
    return sum(os.path.getsize(p) * (4 if p.endswith((".gz", ".zst")) else 1) for p in paths)
