"""Zips as they were downloaded: Slack's export, conversations.json of ChatGPT or Claude, texts of KakaoTalk.

What else lies in one (pictures, chat.html, user.json) is no record and is left alone, as other files beside a source are. A zip
that is damaged or holds none of these is unreadable, whole or by its member, and costs nothing else.
"""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any, Final

from dadeum.io.array import rows_of
from dadeum.io.chatlog import kakao, slack
from dadeum.io.chunk import Bad, kind, shown
from dadeum.io.encoding import WIDE, guess
from dadeum.io.room import Room
from dadeum.io.value import fault, forgiving

CONVERSATIONS: Final = re.compile(r"(?:.*/)?conversations(?:-\d+)?\.json")
LIMIT: Final = 1 << 32
"""Bytes that a member may unpack to."""


def read(path: Path) -> tuple[list[Room], list[tuple[int, dict[str, Any]]], list[Bad]]:
    """(rooms, rows by their number, what can't be read) of a zip."""
    try:
        with zipfile.ZipFile(path) as file:
            return _read(file)
    except zipfile.BadZipFile as error:
        return [], [], [Bad(1, f"a damaged zip: {error}", "")]


def _read(file: zipfile.ZipFile) -> tuple[list[Room], list[tuple[int, dict[str, Any]]], list[Bad]]:
    names = [info.filename for info in file.infolist() if not info.is_dir()]

    def opened(name: str) -> bytes:
        info = file.getinfo(name)
        if info.file_size > LIMIT:
            raise OverflowError(f"{info.file_size:,} bytes")
        return file.read(info)

    top = _top(names)
    if slack.is_export(name.removeprefix(top) for name in names):
        rooms, bad = slack.read([n.removeprefix(top) for n in names if n.startswith(top)], lambda name: opened(top + name))
        return rooms, [], bad
    rows: list[tuple[int, dict[str, Any]]] = []
    rooms, bad = [], []
    number = 0
    for name in sorted(names):
        if not CONVERSATIONS.fullmatch(name) and not name.lower().endswith(".txt"):
            continue
        try:
            raw = opened(name)
            value, sound = forgiving(raw) if name.endswith(".json") else (None, True)
        except Exception as error:  # a damaged member fails in zlib, struct, zipfile or the parser, each with errors of its own
            number += 1
            bad.append(Bad(number, f"{Path(name).suffix} in the zip can't be read: {type(error).__name__}", ""))
            continue
        if not name.endswith(".json"):
            lines, broken = kakao.decoded(raw.split(b"\n"), _narrow(raw))
            if kakao.is_export(lines):
                room, more = kakao.parse(lines, {b.line for b in broken})
                # Lines of several texts: each text's stand after those of the one before.
                rooms.append(room.moved(number))
                bad += [Bad(b.line + number, b.error, b.raw) for b in (*broken, *more)]
                number += len(lines)
            continue
        for row in rows_of(value):
            number += 1
            why = ("" if sound else fault(row)) or ("" if isinstance(row, dict) else f"{kind(row)}, where a row must be an object")
            if why:
                bad.append(Bad(number, why, shown(json.dumps(row))))
            else:
                rows.append((number, row))
    if not (rows or rooms or bad):
        bad.append(Bad(1, "a zip that holds no export that is known here (Slack, ChatGPT, Claude, KakaoTalk)", ""))
    return rooms, rows, bad


def _narrow(raw: bytes) -> str:
    """The encoding of a text whose lines end in a byte; phones write UTF-8, old PCs cp949."""
    found = guess(raw)
    return "utf-8" if found is None or found.startswith(WIDE) else found


def _top(names: list[str]) -> str:
    """The one folder that everything in a zip lies in, with its slash, or nothing."""
    tops = {name.partition("/")[0] for name in names if not name.startswith("__MACOSX")}
    return f"{tops.pop()}/" if len(tops) == 1 and all("/" in name for name in names) else ""
