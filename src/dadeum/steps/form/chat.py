"""form.chat: a chat out of a text and its columns.

    - form.chat:
        turns:
          - {role: user, content: "다음 영화 평은 긍정인가요, 부정인가요?\\n\\n{text}"}
          - {role: assistant, content: "{label}"}

`{name}` stands for a column of the row; braces that are meant as such are doubled. The text goes into the chat and leaves
`text`. A row that lacks one of the named values can't be said, and stays as it is.
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import Any, Final, Literal

import polars as pl
from pydantic import ConfigDict

from dadeum.errors import Mistake, RecipeError, nearest
from dadeum.record import MESSAGE, RECORD, TURNS, put
from dadeum.step import Edit

NAMED: Final = tuple(name for name, dtype in RECORD.items() if not isinstance(dtype, pl.List))


@dataclass(frozen=True)
class Turn:
    """One turn to be made."""

    __pydantic_config__ = ConfigDict(extra="forbid")
    role: Literal["system", "developer", "user", "assistant"]
    content: str
    """With `{column}` where a value goes."""


@dataclass(frozen=True)
class Chat(Edit):
    """Build `messages`."""

    writes = ("messages", "text", "layout")
    told = False
    turns: tuple[Turn, ...]

    def __post_init__(self) -> None:
        mistakes = [] if self.turns else [Mistake("turns", "is empty: a chat has at least one turn")]
        named: set[str] = set()
        for i, turn in enumerate(self.turns):
            where = f"turns.{i}.content"
            try:
                pieces = _pieces(turn.content)
            except ValueError as error:
                mistakes.append(Mistake(where, str(error), "write {{ and }} for braces"))
                continue
            named |= {name for _, name in pieces if name}
            lists = sorted({name for _, name in pieces if name and name in RECORD and name not in NAMED})
            mistakes += [Mistake(where, f"{{{name}}} holds a list, which has no words", nearest(name, NAMED)) for name in lists]
        if self.turns and not named and not mistakes:
            mistakes.append(Mistake("turns", "name no column: every row would become the same chat", "write {text} where the text goes"))
        if mistakes:
            raise RecipeError(mistakes)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that the turns name."""
        return tuple(sorted({name for turn in self.turns for _, name in _pieces(turn.content) if name}))

    @property
    def reads(self) -> tuple[str, ...]:
        return tuple(name for name in self.names if name not in RECORD)

    @property
    def looks(self) -> tuple[str, ...]:
        return self.names

    def edit(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Raises RecipeError for a name that is no column."""
        unknown = [name for name in self.names if name not in rows.columns]
        if unknown:
            near = [name for name, dtype in rows.schema.items() if not dtype.is_nested()]
            raise RecipeError([Mistake(f"{self.name}.turns", f"there is no column {name!r}", nearest(name, near)) for name in unknown])
        said = rows.select(pl.all_horizontal(pl.col(name).is_not_null() for name in self.names)).to_series()
        if not said.any():
            return rows
        blank = pl.when(~said)
        return rows.with_columns(
            put(rows.get_column("messages"), said.arg_true(), self._chats(rows.filter(said))),
            blank.then("text").alias("text"),
            blank.then("layout").alias("layout"),
        )

    def _chats(self, rows: pl.DataFrame) -> pl.Series:
        """A chat per row. By turns and then interleaved: `concat_list` of structs costs fifty times as much."""
        flat = pl.concat([rows.with_columns(self._turn(turn).alias("turn")).get_column("turn") for turn in self.turns])
        order = pl.int_range(rows.height * len(self.turns), eager=True)
        flat = flat.gather(order % len(self.turns) * rows.height + order // len(self.turns))
        return flat.reshape((rows.height, len(self.turns))).arr.to_list().cast(TURNS)

    @staticmethod
    def _turn(turn: Turn) -> pl.Expr:
        parts: list[pl.Expr] = []
        for literal, name in _pieces(turn.content):
            parts.append(pl.lit(literal))
            if name:
                parts.append(pl.col(name).cast(pl.String))
        fields: dict[str, Any] = {"role": pl.lit(turn.role), "content": pl.concat_str(parts)}
        return pl.struct((fields.get(key, pl.lit(None))).cast(dtype).alias(key) for key, dtype in MESSAGE.to_schema().items())


def _pieces(template: str) -> list[tuple[str, str | None]]:
    """(literal, column name after it or None). Raises ValueError where braces don't pair or hold more than a name."""
    pieces = []
    for literal, name, spec, conversion in string.Formatter().parse(template):
        if name is not None and (not name or spec or conversion):
            raise ValueError(f"{{{name}{'!' + conversion if conversion else ''}{':' + spec if spec else ''}}} is no column name")
        pieces.append((literal, name))
    return pieces
