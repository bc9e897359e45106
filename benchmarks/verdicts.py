"""How sure a verdict is: effects planted in simulated worlds, and how often each is called; which interval holds; which p of an ablation.

`python benchmarks/verdicts.py [planted] [intervals] [ablation] [RUNS] [--write]`: prints the tables; with --write they replace those in
docs/proof.md. With 1,000 runs a cell: 15, 2 and 15 CPU-minutes. `make night` holds the planted effects to their promise: a null called at most
5 %, a promised effect found at least 80 %.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def planted(runs: int) -> str:
    """One line a world: what was planted, how often it was called (percent)."""
    from evaluate_worlds import EFFECTS, MATRIX, cell

    lines = ["| world | null called a gain | null called either way | promised effect found | twice that effect found |", "|---|---|---|---|---|"]
    for name in MATRIX:
        lines.append(f"| {name} | {' | '.join(f'{100 * cell(name, effect, runs):.1f}' for effect in EFFECTS)} |")
        print(lines[-1], flush=True)
    return "\n".join(lines)


def intervals(runs: int) -> str:
    """One line a world: how often each kind of interval missed, and how wide it was."""
    from evaluate_intervals import table

    return table(runs)


def ablation(runs: int) -> str:
    """One line a world: how often each rule for p called a step."""
    from evaluate_ablations import table

    return table(runs)


TABLES: dict[str, Callable[[int], str]] = {"planted": planted, "intervals": intervals, "ablation": ablation}


def main(arguments: list[str]) -> None:
    sys.path.insert(0, str(ROOT / "tests"))
    runs = next((int(a) for a in arguments if a.isdecimal()), 1000)
    for name in [a for a in arguments if a in TABLES] or list(TABLES):
        made = TABLES[name](runs)
        if "--write" in arguments:
            write(name, f"{runs:,} runs a cell, in percent.\n\n{made}")


def write(name: str, text: str) -> None:
    """Put a table between its marks in docs/proof.md."""
    path, begin, end = ROOT / "docs/proof.md", f"<!-- {name}: benchmarks/verdicts.py -->", f"<!-- end of {name} -->"
    told = path.read_text(encoding="utf-8")
    path.write_text(told[: told.index(begin) + len(begin)] + f"\n{text}\n" + told[told.index(end) :], encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
