"""What a check looks at, and what it gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import polars as pl

from dadeum.format.supervise import Supervision
from dadeum.settings import Train

Verdict = Literal["pass", "warn", "fail", "not applicable"]


@dataclass(frozen=True)
class Found:
    """`number`: what was measured. `means`: what it says. `row`: the id of a row that shows it. `remedy`: what to do."""

    name: str
    verdict: Verdict
    number: float
    means: str
    row: str = ""
    remedy: str = ""

    def as_(self, verdict: Verdict) -> Found:
        return replace(self, verdict=verdict)


@dataclass(frozen=True)
class Setup:
    """A training as it would run, before it runs."""

    rows: pl.DataFrame
    """The training rows."""
    ledger: pl.DataFrame
    """supervise.LEDGER of all of them."""
    roles: pl.DataFrame
    """Supervision.roles of all of them."""
    sample: Supervision
    """Examples of some of them; `Example.row` points into `sampled`."""
    sampled: pl.DataFrame
    tokenizer: Any
    base: str
    settings: Train
    validation: pl.DataFrame
    test: pl.DataFrame
    batched: dict[str, Any] | None = None
    """What `batched` told of every row; null asks the sample."""
    faults: Mapping[str, str] = field(default_factory=dict)
    """Supervision.faults of all rows."""
    free: int | None = None
    """Bytes free where checkpoints will lie; null is not known."""

    @cached_property
    def model(self) -> Any:
        """The base on the CPU: loaded once, for the checks that look at weights or configuration."""
        from dadeum.train.base import load

        return load(self.base)


def share(name: str, ledger: pl.DataFrame, hit: pl.Series, most: float, means: str, remedy: str) -> Found:
    """A finding on the share of ledger lines in `hit`: fails above `most` and shows the first of them."""
    n = int(hit.sum())
    part = n / max(1, ledger.height)
    if part <= most:
        return Found(name, "pass", part, f"{n:,} of {ledger.height:,} rows {means}")
    return Found(name, "fail", part, f"{n:,} of {ledger.height:,} rows {means}", ledger.filter(hit)["id"][0], remedy)


def noted(ledger: pl.DataFrame, note: str) -> pl.Series:
    """Which ledger lines carry a note."""
    return ledger["note"].fill_null("").str.split("+").list.contains(note)
