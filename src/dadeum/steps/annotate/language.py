"""annotate.language: which language a row is in, how much of which script it holds, and whether an answer is in the asked language.

| column                | what                                                                                               |
|-----------------------|----------------------------------------------------------------------------------------------------|
| `language`            | ko, ja, zh; en, de, fr, es, it, pt, nl; `mixed`; `other` (another script); `und` (can't be told)   |
| `language_hangul`, `_latin`, `_han`, `_kana`, `_other` | shares of the letters; null without letters                       |
| `language_answer`     | `same`; `other`: an answer in another language than its question; `wanted`: so the question asks; null: no telling |

By script, as profiles.py: more than half of the letters Hangul is ko, kana and Han ja, Han without kana zh; a second script of a
quarter or more is `mixed` where Hangul, Han or kana don't lead, or where they lead and the Latin part is running text of its own, not
terms. Latin text is told by its everyday words (`_words.py`); where they don't tell, `und`. Scripts that many languages share
(Cyrillic, Arabic) are `other`, and so is Korean that was read as Greek or Thai by mistake. Fenced code, code in backticks and urls are left
out. A question is the user's turn before the answer; `rejected` continuations are not judged. Where question and answer seem to be in two languages of the same
letters, the words of both have to prove it.

Script alone was right on all Korean lines of every length, where trained identifiers reached .82 to 1.0 on up to ten characters, and it
needs no model.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import polars as pl

from dadeum.record import CONTENTS, prose, put, turns
from dadeum.step import Edit, Role
from dadeum.steps.annotate import _scripts, _words

LANGUAGES: Final = ("ko", "ja", "zh", *_words.WORDS, "mixed", "other", "und")
CODE: Final = r"(?s)```.*?(?:```|$)|`[^`\n]+`|(?:https?://|www\.)[!-~]+"
WANTED: Final = (
    r"(?i)번역|옮겨|(?:영|한국|일본|중국|독일|프랑스|스페인|외국|이탈리아|포르투갈|네덜란드)어|한글|우리말|영문|국문|영작|translat|\b(?:english|korean|japanese|chinese|mandarin|german|french|spanish|"
    r"italian|portuguese|dutch)\b|übersetz|tradui|traduc|traduz|vertaal|翻訳|翻译|翻譯|英語|英语|日本語|日语|韓国語|韩语|中国語|中文|한영|영한"
)
"""What a question says that asks for another language."""
MOSTLY: Final = 0.5
SECOND: Final = 0.25
OTHER: Final = 0.3


@dataclass(frozen=True)
class Language(Edit):
    """Write the language of each row, and whether its answers are in the language asked."""

    on: tuple[Role, ...] = field(default=("text", "user", "assistant"), kw_only=True)
    """The strings that `language` and the shares speak of, together. Answers are always held against their own questions."""
    writes = ("language", *(f"language_{s}" for s in _scripts.SCRIPTS), "language_answer")

    @property
    def looks(self) -> tuple[str, ...]:
        return CONTENTS

    def edit(self, rows: pl.DataFrame) -> pl.DataFrame:
        told = identify(prose(rows, self.on))
        shares = [told.get_column(s).alias(f"language_{s}") for s in _scripts.SCRIPTS]
        return rows.with_columns(told.get_column("language"), *shares, _answers(rows))


def identify(texts: pl.Series) -> pl.DataFrame:
    """`language` and the share of each script, a line per text; all null for a null.

    >>> identify(pl.Series(["모델 병합 model merging", "굿", "Hello, how are you?", "こんにちは", "3.5"]))["language"].to_list()
    ['mixed', 'ko', 'en', 'ja', 'und']
    """
    said = _prose_of(texts)
    counts = _scripts.count(said)
    frame = pl.DataFrame({s: counts[:, i] for i, s in enumerate(_scripts.SCRIPTS)})
    letters = pl.sum_horizontal(_scripts.SCRIPTS)
    frame = frame.with_columns(letters.alias("letters"), pl.col(_scripts.SCRIPTS) / pl.when(letters > 0).then(letters))
    hangul, latin, han, kana, other = (pl.col(s) for s in _scripts.SCRIPTS)
    east = han + kana > MOSTLY
    cjk = pl.when(hangul > MOSTLY).then(pl.lit("ko")).when(east & (kana > 0)).then(pl.lit("ja")).when(east).then(pl.lit("zh"))
    both = pl.max_horizontal(hangul, han + kana) >= SECOND
    script = (
        pl.when(texts.is_null())
        .then(None)
        .when(pl.col("letters") == 0)
        .then(pl.lit("und"))
        .when(other > OTHER)
        .then(pl.lit("other"))
        .otherwise(pl.coalesce(cjk, pl.when(both).then(pl.lit("mixed"))))
    )
    frame = frame.with_columns(script.alias("language"))
    done = pl.col("language").is_in(["mixed", "other"]).fill_null(False)
    words = frame.select(((latin >= SECOND) & ~done).fill_null(False)).to_series().arg_true()
    if len(words):
        found = _words.language(said.gather(words))
        mine = frame[words].with_columns(found.alias("found"))
        script, word = pl.col("language"), pl.col("found")
        told = pl.when(script.is_null()).then(word.fill_null("und")).when(word.is_null()).then(script).otherwise(pl.lit("mixed"))
        frame = frame.with_columns(put(frame.get_column("language"), words, mine.select(told.alias("language")).to_series()))
    rest = pl.when(texts.is_not_null()).then(pl.col("language").fill_null("und"))
    return frame.select(rest.alias("language"), *_scripts.SCRIPTS)


def _prose_of(texts: pl.Series) -> pl.Series:
    """The texts without code and urls."""
    may = texts.str.contains(r"`|https?://|www\.").fill_null(False).arg_true()
    return put(texts, may, texts.gather(may).str.replace_all(CODE, " ")) if len(may) else texts


def _answers(rows: pl.DataFrame) -> pl.Series:
    """`language_answer` of each row."""
    none = pl.Series("language_answer", [None], dtype=pl.String).new_from_index(0, rows.height)
    said = pl.concat([turns(rows, field).select("index", "role", "content") for field in ("messages", "chosen")])
    if not said.height:
        return none
    said = said.filter(pl.col("role").is_in(["system", "developer", "user", "assistant"])).sort("index", maintain_order=True)
    said = pl.concat([said, identify(said.get_column("content"))], how="horizontal")
    asks = pl.col("role") != "assistant"
    question = pl.when(pl.col("role") == "user")
    said = said.with_columns(
        question.then("language").forward_fill().over("index").alias("asked"),
        question.then("content").forward_fill().over("index").alias("question"),
        (asks & pl.col("content").str.contains(WANTED).fill_null(False)).any().over("index").alias("wants"),
    )
    known = [code for code in LANGUAGES if code not in ("mixed", "other", "und")]
    said = said.filter(~asks & pl.col("language").is_in(known) & pl.col("asked").is_in(known))
    # Of the same letters, names, formulas and short remarks pass for another language: both have to be beyond doubt.
    both = said.select((pl.col("language") != pl.col("asked")) & pl.all_horizontal(pl.col("language", "asked").is_in(list(_words.WORDS)))).to_series()
    doubted = said.filter(both).with_columns(_words.sure(_prose_of(c)).alias(c.name) for c in said.filter(both).select("content", "question").get_columns())
    doubted = doubted.filter((pl.col("content") == pl.col("language")).fill_null(False) & (pl.col("question") == pl.col("asked")).fill_null(False))
    said = pl.concat([said.filter(~both), doubted]).sort("index", maintain_order=True)
    told = pl.when(pl.col("language") == pl.col("asked")).then(0).when("wants").then(1).otherwise(2)
    worst = said.group_by("index", maintain_order=True).agg(told.max().alias("told"))
    names = worst.get_column("told").replace_strict([0, 1, 2], ["same", "wanted", "other"], return_dtype=pl.String)
    return put(none, worst.get_column("index"), names)
