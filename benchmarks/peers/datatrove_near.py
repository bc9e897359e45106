"""datatrove's four MinHash stages on one text a line; the numbers of the lines that leave, as JSON."""

import json
import sys
from pathlib import Path

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter

source, out = sys.argv[1:3]
work = Path(out).with_suffix(".work")
(work / "in").mkdir(parents=True)
with open(work / "in/texts.jsonl", "w", encoding="utf-8") as file:
    for i, text in enumerate(open(source, encoding="utf-8").read().split("\n")):
        file.write(json.dumps({"id": str(i), "text": " ".join(text)}) + "\n")
CONFIG = MinhashConfig(n_grams=3, num_buckets=25, hashes_per_bucket=5)


class Letters:
    """Words are single letters here, which needs no tokeniser: its cost is not counted against it."""

    def word_tokenize(self, text):
        return text.split()



def go(*steps, tasks=1, name=""):
    LocalPipelineExecutor(pipeline=list(steps), tasks=tasks, workers=1, logging_dir=str(work / f"logs-{name}")).run()


def main():
    import datatrove.pipeline.dedup.minhash as module

    module.load_word_tokenizer = lambda language: Letters()
    reader = JsonlReader(str(work / "in"))
    go(reader, MinhashDedupSignature(str(work / "sig"), CONFIG), name="sig")
    go(MinhashDedupBuckets(str(work / "sig"), str(work / "buckets"), config=CONFIG), tasks=25, name="buckets")
    go(MinhashDedupCluster(str(work / "buckets"), str(work / "remove"), config=CONFIG), name="cluster")
    dropped = JsonlWriter(str(work / "removed"), compression=None)
    go(JsonlReader(str(work / "in")), MinhashDedupFilter(str(work / "remove"), exclusion_writer=dropped), name="filter")
    gone = [int(json.loads(line)["id"]) for path in (work / "removed").rglob("*.jsonl") for line in open(path, encoding="utf-8")]
    json.dump(gone, open(out, "w"))


if __name__ == "__main__":
    main()
