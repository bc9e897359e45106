"""dedup.near next to other tools: CPU-seconds (user + system, children too) of whole processes, in one run: `python benchmarks/near.py`.

Each peer runs in its own environment, benchmarks/peers/.venvs/NAME, made at the first run (`pip install` of PEERS); a peer that can't
be installed is skipped, and said so. All read the same lines: normalised texts, one a line; all peers shingle runs of three letters
and use 25 bands of 5 at a threshold of 0.8. `--rows N` takes the first N reviews alone.

truth: rows that have a partner of Jaccard 0.8 or more by those shingles. precision: rows removed that have one. recall: of the pairs,
those of which a row was removed. dadeum is scored by the same shingles, although its own are padded and none are made of short texts.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from dadeum.steps import _key
from dadeum.steps.dedup import _near

HERE = Path(__file__).parent
DATA = HERE.parent.parent / "shared/data/nsmc_raw"
VENVS = HERE / "peers/.venvs"
PEERS = {"rensa": ["rensa"], "datasketch": ["datasketch"], "daft": ["daft"], "datatrove": ["datatrove[io,processing]"]}
THRESHOLD = 0.8


def environment(name: str, packages: list[str]) -> Path | None:
    """The peer's Python, or None where it can't be installed."""
    python = VENVS / name / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(VENVS / name)], check=True)
        if subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], capture_output=True).returncode:
            return None
    return python


def timed(command: list[str]) -> tuple[float, float]:
    """(CPU-seconds, seconds) of a process and its children."""
    before, started = os.times(), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr[-800:])
    after = os.times()
    used = after.children_user - before.children_user + after.children_system - before.children_system
    return used, time.perf_counter() - started


def truth(texts: list[str]) -> pl.DataFrame:
    """Every pair that is similar enough by runs of three letters without padding, found by the exact join."""
    values, sizes, keys = [], [], {}
    for text in texts:
        made = {hash(text[i : i + 3]) & 0xFFFFFFFF for i in range(len(text) - 2)} or {hash(text) & 0xFFFFFFFF}
        values.append(np.array(sorted(made), dtype=np.uint32))
        sizes.append(len(made))
    numbers = np.array([keys.setdefault(text, len(keys) + 1) for text in texts], dtype=np.uint64)
    sets = _near.Sets(np.concatenate(values), np.append(0, np.cumsum(sizes)), numbers)
    return _near.pairs(sets, THRESHOLD, "exact")


def scored(pairs: pl.DataFrame, removed: list[int], n: int) -> tuple[float, float]:
    """(recall, precision)."""
    gone = np.zeros(n, dtype=bool)
    gone[removed] = True
    a, b = pairs["a"].to_numpy(), pairs["b"].to_numpy()
    partner = np.zeros(n, dtype=bool)
    partner[a] = partner[b] = True
    return float((gone[a] | gone[b]).mean()), float(partner[gone].mean())


def main() -> None:
    given = argparse.ArgumentParser()
    given.add_argument("--rows", type=int, default=10**9)
    rows = given.parse_args().rows
    if not DATA.is_dir():
        sys.exit("../shared/data is absent: nothing to time")
    files = [gzip.decompress(path.read_bytes()).splitlines() for path in sorted(DATA.glob("*.jsonl.gz"))]
    reviews = [json.loads(line)["review"] for lines in files for line in lines][:rows]
    keys = [key for key in _key.normal(pl.Series(reviews)).to_list() if len(key) >= 3 and key[0] != "\0"]
    pairs = truth(keys)
    print(f"{len(keys):,} reviews, {pairs.height:,} pairs of {THRESHOLD} and more\n\n| tool | CPU-s | x dadeum | wall s | recall | precision |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        lines, out = Path(name) / "texts.txt", Path(name) / "removed.json"
        lines.write_text("\n".join(keys), encoding="utf-8")
        base = 0.0
        for peer, packages in {"dadeum": [], **PEERS}.items():
            python = Path(sys.executable) if peer == "dadeum" else environment(peer, packages)
            if python is None:
                print(f"| {peer} | could not be installed: skipped | | | | |")
                continue
            told = subprocess.run([python, "-c", f"from importlib.metadata import version; print(version('{peer}'))"], capture_output=True, text=True)
            try:
                cpu, wall = timed([str(python), str(HERE / f"peers/{peer}_near.py"), str(lines), str(out)])
            except RuntimeError as error:
                print(f"| {peer} {told.stdout.strip()} | failed: {str(error).splitlines()[-1]} | | | | |")
                continue
            base = base or cpu
            recall, precision = scored(pairs, json.loads(out.read_text()), len(keys))
            print(f"| {peer} {told.stdout.strip()} | {cpu:.1f} | {cpu / base:.1f} | {wall:.1f} | {recall:.4f} | {precision:.4f} |", flush=True)


if __name__ == "__main__":
    main()
