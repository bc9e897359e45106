"""The same job in datatrove, out of its own parts: a formatter, a filter, its exact deduplication in three stages, Parquet. No ledger.

Between the stages rows lie as its own JSON lines, as in its examples. All runs in one process, for others would start anew each time."""

import re
import sys
import unicodedata
from pathlib import Path

import pyarrow
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import ExactDedupConfig, ExactDedupFilter, ExactDedupSignature, ExactFindDedups
from datatrove.pipeline.filters import LambdaFilter
from datatrove.pipeline.formatters.base import BaseFormatter
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter, ParquetWriter

folder, out = sys.argv[1:3]
TAG, SPACE = re.compile(r"<[^>]*>"), re.compile(r"\s+")


def text_of(doc):
    return doc.text


NAMES = ("text", "id", "date", "rating", "author", "movie_id", "file_path")
# Told, because its Parquet writer stops at rows with another order of keys, which one of the files has.
SCHEMA = pyarrow.schema([*((name, pyarrow.string()) for name in NAMES), ("duplicate_count", pyarrow.int64())])
CONFIG = ExactDedupConfig(content_getter=text_of)


class Clean(BaseFormatter):
    name = "clean"

    def format(self, text):
        return SPACE.sub(" ", TAG.sub("", unicodedata.normalize("NFC", text))).strip()


def fits(doc):
    return 2 <= len(doc.text) <= 1000


def go(*steps, tasks=4):
    logs = f"{out}/logs{len(list(Path(out).glob('logs*')))}"
    LocalPipelineExecutor(pipeline=list(steps), tasks=tasks, workers=1, logging_dir=logs).run()


def main():
    Path(out).mkdir(parents=True, exist_ok=True)
    go(JsonlReader(folder, text_key="review", id_key="review_id", glob_pattern="*.jsonl.gz"), Clean(), LambdaFilter(fits), JsonlWriter(f"{out}/clean"))
    go(JsonlReader(f"{out}/clean"), ExactDedupSignature(f"{out}/signatures", CONFIG))
    go(ExactFindDedups(f"{out}/signatures", f"{out}/duplicates", CONFIG), tasks=1)
    go(JsonlReader(f"{out}/clean"), ExactDedupFilter(f"{out}/duplicates", CONFIG), ParquetWriter(f"{out}/kept", compression="zstd", expand_metadata=True, schema=SCHEMA))


if __name__ == "__main__":
    main()
