"""Exports of messengers and assistants: conversations with roles, nothing lost, nobody named where a name is nobody's business."""

from __future__ import annotations

import copy
import json
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chatlogs
from dadeum import io
from dadeum.errors import RecipeError
from dadeum.io import dialogue
from dadeum.io.chatlog import kakao
from dadeum.io.room import Message, Room, conversations
from dadeum.settings import Chat, Source

DATA = Path(__file__).parent.parent.parent / "shared/data"
PEOPLE = ("가온", "나래", "Gaon", "Narae", "다미")


def read(path: Path, **told: Any) -> list[io.Chunk]:
    return list(io.read(path, Source(str(path), **told), 100))


def write(path: Path, content: str | bytes | Any, encoding: str = "utf-8") -> Path:
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_bytes((content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)).encode(encoding))
    return path


def said(chunk: io.Chunk) -> list[list[tuple[str, str]]]:
    return [[(t["role"], t["content"]) for t in turns] for turns in chunk.rows["messages"].to_list()]


def metas(chunk: io.Chunk) -> list[dict[str, Any]]:
    return [json.loads(m) for m in chunk.rows["meta"]]


KO = [
    [("user", "배송이 언제 오나요?\n주문은 어제 했어요\n그리고 하나 더 있어요\n\n[1] [2] 이런 것도 글입니다"), ("assistant", "내일 도착합니다"), ("user", "감사합니다 ㅎㅎ")],
    [("assistant", "잘 받으셨나요?"), ("user", "네 잘 받았어요")],
]
EN = [
    [("user", "When does it arrive?\nI ordered yesterday\nand one more thing\n\n[1] [2] this is text too"), ("assistant", "Tomorrow"), ("user", "Thank you")],
    [("assistant", "Did you get it?"), ("user", "Yes I did")],
]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(("layout", "language"), [*((n, "ko") for n in chatlogs.KOREAN), *((n, "en") for n in chatlogs.ENGLISH)])
def test_kakaotalk_of_every_phone_and_pc(layout: str, language: str, encoding: str, tmp_path: Path) -> None:
    """The same conversation, whatever wrote it: two days are two conversations, twelve o'clock is noon, placeholders are counted."""
    text = (chatlogs.KOREAN if language == "ko" else chatlogs.ENGLISH)[layout]
    (chunk,) = read(write(tmp_path / "talk.txt", text, encoding))
    assert said(chunk) == (KO if language == "ko" else EN) and not chunk.bad and chunk.mark == ":"
    first, second = metas(chunk)
    assert (first["started"], first["ended"]) == ("2024-03-01T11:58:00", "2024-03-01T12:07:00") and second["started"] == "2024-03-02T09:00:00"
    assert first["roles"] == "order" and set(first["speakers"]) == {"user", "assistant"}
    entered = {"joined": 1} if "들어왔" in text or "joined" in text else {}
    assert first["left_out"] == {"deleted": 1, "photo": 1, "sticker": 1, **entered} and second["left_out"] == {"left": 1}
    lines = text.split("\n")
    assert [lines[n - 1].split(KO[i][0][1].split("\n")[0] if language == "ko" else EN[i][0][1].split("\n")[0])[1] for i, n in enumerate(chunk.rows["line"])] == ["", ""]


@pytest.mark.parametrize("text", [chatlogs.PC_KO, chatlogs.ANDROID_KO])
def test_kakaotalk_of_an_old_pc_in_cp949(text: str, tmp_path: Path) -> None:
    (chunk,) = read(write(tmp_path / "talk.txt", text.replace("\n", "\r\n"), "cp949"))
    assert said(chunk) == KO


def test_kakaotalk_of_a_mac(tmp_path: Path) -> None:
    (chunk,) = read(write(tmp_path / "KakaoTalk_Chat_1.csv", chatlogs.MAC))
    assert said(chunk)[0] == [("user", '배송이 언제 오나요?\n주문은 어제 했어요\n그리고 "하나" 더 있어요'), ("assistant", "내일 도착합니다")]
    assert metas(chunk)[0]["left_out"] == {"joined": 1, "photo": 1}
    assert [(b.line, b.error) for b in chunk.bad] == [(8, "a time that can't be read")]
    assert chunk.rows["line"].to_list() == [3, 9]
    # A table of that header under another name is a table, until it is told what it is.
    other = write(tmp_path / "log.csv", chatlogs.MAC)
    assert read(other)[0].rows["messages"].null_count() == 7 and said(read(other, format="kakaotalk")[0]) == said(chunk)


