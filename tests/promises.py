"""The promises of the four shapes, as functions that raise `Broken`; and rows to try them on.

A promise is checked on a step and a batch, with the places at which the batch is cut. `test_promises.py` does so for every step
there is, and for steps that break each promise on purpose.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import polars as pl
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from dadeum.record import CHATS, CONTENTS, RECORD, ROLES, records, turns
from dadeum.step import DECISION, VERDICT, Compare, Edit, Filter, Grow, Step, TextStep


class Broken(AssertionError):
    """A step does not do what its shape promises."""


def check(step: Step, rows: pl.DataFrame, cuts: Sequence[int] = ()) -> None:
    """All promises of the step's shape."""
    if isinstance(step, Edit):
        edit(step, rows, cuts)
    elif isinstance(step, Filter):
        filter_(step, rows, cuts)
    elif isinstance(step, Compare):
        compare(step, rows, cuts)
    elif isinstance(step, Grow):
        grow(step, rows, cuts)
    else:
        raise Broken(f"{step.name} has none of the four shapes")


def edit(step: Edit, rows: pl.DataFrame, cuts: Sequence[int] = ()) -> None:
    """Same ids, same order; only `writes` changes; any cut gives the same; twice is once; the guard changes nothing."""
    out = step.edit(rows)
    if out.height != rows.height or not out["row"].equals(rows["row"]) or not out["id"].equals(rows["id"]):
        raise Broken("other rows, or in another order")
    if new := set(out.columns) - set(rows.columns) - set(step.writes):
        raise Broken(f"undeclared columns: {new}")
    if gone := set(rows.columns) - set(out.columns):
        raise Broken(f"columns are gone: {gone}")
    others = [c for c in rows.columns if c not in step.writes]
    same(out.select(others), rows.select(others), "a column changed that is not in `writes`")
    if isinstance(step, TextStep):
        roles(step, rows, out)
    same(pl.concat([step.edit(piece) for piece in pieces(rows, cuts)]), out, "another cut into batches gives another answer")
    if step.idempotent:
        same(step.edit(out), out, "twice is not once")
    same(unguarded(step).edit(rows), out, "without its guard the step gives another answer")


def roles(step: TextStep, before: pl.DataFrame, after: pl.DataFrame) -> None:
    """Turns of roles that were not asked for, and whatever turns hold besides content, stay as they are."""
    if "text" not in step.on and not before["text"].equals(after["text"]):
        raise Broken("the text changed, which `on` does not name")
    asked = pl.col("role").is_in(list(step.on))
    if "name" in step.on:  # guard.pii: nothing is said in a role of its own that is not searched
        asked |= ~pl.col("role").is_in(list(ROLES))
    beside = [part for on, parts in {"name": ("name", "role"), "tool_calls": ("tool_calls",), "meta": ("rest",)}.items() if on in step.on for part in parts]
    for field in CHATS:
        blank = [pl.when(~asked).then("content").alias("content"), *(pl.lit(None, dtype=pl.String).alias(part) for part in beside)]
        same(turns(after, field).with_columns(blank), turns(before, field).with_columns(blank), f"{field}: more than contents changed")


def filter_(step: Filter, rows: pl.DataFrame, cuts: Sequence[int] = ()) -> None:
    """One answer per row, whatever stands next to it."""
    out = step.why(rows)
    if out.height != rows.height:
        raise Broken(f"{out.height} answers for {rows.height} rows")
    if dict(out.schema) != dict(VERDICT):
        raise Broken(f"answers {dict(out.schema)}, not VERDICT")
    if out.filter(pl.col("reason").is_null() & pl.any_horizontal(pl.col("value", "threshold", "witness").is_not_null())).height:
        raise Broken("a row that stays has a value")
    same(pl.concat([step.why(piece) for piece in pieces(rows, cuts)]), out, "another cut into batches gives another answer")
    same(step.why(rows.reverse()), out.reverse(), "the order of rows changes the answer")
    if rows.height:
        same(step.why(rows[:1]), out[:1], "a row alone gets another answer")


