"""Data-Juicer's mappers for personal data, HTML and broken Unicode on one JSON string a line: which lines hold personal data, and how many were changed in all."""

import json
import sys
from pathlib import Path

from data_juicer.core.data import NestedDataset
from data_juicer.ops.mapper import CleanEmailMapper, CleanHtmlMapper, CleanIpMapper, FixUnicodeMapper, PiiRedactionMapper

source, out = sys.argv[1:3]
texts = [json.loads(line) for line in Path(source).read_text(encoding="utf-8").splitlines()]
rows = NestedDataset.from_list([{"text": text} for text in texts])


def mapped(rows, *steps):
    for step in steps:
        rows = rows.map(step.process, batched=step.is_batched_op(), batch_size=1000)
    return rows


rows = mapped(rows, CleanEmailMapper(), CleanIpMapper(), PiiRedactionMapper(mask_paths=False))
personal = [i for i, (a, b) in enumerate(zip(texts, rows["text"])) if a != b]
rows = mapped(rows, CleanHtmlMapper(), FixUnicodeMapper())
Path(out).write_text(json.dumps({"personal": personal, "changed": sum(a != b for a, b in zip(texts, rows["text"]))}))