def test_a_text_that_only_quotes_a_chat_is_a_document(tmp_path: Path) -> None:
    for text in ("[가온] [오후 3:20] 안녕\n", "저장한 날짜 : 2024-03-01\n\n그냥 글\n", "# 카카오톡 대화\n\n2024년 3월 1일 오후 3:20, 회의"):
        (chunk,) = read(write(tmp_path / "a.txt", text))
        assert chunk.rows["text"].to_list() == [text]


def test_lines_of_an_export_that_cannot_be_read_are_told_with_their_place(tmp_path: Path) -> None:
    lines = [line.encode() for line in chatlogs.PC_KO.split("\n")]
    lines[3:3] = ["길 잃은 줄".encode()]
    lines[11] = b"[x] [\xec\x98\xa4\xed\x9b\x84 3:20] \xff\xfe"
    lines[13] = "[가온] [오후 13:05] 열세 시".encode()
    lines.append("--------------- 2024년 2월 30일 금요일 ---------------".encode())
    (chunk,) = read(write(tmp_path / "talk.txt", b"\n".join(lines)), encoding="utf-8")
    assert [(b.line, b.error.split(":")[0]) for b in chunk.bad] == [
        (4, "a line that belongs to no message"),
        (12, "not utf-8"),
        (14, "a time that can't be"),
        (len(lines), "a time that can't be"),
    ]
    assert "열세 시" in chunk.bad[2].raw and not any(name in b.error for b in chunk.bad for name in PEOPLE)


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_chunks_of_an_export_cover_it_once(size: int, tmp_path: Path) -> None:
    path = write(tmp_path / "talk.txt", chatlogs.PC_KO + "[가온] [오후 99:05] x\n")
    chunks = list(io.read(path, Source(str(path)), size))
    assert sum(c.read for c in chunks) == 3 and all(c.read == size for c in chunks[:-1])
    for skip in range(len(chunks) + 1):
        rest = list(io.read(path, Source(str(path)), size, skip))
        assert [c.rows.rows() for c in rest] == [c.rows.rows() for c in chunks[skip:]]


@pytest.mark.parametrize(("silence", "n"), [(0, 1), (4, 3), (60, 2), (60 * 24, 1)])
def test_silence_cuts(silence: float, n: int, tmp_path: Path) -> None:
    path = write(tmp_path / "talk.txt", chatlogs.PC_KO)
    assert read(path, chat=Chat(silence=silence))[0].rows.height == n


def test_midnight_does_not_cut_and_one_day_does_not_join() -> None:
    lines = ["--- x", "----------- 2024년 3월 1일 금요일 -----------", "[가] [오전 9:00] a", "[나] [오전 9:01] b", "[가] [오후 11:59] c", "----------- 2024년 3월 2일 토요일 -----------", "[나] [오전 12:01] d"]
    rows, _ = conversations(kakao.parse(lines)[0], Chat())
    assert [[t["content"] for t in row["messages"]] for _, row in rows] == [["a", "b"], ["c", "d"]]


def test_placeholders_stay_where_they_are_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "talk.txt", chatlogs.PC_KO)
    (chunk,) = read(path, chat=Chat(placeholders="keep"))
    assert said(chunk)[0][2:] == [("user", "사진\n이모티콘"), ("assistant", "삭제된 메시지입니다."), ("user", "감사합니다 ㅎㅎ")]
    assert metas(chunk)[0]["left_out"] == {"joined": 1}
    (chunk,) = read(path, chat=Chat(joined=False))
    assert [t[0] for t in said(chunk)[0]] == ["user", "user", "assistant", "user"]


def test_who_is_the_assistant_is_said_by_the_source(tmp_path: Path) -> None:
    path = write(tmp_path / "talk.txt", chatlogs.PC_KO)
    (chunk,) = read(path, chat=Chat(assistant=("가온",)))
    assert [t[0] for t in said(chunk)[0]] == ["assistant", "user", "assistant"] and metas(chunk)[0]["roles"] == "told"
    with pytest.raises(RecipeError) as error:
        read(path, name="s", chat=Chat(assistant=("없는 사람",)))
    assert "sources.s.chat.assistant: none of the 2 speakers is called so" in str(error.value)
    assert not any(name in str(error.value) for name in PEOPLE)


