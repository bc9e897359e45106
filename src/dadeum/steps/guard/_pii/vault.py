"""The vault: what `mode: vault` replaced, sealed in the run's ledger, so that whoever has the key can put it back.

Data, report and terminal hold surrogates and digests; `restore` gives back what a record said. The ledger's edits of `guard.pii` (`ledger/edits.parquet`, readable by its
owner alone) hold each value sealed beside its digest (after `dadeum apply`, OUT.vault.parquet does): ⟨phone:gpkmlafnbdoc:…⟩. The key is DADEUM_KEY, or the file that key.py keeps.
Without it nothing can be opened, and throwing it away is forgetting for good.

A seal is SIV (Rogaway and Shrimpton 2006) with keyed BLAKE2b as its pseudo-random function: the tag of the value is the start of the
stream that hides it, so a seal is the same for the same value, and one that was altered or sealed with another key does not open.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from pathlib import Path
from typing import Final

import polars as pl

from dadeum.errors import DadeumError
from dadeum.steps.guard._pii.key import digest, key

_LETTERS: Final = str.maketrans("0123456789", "ghijklmnop")
_DIGITS: Final = str.maketrans("ghijklmnop", "0123456789")
_SEALED: Final = re.compile(r"⟨([a-z]{2,12}):([a-p]{12}):([a-p]{32,})⟩")


def sealed(kind: str, value: str) -> str:
    """⟨kind:digest:seal⟩, in letters alone so that no seal looks like a number."""
    return f"⟨{kind}:{digest(value)}:{seal(value)}⟩"


def seal(value: str) -> str:
    """The value, hidden and authenticated. Raises DadeumError where there is no key."""
    data = value.encode("utf-8", "surrogatepass")
    tag = _tag(data)
    return (tag + _hidden(data, tag)).hex().translate(_LETTERS)


def opened(told: str) -> str:
    """The opposite of `seal`. Raises DadeumError if the key is another one or the seal was altered."""
    raw = bytes.fromhex(told.translate(_DIGITS))
    tag, data = raw[:16], _hidden(raw[16:], raw[:16])
    if not hmac.compare_digest(tag, _tag(data)):
        raise DadeumError("a seal of the vault does not open: it was altered, or sealed with another key (see DADEUM_KEY)")
    return data.decode("utf-8", "surrogatepass")


def shut(text: str) -> str:
    """`text` with digests where seals stand: what a report or a terminal may show.

    >>> shut("call ⟨phone:gpkmlafnbdoc:" + "a" * 40 + "⟩")
    'call ⟨phone:gpkmlafnbdoc⟩'
    """
    return _SEALED.sub(r"⟨\1:\2⟩", text)


def unsealed(text: str) -> str:
    """`text` with the values where their seals stand. Raises DadeumError."""
    return _SEALED.sub(lambda seal: opened(seal[3]), text)


def restore(run: Path | str) -> pl.DataFrame:
    """Of a run's folder, or of the `OUT.vault.parquet` that `dadeum apply` left: `id`, `after` (what the run's data say) and `before` (what the record said) of every record in which the vault keeps something.

    Raises DadeumError where the folder has no ledger, the ledger no vault, or the key is another one.
    """
    path = Path(run) if Path(run).is_file() else Path(run) / "ledger" / "edits.parquet"
    if not path.is_file():
        raise DadeumError(f"{run}: there is no ledger/edits.parquet to restore from")
    edits = pl.read_parquet(path).filter(pl.col("step") == "guard.pii").select("id", "after", "before")
    kept = edits.filter(pl.col("before").str.contains(r"⟨[a-z]{2,12}:[a-p]{12}:[a-p]{32,}⟩"))
    if kept.is_empty():
        raise DadeumError(f"{run}: no value was kept: `guard.pii` ran without `mode: vault`, or found nothing")
    return kept.with_columns(pl.Series("before", [unsealed(text) for text in kept.get_column("before").to_list()], dtype=pl.String))


def _tag(data: bytes) -> bytes:
    return hashlib.blake2b(data, key=key(), person=b"dadeum vault tag", digest_size=16).digest()


def _hidden(data: bytes, tag: bytes) -> bytes:
    """XOR with the stream that begins at `tag`: hides and shows."""
    secret = key()
    blocks = (hashlib.blake2b(tag + i.to_bytes(8, "big"), key=secret, person=b"dadeum vault key").digest() for i in range(-(-len(data) // 64)))
    return bytes(a ^ b for a, b in zip(data, b"".join(blocks)))
