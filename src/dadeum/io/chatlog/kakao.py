"""KakaoTalk: the text of a room from a PC, an Android phone or an iPhone, in Korean or English, and the table that a Mac writes.

    PC        --------------- 2024년 1월 1일 월요일 ---------------      [이름] [오후 3:20] 내용          (the date by the line above)
    Android   2024년 1월 1일 오후 3:15                                  2024년 1월 1일 오후 3:20, 이름 : 내용
    iPhone    2024년 1월 1일 월요일                                     2024. 1. 1. 오후 3:20, 이름 : 내용   or   오후 3:20, 이름 : 내용
    Mac       Date,User,Message                                       2024-01-01 15:20:41,"이름","내용"

and the same with `Monday, January 1, 2024`, `Jan 1, 2024 at 15:20, Name : text`, `[Name] [3:20 PM] text`. The first line that is
an entry tells which of the layouts a file has, and only that one's lines are entries then: whatever else stands in a line belongs
to the message before it, blank lines too. A line before any message, an impossible time and bytes that are no text are unreadable
with their line. The layouts are those that public parsers and their tests show; KakaoTalk documents none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, time
from pathlib import Path
from typing import Final

from dadeum.io import stream, table
from dadeum.io.chunk import Bad, shown
from dadeum.io.encoding import WIDE
from dadeum.io.room import SAID, Message, Room
from dadeum.io.value import dumps

_SPACE: Final = r"[ \u00a0\u202f]"
_DAY: Final = (
    r"(?:(?P<y1>\d{4})년 (?P<m1>\d{1,2})월 (?P<d1>\d{1,2})일|(?P<y2>\d{4})[.-] ?(?P<m2>\d{1,2})[.-] ?(?P<d2>\d{1,2})\.?"
    r"|(?P<m3>[A-Z][a-z]{2,8})\.? (?P<d3>\d{1,2}), (?P<y3>\d{4})|(?P<d4>\d{1,2}) (?P<m4>[A-Z][a-z]{2,8})\.? (?P<y4>\d{4}))"
)
_TIME: Final = rf"(?P<half>오전|오후|AM|PM)?{_SPACE}?(?P<hour>\d{{1,2}}):(?P<minute>\d\d)(?::\d\d)?(?:{_SPACE}?(?P<after>[AaPp]\.?[Mm]\.?))?"
_WEEKDAY: Final = r"(?:[월화수목금토일]요일|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day)"
_LONG: Final = rf"(?:{_WEEKDAY}, )?{_DAY}(?: {_WEEKDAY})?"

RULED: Final = re.compile(rf"-{{5,}} {_LONG} -{{5,}}\s*")
DAYS: Final = re.compile(rf"(?:{_WEEKDAY}, {_DAY.replace('>', 'a>')}|{_DAY} {_WEEKDAY})\s*")
"""A date with its weekday alone on a line."""
STAMPS: Final = re.compile(rf"{_DAY}(?:,| at)? {_TIME}\s*")
"""A date and a time alone on a line."""
ENTRIES: Final = {
    "pc": re.compile(rf"\[(?P<who>[^\n]{{0,128}}?)\] \[{_TIME}\](?: (?P<rest>.*))?", re.DOTALL),
    "dated": re.compile(rf"{_DAY}(?:,| at)? {_TIME}(?P<mark>[,:]) (?P<rest>.*)", re.DOTALL),
    "timed": re.compile(rf"(?=오전|오후|AM|PM|\d{{1,2}}:\d\d{_SPACE}?[AaPp]){_TIME}(?P<mark>[,:]) (?P<rest>.*)", re.DOTALL),
}
"""Layout to the form of its entries."""
SAVED: Final = re.compile(r"(?:저장한 날짜|Date Saved) ?: ?\S")
"""The second line of every export but a Mac's."""
NOTICE: Final = re.compile(
    r".{1,300}(?:님이 들어왔습니다|님이 나갔습니다|님을 초대(?:했|하였)습니다|님을 내보냈습니다|님이 부방장이 되었습니다|메시지를 가렸습니다)\.?\s*"
    r"|.{1,300} (?:joined|left)(?: this chatroom| the chatroom)?\.\s*|.{1,200} invited .{1,200} ?\.\s*"
)
"""What the messenger says of a room; on a PC it stands without a time."""
KINDS: Final = tuple(
    (kind, re.compile(rf"\(?(?:{form})\)?"))
    for kind, form in {
        "photo": r"사진(?: \d+장)?|[Pp]hotos?(?: \d+)?|\d+ [Pp]hotos",
        "video": r"동영상|[Vv]ideos?",
        "sticker": r"이모티콘|[Ee]moticons?|[Ss]tickers?",
        "voice": r"음성메시지|음성 메시지|Voice (?:Note|[Mm]essage)",
        "file": r"파일: .{1,300}|File: .{1,300}",
        "deleted": r"삭제된 메시지입니다\.?|(?:This message was|The message has been|This message has been) deleted\.?",
        "call": r"(?:보이스톡|페이스톡|그룹콜|라이브톡)(?: .{1,30})?|(?:Voice|Video) Call(?: .{1,20})?|Live Talk ended.{0,20}",
        "contact": r"연락처: .{1,200}|Contact: .{1,200}",
        "map": r"지도: .{1,300}|Map: .{1,300}",
    }.items()
)
"""What stands for a message without words."""
EVENTS: Final = (("joined", re.compile(r"들어왔|초대|joined|invited")), ("left", re.compile(r"나갔|내보냈|left")))
MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
PEEK: Final = 60
"""Lines in which an export shows what it is."""


