"""What a probe of the real configuration found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Probe:
    """`number`: what was measured. `means`: what that says. Where it did not pass, `row`: the id of a row that shows it, and `remedy`: what to do."""

    name: str
    verdict: Literal["pass", "fail", "warn", "not applicable"]
    number: float
    means: str
    row: str = ""
    remedy: str = ""
