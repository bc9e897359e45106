"""annotate.variants: one thing under several names, found in the data itself: data set, data-set and dataset, 컨텐츠 and 콘텐츠, PyTorch and Pytorch.

    - annotate.variants: {least: 5}
    - clean.terms: {found: true}

Words, and pairs of words with a blank between them, are variants of one term where they are equal without blanks, hyphens and case, and with the
loanword spellings of Korean that are mixed up most (컨/콘, 메세/메시, 쥬/주, 쉽/십, 데이타/데이터, ...) taken for one. Each has to stand in `least` rows. A capital at the beginning of a word makes no variant, nor
do Korean particles behind it. The term is the variant that most rows have.

`variants` holds what a row has, as `variant > term`; the report tells every term with its variants and their rows. Nothing is changed here: `clean.terms` with
`found: true` unifies them, or takes the part of the report that a person agrees with as its `map`. What is a variant of what is a guess: 한번 and 한 번 are
spelled by their meaning, so look before. The sketch holds the words of each row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final

import polars as pl
from pydantic import Field

from dadeum.record import CONTENTS, prose
from dadeum.step import Compare, TextStep
from dadeum.steps.annotate._words import WORDS
from dadeum.steps.clean._terms import BEHIND

WORD: Final = r"[A-Za-z가-힣][A-Za-z0-9가-힣]*(?:-[A-Za-z0-9가-힣]+)*"
PIECES: Final = rf"{WORD}|[^A-Za-z가-힣 ]"
"""Words, and whatever else stands between them: it keeps the words on its two sides from being a pair."""
PAIR: Final = r"^[A-Za-z0-9가-힣]{2,} [A-Za-z0-9가-힣]{2,}$"
LOANS: Final = {
    "컨": "콘", "메세": "메시", "데이타": "데이터", "어플": "애플", "악세사리": "액세서리", "쉽": "십", "샵": "숍", "콜렛": "콜릿", "쥬": "주", "쟈": "자", "져": "저", "죠": "조", "챠": "차", "쳐": "처", "쵸": "초", "츄": "추", "젼": "전",
    "고리듬": "고리즘", "라메": "라미", "까페": "카페", "케익": "케이크", "타겟": "타깃", "쥴": "줄", "레포트": "리포트", "지탈": "지털", "케이트": "케트", "비지니스": "비즈니스", "화인": "파인", "훼": "페", "워크샾": "워크숍", "렉쳐": "렉처", "로보트": "로봇",
}  # fmt: skip
"""Spellings of loanwords that stand for one another in everyday writing, by the National Institute's rules for loanwords on the right."""
SHORT: Final = r"^(?:[A-Za-z0-9]{1,3}|[가-힣]{1,2})$"
"""Keys too short to tell anything."""
TOLD: Final = 30


