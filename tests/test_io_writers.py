"""Writers: every format of output, every ending, and what does not fit is refused by name."""

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
from dadeum.io import back
from dadeum.io.stream import zstd
from dadeum.record import records
from dadeum.settings import Source

CALL = [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}]
CHAT: dict[str, Any] = {
    "id": "chat",
    "messages": [
        {"role": "system", "content": "s"}, {"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "weight": 0.0},
        {"role": "user", "content": "c", "name": "kim"}, {"role": "assistant", "content": "d"},
    ],
}  # fmt: skip
CALLS: dict[str, Any] = {
    "id": "calls",
    "tools": '[{"type": "function"}]',
    "messages": [
        {"role": "user", "content": "a"}, {"role": "assistant", "content": None, "tool_calls": json.dumps(CALL)},
        {"role": "tool", "content": "2", "tool_call_id": "c1"}, {"role": "assistant", "content": "b"},
    ],
}  # fmt: skip
GPT: dict[str, Any] = {
    "id": "gpt",
    "messages": [
        {"role": "user", "content": "a"}, {"role": "assistant", "tool_calls": '{"name": "f", "arguments": {"a": 1}}'},
        {"role": "tool", "content": "2"}, {"role": "assistant", "content": "b"},
    ],
}  # fmt: skip
PAIR: dict[str, Any] = {
    "id": "pair", "messages": [{"role": "user", "content": "a"}], "chosen": [{"role": "assistant", "content": "b"}],
    "rejected": [{"role": "assistant", "content": "c"}],
}  # fmt: skip
LIKED: dict[str, Any] = {"id": "liked", "label": "true", "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
TEXT: dict[str, Any] = {"id": "text", "text": "t", "label": "x", "meta": '{"k":1}'}


def said(role: str, content: str | None, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


FORMS: list[tuple[dict[str, Any], str, dict[str, Any]]] = [
    (CHAT, "messages", {"messages": [said("system", "s"), said("user", "a"), said("assistant", "b", weight=0), said("user", "c", name="kim"), said("assistant", "d")]}),
    (CALLS, "messages", {"messages": [said("user", "a"), said("assistant", None, tool_calls=CALL), said("tool", "2", tool_call_id="c1"), said("assistant", "b")], "tools": [{"type": "function"}]}),
    (GPT, "messages", {"messages": [
        said("user", "a"),
        said("assistant", None, tool_calls=[{"id": "call_0", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}]),
        said("tool", "2", tool_call_id="call_0"), said("assistant", "b"),
    ]}),
    (CALLS, "sharegpt", {"conversations": [
        {"from": "human", "value": "a"}, {"from": "function_call", "value": '{"name":"f","arguments":{"a":1}}'},
        {"from": "observation", "value": "2", "tool_call_id": "c1"}, {"from": "gpt", "value": "b"},
    ], "tools": '[{"type": "function"}]'}),
    (LIKED, "sharegpt", {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}),
    (LIKED, "alpaca", {"instruction": "a", "input": "", "output": "b"}),
    (LIKED, "prompt", {"prompt": [said("user", "a")], "completion": [said("assistant", "b")]}),
    (LIKED, "kto", {"prompt": [said("user", "a")], "completion": [said("assistant", "b")], "label": True}),
    (CHAT, "alpaca", {"instruction": "c", "input": "", "output": "d", "system": "s", "history": [["a", "b"]]}),
    (PAIR, "dpo", {"prompt": [said("user", "a")], "chosen": [said("assistant", "b")], "rejected": [said("assistant", "c")]}),
    (PAIR, "source", {"prompt": [said("user", "a")], "chosen": [said("assistant", "b")], "rejected": [said("assistant", "c")]}),
    (TEXT, "text", {"text": "t"}),
    (TEXT, "auto", {"text": "t"}),
    ({"id": "x", "layout": '{"kind":"rest","keys":["b","a"],"slots":[]}', "meta": '{"a":1,"b":null}'}, "auto", {"b": None, "a": 1}),
    (LIKED, "auto", {"messages": [said("user", "a"), said("assistant", "b")]}),
    (PAIR, "auto", {"prompt": [said("user", "a")], "chosen": [said("assistant", "b")], "rejected": [said("assistant", "c")]}),
    (TEXT, "source", {"text": "t", "k": 1, "label": "x"}),
    (LIKED, "source", {"messages": [said("user", "a"), said("assistant", "b")], "label": "true"}),
]  # fmt: skip


@pytest.mark.parametrize("row, format, raw", FORMS, ids=lambda v: v if isinstance(v, str) else v.get("id"))
def test_forms(row: dict[str, Any], format: str, raw: dict[str, Any], tmp_path: Path) -> None:
    """Records that came from no raw row, in every form that holds them."""
    path = tmp_path / "a.jsonl"
    writer = io.writer(path, format)
    writer.write(records([row]))
    writer.close()
    assert json.dumps(json.loads(path.read_text())) == json.dumps(raw)


@pytest.mark.parametrize(
    "row, format, why",
    [
        (TEXT, "messages", "it has no turns, but a text"),
        (PAIR, "messages", "preference pair"),
        (CHAT, "dpo", "no preference pair"),
        (CHAT, "text", "it has no text"),
        (CALLS, "alpaca", "alpaca holds pairs"),
        (CHAT, "kto", "label true or false"),
        (PAIR, "kto", "preference pair"),
        ({"id": "x", "messages": [said("user", "a")]}, "prompt", "no completion"),
        ({"id": "x", "messages": [said("assistant", None, tool_calls="no json")]}, "messages", "tool calls are not JSON"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(row: dict[str, Any], format: str, why: str, tmp_path: Path) -> None:
    writer = io.writer(tmp_path / "a.jsonl", format)
    with pytest.raises(DadeumError, match=f"record {row['id']} does not fit the format {format}: .*{why}"):
        writer.write(records([row]))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.tuples(st.sampled_from(["user", "assistant"]), st.none() | st.text(max_size=4)), min_size=1, max_size=3), min_size=1, max_size=4))
def test_plain_chats_in_columns_are_the_same_as_row_by_row(chats: list[list[tuple[str, str | None]]]) -> None:
    rows = records([{"messages": [said(*turn) for turn in chat]} for chat in chats])
    made = back.columns_of(rows, "messages")
    assert made is not None
    assert made.write_ndjson() == "".join(line + "\n" for line in map(back.dumps, back.raws(rows, "messages")))
    assert back.columns_of(rows, "auto") is not None
    mixed = records([{"text": "a"}, {"messages": [said("user", "a")]}])
    assert back.columns_of(mixed, "auto") is None and back.raws(mixed, "auto") == [{"text": "a"}, {"messages": [said("user", "a")]}]
    weighted = records([{"messages": [said("user", "a", weight=0.0)]}])
    assert back.columns_of(weighted, "messages") is None


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.jsonl.gz", "a.jsonl.zst", "a.json", "a.json.gz", "a.csv", "a.tsv.gz", "a.parquet", "a.txt"])
def test_an_empty_file_is_valid(name: str, tmp_path: Path) -> None:
    for rows in ([], [records([])]):
        writer = io.writer(tmp_path / name, "source")
        for batch in rows:
            writer.write(batch)
        writer.close()
        path = tmp_path / name
        assert path.exists()
        if name != "a.txt":
            assert sum(c.read for c in io.read(path, Source(str(path)), 10)) == 0


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a.json", "a.csv", "a.tsv", "a.parquet"])
def test_batches_make_one_file_with_scores_appended(name: str, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    raw = [{"n": str(i), "text": f'글 {i}, "x"\ty', "z": ""} for i in range(10)]
    source.write_text("".join(json.dumps(r) + "\n" for r in raw))
    writer = io.writer(tmp_path / name, "source")
    for chunk in io.read(source, Source(str(source)), 3):
        writer.write(chunk.rows.drop("line", "key").with_columns(pl.col("text").str.to_uppercase(), quality=pl.lit(0.5)))
    writer.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["in.jsonl", name])
    made = [r for c in io.read(tmp_path / name, Source(name), 100) for r in back.raws(c.rows.drop("line", "key"), "source")]
    score: Any = "0.5" if name in ("a.csv", "a.tsv") else 0.5
    assert made == [{**r, "text": r["text"].upper(), "quality": score} for r in raw]


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.jsonl.gz", "b.jsonl.gz"):
        writer = io.writer(tmp_path / name, "text")
        writer.write(records([TEXT]))
        writer.close()
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()
    assert gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes()) == b'{"text":"t"}\n'
    assert zstd().compress(b"x")


def test_tables_refuse_what_they_cannot_hold(tmp_path: Path) -> None:
    writer = io.writer(tmp_path / "a.csv", "source")
    writer.write(records([{"id": "1", "text": "a"}]))
    with pytest.raises(DadeumError, match="'label' that the first rows lack"):
        writer.write(records([{"id": "2", "text": "a", "label": "x"}]))
    writer = io.writer(tmp_path / "a.parquet", "source")
    writer.write(records([{"id": "1", "text": "a", "meta": '{"n":1}'}]))
    writer.write(records([{"id": "2", "text": "a", "meta": '{"n":"x"}'}]))
    with pytest.raises(DadeumError, match="'n' is Int64 in some rows and String in others"):
        writer.close()


def test_endings_and_formats_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"ending .jsonk .did you mean .json"):
        io.writer(tmp_path / "a.jsonk", "source")
    with pytest.raises(RecipeError, match=r"no format 'mesages' .did you mean messages"):
        io.writer(tmp_path / "a.jsonl", "mesages")