def compare(step: Compare, rows: pl.DataFrame, cuts: Sequence[int] = ()) -> None:
    """Sketches of rows, not of batches; input order is irrelevant; the merged have a living witness that is alike; twice is once."""
    sketches = step.sketch(rows)
    same(pl.concat([step.sketch(piece) for piece in pieces(rows, cuts)]), sketches, "another cut gives other sketches")
    told = step.decide(step.relate(sketches)).sort("row")
    for order in (sketches.reverse(), sketches.sample(fraction=1, shuffle=True, seed=1)):
        same(step.decide(step.relate(order)).sort("row"), told, "the order of rows changes the decision")
    numbers = set(rows["row"])
    if told["row"].is_duplicated().any() or not set(told["row"]) <= numbers:
        raise Broken("decides twice on a row, or on one that is not there")
    beyond = [c for c in told.columns if c not in DECISION]
    if beyond and (not set(beyond) <= set(step.writes) or set(told["row"]) != numbers):
        raise Broken("has to give columns of `writes`, for every row")
    if "state" not in told.columns:
        if not beyond:
            raise Broken("neither decides nor writes")
        return
    if dict(told.drop(beyond).select(DECISION.names()).schema) != dict(DECISION):
        raise Broken(f"decides {dict(told.schema)}, not DECISION")
    if beyond:  # lines of rows that stay carry columns only
        told = told.filter(pl.col("state").is_not_null()).drop(beyond)
    if told.filter(~pl.col("state").fill_null("").is_in(["merged", "dropped"]) | pl.col("reason").is_null()).height:
        raise Broken("who leaves is merged or dropped, with a reason")
    merged = told.filter(pl.col("state") == "merged")
    if not set(merged["witness"]) <= numbers - set(told["row"]):
        raise Broken("merged into a row that does not stay")
    for row, witness in merged.select("row", "witness").head(5).rows():
        if leaving(step, rows.filter(pl.col("row").is_in([row, witness]))).is_empty():
            raise Broken(f"row {row} is not like its witness {witness}: by themselves both stay")
    survivors = rows.filter(~pl.col("row").is_in(told["row"].implode()))
    if leaving(step, survivors).filter(pl.col("state") == "merged").height:
        raise Broken("twice is not once: survivors are merged again")


def leaving(step: Compare, rows: pl.DataFrame) -> pl.DataFrame:
    """The lines of a decision that make rows leave."""
    return step.decide(step.relate(step.sketch(rows))).filter(pl.col("state").is_not_null())


def grow(step: Grow, rows: pl.DataFrame, cuts: Sequence[int] = ()) -> None:
    """Every new row has living parents; same seeds, same ids, in any batch."""
    made = step.grow(rows)
    if made["id"].is_duplicated().any() or set(made["id"]) & set(rows["id"]):
        raise Broken("ids are not new")
    if made.filter(pl.col("parents").list.len() == 0).height or not set(made["parents"].explode().drop_nulls()) <= set(rows["id"]):
        raise Broken("a row without living parents")
    cut = pl.concat([step.grow(piece) for piece in pieces(rows, cuts)])
    same(cut.drop("row").sort("id"), made.drop("row").sort("id"), "another cut grows other rows")  # the engine numbers them
    same(step.grow(rows), made, "the same seeds grow other rows")


def pieces(rows: pl.DataFrame, cuts: Sequence[int]) -> list[pl.DataFrame]:
    """The batch, cut."""
    at = sorted({0, rows.height, *(cut % (rows.height + 1) for cut in cuts)})
    return [rows[a:b] for a, b in itertools.pairwise(at)] or [rows]


def same(one: pl.DataFrame, other: pl.DataFrame, what: str) -> None:
    try:
        assert_frame_equal(one, other)
    except AssertionError as error:
        raise Broken(f"{what}: {error}") from error


def unguarded(step: Edit) -> Edit:
    """The same step without its guard."""
    kind = type(step.__class__.__name__, (step.__class__,), {"guard": lambda self: None, "__module__": step.__class__.__module__})
    bare = object.__new__(kind)
    bare.__dict__.update(step.__dict__)
    return bare


