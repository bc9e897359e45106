"""dedup.near next to other tools: CPU-seconds (user + system, children too) of whole processes, in one run: `python benchmarks/near.py`.

Each peer runs in its own environment, benchmarks/peers/.venvs/NAME, made at the first run (`pip install` of PEERS); a peer that can't
be installed in INSTALL seconds is skipped, and said so. All read the same lines: normalised texts, one a line; all peers shingle
runs of three letters and use 25 bands of 5 at a threshold of 0.8. `--rows N` takes the first N reviews alone, `--only NAME` one peer.

`--long`: 30,000 documents of 400 to 1,500 characters instead: the reviews of a film one after the other, no review in two documents,
and of each document an edited copy; every other copy has letters replaced (up to 12 %), the rest reviews (up to half of them).

`--adversarial`: sets of thousands of mutual near-copies beside plain ones of as many rows, dadeum alone.

truth: rows that have a partner of Jaccard 0.8 or more by those shingles. precision: rows removed that have one. recall: of the pairs,
those of which a row was removed. dadeum comes twice: as it is, scored by these shingles although it makes none of texts below 22 letters
and its own from Latin letters on are of five; and with `shingle: 3`, which is what all others are told.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from dadeum.steps import _key
from dadeum.steps.dedup import _near

HERE = Path(__file__).parent
DATA = HERE.parent.parent / "shared/data/nsmc_raw"
VENVS = HERE / "peers/.venvs"
PEERS = {
    "rensa": ["rensa==0.5.0"],
    "datasketch": ["datasketch==2.0.0"],
    "daft": ["daft==0.7.26"],
    "datatrove": ["datatrove[io,processing]==0.10.1"],
    "data_juicer": ["py-data-juicer==1.6.1", "aiohttp"],
    "text_dedup": ["text-dedup==0.4.0"],
}
SLOW = ("data_juicer", "text_dedup")
"""Peers that are run on the long documents alone: on the reviews one did not end in 520 s."""
ALIKE = "dadeum shingle 3"
INSTALL = 300
THRESHOLD = 0.8


def environment(name: str, packages: list[str]) -> Path | None:
    """The peer's Python, or None where it can't be installed."""
    python = VENVS / name / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(VENVS / name)], check=True)
        try:
            subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], capture_output=True, check=True, timeout=INSTALL)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            shutil.rmtree(VENVS / name)  # so that the next run tries again
            return None
    return python


TIMED = """import json, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], capture_output=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([done.returncode, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, done.stderr.decode(errors="replace")[-800:]]))"""


def timed(command: list[str]) -> tuple[float, float, float]:
    """(CPU-seconds, seconds, peak MB of its largest process) of a process and its children.

    A small process starts it: what is started by a large one counts that one's memory as its own peak.
    """
    started = time.perf_counter()
    told = subprocess.run([sys.executable, "-S", "-c", TIMED, *command], capture_output=True, text=True, check=True).stdout
    code, used, peak, error = json.loads(told)
    if code:
        raise RuntimeError(error)
    return used, time.perf_counter() - started, peak


def documents(reviews: list[str]) -> list[str]:
    """15,000 long documents and an edited copy of each, in a drawn order."""
    draw = random.Random(1)
    made: list[str] = []
    for parts in itertools.islice(glued(reviews, draw), 15_000):
        if len(made) % 4 == 2:
            other = draw.sample(range(len(parts)), draw.randrange(len(parts) // 2 + 1))
            copy = [draw.choice(reviews) if i in other else part for i, part in enumerate(parts)]
        else:
            letters = list(" ".join(parts))
            for i in draw.sample(range(len(letters)), int(draw.uniform(0, 0.12) * len(letters))):
                letters[i] = draw.choice(letters)
            copy = ["".join(letters)]
        made += [" ".join(parts), " ".join(copy)]
    draw.shuffle(made)
    return made


def glued(reviews: list[str], draw: random.Random) -> Iterator[list[str]]:
    """Runs of reviews of 400 to 1,500 characters together."""
    parts: list[str] = []
    for review in reviews:
        if not parts:
            most = draw.randrange(400, 1500)
        parts.append(review)
        if sum(map(len, parts)) >= most:
            yield parts
            parts = []


def adversarial(reviews: list[str]) -> Iterator[tuple[str, str, list[str]]]:
    """(name, the plain set it is held against, rows): the plain sets first."""
    draw = random.Random(3)
    short, long = reviews[:100_000], documents(reviews)
    said = "".join(glued(reviews, draw).__next__())
    yield "100,000 reviews", "", short
    for edits, told in ((1, "one letter"), (3, "3 letters, about as similar as is asked for")):
        some = dict.fromkeys(draw.sample(range(len(short)), 10_000), said[:90])
        yield f"10,000 of them copies of one text, but for {told}", "100,000 reviews", [slip(some[i], edits, draw) if i in some else t for i, t in enumerate(short)]
    some = dict.fromkeys(draw.sample(range(len(short)), 10_000), said[:70])
    yield "10,000 of them behind 70 shared characters", "100,000 reviews", [some.get(i, "") + t for i, t in enumerate(short)]
    yield "30,000 long documents", "", long
    some = dict.fromkeys(draw.sample(range(len(long)), 5_000), long[0])
    yield "5,000 of them copies of one, 4 % of its letters others", "30,000 long documents", [
        slip(t, len(t) // 25, draw) if i in some else t for i, t in enumerate([some.get(i, t) for i, t in enumerate(long)])
    ]
    yield "all of them behind 600 shared characters", "30,000 long documents", [said[:600].ljust(600, "가") + t for t in long]


def slip(text: str, edits: int, draw: random.Random) -> str:
    """The text with so many letters replaced."""
    letters = list(text)
    for i in draw.sample(range(len(letters)), edits):
        letters[i] = draw.choice("고노도로보소오조초코")
    return "".join(letters)


def attacked(reviews: list[str]) -> None:
    """Prints the table of adversarial sets."""
    print("| set | letters, millions | CPU-s | x plain | wall s | peak MB | leave |\n|---|---|---|---|---|---|---|", flush=True)
    plain: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        lines, out = Path(name) / "texts.txt", Path(name) / "removed.json"
        for told, against, texts in adversarial(reviews):
            lines.write_text("\n".join(text.replace("\n", " ") for text in texts), encoding="utf-8")
            runs = [timed([sys.executable, str(HERE / "peers/dadeum_near.py"), str(lines), str(out)]) for _ in range(3)]
            cpu, wall, peak = min(runs)
            plain.setdefault(against or told, cpu)
            letters, left = sum(map(len, texts)) / 1e6, len(json.loads(out.read_text()))
            print(f"| {told} | {letters:.1f} | {cpu:.2f} | {cpu / plain[against or told]:.2f} | {wall:.1f} | {peak:,.0f} | {left:,} |", flush=True)


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
    given.add_argument("--long", action="store_true")
    given.add_argument("--adversarial", action="store_true")
    given.add_argument("--only", choices=["", *PEERS], default="")
    options = given.parse_args()
    if not DATA.is_dir():
        sys.exit("../shared/data is absent: nothing to time")
    files = [gzip.decompress(path.read_bytes()).splitlines() for path in sorted(DATA.glob("*.jsonl.gz"))]
    texts = [json.loads(line)["review"] for lines in files for line in lines]
    if options.adversarial:
        return attacked(texts)
    texts = (documents(texts) if options.long else texts)[: options.rows]
    keys = [key for key in _key.normal(pl.Series(texts)).to_list() if len(key) >= 3 and key[0] != "\0"]
    pairs = truth(keys)
    print(f"{len(keys):,} {'documents' if options.long else 'reviews'}, {pairs.height:,} pairs of {THRESHOLD} and more\n")
    print("| tool | CPU-s | x dadeum | wall s | peak MB | recall | precision |\n|---|---|---|---|---|---|---|", flush=True)
    peers = {name: packages for name, packages in PEERS.items() if options.only in ("", name) and (options.long or name not in SLOW)}
    with tempfile.TemporaryDirectory() as name:
        lines, out = Path(name) / "texts.txt", Path(name) / "removed.json"
        lines.write_text("\n".join(keys), encoding="utf-8")
        base = 0.0
        for peer, packages in {"dadeum": [], ALIKE: [], **peers}.items():
            ours = peer in ("dadeum", ALIKE)
            python = Path(sys.executable) if ours else environment(peer, packages)
            if python is None:
                print(f"| {peer} | could not be installed: skipped | | | | | |")
                continue
            package = packages[0].partition("==")[0].partition("[")[0] if packages else "dadeum"
            told = subprocess.run([python, "-c", f"from importlib.metadata import version; print(version('{package}'))"], capture_output=True, text=True)
            try:
                cpu, wall, peak = timed([str(python), str(HERE / f"peers/{peer.split()[0]}_near.py"), str(lines), str(out), *(["3"] if peer == ALIKE else [])])
            except RuntimeError as error:
                print(f"| {peer} {told.stdout.strip()} | failed: {str(error).splitlines()[-1]} | | | | | |", flush=True)
                continue
            base = base or cpu
            recall, precision = scored(pairs, json.loads(out.read_text()), len(keys))
            told_all = f"{cpu:.1f} | {cpu / base:.1f} | {wall:.1f} | {peak:,.0f} | {recall:.4f} | {precision:.4f}"
            print(f"| {peer if ours else package} {told.stdout.strip()} | {told_all} |", flush=True)


if __name__ == "__main__":
    main()
