"""The same job in datatrove: NFC, tags, space, length, exact duplicates by the text, JSON lines (its Parquet needs more). No ledger."""

import re
import sys
import unicodedata
from pathlib import Path

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.dedup import ExactDedupConfig, ExactDedupFilter, ExactDedupSignature, ExactFindDedups
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter

folder, out = sys.argv[1:3]
TAG, SPACE = re.compile(r"<[^>]*>"), re.compile(r"\s+")


def text_of(doc):
    return doc.text


CONFIG = ExactDedupConfig(content_getter=text_of)


class Clean(PipelineStep):
    type, name = "clean", "clean"

    def run(self, data, rank=0, world_size=1):
        for doc in data:
            doc.text = SPACE.sub(" ", TAG.sub("", unicodedata.normalize("NFC", doc.text))).strip()
            if 2 <= len(doc.text) <= 1000:
                yield doc


def go(*steps, tasks=4):
    logs = f"{out}/logs{len(list(Path(out).glob('logs*')))}"
    LocalPipelineExecutor(pipeline=list(steps), tasks=tasks, workers=1, logging_dir=logs).run()


def main():
    Path(out).mkdir(parents=True, exist_ok=True)
    go(JsonlReader(folder, text_key="review", id_key="review_id", glob_pattern="*.jsonl.gz"), Clean(), JsonlWriter(f"{out}/clean"))
    go(JsonlReader(f"{out}/clean"), ExactDedupSignature(f"{out}/signatures", CONFIG))
    go(ExactFindDedups(f"{out}/signatures", f"{out}/duplicates", CONFIG), tasks=1)
    go(JsonlReader(f"{out}/clean"), ExactDedupFilter(f"{out}/duplicates", CONFIG), JsonlWriter(f"{out}/kept"))


if __name__ == "__main__":
    main()
