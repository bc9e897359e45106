"""Recall and precision of every detector on dirt of known truth, Korean and English, as docs/truth.md: `make truth`.

What is planted, and how it is measured, stands in tests/dirt.py and the modules tests/dirt_*.py. The same code gives the same table.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import dirt  # noqa: E402

HEAD = """# What the detectors find

Dirt of known truth, planted into clean texts by `tests/dirt*.py` with fixed seeds, and what each step found of it. Written by `make truth`.

Recall: the share of the planted rows that the step found (an edit counts where the text came out exactly as it was before the dirt).
Precision: the share of the rows it named, changed or let go that were planted. In brackets the 95 % interval (Wilson). Planted dirt is
easier than dirt that grew: a share of 1.000 here says that the step does what it promises, not that it finds everything.
"""


def table(lines: Iterable[dirt.Line]) -> str:
    """The whole document."""
    parts = [HEAD]
    step = ""
    for line in lines:
        if line.step != step:
            step = line.step
            parts.append(f"\n## {step}\n\n| language | planted | n | recall | precision |\n| --- | --- | ---: | ---: | ---: |\n")
        parts.append(f"| {line.language} | {line.kind or step} | {line.n} | {shown(line.recall)} | {shown(line.precision)} |\n")
    return "".join(parts)


def shown(share: tuple[float | None, float | None, float | None]) -> str:
    """A share with its interval; a dash where nothing was claimed.

    >>> shown((0.5, 0.25, 0.75)), shown((None, None, None))
    ('0.500 [0.250, 0.750]', '–')
    """
    value, low, high = share
    return "–" if value is None else f"{value:.3f} [{low:.3f}, {high:.3f}]"


if __name__ == "__main__":
    path = ROOT / "docs/truth.md"
    path.write_text(table(dirt.lines()), encoding="utf-8")
    print(f"{path}: {path.read_text(encoding='utf-8').count(chr(10) + '| ')} lines")