def is_export(lines: list[str]) -> bool:
    """Whether the first lines of a text are those of an export: the line of its saving, then an entry of one of the layouts.

    >>> is_export(["홍길동 님과 카카오톡 대화", "저장한 날짜 : 2024-01-01 15:20:41", "", "[홍길동] [오후 3:20] 안녕"])
    True
    >>> is_export(["저장한 날짜 : 2024-01-01", "그 밖의 글"])
    False
    """
    head = [line.removeprefix("\ufeff") for line in lines[:PEEK]]
    return any(SAVED.match(line) for line in head[:4]) and _layout(head) is not None


def _layout(lines: Iterable[str]) -> str | None:
    """The layout of the first line that is an entry."""
    for line in lines:
        if not SAVED.match(line):
            for name, form in ENTRIES.items():
                if form.fullmatch(line.rstrip("\r")):
                    return name
    return None


def read(path: Path, encoding: str) -> tuple[list[Room], list[Bad]]:
    """The room of a text export."""
    wide = encoding.startswith(WIDE)
    raw = [line for batch in stream.lines(path, encoding if wide else "") for line in batch]
    lines, bad = decoded(raw, "utf-8" if wide else encoding)
    room, more = parse(lines, {b.line for b in bad})
    return [room], bad + more


def decoded(raw: list[bytes], encoding: str) -> tuple[list[str], list[Bad]]:
    """Lines as text; those that are none are empty, and told."""
    lines: list[str] = []
    bad: list[Bad] = []
    for number, line in enumerate(raw, 1):
        try:
            lines.append(line.decode(encoding))
        except UnicodeDecodeError as error:
            bad.append(Bad(number, f"not {encoding}: byte 0x{line[error.start]:02x} at position {error.start}", shown(line)))
            lines.append("")
    return lines, bad


def parse(lines: list[str], skipped: set[int] | None = None) -> tuple[Room, list[Bad]]:
    """The room in the lines of a text. skipped: numbers of lines that are already told as unreadable.

    >>> room, bad = parse(["--------------- 2024년 1월 1일 월요일 ---------------", "[가] [오후 3:20] 안녕", "하세요", "[나] [오후 3:21] 사진"])
    >>> [(m.line, m.text, m.kind) for m in room.messages]
    [(2, '안녕\\n하세요', 'said'), (4, '사진', 'photo')]
    """
    lines = [line.removeprefix("\ufeff").rstrip("\r") for line in lines]
    layout = _layout(lines)
    if layout is None:
        return Room(), [Bad(1, "not an export of KakaoTalk: no line of it is a message", shown("\n".join(lines)))] if any(lines) else []
    start = _head(lines, layout)
    room = Room(about={"room": _title(lines[0])} if start else {})
    bad: list[Bad] = []
    day: date | None = None
    open_: Message | None = None
    for number, line in enumerate(lines[start:], start + 1):
        if number in (skipped or ()):
            continue
        try:
            if (found := _date(line, layout)) is not None:
                day, open_ = found, None
                continue
            entry = ENTRIES[layout].fullmatch(line)
            if entry is not None:
                open_ = _message(number, entry, day)
                room.messages.append(open_)
            elif layout == "pc" and NOTICE.fullmatch(line):
                room.messages.append(Message(number, "", line, kind=_event(line)))
                open_ = None
            elif open_ is not None:
                open_ = replace(open_, text=f"{open_.text}\n{line}")
                room.messages[-1] = open_
            elif line.strip():
                bad.append(Bad(number, "a line that belongs to no message", line))
        except ValueError as error:
            open_ = None
            bad.append(Bad(number, f"a time that can't be: {error}", line))
    room.messages = [replace(m, text=m.text.rstrip("\n"), kind=_kind(m)) for m in room.messages]
    return room, bad


