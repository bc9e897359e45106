"""The same job written by hand in Polars: JSON lines → NFC, tags, space, length, exact duplicates by the text → Parquet. No ledger."""

import glob
import sys

import polars as pl

source, out = sys.argv[1:3]
fields = dict.fromkeys(("review", "date", "rating", "author", "review_id", "movie_id"), pl.String)
text = pl.col("review").str.normalize("NFC").str.replace_all(r"<[^>]*>", "").str.replace_all(r"\s+", " ").str.strip_chars()
rows = pl.concat([pl.scan_ndjson(path, schema=fields) for path in sorted(glob.glob(source))])
rows = rows.with_columns(text.alias("review")).filter(pl.col("review").str.len_chars().is_between(2, 1000))
rows = rows.unique(subset="review", keep="first", maintain_order=True)
rows.sink_parquet(out, compression="zstd")
