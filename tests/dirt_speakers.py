"""Chats of every export with speakers of known names, who call each other by them: written before guard.pii looked at the structure of a chat.

Each export names the same invented people, addresses them in the ways in which people do, and holds a telephone number in a field, a call of a tool and a turn.
`gone` must not be left anywhere in the record; `kept` are words that look like a name and are none.
"""

from __future__ import annotations

import csv
import json
import tempfile
import zipfile
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any, Final, NamedTuple

import polars as pl

from chatlogs import author, node
from dadeum import io
from dadeum.record import records
from dadeum.settings import Source
from dirt import Planted

Turns = tuple[tuple[str, str], ...]

PHONE: Final = "010-9348-2716"
MAIL: Final = "minsu.kim77@naver.com"


class Export(NamedTuple):
    """A file, how it is read, what must be gone and what must stay."""

    kind: str
    language: str
    path: Path
    source: dict[str, Any]
    gone: tuple[str, ...]
    kept: tuple[str, ...]


KO_TURNS: Final = (
    ("김민수", "서연아 어제 회의 자료 보냈어?"),
    ("이서연", "네 민수 씨, 김민수님 메일로 보냈습니다"),
    ("박도윤", "@이서연 저도 보내 주세요, 도윤이가 검토할게요"),
    ("김민수", f"박도윤 대리님 번호가 {PHONE} 맞죠?"),
    ("이서연", "민수야 점심 먹자. 오늘 고객이 사과를 보냈대"),
)
KO_GONE: Final = ("김민수", "이서연", "박도윤", "민수", "서연", "도윤", "9348")
KO_KEPT: Final = ("사과", "고객", "회의 자료")
EN_TURNS: Final = (
    ("Priya Raman", "Hi Marcus, did you send the slides?"),
    ("Marcus Whitfield", "Yes Priya, and I copied priya raman's team"),
    ("Grace Okafor", "Thanks Marcus! By the grace of luck it worked"),
    ("Priya Raman", f"@Grace Okafor call me at +44 20 7946 0958, Ms. Okafor, or {PHONE}"),
    ("Marcus Whitfield", "Hello Grace, the customer will wait"),
)
EN_GONE: Final = ("Priya", "Raman", "Marcus", "Whitfield", "Okafor", "Grace", "7946", "9348")
EN_KEPT: Final = ("the grace of luck", "customer will wait", "slides")
TURNS: Final = {"ko": (KO_TURNS, KO_GONE, KO_KEPT), "en": (EN_TURNS, EN_GONE, EN_KEPT)}


def exports(folder: Path) -> Iterator[Export]:
    """Every kind of export in Korean and English, written below `folder`."""
    for language, (turns, gone, kept) in TURNS.items():
        at = folder / language
        at.mkdir(parents=True, exist_ok=True)
        yield Export("slack", language, _slack(at / "slack.zip", turns), {}, gone, kept)
        for kind, (name, value) in _files(turns).items():
            (at / name).write_text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), encoding="utf-8")
            yield Export(kind, language, at / name, {}, gone, kept)


def _files(turns: Turns) -> dict[str, tuple[str, Any]]:
    """Kind of export -> the name and the content of its file."""
    third = (turns[2][0], turns[2][0][1:], turns[2][0].split()[0])
    two = [(w, t) for w, t in turns if not set(third) & {w, *w.split()} and not any(n in t for n in third)]
    return {
        "kakaotalk": ("talk.txt", _kakao(turns)),
        "kakaotalk table": ("KakaoTalk_Chat.csv", _table(turns)),
        "discord": ("discord.json", _discord(turns)),
        "chatgpt": ("conversations.json", [_chatgpt()]),
        "claude": ("claude.json", [_claude()]),
        "dialogue": ("dialogue.jsonl", {"id": 1, "dialogue": [{"speaker": w, "utterance": t, "phone": PHONE} for w, t in turns]}),
        "two speakers": ("two.jsonl", {"dialogue": [{"speaker": w, "utterance": t} for w, t in two]}),
        "roles": ("roles.jsonl", {"messages": [{"role": w, "content": t} for w, t in turns]}),
        "from": ("from.jsonl", {"conversations": [{"from": w, "value": t, "at": PHONE} for w, t in turns]}),
        "names": ("names.jsonl", {"messages": [{"role": "user", "name": w, "content": t} for w, t in turns]}),
        "speech": ("speech.json", [{"segments": [{"start": i, "end": i + 1, "text": t, "speaker": w} for i, (w, t) in enumerate(turns)]}]),
    }


def read(export: Export) -> pl.DataFrame:
    """The export's conversations as records."""
    chunks = list(io.read(export.path, Source(str(export.path), **export.source), 100))
    rows = pl.concat([chunk.rows.drop("line", "key") for chunk in chunks])
    return records([{} for _ in range(rows.height)]).with_columns(rows.get_columns())


ROLE_WORDS: Final = {"ko": ("고객", "상담사", "화자3"), "en": ("customer", "SPEAKER_01", "User 3")}


