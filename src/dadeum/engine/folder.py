"""A run's folder: locked while a run works in it, and never half written.

Files are made in a draft folder inside it and moved to their names when all of them are there; run.json goes away before the
first move and comes back last, so a folder with a run.json is whole.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from dadeum.engine.unit import publish
from dadeum.errors import DadeumError, LockedError


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[Path]:
    """Hold the folder for this process; made if absent. Raises LockedError where another run holds it.

    The lock goes with the process, whatever ends it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        os.chmod(folder, 0o700)
        file = os.fdopen(os.open(folder / ".lock", os.O_CREAT | os.O_RDWR, 0o600), "r+")
    except OSError as error:
        raise DadeumError(f"{folder} can't be used as a run's folder: {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = file.read().strip() or "unknown"
            raise LockedError(f"{folder}: another run (process {holder}) works in this folder; wait for it or name another --out") from error
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        for stale in folder.glob(".draft-*"):
            shutil.rmtree(stale, ignore_errors=True)
        yield folder


@contextlib.contextmanager
def drafted(folder: Path) -> Iterator[Path]:
    """A draft folder that is thrown away unless `settle` moved its files."""
    draft = folder / f".draft-{os.getpid()}"
    draft.mkdir()
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def settle(draft: Path, folder: Path, run_json: bytes) -> None:
    """Move every file of the draft to its name in the folder (folders named in the draft are replaced whole); run.json last."""
    (folder / "run.json").unlink(missing_ok=True)
    for made in sorted(draft.iterdir()):
        final = folder / made.name
        if final.is_dir():
            shutil.rmtree(final)
        os.replace(made, final)
        for path in (final, *final.rglob("*")) if final.is_dir() else (final,):
            os.chmod(path, 0o700 if path.is_dir() else 0o600)
    publish(folder / "run.json", run_json)
