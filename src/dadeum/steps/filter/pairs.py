"""filter.pairs: questions whose answer is none.

| reason            | what it means                                                                                 |
|-------------------|-----------------------------------------------------------------------------------------------|
| `empty_answer`    | no letter, digit or sign that says something, and no tool call                                |
| `acknowledgement` | nothing but "Sure!", "네, 알겠습니다."; a bare yes stays, and 그럼요 where nothing was requested |
| `copies_question` | by their letters, question and answer are alike (`copy`, Dice of trigrams)                     |
| `prompt_echo`     | the answer begins with the whole question, and goes on                                        |
| `refusal`         | opens with "As an AI language model, I don't", "I'm sorry, but I can't", "죄송하지만 ... 도와드릴 수 없습니다" |
| `cut_off`         | ends in the middle of a sentence, or in an open fence of code                                  |

Each turn of the assistant is held against the user's turn before it, `chosen` too (with `messages` as its prompt); never `rejected`, where a
bad answer is the point. The first broken rule, in this order, of the first such turn is the reason. Of a dialogue, and of
`chosen`, at least half of the answers have to be acknowledgements, or refusals: 29 of 120 dialogues of a booking agent left because it declined one of
several wishes. Rules that look at other rows
(one answer for many questions, one question with several answers) are `filter.answers`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal

import polars as pl
from pydantic import Field

from dadeum.record import turns
from dadeum.step import Filter, verdict
from dadeum.steps import _key
from dadeum.steps.filter import _answers

Rule = Literal["empty_answer", "acknowledgement", "copies_question", "prompt_echo", "refusal", "cut_off"]
RULES: Final[tuple[Rule, ...]] = ("empty_answer", "acknowledgement", "copies_question", "prompt_echo", "refusal", "cut_off")
SHORT: Final = 8
"""Letters of a key below which a copy says nothing: "안녕" is answered by "안녕"."""
ECHO: Final = 20
"""Bytes of a question's key (7 syllables, 20 Latin letters) below which an answer may well begin with it ("Love? Love is ...")."""


@dataclass(frozen=True)
class Pairs(Filter):
    """Drop records by what the assistant answers."""

    rules: tuple[Rule, ...] = RULES
    """The rules that count."""
    copy: Annotated[float, Field(gt=0, le=1)] = 0.9
    """How alike question and answer have to be, to be a copy."""

    @property
    def looks(self) -> tuple[str, ...]:
        return ("messages", "chosen")

    def why(self, rows: pl.DataFrame) -> pl.DataFrame:
        """VERDICT; value: how alike a copy is, else 1."""
        pairs = _pairs(rows)
        answer = pl.col("answer")
        share = _alike(pairs, self.copy) if "copies_question" in self.rules else pl.lit(None, dtype=pl.Float64)
        silent = ~answer.str.contains(r"[\p{L}\p{N}\p{So}\p{Sm}\p{Sc}]") & pl.col("tool_calls").is_null() & pl.col("parts").is_null()
        echoed = (pl.col("asked_key").str.len_bytes() >= ECHO) & pl.col("answer_key").str.starts_with(pl.col("asked_key"))
        broken = {
            "empty_answer": silent,
            "acknowledgement": _mostly(_answers.acknowledged(pl.col("asked"), answer)),
            "copies_question": pl.col("share") >= self.copy,
            "prompt_echo": echoed & (pl.col("asked_key") != pl.col("answer_key")),
            "refusal": _mostly(_answers.refused(answer)),
            "cut_off": _answers.cut_off(answer),
        }
        reason = pl.coalesce(pl.when(broken[rule].fill_null(False)).then(pl.lit(rule)) for rule in RULES if rule in self.rules) if self.rules else pl.lit(None)
        told = pairs.with_columns(share=share).with_columns(reason=reason.cast(pl.String)).filter(pl.col("reason").is_not_null())
        told = told.unique("index", keep="first", maintain_order=True).select("index", "reason", "share")
        every = pl.DataFrame({"index": pl.int_range(rows.height, dtype=pl.UInt32, eager=True)}).join(told, on="index", how="left", maintain_order="left")
        copied = pl.col("reason") == "copies_question"
        value = pl.when(copied).then("share").otherwise(1.0)
        return every.select(verdict(pl.col("reason"), value, pl.when(copied).then(pl.lit(self.copy))))


def _mostly(broken: pl.Expr) -> pl.Expr:
    """`broken`, where half of the answers of the dialogue (or continuation) are."""
    return broken.fill_null(False) & (broken.fill_null(False).mean().over("index", "field") >= 0.5)


def _pairs(rows: pl.DataFrame) -> pl.DataFrame:
    """Every turn of the assistant: `index` (row), `field` (0 messages, 1 chosen), `answer`, `asked` (the user's turn before it), their keys, `tool_calls`, `parts`."""
    flat = pl.concat([turns(rows, field).with_columns(pl.lit(i).alias("field")) for i, field in enumerate(("messages", "chosen"))])
    flat = flat.sort("index", "field", maintain_order=True)
    asked = pl.when(pl.col("role") == "user").then("content").forward_fill().over("index").alias("asked")
    flat = flat.with_columns(asked).filter(pl.col("role") == "assistant")
    flat = flat.select("index", "field", pl.col("content").fill_null("").alias("answer"), "asked", "tool_calls", "parts")
    return flat.with_columns(_key.normal(flat.get_column("asked")).alias("asked_key"), _key.normal(flat.get_column("answer")).alias("answer_key"))


def _alike(pairs: pl.DataFrame, enough: float) -> pl.Series:
    """How alike question and answer are; null where their lengths rule out `enough`."""
    shorter, longer = (f("asked_length", "answer_length") for f in (pl.min_horizontal, pl.max_horizontal))
    sized = pairs.with_columns(asked_length=pl.col("asked_key").str.len_chars(), answer_length=pl.col("answer_key").str.len_chars())
    # Of a and b distinct trigrams at most the smaller number is shared; half of `enough` leaves room for repeats.
    near = sized.select(pl.col("asked_key").is_not_null() & (shorter >= SHORT) & (shorter >= longer * enough / 2)).to_series().fill_null(False).arg_true()
    found = [_answers.alike(a, b) for a, b in zip(pairs.get_column("asked_key").gather(near).to_list(), pairs.get_column("answer_key").gather(near).to_list())]
    empty = pl.Series("share", [None], dtype=pl.Float64).new_from_index(0, pairs.height)
    return empty.scatter(near, pl.Series(found, dtype=pl.Float64)) if found else empty
