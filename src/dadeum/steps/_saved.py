"""Saved indexes: arrays in one file that says what it is, since when, and whether it is whole.

    dadeum index 1\\n      the mark, with the version of this layout
    {"kind", "made", "arrays", "probe", "digest"}\\n
    the arrays' bytes, each beginning at a multiple of 64

`made` holds what the index was made of and with; who reads it compares that with what it needs. `probe` is what the normalised
key of a fixed text was: an index made by another definition of the key would answer wrongly, so it is refused. The digest covers the
rest of the header and all arrays. Arrays are mapped, not read: the processes of one machine share one copy in memory.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import polars as pl

from dadeum.errors import DadeumError
from dadeum.steps import _key

MARK: Final = b"dadeum index 1\n"
FAMILY: Final = MARK[:13]
ALIGNED: Final = 64
_PROBE: Final = ["다듬 INDEX ㅋㅋㅋ ｆｕｌｌ café 1.0", "def f(x):\n    return x;\n", "...", ""]

Arrays = dict[str, np.ndarray]


def write(path: Path | str, kind: str, made: dict[str, Any], arrays: Arrays) -> None:
    """Write the file whole or not at all. made: JSON values."""
    path = Path(path)
    flat = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    head = {"kind": kind, "made": made, "arrays": {n: [a.dtype.str, list(a.shape)] for n, a in flat.items()}, "probe": _probe()}
    digest = hashlib.blake2b(orjson.dumps(head, option=orjson.OPT_SORT_KEYS), digest_size=16)
    for array in flat.values():
        digest.update(array.data if array.size else b"")
    header = orjson.dumps({**head, "digest": digest.hexdigest()}) + b"\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    draft, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(draft, "wb") as file:
            file.write(MARK + header)
            for array in flat.values():
                file.write(b"\0" * (-file.tell() % ALIGNED))
                file.write(array.data if array.size else b"")
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise


def is_saved(path: Path | str) -> bool:
    """Whether a file begins as a saved index does, of whatever version."""
    with open(path, "rb") as file:
        return file.read(len(FAMILY)) == FAMILY


def read(path: Path | str, kind: str) -> tuple[dict[str, Any], Arrays]:
    """(made, arrays), checked against the digest. Raises DadeumError where the file is another kind or version, damaged or cut."""
    status = Path(path).stat()
    return _read(str(path), kind, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=8)
def _read(path: str, kind: str, changed: int, size: int) -> tuple[dict[str, Any], Arrays]:
    with open(path, "rb") as file:
        if (mark := file.readline(len(MARK) + 20)) != MARK:
            raise DadeumError(f"{path}: an index of another version ({mark[:40]!r}); make it again from the files it was made of")
        try:
            head = orjson.loads(file.readline())
            digest, at = hashlib.blake2b(digest_size=16), file.tell()
            told = head.pop("digest")
            digest.update(orjson.dumps(head, option=orjson.OPT_SORT_KEYS))
            arrays = {}
            for name, (dtype, shape) in head["arrays"].items():
                at += -at % ALIGNED
                many = int(np.prod(shape, dtype=np.int64))
                mapped = np.memmap(path, np.dtype(dtype), "r", at, tuple(shape)) if many else np.zeros(shape, np.dtype(dtype))
                arrays[name] = mapped
                digest.update(mapped.data if many else b"")
                at += mapped.nbytes
        except (ValueError, TypeError, KeyError, AttributeError, OSError) as error:
            raise DadeumError(f"{path}: the index is damaged or cut short ({error}); make it again") from error
    if digest.hexdigest() != told or at != size:
        raise DadeumError(f"{path}: the index is damaged or cut short (its digest is another); make it again")
    if head["kind"] != kind:
        raise DadeumError(f"{path}: an index of {head['kind']}, and this step needs one of {kind}")
    if head["probe"] != _probe():
        raise DadeumError(f"{path}: the index was made by another definition of when texts are the same; make it again")
    return head["made"], arrays


@lru_cache(maxsize=1)
def _probe() -> str:
    texts = pl.Series("text", _PROBE)
    made = hashlib.blake2b(_key.letters(texts).tobytes() + _key.characters(texts).tobytes(), digest_size=16)
    for part in _key.text_digests(texts):
        made.update(part.to_numpy().tobytes())
    return made.hexdigest()
