"""What guards and annotations cost, beside reading and writing the same rows, and beside other tools: `python benchmarks/guards.py`.

Three tables, all in CPU-seconds (user + system, children too) of one run:

* `dadeum apply` on all reviews, the ledger on, next to a hand-written Polars script that reads the same lines and writes them as Parquet (1x);
* guard.pii, clean.markup and clean.mojibake next to Data-Juicer, datatrove and Presidio, each in its own environment below
  benchmarks/peers/.venvs (made at the first run, as in near.py), on the same reviews, or on the first of them where a peer is too slow (said so, and
  scaled). `found`: planted personal data of tests/dirt_pii.py of which the tool changed the row, Korean and English; `false`: clean rows of the same module that it changed;
* hostile texts of a megabyte against every regular expression of the project (tests/hostile.py): the slowest ones, and how the time grows. A growth of 4
  for four times the text is linear; `--regexes` runs this table alone, `--costs` the first.
"""

from __future__ import annotations

import gzip
import itertools
import json
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

from bench import DATA, REVIEWS, Job
from near import environment, timed

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

import dirt_pii  # noqa: E402
import hostile  # noqa: E402

FIELDS = ["--set", "source.fields={text: review, id: review_id}"]
JOBS = {
    "guard.pii + clean.markup + clean.mojibake": ["guard.pii", "clean.markup", "clean.mojibake"],
    "annotate.language": ["annotate.language"],
    "annotate.quality, finetune": ["annotate.quality"],
    "annotate.quality, gopher": ["annotate.quality", "--set", "annotate.quality.rules=gopher"],
    "annotate.quality, c4": ["annotate.quality", "--set", "annotate.quality.rules=c4"],
    "annotate.quality, fineweb": ["annotate.quality", "--set", "annotate.quality.rules=fineweb"],
    "annotate.quality, fineweb2_ko": ["annotate.quality", "--set", "annotate.quality.rules=fineweb2_ko"],
    "annotate.perplexity": ["annotate.perplexity", "--set", "annotate.perplexity.reference=[{reference}]"],
}
REFERENCE = 30_000
"""Reviews, the first ones, that annotate.perplexity learns from."""
PEERS = {
    "datatrove": (["datatrove[io,processing]==0.10.1", "ftfy"], 10**9),
    "data_juicer": (["py-data-juicer==1.6.1", "aiohttp"], 10**9),
    "presidio": (["presidio-analyzer==2.2.366"], 20_000),
}
"""Packages, and how many reviews are enough to know the speed."""
MEGABYTE = 1_000_000
PROBE = 1_000
TOO_LONG = 60.0
"""Seconds that a megabyte would take if time grew with the square: if it does grow so, it is not waited for, and told with a `~`."""


def costs(out: Path, times: int) -> None:
    base = Job("read → Parquet, bare Polars", [sys.executable, str(HERE / "read_job.py"), REVIEWS, str(out / "base.parquet")], out / "base.parquet")
    jobs = [base]
    lines = itertools.chain.from_iterable(gzip.decompress(path.read_bytes()).splitlines() for path in sorted((DATA / "nsmc_raw").glob("*.jsonl.gz")))
    reference = out / "reference.jsonl"
    reference.write_text("".join(json.dumps({"text": json.loads(line)["review"]}) + "\n" for line in itertools.islice(lines, REFERENCE)), encoding="utf-8")
    for i, (name, told) in enumerate(JOBS.items()):
        path, steps = out / f"{i}.parquet", [word.replace("{reference}", str(reference)) for word in told]
        jobs.append(Job(name, [str(Path(sys.executable).parent / "dadeum"), "apply", *steps, REVIEWS, "-o", str(path), *FIELDS], path))
    for _ in range(times):
        for job in jobs:
            job.run()
    rows = sum(gzip.decompress(path.read_bytes()).count(b"\n") for path in sorted((DATA / "nsmc_raw").glob("*.jsonl.gz")))
    print(f"{rows:,} reviews, the whole process, median of {times}\n\n| job | CPU-s | × first | rows per CPU-s | peak MB |\n|---|---|---|---|---|")
    for job in jobs:
        used = statistics.median(job.cpu)
        print(f"| {job.name} | {used:.2f} | {used / statistics.median(base.cpu):.2f} | {rows / used:,.0f} | {max(job.peak):,.0f} |")


