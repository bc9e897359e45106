"""Exports of messengers as their products write them, with invented people: for the tests of the readers."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

PC_KO = """\
고객센터 님과 카카오톡 대화
저장한 날짜 : 2024-03-02 10:00:00

--------------- 2024년 3월 1일 금요일 ---------------
가온님이 들어왔습니다.
[가온] [오전 11:58] 배송이 언제 오나요?
[가온] [오전 11:59] 주문은 어제 했어요
그리고 하나 더 있어요

[1] [2] 이런 것도 글입니다
[나래 상담] [오후 12:03] 내일 도착합니다
[가온] [오후 12:04] 사진
[가온] [오후 12:05] 이모티콘
[나래 상담] [오후 12:06] 삭제된 메시지입니다.
[가온] [오후 12:07] 감사합니다 ㅎㅎ
--------------- 2024년 3월 2일 토요일 ---------------
[나래 상담] [오전 9:00] 잘 받으셨나요?
[가온] [오전 9:10] 네 잘 받았어요
가온님이 나갔습니다.
"""
PC_EN = """\
Help desk with KakaoTalk Chats
Date Saved : 2024-03-02 10:00:00

--------------- Friday, March 1, 2024 ---------------
[Gaon] [11:58 AM] When does it arrive?
[Gaon] [11:59 AM] I ordered yesterday
and one more thing

[1] [2] this is text too
[Narae] [12:03 PM] Tomorrow
[Gaon] [12:04 PM] Photo
[Gaon] [12:05 PM] Emoticons
[Narae] [12:06 PM] This message was deleted.
[Gaon] [12:07 PM] Thank you
--------------- Saturday, March 2, 2024 ---------------
[Narae] [9:00 AM] Did you get it?
[Gaon] [9:10 AM] Yes I did
Gaon left this chatroom.
"""
ANDROID_KO = """\
고객센터 카카오톡 대화
저장한 날짜 : 2024년 3월 2일 오전 10:00


2024년 3월 1일 오전 11:57
2024년 3월 1일 오전 11:57, 가온님이 들어왔습니다.
2024년 3월 1일 오전 11:58, 가온 : 배송이 언제 오나요?
2024년 3월 1일 오전 11:59, 가온 : 주문은 어제 했어요
그리고 하나 더 있어요

[1] [2] 이런 것도 글입니다
2024년 3월 1일 오후 12:03, 나래 상담 : 내일 도착합니다
2024년 3월 1일 오후 12:04, 가온 : 사진
2024년 3월 1일 오후 12:05, 가온 : 이모티콘
2024년 3월 1일 오후 12:06, 나래 상담 : 삭제된 메시지입니다.
2024년 3월 1일 오후 12:07, 가온 : 감사합니다 ㅎㅎ
2024년 3월 2일 오전 9:00
2024년 3월 2일 오전 9:00, 나래 상담 : 잘 받으셨나요?
2024년 3월 2일 오전 9:10, 가온 : 네 잘 받았어요
2024년 3월 2일 오전 9:11, 가온님이 나갔습니다.
"""
ANDROID_EN = """\
Help desk KakaoTalk Chats
Date Saved : March 2, 2024, 10:00 AM


March 1, 2024, 11:57 AM
March 1, 2024, 11:58 AM, Gaon : When does it arrive?
March 1, 2024, 11:59 AM, Gaon : I ordered yesterday
and one more thing

[1] [2] this is text too
March 1, 2024, 12:03 PM, Narae : Tomorrow
March 1, 2024, 12:04 PM, Gaon : Photo
March 1, 2024, 12:05 PM, Gaon : Emoticon
March 1, 2024, 12:06 PM, Narae : This message was deleted.
March 1, 2024, 12:07 PM, Gaon : Thank you
March 2, 2024, 9:00 AM, Narae : Did you get it?
March 2, 2024, 9:10 AM, Gaon : Yes I did
March 2, 2024, 9:11 AM, Gaon left this chatroom.
"""
IPHONE_KO = """\
고객센터 님과 카카오톡 대화
저장한 날짜 : 2024. 3. 2. 오전 10:00


