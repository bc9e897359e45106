"""Peak memory while the data grow tenfold: steps that look at rows one by one stay flat, a comparison costs bytes per row.

`python benchmarks/memory.py` writes 1x and 10x of the reviews as plain JSON lines (ids made unique) to a temporary folder.
"""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import tempfile
from pathlib import Path

DATA = Path(__file__).parent.parent.parent / "shared/data/nsmc_raw"
MAPPED = ["clean.unicode", "clean.whitespace", "filter.length"]
SETS = ["--set", "source.fields={text: review, id: review_id}", "--set", "filter.length.min=2"]


def grown(out: Path, times: int) -> int:
    """Write the reviews `times` over, each copy with ids and texts of its own; give the number of rows."""
    n = 0
    with open(out, "wb") as file:
        for path in sorted(DATA.glob("*.jsonl.gz")):
            lines = gzip.decompress(path.read_bytes()).splitlines()
            for copy in range(times):
                mark = str(copy).encode()
                file.write(b"\n".join(line.replace(b'"review_id": "', b'"review_id": "' + mark + b"-").replace(b'"review": "', b'"review": "' + mark) for line in lines) + b"\n")
                n += len(lines)
    return n


def peak(steps: list[str], source: Path, out: Path) -> tuple[float, float]:
    """(peak resident MB, CPU-seconds) of `dadeum apply` in one process."""
    command = [str(Path(sys.executable).parent / "dadeum"), "apply", *steps, str(source), "-o", str(out), "--force", "--workers", "1", *SETS]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(command)} failed")
    return usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime


def main() -> None:
    if not DATA.is_dir():
        sys.exit("../shared/data is absent: nothing to measure")
    print("| steps | rows | peak MB | CPU-s | µs a row |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = {}
        for times in (1, 10):
            n = grown(folder / "rows.jsonl", times)
            for title, steps in (("mapped", MAPPED), ("with dedup.exact", [*MAPPED, "dedup.exact"])):
                mb, cpu = peak(steps, folder / "rows.jsonl", folder / "out.parquet")
                found[title, times] = (n, mb)
                print(f"| {title} | {n:,} | {mb:.0f} | {cpu:.1f} | {1e6 * cpu / n:.1f} |", flush=True)
        for title in ("mapped", "with dedup.exact"):
            (small, a), (large, b) = found[title, 1], found[title, 10]
            print(f"\n{title}: {(b - a) * 1e6 / (large - small):.0f} bytes of peak memory a row more")


if __name__ == "__main__":
    main()
