"""A string cut into paragraphs, lines or sentences that, put together, are the string again; and what makes two of them the same.

Sentences end, without a library, where `.` `!` `?` or `…` stands before white space (not after Mr., e.g., an initial or a number:
"3. 항목"), at a line's end, and where a polite Korean ending stands before white space without a full stop, as in chats: the endings
-ㅂ니다, -ㅂ니까, -죠, and -요 after an open syllable of ㅏ ㅓ ㅕ ㅔ ㅘ ㅝ (가요 걸려요 와요), after 해 돼 래 대 지 군 (not 필요, 중요, 수요). The
plain ending -다 does not end one without its full stop: 하다 보니, 좋다 나쁘다.
"""

from __future__ import annotations

from typing import Final, Literal

import polars as pl

from dadeum.steps import _key
from dadeum.steps.clean._code import FENCE, FENCED

Unit = Literal["paragraph", "line", "sentence"]

MARK: Final = "\x00"
"""Stands where a unit ends while a string is cut; strings that hold one are left alone."""
_BIEUP: Final = "".join(chr(c) for c in range(0xAC00, 0xD7A4) if (c - 0xAC00) % 28 == 17)
"""The syllables that end in ㅂ."""
_OPEN: Final = "".join(chr(c) for c in range(0xAC00, 0xD7A4, 28) if (c - 0xAC00) // 28 % 21 in (0, 4, 5, 6, 9, 14))
"""The open syllables of ㅏ ㅓ ㅔ ㅕ ㅘ ㅝ."""
_STOP: Final = rf"([.!?…。！？]+[\"'”’)\]」』》*_]*|[{_BIEUP}]니[다까]|[{_OPEN}해돼래대지군]요|죠)([ \t\u{{A0}}\u{{3000}}]+|\n)"
_GO_ON: Final = r"(\b(?:(?i:mr|mrs|ms|dr|prof|st|vs|no|nos|fig|vol|inc|ltd|co|corp|jr|sr|cf|al|dept|e\.g|i\.e|u\.s|u\.k)|[A-Za-z]|[0-9]+)\.[ \t]+)\x00"
_ENDS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    # what marks the ends of a unit, in turn: pattern and replacement
    "paragraph": ((r"(\n[ \t]*(?:\n[ \t]*)*\n)", "${1}\x00"),),
    "line": ((r"(\n+)", "${1}\x00"),),
    "sentence": ((_STOP, "${1}${2}\x00"), (_GO_ON, "${1}"), (r"(\n+)\x00?", "${1}\x00")),
}
_TABLE: Final = r"\||\t.*\t|^[ \t]*(?:[-*+•>#]|[0-9]{1,3}[.)])[ \t]"
"""A row of a table, an item, a heading or a quotation: such lines repeat because of what stands around them."""
_SIGNS: Final = r"[-+−±×÷*/=<>^.]\s*[0-9]|[0-9]\s*%"
QUESTION: Final = r"[?？][\"'”’)\]」』》*_]*\s*$"
_VERSE: Final = 30
"""Characters: two lines or more of which none is longer are verse, an address or a list."""


def boundary(unit: Unit) -> str:
    """A pattern without which a string is one unit."""
    return {"paragraph": r"\n[ \t]*\n", "line": r"\n", "sentence": _STOP + r"|\n"}[unit]


def cut(strings: pl.Series, unit: Unit) -> pl.DataFrame:
    """`owner` (position of the string), `unit`, `kept` (it is not prose, and stays whatever it says): their units in order."""
    frame = pl.DataFrame({"owner": pl.int_range(len(strings), dtype=pl.UInt32, eager=True), "unit": strings, "kept": False})
    fenced = strings.str.contains(FENCED).fill_null(False)
    if fenced.any():
        parts = [_around(owner, string) for owner, string in frame.filter(fenced).select("owner", "unit").rows()]
        frame = pl.concat([frame.filter(~fenced), *parts]).sort("owner", maintain_order=True)
    ends = pl.col("unit")
    for pattern, replacement in _ENDS[unit]:
        ends = ends.str.replace_all(pattern, replacement)
    marked = frame.with_columns(pl.when("kept").then("unit").otherwise(ends).str.strip_suffix(MARK).str.split(MARK))
    made = marked.explode("unit")
    table = pl.col("unit").str.contains(rf"(?m){_TABLE}")
    lines = pl.col("unit").str.strip_chars()
    verse = lines.str.contains(r"\n") & ~lines.str.contains(rf"[^\n]{{{_VERSE + 1}}}")
    return made.with_columns(kept=pl.col("kept") | table | verse)


def keyed(units: pl.Series, profile: str) -> pl.DataFrame:
    """`key` and `mass` of each unit: its letters and digits, those of Korean, Chinese and Japanese counted twice.

    Signs before digits and points within numbers are part of the key: -5 is not 5, nor 3.5 35.
    """
    keys = _key.normal(units, profile)
    mass = keys.str.len_chars() + keys.str.count_matches(r"[\u{2E80}-\u{10FFFF}]")
    told = pl.DataFrame({"key": keys, "mass": mass, "unit": units})
    signs = pl.col("unit").str.extract_all(_SIGNS).list.join("").str.replace_all(r"\s", "")
    return told.select(
        pl.when(pl.col("unit").str.contains(_SIGNS)).then(pl.concat_str("key", pl.lit("\x1f"), signs)).otherwise("key").alias("key"),
        pl.when(pl.col("key").str.starts_with(MARK)).then(0).otherwise("mass").alias("mass"),
    )


def _around(owner: int, string: str) -> pl.DataFrame:
    """A string with fenced blocks in parts, the blocks `kept`."""
    pieces: list[tuple[int, str, bool]] = []
    start = 0
    for block in FENCE.finditer(string):
        pieces += [(owner, string[start : block.start()], False), (owner, block.group(), True)]
        start = block.end()
    pieces.append((owner, string[start:], False))
    return pl.DataFrame([p for p in pieces if p[1]], schema={"owner": pl.UInt32, "unit": pl.String, "kept": pl.Boolean}, orient="row")
