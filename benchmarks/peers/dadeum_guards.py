"""guard.pii, clean.markup and clean.mojibake on one JSON string a line: which lines hold personal data, and how many were changed in all."""

import json
import sys
from pathlib import Path

import polars as pl

from dadeum.recipe import read_step
from dadeum.record import records

source, out = sys.argv[1:3]
texts = pl.Series([json.loads(line) for line in Path(source).read_text(encoding="utf-8").splitlines()])
rows = records([{"text": None}]).select(pl.all().exclude("id", "text"))
rows = pl.select(pl.int_range(len(texts)).cast(pl.String).alias("id"), pl.lit(texts).alias("text")).join(rows, how="cross").select(records([]).columns)
clean = read_step("guard.pii", {}).edit(rows)
personal = (clean.get_column("text") != texts).arg_true().to_list()
for name in ("clean.markup", "clean.mojibake"):
    clean = read_step(name, {}).edit(clean)
Path(out).write_text(json.dumps({"personal": personal, "changed": int((clean.get_column("text") != texts).sum())}))
