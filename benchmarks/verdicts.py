"""How sure a verdict is: effects planted in simulated worlds (tests/evaluate_worlds.py), and how often each is called.

`python benchmarks/verdicts.py [RUNS] [--write]`: prints the table; with --write it replaces the one in docs/proof.md. 400 runs a cell
take about 20 CPU-minutes. `make night` holds the same cells to their promise: a null called at most 5 %, a promised effect at least 80 %.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- planted effects: benchmarks/verdicts.py -->", "<!-- end of planted effects -->"


def table(runs: int) -> str:
    """One line a world: what was planted, how often it was called (percent)."""
    sys.path.insert(0, str(ROOT / "tests"))
    from evaluate_worlds import MATRIX, cell

    lines = ["| world | null called | promised effect found | large effect found |", "|---|---|---|---|"]
    for name in MATRIX:
        told = [f"{100 * cell(name, effect, runs):.1f}" if effect in MATRIX[name].effects else "–" for effect in ("null", "promised", "large")]
        lines.append(f"| {name} | {' | '.join(told)} |")
        print(lines[-1], flush=True)
    return "\n".join(lines)


def main(arguments: list[str]) -> None:
    runs = next((int(a) for a in arguments if a.isdecimal()), 400)
    made = f"{BEGIN}\n{runs} runs a cell, in percent.\n\n{table(runs)}\n{END}"
    if "--write" in arguments:
        path = ROOT / "docs/proof.md"
        text = path.read_text(encoding="utf-8")
        path.write_text(text[: text.index(BEGIN)] + made + text[text.index(END) + len(END) :], encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
