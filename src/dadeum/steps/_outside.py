"""The outside files that a step holds rows against: what their patterns name, with the digest of each."""

from __future__ import annotations

from functools import lru_cache

from dadeum.errors import Mistake, RecipeError
from dadeum.step import digest_file, files


def digested(patterns: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """(path, digest of its content) of every file that `against` names. Raises RecipeError where there is none.

    A file is digested once a process, again when its size or time have changed.
    """
    found = [path for pattern in patterns for path in files(pattern)]
    if not found:
        raise RecipeError(Mistake("against", f"no file matches {', '.join(repr(p) for p in patterns)}"))
    return tuple((str(path), _digest(str(path), path.stat().st_mtime_ns, path.stat().st_size)) for path in found)


@lru_cache(maxsize=256)
def _digest(path: str, changed: int, size: int) -> str:
    return digest_file(path)
