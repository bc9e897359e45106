"""The key that lets equal values be told to be equal without telling them.

DADEUM_KEY, or a file of the user's own that is made once. Who has no key can't find a phone number by trying all of them.
"""

from __future__ import annotations

import functools
import hashlib
import os
import secrets
from pathlib import Path

from dadeum.errors import DadeumError


def digest(value: str) -> str:
    """A keyed digest of a value, in letters alone so that no digest looks like a number."""
    made = hashlib.blake2b(value.encode(), key=key(), digest_size=6).hexdigest()
    return made.translate(str.maketrans("0123456789", "ghijklmnop"))


def key() -> bytes:
    """The key. Raises DadeumError where there is none and none can be kept."""
    told = os.environ.get("DADEUM_KEY")
    return hashlib.blake2b(told.encode()).digest() if told else _kept(path())


def path() -> Path:
    """Where the key is kept when DADEUM_KEY is not set."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "dadeum" / "key"


@functools.cache
def _kept(path: Path) -> bytes:
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            draft = path.with_name(f"key.{os.getpid()}.{secrets.token_hex(4)}")
            with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
                file.write(secrets.token_hex(32))
            try:
                os.link(draft, path)  # never over a key that another process made in the meantime
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        return hashlib.blake2b(path.read_bytes()).digest()
    except OSError as error:
        raise DadeumError(f"no key for the digests of personal data: {error}. Set DADEUM_KEY to any secret of your own.") from error