def test_more_than_two_keep_their_names_and_two_do_not() -> None:
    three = Room([Message(i, who, f"{i}") for i, who in enumerate("abcab", 1)])
    ((_, row),), _ = conversations(three, Chat())
    assert [(t["role"], t["name"]) for t in row["messages"]] == [("user", w) for w in "abcab"] and row["roles"] == "names"
    ((_, row),), _ = conversations(three, Chat(assistant=("c",)))
    assert [(t["role"], t.get("name")) for t in row["messages"]] == [("user", "a"), ("user", "b"), ("assistant", None), ("user", "a"), ("user", "b")]
    ((_, row),), _ = conversations(Room(three.messages[:2], bots=frozenset("a")), Chat())
    assert [t["role"] for t in row["messages"]] == ["assistant", "user"] and row["roles"] == "bot" and "name" not in row["messages"][0]


def test_a_conversation_of_photos_alone_is_told() -> None:
    rows, bad = conversations(Room([Message(3, "a", "사진", kind="photo"), Message(4, "", "나갔습니다", kind="left")]), Chat())
    assert not rows and [(b.line, b.error) for b in bad] == [(3, "a conversation without words: left 1, photo 1")]


SLACK = {
    (2,): [("user", "a <b> & c @나래 여기 (https://x.kr)"), ("assistant", "세 번째 사람")],
    (3,): [("user", "질문이 있어요"), ("assistant", "답입니다"), ("user", "고마워요")],
    (9,): [("user", "배포 됐나요"), ("assistant", "배포 완료")],
}


@pytest.mark.parametrize("name", ["export", "export.zip"])
def test_slack_threads_and_channels(name: str, tmp_path: Path) -> None:
    path = chatlogs.slack(tmp_path / name)
    source = Source(str(path))
    assert io.sources(source) == [str(path)]
    (chunk,) = io.read(path, source, 100)
    assert {(n,): turns for n, turns in zip(chunk.rows["line"], said(chunk))} == SLACK and chunk.mark == "#"
    assert [m["roles"] for m in metas(chunk)] == ["order", "order", "bot"] and {m["room"] for m in metas(chunk)} == {"general"}
    assert metas(chunk)[0]["left_out"] == {"joined": 1, "photo": 1}
    assert [(b.line, b.error) for b in chunk.bad] == [(7, "a string, where a message must be an object")]


def test_a_slack_folder_is_one_file_whose_bytes_are_all_of_its_files(tmp_path: Path) -> None:
    """What a run read before is found by this digest: another name, another text or another day has to change it."""
    from dadeum.step import digest_file

    path = chatlogs.slack(tmp_path / "export")
    told = [digest_file(path), digest_file(chatlogs.slack(tmp_path / "again"))]
    (path / "users.json").write_text("[]")
    told.append(digest_file(path))
    (path / "general/2024-03-02.json").rename(path / "general/2024-03-03.json")
    told.append(digest_file(path))
    assert told[0] == told[1] and len(set(told)) == 3
    (tmp_path / "no").mkdir()
    write(tmp_path / "no" / "a.json", "[]")
    (chunk,) = read(tmp_path / "no", format="slack")
    assert [b.error for b in chunk.bad] == ["not an export of Slack: no channel with a file a day"]
    assert io.sources(Source(str(tmp_path / "no"))) == [str(tmp_path / "no" / "a.json")], "another folder is the files in it"


@pytest.mark.parametrize(("layout", "row"), [("chatgpt", chatlogs.CHATGPT), ("claude", chatlogs.CLAUDE), ("dialogue", chatlogs.SPEECH)])
def test_a_layout_that_is_named_is_held_to(layout: Any, row: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(row) + '\n{"text": "a"}\n')
    (chunk,) = read(path, layout=layout)
    assert chunk.rows.height == 1 and [(b.line, b.error) for b in chunk.bad] == [(2, f"the row is not of layout {layout}: its keys are text")]


