"""Replies in a SQLite file on this machine, under digests of what was asked: never the questions, never a key.

Below `$DADEUM_CACHE`, else the user's cache folder, and readable by its owner alone: replies may hold what the questions held. A reply
that was refused is not kept: another day, another server behind the same name may take it.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from dadeum import remote
from dadeum.errors import DadeumError
from dadeum.model.asked import Reply

TABLE = "create table if not exists replies (digest blob primary key, text text, read int, written int, seconds real, cut int) without rowid"


class Kept:
    """The file, open. Threads may share it; several processes may write at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        self._lock = threading.Lock()
        self._file = sqlite3.connect(path, timeout=60, check_same_thread=False)
        with self._file:
            self._file.execute(TABLE)

    def get(self, digests: Sequence[bytes]) -> dict[bytes, Reply]:
        """What is known of these."""
        found: dict[bytes, Reply] = {}
        for start in range(0, len(digests), 500):
            part = list(digests[start : start + 500])
            with self._lock:
                rows = self._file.execute(f"select * from replies where digest in ({','.join('?' * len(part))})", part).fetchall()
            found |= {digest: Reply(text, read, written, seconds, bool(cut)) for digest, text, read, written, seconds, cut in rows}
        return found

    def put(self, digest: bytes, reply: Reply) -> None:
        """Keep one, on disk before this returns."""
        with self._lock, self._file:
            row = (digest, reply.text, reply.read, reply.written, reply.seconds, int(reply.cut))
            self._file.execute("insert or replace into replies values (?, ?, ?, ?, ?, ?)", row)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


@contextlib.contextmanager
def opened(name: str) -> Iterator[Kept]:
    """The replies of one address and model, as long as the context lasts. Raises DadeumError where the file cannot be read or written."""
    path = remote.home().parent / "replies" / f"{name}.sqlite"
    try:
        with contextlib.closing(Kept(path)) as kept:
            yield kept
    except sqlite3.Error as error:
        raise DadeumError(f"{path}, where replies are kept: {error}. Is the disk full? A file that is broken can be deleted: its replies are asked again") from error
