"""The same tasks on a Ray cluster: one that runs already, or one of this machine's cores that ends with the run.

Scheduling, retries and placement are Ray's. A worker that is killed has its task done again, on any node: a unit is whole or
absent, so the second attempt finds what the first one finished and makes the rest. Only names travel; rows lie in the run's
folder and its cache, which all nodes have to share. That is looked at before the first task, on every node, with the files that
tasks read and the version of this package.

A cluster started here costs about 7.5 CPU-seconds by itself (Ray 2.60, two workers), so no run takes it unasked. It obeys only
who has its token (Ray listens on every interface and runs what it is sent), reports no usage to anybody, and keeps its own files
in a folder that is removed.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import secrets
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import dadeum
from dadeum import remote
from dadeum.engine.local import Engine
from dadeum.errors import DadeumError, MissingExtra, Mistake, RecipeError

T = TypeVar("T")
R = TypeVar("R")

RETRIES: Final = 5
"""Times that a task is done again whose worker or node was lost."""
STORE: Final = 100 << 20
"""Bytes of the object store of a cluster started here: it holds names and counts. (Ray would take 30 % of the memory.)"""
OWN: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # under `uv run`, Ray would pack the current folder and send it to itself, data and all
    "RAY_AUTH_MODE": "token",
}
"""Environment of a cluster started here."""


class Ray(Engine):
    """`map` over a Ray cluster, which is started or connected to at the first task.

    workers: processes of a cluster that is started here (0: one a core); on one that runs already, tasks at once (0: what fits).
    address: of a cluster that runs already; else $RAY_ADDRESS; else one is started. folders: what tasks write to; files: what they read.
    Raises MissingExtra without Ray.
    """

    def __init__(self, workers: int = 0, address: str = "", folders: Sequence[Path] = (), files: Sequence[str] = (), quiet: bool | None = None):
        super().__init__(workers, quiet)
        if importlib.util.find_spec("ray") is None:
            raise MissingExtra('ray not installed, which the engine `ray` needs: pip install "dadeum[ray]"')
        self.address = address or os.environ.get("RAY_ADDRESS", "")
        self.folders, self.files = folders, files
        self._ends = contextlib.ExitStack()
        self._ray: Any = None

    def __exit__(self, *exc: Any) -> None:
        self._ends.close()
        self._ray = None

    def done(self, f: Callable[[T], R], tasks: Sequence[T], name: str) -> Iterator[tuple[int, Callable[[], R]]]:
        if len(tasks) <= 1 and not self.address:
            yield from ((at, lambda task=task: f(task)) for at, task in enumerate(tasks))  # type: ignore[misc]
            return
        ray = self._ray or self._start()
        work = ray.remote(_work).options(num_cpus=1, max_retries=RETRIES, name=name)
        here = os.getcwd()
        at_once = (self.workers if self.address else 0) or len(tasks)
        todo, running = iter(enumerate(tasks)), dict[Any, int]()
        while True:
            while len(running) < at_once and (following := next(todo, None)) is not None:
                running[work.remote(f, following[1], here)] = following[0]
            if not running:
                return
            ray.wait(list(running), num_returns=1)
            finished, _ = ray.wait(list(running), num_returns=len(running), timeout=0)
            for ref in finished:
                yield running.pop(ref), lambda ref=ref: _result(ray, ref, name)  # type: ignore[misc]

    def _start(self) -> Any:
        """Ray, connected. What is started or changed for it ends with this engine."""
        mine = not self.address
        threads = {"POLARS_MAX_THREADS": os.environ.get("POLARS_MAX_THREADS", "1")}
        if mine:
            folder = tempfile.mkdtemp(prefix="dadeum-ray-", dir="/tmp" if len(tempfile.gettempdir()) > 24 else None)  # a socket's path ends at 107 bytes
            self._ends.callback(shutil.rmtree, folder, ignore_errors=True)
            self._ends.enter_context(_environment({**OWN, **threads, "RAY_AUTH_TOKEN": secrets.token_hex(32)}))
        import ray
        import ray.util.scheduling_strategies

        if not ray.is_initialized():
            quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
            with _signals_kept():
                self._ends.callback(ray.shutdown)
                if mine:
                    cores = self.workers or os.cpu_count()
                    ray.init("local", num_cpus=cores, include_dashboard=False, object_store_memory=STORE, _temp_dir=folder, **quiet)
                else:
                    _reach(self.address)
                    try:
                        ray.init(self.address, runtime_env={"env_vars": threads}, **quiet)
                    except (ConnectionError, RuntimeError, ValueError) as error:
                        said = " ".join(str(error).split())
                        raise RecipeError(Mistake("engine.address", f"the Ray cluster at {self.address} can't be joined: {said}")) from error
        if not mine:
            self._look(ray)
        self._ray = ray
        return ray

    def _look(self, ray: Any) -> None:
        """Have every node that may get a task read what tasks read and write where they write. Raises RecipeError for each that can't."""
        mark = f".probe-{secrets.token_hex(8)}"
        sizes = {name: os.path.getsize(name) for name in self.files if not remote.is_remote(name)}
        nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
        try:
            for folder in self.folders:
                folder.mkdir(parents=True, exist_ok=True)
                (folder / mark).write_text(mark)
            look = ray.remote(_looking())
            asked = []
            for node in nodes:
                there = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
                told = (os.getcwd(), [str(f) for f in self.folders], sizes, mark, node["NodeID"], dadeum.__version__)
                asked.append(look.options(num_cpus=0, name="look", scheduling_strategy=there).remote(*told))
            mistakes = []
            for node, ref in zip(nodes, asked):
                found = _result(ray, ref, "look")
                found += [f"its files in {f} can't be read here" for f in self.folders if not found and not (f / f"{mark}-{node['NodeID']}").is_file()]
                hint = "every node has to mount the run's folder (--out), engine.cache and the sources at the same paths, and to have this version installed"
                mistakes += [Mistake("engine", f"Ray node {node['NodeManagerAddress']}: {what}", hint) for what in found]
        finally:
            for folder in self.folders:
                for path in folder.glob(f"{mark}*"):
                    path.unlink(missing_ok=True)
        if mistakes:
            raise RecipeError(mistakes)