def test_a_slack_day_that_is_damaged_costs_itself(tmp_path: Path) -> None:
    path = chatlogs.slack(tmp_path / "export")
    (path / "general/2024-03-02.json").write_text('[{"type": "mess')
    (chunk,) = io.read(path, Source(str(path)), 100)
    assert chunk.rows.height == 2 and [b.error.split(":")[0] for b in chunk.bad] == ["a string, where a message must be an object", "2024-03-02.json can't be read"]
    whole = chatlogs.slack(tmp_path / "e.zip").read_bytes()
    (chunk,) = read(write(tmp_path / "cut.zip", whole[: len(whole) // 2]))
    assert chunk.rows.height == 0 and chunk.bad[0].error.startswith("a damaged zip")
    (chunk,) = read(write(tmp_path / "empty.zip", b"PK\x05\x06" + bytes(18)))
    assert chunk.bad[0].error.startswith("a zip that holds no export")


def test_discord_json_and_csv(tmp_path: Path) -> None:
    (chunk,) = read(write(tmp_path / "help.json", chatlogs.DISCORD))
    assert said(chunk) == [[("user", "how do I install it?"), ("assistant", "pip install it")], [("user", "!version"), ("assistant", "Version\n1.2")]]
    assert [m["roles"] for m in metas(chunk)] == ["order", "bot"] and metas(chunk)[0]["room"] == "도움"
    assert metas(chunk)[0]["left_out"] == {"joined": 1, "photo": 1, "sticker": 1}
    assert [(b.line, b.error) for b in chunk.bad] == [(7, "no message of Discord: ValueError"), (8, "no message of Discord: KeyError")]
    (chunk,) = read(write(tmp_path / "help.csv", chatlogs.DISCORD_TABLE))
    assert said(chunk) == [[("user", 'how, "exactly"\ndo I install it?'), ("assistant", "pip install it")]]
    assert metas(chunk)[0]["left_out"] == {"photo": 1} and chunk.rows["line"].to_list() == [2] and chunk.mark == ":"


CHATGPT = [("user", "1+1은?"), ("assistant", "2입니다"), ("user", "이 그림을 계산해 줘"), ("assistant", None), ("tool", "2"), ("assistant", "결과는 2입니다\n\n끝입니다")]


@pytest.mark.parametrize("name", ["conversations.json", "a.jsonl", "export.zip"])
def test_chatgpt_takes_the_branch_that_was_on_the_screen(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if name.endswith(".zip"):
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("user.json", "{}")
            file.writestr("conversations.json", json.dumps([chatlogs.CHATGPT, 5]))
    else:
        write(path, [chatlogs.CHATGPT] if name.endswith(".json") else chatlogs.CHATGPT)
    (chunk,) = read(path)
    assert said(chunk) == [CHATGPT] and chunk.rows["key"].to_list() == ["c-1"]
    call = json.loads(chunk.rows["messages"].to_list()[0][3]["tool_calls"])
    assert call[0]["function"] == {"name": "python", "arguments": '{"input":"print(2)"}'}
    told = metas(chunk)[0]
    assert told["left_out"] == {"hidden": 1, "photo": 1, "reasoning": 1} and told["title"] == "파이썬 질문" and told["model"] == "gpt-4o"
    assert told["other_branches"] == [
        {"after": 1, "messages": [{"role": "assistant", "content": "3입니다"}]},
        {"after": 0, "messages": [{"role": "user", "content": "2+2는?"}]},
    ]
    assert [b.error for b in chunk.bad] == (["a number, where a row must be an object"] if name.endswith("zip") else [])


def test_an_unpacked_export_is_its_conversations(tmp_path: Path) -> None:
    """Not the page that shows them again, nor the user's own data."""
    for name in ("conversations.json", "conversations-001.json", "chat.html", "user.json", "message_feedback.json"):
        write(tmp_path / name, [chatlogs.CHATGPT] if name.startswith("conv") else "{}")
    assert [Path(p).name for p in io.sources(Source(str(tmp_path)))] == ["conversations-001.json", "conversations.json"]
    assert len(io.sources(Source(str(tmp_path / "*.json")))) == 4, "who names files gets files"
    (tmp_path / "chat.html").unlink()
    (tmp_path / "message_feedback.json").unlink()
    assert len(io.sources(Source(str(tmp_path)))) == 3


def test_every_word_of_a_tree_is_somewhere() -> None:
    """Also where the current node is unknown: the words on the screen and on other branches are all the tree's words."""
    from dadeum.io import assistants

    for leaf in (*chatlogs.CHATGPT["mapping"], "gone"):
        row = assistants.chatgpt({**chatlogs.CHATGPT, "current_node": leaf}) if leaf not in ("root", "hidden", "about") else None
        if row is None:
            continue
        words = json.dumps(row, ensure_ascii=False)
        assert all(word in words for word in ("1+1은?", "3입니다", "2입니다", "계산해 줘", "print(2)", "결과는", "끝입니다", "2+2는?")), leaf


@pytest.mark.parametrize(("tree", "why"), [({"a": {"parent": "b", "message": None}, "b": {"parent": "a", "message": None}}, "a circle"), ({}, "without words"),
                                           ({"a": {"parent": None, "message": {"author": 5}}}, "an unknown shape")])  # fmt: skip
def test_trees_that_are_none_are_quarantined(tree: Any, why: str, tmp_path: Path) -> None:
    (chunk,) = read(write(tmp_path / "conversations.json", [{"mapping": tree, "current_node": "a"}, chatlogs.CHATGPT]))
    assert chunk.rows.height == 1 and [b.line for b in chunk.bad] == [1] and why in chunk.bad[0].error


def test_a_deep_tree(tmp_path: Path) -> None:
    tree = {"0": chatlogs.node(None, "user", "0")} | {str(i): chatlogs.node(str(i - 1), ("user", "assistant")[i % 2], str(i)) for i in range(1, 5000)}
    (chunk,) = read(write(tmp_path / "conversations.json", [{"mapping": tree, "current_node": "4999"}]))
    assert len(said(chunk)[0]) == 5000


def test_claude(tmp_path: Path) -> None:
    (chunk,) = read(write(tmp_path / "conversations.json", [chatlogs.CLAUDE]))
    assert said(chunk) == [[("user", "옮겨 줘\n\nhello"), ("assistant", "찾아볼게요"), ("assistant", None), ("tool", "안녕"), ("assistant", "안녕하세요"), ("user", "고마워")]]
    assert chunk.rows["key"].to_list() == ["u-1"] and metas(chunk)[0]["left_out"] == {"file": 1, "reasoning": 1}
    tree = copy.deepcopy(chatlogs.CLAUDE)
    for message, parent in zip(tree["chat_messages"], ("none", "1", "1")):
        message["parent_message_uuid"] = parent
    (chunk,) = read(write(tmp_path / "conversations.json", [tree]))
    assert said(chunk) == [[("user", "옮겨 줘\n\nhello\n\n고마워")]] and "안녕하세요" in json.dumps(metas(chunk)[0], ensure_ascii=False)


def test_recognised_speech_is_joined_and_a_voice_that_is_not_known_is_counted(tmp_path: Path) -> None:
    (chunk,) = read(write(tmp_path / "call.json", chatlogs.SPEECH))
    assert said(chunk) == [[("user", "여보세요\n네"), ("assistant", "말씀하세요")]] and metas(chunk)[0]["left_out"] == {"unassigned": 1}
    assert metas(chunk)[0]["times"][0] == {"start": 0.0, "end": 1.0, "speaker": "SPEAKER_00"} and "words" not in json.dumps(metas(chunk))


@pytest.mark.parametrize(
    ("speakers", "roles"),
    [
        (("고객", "상담사", "고객"), ["user", "assistant", "user"]),
        (("Agent", "Customer"), ["assistant", "user"]),
        (("SYSTEM", "USER", "SYSTEM"), ["assistant", "user", "assistant"]),
        (("system", "user", "assistant"), ["system", "user", "assistant"]),
        (("A", "B", "A"), ["user", "assistant", "user"]),
        (("A", "B", "C"), ["user", "user", "user"]),
    ],
)
def test_dialogues_get_roles_and_come_back(speakers: tuple[str, ...], roles: list[str], tmp_path: Path) -> None:
    row = {"n": 1, "turns": [{"speaker": s, "text": f"t{i}", "x": [i]} for i, s in enumerate(speakers)]}
    (chunk,) = read(write(tmp_path / "a.jsonl", row))
    assert [r for r, _ in said(chunk)[0]] == roles
    writer = io.writer(tmp_path / "b.jsonl", "source")
    writer.write(chunk.rows.drop("line", "key"))
    writer.close()
    assert json.loads((tmp_path / "b.jsonl").read_text()) == row


def test_rows_that_only_look_like_dialogues_are_left_alone(tmp_path: Path) -> None:
    for row in ({"text": "a", "comments": [{"author": "x", "text": "b"}, {"author": "y", "text": "c"}]}, {"turns": [{"speaker": "A", "text": "b"}]}, {"x": [{"speaker": "A"}, {"text": "b"}]}):
        (chunk,) = read(write(tmp_path / "a.jsonl", row))
        assert chunk.rows["messages"].null_count() == 1


@pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is absent")
@pytest.mark.parametrize(("path", "n", "turns"), [("sgd/train", 383, 6660), ("carecall_NC/carecall_feedback_100.json", 60, 1126)])
def test_real_dialogues_are_read_whole(path: str, n: int, turns: int) -> None:
    """Counts that the data's own documentation gives; customers and agents alternate in one of them perfectly."""
    files = sorted((DATA / path).rglob("dialogues*")) if (DATA / path).is_dir() else [DATA / path]
    found = [row for file in files for c in io.read(file, Source(str(file)), 1000) for row in c.rows["messages"].to_list() if row]
    roles = Counter(t["role"] for row in found for t in row)
    assert len(found) >= n - 1 and set(roles) == {"user", "assistant"}
    assert abs(sum(roles.values()) - turns) <= 1


def test_names_never_reach_an_error(tmp_path: Path) -> None:
    """Every kind of damage, at every place of every export: what is told names nobody."""
    texts = [chatlogs.PC_KO, chatlogs.ANDROID_KO, chatlogs.IPHONE_KO, chatlogs.MAC, json.dumps(chatlogs.DISCORD, ensure_ascii=False), chatlogs.DISCORD_TABLE]
    for i, text in enumerate(texts):
        for at in range(0, len(text), max(1, len(text) // 25)):
            name = ("KakaoTalk_a.csv", "d.json", "d.csv")[i - 3] if i > 2 else "a.txt"
            path = write(tmp_path / name, text[:at] + "\udcff[오후 99:99] 2024. 13. 1. 오후 1:00, x : {".encode("utf-8", "surrogateescape").decode("utf-8", "replace") + text[at:])
            for chunk in read(path):
                assert not any(person in b.error for b in chunk.bad for person in PEOPLE)


PIECES = st.sampled_from(["[a] [오후 3:20] ", "[b] [3:20 PM] ", "--------------- 2024년 3월 1일 금요일 ---------------", "2024. 3. 1. 오후 3:20, a : ", "\n", "\r\n", "\x00", "\u202e", "\u2028",
                          "사진", "오후 99:99", "] [", " : ", "저장한 날짜 : 2024", "가님이 나갔습니다.", "\ufeff"])  # fmt: skip


@given(st.lists(PIECES | st.text(max_size=6), max_size=40))
def test_any_text_is_read_and_every_letter_is_somewhere(pieces: list[str]) -> None:
    """A text told to be an export: whatever is in it, its lines are in a message, in a date or unreadable."""
    text = "".join(pieces).encode("utf-8", "replace").decode()
    room, bad = kakao.parse(text.split("\n"))
    rows, more = conversations(room, Chat(placeholders="keep"))
    held = "\n".join([b.raw for b in (*bad, *more)] + [t["content"] for _, row in rows for t in row["messages"]] + [m.text for m in room.messages] + [str(room.about)])
    for number, line in enumerate(text.split("\n")):
        rest = line.removeprefix("\ufeff").rstrip("\r")
        told = any(form.fullmatch(rest) for form in (kakao.RULED, kakao.DAYS, kakao.STAMPS)) or (number < 4 and "저장한 날짜" in text)
        entry = next((found for form in kakao.ENTRIES.values() if (found := form.fullmatch(rest))), None)
        words = [rest.strip(), *([(entry["rest"] or "").partition(" : ")[2].strip() or (entry["rest"] or "").strip()] if entry else [])]
        assert told or any(word in held for word in words), rest


def test_one_bad_letter_costs_one_message(tmp_path: Path) -> None:
    """Half a surrogate pair, which the strict parser refuses the whole file for, in each export that is one JSON value."""
    bad = "x\ud83d"
    discord = copy.deepcopy(chatlogs.DISCORD)
    discord["messages"][1]["content"] = bad
    (chunk,) = read(write(tmp_path / "d.json", json.dumps(discord)))
    assert chunk.rows.height == 2 and (2, "not JSON: half a surrogate pair in a string") in [(b.line, b.error) for b in chunk.bad]
    tree = copy.deepcopy(chatlogs.CHATGPT)
    tree["mapping"]["a1"]["message"]["content"]["parts"] = [bad]
    for name, value in (("conversations.json", [tree, chatlogs.CHATGPT, chatlogs.CLAUDE, {"text": float("nan")}]),):
        path = write(tmp_path / name, json.dumps(value))
        (chunk,) = read(path)
        assert chunk.rows["line"].to_list() == [2, 3] and [b.error for b in chunk.bad] == ["not JSON: half a surrogate pair in a string", "not JSON: NaN or an infinity"]
        assert "\\ud83d" in chunk.bad[0].raw
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
            file.write(path, "conversations.json")
        assert [b.line for b in read(tmp_path / "a.zip")[0].bad] == [1, 4]
    slack = chatlogs.slack(tmp_path / "slack")
    day = json.loads((slack / "general/2024-03-01.json").read_text())
    day[3]["text"] = bad
    (slack / "general/2024-03-01.json").write_text(json.dumps(day))
    (chunk,) = io.read(slack, Source(str(slack)), 100)
    assert [b.line for b in chunk.bad] == [4, 7] and chunk.rows.height == 3


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda x: st.lists(x, max_size=4) | st.dictionaries(st.sampled_from(
    ["messages", "author", "content", "type", "timestamp", "id", "mapping", "parent", "message", "current_node", "chat_messages", "sender", "uuid", "text", "speaker", "segments", "turns", "role", "parts", "name"]), x, max_size=5), max_leaves=25)  # fmt: skip


@settings(max_examples=150)
@given(JSON)
def test_any_json_is_read_or_quarantined(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    folder = tmp_path_factory.mktemp("x")
    for row in (value, {"mapping": {"a": {"parent": None, "message": value}}, "current_node": "a"}, {"uuid": "1", "chat_messages": [{"sender": "human", "content": value}]},
                {"mapping": value, "current_node": value}, {"turns": [{"speaker": "a", "text": "b"}, value]}):  # fmt: skip
        (chunk,) = read(write(folder / "a.json", [row]))
        assert chunk.read == 1
    for messages in (value, [value], [{"author": value, "content": value, "timestamp": None}]):
        assert sum(c.read for c in read(write(folder / "d.json", {"guild": {"name": "g"}, "channel": value, "messages": messages}), format="discord")) >= 0
    with zipfile.ZipFile(folder / "a.zip", "w") as file:
        for name in ("users.json", "general/2024-01-01.json", "general/2024-01-02.json"):
            file.writestr(name, json.dumps([value, {"id": value, "profile": value, "user": "U1", "ts": "1.0", "text": value, "files": value}]))
    assert sum(c.read for c in read(folder / "a.zip")) >= 1


@settings(max_examples=60)
@given(st.integers(0, 3000), st.binary(max_size=20))
def test_a_damaged_zip_never_stops_a_run(tmp_path_factory: pytest.TempPathFactory, at: int, noise: bytes) -> None:
    path = tmp_path_factory.mktemp("x") / "a.zip"
    raw = chatlogs.slack(path).read_bytes()
    path.write_bytes(raw[:at] + noise + raw[at + len(noise) :])
    assert sum(c.read for c in read(path)) >= 1


def test_speakers_that_nobody_is_called() -> None:
    assert dialogue.found({"turns": "x"}) is None and dialogue.found({}) is None
    with pytest.raises(RecipeError, match="none of the 2 speakers"):
        dialogue.turns([{"s": "a", "t": "1"}, {"s": "b", "t": "2"}], "s", "t", Chat(assistant=("c",)))


def test_apply_and_look_take_exports_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What can't be written back as an export is written as messages; the ledger has its places."""
    from dadeum.cli import main

    monkeypatch.chdir(tmp_path)
    write(tmp_path / "talk.txt", chatlogs.PC_KO + "[가온] [오후 99:05] x\n")
    chatlogs.slack(tmp_path / "slack")
    chatlogs.slack(tmp_path / "slack.zip")
    write(tmp_path / "conversations.json", [chatlogs.CHATGPT])
    for name, kept, bad in (("talk.txt", 2, 1), ("slack", 3, 1), ("slack.zip", 3, 1), ("conversations.json", 1, 0)):
        assert not main(["apply", "clean.whitespace", name, "-o", "out.jsonl", "--force"])
        rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
        assert len(rows) == kept and all(row["messages"] for row in rows)
        capsys.readouterr()
        told = [json.loads(line) for line in (tmp_path / "out.jsonl.quarantine.jsonl").read_text().splitlines()]
        assert [t["file"] for t in told] == [name] * bad
        if name != "slack.zip":
            assert not main(["look", name, "--json"])
            looked = capsys.readouterr().out
            assert json.loads(looked)["counts"] == {"read": kept + bad, "records": kept, "unreadable": bad}
            assert name != "talk.txt" or not any(person in looked for person in PEOPLE)
    assert main(["apply", "clean.whitespace", "talk.txt", "-o", "out.txt"]) == 1
    assert "write .jsonl" in capsys.readouterr().err
    assert main(["apply", "clean.whitespace", "slack.zip", "-o", "out.zip"]) == 2
    assert ".jsonl" in capsys.readouterr().err
    assert not main(["apply", "clean.whitespace", "talk.txt", "-o", "cut.jsonl", "--set", "source.chat.silence=4"])
    assert len((tmp_path / "cut.jsonl").read_text().splitlines()) == 3


def test_what_is_read_depends_on_every_key_of_a_source(tmp_path: Path) -> None:
    """A run finds what it read before by these keys: another silence has to be another reading."""
    from dadeum.engine.shard import read_key
    from dadeum.settings import Sections

    source = Source("a")
    others = [Source("a", chat=Chat(silence=5)), Source("a", chat=Chat(assistant=("x",))), Source("a", content="main"), Source("a", sections=Sections(max=9))]
    assert len({read_key(s, 100) for s in (source, *others)}) == 5 and read_key(Source("b", name="n", licence="MIT"), 100) == read_key(source, 100)


@pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is absent")
def test_naughty_strings_are_said_as_they_are(tmp_path: Path) -> None:
    """Each as a message of every export; a line break of Windows is one of the export's."""
    strings = [s for s in json.loads((DATA / "naughty_strings/blns.json").read_text(encoding="utf-8")) if s.strip() and "\r" not in s]
    lines = ["방 님과 카카오톡 대화", "저장한 날짜 : 2024-01-01 00:00:00", "", "--------------- 2024년 1월 1일 월요일 ---------------"]
    made = write(tmp_path / "a.txt", "\n".join([*lines, *(f"[{'ab'[i % 2]}] [오후 3:20] {s}" for i, s in enumerate(strings))]))
    (chunk,) = read(made, chat=Chat(silence=0))
    assert [c for _, c in said(chunk)[0]] == [s.rstrip("\n") for s in strings] and not chunk.bad
    tree = {str(i): chatlogs.node(str(i - 1) if i else None, "user" if i % 2 else "assistant", s) for i, s in enumerate(strings)}
    (chunk,) = read(write(tmp_path / "b.json", [{"mapping": tree, "current_node": str(len(strings) - 1)}]))
    assert [c for _, c in said(chunk)[0]] == strings
    messages = [{"type": "Default", "author": chatlogs.author(i % 2, "ab"[i % 2]), "content": s} for i, s in enumerate(strings)]
    (chunk,) = read(write(tmp_path / "c.json", {**chatlogs.DISCORD, "messages": messages}))
    assert [c for _, c in said(chunk)[0]] == strings


def test_hostile_lines_take_no_longer_than_long_ones() -> None:
    """Spaces, brackets and marks by the hundred thousand, where a pattern could try every way of reading them."""
    from dadeum.io.chatlog import slack

    for text in (" " * 300_000, "[" * 300_000, "파일: " + " " * 300_000 + "x", "a" * 300_000, "] [" * 100_000, "<" * 300_000, "<a|" * 100_000, "님이 " * 100_000):
        room, bad = kakao.parse(["[a] [오후 3:20] x", text, f"[a] [오후 3:20] {text}", f"[{text}] [오후 3:20] x", f"2024. 1. 1. 오후 3:20, {text}"])
        assert not bad and sum(len(m.text) for m in room.messages) >= len(text.rstrip())
        assert slack.words(text, {})
    rows, _ = conversations(Room([Message(i, "ab"[i % 2], "x", kind="said" if i % 3 else "photo") for i in range(100_000)]), Chat())
    assert len(rows[0][1]["messages"]) > 30_000