def truth() -> Iterator[Planted]:
    """Conversations whose structure names somebody, among the same ones whose speakers are roles, and those of assistants."""
    with tempfile.TemporaryDirectory() as folder:
        found = [(e, read(e)) for e in exports(Path(folder))]
        for language, roles in ROLE_WORDS.items():
            dirty = [row for e, rows in found if e.language == language and e.kind not in ASSISTANTS for row in rows.to_dicts()]
            named = list(dict.fromkeys(who for who, _ in TURNS[language][0]))
            clean = []
            for row in dirty:
                told = json.dumps(row, ensure_ascii=False, default=str)
                for name, role in zip(named, roles):
                    told = told.replace(name, role)
                clean.append(json.loads(told))
            clean += [row for e, rows in found if e.language == language and e.kind in ASSISTANTS for row in rows.to_dicts()]
            rows = [{**row, "row": None, "id": None} for row in (*dirty, *clean)]
            yield Planted("guard.pii", language, "name of a speaker, in the structure of a chat", rows, dict.fromkeys(range(len(dirty)), "speaker"), {"mode": "flag", "kinds": ["speaker"]}, "pii")


def _kakao(turns: Turns) -> str:
    lines = [f"[{who}] [오후 3:{20 + i}] {text}" for i, (who, text) in enumerate(turns)]
    people = ", ".join(dict.fromkeys(who for who, _ in turns))
    return "\n".join([f"{people} 님과 카카오톡 대화", "저장한 날짜 : 2024-03-02 10:00:00", "", "--------------- 2024년 3월 1일 금요일 ---------------", *lines,
                      "--------------- 2024년 3월 4일 월요일 ---------------", f"[{turns[0][0]}] [오전 9:00] {turns[0][1]}", ""])  # fmt: skip


def _table(turns: Turns) -> str:
    out = StringIO()
    out.write("Date,User,Message\n")
    csv.writer(out, quoting=csv.QUOTE_NONNUMERIC).writerows((f"2024-03-01 11:{20 + i}:00", who, text) for i, (who, text) in enumerate(turns))
    return out.getvalue()


def _slack(path: Path, turns: Turns) -> Path:
    people = list(dict.fromkeys(who for who, _ in turns))
    ids = {who: f"U{i}" for i, who in enumerate(people)}
    users = [{"id": ids[who], "name": f"u{i}", "profile": {"display_name": who, "real_name": who, "email": MAIL}} for i, who in enumerate(people)]

    def day(some: Turns, start: int) -> list[dict[str, Any]]:
        said = []
        for i, (who, text) in enumerate(some):
            for name, id in ids.items():
                text = text.replace(f"@{name}", f"<@{id}>")
            said.append({"type": "message", "user": ids[who], "text": text, "ts": f"{start + 60 * i}.000100"})
        return said

    with zipfile.ZipFile(path, "w") as file:
        file.writestr("users.json", json.dumps(users))
        file.writestr("general/2024-03-01.json", json.dumps(day(turns, 1709251200)))
        # Two people alone, who mention a third.
        file.writestr("mpdm-a--b-1/2024-03-01.json", json.dumps(day((*turns[:2], (turns[1][0], f"@{turns[2][0]} !")), 1709251200)))
    return path


def _discord(turns: Turns) -> dict[str, Any]:
    people = list(dict.fromkeys(who for who, _ in turns))
    said = [
        {"id": str(i), "type": "Default", "timestamp": f"2024-03-01T11:{20 + i}:00+09:00", "content": text, "author": author(people.index(who), who),
         "mentions": [author(n, name) for n, name in enumerate(people) if f"@{name}" in text]}
        for i, (who, text) in enumerate(turns)
    ]  # fmt: skip
    return {"guild": {"id": "0", "name": "Direct Messages"}, "channel": {"id": "8", "type": "DirectGroupTextChat", "name": ", ".join(people)}, "messages": said}


def _chatgpt() -> dict[str, Any]:
    """One person and a model: nobody is named by the structure, but numbers stand in the title, in a call and in another branch."""
    said = f"{PHONE}, {MAIL}"
    return {
        "title": f"문자 {PHONE}", "create_time": 1709251200.0, "current_node": "a", "conversation_id": "c-1",
        "mapping": {
            "q": node(None, "user", f"{said}로 문자 보내 줘"),
            "call": node("q", "assistant", {"content_type": "code", "text": json.dumps({"phone": PHONE, "mail": MAIL})}, recipient="send_text"),
            "result": node("call", "tool", f"sent to {PHONE}", name="send_text"),
            "a": node("result", "assistant", f"{PHONE}로 보냈습니다"),
            "b": node("q", "assistant", f"{MAIL}로 보냈습니다"),
        },
    }  # fmt: skip


def _claude() -> dict[str, Any]:
    call = {"type": "tool_use", "id": "t1", "name": "send_text", "input": {"phone": PHONE, "mail": MAIL}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": f"sent to {PHONE}"}]}
    return {
        "uuid": "u-1", "name": f"문자 {PHONE}", "chat_messages": [
            {"uuid": "1", "sender": "human", "text": "", "content": [{"type": "text", "text": f"{PHONE}, {MAIL}로 문자 보내 줘"}]},
            {"uuid": "2", "sender": "assistant", "text": "", "content": [call, result, {"type": "text", "text": f"{PHONE}로 보냈습니다"}]},
        ],
    }  # fmt: skip


ASSISTANTS: Final = ("chatgpt", "claude")
"""Exports whose structure names nobody."""
