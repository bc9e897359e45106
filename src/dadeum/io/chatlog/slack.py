"""Slack: a workspace's export, as the zip that was downloaded or its folder: users.json, and a folder a channel with a file a day.

A thread is one conversation, its first message with it and not in the channel; the rest of a channel is cut where nobody spoke.
`<@U123>` becomes the person's name, `<url|label>` the label and the url, and &amp; &lt; &gt; what they stand for. Joins, topics and
pins are notices, a program's attachments are its words where it has no others. Numbers count the messages of the export, channel by
channel, each in the order of its days. Source: Slack's "How to read Slack data exports" and its reference of message subtypes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from dadeum.io.chunk import Bad, kind, shown
from dadeum.io.room import SAID, Message, Room
from dadeum.io.value import dumps, fault, forgiving

USERS: Final = ("users.json", "org_users.json")
DAYS: Final = re.compile(r"(?P<room>[^/]+)/\d{4}-\d\d-\d\d\.json")
"""A channel's day, below the export's folder."""
SPOKEN: Final = ("", "bot_message", "me_message", "thread_broadcast", "reply_broadcast", "file_share", "file_comment")
EVENTS: Final = {
    "channel_join": "joined", "group_join": "joined", "channel_leave": "left", "group_leave": "left", "tombstone": "deleted", "huddle_thread": "call",
}  # fmt: skip
_MARK: Final = re.compile(r"<([@#!]?)([^<>|]{1,3000})(?:\|([^<>]{0,3000}))?>")
_ENTITIES: Final = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))


def is_export(names: Iterable[str]) -> bool:
    """Whether the files of a folder or a zip, named from its top, are an export: its users, and a channel's day.

    >>> is_export(["users.json", "general/2024-01-01.json"]), is_export(["users.json"]), is_export(["a/2024-01-01.json"])
    (True, False, False)
    """
    names = list(names)
    return any(name in USERS for name in names) and any(DAYS.fullmatch(name) for name in names)


def is_folder(path: Path) -> bool:
    """Whether a folder is an export."""
    return any((path / name).is_file() for name in USERS) and is_export(inside(path))


def inside(path: Path) -> Iterator[str]:
    """The files at the top of a folder and one below, named from it."""
    for file in (*path.glob("*.json"), *path.glob("*/*.json")):
        yield file.relative_to(path).as_posix()


def read_folder(path: Path) -> tuple[list[Room], list[Bad]]:
    """The channels of an export's folder."""
    return read(sorted(inside(path)), lambda name: (path / name).read_bytes())


def read(names: Iterable[str], opened: Callable[[str], bytes]) -> tuple[list[Room], list[Bad]]:
    """The channels of an export. names: its files, from its top; opened: the bytes of one."""
    names = sorted(names)
    bad: list[Bad] = []
    called: dict[str, str] = {}
    bots: set[str] = set()
    number = 0
    if not any(DAYS.fullmatch(name) for name in names):
        return [], [Bad(1, "not an export of Slack: no channel with a file a day", "")]
    for name in names:
        if name in USERS:
            for user, why in _listed(name, opened, bad):
                if not why:
                    _called(user, called, bots)
    rooms: dict[str, Room] = {}
    for name in names:
        found = DAYS.fullmatch(name)
        if not found:
            continue
        room = rooms.setdefault(found["room"], Room(about={"room": found["room"]}, names=called))
        for raw, why in _listed(name, opened, bad):
            number += 1
            why = why or ("" if isinstance(raw, dict) else f"{kind(raw)}, where a message must be an object")
            if why:
                bad.append(Bad(number, why, shown(json.dumps(raw))))
                continue
            try:
                room.messages.append(_message(number, raw, called, bots))
            except (ValueError, TypeError, AttributeError, KeyError, OverflowError) as error:
                bad.append(Bad(number, f"no message of Slack: {type(error).__name__}", shown(dumps(raw))))
    for room in rooms.values():
        room.bots = frozenset(bots)
        # A day's file is in order but for replies, which may stand before the thread's first message of another day.
        room.messages.sort(key=lambda m: m.when.timestamp() if m.when else 0.0)
    # What has no number of its own (a day that can't be read) comes after the last message.
    return list(rooms.values()), [Bad(b.line or number + 1 + i, b.error, b.raw) for i, b in enumerate(bad)]