def peers(out: Path) -> None:
    files = [gzip.decompress(path.read_bytes()).splitlines() for path in sorted((DATA / "nsmc_raw").glob("*.jsonl.gz"))]
    reviews = [json.loads(line)["review"] for lines in files for line in lines]
    planted = [p.text for p in dirt_pii.suite(40, seed=17)]
    korean = [p.language == "ko" for p in dirt_pii.suite(40, seed=17)]
    clean = [text for _, _, text in dirt_pii.clean(20, seed=17)]
    print("\n| tool | reviews | CPU-s | × dadeum, per row | changed, of these | with personal data | found, ko | found, en | false |\n|---|---|---|---|---|---|---|---|---|", flush=True)
    first = 0.0
    for name, (packages, most) in {"dadeum": ([], 10**9), **PEERS}.items():
        python = Path(sys.executable) if name == "dadeum" else environment(name, packages)
        if python is None:
            print(f"| {name} | could not be installed: skipped | | | | | | | |")
            continue
        command = [str(python), str(HERE / f"peers/{name}_guards.py")]
        idle, few, known = (_ran(command, texts, out)[i] for texts, i in ((reviews[:100], 0), (reviews[:most], slice(None)), ([*planted, *clean], 1)))
        used, told = few
        each = (used - idle) / len(reviews[:most])
        first = first or each
        hits = set(known["personal"])
        found = [f"{sum(i in hits for i, ko in enumerate(korean) if ko == want) / korean.count(want):.2f}" for want in (True, False)]
        false = f"{sum(i >= len(planted) for i in hits)} of {len(clean)}"
        rows = f"{min(most, len(reviews)):,}"
        print(f"| {name} | {rows} | {used:.1f} | {each / first:.1f} | {told['changed']:,} | {len(told['personal']):,} | {found[0]} | {found[1]} | {false} |", flush=True)


def _ran(command: list[str], texts: list[str], out: Path) -> tuple:
    """(CPU-seconds, what the tool said) on these texts."""
    source, told = out / "texts.jsonl", out / "told.json"
    source.write_text("".join(f"{json.dumps(text)}\n" for text in texts), encoding="utf-8")
    used = timed([*command, str(source), str(told)])[0]
    return used, json.loads(told.read_text())


def regexes() -> None:
    """Every expression on every hostile text: how its time grows, and a megabyte of the text it is slowest on."""
    known = hostile.patterns()
    small, large = list(hostile.texts(PROBE)), list(hostile.texts(4 * PROBE))
    probed = []
    for where, pattern in known.items():
        slowest, at = max((_time(where, pattern, text), i) for i, (_, text) in enumerate(large))
        probed.append((slowest, slowest / max(_time(where, pattern, small[at][1]), 1e-6), where, at))
    told = []
    for slowest, growth, where, at in sorted(probed, reverse=True)[:12]:
        guessed = slowest * (MEGABYTE / (4 * PROBE)) ** 2
        waited = growth < 8 or guessed < TOO_LONG
        used = _time(where, known[where], next(itertools.islice(hostile.texts(MEGABYTE), at, None))[1]) if waited else guessed
        told.append((used, growth, where, large[at][0], "" if waited else "~"))
    print(f"\n{len(known)} regular expressions on {len(large)} hostile texts; the slowest of a probe, on a megabyte:\n\n| CPU-s | growth, 4 x the text | expression | text |\n|---|---|---|---|")
    for used, growth, where, text, guess in sorted(told, reverse=True):
        cell = where.replace("|", "\\|"), text.replace("|", "\\|")
        print(f"| {guess}{used:.2f} | {growth:.1f} | `{cell[0]}` | {cell[1]} |")


def _time(where: str, pattern: re.Pattern[str], text: str) -> float:
    started = time.process_time()
    hostile.tried(where, pattern, text)
    return time.process_time() - started


def main(times: int = 3) -> None:
    if not DATA.is_dir():
        sys.exit("../shared/data is absent: nothing to time")
    with tempfile.TemporaryDirectory() as name:
        costs(Path(name), times)
        if "--costs" in sys.argv:
            return
        peers(Path(name))
    regexes()


if __name__ == "__main__":
    regexes() if "--regexes" in sys.argv else main(*(int(word) for word in sys.argv[1:] if not word.startswith("--")))
