"""What steps warn of (`report.warnings` of a stage in run.json), in the reader's language."""

from __future__ import annotations

import re
from typing import Any, Final

from dadeum.report import sample
from dadeum.report.words import Words

WARNINGS: Final = {
    "groups": r"(?P<name>\w+) has (?P<n>\d+) groups",
    "test": r"the test is not smaller",
    "largest": r"one group holds (?P<share>\S+) of",
    "undated": r"(?P<n>\d+) rows have no date",
    "strata": r"groups are too large for equal shares: (?P<where>.*)",
    "release": r"(?P<n>\d+) lines of the earlier release can't be read, so that what they hold stays; the first is (?P<where>.*)",
    "unread": r"(?P<n>\d+) lines of the benchmark can't be read and are held against as they stand; the first is (?P<where>.*)",
}
"""What mix.split, guard.contamination and dedup.stream warn of, as they say it, and which words say it in the report."""


def warning(told: str, t: Words) -> str:
    """The warning in the reader's language, where it is a known one; values of rows are concealed."""
    for key, form in WARNINGS.items():
        if said := re.match(form, told):
            values: dict[str, Any] = said.groupdict()
            if "n" in values:
                values["n"] = int(values["n"])
            if "name" in values:
                values["name"] = t.known("split", values["name"])
            return sample.concealed([t(f"find.warning.{key}", **values)])[0]
    return sample.concealed([told])[0]