@dataclass(frozen=True)
class Variants(TextStep, Compare):
    """Write which variants of a term a row has."""

    least: Annotated[int, Field(ge=1)] = 3
    """Rows that a variant stands in at least; its term stands in as many or more."""
    rare: Annotated[float, Field(ge=0, le=1)] = 0.005
    """Of the rows of its term, the share that a variant's rows are at least: below, it is a slip of the keyboard."""
    writes = ("variants",)
    late = ("least", "rare")

    @property
    def looks(self) -> tuple[str, ...]:
        return CONTENTS

    def sketch(self, rows: pl.DataFrame) -> pl.DataFrame:
        """`row` and `forms`: the different words and pairs of its contents, without particles."""
        pieces = prose(rows, self.on).cast(pl.String).fill_null("").alias("said").to_frame().select(pl.col("said").str.extract_all(PIECES).alias("piece"))
        flat = pieces.with_columns(rows.get_column("row")).explode("piece").drop_nulls()
        after = pl.col("piece").shift(-1).over("row", order_by=pl.int_range(pl.len()))
        flat = flat.with_columns(pair=pl.concat_str("piece", pl.lit(" "), after))
        stops = sorted(WORDS["en"].split())
        grammar = pl.any_horizontal(pl.col("pair").str.to_lowercase().str.split(" ").list.get(i, null_on_oob=True).is_in(stops) for i in (0, 1))
        pairs = flat.filter(pl.col("pair").str.contains(PAIR) & ~grammar)
        words = flat.filter(pl.col("piece").str.contains(rf"^{WORD}$"))
        both = pl.concat([words.select("row", pl.col("piece").alias("form")), pairs.select("row", pl.col("pair").alias("form"))])
        both = both.with_columns(pl.col("form").str.replace(rf"^(.{{2,}}?)(?:{BEHIND})$", "${1}"))
        held = both.group_by("row").agg(pl.col("form").unique().sort().alias("forms"))
        return rows.select("row").join(held, on="row", how="left", maintain_order="left").cast({"forms": pl.List(pl.String)})

    def relate(self, sketches: pl.DataFrame) -> pl.DataFrame:
        """`row`, `forms`, of these only the forms that have a variant: others share their key."""
        flat = _flat(sketches)
        counted = _keyed(flat.group_by("forms").agg(pl.len().cast(pl.UInt32).alias("rows")))
        several = counted.filter(~pl.col("key").str.contains(SHORT) & (pl.col("plain").n_unique().over("key") > 1))
        kept = flat.join(several.select("forms"), on="forms", how="semi").group_by("row").agg(pl.col("forms").cast(pl.String).sort())
        return sketches.select("row").join(kept, on="row", how="left", maintain_order="left")

    def decide(self, related: pl.DataFrame) -> pl.DataFrame:
        """`row` and `variants`: its variants as `variant > term`, null where it has none."""
        flat = _flat(related).join(self._found(related), on="forms")
        told = flat.sort("forms").group_by("row", maintain_order=True).agg(pl.concat_str("forms", pl.lit(" > "), "term").str.join(", ").alias("variants"))
        return related.select("row").join(told, on="row", how="left", maintain_order="left")

    def report(self, related: pl.DataFrame) -> dict[str, Any]:
        """Each term with its variants and their rows, those of most rows first."""
        found = self._found(related).sort(["rows", "forms"], descending=[True, False])
        told: dict[str, dict[str, int]] = {}
        for form, term, n in found.select("forms", "term", "rows").rows():
            told.setdefault(term, {})[form] = n
        return {"terms": len(told), "variants": found.height, "rows": int(self.decide(related).get_column("variants").count()), "found": dict(list(told.items())[:TOLD])}

    def _found(self, related: pl.DataFrame) -> pl.DataFrame:
        """`forms`, `term`, `rows`: every variant that is not its term."""
        counted = _keyed(_flat(related).group_by("forms").agg(pl.len().cast(pl.UInt32).alias("rows")))
        counted = counted.filter(pl.col("rows") >= self.least).sort(["rows", "forms"], descending=[True, False])
        counted = counted.with_columns(pl.col("forms").first().over("key").alias("term"), pl.col("rows").first().over("key").alias("most"), pl.col("plain").first().over("key").alias("best"))
        return counted.filter((pl.col("plain") != pl.col("best")) & (pl.col("rows") >= self.rare * pl.col("most"))).select("forms", "term", "rows")


def _flat(rows: pl.DataFrame) -> pl.DataFrame:
    """A line for each row and form. (A frame without any form has none of its type.)"""
    return rows.cast({"forms": pl.List(pl.String)}).explode("forms").drop_nulls()


def _keyed(counted: pl.DataFrame) -> pl.DataFrame:
    """With `key`, equal for the variants of a term, and `plain`, equal for forms of which only one has a capital at its beginning."""
    form = pl.col("forms")
    key = form.str.to_lowercase().str.replace_all("[ -]", "").str.replace_many(list(LOANS), list(LOANS.values()))
    return counted.with_columns(key.alias("key"), (form.str.head(1).str.to_lowercase() + form.str.tail(-1)).alias("plain"))