FRAGMENTS = (
    "정말 재미있어요", "별로예요", "ㅋㅋㅋㅋ", "ㅠㅠ", "홍길동 씨", "한국어", "ㆍ", "ᆢ", "ᄒᆞᆫ", "ㅤ", "ﾡￂ", "　", "good movie", "The End.", "café", "naïve",
    "\u200b", "\ufeff", "\u202e", "👩‍👩‍👧", "❤️", "1️⃣", "😀", "\u200d", "\ufe0f", "e\u0301", "\x07", "\x0b", "\r\n", "\r", "\n\n\n\n", "\t", "  ", " ", "",
    "<b>", "</b>", "<br/>", "<p class='x'>", "&amp;", "&lt;", "&nbsp;", "&amp;lt;br&amp;gt;", "a < b", "List<User>", "<기생충>", ">_<", "<!-- x -->",
    "<script>x</script>", "`<b>`", "```\n  <b>x</b>\n```", "```", "$a<b$", "| a | b |\n|---|---|\n| <br> | c |\n", "<pre>", "</pre>", "<code>", "</code>",
    "def f(x):\n    return x\n", "  - item\n", "{", "};", "hong@naver.com으로", "a@example.com", "010-1234-5678", "０１０-1234-5678", "02) 123-4567",
    "+82 10 1234 5678", "+44 20 7946 0958", "800101-1234567", "4111-1111-1111-1111", "120-81-47521", "192.168.0.1에서", "전화 0311234567", "카드 ", "주민 ",
    "공일공 일이삼사 오육칠팔", "at naver.com", "12", "3.5", "-", "202401151230", "8801043015653", "72", "#### 72", "너무 " * 40, "loop and " * 40, "아" * 80,
)  # fmt: skip
"""Pieces of Korean, English, emoji, markup, code, numbers and broken text: joined at random they meet each other's edges."""

texts = st.lists(
    st.one_of(st.sampled_from(FRAGMENTS), st.text(st.characters(exclude_categories=["Cs"]), max_size=4)), max_size=6
).flatmap(lambda parts: st.sampled_from(["", " ", "\n"]).map(lambda glue: glue.join(parts)))

messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "user", "assistant", "tool"]), "content": st.none() | texts},
        optional={
            "tool_calls": st.just('[{"function": {"name": "f", "arguments": "{\\"a\\": \\"<b> 010-1234-5678\\"}"}}]'),
            "name": st.just("user_1"),
            "weight": st.sampled_from([0.0, 1.0]),
        },
    ),
    max_size=4,
)
contents = st.fixed_dictionaries(
    {}, optional={"text": st.none() | texts, "messages": st.none() | messages, "chosen": st.none() | messages, "rejected": st.none() | messages}
)


def batches(samples: Sequence[dict[str, Any]]) -> st.SearchStrategy[pl.DataFrame]:
    """Batches for one set of parameters: the rows of its cases as they are, and with other contents."""

    def build(drawn: list[tuple[int, dict[str, Any] | None]]) -> pl.DataFrame:
        rows = []
        for i, (at, other) in enumerate(drawn):
            row = {k: v for k, v in samples[at].items() if k not in ("row", "id")}
            if other is not None:
                row = {k: v for k, v in row.items() if k not in CONTENTS} | other
            rows.append({**row, "row": 7 * i + 3, "id": f"id-{i}"})
        return shaped(rows, samples)

    return st.lists(st.tuples(st.integers(0, len(samples) - 1), st.none() | contents), min_size=1, max_size=8).map(build)


def shaped(rows: Sequence[dict[str, Any]], samples: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """`records`, with the columns beyond RECORD as all samples together have them, whatever rows were drawn."""
    full = records([*samples, *rows])
    beyond = [c for c in full.columns if c not in RECORD]
    return records([{k: v for k, v in row.items() if k in RECORD} for row in rows]).with_columns(full[len(samples) :].select(beyond))
