"""Recall and precision of every detector on dirt of known truth, Korean and English, as docs/truth.md: `make truth`.

What is planted, and how it is measured, stands in tests/dirt.py and the modules tests/dirt_*.py. The same code gives the same table. Behind it, where
../shared/data is at hand, what the same detectors find of dirt that a second hand planted (tests/unseen.py), and on data that others labelled (tests/gold.py);
where it is not, these two parts stay as they were.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import dirt  # noqa: E402
import gold  # noqa: E402
import unseen  # noqa: E402

HEAD = """# What the detectors find

Dirt of known truth, planted into clean texts by `tests/dirt*.py` with fixed seeds, and what each step found of it. Written by `make truth`.

Recall: the share of the planted rows that the step found (an edit counts where the text came out exactly as it was before the dirt).
Precision: the share of the rows it named, changed or let go that were planted. In brackets the 95 % interval (Wilson). Planted dirt is
easier than dirt that grew: a share of 1.000 here says that the step does what it promises, not that it finds everything.
"""


UNSEEN = """
# What they find of dirt that they were not made for

Planted by a second hand (`tests/unseen*.py`): written without a look at the patterns of the detectors, on rows of other people's data, in other formats, with other tags, code
pages and edits. Nothing was tuned on it, nor may be. In the last column the recall on the dirt above, of the same step and language, as far as it has the kind.

| step | language | planted | n | recall | precision | recall above |
| --- | --- | --- | ---: | ---: | ---: | ---: |
"""
GOLD = """
# What they reach on data that others labelled

Tables of `../shared/data` with labels of their own (`tests/gold.py`). A value is found where half of its span is; a claim is right where it touches one. `pii_finance_ko` was translated by a machine, its
labels were not: most of their forms are nowhere in the texts, and only those that are count. The texts of mojibake_ftfy and the types of pii_presidio were known when the detectors were written.

| data | what | n | recall | precision | F1 |
| --- | --- | ---: | ---: | ---: | ---: |
"""


def unseen_table(above: list[dirt.Line]) -> str:
    """The second part: a line for each planting, beside the mean recall of the first part."""
    known: dict[tuple[str, str, str], list[dirt.Line]] = {}
    for line in above:
        step = line.step.split(", ")[-1]
        for kind in {line.kind.split(": ")[-1], ""}:
            known.setdefault((step, line.language, kind), []).append(line)
    parts = [UNSEEN]
    for line in dirt.lines(unseen.plantings()):
        same = known.get((line.step, line.language, line.kind)) or known.get((line.step, line.language, ""), [])
        before = f"{sum(one.found for one in same) / sum(one.n for one in same):.3f}" if same else "–"
        parts.append(f"| {line.step} | {line.language} | {line.kind} | {line.n} | {shown(line.recall)} | {shown(line.precision)} | {before} |\n")
    return "".join(parts)


def gold_table() -> str:
    """The third part."""
    parts = [GOLD]
    for s in gold.scores():
        shares = f"{s.recall:.3f} | {s.precision:.3f} | {s.f1:.3f}" if s.claimed else f"{s.recall:.3f} | – | –" if not s.value else f"{s.value} | | "
        parts.append(f"| {s.data} | {s.what} | {s.n or ''} | {shares} |\n")
    return "".join(parts)


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
    lines = dirt.lines()
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    rest = unseen_table(lines) + gold_table() if unseen.there() else old[old.find(UNSEEN) :] if UNSEEN in old else ""
    path.write_text(table(lines) + rest, encoding="utf-8")
    print(f"{path}: {path.read_text(encoding='utf-8').count(chr(10) + '| ')} lines")