def _work(f: Callable[[T], R], task: T, here: str) -> tuple[R | None, Exception | None]:
    """One task, on a worker. What the user is meant to read comes back as a value: raised, Ray would wrap it in its own words."""
    if os.getcwd() != here:
        os.chdir(here)  # paths of a recipe are relative to where the command was given
    try:
        return f(task), None
    except (DadeumError, OSError) as error:
        return None, error


def _result(ray: Any, ref: Any, name: str) -> Any:
    try:
        found = ray.get(ref)
    except ray.exceptions.RayTaskError:
        raise
    except ray.exceptions.RayError as error:
        said = " ".join(str(error).split())[:300]
        raise DadeumError(f"Ray gave up a task of {name}: {said}. What was finished is kept: the same command goes on from there") from error
    if not isinstance(found, tuple):
        return found
    if found[1] is not None:
        raise found[1]
    return found[0]


def _looking() -> Callable[..., list[str]]:
    """What a node can't do that tasks have to. A function of its own, so that it runs where this package is not installed."""

    def look(here: str, folders: list[str], sizes: dict[str, int], mark: str, node: str, version: str) -> list[str]:
        import os

        try:
            import dadeum

            if dadeum.__version__ != version:
                return [f"has version {dadeum.__version__} of dadeum, not {version}"]
            os.chdir(here)
            for folder in folders:
                with open(os.path.join(folder, mark)) as file:
                    if file.read() != mark:
                        return [f"sees another {folder}"]
                with open(os.path.join(folder, f"{mark}-{node}"), "w"):
                    pass
            return [f"sees another {name}" for name, size in sizes.items() if os.path.getsize(name) != size]
        except (ImportError, OSError) as error:
            return [f"{error}"]

    return look


def _reach(address: str) -> None:
    """Raise RecipeError where nothing listens at host:port. (Ray would try for a minute, and tell it in C++.)"""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except OSError as error:
        raise RecipeError(Mistake("engine.address", f"no Ray cluster answers at {address}: {error}", "`ray status` there tells its address")) from error


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    """Ray puts a handler of its own on SIGTERM, which would end the process without a word and with another exit code."""
    main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if main:
            signal.signal(signal.SIGTERM, before)
