"""Transcripts: a whole conversation in one string, as hh-rlhf has it ("\\n\\nHuman: ...\\n\\nAssistant: ...")."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from dadeum.io.chunk import Unreadable
from dadeum.io.turns import Turn, turn

_MARK: Final = re.compile(r"\n\n(Human|Assistant):")
_ROLE: Final = {"Human": "user", "Assistant": "assistant"}
_NAME: Final = {role: name for name, role in _ROLE.items()}


def parse(text: str) -> list[Turn] | None:
    """The turns, or null where the string is no transcript. A last mark with nothing after it has content null.

    >>> [(t["role"], t["content"]) for t in parse("\\n\\nHuman: hi\\n\\nAssistant:")]
    [('user', 'hi'), ('assistant', None)]
    """
    if not text.startswith(("\n\nHuman:", "\n\nAssistant:")):
        return None
    pieces = _MARK.split(text)[1:]
    made = []
    for name, said in zip(pieces[::2], pieces[1::2]):
        if said and not said.startswith(" "):
            return None
        made.append(turn(_ROLE[name], said[1:] if said else None))
    return made


def write(turns: Sequence[Turn]) -> str:
    """The turns as a transcript. Raises Unreadable for a role that transcripts lack."""
    made = []
    for said in turns:
        if said["role"] not in _NAME:
            raise Unreadable("a transcript has turns of user and assistant alone, the record has others")
        made.append(f"\n\n{_NAME[said['role']]}:" + ("" if said["content"] is None else f" {said['content']}"))
    return "".join(made)


def prefix(a: Sequence[object], b: Sequence[object]) -> int:
    """How many turns two conversations share from the beginning; each keeps at least its last."""
    n = 0
    while n < min(len(a), len(b)) - 1 and a[n] == b[n]:
        n += 1
    return n
