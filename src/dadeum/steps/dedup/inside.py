"""dedup.inside: what a record says twice is said once; the first stays.

| unit        | what is one                              | cut from (`min`) | where it repeats                       |
|-------------|------------------------------------------|------------------|----------------------------------------|
| `paragraph` | text up to a blank line                  | 40               | within one text or turn                |
| `line`      | text up to a line's end                  | 60               | within one text or turn                |
| `sentence`  | as `_spans_units.py` says, no library    | 30               | within one text or turn                |
| `turn`      | a turn, or a question with its answer    | 12               | within one chat                        |

Two are the same when their letters and digits are (`steps/_key.py`), with the signs of numbers; `min` counts the letters, those of Korean, Chinese and Japanese twice,
so that "네." twice and a refrain stay. What is not prose stays whatever it says: code, fenced or not; rows of tables, items, headings,
quotations; two lines or more of at most 30 characters (verse, addresses). A sentence of the question that the answer repeats is no
repetition: every turn is looked at by itself. Nor is a sentence that asks again and is followed by something new: what follows is
its answer, and 77 of 3,000 worked answers of gsm8k would have lost one.

Turns are cut by two rules, and a chat whose roles alternate still does so afterwards:

* A turn that says the same as the one right before it, by the same role, goes (a question sent twice, an answer saved twice).
* A question that was asked before goes where the whole answer is the same as then, and the answer with it: all turns from one of the
  user up to the next. Asked again and answered otherwise, both stay.

Turns with tool calls, and exchanges in which a tool speaks, stay. So do turns of roles that `on` does not name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Final, Literal

import polars as pl
from pydantic import Field

from dadeum.errors import Mistake, RecipeError
from dadeum.record import CHATS, CONTENTS, MESSAGE, chats, put, rewrite, turns
from dadeum.step import Edit, Profile, Role
from dadeum.steps.clean._code import FENCED, is_code
from dadeum.steps.dedup import _spans_units

MIN: Final = {"paragraph": 40, "line": 60, "sentence": 30, "turn": 12}


@dataclass(frozen=True)
class Inside(Edit):
    """Cuts repeated paragraphs, lines, sentences or turns within a record."""

    writes = CONTENTS
    unit: Literal["paragraph", "line", "sentence", "turn"] = "paragraph"
    """What is compared, and cut."""
    min: Annotated[int, Field(ge=1)] | None = None
    """The weight from which a repeated unit is cut: letters and digits, those of Korean, Chinese and Japanese twice. Null takes the
    unit's own (the table above)."""
    on: tuple[Role, ...] = field(default=("text", "user", "assistant"), kw_only=True)
    """The strings it works on: `text`, and the turns of these roles."""
    profile: Profile = field(default="auto", kw_only=True)
    """By which language's rules a key is made, and what is code: `auto` tells it string by string, `code` says that all is."""

    def __post_init__(self) -> None:
        if self.unit == "turn" and not set(self.on) - {"text"}:
            raise RecipeError(Mistake("on", "names no role whose turns could repeat", "on: [user, assistant]"))

    @property
    def weight(self) -> int:
        """The `min` that applies."""
        return MIN[self.unit] if self.min is None else self.min

    def guard(self) -> pl.Expr | None:
        if self.unit == "turn":
            return None
        # A weight of one takes a byte at least, and whoever repeats holds twice the weight.
        content = pl.col("content")
        return (content.str.len_bytes() >= 2 * self.weight) & content.str.contains(_spans_units.boundary(self.unit))

    def edit(self, rows: pl.DataFrame) -> pl.DataFrame:
        if self.unit != "turn":
            return rewrite(rows, self.on, lambda e: e.map_batches(self._strings, return_dtype=pl.String, is_elementwise=True), self.guard())
        for name in CHATS:
            if rows.get_column(name).null_count() < rows.height:
                rows = rows.with_columns(self._turns(rows, name))
        return rows

    def _strings(self, strings: pl.Series) -> pl.Series:
        """Strings without the units that they had before."""
        if self.unit == "turn" or self.profile == "code":
            return strings
        content = pl.col("content")
        open_ = content.is_not_null() & ~content.str.contains(_spans_units.MARK, literal=True)
        code = is_code(content, self.profile) & ~content.str.contains(FENCED)
        may = strings.alias("content").to_frame().select((open_ & ~code).fill_null(False)).to_series().arg_true()
        if may.is_empty():
            return strings
        units = _spans_units.cut(strings.gather(may), self.unit)
        units = units.hstack(_spans_units.keyed(units.get_column("unit"), self.profile))
        again = ~pl.struct("owner", "key").is_first_distinct()
        # A unit that stays by what it is counts as said: prose that repeats it is still cut, and the other way round it is not.
        units = units.with_columns(gone=again & ~pl.col("kept") & (pl.col("mass") >= self.weight))
        if not units.get_column("gone").any():
            return strings
        if self.unit == "sentence":
            asked = pl.col("gone") & pl.col("unit").str.contains(_spans_units.QUESTION)
            units = units.with_columns(gone=pl.when(~asked).then("gone").fill_null(strategy="backward").over("owner").fill_null(True))
        hit = units.filter(pl.col("gone").any().over("owner"))
        if hit.is_empty():
            return strings
        end = pl.col("gone").last()
        kept = pl.col("unit").filter(~pl.col("gone")).str.join("")
        joined = hit.group_by("owner", maintain_order=True).agg(pl.when(end).then(kept.str.strip_chars_end()).otherwise(kept).alias("unit"))
        return put(strings, may.gather(joined.get_column("owner")), joined.get_column("unit"))

    def _turns(self, rows: pl.DataFrame, name: str) -> pl.Series:
        """The chats of one field without the turns that were there before."""
        column = rows.get_column(name)
        flat = turns(rows, name)
        flat = flat.hstack(_spans_units.keyed(flat.get_column("content"), self.profile))
        fixed = ~pl.col("role").is_in(list(self.on)) | pl.col("tool_calls").is_not_null() | pl.col("key").is_null()
        # One string a turn: the JSON of a struct tells nulls from empty strings, and a list of it can be compared.
        told = pl.struct(*(c for c in MESSAGE.to_schema() if c not in ("content", "tool_call_id")), "key").struct.json_encode()
        flat = flat.with_columns(fixed=fixed.fill_null(True), told=told)
        made = self._once(flat)
        # What stood apart may stand side by side now.
        while made.height < flat.height and (again := self._once(made)).height < made.height:
            made = again
        if made.height == flat.height:
            return column
        left = made.group_by("index").len().join(flat.group_by("index").len(), on="index").filter(pl.col("len") != pl.col("len_right"))
        return put(column, *chats(rows, made.filter(pl.col("index").is_in(left.get_column("index").implode()))))

    def _once(self, flat: pl.DataFrame) -> pl.DataFrame:
        """Turns without twins of the one before and without exchanges that were there before."""
        twin = (pl.col("told") == pl.col("told").shift()) & (pl.col("index") == pl.col("index").shift())
        flat = flat.filter(~(twin & ~pl.col("fixed") & (pl.col("mass") >= self.weight)).fill_null(False))
        flat = flat.with_columns(exchange=(pl.col("role") == "user").fill_null(False).cum_sum().over("index"))
        whole = flat.group_by("index", "exchange", maintain_order=True).agg(
            pl.col("told").str.join("\n"), pl.col("fixed").any(), pl.col("mass").sum(), answered=(pl.col("role") == "assistant").any()
        )
        # What stands before the first question is no exchange.
        open_ = (pl.col("exchange") > 0) & ~pl.col("fixed") & pl.col("answered") & (pl.col("mass") >= self.weight)
        whole = whole.filter(open_.fill_null(False)).filter(~pl.struct("index", "told").is_first_distinct())
        return flat.join(whole, on=["index", "exchange"], how="anti", maintain_order="left")
