"""dedup.near on one text a line; the numbers of the lines that leave, as JSON. A third argument is the length of the shingles."""

import json
import sys

import polars as pl

from dadeum.record import records
from dadeum.steps.dedup.near import Near

source, out = sys.argv[1:3]
texts = pl.Series("text", open(source, encoding="utf-8").read().split("\n"))
rows = pl.DataFrame({"row": pl.int_range(len(texts), dtype=pl.UInt64, eager=True), "text": texts})
step, empty = Near(keep="first", shingle=int(sys.argv[3]) if sys.argv[3:] else None), records([])
shards = [pl.concat([empty, rows[i : i + 32768]], how="diagonal") for i in range(0, rows.height, 32768)]
told = step.decide(step.relate(pl.concat([step.sketch(shard) for shard in shards])))
json.dump(told["row"].to_list(), open(out, "w"))
