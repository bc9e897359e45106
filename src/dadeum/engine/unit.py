"""A unit of work on disk: whole, or absent.

A file holds one line of JSON (the head: anything small, and where the parts lie), then its parts, Arrow IPC frames. It is
written to a draft, read back, its digest compared, then renamed; so a killed run or a full disk never leaves half a unit under
a final name, and two runs may write the same unit at once. The digest of the parts is checked again at every load: a damaged
unit counts as absent and is made again.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import xxhash

from dadeum.errors import DadeumError


def digest(*parts: bytes | memoryview | str) -> str:
    """xxh3-128 of the parts, hex. Each part's length goes in, so that ("ab", "c") and ("a", "bc") differ."""
    h = xxhash.xxh3_128()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        h.update(len(data).to_bytes(8, "little"))
        h.update(data)
    return h.hexdigest()


@dataclass(frozen=True)
class Unit:
    """A loaded unit: `head` (plain JSON values), `parts` (frames by name), `digest` of the parts."""

    head: dict[str, Any]
    digest: str
    parts: dict[str, pl.DataFrame]


def save(path: Path, head: Mapping[str, Any], parts: Mapping[str, pl.DataFrame]) -> str:
    """Write a unit and give the digest of its parts. Raises DadeumError where the disk gives back something else."""
    bodies: dict[str, bytes] = {}
    for name, frame in parts.items():
        buffer = io.BytesIO()
        frame.rechunk().write_ipc(buffer, compression="uncompressed")
        bodies[name] = buffer.getvalue()
    told = digest(*bodies.values())
    index = [[name, len(body)] for name, body in bodies.items()]
    first = orjson.dumps({"head": dict(head), "digest": told, "parts": index}) + b"\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    publish(path, b"".join((first, *bodies.values())))
    return told


def publish(path: Path, data: bytes) -> None:
    """Put `data` under the name `path`, whole or not at all, readable by its owner alone."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        with open(os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_RDWR, 0o600), "w+b") as file:
            file.write(data)
            file.flush()
            file.seek(0)
            if xxhash.xxh3_128_digest(file.read()) != xxhash.xxh3_128_digest(data):
                raise DadeumError(f"{draft} read back differs from what was written: the disk or memory is failing")
        os.replace(draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def peek(path: Path) -> Unit | None:
    """The head alone, or None where there is no such unit."""
    try:
        with open(path, "rb") as file:
            head = orjson.loads(file.readline())
            size = file.seek(0, io.SEEK_END)
    except (FileNotFoundError, orjson.JSONDecodeError):
        return None
    whole = len(orjson.dumps(head)) + 1 + sum(n for _, n in head["parts"])
    return Unit(head["head"], head["digest"], {}) if size == whole else None


def load(path: Path, *names: str) -> Unit | None:
    """The unit with its parts (all, or those named), or None where it is absent or damaged."""
    try:
        data = path.read_bytes()
        at = data.index(b"\n") + 1
        head = orjson.loads(data[:at])
    except (FileNotFoundError, ValueError):
        return None
    view, bodies = memoryview(data), {}
    for name, size in head["parts"]:
        bodies[name] = view[at : at + size]
        at += size
    if digest(*bodies.values()) != head["digest"]:
        return None
    wanted = names or tuple(bodies)
    parts = {name: pl.read_ipc(io.BytesIO(bodies[name])) for name in wanted if name in bodies}
    return Unit(head["head"], head["digest"], parts)
