"""Dialogues: rows with a list of turns that name a speaker and a text under other keys than OpenAI's and ShareGPT's.

    {"dialogue": [{"speaker": "상담사", "utterance": "..."}, ...]}      {"segments": [{"start": 0.5, "end": 2.1, "text": "...", "speaker": "SPEAKER_00"}]}

Roles: names that say what they are (customer, agent, 고객, 상담사); else `chat.assistant` of the source; else of two speakers the first
is the user; of more all are users and `name` says who. A `system` that speaks again and again, and nobody else does, is the assistant
(SGD and Care Call call it so). The row is built again as it was; only the segments of a speech recogniser, which cut sentences
where a voice paused, are joined as `chat.joined` says: they come out as messages, their words' times left out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from dadeum.io.chunk import Unreadable
from dadeum.io.room import Message, Room, conversations, roles_of, told
from dadeum.io.turns import Turn, turn
from dadeum.settings import Chat

SPEAKERS: Final = ("role", "speaker", "from", "author", "sender", "speaker_id", "who", "화자")
TEXTS: Final = ("content", "text", "utterance", "value", "message", "body", "msg", "발화")
ROLES: Final = {
    name: role
    for role, names in {
        "user": "user human customer client caller guest visitor 고객 손님 사용자 이용자 질문자 문의자",
        "assistant": "assistant bot chatbot agent gpt ai model wizard operator 상담사 상담원 상담자 챗봇 직원",
        "system": "system sys",
        "tool": "tool",
    }.items()
    for name in names.split()
}
"""Names of speakers that say what they are."""
SPEECH: Final = "segments"
"""The list of a speech recogniser (WhisperX), whose entries have times."""
_WORDS: Final = ("words", "chars", "tokens")


def found(raw: dict[str, Any]) -> tuple[str, str, str] | None:
    """(key of the list, of its speakers, of its texts) of a row's dialogue, or null where it has none.

    >>> found({"id": 1, "turns": [{"speaker": "A", "text": "hi"}, {"speaker": "B", "text": "ho"}]})
    ('turns', 'speaker', 'text')
    """
    for key, value in raw.items():
        if isinstance(value, list) and len(value) > 1 and all(isinstance(item, dict) for item in value):
            who = next((k for k in SPEAKERS if all(isinstance(item.get(k), str) for item in value)), None)
            if who is None and key == SPEECH and any(isinstance(item.get("speaker"), str) for item in value):
                who = "speaker"
            said = next((k for k in TEXTS if all(isinstance(item.get(k), str) for item in value)), None)
            if who is not None and said is not None:
                return key, who, said
    return None


def is_speech(raw: dict[str, Any], key: str) -> bool:
    """Whether the list is a speech recogniser's."""
    return key == SPEECH and all("start" in item for item in raw[key])


def speech(raw: dict[str, Any], who: str, said: str, chat: Chat) -> dict[str, Any]:
    """The row of a recognised speech, its segments joined to turns. A segment without a speaker is taken for the one's before it, and counted."""
    items = raw[SPEECH]
    messages = []
    last = next(item[who] for item in items if isinstance(item.get(who), str))
    for number, item in enumerate(items, 1):
        unknown = not isinstance(item.get(who), str)
        last = last if unknown else item[who]
        if item[said].strip():
            messages.append(Message(number, last, item[said].strip(), beside=("unassigned",) if unknown else ()))
    if not messages:
        raise Unreadable("a recording without words")
    ((_, row),), _ = conversations(Room(messages), replace(chat, silence=0))
    rest = {k: v for k, v in raw.items() if k not in (SPEECH, "word_segments")}
    times = [{k: v for k, v in item.items() if k != said and k not in _WORDS} for item in items]
    return {**row, **rest, "times": times}


def turns(items: list[dict[str, Any]], who: str, said: str, chat: Chat) -> list[Turn]:
    """The turns of a dialogue, one for each of its entries."""
    voices = list(dict.fromkeys(item[who] for item in items))
    roles, how = _roles(voices, items, who, chat)
    several = len(set(roles.values())) < len(roles) and how != "named"
    made = [turn(roles[item[who]], item[said]) for item in items]
    if several:
        made = [{**t, "name": item[who]} for t, item in zip(made, items)]
    return made


def _roles(voices: list[str], items: list[dict[str, Any]], who: str, chat: Chat) -> tuple[dict[str, str], str]:
    assistants = told(voices, {}, chat)
    named = {voice: ROLES.get(voice.strip().lower()) for voice in voices}
    if assistants is not None or None in named.values():
        return roles_of(voices, voices, assistants)
    made = {voice: str(role) for voice, role in named.items()}
    again = sum(made[item[who]] == "system" for item in items[1:])
    if "assistant" not in made.values() and again:
        made = {voice: "assistant" if role == "system" else role for voice, role in made.items()}
    return made, "named"
