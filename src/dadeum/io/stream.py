"""Bytes of a file, plain, .gz or .zst, as blocks and as lines. Streaming: memory holds one block and the line in hand."""

from __future__ import annotations

import codecs
import gzip
import itertools
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from isal import igzip

from dadeum.errors import DadeumError

BLOCK: Final = 1 << 20
SOME: Final = 10_000
"""Lines that `lines` gives at once."""
COMPRESSED: Final = (".gz", ".zst")
_BROKEN: Final = (EOFError, gzip.BadGzipFile)


def suffix(path: Path) -> str:
    """The ending that tells the format, in small letters, without a compression's.

    >>> suffix(Path("a/reviews-00.JSONL.gz"))
    '.jsonl'
    """
    suffixes = [s.lower() for s in path.suffixes]
    if suffixes and suffixes[-1] in COMPRESSED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def zstd() -> Any:
    """The zstd module: the standard library's, or its backport."""
    if sys.version_info >= (3, 14):
        from compression import zstd as module
    else:
        from backports import zstd as module
    return module


@contextmanager
def opened(path: Path, mode: str = "rb") -> Iterator[IO[bytes]]:
    """The file's bytes, decompressed by its ending (compressed, for mode `wb`). Damage in a compressed file raises DadeumError."""
    ending = path.suffix.lower()
    if ending == ".gz":
        if mode == "rb":
            # A third of zlib's time: 0.09 against 0.27 CPU-s for 62 MB of JSON.
            with igzip.open(path) as file:
                yield file
            return
        # mtime and name out of the header: the same rows give the same bytes.
        with open(path, mode) as raw, gzip.GzipFile("", mode, 6, raw, mtime=0) as file:  # type: ignore[arg-type]
            yield file  # type: ignore[misc]
    elif ending == ".zst":
        with zstd().open(path, mode) as file:
            yield file
        # Nothing written makes no frame at all, which no reader takes for an empty file.
        if mode == "wb" and not path.stat().st_size:
            path.write_bytes(zstd().compress(b""))
    else:
        with open(path, mode) as file:
            yield file


def blocks(path: Path, size: int = BLOCK) -> Iterator[bytes]:
    """The file's bytes, a block at a time. Raises DadeumError where a compressed file is damaged or cut."""
    if not path.stat().st_size:
        return
    with opened(path) as file:
        while True:
            try:
                block = file.read(size)
            except _BROKEN as error:
                raise DadeumError(f"{path}: the compressed file is damaged or cut short ({error}); fetch it again") from error
            except Exception as error:
                if type(error).__name__ not in ("ZstdError", "IsalError", "error"):
                    raise
                raise DadeumError(f"{path}: the compressed file is damaged or cut short ({error}); fetch it again") from error
            if not block:
                return
            yield block


def lines(path: Path, wide: str = "") -> Iterator[list[bytes]]:
    """The physical lines, without their newline, in batches. wide: see `Lines`."""
    source = Lines(path, wide)
    while (taken := source.take(SOME))[1]:
        yield taken[0].split(b"\n")


class Lines:
    """The physical lines of a file, some at a time, as one piece of bytes.

    wide: one of encoding.WIDE, which are read as a stream: the text comes as UTF-8 (a half of a surrogate pair as bytes that
    are none). A UTF-8 byte-order mark at the beginning is left out.
    """

    def __init__(self, path: Path, wide: str = "") -> None:
        self._blocks = narrow(blocks(path), wide) if wide else blocks(path)
        self._rest = next(self._blocks, b"").removeprefix(codecs.BOM_UTF8)

    def take(self, n: int) -> tuple[bytes, int]:
        """(the next n lines, or what is left of them, joined by newlines; how many they are)."""
        pieces, found = [], 0
        piece = self._rest
        while True:
            here = piece.count(b"\n")
            if found + here >= n:
                end = int(np.flatnonzero(np.frombuffer(piece, dtype=np.uint8) == 10)[n - found - 1])
                pieces.append(piece[:end])
                self._rest = piece[end + 1 :]
                return b"".join(pieces), n
            pieces.append(piece)
            found += here
            piece = next(self._blocks, b"")
            if not piece:
                break
        self._rest = b""
        pieces = [piece for piece in pieces if piece]
        if pieces and pieces[-1].endswith(b"\n"):
            pieces[-1] = pieces[-1][:-1]  # here, where it copies a block and not the whole
            return b"".join(pieces), found
        return b"".join(pieces), found + bool(pieces)


def narrow(stream: Iterable[bytes], wide: str) -> Iterator[bytes]:
    """A stream in one of encoding.WIDE as UTF-8. What can't be decoded comes as bytes that are no UTF-8, for its line to be told."""
    if wide.startswith("mixed-"):
        yield from _each(stream, wide.removeprefix("mixed-"))
        return
    stream = iter(stream)
    first = next(stream, b"")
    if wide in ("utf-16", "utf-32") and not first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)):
        wide = f"{wide}-le"
    decoder = codecs.getincrementaldecoder(wide)(errors="dadeum.kept")
    for block in itertools.chain([first], stream):
        yield decoder.decode(block).encode("utf-8", "surrogatepass")
    yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")


def _kept(error: UnicodeError) -> tuple[str, int]:
    """What can't be decoded, as halves of surrogate pairs: no UTF-8, hence told with its line, and nothing of it is dropped."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error("dadeum.kept", _kept)


def _each(stream: Iterable[bytes], page: str) -> Iterator[bytes]:
    """Lines of which each is UTF-8 or, where it is not, in the code page; as it is where it is neither."""
    rest: list[bytes] = []
    for block in itertools.chain(stream, [b""]):
        # A line that goes over many blocks is put together once.
        whole, newline, more = block.rpartition(b"\n")
        rest.append(whole + newline if newline or not block else more)
        if newline or not block:
            lines = b"".join(rest).split(b"\n")
            rest = [more]
            yield b"\n".join(line if _is(line, "utf-8") or not _is(line, page) else line.decode(page).encode() for line in lines)


def _is(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
