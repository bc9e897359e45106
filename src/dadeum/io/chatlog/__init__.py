"""Exports of messengers: a file, or a folder, is rooms, and a room's conversations are the records.

| format    | what it reads                                                          | found by itself where                       |
|-----------|------------------------------------------------------------------------|---------------------------------------------|
| kakaotalk | kakao.py: the text of PC, Android, iPhone, ko and en; a Mac's table      | the text says when it was saved             |
| slack     | slack.py: a workspace's zip or folder                                   | users.json and a channel's day lie in it    |
| discord   | discord.py: DiscordChatExporter's JSON and CSV                          | it begins with its guild; its header        |
| zip       | archive.py: Slack's, ChatGPT's, Claude's and KakaoTalk's, as downloaded | the ending                                  |

Conversations that an export tells apart itself (ChatGPT, Claude, transcripts) are rows of JSON: see assistants.py and dialogue.py.
How rooms are cut into conversations and speakers get their roles: ../room.py, and `chat` of a source.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from dadeum.errors import RecipeError
from dadeum.io import stream
from dadeum.io.chatlog import archive, discord, kakao, slack
from dadeum.io.chunk import Bad, Chunk, Unreadable, shown
from dadeum.io.encoding import detect, guess
from dadeum.io.frame import frame
from dadeum.io.layout import Got
from dadeum.io.lens import Lens
from dadeum.io.room import Room, conversations
from dadeum.io.value import dumps

HEAD: Final = 1 << 16
"""Bytes in which an export shows what it is."""
KEYS: Final = ("messages", "room", "server", "started", "ended", "times", "roles", "speakers", "mentioned", "left_out")
"""What a conversation's row may hold: `fields` may name these wherever they are missing."""


def found(path: Path, kind: str) -> str:
    """Which export a file is that its ending calls text, json or csv; empty where it is none for certain."""
    head = next(stream.blocks(path, HEAD), b"")
    if kind == "json":
        return "discord" if discord.HEAD.match(head.removeprefix(b"\xef\xbb\xbf")) else ""
    if kind == "csv":
        if head.removeprefix(b"\xef\xbb\xbf").startswith(discord.TABLE):
            return "discord"
        named = path.name.startswith("KakaoTalk") and b"Date,User,Message" in head[:64]
        return "kakaotalk" if named else ""
    lines = _lines(head)
    return "kakaotalk" if kakao.is_export(lines) else ""


def _lines(head: bytes) -> list[str]:
    """The first lines of a text, to look at: what can't be decoded is marked, not kept."""
    encoding = guess(head) or "utf-8"
    return head.decode(encoding, "replace").split("\n", kakao.PEEK)


def read(path: Path, lens: Lens, size: int, skip: int, kind: str) -> Iterator[Chunk]:
    """Chunks of `size` conversations (and lines that can't be read). The export is held in memory."""
    rooms, rows, bad = _read(path, lens, kind)
    for room in rooms:
        try:
            made, more = conversations(room, lens.source.chat)
        except RecipeError as error:
            where = f"sources.{lens.source.name or lens.source.path}"
            raise error.below(where, "") from None
        rows += made
        bad += more
    items: list[tuple[int, dict[str, Any] | Bad]] = sorted([*rows, *((b.line, b) for b in bad)], key=lambda item: item[0])
    if lens.source.fields and rows:
        lens.check(dict.fromkeys([*KEYS, *(k for _, row in rows for k in row)]), [row for _, row in rows], str(path))
    mark = ":" if kind == "kakaotalk" or stream.suffix(path) == ".csv" else "#"
    for start in itertools.count(skip * size, size):
        part = items[start : start + size]
        if not part:
            return
        yield _chunk(part, lens, mark)


def _chunk(part: list[tuple[int, dict[str, Any] | Bad]], lens: Lens, mark: str) -> Chunk:
    bad: list[Bad] = []
    lines: list[int] = []
    got: list[Got] = []
    for line, item in part:
        if isinstance(item, Bad):
            bad.append(item)
            continue
        try:
            got.append(lens.get(item))
            lines.append(line)
        except Unreadable as error:
            bad.append(Bad(line, str(error), shown(dumps(item))))
    return Chunk(frame(lines, got, lens), sorted(bad, key=lambda b: b.line), mark)


def _read(path: Path, lens: Lens, kind: str) -> tuple[list[Room], list[tuple[int, dict[str, Any]]], list[Bad]]:
    """Rooms, rows by their number, and what can't be read."""
    if kind == "zip" or path.suffix.lower() == ".zip":
        return archive.read(path)
    table = stream.suffix(path) == ".csv"
    if kind == "slack":
        rooms, bad = slack.read_folder(path)
    elif kind == "discord" and not table:
        rooms, bad = discord.read(path)
    else:
        encoding = detect(path, lens.source.encoding)
        parse = {("discord", True): discord.read_table, ("kakaotalk", True): kakao.read_table, ("kakaotalk", False): kakao.read}[kind, table]
        rooms, bad = parse(path, encoding)
    return rooms, [], bad
