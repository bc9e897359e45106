"""Layouts: how a raw row becomes a record's contents, and how the row is built from them again.

The law: `put(get(row))` is the row, as a JSON value with the order of its keys. What no content is made of is carried in
`meta`. The column `layout` holds, as JSON,

    {"kind": ..., "keys": [the row's keys in order], "slots": [[path, column, codec, ...], ...], "named": [columns of `fields`]}

and each slot says which value of the row (a path of keys) lives in which column, and in what form:

| codec                  | the value is                                                                     |
|------------------------|----------------------------------------------------------------------------------|
| str, json              | the column's string; the value that the column's string is the JSON text of      |
| int, float, figures    | the column's number; the string that it was written as                           |
| system                 | the content of the first turn, a system turn; the other slots count from after it|
| said i role            | the content of turn i (`json`: the value that it is the JSON text of)            |
| copied role            | the content of the first turn of that role (it stands elsewhere in the row too)  |
| before n m, after n    | an instruction and its input, which are one turn of m characters                 |
| history                | pairs of strings: the turns before the last two                                  |
| chat, sharegpt         | messages: [all, first but n, or last n], shapes (see turns.py), full             |
| one                    | a single message                                                                 |
| transcript             | the turns in one string                                                          |
| dialogue key items     | items that each hold a turn's content under the key, with all else that they hold|

After edits `put` takes the columns as they are now; where they no longer fit it says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from dadeum.io import transcript
from dadeum.io.chunk import Unreadable
from dadeum.io.turns import KEYS, Dialect, Turn, build, build_all, read, read_all, roles, turn
from dadeum.io.value import as_text, dumps, loads
from dadeum.settings import Chat

GAP: Final = "\n\n"
"""Stands between an instruction and its input."""
Path = tuple[str, ...]


@dataclass
class Got:
    """A raw row on its way into a record."""

    raw: dict[str, Any]
    kind: str = "rest"
    columns: dict[str, Any] = field(default_factory=dict)
    """RECORD's columns and those that `fields` names."""
    slots: list[list[Any]] = field(default_factory=list)
    key: str | None = None
    named: tuple[str, ...] = ()
    """The columns that `fields` names."""
    chat: Chat = field(default_factory=Chat)
    """How speakers get their roles."""

    def taken(self) -> set[str]:
        """The row's keys that content was made of."""
        return {slot[0][0] for slot in self.slots}

    def take(self, path: Path, column: str, codec: str, *told: Any) -> None:
        """Note that a value went into a column."""
        self.slots.append([list(path), column, codec, *told])

    def text(self, path: Path, column: str, value: Any) -> None:
        """A value as a column of text."""
        self.columns[column] = as_text(value)
        self.take(path, column, "str" if value is None or isinstance(value, str) else "json")

    def number(self, path: Path, value: Any) -> None:
        """A value as the score."""
        if isinstance(value, str):
            try:
                self.columns["score"] = float(value)
            except ValueError:
                raise Unreadable(f"{'.'.join(path)} is no number") from None
            self.take(path, "score", "figures", value)
        else:
            self.columns["score"] = float(value)
            self.take(path, "score", "int" if isinstance(value, int) else "float")

    def turns(self, column: str, made: Sequence[Turn]) -> None:
        """Add turns to a column."""
        self.columns[column] = [*(self.columns.get(column) or ()), *made]

    def system(self, path: Path, value: str) -> None:
        """A system prompt that stands beside the messages."""
        self.turns("messages", [turn("system", value)])
        self.take(path, "messages", "system")

    def said(self, path: Path, column: str, role: str, value: Any, at: int) -> None:
        """A string that is one turn; another value is, as JSON text."""
        self.turns(column, [turn(role, as_text(value))])
        self.take(path, column, "said", at, role, *([] if value is None or isinstance(value, str) else ["json"]))

    def listed(self, path: Path, column: str, value: list[Any], dialect: Dialect, end: str = "all", number: int = 0) -> None:
        """Messages: `all` of the column, its `first` but for the last `number`, or the `last` `number`."""
        made, shapes = read_all(value, dialect)
        self.turns(column, made)
        self.take(path, column, dialect, [end, number], shapes)

    def meta(self) -> dict[str, Any]:
        """What is carried. A value taken out of a nested one leaves null there, to be put back."""
        whole = {slot[0][0] for slot in self.slots if len(slot[0]) == 1}
        rest = {k: v for k, v in self.raw.items() if k not in whole}
        for slot in self.slots:
            if len(slot[0]) > 1 and slot[0][0] in rest:
                rest[slot[0][0]] = placed(rest[slot[0][0]], slot[0][1:], None)
        return rest

    def layout(self) -> str:
        """The layout column."""
        named = {"named": list(self.named)} if self.named else {}
        return dumps({"kind": self.kind, "keys": list(self.raw), "slots": self.slots, **named})


