"""The same job in Hugging Face datasets: NFC, tags, space, length, exact duplicates by the text, Parquet. No ledger."""

import glob
import re
import sys
import unicodedata

from datasets import load_dataset

source, out = sys.argv[1:3]
TAG, SPACE = re.compile(r"<[^>]*>"), re.compile(r"\s+")
seen = set()


def clean(row):
    return {"review": SPACE.sub(" ", TAG.sub("", unicodedata.normalize("NFC", row["review"]))).strip()}


def new(row):
    if row["review"] in seen:
        return False
    seen.add(row["review"])
    return True


rows = load_dataset("json", data_files=sorted(glob.glob(source)), split="train", cache_dir=f"{out}.cache")
rows = rows.map(clean).filter(lambda row: 2 <= len(row["review"]) <= 1000).filter(new)
rows.to_parquet(out)