def _head(lines: list[str], layout: str) -> int:
    """How many lines stand before the first date or entry, where they are the export's own title."""
    saved = next((i for i, line in enumerate(lines[:4]) if SAVED.match(line)), None)
    return 0 if saved is None else saved + 1


def _title(line: str) -> str:
    """The room's name out of an export's first line."""
    return re.sub(r" ?(?:님과 )?카카오톡 대화\s*$|님과$| with KakaoTalk Chats\s*$", "", line).strip()


def _date(line: str, layout: str) -> date | None:
    """The date that a line sets; null where it sets none. Raises ValueError for a date that can't be."""
    form = {"pc": RULED, "dated": STAMPS, "timed": DAYS}[layout]
    found = form.fullmatch(line) or (DAYS.fullmatch(line) if layout == "dated" else None)
    return _day(found) if found else None


def _day(found: re.Match[str]) -> date | None:
    told = found.groupdict()
    for suffix in ("1", "2", "3", "4", "1a", "2a", "3a", "4a"):
        year = told.get(f"y{suffix}")
        if year:
            month = told[f"m{suffix}"]
            if not month.isdigit():
                month = str(MONTHS.index(month[:3].lower()) + 1) if month[:3].lower() in MONTHS else "0"
            return date(int(year), int(month), int(told[f"d{suffix}"]))
    return None


def _message(number: int, entry: re.Match[str], day: date | None) -> Message:
    day = _day(entry) or day
    hour, minute = int(entry["hour"]), int(entry["minute"])
    half = (entry["half"] or entry["after"] or "").upper().replace(".", "")
    if half:
        if not 1 <= hour <= 12:
            raise ValueError(f"hour {hour} of {half}")
        hour = hour % 12 + 12 * (half in ("오후", "PM"))
    at = time(hour, minute)
    when = datetime.combine(day, at) if day else None
    rest = entry["rest"] or ""
    told = entry.groupdict()
    if "who" in told:
        return Message(number, told["who"], rest, when, SAID if told["who"] else _event(rest))
    who, gap, text = rest.partition(" : ")
    if not gap and rest.endswith(" :"):
        who, gap, text = rest[:-2], " :", ""
    if told["mark"] == ":" or not gap or not who.strip():
        return Message(number, "", rest, when, _event(rest))
    return Message(number, who, text, when)


def _event(text: str) -> str:
    return next((kind for kind, form in EVENTS if form.search(text)), "notice")


def _kind(m: Message) -> str:
    """What a message is: words, or what stands for something else."""
    if m.kind != SAID:
        return m.kind
    if not m.text.strip():
        return "empty"
    text = m.text.strip()
    return next((kind for kind, form in KINDS if form.fullmatch(text)), SAID)


def read_table(path: Path, encoding: str) -> tuple[list[Room], list[Bad]]:
    """The room of a Mac's table: Date, User, Message."""
    room = Room()
    bad: list[Bad] = []
    for line, row, why, raw in table.rows(path, encoding):
        who, text, when = (row.get(name) or "" for name in ("User", "Message", "Date"))
        try:
            if why:
                raise ValueError(why)
            m = Message(line, who, text, datetime.fromisoformat(when))
        except ValueError:
            bad.append(Bad(line, why or "a time that can't be read", raw or shown(dumps(row))))
            continue
        notice = not who or (NOTICE.fullmatch(text) is not None and who in text)
        room.messages.append(replace(m, who="", kind=_event(text)) if notice else replace(m, kind=_kind(m)))
    return [room], bad
