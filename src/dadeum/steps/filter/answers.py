"""filter.answers: one answer for many questions, and one question with several answers.

| reason            | what it means                                                                                         |
|-------------------|-------------------------------------------------------------------------------------------------------|
| `one_answer`      | the same answer stands under more than `questions` different questions: the rows beyond that leave, in the order of the input (`all`: every one of them) |
| `several_answers` | the same question has more than `answers` different answers: the rows with answers beyond those leave |

Questions and answers are compared by their letters (`steps/_key.py`), user turns and assistant turns of a record as a whole. The first
row with the same answer (question) is the witness. Rows that lack either are left alone. Answers of fewer than `min_characters`
letters ("네", "72") may answer any number of questions. Which answer is right is not asked: `dedup.exact` with `by: [user],
against: [assistant]` can drop, outvote or review all that contradict each other.

Dialogue data need it: of 8,506 rows of Korean chit-chat 2,423 repeat an answer. A sketch is 24 bytes a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import polars as pl
from pydantic import Field

from dadeum.errors import Mistake, RecipeError
from dadeum.record import prose
from dadeum.step import DECISION, Compare
from dadeum.steps import _key


@dataclass(frozen=True)
class Answers(Compare):
    """Drop rows by how often their answer, or question, occurs with others."""

    questions: Annotated[int, Field(ge=1)] | None = 5
    """How many different questions may have the same answer; null: any number."""
    answers: Annotated[int, Field(ge=1)] | None = None
    """How many different answers the same question may have; null: any number."""
    beyond: Literal["rest", "all"] = "rest"
    """Which rows leave: those beyond the number, or all with that answer (question)."""
    min_characters: Annotated[int, Field(ge=1)] = 10
    """Letters that an answer needs to be counted."""
    late = ("questions", "answers", "beyond", "min_characters")

    def __post_init__(self) -> None:
        if self.questions is None and self.answers is None:
            raise RecipeError(Mistake("questions", "and answers are null: the step would drop nothing"))

    @property
    def looks(self) -> tuple[str, ...]:
        return ("messages", "chosen")

    def sketch(self, rows: pl.DataFrame) -> pl.DataFrame:
        """`row`, `question`, `answer` (hashes, null where there is none), `letters` of the answer."""
        asked, said = (_key.normal(prose(rows.with_columns(rejected=None).cast({"rejected": rows.schema["rejected"]}), (role,))) for role in ("user", "assistant"))
        letters = said.str.len_chars().cast(pl.UInt32)
        return pl.DataFrame([rows.get_column("row"), _key.marks(asked).alias("question"), _key.marks(said).alias("answer"), letters.alias("letters")])

    def decide(self, related: pl.DataFrame) -> pl.DataFrame:
        """DECISION; value: the number of different questions (answers), threshold: how many were allowed."""
        rows = related.drop_nulls(["question", "answer"]).sort("row")
        found = []
        if self.questions is not None:
            found.append(_beyond(rows.filter(pl.col("letters") >= self.min_characters), "answer", "question", self.questions, self.beyond, "one_answer"))
        if self.answers is not None:
            found.append(_beyond(rows, "question", "answer", self.answers, self.beyond, "several_answers"))
        return pl.concat(found).unique("row", keep="first", maintain_order=True).cast(DECISION).sort("row")  # type: ignore[arg-type]

    def report(self, related: pl.DataFrame) -> dict[str, Any]:
        """Answers that stand under several questions, questions with several answers, and the most of each."""
        rows = related.drop_nulls(["question", "answer"])
        told: dict[str, Any] = {}
        for name, by, of in (("shared_answers", "answer", "question"), ("questions_with_several_answers", "question", "answer")):
            counted = rows.group_by(by).agg(pl.col(of).n_unique()).filter(pl.col(of) > 1)
            told |= {name: counted.height, f"{name}_most": int(counted.get_column(of).max() or 0)}  # type: ignore[arg-type]
        return told


def _beyond(rows: pl.DataFrame, by: str, of: str, most: int, which: str, reason: str) -> pl.DataFrame:
    """The lines of a decision on rows whose `by` occurs with more than `most` different `of`."""
    many = pl.col(of).n_unique().over(by)
    told = rows.with_columns(value=many, first=pl.col("row").min().over(by, of), witness=pl.col("row").min().over(by))
    told = told.with_columns(number=pl.col("first").rank("dense").over(by) - 1).filter(pl.col("value") > most)
    if which == "rest":
        told = told.filter(pl.col("number") >= most)
    witness = pl.when(pl.col("witness") != pl.col("row")).then("witness")
    return told.select("row", pl.lit("dropped").alias("state"), pl.lit(reason).alias("reason"), "value", pl.lit(most).alias("threshold"), witness.alias("witness"))
