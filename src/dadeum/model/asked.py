"""What a model is asked, and what it said."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

VERSION: Final = 1
"""Bump it when the same Ask would be sent otherwise."""
TEMPLATE: Final = 16
"""Tokens that a chat template may put around a turn, at the most that is met in the wild."""


@dataclass(frozen=True)
class Ask:
    """One request: the turns, the tools on offer, and how to decode. Equal asks have equal replies, as far as a server is repeatable."""

    messages: Sequence[Mapping[str, Any]]
    """In the OpenAI form."""
    max_tokens: int
    tools: Sequence[Any] = field(default=())
    temperature: float = 0.0
    seed: int = 0

    def body(self, model: str) -> dict[str, Any]:
        """The request as an OpenAI-compatible server takes it."""
        told: dict[str, Any] = {"model": model, "messages": list(self.messages), "max_tokens": self.max_tokens}
        told |= {"temperature": self.temperature, "seed": self.seed}
        return told | ({"tools": list(self.tools)} if self.tools else {})

    def digest(self, url: str, model: str) -> bytes:
        """Of everything that the reply depends on."""
        told = json.dumps([VERSION, url, self.body(model)], sort_keys=True, ensure_ascii=False)
        return hashlib.blake2b(told.encode("utf-8", "surrogatepass"), digest_size=16).digest()

    def most(self) -> int:
        """Tokens that reading and answering can take at most: no tokenizer of bytes makes more tokens than there are bytes."""
        size = len(json.dumps([list(self.messages), list(self.tools)], ensure_ascii=False).encode("utf-8", "surrogatepass"))
        return size + TEMPLATE * len(self.messages) + self.max_tokens


@dataclass(frozen=True)
class Reply:
    """What came back. `text` is null where the server refused this one request (too long, against its rules): `why` says so."""

    text: str | None
    read: int = 0
    """Tokens of the prompt, as the server counted them; 0 where it told nothing."""
    written: int = 0
    seconds: float = 0.0
    """From sending to the whole answer."""
    cut: bool = False
    """Whether it ended at `max_tokens` and not by itself."""
    why: str = ""
