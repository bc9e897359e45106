"""The ladder of encodings, rung by rung: what is told right, what is not guessed, and that nothing is ever dropped on the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dadeum import io
from dadeum.errors import RecipeError
from dadeum.io.encoding import guess
from dadeum.settings import Sections, Source

KO = ["똠방각하를 아십니까", "영화가 정말 재미있었어요 ㅋㅋ", "다시 보고 싶은 영화입니다", "배우들의 연기가 좋았습니다 10점"]
EN = ["a café in the old town", "naïve, and it costs £5", "the rest is plain", "plain again and again and again"]
JA = ["ひらがなとカタカナのぶんしょうです", "もうひとつのながいぶんしょうです", "これもにほんごです", "えいがはとてもおもしろかった"]


def read(path: Path, **told: Any) -> list[io.Chunk]:
    return list(io.read(path, Source(str(path), **told), 100))


def texts(path: Path, **told: Any) -> list[str]:
    return [t for c in read(path, **told) for t in c.rows["text"]]


def jsonl(lines: list[str]) -> str:
    return "".join(json.dumps({"text": t}, ensure_ascii=False) + "\n" for t in lines)


RUNGS = [
    ("utf-8", KO), ("utf-8-sig", KO), ("utf-16", KO), ("utf-16-le", KO), ("utf-16-be", KO), ("utf-32", KO), ("utf-32-le", KO), ("utf-32-be", KO), ("cp949", KO),
    ("johab", KO[1:]), ("iso2022_kr", KO[2:3]), ("utf-8", EN), ("utf-16-le", EN), ("utf-16-be", EN), ("utf-32-be", EN), ("cp1252", EN), ("shift_jis", JA), ("euc_jp", JA), ("iso2022_jp", JA),
]  # fmt: skip


@pytest.mark.parametrize("ending", ["jsonl", "csv", "txt", "json", "md"])
@pytest.mark.parametrize(("encoding", "lines"), RUNGS)
def test_every_rung(encoding: str, lines: list[str], ending: str, tmp_path: Path) -> None:
    if encoding == "cp1252" and ending in ("jsonl", "json"):
        pytest.skip("JSON is UTF-8 by its own rule: Western bytes in it are damage to their lines")
    whole = {
        "jsonl": jsonl(lines), "csv": "text,n\n" + "".join(f'"{t}",1\n' for t in lines), "txt": "\n".join(lines), "md": "\n".join(lines),
        "json": json.dumps([{"text": t} for t in lines], ensure_ascii=False, indent=1),
    }[ending]  # fmt: skip
    path = tmp_path / f"a.{ending}"
    path.write_bytes(whole.encode(encoding))
    assert texts(path) == (["\n".join(lines)] if ending in ("txt", "md") else lines)


def test_bytes_are_told_by_what_they_are() -> None:
    assert guess("똠방각하를 보았습니다".encode("cp949")) == "cp949", "never euc_kr, which lacks 똠"
    chinese = ["这部电影非常好看我很喜欢", "今天天气很好我们去公园散步吧", "请问火车站怎么走谢谢您的帮助"]
    assert [guess(t.encode("gb18030")) for t in chinese] == [None] * 3, "nor Korean, which half of the first one's letters would be"
    assert guess("這部電影非常好看我很喜歡".encode("big5")) is None
    for encoding in ("shift_jis", "euc_jp"):
        assert guess("映画はとても面白かったです".encode(encoding)) == encoding
    assert guess(b"") == "utf-8" and guess(b"plain") == "utf-8" and guess(b"\x1b$ in the shell") == "utf-8"


@given(st.text(max_size=60), st.sampled_from(["utf-8-sig", "utf-16", "utf-32"]))
def test_what_carries_a_mark_comes_back_letter_by_letter(tmp_path_factory: pytest.TempPathFactory, text: str, encoding: str) -> None:
    path = tmp_path_factory.mktemp("x") / "a.txt"
    text = text.encode("utf-8", "replace").decode().replace("\ufeff", "")
    path.write_bytes(text.encode(encoding))
    assert texts(path) == [text] or not text


@given(st.binary(max_size=300))
def test_any_bytes_are_text_or_told(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    """Nothing is dropped: what was read makes the same bytes again, and what was not is kept as it is."""
    path = tmp_path_factory.mktemp("x") / "a.txt"
    path.write_bytes(raw)
    for encoding in ("auto", "mixed"):
        (chunk,) = read(path, encoding=encoding)
        if chunk.bad:
            assert chunk.bad[0].raw == raw.decode("utf-8", "backslashreplace").rstrip("\r\n")
        else:
            assert "\ufffd" not in chunk.rows["text"][0] or "\ufffd".encode() in raw or raw.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in raw


BITS = st.lists(st.binary(max_size=12) | st.sampled_from([b"{", b"}", b'"', b"[", b"]", b",", b":", b"\n", b"\r", b"---\n", b"a: 1\n", b"<p>", b"%PDF-1.7\n", b"PK\x03\x04", b"\x1b$B", b"\x1b$)C",
                                                       b"\xef\xbb\xbf", b"\xff\xfe", b'{"text": "a"}\n', b'{"guild": {"name": "g"}, "messages": [', "저장한 날짜 : 1\n[a] [오후 3:20] x\n".encode()]), max_size=12)  # fmt: skip


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.tsv", "a.txt", "a.md", "a.html", "a.zip", "a.pdf", "KakaoTalk_a.csv"])
@given(parts=BITS)
def test_any_bytes_under_any_ending_are_read_or_told(tmp_path_factory: pytest.TempPathFactory, name: str, parts: list[bytes]) -> None:
    """Only an encoding that can't be told stops a reading, and only of what has no single lines to tell of."""
    path = tmp_path_factory.mktemp("x") / name
    path.write_bytes(b"".join(parts))
    for sections in (0, 5):
        try:
            chunks = read(path, sections=Sections(max=sections), content="main" if sections else "all")
        except RecipeError as error:
            assert "not UTF-8" in str(error) and name.endswith(("csv", "tsv", "txt"))
            continue
        for chunk in chunks:
            assert chunk.rows.height + len(chunk.bad) and all(b.error for b in chunk.bad)
            numbers = [*chunk.rows["line"], *(b.line for b in chunk.bad)]
            assert len(numbers) == len(set(numbers)), "a place is one row's"