def placed(inside: Any, path: Sequence[str], value: Any) -> Any:
    """A copy of a nested value with another value at a path."""
    if not path:
        return value
    if isinstance(inside, list):
        at = int(path[0])
        return [placed(v, path[1:], value) if i == at else v for i, v in enumerate(inside)]
    return {k: placed(v, path[1:], value) if k == path[0] else v for k, v in inside.items()}


@lru_cache(maxsize=256)
def parsed(layout: str) -> dict[str, Any]:
    """A layout column's value. Shared: not to be changed."""
    return loads(layout)


def put(layout: dict[str, Any], columns: dict[str, Any], carried: dict[str, Any]) -> dict[str, Any]:
    """The raw row of a record. columns: its columns as they are now, turns as lists of dicts. carried: its `meta`.

    Raises Unreadable, with the reason, where the record no longer fits.
    """
    raw = {k: carried.get(k) for k in layout["keys"]}
    messages = columns.get("messages") or []
    systems = [slot for slot in layout["slots"] if slot[2] == "system"]
    body = messages[1:] if systems and messages and messages[0]["role"] == "system" else messages
    for path, column, codec, *told in layout["slots"]:
        if codec == "system":
            value: Any = messages[0]["content"] if len(body) < len(messages) else ""
        elif codec in ("str", "json", "int", "float", "figures"):
            value = _scalar(columns.get(column), codec, told)
        else:
            turns = body if column == "messages" else columns.get(column)
            value = None if turns is None else _turns(turns, codec, told, body, ".".join(path))
        raw[path[0]] = placed(raw[path[0]], path[1:], value)
    return raw


def _scalar(value: Any, codec: str, told: list[Any]) -> Any:
    if value is None or codec in ("str", "float"):
        return value
    if codec == "int":
        return int(value) if float(value).is_integer() else value
    if codec == "figures":
        return told[0] if float(told[0]) == value or value != value else str(value)
    try:
        return loads(value)
    except ValueError:
        return value


def _turns(turns: list[Turn], codec: Any, told: list[Any], body: list[Turn], where: str) -> Any:
    if codec in ("chat", "sharegpt"):
        (end, number), shapes, *full = told
        if full:
            return build_all([*body, *turns], codec, shapes)
        cut = max(0, len(turns) - number)
        part = {"all": turns, "first": turns[:cut], "last": turns[cut:]}[end]
        return build_all(part, codec, shapes)
    if codec == "transcript":
        return transcript.write([*body, *turns] if told else turns)
    if codec == "dialogue":
        key, items = told
        if len(items) != len(turns):
            raise Unreadable(f"{where} holds {len(items)} turns, the record has {len(turns)}")
        return [{**item, key: said["content"]} for item, said in zip(items, turns)]
    if codec == "history":
        return _history(turns[:-2], where)
    if codec == "copied":
        return next((t["content"] for t in turns if t["role"] == told[0]), None)
    if codec == "one":
        dialect, shape = told
        if len(turns) != 1:
            raise Unreadable(f"{where} holds one message, the record has {len(turns)} turns there")
        return build(turns[0], dialect, shape)
    at = told[0]
    if not -len(turns) <= at < len(turns) or (codec == "said" and turns[at]["role"] != told[1]):
        raise Unreadable(f"{where} was turn {at + 1 if at >= 0 else at} of the record, which is no longer there")
    content = turns[at]["content"]
    if codec != "said":
        return _split(content or "", codec, *told[1:])
    return _scalar(content, "json", []) if len(told) > 2 else content


def _history(turns: list[Turn], where: str) -> list[list[Any]]:
    if [t["role"] for t in turns] != ["user", "assistant"] * (len(turns) // 2):
        raise Unreadable(f"{where} holds pairs of user and assistant turns, the record has {roles(turns)}")
    return [[a["content"], b["content"]] for a, b in zip(turns[::2], turns[1::2])]


def _split(content: str, codec: str, first: int, total: int, gaps: int) -> str:
    """An instruction and its input out of their one turn: by length where that still fits, else at the same gap."""
    if len(content) == total and content[first : first + len(GAP)] == GAP:
        at = first
    else:
        pieces = content.split(GAP)
        at = len(GAP.join(pieces[: gaps + 1])) if len(pieces) > gaps + 1 else len(content)
    return content[:at] if codec == "before" else content[at + len(GAP) :]


def single(got: Got, path: Path, column: str, value: dict[str, Any], dialect: Dialect) -> None:
    """A value that is one message."""
    made, shape = read(value, dialect)
    got.turns(column, [made])
    got.take(path, column, "one", dialect, shape)


def dialect_of(value: dict[str, Any]) -> Dialect:
    """By which keys a message speaks."""
    return "sharegpt" if KEYS["sharegpt"][0] in value and KEYS["chat"][0] not in value else "chat"
