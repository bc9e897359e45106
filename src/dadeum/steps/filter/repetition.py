"""filter.repetition: texts that run away, or say the same again and again.

| reason                | what is measured                                             | asked of               |
|-----------------------|--------------------------------------------------------------|------------------------|
| `character_run`       | longest run of one character, share of the visible ones      | `min_characters`       |
| `repeated_characters` | share of character 10-grams, spaces left out, that were there before | `min_characters` |
| `duplicate_lines`     | share of lines that were there before                        | 10 lines               |
| `top_2gram` .. `top_4gram` | share of characters in the most frequent word n-gram    | 300 words              |
| `duplicate_5gram`, `duplicate_10gram` | share of characters in word n-grams that were there before | 300 words |

The word rules and their English limits are Gopher's (Rae et al. 2021, table A1), the Korean ones those of FineWeb-2 for
`kor_Hang`. They were made for web pages: asked of everything above fifty words they reject 9 % of the worked answers of gsm8k,
from 300 words on hardly any. Below, where most fine-tuning records are, the two rules on characters decide. They need no words,
so they see a loop without spaces as well, and are the same for every language: at .5 they reject 148 of 150 looping answers of
an untuned model and none of 6,000 worked answers, 26 and 68 of 424,824 film reviews.

What is said again by others is no loop, so lines and words are asked of each string (the text, each turn, each turn of a dialogue that
came as a text) by itself: an agent that reads a booking back, and a user who quotes the question, repeat by their trade. Measured as one text 106 of
189 dialogues of service agents left, and so none does. The rules on characters look at each string and at all together: neither hides a loop behind a long
question, nor an answer that comes in every turn. Lines and words are not asked of data: fenced blocks, JSON, tables, markup, labelled
values (`- Price: 120`); nor is anything of ruled lines and of what tools say. The first rule broken, in this order, by any string is the reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Final

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field

from dadeum.errors import Mistake, RecipeError, nearest
from dadeum.profiles import NAMES, profile
from dadeum.record import CHATS, put, turns
from dadeum.step import Filter, TextStep, verdict
from dadeum.steps.filter import _grams

GRAM: Final = 10
WORDS: Final = 300
LINES: Final = 10
MAYBE: Final = r"[|{\[<`]|\n[^\n:]{1,40}:"
FENCE: Final = r"(?ms)^[ \t]*```.*?(?:^[ \t]*```|\z)"
DATA: Final = (
    r"(?m)^[^\n]*(?:[{\[,:][ \t]*\"[^\n\"]*\"[ \t]*[:,}\]][^\n]*"  # JSON
    r"|\|[^\n|]*\|[^\n]*)$"  # tables
    r"|^[ \t]*(?:<[^\n]*>|[\[\]{}(),;]+)[ \t]*$"  # markup, brackets
    r"|^[ \t]*(?:[-*+•·]|\d{1,3}[.)])[ \t]*[^\n:]{1,40}:[^\n]*$"  # labelled values
)
"""Lines that are data and repeat by nature."""
SPEAKER: Final = r"(?im)^[ \t]*(?:user|human|customer|assistant|ai|bot|agent|system|tool|function|사용자|고객|손님|상담사|상담원|직원|챗봇|봇)[ \t]*:"
"""What begins a turn in a dialogue that came as a text."""
TURNS: Final = 4
"""So many of them make a text a dialogue."""
PROGRAM: Final = r"(?i)^[ \t]*(?:system|tool|function)[ \t]*:"
OFF: Final = 2.0
"""A limit that no share reaches."""
LIMITS: Final[dict[str, tuple[float, float, float, float]]] = {
    # rule: limits of ko, en, mixed, code. Code repeats itself lawfully: closing brackets, tables, tests.
    "character_run": (0.5, 0.5, 0.5, 0.8),
    "repeated_characters": (0.5, 0.5, 0.5, 0.8),
    "duplicate_lines": (0.374, 0.30, 0.374, OFF),
    "top_2gram": (0.282, 0.20, 0.282, OFF),
    "top_3gram": (0.228, 0.18, 0.228, OFF),
    "top_4gram": (0.185, 0.16, 0.185, OFF),
    "duplicate_5gram": (0.201, 0.15, 0.201, OFF),
    "duplicate_10gram": (0.127, 0.10, 0.127, OFF),
}


@dataclass(frozen=True)
class Repetition(TextStep, Filter):
    """Drop by repetition."""

    min_characters: Annotated[int, Field(ge=20)] = 60
    """Texts with fewer visible characters are not measured: short ones repeat by nature (ㅋㅋㅋㅋ, `no no no`)."""
    limits: dict[str, Annotated[float, Field(gt=0)] | None] = field(default_factory=dict)
    """Another limit for a rule, for all profiles; null switches the rule off."""

    def __post_init__(self) -> None:
        mistakes = [Mistake(f"limits.{rule}", "there is no such rule", nearest(rule, LIMITS)) for rule in self.limits if rule not in LIMITS]
        if mistakes:
            raise RecipeError(mistakes)

    def why(self, rows: pl.DataFrame) -> pl.DataFrame:
        strings = _strings(rows, self.on)
        strings = strings.filter(_visible(strings.get_column("said")).str.len_chars() >= self.min_characters)
        told = pl.DataFrame(schema={"at": pl.UInt32(), "rule": pl.Int64(), "value": pl.Float64(), "limit": pl.Float64()})
        if strings.height:
            told = pl.concat([strings.select("at"), self._judge(strings)], how="horizontal").filter(pl.col("rule") >= 0)
            told = told.sort("at", "rule", pl.col("value"), descending=[False, False, True]).unique("at", keep="first", maintain_order=True)
        told = told.with_columns(pl.Series(list(LIMITS)).gather(told.get_column("rule")).alias("reason"))
        every = pl.DataFrame({"at": pl.int_range(rows.height, dtype=pl.UInt32, eager=True)}).join(told, on="at", how="left", maintain_order="left")
        return every.select(*verdict(pl.col("reason"), pl.col("value"), pl.col("limit")))

    def _judge(self, strings: pl.DataFrame) -> pl.DataFrame:
        """`rule` (its place in LIMITS; -1 where none is broken), `value` and `limit` of each string."""
        text = strings.get_column("said")
        names = pl.DataFrame({"t": text}).select(profile(pl.col("t"), self.profile)).to_series()
        names = names.new_from_index(0, len(text)) if len(names) == 1 else names
        which = names.replace_strict(list(NAMES), [0, 1, 2, 3], return_dtype=pl.Int64).to_numpy()
        n = len(text)
        broken = np.full(n, -1)
        values, limits = np.zeros(n), np.zeros(n)
        for i, (rule, share) in enumerate(_measured(text, strings.get_column("whole").to_numpy())):
            told = self.limits.get(rule, OFF)
            limit = np.full(n, OFF if told is None else told) if rule in self.limits else np.array(LIMITS[rule])[which]
            hit = (broken < 0) & (share > limit)
            broken[hit], values[hit], limits[hit] = i, share[hit], limit[hit]
        return pl.DataFrame({"rule": broken, "value": values, "limit": limits})


def _strings(rows: pl.DataFrame, on: tuple[str, ...]) -> pl.DataFrame:
    """`at` (the row), `said`: every addressed string, and where a row has several, all of them as one (`whole`)."""
    parts = []
    if "text" in on:
        parts += _spoken(pl.DataFrame({"at": pl.int_range(rows.height, dtype=pl.UInt32, eager=True), "said": rows.get_column("text")}))
    for chat in CHATS:
        parts.append(turns(rows, chat).filter(pl.col("role").is_in(list(on))).select(pl.col("index").alias("at"), pl.col("content").alias("said")))
    each = pl.concat(parts).filter(pl.col("said").is_not_null())
    several = each.filter(pl.col("at").is_duplicated())
    whole = several.group_by("at", maintain_order=True).agg(pl.col("said").str.join("\n"))
    return pl.concat([each.with_columns(pl.lit(False).alias("whole")), whole.with_columns(pl.lit(True).alias("whole"))])


def _spoken(texts: pl.DataFrame) -> list[pl.DataFrame]:
    """Texts as they are, and those that are dialogues by turns, without what programs say."""
    spoken = texts.get_column("said").str.count_matches(SPEAKER).fill_null(0) >= TURNS
    if not spoken.any():
        return [texts]
    cut = texts.filter(spoken).with_columns(pl.col("said").str.replace_all(SPEAKER, "\x1e${0}").str.split("\x1e")).explode("said")
    return [texts.filter(~spoken), cut.filter(~pl.col("said").str.contains(PROGRAM)).with_columns(pl.col("said").str.strip_chars())]


def _visible(text: pl.Series) -> pl.Series:
    """The texts without white space and drawn lines."""
    return _grams.undrawn(text).str.replace_all(r"\s+", "")


def _measured(text: pl.Series, whole: npt.NDArray[np.bool_]) -> list[tuple[str, npt.NDArray[np.float64]]]:
    """Every rule's share, in the order of LIMITS; 0 where it is not asked."""
    points, lengths = _grams.characters(_visible(text))
    shares = [_grams.longest_run(points, lengths), _grams.repeated(points, lengths, GRAM)]
    plain = _running(text)
    shares.append(np.where(whole, 0, _lines(plain)))
    # So many words need twice as many characters: most strings are not parted at all.
    long = np.flatnonzero(~whole & (plain.str.len_chars().to_numpy() >= 2 * WORDS - 1))
    numbers, sizes, counts = _grams.words(plain.gather(long))
    enough = counts >= WORDS
    for f, n in ((_grams.top_share, 2), (_grams.top_share, 3), (_grams.top_share, 4), (_grams.covered, 5), (_grams.covered, 10)):
        share = np.zeros(len(text))
        share[long] = np.where(enough, f(numbers, sizes, counts, n), 0)
        shares.append(share)
    return list(zip(LIMITS, shares))


def _running(text: pl.Series) -> pl.Series:
    """The texts without what is data."""
    may = text.str.contains(MAYBE).arg_true()
    if may.is_empty():
        return text
    return put(text, may, text.gather(may).str.replace_all(FENCE, "").str.replace_all(DATA, ""))


def _lines(text: pl.Series) -> npt.NDArray[np.float64]:
    """Share of the lines that were there before; 0 where there are too few to tell."""
    frame = pl.DataFrame({"at": pl.int_range(len(text), eager=True), "line": text})
    frame = frame.filter(pl.col("line").str.count_matches("\n", literal=True) >= LINES - 1)
    lines = frame.with_columns(pl.col("line").str.split("\n")).explode("line").with_columns(pl.col("line").str.strip_chars())
    counted = lines.filter(pl.col("line") != "").group_by("at").agg(pl.len(), pl.col("line").n_unique().alias("distinct"))
    counted = counted.filter(pl.col("len") >= LINES)
    out = np.zeros(len(text))
    out[counted.get_column("at").to_numpy()] = (1 - counted.get_column("distinct") / counted.get_column("len")).to_numpy()
    return out
