"""Lengths in tokens: counted by the tokenizer that was named, or by an `annotate.tokens` that ran before, else estimated by language.

Counted on an even sample of at most 50,000 records (`even.py`); the sum over all records is then the mean of the sample times their
number, with the normal interval of a mean. Estimated, every record counts, by its characters and `RATES`, which are between the
tokenizers of today's models: the truth for one of them lies between `low` and `high`.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, Final

import polars as pl

from dadeum.evaluate.quantiles import Z
from dadeum.record import CHATS, turns
from dadeum.report.even import SAMPLE, Even
from dadeum.report.tally import Column, Lengths
from dadeum.steps.annotate import tokens

RATES: Final = {"ko": (0.40, 0.60, 0.95), "en": (0.20, 0.24, 0.30), "mixed": (0.30, 0.42, 0.62), "code": (0.22, 0.32, 0.45)}
"""Tokens per character by profile: lowest, likely, highest. English 4.26 characters a token as the mean of eleven models, Korean 1.58, at
best 2.08 (github.com/korchasa/tldr, tokens-size, 2025); English 3.5 to 4.4 of forty tokenizers on CC-100 (Tokenizer Arena). Korean beyond
those: vocabularies made for Korean take about 2.5 characters a token, cl100k_base 1.05. Mixed is between, code as English with more marks."""


class Tokens:
    """Tokens of records and of their parts. tokenizer: as `annotate.tokens` takes it; empty: none was named."""

    def __init__(self, tokenizer: str = "", most: int = SAMPLE) -> None:
        self._tokenizer = tokenizer
        self._even = Even(most)
        self._how = "counted" if tokenizer else ""
        self._lines: list[pl.DataFrame] = []
        self._sizes: list[pl.DataFrame] = []
        self._lengths: dict[str, Lengths] = {}
        self._chars: Counter[str] = Counter()
        self._rows: Counter[str] = Counter()

    def add(self, rows: pl.DataFrame, flat: dict[str, pl.DataFrame], kinds: pl.Series, sizes: pl.Series, others: list[Column]) -> None:
        """Count one chunk. flat: its turns by field; kinds, sizes: profile and characters of each record; others: its carried fields.

        Raises MissingExtra without `tokenizers`, RecipeError where there is no such tokenizer.
        """
        given = {name: column for name, column, _ in others if len(column) == rows.height and column.dtype.is_numeric()}
        # A field that is merely called so may hold anything; annotate.tokens writes both.
        before = given.get("tokens") if "tokens_per_character" in given else None
        self._how = self._how or ("given" if before is not None else "estimated")
        if self._how == "estimated":
            self._estimate(rows, flat, kinds, sizes)
            return
        at, marks = self._even.take(rows.get_column("row"))
        few = rows[at].drop("language", strict=False)  # a field of the user's may be called so
        if self._how == "counted":
            few, lines = self._counted(few)
            self._lines.append(lines)
        else:
            none = pl.Series([None], dtype=pl.Int64).new_from_index(0, len(at))
            few = few.with_columns((none if before is None else before.gather(at)).cast(pl.Int64, strict=False).alias("tokens"))
        mark = pl.DataFrame([few.get_column("row"), pl.Series("mark", marks)])
        self._sizes.append(tokens.sized(few).join(mark, on="row", maintain_order="left"))
        if sum(part.height for part in self._sizes) > 2 * len(self._even.marks):
            self._sizes = [self._inside()]
            held = self._sizes[0].get_column("row").implode()
            self._lines = [pl.concat(self._lines).filter(pl.col("row").is_in(held))] if self._lines else []

    def _counted(self, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The rows with `tokens`, and `row`, `part`, `n` of each of their texts and turns."""
        made = tokens.Tokens(tokenizer=self._tokenizer).edit(rows)
        row = rows.get_column("row")
        parts = [pl.DataFrame([row, rows.get_column("text").alias("content")]).with_columns(part=pl.lit("text"))]
        for name in CHATS:
            lines = turns(rows, name).filter(pl.col("role").is_in(list(tokens.EVERY)))
            part = pl.col("role") if name == "messages" else pl.lit(name)
            parts.append(lines.select(row.gather(lines.get_column("index")).alias("row"), "content", part.alias("part")))
        # In reading order, as `tokens_turns` is.
        said = pl.concat(parts).filter(pl.col("content").is_not_null()).drop("content").sort("row", maintain_order=True)
        told = made.sort("row").get_column("tokens_turns").drop_nulls().explode(empty_as_null=True)
        return made, said.with_columns(told.alias("n"))

    def _estimate(self, rows: pl.DataFrame, flat: dict[str, pl.DataFrame], kinds: pl.Series, sizes: pl.Series) -> None:
        rate = kinds.replace_strict({name: likely for name, (_, likely, _) in RATES.items()}, default=None, return_dtype=pl.Float64)
        self._add("record", sizes, rate)
        whole = pl.DataFrame([kinds.alias("kind"), sizes.alias("n")]).filter(pl.col("n") > 0).group_by("kind").agg(pl.len().alias("rows"), pl.col("n").sum())
        for kind, n, chars in whole.iter_rows():
            self._rows[kind] += n
            self._chars[kind] += chars
        if rows.get_column("text").null_count() < rows.height:
            self._add("text", rows.get_column("text").str.len_chars(), rate)
        for name, lines in flat.items():
            one = rate.gather(lines.get_column("index"))
            sized = lines.select("role", pl.col("content").str.len_chars().alias("n")).with_columns(one.alias("rate"))
            for part in [name] if name != "messages" else sized.get_column("role").drop_nulls().unique().to_list():
                mine = sized if name != "messages" else sized.filter(pl.col("role") == part)
                self._add(part, mine.get_column("n"), mine.get_column("rate"))

    def _add(self, part: str, chars: pl.Series, rate: pl.Series) -> None:
        self._lengths.setdefault(part, Lengths()).add((chars * rate).ceil().cast(pl.Int64))

    def _inside(self) -> pl.DataFrame:
        return pl.concat(self._sizes).filter(pl.col("mark") <= pl.lit(int(self._even.limit), dtype=pl.UInt64))

    def tell(self) -> dict[str, Any] | None:
        """{how, tokenizer, looked_at, of, total, low, high, lengths, languages}, or None where nothing was said.

        how: counted (by `tokenizer`), given (by annotate.tokens, before) or estimated. total: tokens of all records, from low to high.
        lengths: part -> as `Lengths.tell`. languages: [{language, rows, tokens, per_character, per_word, per_byte}], of those looked
        at; estimated, [{language, rows, tokens, per_character, low, high}]: the rates of RATES.
        """
        told = self._estimated() if self._how in ("", "estimated") else self._sampled()
        return told if told and "record" in told["lengths"] else None

    def _estimated(self) -> dict[str, Any]:
        low, total, high = (round(sum(RATES[kind][i] * chars for kind, chars in self._chars.items())) for i in range(3))
        n = sum(self._rows.values())
        lines = [
            {"language": kind, "rows": rows, "tokens": round(RATES[kind][1] * self._chars[kind]), "per_character": RATES[kind][1], "low": RATES[kind][0], "high": RATES[kind][2]}
            for kind, rows in self._rows.most_common()
        ]
        made = {"how": "estimated", "tokenizer": "", "looked_at": n, "of": n, "total": total, "low": low, "high": high, "languages": lines}
        return made | {"lengths": _told(self._lengths)}

    def _sampled(self) -> dict[str, Any]:
        sizes = self._inside()
        each = sizes.get_column("tokens")
        looked, of = len(self._even.marks), self._even.of
        mean = float(each.sum()) / max(1, looked)  # a record that says nothing has none
        spread = float((each.cast(pl.Float64) ** 2).sum()) / max(1, looked) - mean * mean
        # What was drawn is known: the rest alone is uncertain.
        reach = Z * of * math.sqrt(max(0.0, spread) / max(1, looked) * (1 - looked / max(1, of)))
        total = round(mean * of)
        lengths = {"record": Lengths()}
        lengths["record"].add(each)
        if self._lines:
            lines = pl.concat(self._lines).filter(pl.col("row").is_in(sizes.get_column("row").implode()))
            for (part,), found in lines.partition_by("part", as_dict=True, maintain_order=True).items():
                lengths.setdefault(str(part), Lengths()).add(found.get_column("n"))
        made = {"how": self._how, "tokenizer": self._tokenizer, "looked_at": looked, "of": of, "total": total}
        made |= {"low": max(0, round(total - reach)), "high": round(total + reach), "languages": tokens.summed(sizes).to_dicts()}
        return made | {"lengths": _told(lengths)}


def _told(lengths: dict[str, Lengths]) -> dict[str, Any]:
    if set(lengths) == {"record", "text"}:  # the same twice
        lengths = {"record": lengths["record"]}
    return {part: told for part, found in lengths.items() if (told := found.tell()) is not None}