2024년 3월 1일 금요일
2024. 3. 1. 오전 11:57: 가온님이 들어왔습니다.
2024. 3. 1. 오전 11:58, 가온 : 배송이 언제 오나요?
2024. 3. 1. 오전 11:59, 가온 : 주문은 어제 했어요
그리고 하나 더 있어요

[1] [2] 이런 것도 글입니다
2024. 3. 1. 오후 12:03, 나래 상담 : 내일 도착합니다
2024. 3. 1. 오후 12:04, 가온 : 사진
2024. 3. 1. 오후 12:05, 가온 : 이모티콘
2024. 3. 1. 오후 12:06, 나래 상담 : 삭제된 메시지입니다.
2024. 3. 1. 오후 12:07, 가온 : 감사합니다 ㅎㅎ

2024년 3월 2일 토요일
2024. 3. 2. 오전 9:00, 나래 상담 : 잘 받으셨나요?
2024. 3. 2. 오전 9:10, 가온 : 네 잘 받았어요
2024. 3. 2. 오전 9:11: 가온님이 나갔습니다.
"""
IPHONE_TIMES = """\
고객센터 님과 카카오톡 대화
저장한 날짜 : 2024년 3월 2일 오전 10:00


2024년 3월 1일 금요일
오전 11:57, 가온님이 들어왔습니다.
오전 11:58, 가온 : 배송이 언제 오나요?
오전 11:59, 가온 : 주문은 어제 했어요
그리고 하나 더 있어요

[1] [2] 이런 것도 글입니다
오후 12:03, 나래 상담 : 내일 도착합니다
오후 12:04, 가온 : 사진
오후 12:05, 가온 : 이모티콘
오후 12:06, 나래 상담 : 삭제된 메시지입니다.
오후 12:07, 가온 : 감사합니다 ㅎㅎ
2024년 3월 2일 토요일
오전 9:00, 나래 상담 : 잘 받으셨나요?
오전 9:10, 가온 : 네 잘 받았어요
오전 9:11, 가온님이 나갔습니다.
"""
IPHONE_EN = """\
Talk_2024.3.2 10:00-1.txt
Date Saved : Mar 2, 2024 at 10:00


Friday, March 1, 2024
Mar 1, 2024 at 11:57: Gaon joined this chatroom.
Mar 1, 2024 at 11:58, Gaon : When does it arrive?
Mar 1, 2024 at 11:59, Gaon : I ordered yesterday
and one more thing

[1] [2] this is text too
Mar 1, 2024 at 12:03, Narae : Tomorrow
Mar 1, 2024 at 12:04, Gaon : Photo
Mar 1, 2024 at 12:05, Gaon : Sticker
Mar 1, 2024 at 12:06, Narae : This message was deleted.
Mar 1, 2024 at 12:07, Gaon : Thank you

