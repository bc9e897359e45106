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
    """Test rows whose text is a training row's, whatever the case and spacing; else a warning of those that ask what a training row asks."""
    if not setup.test.height or not setup.rows.height:
        return Found("overlap", "not applicable", 0.0, "there is no test split")
    seen, asked = (_seen(setup, roles) for roles in (ROLES, ("user",)))
    of = setup.test.height
    if n := int(seen.sum()):
        return Found("overlap", "fail", n / of, f"{n:,} of {of:,} test rows are training rows", setup.test.filter(seen)["id"][0], "dedup.exact before mix.split")
    if n := int(asked.sum()):
        means = f"{n:,} of {of:,} test rows ask what a training row asks, with another answer"
        return Found("overlap", "warn", n / of, means, setup.test.filter(asked)["id"][0], "mix.split with leak: drop or unite, so that no prompt stands on two sides")
    return Found("overlap", "pass", 0.0, f"none of {of:,} test rows is a training row, or asks what one asks")


def text_forms(setup: Setup) -> Found:
    """Rows with Hangul in pieces (NFD) or with replacement marks."""
    hit = prose(setup.rows, ROLES).str.contains(BROKEN).fill_null(False)
    lines = setup.rows.select("id")
    return share("text_forms", lines, hit, 0.0, "hold Hangul in pieces (NFD) or replacement marks", "clean.unicode puts syllables together, clean.mojibake mends marks")


def _seen(setup: Setup, roles: tuple[str, ...]) -> pl.Series:
    """Which test rows say in these roles what a training row says."""
    ours, theirs = (_plain(rows, roles) for rows in (setup.rows, setup.test))
    return (theirs.is_in(ours.drop_nulls().unique().implode()) & (theirs != "")).fill_null(False)


def _plain(rows: pl.DataFrame, roles: tuple[str, ...]) -> pl.Series:
    return prose(rows, roles).str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()
