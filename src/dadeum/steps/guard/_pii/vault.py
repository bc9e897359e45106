"""The vault: what `mode: vault` replaced, sealed in the run's ledger, so that whoever has the key can put it back.

Data, report and terminal hold surrogates and digests; `restore` gives back what a record said. The ledger's edits of `guard.pii` (`ledger/edits.parquet`, readable by its
owner alone) hold each value sealed beside its digest (after `dadeum apply`, OUT.vault.parquet does): ⟨phone:gpkmlafnbdoc:…⟩. The key is DADEUM_KEY, or the file that key.py keeps.
Without it nothing can be opened, and throwing it away is forgetting for good.

A seal is AES-SIV (RFC 5297, AES-256) of the library `cryptography` (`dadeum[vault]`), over the value with its kind beside it. It is the same for the same value, so that a
shard that is done again is the same to the byte; one that was altered, sealed with another key or put under another kind does not open.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl

from dadeum.errors import DadeumError, MissingExtra
from dadeum.steps.guard._pii.key import digest, key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

_LETTERS: Final = str.maketrans("0123456789", "ghijklmnop")
_DIGITS: Final = str.maketrans("ghijklmnop", "0123456789")
_SEALED: Final = re.compile(r"⟨([a-z]{2,12}):([a-p]{12}):([a-p]{32,})⟩")


def sealed(kind: str, value: str) -> str:
    """⟨kind:digest:seal⟩, in letters alone so that no seal looks like a number."""
    return f"⟨{kind}:{digest(value)}:{seal(kind, value)}⟩"


def seal(kind: str, value: str) -> str:
    """The value, hidden and authenticated together with its kind. Raises DadeumError where there is no key, MissingExtra without `dadeum[vault]`."""
    return cipher().encrypt(value.encode("utf-8", "surrogatepass"), [kind.encode()]).hex().translate(_LETTERS)


def opened(kind: str, told: str) -> str:
    """The opposite of `seal`. Raises DadeumError if the key or the kind is another one or the seal was altered, MissingExtra without `dadeum[vault]`."""
    made = cipher()
    from cryptography.exceptions import InvalidTag

    try:
        data = made.decrypt(bytes.fromhex(told.translate(_DIGITS)), [kind.encode()])
    except (InvalidTag, ValueError) as error:
        raise DadeumError("a seal of the vault does not open: it was altered, or sealed with another key (see DADEUM_KEY)") from error
    return data.decode("utf-8", "surrogatepass")


def cipher() -> AESSIV:
    """AES-SIV with a key of its own, made from the one that digests use. Raises DadeumError without a key, MissingExtra without `dadeum[vault]`."""
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV
    except ImportError as error:
        raise MissingExtra("the vault of guard.pii needs the package cryptography: pip install 'dadeum[vault]'") from error
    return AESSIV(hashlib.blake2b(key=key(), person=b"dadeum vault").digest())


def shut(text: str) -> str:
    """`text` with digests where seals stand: what a report or a terminal may show.

    >>> shut("call ⟨phone:gpkmlafnbdoc:" + "a" * 40 + "⟩")
    'call ⟨phone:gpkmlafnbdoc⟩'
    """
    return _SEALED.sub(r"⟨\1:\2⟩", text)


def unsealed(text: str) -> str:
    """`text` with the values where their seals stand. Raises DadeumError."""
    return _SEALED.sub(lambda seal: opened(seal[1], seal[3]), text)


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