Saturday, March 2, 2024
Mar 2, 2024 at 09:00, Narae : Did you get it?
Mar 2, 2024 at 09:10, Gaon : Yes I did
Mar 2, 2024 at 09:11: Gaon left this chatroom.
"""
KOREAN = {"pc": PC_KO, "android": ANDROID_KO, "iphone": IPHONE_KO, "times": IPHONE_TIMES}
ENGLISH = {"pc": PC_EN, "android": ANDROID_EN, "iphone": IPHONE_EN}
MAC = """\
\ufeffDate,User,Message
2024-03-01 11:57:00,"가온","가온님이 들어왔습니다."
2024-03-01 11:58:00,"가온","배송이 언제 오나요?"
2024-03-01 11:59:00,"가온","주문은 어제 했어요
그리고 ""하나"" 더 있어요"
2024-03-01 12:03:00,"나래 상담","내일 도착합니다"
2024-03-01 12:04:00,"가온","사진"
언제,"가온","고장 난 줄"
2024-03-02 09:00:00,"나래 상담","잘 받으셨나요?"
"""

SLACK: dict[str, Any] = {
    "users.json": [
        {"id": "U1", "name": "gaon", "profile": {"display_name": "가온", "real_name": "김가온"}},
        {"id": "U2", "name": "narae", "real_name": "나래", "profile": {"display_name": ""}},
        {"id": "U3", "name": "dami", "profile": {"real_name": "다미"}},
        {"id": "B1", "name": "deploy", "is_bot": True, "profile": {"display_name": "deploy-bot"}},
    ],
    "channels.json": [{"id": "C1", "name": "general"}],
    "general/2024-03-01.json": [
        {"type": "message", "subtype": "channel_join", "user": "U1", "text": "<@U1> has joined the channel", "ts": "1709251200.000100"},
        {"type": "message", "user": "U1", "text": "a &lt;b&gt; &amp; c <@U2> <https://x.kr|여기>", "ts": "1709251260.000100"},
        {"type": "message", "user": "U2", "text": "질문이 있어요", "ts": "1709251320.000200", "thread_ts": "1709251320.000200", "reply_count": 2},
        {"type": "message", "user": "U3", "text": "세 번째 사람", "ts": "1709251380.000100"},
        {"type": "message", "user": "U1", "text": "답입니다", "ts": "1709251440.000100", "thread_ts": "1709251320.000200"},
        {"type": "message", "user": "U1", "text": "", "ts": "1709251500.000100", "files": [{"name": "a.png", "mimetype": "image/png"}]},
        "broken",
    ],
    "general/2024-03-02.json": [
        # The thread goes on after midnight; the channel begins anew.
        {"type": "message", "user": "U2", "text": "고마워요", "ts": "1709337600.000100", "thread_ts": "1709251320.000200"},
        {"type": "message", "user": "U3", "text": "배포 됐나요", "ts": "1709337660.000100"},
        {"type": "message", "subtype": "bot_message", "bot_id": "B1", "text": "", "attachments": [{"fallback": "done", "text": "배포 완료"}], "ts": "1709337720.000100"},
    ],
}  # fmt: skip


def slack(path: Path) -> Path:
    """Slack's export as a folder, or as a zip where the path ends so."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for name, value in SLACK.items():
                file.writestr(name, json.dumps(value))
        return path
    for name, value in SLACK.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(json.dumps(value), encoding="utf-8")
    return path


def author(number: int, name: str, bot: bool = False) -> dict[str, Any]:
    """A Discord author."""
    return {"id": str(number), "name": name.lower(), "discriminator": "0000", "nickname": name, "isBot": bot}


DISCORD: dict[str, Any] = {
    "guild": {"id": "9", "name": "Helpers"},
    "channel": {"id": "8", "type": "GuildTextChat", "name": "도움"},
    "dateRange": {"after": None, "before": None},
    "messages": [
        {"id": "1", "type": "GuildMemberJoin", "timestamp": "2024-03-01T11:57:00+09:00", "content": "Joined the server.", "author": author(1, "Gaon")},
        {"id": "2", "type": "Default", "timestamp": "2024-03-01T11:58:00.1234567+09:00", "content": "how do I install it?", "author": author(1, "Gaon")},
        {"id": "3", "type": "Reply", "timestamp": "2024-03-01T11:59:00+09:00", "content": "pip install it", "author": author(2, "Narae"),
         "reference": {"messageId": "2"}, "attachments": [{"id": "5", "fileName": "a.PNG", "url": "https://x/a.PNG"}]},
        {"id": "4", "type": "Default", "timestamp": "2024-03-01T12:00:00+09:00", "content": "", "author": author(1, "Gaon"), "attachments": [],
         "stickers": [{"id": "1", "name": "wave"}]},
        {"id": "5", "type": "Default", "timestamp": "2024-03-01T15:00:00+09:00", "content": "!version", "author": author(1, "Gaon")},
        {"id": "6", "type": "Default", "timestamp": "2024-03-01T15:00:01+09:00", "content": "", "author": author(3, "Bot", True),
         "embeds": [{"title": "Version", "description": "1.2"}]},
        {"id": "7", "type": "Default", "timestamp": "no time", "content": "x", "author": author(1, "Gaon")},
        {"id": "8", "type": "Default"},
    ],
    "messageCount": 8,
}  # fmt: skip
DISCORD_TABLE = """\
\ufeffAuthorID,Author,Date,Content,Attachments,Reactions
"1","gaon","2024-03-01T11:58:00.0000000+09:00","how, ""exactly""
do I install it?","",""
"2","narae","2024-03-01T11:59:00.0000000+09:00","pip install it","",""
"1","gaon","2024-03-01T12:00:00.0000000+09:00","","https://x/a.png","👍 (1)"
"""