def _listed(name: str, opened: Callable[[str], bytes], bad: list[Bad]) -> list[tuple[Any, str]]:
    """The entries of one of the export's files, each with what is wrong with it. A file that can't be read is told by its day alone."""
    try:
        value, sound = forgiving(opened(name))
        if isinstance(value, list):
            return [(entry, "" if sound else fault(entry)) for entry in value]
        why = "no list"
    except (ValueError, RecursionError) as error:
        why = f"not JSON: {error}"
    except Exception as error:  # a damaged zip fails in zlib, struct or zipfile, each with errors of its own
        why = f"damaged: {type(error).__name__}"
    bad.append(Bad(0, f"{name.rpartition('/')[2]} can't be read: {why}", ""))
    return []


def _called(user: Any, called: dict[str, str], bots: set[str]) -> None:
    if isinstance(user, dict) and isinstance(user.get("id"), str):
        profile = user["profile"] if isinstance(user.get("profile"), dict) else {}
        told = (profile.get("display_name"), user.get("real_name"), profile.get("real_name"), user.get("name"))
        called[user["id"]] = next((name for name in told if isinstance(name, str) and name), user["id"])
        if user.get("is_bot"):
            bots.add(user["id"])


def _message(number: int, raw: dict[str, Any], called: dict[str, str], bots: set[str]) -> Message:
    ts = raw.get("ts")
    when = datetime.fromtimestamp(float(ts), UTC) if ts else None
    what = str(raw.get("subtype") or "")
    text = words(raw.get("text") or "", called)
    if what not in SPOKEN:
        event = EVENTS.get(what, "notice")
        return Message(number, raw.get("user") or "" if event == "deleted" else "", text, when, event)
    who = raw.get("user") or raw.get("bot_id") or raw.get("username") or (raw.get("comment") or {}).get("user") or ""
    if not isinstance(who, str):
        raise TypeError("a speaker that is no text")
    if what == "bot_message" or raw.get("bot_id"):
        bots.add(who)
        called.setdefault(who, raw.get("username") or who)
    thread = str(raw["thread_ts"]) if raw.get("thread_ts") else ""
    beside = ["photo" if str(f.get("mimetype", "")).startswith("image/") else "file" for f in raw.get("files") or () if isinstance(f, dict)]
    if not text.strip():
        text = "\n".join(words(a.get("text") or a.get("fallback") or "", called) for a in raw.get("attachments") or ())
    mentions = tuple(called[m[2]] for m in _MARK.finditer(raw.get("text") or "") if m[1] == "@" and m[2] in called)
    if text.strip():
        return Message(number, who, text, when, SAID, thread, tuple(beside), mentions)
    files = "\n".join(str(f.get("name") or "") for f in raw.get("files") or ())
    return Message(number, who, files, when, beside[0] if beside else "empty", thread, tuple(beside[1:]))


def words(text: str, called: dict[str, str]) -> str:
    """A text as its readers saw it.

    >>> words("<@U1> &lt;b&gt; &amp;amp; <https://a.b|here> <#C1|general> <!here>", {"U1": "민수"})
    '@민수 <b> &amp; here (https://a.b) #general @here'
    """

    def put(found: re.Match[str]) -> str:
        mark, inner, label = found[1], found[2], found[3]
        if mark == "@":
            return f"@{label or called.get(inner, inner)}"
        if mark == "#":
            return f"#{label or inner}"
        if mark == "!":
            return label or f"@{inner.split('^')[0]}"
        return f"{label} ({inner})" if label and label != inner else inner

    made = _MARK.sub(put, text)
    for entity, stands in _ENTITIES:
        made = made.replace(entity, stands)
    return made