MIXED = [KO[0].encode("cp949"), KO[1].encode(), b"plain", KO[2].encode("cp949"), KO[3].encode()]


@pytest.mark.parametrize("ending", ["jsonl", "csv", "txt"])
def test_lines_of_several_programs_are_read_one_by_one(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{ending}"
    want = [KO[0], KO[1], "plain", KO[2], KO[3]]
    row = {"jsonl": b'{"text": "%s"}', "csv": b"%s,1", "txt": b"%s"}[ending]
    path.write_bytes(b"\n".join([*([b"text,n"] if ending == "csv" else []), *(row % line for line in MIXED)]))
    assert texts(path, encoding="mixed") == (["\n".join(want)] if ending == "txt" else want)
    # Never by itself: bytes that are no UTF-8 are damage until the recipe says otherwise.
    if ending == "csv":
        with pytest.raises(RecipeError, match="`mixed` where several programs wrote it"):
            read(path)
        return
    (chunk,) = read(path)
    assert chunk.bad
    if ending == "jsonl":
        assert [b.error.split(" (")[1] for b in chunk.bad] == ["likely cp949: `encoding: mixed` reads line by line)"] * 2


def test_a_line_that_is_in_neither_encoding_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\n".join(b'{"text": "%s"}' % line for line in [*MIXED, b"\xff\xff", *MIXED]))
    (chunk,) = read(path, encoding="mixed")
    assert chunk.rows.height == 10 and [b.line for b in chunk.bad] == [6] and chunk.bad[0].raw == '{"text": "\\xff\\xff"}'
    path.write_bytes(b'{"text": "\xff\xfe\xfd"}\n')
    with pytest.raises(RecipeError, match="in no code page that is likely enough"):
        read(path, encoding="mixed")
    long = tmp_path / "b.jsonl"
    text = "영화가 정말 재미있었어요 " * 200_000
    long.write_bytes(b"\n".join(b'{"text": "%s"}' % text.encode(e) for e in ("cp949", "utf-8", "cp949")))
    assert texts(long, encoding="mixed") == [text] * 3


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        ('<meta charset="euc-kr">', "cp949"),
        ("<meta charset=ks_c_5601-1987>", "cp949"),
        ('<meta http-equiv="Content-Type" content="text/html; charset=windows-949">', "cp949"),
        ('<?xml version="1.0" encoding="EUC-KR"?>', "cp949"),
        ('<meta charset="utf-8">', "utf-8"),
        ('<meta charset="utf-8">', "cp949"),
        ('<meta charset="euc-kr">', "utf-8"),
        ('<meta charset="iso-8859-1">', "cp949"),
        ('<meta charset="nonsense">', "cp949"),
        ("", "cp949"),
        ("", "johab"),
        ("", "utf-16"),
        ('<meta charset="iso-2022-kr">', "iso2022_kr"),
    ],
)
def test_pages_in_what_they_declare_and_in_what_they_do_not(head: str, encoding: str, tmp_path: Path) -> None:
    """A declaration is believed where the bytes can be in it; one that is wrong costs nothing."""
    lines = KO if encoding in ("cp949", "utf-8", "utf-16") else KO[2:3]
    path = tmp_path / "a.html"
    path.write_bytes(f"{head}<p>{'</p><p>'.join(lines)}</p>".encode(encoding))
    assert texts(path) == ["\n\n".join(lines)]


def test_western_pages_that_declare_it(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_bytes('<meta charset="iso-8859-1"><p>naïve café</p>'.encode("cp1252"))
    assert texts(path) == ["naïve café"]
    path.write_bytes('<meta charset="big5"><p>這部電影非常好看</p>'.encode("big5"))
    assert texts(path) == ["這部電影非常好看"], "what is never guessed is believed where it is declared"


def test_tables_that_begin_with_damage(tmp_path: Path) -> None:
    """A name that can't be decoded, a mark inside a file, a table of blanks, a letter cut in half: each costs itself."""
    path = tmp_path / "a.csv"
    path.write_bytes(b"text,n\x80\na,1\n" + "가나다라,2\n".encode())
    (chunk,) = read(path, encoding="utf-8")
    assert chunk.rows["text"].to_list() == ["a", "가나다라"] and "meta.n\\udc80" in chunk.rows.columns
    path.write_bytes(b"text,n\na,1\n\xfe\xff,2\n")
    assert texts(path, encoding="utf-8") == ["a"] and [b.line for b in read(path, encoding="utf-8")[0].bad] == [3]
    for blank in (b"\t\n", b" \n \n", b"\n"):
        path.write_bytes(blank)
        assert read(path) == []
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xfe\xff\xac\x00\xac")
    assert [b.error.split(":")[0] for b in read(path)[0].bad] == ["not utf-8"]
