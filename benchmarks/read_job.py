"""All that any job on these rows has to do: read JSON lines, write Parquet. By hand in Polars, no ledger."""

import glob
import sys

import polars as pl

source, out = sys.argv[1:3]
fields = dict.fromkeys(("review", "date", "rating", "author", "review_id", "movie_id"), pl.String)
pl.concat([pl.scan_ndjson(path, schema=fields) for path in sorted(glob.glob(source))]).sink_parquet(out, compression="zstd")
