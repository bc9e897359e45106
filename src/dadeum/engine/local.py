"""Where a run's tasks are done: what every engine promises, and the engine of one machine.

Results come back in the order of the tasks, so nothing depends on who was faster. Workers are spawned, not forked (Polars'
threads do not survive a fork), and each takes its share of the cores. Ctrl-C ends the workers and passes on; a worker that is
killed ends the run with a word about it, and the next call goes on from the units that were finished.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from tqdm import tqdm

from dadeum import remote
from dadeum.errors import DadeumError, Mistake, RecipeError

SMALL = 100_000_000
"""Bytes of input (compressed files counted four times) that one process takes on alone."""
T = TypeVar("T")
R = TypeVar("R")


class Engine(ABC):
    """`map` over tasks, wherever they are done. A context: what it started ends with it."""

    def __init__(self, workers: int = 0, quiet: bool | None = None):
        self.workers = workers
        self.quiet = quiet
        """None shows progress where standard error is a terminal."""

    def __enter__(self) -> Engine:
        return self

    @abstractmethod
    def __exit__(self, *exc: Any) -> None:
        """End what was started; work that is under way is given up where an exception passes."""

    @abstractmethod
    def done(self, f: Callable[[T], R], tasks: Sequence[T], name: str) -> Iterator[tuple[int, Callable[[], R]]]:
        """(number of the task, what gives its result or raises its error) as they are finished, in any order."""

    def map(self, f: Callable[[T], R], tasks: Sequence[T], name: str, weigh: Callable[[T], int], unit: str = "rows") -> list[R]:
        """`[f(t) for t in tasks]`, with progress (rate, time left) measured in `weigh(t)` of `unit`.

        Mistakes of a recipe that several tasks find (labels outside a map, say) are raised together.
        """
        mistakes: dict[int, list[Mistake]] = {}
        results: dict[int, R] = {}
        hidden = self.quiet if self.quiet is not None else (None if sys.stderr.isatty() else True)
        weights = [weigh(task) for task in tasks]
        with tqdm(total=sum(weights), desc=name, unit=f" {unit}", unit_scale=True, disable=hidden, leave=False, smoothing=0.1) as bar:
            for at, result in self.done(f, tasks, name):
                try:
                    results[at] = result()
                except RecipeError as error:
                    mistakes[at] = error.mistakes
                bar.update(weights[at])
        if mistakes:
            # Shards find the same mistake with other counts: it is told once, as the first of them tells it.
            first: dict[tuple[str, str], Mistake] = {}
            for mistake in (m for at in sorted(mistakes) for m in mistakes[at]):
                first.setdefault((mistake.path, re.sub(r"(?<!\d)\d+ rows", "", mistake.what)), mistake)
            raise RecipeError(first.values())
        return [results[at] for at in range(len(tasks))]


class Local(Engine):
    """This machine's processes. workers: 1 (or one task) stays in this process."""

    def __init__(self, workers: int = 1, quiet: bool | None = None):
        super().__init__(workers, quiet)
        self._pool: ProcessPoolExecutor | None = None

    def __exit__(self, *exc: Any) -> None:
        if self._pool is not None:
            for process in list((self._pool._processes or {}).values()) if exc[0] is not None else ():
                process.terminate()
            self._pool.shutdown(wait=exc[0] is None, cancel_futures=True)
            self._pool = None

    def done(self, f: Callable[[T], R], tasks: Sequence[T], name: str) -> Iterator[tuple[int, Callable[[], R]]]:
        if self.workers <= 1 or len(tasks) <= 1:
            yield from ((at, lambda task=task: f(task)) for at, task in enumerate(tasks))  # type: ignore[misc]
            return
        if self._pool is None:
            threads = max(1, (os.cpu_count() or 1) // self.workers)
            os.environ.setdefault("POLARS_MAX_THREADS", str(threads))
            self._pool = ProcessPoolExecutor(self.workers, mp_context=multiprocessing.get_context("spawn"), initializer=_quiet_worker)
        futures: dict[Future[R], int] = {self._pool.submit(f, task): at for at, task in enumerate(tasks)}
        for future in as_completed(futures):
            yield futures[future], lambda future=future: _result(future)  # type: ignore[misc]


def _result(future: Future[R]) -> R:
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise DadeumError("a worker was killed (out of memory?); what was finished is kept: the same command goes on from there") from error


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


def size(names: Iterable[str]) -> int:
    """Bytes of the files (paths or urls), compressed ones counted four times."""
    return sum(remote.size(name) * (4 if name.endswith((".gz", ".zst")) else 1) for name in names)
