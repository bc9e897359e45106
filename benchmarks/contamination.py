"""guard.contamination beside the cleaning job, as a ratio of CPU-seconds within one run: `python benchmarks/contamination.py [times]`.

All reviews of ../shared/data against 20,000 items: the first distinct values that the guard takes from KLUE-NLI, KorNLI, KorSTS,
KoBEST and GSM8K. Three jobs in turn: the cleaning steps of `bench.py`, the guard with the items' own file, the guard with a saved index.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

import orjson
from bench import DATA, REVIEWS, Job

from dadeum.steps.guard import _items, contamination

ITEMS = 20_000
FILES = ("klue_nli/*.json.gz", "kornlu/*/*.tsv", "kobest/*/*.tsv*", "gsm8k/test.jsonl")
LIMIT = 1.0
"""Of the cleaning job's CPU-seconds."""


def items(path: Path) -> int:
    """Write the items as JSON lines; give their number."""
    values: dict[str, None] = {}
    for pattern in FILES:
        for file in sorted(DATA.glob(pattern)):
            values |= dict.fromkeys(value for _, value in _items.values(str(file), ()))
    told = list(values)[:ITEMS]
    path.write_bytes(b"".join(orjson.dumps({"text": value}) + b"\n" for value in told))
    return len(told)


def main(times: int = 3) -> None:
    if not DATA.is_dir():
        sys.exit("../shared/data is absent: nothing to time")
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        n = items(out / "items.jsonl")
        contamination.save(out / "items.index", (str(out / "items.jsonl"),))
        dadeum = str(Path(sys.executable).parent / "dadeum")
        steps = ["clean.unicode", "clean.markup", "clean.whitespace", "filter.length", "dedup.exact"]
        fields = ["--set", "source.fields={text: review, id: review_id}"]
        limits = ["--set", "filter.length.min=2", "--set", "filter.length.max=1000"]
        jobs = [Job("clean, length, exact duplicates", [dadeum, "apply", *steps, REVIEWS, "-o", str(out / "a.parquet"), *fields, *limits], out / "a.parquet")]
        for label, file in (("raw file", "items.jsonl"), ("saved index", "items.index")):
            target = out / f"{file}.parquet"
            against = f"guard.contamination.against=[{out / file}]"
            command = [dadeum, "apply", "guard.contamination", REVIEWS, "-o", str(target), *fields, "--set", against]
            jobs.append(Job(f"guard.contamination, {n:,} items, {label}", command, target))
        for _ in range(times):
            for job in jobs:
                job.run()
        print(f"All reviews of {DATA.name}/nsmc_raw, median of {times} runs in turn\n\n| job | CPU-s | × first | wall s | peak MB |\n|---|---|---|---|---|")
        first = statistics.median(jobs[0].cpu)
        for job in jobs:
            cpu = statistics.median(job.cpu)
            print(f"| {job.name} | {cpu:.2f} | {cpu / first:.2f} | {statistics.median(job.wall):.2f} | {max(job.peak):,.0f} |")
        ratio = statistics.median(jobs[1].cpu) / statistics.median(jobs[0].cpu)
        print(f"\nthe guard takes {ratio:.2f} of the cleaning job's CPU-seconds; the limit is {LIMIT:.2f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
