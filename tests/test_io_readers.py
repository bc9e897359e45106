"""Readers: an odd line costs itself and nothing else, encodings and quoting are told right, chunks are cut by the file alone."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dadeum import io
from dadeum.errors import DadeumError, RecipeError
from dadeum.io.encoding import guess
from dadeum.io.html import text_of
from dadeum.io.stream import zstd
from dadeum.settings import Source

DATA = Path(__file__).parent.parent.parent / "shared/data"
here = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is absent")


def read(path: Path, size: int = 1000, skip: int = 0, **told: Any) -> list[io.Chunk]:
    return list(io.read(path, Source(str(path), **told), size, skip))


def one(path: Path, **told: Any) -> io.Chunk:
    (made,) = read(path, **told)
    return made


def lines(tmp_path: Path, *raw: bytes | str | dict[str, Any], name: str = "a.jsonl") -> Path:
    path = tmp_path / name
    made = [json.dumps(r, ensure_ascii=False).encode() if isinstance(r, dict) else r.encode() if isinstance(r, str) else r for r in raw]
    path.write_bytes(b"\n".join(made) + b"\n")
    return path


GOOD = {"text": "a", "id": "1"}
NEXT = {"text": "b", "id": "2"}


@pytest.mark.parametrize(
    "odd, why",
    [
        (b'{"text": "a"', "not JSON: unexpected end of data"),
        (b'{"text": a}', "not JSON: unexpected character"),
        (b'{"text": "\xff"}', "not UTF-8: byte 0xff at position 10"),
        (b'{"text": "\\ud800"}', "not JSON: no low surrogate in string"),
        (b'{"text": "\xed\xa0\x80"}', "not UTF-8: byte 0xed at position 10"),
        (b'{"x": NaN}', "not JSON: unexpected character"),
        (b'{"x": 1e999}', "not JSON: number is infinity when parsed as double"),
        (b'["text", "a"]', "an array, where a row must be an object"),
        (b"12", "a number, where a row must be an object"),
        (b"null", "null, where a row must be an object"),
        (b'"text"', "a string, where a row must be an object"),
        (b'{"text": "a"} {"text": "b"}', "not JSON: unexpected content after document"),
        (b"[" * 5000, "not JSON"),
        (b'{"x":' * 3000 + b"1" + b"}" * 3000, "not JSON"),
    ],
)
def test_an_odd_line_costs_itself(tmp_path: Path, odd: bytes, why: str) -> None:
    made = one(lines(tmp_path, GOOD, odd, NEXT))
    assert made.rows["text"].to_list() == ["a", "b"] and made.rows["line"].to_list() == [1, 3] and made.read == 3
    (bad,) = made.bad
    assert bad.line == 2 and bad.error.startswith(why), bad.error
    assert bad.raw == odd.decode("utf-8", "backslashreplace")


def test_a_byte_order_mark_is_no_part_of_the_first_row(tmp_path: Path) -> None:
    made = one(lines(tmp_path, b"\xef\xbb\xbf" + json.dumps(GOOD).encode(), NEXT))
    assert made.rows["text"].to_list() == ["a", "b"] and not made.bad


@pytest.mark.parametrize("n", [5, 5000])
def test_a_late_key_is_kept(tmp_path: Path, n: int) -> None:
    last = read(lines(tmp_path, *[GOOD] * n, {**NEXT, "late": "x"}))[-1].rows[-1]
    meta = json.loads(last["meta"][0]) if last["meta"][0] else {c.removeprefix("meta."): last[c][0] for c in last.columns if c.startswith("meta.")}
    assert meta["late"] == "x"


def test_late_tool_calls_are_kept(tmp_path: Path) -> None:
    call = [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    plain = {"messages": [{"role": "user", "content": "a"}]}
    made = read(lines(tmp_path, *[plain] * 1500, {"messages": [{"role": "assistant", "content": None, "tool_calls": call}]}))[-1]
    assert json.loads(made.rows["messages"].to_list()[-1][0]["tool_calls"]) == call


def test_content_parts_are_kept(tmp_path: Path) -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "u"}}]
    made = one(lines(tmp_path, {"messages": [{"role": "user", "content": "x"}]}, {"messages": [{"role": "user", "content": parts}]}))
    turn = made.rows["messages"].to_list()[1][0]
    assert turn["content"] == "a" and json.loads(turn["parts"]) == [{"type": "text", "text": 1}, parts[1]]


def test_a_type_that_changes_is_kept(tmp_path: Path) -> None:
    made = one(lines(tmp_path, {"id": 1, "text": "a", "meta": {"x": 1}}, {"id": "one", "text": "b", "meta": "x"}))
    assert made.rows["key"].to_list() == ["1", "one"]
    assert [json.loads(m) for m in made.rows["meta"]] == [{"id": 1, "meta": {"x": 1}}, {"id": "one", "meta": "x"}]


def test_wide_integers_survive(tmp_path: Path) -> None:
    row = '{"text":"a","n":123456789012345678901234567890,"x":1.0}'
    made = one(lines(tmp_path, row, GOOD))
    assert json.loads(made.rows["meta"][0]) == {"n": 123456789012345678901234567890, "x": 1.0}


def test_blank_lines_are_no_records_and_lines_are_physical(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'\n{"text": "a"}\r\n \t\r\n\n{"text": ""}\r\n{"text": "c"}')
    made = one(path)
    assert made.rows["line"].to_list() == [2, 5, 6] and made.rows["text"].to_list() == ["a", "", "c"] and made.read == 3


def test_empty_files_hold_nothing(tmp_path: Path) -> None:
    for name in ("a.jsonl", "a.csv", "b.jsonl.gz"):
        (tmp_path / name).write_bytes(gzip.compress(b"") if name.endswith("gz") else b"")
        assert read(tmp_path / name) == []


def test_a_huge_line_is_one_record_or_one_bad(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    big = b"x" * 100_000_000
    path.write_bytes(b'{"text": "' + big + b'"}\n{"text": "' + big + b'\n{"text": "a"}\n')
    made = one(path)
    assert made.rows["text"].str.len_bytes().to_list() == [100_000_000, 1]
    (bad,) = made.bad
    assert bad.line == 2 and len(bad.raw) < 1_000_100 and "[cut: 99,000,0" in bad.raw


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([b'{"text": "a"}', b"", b"{", b"  ", b'{"text": "\\n", "x": []}']), max_size=20), st.integers(1, 6))
def test_chunks_cover_their_size_and_can_be_skipped(tmp_path_factory: pytest.TempPathFactory, raw: list[bytes], size: int) -> None:
    path = tmp_path_factory.mktemp("x") / "a.jsonl"
    path.write_bytes(b"\n".join(raw))
    made = read(path, size)
    n = sum(bool(r.strip()) for r in raw)
    assert [c.read for c in made] == [size] * (n // size) + ([n % size] if n % size else [])
    numbers = [x for c in made for x in sorted([*c.rows["line"], *(b.line for b in c.bad)])]
    assert numbers == [i for i, r in enumerate(raw, 1) if r.strip()]
    for skip in range(len(made) + 1):
        rest = read(path, size, skip)
        assert len(rest) == len(made[skip:])
        assert all(a.rows.equals(b.rows) and a.bad == b.bad for a, b in zip(rest, made[skip:]))


def test_compressed_files_read_the_same(tmp_path: Path) -> None:
    raw = b"".join(json.dumps({"text": f"글 {i}"}, ensure_ascii=False).encode() + b"\n" for i in range(3000))
    (tmp_path / "a.jsonl").write_bytes(raw)
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(raw))
    (tmp_path / "c.jsonl.zst").write_bytes(zstd().compress(raw))
    plain, *others = [[c.rows for c in read(tmp_path / n)] for n in ("a.jsonl", "b.jsonl.gz", "c.jsonl.zst")]
    assert all(a.equals(b) for other in others for a, b in zip(plain, other, strict=True))


@pytest.mark.parametrize("ending", ["gz", "zst"])
def test_a_cut_compressed_file_is_told(tmp_path: Path, ending: str) -> None:
    raw = b"".join(json.dumps({"text": str(i * i)}).encode() + b"\n" for i in range(30000))
    packed = gzip.compress(raw) if ending == "gz" else zstd().compress(raw)
    path = tmp_path / f"a.jsonl.{ending}"
    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(DadeumError, match="damaged or cut short"):
        read(path)


KOREAN = ["똠방각하를 아십니까", "영화가 정말 재미있었어요", "햏햏 웃기네요 ㅋㅋㅋ", "다시 보고 싶은 영화입니다"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949", "johab", "utf-16", "utf-32", "utf-16-le"])
@pytest.mark.parametrize("ending", ["csv", "jsonl", "txt"])
def test_encodings_are_found(tmp_path: Path, encoding: str, ending: str) -> None:
    texts = KOREAN if encoding != "johab" else KOREAN[1:2] + KOREAN[3:]
    made = {
        "csv": "id,text\n" + "".join(f"{i},{t}\n" for i, t in enumerate(texts)),
        "jsonl": "".join(json.dumps({"text": t}, ensure_ascii=False) + "\n" for t in texts),
        "txt": "\n".join(texts),
    }[ending]
    path = tmp_path / f"a.{ending}"
    path.write_bytes(made.encode(encoding))
    found = one(path).rows["text"].to_list()
    assert found == (texts if ending != "txt" else [made])


def test_western_pages_and_the_unlikely(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("text\nnaïve café costs £5 and that is all\n".encode("cp1252"))
    assert one(path).rows["text"].to_list() == ["naïve café costs £5 and that is all"]
    path = tmp_path / "b.csv"
    path.write_bytes(bytes(range(0x80, 0x100)) * 50)
    with pytest.raises(RecipeError, match=r"not UTF-8.*name it"):
        read(path)
    with pytest.raises(RecipeError, match="no encoding 'cp9494'"):
        read(path, encoding="cp9494")
    assert guess("ひらがなとカタカナのぶんしょうです".encode("shift_jis")) == "shift_jis"


def test_a_damaged_line_does_not_change_the_encoding(tmp_path: Path) -> None:
    rows = [{"text": t} for t in KOREAN * 10]
    made = one(lines(tmp_path, *rows[:20], b'{"text": "\xb0\xa1"}', *rows[20:]))
    assert made.rows.height == 40 and [b.line for b in made.bad] == [21]
    path = lines(tmp_path, *[json.dumps(r, ensure_ascii=False).encode("cp949") for r in rows], b'{"text": "\xff"}')
    made = one(path)
    assert made.rows["text"].to_list() == KOREAN * 10 and made.bad[0].error.startswith("not cp949: byte 0xff")


def table(tmp_path: Path, text: str, name: str = "a.csv", encoding: str = "utf-8") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


def carried(made: io.Chunk, key: str) -> list[Any]:
    return made.rows[f"meta.{key}"].to_list()


def test_quotes_that_quote(tmp_path: Path) -> None:
    made = one(table(tmp_path, 'a,text\r\n1,"x, ""y""\r\nz"\r\n\r\n2,\r\n'))
    assert made.rows["text"].to_list() == ['x, "y"\r\nz', ""] and made.rows["line"].to_list() == [2, 5]
    assert carried(made, "a") == ["1", "2"]


def test_quotes_that_do_not(tmp_path: Path) -> None:
    rows = ['"엄마," 그가 말했다.\tx', 'a "b" c\t"y', '"z" w\tv', 'u\t"t"']
    made = one(table(tmp_path, "text\tb\n" + "\n".join(rows) + "\n", "a.tsv"))
    assert made.rows["text"].to_list() == ['"엄마," 그가 말했다.', 'a "b" c', '"z" w', "u"] and carried(made, "b") == ["x", '"y', "v", '"t"']


def test_stray_quotes_that_pair_up_over_lines_swallow_nothing(tmp_path: Path) -> None:
    made = one(table(tmp_path, 'a\ttext\n1\t"x\n2\ty"\n3\tz\n', "a.tsv"))
    assert made.rows["text"].to_list() == ['"x', 'y"', "z"]


def test_one_broken_quote_costs_one_line(tmp_path: Path) -> None:
    good = "".join(f'{i},"line one\nline ""two"" {i}"\n' for i in range(20))
    made = one(table(tmp_path, "id,text\n" + good + '20,"x" y\n21,"never closed\n' + good))
    assert made.rows.height == 40 and [b.line for b in made.bad] == [42, 43] and made.bad[0].raw == '20,"x" y'


def test_rows_of_another_width_are_unreadable(tmp_path: Path) -> None:
    made = one(table(tmp_path, "a,text,c\n1,2,3\n1,2\n1,2,3,4\n4,5,6\n"))
    assert [(b.line, b.error) for b in made.bad] == [(3, "2 fields, where the header has 3"), (4, "4 fields, where the header has 3")]
    assert made.rows["line"].to_list() == [2, 5]


def test_columns_without_a_name_take_what_spilled(tmp_path: Path) -> None:
    made = one(table(tmp_path, "label,text,,\nham,a,,\nham,b,spilled,\nham,c\nham,d,1,2,3\n"))
    assert made.rows["text"].to_list() == ["a", "b", "c"] and carried(made, "column_3") == ["", "spilled", None]
    assert [b.line for b in made.bad] == [5]


def test_undecodable_bytes_cost_their_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("text\n가나다\n라마\n".encode() + b"\xff\xfe\n" + "바\n".encode())
    made = one(path)
    assert made.rows["text"].to_list() == ["가나다", "라마", "바"] and [(b.line, b.raw) for b in made.bad] == [(4, "\\xff\\xfe")]


COUNTS = [
    ("kornlu/KorNLI/xnli.dev.ko.tsv", "auto", 2490), ("kornlu/KorSTS/sts-train.tsv", "auto", 5749), ("kmhas/kmhas_valid.txt", "tsv", 8776),
    ("dktc_NC/train.csv.gz", "auto", 3950), ("chatbot_ko/ChatbotData.csv", "auto", 8506), ("sms_spam/spam.csv", "auto", 3297),
    ("kobest/BoolQ/train.tsv.gz", "auto", 3665), ("kobest/WiC/train.tsv", "auto", 3318), ("kobest/HellaSwag/train.tsv", "auto", 2029),
    ("kobbq/KoBBQ_test_samples.tsv", "auto", 1192), ("korean_hate_speech/labeled/train.tsv", "auto", 7896),
    ("convabuse/ConvAbuseEMNLPfull_per_annotator.csv.gz", "auto", 7413),
]  # fmt: skip


@here
@pytest.mark.parametrize("name, format, n", COUNTS)
def test_real_tables_lose_nothing(name: str, format: Any, n: int, tmp_path: Path) -> None:
    """Row counts that default readers get wrong; and the table written again reads the same."""
    made = read(DATA / name, 4000, format=format)
    assert sum(c.read for c in made) == n and not any(c.bad for c in made)
    out = tmp_path / ("b.tsv" if ".tsv" in name else "b.csv")
    writer = io.writer(out, "source")
    for c in made:
        writer.write(c.rows.drop("line", "key"))
    writer.close()
    again = read(out, 4000)
    names = [c for c in made[0].rows.columns if c not in ("line", "key", "layout")]
    assert pl.concat([c.rows for c in made]).select(names).fill_null("").equals(pl.concat([c.rows for c in again]).select(names).fill_null(""))


@here
def test_quoting_is_undone_where_it_quotes() -> None:
    made = read(DATA / "kmhas/kmhas_valid.txt", 10_000, format="tsv", fields={"text": "document"})[0].rows["text"]
    assert not made.str.contains('^".*"$').all() and not made.str.contains('""', literal=True).any()
    made = read(DATA / "dktc_NC/train.csv.gz", 10_000, fields={"text": "conversation"})[0].rows["text"]
    assert made.str.contains("\n", literal=True).sum() > 3_900


@here
def test_two_malformed_lines_of_a_real_file() -> None:
    path = DATA / "pii_finance_ko/synthetic_pii_finance_multilingual-kr.jsonl.gz"
    (made,) = read(path, 2000, fields={"text": "query"})
    assert [b.line for b in made.bad] == [747, 756] and made.rows.height == 1217


@here
def test_naughty_strings_come_through(tmp_path: Path) -> None:
    strings = json.loads((DATA / "naughty_strings/blns.json").read_text(encoding="utf-8"))
    for name in ("a.jsonl", "a.csv", "a.tsv", "a.parquet", "a.json", "a.jsonl.zst"):
        rows = one(lines(tmp_path, *[{"text": s, "id": str(i)} for i, s in enumerate(strings)], name="in.jsonl")).rows
        writer = io.writer(tmp_path / name, "source")
        writer.write(rows.drop("line", "key"))
        writer.close()
        made = one(tmp_path / name).rows
        assert made["text"].to_list() == strings and made["key"].to_list() == rows["key"].to_list(), name


def test_arrays(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('[{"text": "a"}, 5, {"text": "b"}]', encoding="utf-8")
    made = one(path)
    assert made.mark == "#" and made.rows["line"].to_list() == [1, 3] and [(b.line, b.raw) for b in made.bad] == [(2, "5")]
    path.write_text(json.dumps({"version": 1, "data": [{"text": "a"}, {"text": "b"}]}), encoding="utf-8")
    assert one(path).rows["text"].to_list() == ["a", "b"]
    path.write_text('{"text": "a"}\n{"text": "b"}\n', encoding="utf-8")
    assert one(path).mark == ":" and one(path).rows.height == 2
    path.write_text('{"text":\n "a"}', encoding="utf-8")
    assert one(path).rows.height == 1


def test_a_damaged_array_gives_what_it_can(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('[\n  {"text": "a",\n   "x": [{"text": "inner"}]},\n  {"text": "b" oops},\n  {"text": "c"}\n]\n', encoding="utf-8")
    made = one(path)
    assert made.rows["text"].to_list() == ["a", "c"] and made.rows["line"].to_list() == [1, 3]
    assert made.bad[0].line == 2 and made.bad[0].error.startswith("not JSON") and made.bad[0].raw == '{"text": "b" oops}'
    path.write_text('[{"text": "a"}, {"text": ', encoding="utf-8")
    assert one(path).rows.height == 0 and len(one(path).bad) == 1


def test_parquet_comes_back(tmp_path: Path) -> None:
    import datetime

    frame = pl.DataFrame(
        {
            "when": [datetime.date(2020, 1, 1), None],
            "messages": [[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], [{"role": "user", "content": "c"}]],
            "n": pl.Series([1, 2], dtype=pl.Int16),
            "label": ["x", None],
        }
    )
    frame.write_parquet(tmp_path / "a.parquet")
    made = one(tmp_path / "a.parquet")
    assert made.mark == "#" and [t["content"] for t in made.rows["messages"].to_list()[0]] == ["a", "b"]
    writer = io.writer(tmp_path / "b.parquet", "source")
    writer.write(made.rows.drop("line", "key"))
    writer.close()
    assert pl.read_parquet(tmp_path / "b.parquet").equals(frame)
    pl.DataFrame({"text": ["a"], "b": [b"\xff"], "image": [{"bytes": b"\x00", "path": "p"}]}).write_parquet(tmp_path / "d.parquet")
    rows = one(tmp_path / "d.parquet").rows
    assert (rows["meta.b"][0], rows["meta.image"][0]) == ("/w==", '{"bytes":"AA==","path":"p"}')
    (tmp_path / "c.parquet").write_bytes(b"no parquet")
    with pytest.raises(DadeumError, match="can't be read as Parquet"):
        read(tmp_path / "c.parquet")


def test_our_own_parquet_comes_back(tmp_path: Path) -> None:
    from dadeum.record import records

    rows = records(
        [
            {"id": "a", "messages": [{"role": "user", "content": 'q"\\'}], "layout": '{"kind":"rest","keys":["x\\""],"slots":[]}', "meta": '{"x\\"":1}'},
            {"id": "b", "text": "t"},
        ]
    ).with_columns(quality=pl.Series([0.5, 1.0]))
    rows.write_parquet(tmp_path / "a.parquet")
    made = one(tmp_path / "a.parquet")
    assert made.rows["key"].to_list() == ["a", "b"] and made.rows["quality"].to_list() == [0.5, 1.0]
    whole = rows.select("row", "id", "source", "place", "parents").hstack(made.rows.drop("line", "key"))
    for name in ("b.parquet", "b.jsonl"):
        writer = io.writer(tmp_path / name, "source")
        writer.write(whole)
        writer.close()
    assert pl.read_parquet(tmp_path / "b.parquet").equals(rows)
    assert [json.loads(x) for x in (tmp_path / "b.jsonl").read_text().splitlines()] == [{'x"': 1, "quality": 0.5}, {"text": "t", "quality": 1.0}]


def test_documents(tmp_path: Path) -> None:
    (tmp_path / "b.html").write_bytes('<meta charset="euc-kr"><title>제목</title><nav>no</nav><p>똠 글<script>no</script></p>'.encode("cp949"))
    (tmp_path / "a.md").write_text("# Head\n\ntext", encoding="utf-8")
    (tmp_path / "c.txt").write_text("", encoding="utf-8")
    (tmp_path / "d.xyz").write_text("no", encoding="utf-8")
    (tmp_path / ".hidden.txt").write_text("no", encoding="utf-8")
    source = Source(str(tmp_path))
    paths = [Path(name) for name in io.sources(source)]
    assert [p.name for p in paths] == ["a.md", "b.html", "c.txt"]
    rows = [one(p).rows for p in paths]
    assert [r["text"][0] for r in rows] == ["# Head\n\ntext", "똠 글", ""]
    assert [json.loads(r["meta"][0] or "{}") for r in rows] == [{"title": "Head"}, {"title": "제목"}, {}]


def test_html_keeps_what_tags_say() -> None:
    page = (
        "<body><nav>menu</nav><h1>A  <i>b</i></h1><p>one<br>two &amp; three</p><ul><li>x<ul><li>y</li></ul></li><li>z</li></ul>"
        "<pre>def f():\n    return 1</pre><table><tr><th>h</th><th>i</th></tr><tr><td>1</td><td>2</td></tr></table><style>no</style></body>"
    )
    assert text_of(page)[0] == "# A b\n\none\ntwo & three\n\n- x\n  - y\n- z\n\n```\ndef f():\n    return 1\n```\n\n| h | i |\n| 1 | 2 |"
    assert text_of("<div>" * 3000 + "deep" + "</div>" * 3000)[0] == "deep"
    assert text_of("")[0] == ""


@here
def test_real_pages_give_their_text() -> None:
    path = DATA / "html_ko_rustbook/pages.jsonl.gz"
    for raw in gzip.decompress(path.read_bytes()).splitlines():
        text, told = text_of(json.loads(raw)["html"])
        assert len(text) > 150 and "\n# " in text and "<div" not in text.split("```")[0] and set(told) <= {"title", "lang"}


def test_sources_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "reviews-01.jsonl").write_text('{"text": "a"}\n')
    with pytest.raises(RecipeError, match=r"there is no file .*did you mean reviews-01.jsonl"):
        io.sources(Source(str(tmp_path / "review-01.jsonl")))
    with pytest.raises(RecipeError, match="has no ending that tells its format"):
        (tmp_path / "x.bin").write_bytes(b"")
        io.sources(Source(str(tmp_path / "x.bin")))
    assert io.sources(Source(str(tmp_path / "*.jsonl"))) == [str(tmp_path / "reviews-01.jsonl")]
    assert io.place("a", 1) == "a:1" and io.place("a", 1, "row") == "a#1"


def test_one_long_line_is_enough_to_tell_an_encoding(tmp_path: Path) -> None:
    text = "영화가 정말 재미있었어요, " * 100_000
    for encoding in ("utf-8", "cp949"):
        path = tmp_path / f"{encoding}.jsonl"
        path.write_bytes(json.dumps({"text": text}, ensure_ascii=False).encode(encoding))
        assert one(path).rows["text"][0] == text


def test_reading_holds_one_chunk_at_a_time(tmp_path: Path) -> None:
    """The first chunk comes before the rest of the file is looked at: what follows may even be damaged."""
    raw = b"".join(json.dumps({"text": str(i * i)}).encode() + b"\n" for i in range(300_000))
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(raw)[:-1000])
    assert next(io.read(path, Source(str(path), encoding="utf-8"), 100)).rows.height == 100
