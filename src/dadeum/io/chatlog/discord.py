"""Discord: a channel as DiscordChatExporter writes it, JSON (one object: guild, channel, messages) or CSV.

Words are the messages of type Default and Reply and what programs answer to commands; pins, joins, calls and the like are notices.
An embed's title and description stand for the words of a message that has none. Of the CSV, which tells no types, every row is a
message. Source: the JSON and CSV writers of DiscordChatExporter.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from dadeum.io import stream, table
from dadeum.io.chunk import Bad, kind, not_utf8, shown
from dadeum.io.room import SAID, Message, Room
from dadeum.io.value import dumps, fault, forgiving

HEAD: Final = re.compile(rb'\s*\{\s*"guild"\s*:\s*\{')
"""How an export in JSON begins."""
TABLE: Final = b"AuthorID,Author,Date,Content,Attachments"
"""How one in CSV begins."""
SPOKEN: Final = ("Default", "Reply", "ChatInputCommand", "ContextMenuCommand", "ThreadStarterMessage", "0", "19", "20", "21", "23")
"""Types whose content is words; numbers where the exporter did not know their names."""
EVENTS: Final = {"GuildMemberJoin": "joined", "7": "joined", "RecipientAdd": "joined", "RecipientRemove": "left", "Call": "call"}
PICTURES: Final = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".heic")


def read(path: Path) -> tuple[list[Room], list[Bad]]:
    """The channel of a JSON export. Where that is not whole, what is wrong with it."""
    raw = b"".join(stream.blocks(path)).removeprefix(b"\xef\xbb\xbf")
    if why := not_utf8(raw):
        return [], [Bad(1, why, shown(raw))]
    try:
        value, sound = forgiving(raw)
    except (ValueError, RecursionError) as error:
        return [], [Bad(1, f"not JSON: {error}", shown(raw))]
    return channel(value, sound)


def channel(value: Any, sound: bool = True) -> tuple[list[Room], list[Bad]]:
    """The room of an export's object. sound: False where a message may hold what JSON has not.

    >>> said = {"type": "Default", "author": {"id": "1", "name": "n"}, "content": "hi"}
    >>> (room,), bad = channel({"guild": {"name": "g"}, "channel": {"name": "c"}, "messages": [said]})
    >>> room.messages[0].text, room.about
    ('hi', {'room': 'c', 'server': 'g'})
    """
    messages = value.get("messages") if isinstance(value, dict) else None
    if not isinstance(messages, list):
        return [], [Bad(1, f"not an export of Discord: {kind(value)} without a list of messages", shown(dumps(value)))]
    named = {name: value.get(key) for name, key in (("room", "channel"), ("server", "guild"))}
    about = {name: told["name"] for name, told in named.items() if isinstance(told, dict) and told.get("name")}
    names: dict[str, str] = {}
    bots: set[str] = set()
    made: list[Message] = []
    bad: list[Bad] = []
    for number, raw in enumerate(messages, 1):
        why = ("" if sound else fault(raw)) or ("" if isinstance(raw, dict) else f"{kind(raw)}, where a message must be an object")
        if why:
            bad.append(Bad(number, why, shown(json.dumps(raw))))
            continue
        try:
            m = _message(number, raw, names, bots)
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            bad.append(Bad(number, f"no message of Discord: {type(error).__name__}", shown(dumps(raw))))
            continue
        made.append(m)
    # A room of a few people has no name of its own: DirectTextChat, DirectGroupTextChat.
    direct = isinstance(named["room"], dict) and str(named["room"].get("type")).startswith("Direct")
    people = tuple(re.split(r",\s?", str(about.get("room", "")))) if direct else ()
    return [Room(made, about, names, frozenset(bots), people)], bad


def _message(number: int, raw: dict[str, Any], names: dict[str, str], bots: set[str]) -> Message:
    author = raw["author"]
    who = str(author.get("id") or author["name"])
    names[who] = author.get("nickname") or author["name"]
    if author.get("isBot"):
        bots.add(who)
    told = raw.get("timestamp")
    when = datetime.fromisoformat(told) if told else None
    what = str(raw.get("type", "Default"))
    text = raw.get("content") or ""
    if what not in SPOKEN:
        return Message(number, "", text, when, EVENTS.get(what, "notice"))
    files = [str(a.get("fileName") or a.get("url") or "") for a in raw.get("attachments") or ()]
    beside = [_file(name) for name in files] + ["sticker"] * len(raw.get("stickers") or ())
    if not text.strip():
        text = "\n".join(part for e in raw.get("embeds") or () for part in (e.get("title"), e.get("description")) if part)
    mentions = tuple(str(m.get("nickname") or m.get("name") or "") for m in raw.get("mentions") or () if isinstance(m, dict))
    if text.strip():
        return Message(number, who, text, when, SAID, beside=tuple(beside), mentions=mentions)
    return Message(number, who, "\n".join(files), when, beside[0] if beside else "empty", beside=tuple(beside[1:]))


def _file(name: str) -> str:
    return "photo" if name.lower().split("?")[0].endswith(PICTURES) else "file"


def read_table(path: Path, encoding: str) -> tuple[list[Room], list[Bad]]:
    """The channel of a CSV export."""
    room = Room(names={})
    names: dict[str, str] = {}
    bad: list[Bad] = []
    for line, row, why, raw in table.rows(path, encoding):
        who, text = row.get("AuthorID") or row.get("Author") or "", row.get("Content") or ""
        try:
            if why or not who:
                raise ValueError(why or "a message without an author")
            when = datetime.fromisoformat(row.get("Date") or "")
        except ValueError as error:
            bad.append(Bad(line, str(error) if why or not who else "a time that can't be read", raw or shown(dumps(row))))
            continue
        names[who] = row.get("Author") or who
        files = [f for f in (row.get("Attachments") or "").split(",") if f]
        beside = tuple(_file(f) for f in files)
        if text.strip():
            room.messages.append(Message(line, who, text, when, beside=beside))
        else:
            room.messages.append(Message(line, who, "\n".join(files), when, beside[0] if beside else "empty", beside=beside[1:]))
    room.names = names
    return [room], bad
