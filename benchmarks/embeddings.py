"""How good an embedding is, and what dedup.semantic finds with it.

    python benchmarks/embeddings.py                                   the built-in embedding
    python benchmarks/embeddings.py --model models/ko-sroberta        a folder, or an endpoint as https://host/v1#model
    python benchmarks/embeddings.py --pairs klue-sts-v1.1_dev.json    more scored pairs: KLUE's JSON, or JSONL/TSV of a, b, score

1. Spearman's rank correlation between cosines and people's scores: KorSTS from ../shared/data, KLUE-STS where its file is there
   (klue_sts/*.json) or named.
2. Recall of planted copies, by kind, Korean and English: each of 1,000 rows and its changed self, among 20,000 rows that are left
   alone; and the share of those left alone that leave all the same, of which some are copies as they came.
3. CPU-seconds (user + system) for 100,000 rows, peak memory, and the recall of approximate neighbours that the run tells itself.

Everything is one process on the threads that the environment allows; run it with POLARS_MAX_THREADS=1 OMP_NUM_THREADS=1 for
numbers that can be compared.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import random
import resource
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl

from dadeum import embed
from dadeum.record import records
from dadeum.steps.dedup.semantic import Semantic

DATA = Path(__file__).parent.parent.parent / "shared/data"
PARTICLES = ("은", "는", "이", "가", "을", "를", "에", "의", "도", "로", "와", "과")
ENDINGS = {"다": "습니다", "요": "", "니다": "니당", "음": "어요", "네": "네요", "어": "어요", "지": "죠"}
REPHRASED = {
    "정말": "진짜", "너무": "매우", "재미있": "재밌", "영화": "작품", "최고": "으뜸", "감동": "뭉클함", "별로": "그저 그럼", "좋": "괜찮",
    "movie": "film", "great": "excellent", "want": "would like", "help": "assist", "please": "kindly", "can": "could", "people": "persons", "good": "fine",
    "get": "receive", "make": "create", "think": "believe", "really": "truly", "what": "which", "how": "in what way", "tell": "inform",
}  # fmt: skip


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def scored(path: Path) -> pl.DataFrame:
    """`a`, `b`, `score` of a file of scored pairs."""
    if path.suffix == ".json":
        rows = [(r["sentence1"], r["sentence2"], r["labels"]["real-label"]) for r in json.loads(path.read_text(encoding="utf-8"))]
    elif path.suffix == ".jsonl":
        rows = [(r["a"], r["b"], r["score"]) for r in map(json.loads, path.read_text(encoding="utf-8").splitlines())]
    else:
        lines = list(csv.reader(path.read_text(encoding="utf-8").splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))
        one, other, score = (lines[0].index(name) for name in ("sentence1", "sentence2", "score"))
        rows = [(line[one], line[other], float(line[score])) for line in lines[1:]]
    return pl.DataFrame(rows, schema={"a": pl.String, "b": pl.String, "score": pl.Float64}, orient="row")


def reviews() -> Iterator[str]:
    for path in sorted((DATA / "nsmc_raw").glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)["review"] or ""


def english() -> Iterator[str]:
    """Questions of grade school mathematics, and questions about society as they were translated."""
    for path in sorted((DATA / "gsm8k").glob("*.jsonl*")):
        for line in read(path).splitlines():
            yield json.loads(line).get("question", "")
    for row in json.loads(read(DATA / "square/question_valid.json.gz")):
        yield row.get("question_en") or ""


def read(path: Path) -> str:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")


def typo(text: str, draw: random.Random) -> str:
    """Two letters (Korean: vowels or consonants) wrong."""
    letters = list(unicodedata.normalize("NFD", text))
    at = [i for i, c in enumerate(letters) if c.isalpha()]
    for i in draw.sample(at, min(2, len(at))):
        low, high = next((a, b) for a, b in ((0x1100, 0x1112), (0x1161, 0x1175), (0x11A8, 0x11C2), (97, 122)) if a <= ord(letters[i].lower()) <= b or b == 122)
        letters[i] = chr(draw.randint(low, high))
    return unicodedata.normalize("NFC", "".join(letters))


def particles(text: str, draw: random.Random) -> str:
    """Korean: particles gone; English: articles and prepositions."""
    small = {"the", "a", "an", "of", "to", "in", "is", "are"}
    words = [word[:-1] if len(word) > 2 and word.endswith(PARTICLES) else word for word in text.split() if word.lower() not in small]
    return " ".join(words)


def ending(text: str, draw: random.Random) -> str:
    bare = text.rstrip(" .!?~")
    for old, new in ENDINGS.items():
        if bare.endswith(old):
            return bare.removesuffix(old) + new
    return bare.removesuffix("s").removesuffix("ed") + " please"


def rephrased(text: str, draw: random.Random) -> str:
    for old, new in REPHRASED.items():
        text = text.replace(old, new)
    return text


def swapped(text: str, draw: random.Random) -> str:
    """The second half of the words first."""
    words = text.split()
    return " ".join(words[len(words) // 2 :] + words[: len(words) // 2])


def spacing(text: str, draw: random.Random) -> str:
    """Three tenths of the spaces gone, punctuation added."""
    return "".join(c for c in text if c != " " or draw.random() > 0.3) + "!!"


KINDS: dict[str, Callable[[str, random.Random], str]] = {
    "spacing": spacing, "typos": typo, "particles": particles, "ending": ending, "order": swapped, "rephrased": rephrased,
}  # fmt: skip


def planted(name: str, texts: list[str], model: str, thresholds: list[float]) -> None:
    """Print recall by kind and threshold."""
    draw = random.Random(7)
    texts = [text for text in dict.fromkeys(texts) if 15 <= len(text) <= 200][:21_000]
    if len(texts) < 2_000:
        print(f"{name}: only {len(texts)} texts, skipped")
        return
    rest = texts[1_000:]
    print(f"\n{name}: recall of changed copies, by threshold, among {len(rest):,} others")
    print("| kind | pairs | " + " | ".join(map(str, thresholds)) + " |\n|---|---|" + "---|" * len(thresholds))
    for kind, change in KINDS.items():
        pairs = [(text, change(text, draw)) for text in texts[:1_000]]
        pairs = [(a, b) for a, b in pairs if a != b and b.strip()]
        both = embed.load(model)
        one, other = both.vectors(pl.Series([a for a, _ in pairs])), both.vectors(pl.Series([b for _, b in pairs]))
        cosine = (one * other).sum(axis=1)
        print(f"| {kind} | {len(pairs)} | " + " | ".join(f"{(cosine >= t).mean():.3f}" for t in thresholds) + " |")
    step = Semantic(model=model, method="exact")
    related = step.relate(step.sketch(records([{"text": text} for text in rest])))
    left = [Semantic(model=model, method="exact", threshold=t).decide(related).height / len(rest) for t in thresholds]
    print("| others that leave | | " + " | ".join(f"{share:.4f}" for share in left) + " |")


def cost(model: str, rows: int) -> None:
    texts = [text for text, _ in zip(reviews(), range(rows))]
    step = Semantic(model=model)
    batches = [records([{"text": text} for text in texts[start : start + 32_768]]) for start in range(0, rows, 32_768)]
    batches = [batch.with_columns(pl.col("row") + 32_768 * i) for i, batch in enumerate(batches)]
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, cpu()
    sketches = pl.concat([step.sketch(batch) for batch in batches])
    embedded = cpu()
    related = step.relate(sketches)
    step.decide(related)
    decided = cpu()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"\n{len(texts):,} reviews: embedding {embedded - started:.1f} CPU-s, neighbours {decided - embedded:.1f} CPU-s, ", end="")
    print(f"peak {peak / 1024:.0f} MB ({before / 1024:.0f} MB before)")
    report = step.report(related)
    print({name: report[name] for name in ("method", "sampled", "have_a_neighbour", "recall", "merged_rows", "clusters") if name in report})


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    told.add_argument("--model", default=embed.HASHED)
    told.add_argument("--pairs", type=Path, action="append", default=[])
    told.add_argument("--rows", type=int, default=100_000)
    asked = told.parse_args()
    made = embed.load(asked.model)
    sets = [DATA / "kornlu/KorSTS/sts-train.tsv", *sorted(DATA.glob("klue_sts/*.json")), *asked.pairs]
    for path in sets:
        found = embed.quality(made, scored(path)) if path.exists() else "not there"
        print(f"{path.name}: {found}")
    thresholds = [0.7, 0.8, 0.85, 0.9, 0.95]
    planted("Korean reviews", [text for text, _ in zip(reviews(), range(60_000))], asked.model, thresholds)
    planted("English questions", list(english()), asked.model, thresholds)
    if asked.rows:
        cost(asked.model, asked.rows)


if __name__ == "__main__":
    main()
