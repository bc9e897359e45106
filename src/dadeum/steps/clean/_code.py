"""What of a text is code, and must not be cleaned as if it were prose."""

from __future__ import annotations

import re
from typing import Final

import polars as pl

from dadeum.profiles import profile
from dadeum.record import Function

FENCE: Final = re.compile(r"^[ \t]*(?P<bar>`{3,}+|~{3,}+)[^\n]*+\n(?s:.*?)(?:^[ \t]*(?P=bar)[`~]*[ \t]*$|\Z)", re.MULTILINE)
"""A fenced block, up to its closing fence or, as Markdown has it, up to the end."""
FENCED: Final = r"(?m)^[ \t]*(?:```|~~~)"
# A line that opens a block or imports: one is enough to take indentation for meaning. The profile alone would not do: it asks
# for a third of the lines, and a function with a long docstring has fewer. (A Unicode word boundary would cost ten times as much.)
OPENS: Final = (
    r"(?m)^[ \t]*(?:(?:async )?(?:def|class|function|public|private|static|if|elif|else|for|while|with|try|except|switch|struct)(?-u:\b)[^\n]*[:{][ \t]*\r?$"
    r"|#include(?-u:\b)|(?:from [A-Za-z0-9_][A-Za-z0-9_.]* )?import [A-Za-z0-9_.{*]+;?[ \t]*\r?$)"
)


def is_code(text: pl.Expr, told: str) -> pl.Expr:
    """True for strings that are code as a whole. Prose around fenced blocks is not: see `around_fences`."""
    if told != "auto":
        return pl.lit(told == "code")
    return text.map_batches(_are_code, return_dtype=pl.Boolean, is_elementwise=True)


def _are_code(strings: pl.Series) -> pl.Series:
    # A line by itself has no profile of code (profiles.py): the letters of most strings need not be counted.
    text = pl.col("text")
    made = strings.to_frame("text").select((text.str.contains(OPENS) & ~text.str.contains(FENCED)).fill_null(False)).to_series()
    maybe = strings.str.contains("```|\n").fill_null(False).arg_true()
    if maybe.is_empty():
        return made
    many = strings.gather(maybe).to_frame("text")
    code = many.select((profile(text) == "code") & ~text.str.contains(FENCED)).to_series()
    return made.scatter(maybe.filter(code), True)


def around_fences(f: Function) -> Function:
    """`f`, applied only to what stands outside fenced blocks. Only strings that hold a fence cost anything in Python."""

    def each(strings: pl.Series) -> pl.Series:
        pieces: list[str] = []
        owner: list[int] = []
        prose: list[bool] = []
        for i, string in enumerate(strings.to_list()):
            end = 0
            for block in FENCE.finditer(string):
                pieces += [string[end : block.start()], block.group()]
                prose += [True, False]
                owner += [i, i]
                end = block.end()
            pieces.append(string[end:])
            prose.append(True)
            owner.append(i)
        frame = pl.DataFrame({"owner": owner, "piece": pieces, "prose": prose})
        frame = frame.with_columns(pl.when("prose").then(f(pl.col("piece"))).otherwise("piece").alias("piece"))
        joined = frame.group_by("owner", maintain_order=True).agg(pl.col("piece").str.join(""))
        return joined.get_column("piece").alias(strings.name)

    return lambda e: e.map_batches(each, return_dtype=pl.String, is_elementwise=True)
