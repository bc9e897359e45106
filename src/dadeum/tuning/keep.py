"""What was made of the same things before is kept below the run's cache and not made again."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import polars as pl
import xxhash

from dadeum.engine import unit
from dadeum.settings import Train
from dadeum.step import digest_file

VERSION: Final = "5"
"""Bump it when the same rows, model and settings would be supervised, or would answer, otherwise: part of what is kept of both."""


def kept(out: Path, kind: str, made_of: list[Any], make: Callable[[], tuple[dict[str, Any], dict[str, pl.DataFrame]]]) -> unit.Unit:
    """What `make` gives, or gave before out of the same: kept below the run's cache."""
    path = out / f"cache/{kind}" / key(*made_of)
    found = unit.load(path)
    if found is not None:
        return found
    head, parts = make()
    return unit.Unit(head, unit.save(path, head, parts), parts)


def key(*made_of: Any) -> str:
    """The digest of what something is made of: rows, settings, names."""
    return unit.digest(VERSION, *map(_digest, made_of))


def _digest(value: Any) -> str:
    if isinstance(value, pl.DataFrame):
        buffer = io.BytesIO()
        value.write_ipc(buffer)
        return xxhash.xxh3_128_hexdigest(buffer.getbuffer())
    if isinstance(value, Train) and value.template:
        return f"{value!r} {digest_file(value.template)}"  # a template is told by what it says: the same path may hold another
    return repr(value)


ABOUT: Final = ("README.md", "parity.json")
"""Files that speak of a model and are no part of it."""


def content(model: Path | str) -> str:
    """Of a model's files; a hub model is told by its name."""
    folder = Path(model)
    if not folder.is_dir():
        return str(model)
    return unit.digest(*(f"{p.name} {digest_file(p)}" for p in sorted(folder.iterdir()) if p.is_file() and p.name not in ABOUT))
