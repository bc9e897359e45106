"""The law of layouts: a raw row made into a record and built again is the same JSON value, key order and all."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dadeum.errors import DadeumError, RecipeError
from dadeum.io import back, frame
from dadeum.io.jsonl import chunk, parse
from dadeum.io.lens import Lens
from dadeum.settings import Source
from dadeum.step import files

DATA = Path(__file__).parent.parent.parent / "shared/data"


def exact(value: Any) -> str:
    """Tells 1 from 1.0 and one order of keys from another."""
    return json.dumps(value, ensure_ascii=False)


def there_and_back(rows: list[dict[str, Any]], source: Source | None = None) -> list[dict[str, Any]]:
    made = chunk(rows, range(1, len(rows) + 1), Lens(source or Source("x")), [], "", ":")
    assert not made.bad
    return back.raws(made.rows.drop("line", "key"), "source")


def kind(row: dict[str, Any], source: Source | None = None) -> str:
    return Lens(source or Source("x")).get(row).kind


ROWS: dict[str, dict[str, Any]] = {
    "messages": {"id": 7, "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "n": 1.0},
    "content first": {"messages": [{"content": "b", "role": "assistant"}]},
    "null content and calls": {
        "messages": [
            {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{\"a\": 1}"}}]},
            {"role": "tool", "tool_call_id": "1", "name": "f", "content": "2"},
            {"role": "assistant", "tool_calls": []},
        ],
        "tools": [{"type": "function", "function": {"name": "f"}}],
    },
    "null against absent": {"messages": [{"role": "user", "content": "a", "name": None}, {"role": "user", "content": "a"}]},
    "same turns in two shapes": {"messages": [{"role": "user", "content": "a"}, {"content": "a", "role": "user"}, {"role": "user", "content": "c"}]},
    "parts": {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "one"},
                    {"type": "image_url", "image_url": {"url": "u"}},
                    {"text": "two", "type": "text", "cache": True},
                ],
            },
            {"role": "user", "content": []},
            {"role": "user", "content": [{"type": "image_url", "image_url": "u"}]},
        ]
    },
    "odd contents": {"messages": [{"role": "user", "content": 5}, {"role": "user", "content": ["a", {"type": "text"}]}, {"role": "user", "content": {}}]},
    "weights": {
        "messages": [
            {"role": "user", "content": "a", "weight": 0},
            {"role": "user", "content": "a", "weight": 1.0},
            {"role": "user", "content": "a", "weight": 0.5},
            {"role": "user", "content": "a", "train": False, "weight": None},
            {"role": "user", "content": "a", "train": True, "training": False},
            {"role": "user", "content": "a", "weight": True},
            {"role": "user", "content": "a", "weight": 2**70},
        ]
    },
    "other keys": {"messages": [{"role": "user", "recipient": "all", "content": "a", "refusal": None, "name": 5, "x": {"y": []}}]},
    "system beside": {"system": "s", "messages": [{"role": "user", "content": "a"}]},
    "empty system": {"system": "", "conversations": [{"from": "human", "value": "a"}]},
    "any key": {"traj": [{"role": "user", "content": "a"}], "reward": 0.0},
    "no turns": {"messages": [], "x": []},
    "sharegpt": {
        "conversations": [
            {"from": "system", "value": "s"},
            {"from": "human", "value": "a"},
            {"from": "function_call", "value": '{"name": "f",  "arguments": {}}'},
            {"from": "observation", "value": "2"},
            {"from": "gpt", "value": "b", "weight": 0},
        ],
        "tools": "[]",
    },
    "sharegpt, other names": {
        "conversations": [
            {"value": "a", "from": "user"},
            {"from": "assistant", "value": "b"},
            {"from": "tool", "value": "c"},
            {"from": "narrator", "value": None},
            {"from": "function_call", "value": "no json"},
            {"from": "function_call", "value": {"name": "f"}},
        ]
    },
    "alpaca": {"instruction": "do\n\nthis\n", "input": "\nwith\n\nthat", "output": "done"},
    "alpaca without input": {"output": "done", "instruction": "do", "input": "", "system": "s", "history": [["a", "b"], ["c", "d"]]},
    "alpaca, nulls": {"instruction": "do", "input": None, "output": "", "history": []},
    "prompt": {"prompt": "a", "completion": "b", "text": "a b"},
    "question": {"question": "a", "answer": "b", "label": 1.0, "score": 3},
    "prompt in messages": {"prompt": [{"role": "system", "content": "s"}, {"role": "user", "content": "a"}], "completion": [{"role": "assistant", "content": "b"}]},
    "prompt and messages": {"prompt": "a", "completion": [{"role": "assistant", "content": "b"}, {"content": "c", "role": "user"}]},
    "messages and completion": {"prompt": [{"content": "a", "role": "user"}, {"role": "user", "content": "z"}], "completion": "b"},
    "prompt only": {"prompt": "a", "x": None},
    "kto": {"prompt": "a", "completion": "b", "label": True},
    "dpo": {"prompt": "a", "chosen": "b", "rejected": "c", "score": 1},
    "dpo without prompt": {"chosen": "b", "rejected": "c"},
    "dpo, implicit": {
        "chosen": [{"role": "user", "content": "a"}, {"content": "b", "role": "assistant"}],
        "rejected": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "c"}],
    },
    "dpo, prompt told twice": {
        "prompt": "a",
        "chosen": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
        "rejected": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "c"}],
        "score_chosen": 1.0,
    },
    "dpo, explicit": {"prompt": [{"role": "user", "content": "a"}], "chosen": [{"role": "assistant", "content": "b"}], "rejected": [{"role": "assistant", "content": "c"}]},
    "dpo, single messages": {"conversations": [{"from": "human", "value": "a"}], "chosen": {"from": "gpt", "value": "b"}, "rejected": {"value": "c", "from": "gpt"}},
    "dpo, the same twice": {"chosen": [{"role": "user", "content": "a"}], "rejected": [{"role": "user", "content": "a"}]},
    "transcript pair": {"chosen": "\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant: d", "rejected": "\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant: "},
    "transcript": {"text": "\n\nHuman: a\n\nAssistant:"},
    "no transcript": {"text": "\n\nHuman:a\n\nAssistant:"},
    "text": {"label": False, "text": "", "score": -0.0, "tools": None},
    "body": {"body": "b", "label": None},
    "wide integers": {"text": "a", "n": 2**64, "m": [-(2**70)], "label": 2**80},
    "nothing known": {"premise": "a", "": {}, "deep": {"messages": [{"role": "user", "content": "x"}]}},
    "empty": {},
}  # fmt: skip
KINDS = {
    "messages": "messages", "any key": "messages", "sharegpt": "sharegpt", "alpaca": "alpaca", "prompt": "prompt", "question": "prompt",
    "kto": "kto", "dpo": "dpo", "dpo, implicit": "dpo", "dpo, single messages": "dpo", "transcript pair": "transcript",
    "transcript": "transcript", "no transcript": "text", "text": "text", "body": "text", "nothing known": "rest",
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_a_row_comes_back(name: str) -> None:
    assert [exact(r) for r in there_and_back([ROWS[name]])] == [exact(ROWS[name])]


def test_all_kinds_in_one_chunk_come_back() -> None:
    rows = list(ROWS.values())
    assert [exact(r) for r in there_and_back(rows)] == [exact(r) for r in rows]


@pytest.mark.parametrize("name", KINDS)
def test_kinds_are_found(name: str) -> None:
    assert kind(ROWS[name]) == KINDS[name]


def said(row: dict[str, Any], field: str = "messages", source: Source | None = None) -> list[tuple[str, str | None]]:
    return [(t["role"], t["content"]) for t in Lens(source or Source("x")).get(row).columns[field]]


def test_contents_are_where_they_belong() -> None:
    assert said(ROWS["alpaca without input"]) == [
        ("system", "s"), ("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"), ("user", "do"), ("assistant", "done"),
    ]  # fmt: skip
    assert said(ROWS["alpaca"])[0] == ("user", "do\n\nthis\n\n\n\nwith\n\nthat")
    assert said(ROWS["transcript pair"]) == [("user", "a"), ("assistant", "b"), ("user", "c")]
    assert said(ROWS["transcript pair"], "rejected") == [("assistant", "")]
    assert said(ROWS["dpo, implicit"]) == [("user", "a")]
    assert said(ROWS["dpo, implicit"], "chosen") == [("assistant", "b")]
    assert said(ROWS["parts"])[0] == ("user", "onetwo")
    assert said(ROWS["sharegpt"])[3] == ("tool", "2")
    call = Lens(Source("x")).get(ROWS["sharegpt"]).columns["messages"][2]
    assert (call["role"], call["content"], call["tool_calls"]) == ("assistant", None, '{"name": "f",  "arguments": {}}')
    assert Lens(Source("x")).get(ROWS["kto"]).columns["label"] == "true"
    assert Lens(Source("x")).get(ROWS["messages"]).key == "7"


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(string.ascii_lowercase, max_size=3), inner, max_size=3),
    max_leaves=6,
)
texts = st.text(max_size=6) | st.sampled_from(["\n\n", "\n\nHuman: a", "a\n\nb", "한글", "\n\nHuman: x\n\nAssistant: y"])
part = st.fixed_dictionaries({"type": st.sampled_from(["text", "image_url"])}, optional={"text": texts | st.integers(0, 5), "x": values})
contents = st.one_of(texts, st.none(), st.lists(part, max_size=3), values)
OPTIONAL = {
    "name": texts | values, "tool_call_id": texts | values, "tool_calls": st.lists(values, max_size=2) | values, "weight": values | st.sampled_from([0, 1, 1.0]),
    "train": st.booleans() | st.none(), "training": st.booleans(), "x": values, "content": contents, "value": contents,
}  # fmt: skip


@st.composite
def messages(draw: st.DrawFn) -> dict[str, Any]:
    who, what = draw(st.sampled_from([("role", "content"), ("from", "value")]))
    role = draw(st.sampled_from(["system", "user", "assistant", "tool", "human", "gpt", "function_call", "observation", "other"]))
    made = {who: role, what: draw(contents)} | draw(st.fixed_dictionaries({}, optional=OPTIONAL))
    return dict(draw(st.permutations(list(made.items()))))


turns = st.lists(messages(), max_size=4)
KEYS = {
    "messages": turns | values, "conversations": turns, "traj": turns, "prompt": texts | turns | values, "completion": texts | turns | values, "instruction": texts,
    "input": texts | st.none(), "output": texts, "chosen": texts | turns | messages(), "rejected": texts | turns | messages(), "system": texts | st.none(),
    "history": st.lists(st.lists(texts, min_size=2, max_size=2), max_size=2) | values, "label": values, "score": values, "tools": values, "text": texts | values,
    "id": values, "question": texts, "answer": texts, "x": values, "": values,
}  # fmt: skip


@st.composite
def raw_rows(draw: st.DrawFn) -> dict[str, Any]:
    made = draw(st.fixed_dictionaries({}, optional=KEYS))
    return dict(draw(st.permutations(list(made.items()))))


@settings(max_examples=300, deadline=None)
@given(st.lists(raw_rows(), min_size=1, max_size=3))
def test_any_row_comes_back(rows: list[dict[str, Any]]) -> None:
    assert [exact(r) for r in there_and_back(rows)] == [exact(r) for r in rows]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["messages", "alpaca", "dpo, implicit", "transcript pair", "sharegpt", "parts", "prompt"]), st.text(max_size=5))
def test_edited_contents_are_written(name: str, new: str) -> None:
    """Every content that is text is replaced: the row built again holds the new one, and has the keys it had."""
    made = chunk([ROWS[name]], [1], Lens(Source("x")), [], "", ":").rows
    for field in ("messages", "chosen", "rejected"):
        old = made.get_column(field).to_list()[0]
        if old:
            edited = [{**t, "content": new if t["content"] is not None else None} for t in old]
            made = made.with_columns(frame.turns(field, [edited]))
    raw = back.raws(made.drop("line", "key"), "source")[0]
    assert list(raw) == list(ROWS[name])
    again = Lens(Source("x", layout=kind(ROWS[name]))).get(raw) if "\n\n" not in new else None  # type: ignore[arg-type]
    if again is not None and name not in ("alpaca", "transcript pair", "dpo, implicit"):
        assert [t["content"] for t in again.columns["messages"] if t["content"] is not None] == [
            new for t in made["messages"].to_list()[0] if t["content"] is not None
        ]


def test_edited_parts_are_cut_by_length_while_it_fits() -> None:
    made = chunk([ROWS["parts"]], [1], Lens(Source("x")), [], "", ":").rows
    old = made["messages"].to_list()[0]

    def built(content: str) -> Any:
        rows = made.with_columns(frame.turns("messages", [[{**old[0], "content": content}, *old[1:]]]))
        return [p.get("text") for p in back.raws(rows.drop("line", "key"), "source")[0]["messages"][0]["content"]]

    assert built("ONETWO") == ["ONE", None, "TWO"]
    assert built("shorter") == ["shorter", None, ""]


def test_dropped_turns_keep_the_others_as_they_were() -> None:
    row = ROWS["null content and calls"]
    made = chunk([row], [1], Lens(Source("x")), [], "", ":").rows
    made = made.with_columns(frame.turns("messages", [made["messages"].to_list()[0][1:]]))
    assert exact(back.raws(made.drop("line", "key"), "source")[0]) == exact({**row, "messages": row["messages"][1:]})


def test_a_turn_that_is_gone_is_told() -> None:
    made = chunk([ROWS["prompt"]], [1], Lens(Source("x")), [], "", ":").rows
    made = made.with_columns(frame.turns("messages", [made["messages"].to_list()[0][1:]]), id=pl.lit("r1"))
    with pytest.raises(DadeumError, match="record r1 does not fit the format source: prompt was turn 1"):
        back.raws(made.drop("line", "key"), "source")


FLAT = st.fixed_dictionaries(
    {"text": st.text(max_size=4) | st.just("\n\nHuman: a")},
    optional={"label": st.text(max_size=2), "id": st.integers(0, 9), "x": st.none() | st.text(max_size=3), "score": st.floats(-5, 5), "n": st.integers(-5, 5)},
) | st.fixed_dictionaries(
    {"question": st.text(max_size=4), "answer": st.text(max_size=4)}, optional={"label": st.integers(-2, 2), "x": st.booleans(), "y": st.just(2.0**70)}
)


@settings(max_examples=300, deadline=None)
@given(st.lists(FLAT, min_size=1, max_size=5), st.sampled_from([{}, {"text": "x", "film": "n"}, {"prompt": "text", "completion": "x"}]))
def test_flat_rows_in_columns_are_the_same_as_row_by_row(rows: list[dict[str, Any]], fields: dict[str, str]) -> None:
    lens = Lens(Source("x", fields=fields))
    numbers = range(1, len(rows) + 1)
    slow = frame.frame(numbers, [lens.get(r) for r in rows], lens)
    found = frame.columns_of(rows)
    fast = frame.flat(numbers, *found, lens) if found else None
    if fast is None:
        return
    same = [c for c in slow.columns if c not in ("meta", "layout")]
    assert fast.select(same).equals(slow.select(same))
    for rows_ in (fast.drop("line", "key"), slow.drop("line", "key")):
        assert [exact(r) for r in back.raws(rows_, "source")] == [exact(r) for r in rows]
    scored = fast.drop("line", "key").with_columns(quality=pl.lit(0.5))
    lines = back.json_lines(scored, "source")
    assert [json.loads(x) for x in (lines.split("\n")[:-1] if isinstance(lines, str) else lines)] == [{**r, "quality": 0.5} for r in rows]


def test_flat_rows_do_go_in_columns() -> None:
    """The test above would say nothing if every chunk went row by row."""
    rows: list[dict[str, Any]] = [{"text": "a", "n": 1, "id": "x"}, {"id": None, "n": None, "text": "b"}]
    lens = Lens(Source("x"))
    made = frame.flat([1, 2], *frame.columns_of(rows), lens)  # type: ignore[misc]
    assert made is not None and made["meta.n"].to_list() == [1, None] and made["key"].to_list() == ["x", None]
    assert frame.flat([1, 2], *frame.columns_of([*rows[:1], {**rows[1], "text": None}]), lens) is None  # type: ignore[misc]
    assert isinstance(back.json_lines(made[:1].drop("line", "key"), "source"), str)


NAMES = ("tau_bench", "toolcall_glaive", "hh_rlhf_harmless", "square", "fastchat_dummy_conversation", "gsm8k", "kosbi", "kullm_user_oriented", "bfcl", "sgd", "vicuna_bench",
         "self_instruct", "pii_presidio", "klue_nli", "carecall_NC", "humaneval", "webtext_c4")  # fmt: skip


@pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is absent")
@pytest.mark.parametrize("name", NAMES)
def test_real_files_come_back(name: str, tmp_path: Path) -> None:
    """in -> out is the same JSON, and in -> out -> in the same records."""
    import gzip

    from dadeum import io

    n = 0
    for path in files(str(DATA / name)):
        if ".json" not in path.name:
            continue
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        try:
            rows = json.loads(raw)
        except ValueError:
            rows = [json.loads(line) for line in raw.split(b"\n") if line.strip()]
        source = Source(str(path))
        read = [c.rows for c in io.read(path, source, 100)]
        out = tmp_path / f"{n}.jsonl"
        writer = io.writer(out, "source")
        for made in read:
            writer.write(made.drop("line", "key"))
        writer.close()
        assert [exact(json.loads(line)) for line in out.read_text(encoding="utf-8").split("\n")[:-1]] == [exact(r) for r in rows]
        again = [c.rows for c in io.read(out, source, 100)]
        assert len(again) == len(read) and all(a.drop("line").equals(b.drop("line")) for a, b in zip(again, read))
        n += len(rows)
    assert n


def test_fields_say_what_is_where() -> None:
    source = Source("x", fields={"text": "review", "id": "review_id", "film": "movie_id", "n": "info.n", "score": "stars"})
    rows = [{"review": "a", "review_id": 5, "movie_id": "m", "info": {"n": [1], "m": 2}, "stars": "4.50"}, {"review": None, "x": 1}]
    lens = Lens(source)
    first, second = (lens.get(r) for r in rows)
    assert first.columns == {"film": "m", "n": "[1]", "score": 4.5, "text": "a"} and first.key == "5"
    assert second.columns == {"film": None, "n": None, "text": None} and second.key is None
    assert "1" not in json.dumps(first.meta()["info"])
    assert [exact(r) for r in there_and_back(rows, source)] == [exact(r) for r in rows]


def test_prompt_and_completion_become_two_turns() -> None:
    source = Source("x", fields={"prompt": "Q", "completion": "A", "label": "label", "system": "S"})
    row = {"Q": "q", "A": "a", "label": "2   ", "S": "s"}
    assert said(row, source=source) == [("system", "s"), ("user", "q"), ("assistant", "a")]
    assert there_and_back([row], source) == [row]


def test_fields_that_no_row_has_are_a_mistake() -> None:
    with pytest.raises(RecipeError, match=r"sources.s.fields.text: no row of f has a field 'reviw' .did you mean review"):
        chunk([{"review": "a"}], [1], Lens(Source("x", name="s", fields={"text": "reviw"})), [], "f", ":")
    with pytest.raises(RecipeError, match=r"fields.meta.*every record has"):
        Lens(Source("x", fields={"meta": "a"}))


def test_a_layout_that_is_told_is_held_to() -> None:
    made = chunk([{"text": "a"}, {"messages": [{"role": "user", "content": "a"}]}], [1, 2], Lens(Source("x", layout="messages")), [], "", ":")
    assert made.rows["line"].to_list() == [2]
    assert [(b.line, b.error) for b in made.bad] == [(1, "the row is not of layout messages: its keys are text")]


def test_parse_says_what_is_wrong() -> None:
    assert parse(b' {"a": 1} ') == {"a": 1}
