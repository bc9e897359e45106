"""When a row is from: dates as people and machines write them, as microseconds since 1970 (UTC).

    2026-03-05  2026-03-05T15:20:00+09:00  2026/3/5 15:20  2026. 3. 5.  20260305  20260305152000
    2026년 3월 5일  2026년 3월 5일 오후 3시 20분  2026년 3월  2026
    Mar 5, 2026  5 March 2026 3:20 PM  Thu, 05 Mar 2026 15:20:00 +0900
    1772700000  1772700000000  1772700000.25 (seconds, milli-, micro- or nanoseconds since 1970, told apart by their size)

A time without a zone counts as UTC: within one column the order is what matters. `05/03/2026` is two days to two readers and is
not read, nor is a year of two digits.
"""

from __future__ import annotations

from typing import Final

import polars as pl

MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

_CLOCK: Final = (
    r"(?:[T\s,]*(?:\([^)]{1,3}\)|[월화수목금토일]요일)?\s*(?P<half>오전|오후)?\s*(?P<hour>\d{1,2})\s*[:시]\s*(?:(?P<minute>\d{1,2})\s*분?)?"
    r"(?:\s*:?\s*(?P<second>\d{1,2})(?:[.,](?P<part>\d{1,9}))?\s*초?)?\s*(?P<noon>[AaPp]\.?[Mm]\.?)?)?"
    r"\s*(?:(?P<zone>[+-]\d{2}):?(?P<zone_minute>\d{2})?|Z|UTC|GMT|KST)?\s*(?:\([^)]{1,3}\))?\s*$"
)
_FORMS: Final = (
    r"^\s*(?P<year>\d{4})\s*(?:[-/.년]\s*(?:(?P<month>\d{1,2})\s*(?:[-/.월]\s*(?:(?P<day>\d{1,2})\s*[.일]?)?)?)?)?" + _CLOCK,
    r"^\s*(?P<year>(?:19|20)\d{2})(?P<month>\d{2})(?P<day>\d{2})[T\s]?(?:(?P<hour>\d{2})(?P<minute>\d{2})(?P<second>\d{2})?)?Z?\s*$",
    r"(?i)^\s*(?:[a-z]{3,9},?\s+)?(?P<word>[a-z]{3})[a-z]*\.?\s+(?P<day>\d{1,2})(?:st|nd|rd|th)?,?\s+(?P<year>\d{4})" + _CLOCK,
    r"(?i)^\s*(?:[a-z]{3,9},?\s+)?(?P<day>\d{1,2})(?:st|nd|rd|th)?\s+(?P<word>[a-z]{3})[a-z]*\.?,?\s+(?P<year>\d{4})" + _CLOCK,
)
"""The ways to write a date, in the order in which they are tried."""


def instants(values: pl.Series) -> pl.Series:
    """Microseconds since 1970 (Int64); null where a value is null or no date. Polars' own dates and times are taken as they are.

    >>> instants(pl.Series(["1970-01-02", "1970년 1월 2일 오전 0시", "Jan 2, 1970", "soon", None])).to_list()
    [86400000000, 86400000000, 86400000000, None, None]
    >>> instants(pl.Series([1_772_700_000, 1_772_700_000_000])).to_list()
    [1772700000000000, 1772700000000000]
    """
    if values.dtype == pl.Date or isinstance(values.dtype, pl.Datetime):
        return values.cast(pl.Datetime("us")).cast(pl.Int64)
    known = values.cast(pl.String).alias("value").to_frame().unique().drop_nulls()
    made = pl.coalesce(*(_read(form) for form in _FORMS[1:2]), _epoch(), *(_read(form) for form in (_FORMS[0], *_FORMS[2:])))
    told = known.with_columns(made.alias("time"))
    return values.cast(pl.String).alias("value").to_frame().join(told, on="value", how="left", maintain_order="left").get_column("time")


def _epoch() -> pl.Expr:
    """Numbers from 1973 on, by size: seconds have 9 to 11 digits, and each unit below has three more."""
    number = pl.when(pl.col("value").str.contains(r"^\s*\d{9,20}(?:\.\d+)?\s*$")).then(pl.col("value").str.strip_chars().cast(pl.Float64, strict=False))
    sized = pl.when(number < 1e11).then(number * 1e6).when(number < 1e14).then(number * 1e3).when(number < 1e17).then(number)
    return sized.otherwise(number / 1e3).round().cast(pl.Int64, strict=False)


def _read(form: str) -> pl.Expr:
    """The instants of the values that are written in this form."""
    parts = pl.col("value").str.extract_groups(form)

    def number(name: str, default: int) -> pl.Expr:
        return parts.struct.field(name).cast(pl.Int64).fill_null(default) if f"<{name}>" in form else pl.lit(default, dtype=pl.Int64)

    month = number("month", 1)
    if "<word>" in form:
        month = parts.struct.field("word").str.to_lowercase().replace_strict({m: i for i, m in enumerate(MONTHS, 1)}, default=None, return_dtype=pl.Int64)
    hour, minute, second = number("hour", 0), number("minute", 0), number("second", 0)
    micros = pl.lit(0, dtype=pl.Int64)
    away = pl.lit(0, dtype=pl.Int64)
    if "<half>" in form:
        half = pl.coalesce(parts.struct.field("half"), parts.struct.field("noon").str.to_lowercase().str.slice(0, 1)).fill_null("")
        hour = pl.when(half.is_in(["오후", "p"]) & (hour < 12)).then(hour + 12).when(half.is_in(["오전", "a"]) & (hour == 12)).then(0).otherwise(hour)
        micros = parts.struct.field("part").str.pad_end(6, "0").str.slice(0, 6).cast(pl.Int64).fill_null(0)
        zone = parts.struct.field("zone")
        behind = pl.when(zone.str.starts_with("-")).then(-1).otherwise(1)
        away = number("zone", 0) * 60 + behind * number("zone_minute", 0)
        away = pl.when(pl.col("value").str.contains(r"KST\s*$")).then(9 * 60).otherwise(away)
    sound = (hour < 24) & (minute < 60) & (second < 60) & month.is_between(1, 12)
    day = pl.concat_str(number("year", 0).cast(pl.String).str.zfill(4), month.cast(pl.String).str.zfill(2), number("day", 1).cast(pl.String).str.zfill(2), separator="-")
    date = day.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us")).cast(pl.Int64)
    clock = ((hour * 60 + minute - away) * 60 + second) * 1_000_000 + micros
    return pl.when(parts.struct.field("year").is_not_null() & sound).then(date + clock)
