"""Cost and memory at 1, 4 and 20 times the reviews (8.5 million rows): read, clean, exact, near, split. `python benchmarks/scale.py`

Copy k of the reviews turns every Hangul syllable k x 28 x 19 places further in its block: a text of the same length, with the same
repeats and the same near-copies within its copy, and like no text of another copy. Memory is the proportional set size of all
processes of the run together, looked at five times a second.
"""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import orjson

HERE = Path(__file__).parent
DATA = HERE.parent.parent / "shared/data/nsmc_raw"
TIMES = (1, 4, 20)
RECIPE = """
name: scale
sources: [{path: "SOURCE/*.jsonl", name: reviews, fields: {id: review_id, text: review, film: movie_id}}]
steps: [clean.unicode, clean.markup, clean.whitespace, filter.length: {min: 2, max: 1000}, dedup.exact, dedup.near, mix.split: {by: film}]
"""


def turned(text: str, copy: int) -> str:
    """The text with every syllable moved within its block: another text for every copy, 0 leaves it."""
    codes = np.frombuffer(text.encode("utf-32-le"), dtype="<u4").copy()
    hangul = (codes >= 0xAC00) & (codes < 0xAC00 + 11172)
    codes[hangul] = (codes[hangul] - 0xAC00 + copy * 28 * 19) % 11172 + 0xAC00
    return codes.tobytes().decode("utf-32-le")


def grow(folder: Path, times: int) -> int:
    """Write the copies that are missing, a file each; give the number of rows."""
    n = 0
    for copy in range(times):
        out = folder / f"{copy:02d}.jsonl"
        lines = [line for path in sorted(DATA.glob("*.jsonl.gz")) for line in gzip.decompress(path.read_bytes()).splitlines()]
        n += len(lines)
        if out.exists():
            continue
        rows = [orjson.loads(line) for line in lines]
        texts = turned("\0".join(row["review"] for row in rows), copy).split("\0")
        told = (row | {"review": text, "review_id": f"{copy}-{row['review_id']}"} for row, text in zip(rows, texts))
        out.write_bytes(b"\n".join(map(orjson.dumps, told)) + b"\n")
    return n


def family(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [p for child in task.read_text().split() for p in family(int(child))]
    return found


def proportional(pid: int) -> int:
    """Bytes of memory of a process, shared pages counted by their share."""
    try:
        return next(int(line.split()[1]) * 1024 for line in open(f"/proc/{pid}/smaps_rollup") if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return 0


def measured(command: list[str]) -> tuple[float, float, float]:
    """(CPU-seconds, seconds, peak MB of all processes together)."""
    started, top = time.perf_counter(), 0
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    while True:
        done, status, usage = os.wait4(process.pid, os.WNOHANG)
        if done:
            break
        try:
            top = max(top, sum(map(proportional, family(process.pid))))
        except OSError:
            continue
        time.sleep(0.2)
    if status:
        sys.exit(f"{' '.join(command)} failed")
    return usage.ru_utime + usage.ru_stime, time.perf_counter() - started, top / 1e6


def picture(found: list[tuple[int, float, float]]) -> str:
    """Two panels, CPU-seconds and memory against millions of rows, as SVG; dashed: what the first CPU figure would be times the rows."""
    body, width, height, most_x = "", 300, 180, found[-1][0]
    for panel, (title, column) in enumerate((("CPU-seconds", 1), ("peak MB of all processes", 2))):
        left, most_y = 60 + 400 * panel, 1.15 * max(row[column] for row in found)

        def at(x: float, y: float, left: int = left, most: float = most_y) -> str:
            return f"{left + width * x / most_x:.0f},{30 + height - height * y / most:.0f}"

        body += f'<text x="{left}" y="16" font-weight="bold">{title}</text><path d="M{at(0, most_y)} L{at(0, 0)} L{at(most_x, 0)}" fill="none" stroke="#999"/>'
        if column == 1:
            body += f'<path d="M{at(0, 0)} L{at(most_x, found[0][1] * most_x / found[0][0])}" stroke="#999" stroke-dasharray="4 4"/>'
        body += f'<polyline points="{" ".join(at(row[0], row[column]) for row in found)}" fill="none" stroke="#1f5fa8" stroke-width="2"/>'
        for row in found:
            x, y = at(row[0], row[column]).split(",")
            body += f'<circle cx="{x}" cy="{y}" r="4" fill="#1f5fa8"/><text x="{x}" y="{int(y) - 9}" text-anchor="middle">{row[column]:,.0f}</text>'
            body += f'<text x="{x}" y="{30 + height + 17}" text-anchor="middle">{row[0] / 1e6:.1f}M</text>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 820 245" font-family="sans-serif" font-size="12"><rect width="820" height="245" fill="white"/>{body}</svg>\n'


def main(times: tuple[int, ...] = TIMES) -> None:
    if not DATA.is_dir():
        sys.exit("../shared/data is absent: nothing to measure")
    found = []
    print("| times | rows | CPU-s | µs a row | wall s | peak MB |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for k in times:
            n = grow(folder, k)
            (folder / "scale.yaml").write_text(RECIPE.replace("SOURCE", str(folder)))
            out = folder / f"run-{k}"
            command = [str(Path(sys.executable).parent / "dadeum"), "run", str(folder / "scale.yaml"), "--out", str(out), "--until", "split"]
            cpu, wall, mb = measured(command)
            found.append((n, cpu, mb))
            print(f"| {k} | {n:,} | {cpu:.1f} | {1e6 * cpu / n:.1f} | {wall:.0f} | {mb:,.0f} |", flush=True)
            subprocess.run(["rm", "-r", str(out)], check=True)
    (HERE / "scale.svg").write_text(picture(found))


if __name__ == "__main__":
    main(tuple(map(int, sys.argv[1:])) or TIMES)
