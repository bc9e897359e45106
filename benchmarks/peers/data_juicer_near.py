"""Data-Juicer's MinHash deduplicator on one text a line; the numbers of the lines that leave, as JSON."""

import json
import sys

from data_juicer.core.data import NestedDataset
from data_juicer.ops.deduplicator.document_minhash_deduplicator import DocumentMinhashDeduplicator

source, out = sys.argv[1:3]
texts = open(source, encoding="utf-8").read().split("\n")
rows = NestedDataset.from_list([{"id": i, "text": text} for i, text in enumerate(texts)])
step = DocumentMinhashDeduplicator(
    tokenization="character", window_size=3, lowercase=False, jaccard_threshold=0.8, num_permutations=125, num_bands=25, num_rows_per_band=5
)
kept, _ = step.process(rows.map(step.compute_hash))
json.dump(sorted(set(range(len(texts))) - set(kept["id"])), open(out, "w"))
