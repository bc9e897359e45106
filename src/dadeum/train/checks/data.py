"""The rows themselves: what the test has seen already, and text that a tokenizer cuts to pieces."""

from __future__ import annotations

from typing import Final

import polars as pl

from dadeum.record import prose
from dadeum.train.checks.found import Found, Setup, share

BROKEN: Final = r"[\x{1100}-\x{11FF}\x{A960}-\x{A97C}\x{D7B0}-\x{D7FB}\x{FFFD}]"
"""Conjoining jamo (NFD, as macOS writes it: 2.3 times the bytes, and tokens that no base was trained on) and the replacement mark."""

ROLES: Final = ("text", "system", "user", "assistant", "tool")


def overlap(setup: Setup) -> Found:
    """Test rows whose text is a training row's, whatever the case and spacing."""
    if not setup.test.height or not setup.rows.height:
        return Found("overlap", "not applicable", 0.0, "there is no test split")
    ours, theirs = (_plain(rows) for rows in (setup.rows, setup.test))
    seen = theirs.is_in(ours.drop_nulls().unique().implode()) & (theirs != "")
    n = int(seen.fill_null(False).sum())
    if not n:
        return Found("overlap", "pass", 0.0, f"none of {setup.test.height:,} test rows is a training row")
    row = setup.test.filter(seen.fill_null(False))["id"][0]
    return Found("overlap", "fail", n / setup.test.height, f"{n:,} of {setup.test.height:,} test rows are training rows", row, "dedup.exact before mix.split")


def text_forms(setup: Setup) -> Found:
    """Rows with Hangul in pieces (NFD) or with replacement marks."""
    hit = prose(setup.rows, ROLES).str.contains(BROKEN).fill_null(False)
    lines = setup.rows.select("id")
    return share("text_forms", lines, hit, 0.0, "hold Hangul in pieces (NFD) or replacement marks", "clean.unicode puts syllables together, clean.mojibake mends marks")


def _plain(rows: pl.DataFrame) -> pl.Series:
    return prose(rows, ROLES).str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()