def node(parent: str | None, role: str | None, content: Any, **more: Any) -> dict[str, Any]:
    """A node of ChatGPT's tree; without a role one that holds no message."""
    content = content if isinstance(content, dict) else {"content_type": "text", "parts": content if isinstance(content, list) else [content]}
    message = {"id": "m", "author": {"role": role, "name": more.pop("name", None), "metadata": {}}, "content": content, "weight": 1.0, "metadata": {}, **more}
    return {"parent": parent, "children": [], "message": message if role else None}


CHATGPT: dict[str, Any] = {
    "title": "파이썬 질문",
    "create_time": 1709251200.0,
    "update_time": 1709254800.0,
    "mapping": {
        "root": node(None, None, ""),
        "hidden": node("root", "system", "", metadata={"is_visually_hidden_from_conversation": True}),
        "about": node("hidden", "user", {"content_type": "user_editable_context", "user_profile": "..."}, metadata={"is_visually_hidden_from_conversation": True}),
        "q1": node("about", "user", "1+1은?"),
        "a1": node("q1", "assistant", "3입니다"),
        "a2": node("q1", "assistant", "2입니다", metadata={"model_slug": "gpt-4o"}),
        "q2": node("a2", "user", {"content_type": "multimodal_text", "parts": [{"content_type": "image_asset_pointer"}, "이 그림을 계산해 줘"]}),
        "think": node("q2", "assistant", {"content_type": "thoughts", "thoughts": [{"summary": "s", "content": "c"}]}),
        "call": node("think", "assistant", {"content_type": "code", "language": "python", "text": "print(2)"}, recipient="python"),
        "result": node("call", "tool", {"content_type": "execution_output", "text": "2"}, name="python"),
        "a3": node("result", "assistant", "결과는 2입니다"),
        "a3b": node("a3", "assistant", "끝입니다"),
        "q1b": node("about", "user", "2+2는?"),
    },
    "current_node": "a3b",
    "conversation_id": "c-1",
}
CLAUDE: dict[str, Any] = {
    "uuid": "u-1",
    "name": "번역",
    "created_at": "2024-03-01T00:00:00Z",
    "updated_at": "2024-03-01T01:00:00Z",
    "account": {"uuid": "x"},
    "chat_messages": [
        {"uuid": "1", "text": "옮겨 줘", "content": [{"type": "text", "text": "옮겨 줘"}], "sender": "human", "attachments": [{"file_name": "a.txt", "extracted_content": "hello"}], "files": [{"file_name": "b.png"}]},
        {"uuid": "2", "text": "", "sender": "assistant", "content": [
            {"type": "thinking", "thinking": "..."}, {"type": "text", "text": "찾아볼게요"}, {"type": "tool_use", "id": "t1", "name": "search", "input": {"q": "hello"}},
            {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "안녕"}]}, {"type": "text", "text": "안녕하세요"}]},
        {"uuid": "3", "text": "고마워", "sender": "human", "content": []},
    ],
}  # fmt: skip
SPEECH: dict[str, Any] = {
    "language": "ko",
    "segments": [
        {"start": 0.0, "end": 1.0, "text": " 여보세요", "speaker": "SPEAKER_00", "words": [{"word": "여보세요"}]},
        {"start": 1.0, "end": 2.0, "text": " 네", "words": []},
        {"start": 2.0, "end": 3.0, "text": " 말씀하세요", "speaker": "SPEAKER_01"},
    ],
    "word_segments": [{"word": "여보세요"}],
}
