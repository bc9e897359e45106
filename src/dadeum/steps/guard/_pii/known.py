"""What stands in for the values of one record: one stand-in for each value, another for each other value."""

from __future__ import annotations

from typing import Final

from dadeum.steps.guard._pii import vault
from dadeum.steps.guard._pii.key import digest
from dadeum.steps.guard._pii.spans import Kind
from dadeum.steps.guard._pii.surrogate import MASKS, surrogate

TRIES: Final = 20
"""Two values of a record have two surrogates: another is drawn where the first is taken."""


class Surrogates:
    """Numbered in the order of the record: the value itself leaves no trace in its stand-in."""

    def __init__(self, id: str) -> None:
        self._id = id
        self._seeds: dict[tuple[str, str], str] = {}
        self._made: dict[str, tuple[str, str]] = {}

    def __call__(self, shown: str, kind: Kind, value: str) -> str:
        """The stand-in for a value of a kind, written as `shown`; of a speaker as the structure writes it, whatever he is called here."""
        shown = value if kind == "speaker" else shown
        # A speaker and a name that was found elsewhere may be one person.
        key = ("name", "".join(value.split()).lower()) if kind == "speaker" else (kind, value)
        seed = self._seeds.setdefault(key, f"{self._id}\0{key[0]}\0{sum(k == key[0] for k, _ in self._seeds)}")
        made = surrogate(shown, kind, seed)
        for again in range(TRIES):
            if self._made.setdefault(made, key) == key:
                break
            self._seeds[key] = f"{seed}\0{again}"
            made = surrogate(shown, kind, self._seeds[key])
        return made


class Masks:
    """[PHONE]; speakers are numbered, since a conversation needs to know who says what."""

    def __init__(self, id: str) -> None:
        self._speakers: dict[str, int] = {}

    def __call__(self, shown: str, kind: Kind, value: str) -> str:
        """The mask of a kind."""
        if kind != "speaker":
            return MASKS[kind]
        return f"{MASKS[kind][:-1]}{self._speakers.setdefault(value, len(self._speakers) + 1)}]"


class Digests:
    """⟨phone:keyed digest⟩, and in a vault the seal behind it: what the ledger shows."""

    def __init__(self, sealed: bool) -> None:
        self._sealed = sealed

    def __call__(self, shown: str, kind: Kind, value: str) -> str:
        """The digest of a value, or the seal of how it was written."""
        return vault.sealed(kind, shown) if self._sealed else f"⟨{kind}:{digest(value)}⟩"


StandIn = Surrogates | Masks | Digests
