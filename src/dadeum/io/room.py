"""Rooms of a messenger as conversations: cut where nobody spoke for long, the speakers' names made roles, every message accounted for.

A conversation is a plain row, `messages` in OpenAI's form and beside them what the export knew, and goes on like any other row:

    room          what the export calls the room, channel or thread
    started, ended, times   when the conversation began and ended, and each turn (as the export wrote the clock; no zone is guessed)
    roles         how they were found: told (by `chat.assistant`), bot (the other one is a program), order (who spoke first of two
                  is the user), names (more than two: all are users, `name` says who)
    speakers      role to the names that the turns no longer carry
    mentioned     other people whom a message or the room's own name names
    left_out      what is no turn: notices (joined, left), photos, stickers, deleted messages, with their number

Names of speakers are personal data: no error and no reason here holds one.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from dadeum.errors import Mistake, RecipeError
from dadeum.io.chunk import Bad
from dadeum.settings import Chat

SAID: Final = "said"


@dataclass(frozen=True)
class Message:
    """One entry of an export."""

    line: int
    """Where it begins: its line, or its number in the export."""
    who: str
    """Its speaker: a name or an id; empty for what the messenger itself says."""
    text: str
    when: datetime | None = None
    kind: str = SAID
    """`said`, or what it is instead of words: photo, sticker, deleted, joined, ..."""
    thread: str = ""
    """Messages of one thread are one conversation whatever the time between them."""
    beside: tuple[str, ...] = ()
    """What came along with the words: photo, file."""
    mentions: tuple[str, ...] = ()
    """Names of the people whom it mentions, where the export says so."""


@dataclass
class Room:
    """A room, channel or chat as its export has it."""

    messages: list[Message] = field(default_factory=list)
    about: dict[str, Any] = field(default_factory=dict)
    """Goes into every conversation of the room."""
    names: Mapping[str, str] = field(default_factory=dict)
    """What speakers are called, where `who` is an id."""
    bots: frozenset[str] = frozenset()
    people: tuple[str, ...] = ()
    """Names that the room is called by, where the export says so."""

    def moved(self, lines: int) -> Room:
        """The room with its messages so many lines further on."""
        return replace(self, messages=[replace(m, line=m.line + lines) for m in self.messages])


Rows = list[tuple[int, dict[str, Any]]]


def conversations(room: Room, chat: Chat) -> tuple[Rows, list[Bad]]:
    """(line of its first turn, row) of every conversation, in the order of the lines; what has no words at all is unreadable.

    Raises RecipeError where `chat.assistant` names none of two or more speakers.
    """
    voices = _voices(room.messages)
    assistants = told(voices, room.names, chat)
    rows: Rows = []
    bad: list[Bad] = []
    for part in _parts(room.messages, chat.silence * 60):
        spoken = [bool(m.who) and (m.kind == SAID or chat.placeholders == "keep") for m in part]
        turns = list(itertools.compress(part, spoken))
        out = Counter(m.kind for m, is_turn in zip(part, spoken) if not is_turn)
        out.update(kind for m in turns for kind in m.beside)
        if not turns:
            what = ", ".join(f"{kind} {n}" for kind, n in sorted(out.items()))
            bad.append(Bad(part[0].line, f"a conversation without words: {what}", "\n".join(m.text for m in part)))
            continue
        roles, how = roles_of(_voices(turns), voices, assistants, room.bots)
        row = {**_spoken(turns, roles, how, room.names, chat.joined), "roles": how, **room.about}
        if others := _mentioned(room, part, roles):
            row["mentioned"] = others
        if out:
            row["left_out"] = dict(sorted(out.items()))
        rows.append((turns[0].line, row))
    return sorted(rows, key=lambda pair: pair[0]), bad


def _mentioned(room: Room, part: Iterable[Message], roles: Mapping[str, str]) -> list[str]:
    """Who is named in a conversation and does not speak in it: mentioned in a message, or the one that the room is called by."""
    called = str(room.about.get("room", ""))
    absent = {room.names.get(who, who) for who in _voices(room.messages)}
    named = [*(name for m in part for name in m.mentions), *room.people, *sorted(name for name in absent if name.strip() and name in called)]
    spoken = {room.names.get(who, who) for who in roles}
    return [name for name in dict.fromkeys(named) if name not in spoken]


def _voices(messages: Iterable[Message]) -> list[str]:
    """The speakers, in the order in which they first speak."""
    return list(dict.fromkeys(m.who for m in messages if m.who))


def _parts(messages: list[Message], silence: float) -> Iterable[list[Message]]:
    """The messages of each conversation. Notices open none: they go with the messages before them, or with the first."""
    threads: dict[str, list[Message]] = {}
    for m in messages:
        threads.setdefault(m.thread, []).append(m)
    for thread, whole in threads.items():
        held: list[Message] = []
        spoken: Message | None = None
        for m in whole:
            if m.who and not thread and silence and spoken is not None and _between(spoken, m) > silence:
                yield held
                held, spoken = [], None
            held.append(m)
            spoken = m if m.who else spoken
        if held:
            yield held


def _between(a: Message, b: Message) -> float:
    if a.when is None or b.when is None:
        return 0.0
    return stamp(b.when) - stamp(a.when)


def stamp(when: datetime) -> float:
    """Seconds since 1970; a clock without a zone is taken as it stands."""
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def told(voices: list[str], names: Mapping[str, str], chat: Chat) -> frozenset[str] | None:
    """The speakers that the recipe calls the assistant; null where it calls none so. Raises RecipeError where nobody is called so."""
    if not chat.assistant:
        return None
    called = {name.strip() for name in chat.assistant}
    found = frozenset(who for who in voices if who.strip() in called or names.get(who, who).strip() in called)
    if not found and len(voices) > 1:
        raise RecipeError(Mistake("chat.assistant", f"none of the {len(voices)} speakers is called so", "names are as the export shows them"))
    return found


def roles_of(
    here: list[str], voices: list[str], assistants: frozenset[str] | None, bots: frozenset[str] = frozenset()
) -> tuple[dict[str, str], str]:
    """(speaker to role, how it was found) of a conversation. here: its speakers; voices: the room's, of which two keep their roles throughout."""
    if assistants is not None:
        return {who: "assistant" if who in assistants else "user" for who in here}, "told"
    two = voices if len(voices) == 2 else here
    if len(two) == 2:
        programs = [who for who in two if who in bots]
        second = programs[0] if len(programs) == 1 else two[1]
        return {who: "assistant" if who == second else "user" for who in here}, "bot" if len(programs) == 1 else "order"
    return dict.fromkeys(here, "user"), "names"


def _spoken(turns: list[Message], roles: dict[str, str], how: str, names: Mapping[str, str], joined: bool) -> dict[str, Any]:
    """The turns, and who spoke them when. A turn carries a name where its role alone does not say whose it is."""
    shared = Counter(roles.values())
    made: list[dict[str, str]] = []
    times: list[str | None] = []
    groups = itertools.groupby(turns, key=lambda m: m.who) if joined else ((m.who, [m]) for m in turns)
    for who, group in groups:
        part = list(group)
        content = "\n".join(m.text for m in part)
        carried = {"name": names.get(who, who)} if how == "names" or shared[roles[who]] > 1 else {}
        made.append({"role": roles[who], "content": content, **carried})
        times.append(clock(part[0].when))
    speakers: dict[str, list[str]] = {}
    for who, role in roles.items():
        speakers.setdefault(role, []).append(names.get(who, who))
    row: dict[str, Any] = {"messages": made, "speakers": speakers}
    if any(times):
        row |= {"started": times[0], "ended": clock(turns[-1].when), "times": times}
    return row


def clock(when: datetime | None) -> str | None:
    """A time as the row carries it."""
    return when.isoformat(timespec="seconds") if when else None
