"""filter.length: texts that say nothing, too little or too much.

Reasons: `empty` (no visible character: white space, Hangul fillers and zero-width characters are none), `too_short`,
`too_long`. The length is that of the addressed strings of a record together, in characters, which means the same in every
language; a bound may differ by language profile (`min: {ko: 5, en: 15}`), for a Korean character carries more.

A record that has none of the addressed strings but others (tool calls only, say) is none of this step's business and stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

import polars as pl
from pydantic import PlainValidator

from dadeum.errors import Mistake, RecipeError, nearest
from dadeum.profiles import NAMES, profile
from dadeum.record import CHATS, prose, put
from dadeum.step import VERDICT, Filter, TextStep, verdict

UNSEEN: Final = (
    r"^[\s\x00-\x1F\x7F-\u{A0}\u{AD}\u{34F}\u{61C}\u{115F}\u{1160}\u{180E}\u{200B}-\u{200F}\u{2028}-\u{202F}\u{205F}-\u{206F}\u{2800}"
    r"\u{3000}\u{3164}\u{FE00}-\u{FE0F}\u{FEFF}\u{FFA0}\u{E0000}-\u{E0FFF}]*$"
)


def _bound(value: Any) -> int | dict[str, int]:
    if isinstance(value, Mapping):
        for key, number in value.items():
            if key not in NAMES:
                raise ValueError(f"{key!r} is no profile: {nearest(str(key), NAMES)}")
            _bound(number)
        return dict(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("has to be a whole number of characters, or one for each profile: {ko: 5, en: 15}")
    return value


Bound = Annotated[int | dict[str, int], PlainValidator(_bound)]


@dataclass(frozen=True)
class Length(TextStep, Filter):
    """Drop by the number of characters."""

    min: Bound = 1
    """The fewest characters; by profile, those not named have 1."""
    max: Bound = 100_000
    """The most characters; by profile, those not named have 100,000."""

    def __post_init__(self) -> None:
        for name in NAMES:
            low, high = _of(self.min, name, 1), _of(self.max, name, 100_000)
            if low > high:
                raise RecipeError(Mistake("min", f"is larger than max ({low} > {high}): every row would go"))

    def why(self, rows: pl.DataFrame) -> pl.DataFrame:
        text = prose(rows, self.on)
        # Most rows stay: for those whose every character counts, within every profile's bounds, that is all there is to find out.
        low, high = (_bounds(bound, default) for bound, default in ((self.min, 1), (self.max, 100_000)))
        fine = text.str.len_chars().is_between(max(low), min(high)) & ~text.str.contains(UNSEEN)
        at = (~fine.fill_null(False)).arg_true()
        none = pl.DataFrame([pl.Series(c, [None], dtype=dtype).new_from_index(0, rows.height) for c, dtype in VERDICT.items()])
        told = self._why(rows[at], text.gather(at))
        return none.with_columns(put(none.get_column(c), at, told.get_column(c)) for c in VERDICT)

    def _why(self, rows: pl.DataFrame, text: pl.Series) -> pl.DataFrame:
        elsewhere = pl.any_horizontal(pl.col("text").is_not_null(), *(pl.col(c).list.len() > 0 for c in CHATS)).fill_null(False)
        frame = pl.DataFrame({"prose": text}).with_columns(rows.select(elsewhere.alias("elsewhere")).to_series())
        prose_ = pl.col("prose")
        length = prose_.str.len_chars()
        low, high = self._threshold(self.min, 1), self._threshold(self.max, 100_000)
        empty = pl.when(prose_.is_null()).then(~pl.col("elsewhere")).otherwise(prose_.str.contains(UNSEEN))
        reason = (
            pl.when(empty)
            .then(pl.lit("empty"))
            .when(length < low)
            .then(pl.lit("too_short"))
            .when(length > high)
            .then(pl.lit("too_long"))
            .otherwise(pl.lit(None, dtype=pl.String))
        )
        frame = frame.with_columns(reason.alias("reason"), length.fill_null(0).alias("value"), low.alias("low"), high.alias("high"))
        return frame.select(
            *verdict(pl.col("reason"), pl.col("value"), pl.when(pl.col("reason") == "too_long").then("high").otherwise("low"))
        )

    def _threshold(self, bound: int | dict[str, int], default: int) -> pl.Expr:
        if isinstance(bound, int):
            return pl.lit(bound, dtype=pl.Int64)
        values = {name: _of(bound, name, default) for name in NAMES}
        if self.profile != "auto":
            return pl.lit(values[self.profile], dtype=pl.Int64)
        return profile(pl.col("prose")).replace_strict(values, return_dtype=pl.Int64)


def _bounds(bound: int | dict[str, int], default: int) -> list[int]:
    return [_of(bound, name, default) for name in NAMES]


def _of(bound: int | dict[str, int], name: str, default: int) -> int:
    return bound if isinstance(bound, int) else bound.get(name, default)
