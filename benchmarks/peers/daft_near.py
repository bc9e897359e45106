"""Daft's MinHash, and buckets by its columns, on one text a line; the numbers of the lines that leave, as JSON."""

import json
import sys

import daft
from daft import col

source, out = sys.argv[1:3]
texts = open(source, encoding="utf-8").read().split("\n")
# Its shingles are of words: letters stand apart.
rows = daft.from_pydict({"id": list(range(len(texts))), "text": [" ".join(t) for t in texts]})
made = rows.with_column("m", col("text").minhash(num_hashes=125, ngram_size=3)).to_pydict()
seen = [set() for _ in range(25)]
removed = []
for i, m in zip(made["id"], made["m"]):
    keys = [tuple(m[5 * k : 5 * k + 5]) for k in range(25)]
    if any(key in s for key, s in zip(keys, seen)):
        removed.append(i)
    else:
        for key, s in zip(keys, seen):
            s.add(key)
json.dump(removed, open(out, "w"))
