"""text-dedup's MinHash command on one text a line; the numbers of the lines that leave, as JSON."""

import json
import sys
from pathlib import Path

from datasets import load_from_disk
from text_dedup.minhash import main

source, out = sys.argv[1:3]
work = Path(out).with_suffix(".text_dedup")
work.mkdir()
texts = open(source, encoding="utf-8").read().split("\n")
with open(work / "in.jsonl", "w", encoding="utf-8") as file:
    for i, text in enumerate(texts):
        # Its shingles are of words: letters stand apart.
        file.write(json.dumps({"number": i, "text": " ".join(text)}) + "\n")
given = {
    "--path": "json", "--data_files": work / "in.jsonl", "--split": "train", "--cache_dir": work / "cache", "--output": work / "out", "--column": "text",
    "--ngram": 3, "--min_length": 1, "--num_perm": 125, "--b": 25, "--r": 5, "--threshold": 0.8, "--num_proc": 1,
}  # fmt: skip
main([str(part) for pair in given.items() for part in pair], standalone_mode=False)
json.dump(sorted(set(range(len(texts))) - set(load_from_disk(str(work / "out"))["number"])), open(out, "w"))
