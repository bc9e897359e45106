"""datatrove's PIIFormatter and FTFYFormatter on one JSON string a line: which lines hold personal data, and how many were changed in all."""

import json
import sys
from pathlib import Path

from datatrove.pipeline.formatters import FTFYFormatter, PIIFormatter

source, out = sys.argv[1:3]
texts = [json.loads(line) for line in Path(source).read_text(encoding="utf-8").splitlines()]
pii, ftfy = PIIFormatter(only_remove_public_ips=False), FTFYFormatter()
clean = [pii.format(text) for text in texts]
personal = [i for i, (a, b) in enumerate(zip(texts, clean)) if a != b]
clean = [ftfy.format(text) for text in clean]
Path(out).write_text(json.dumps({"personal": personal, "changed": sum(a != b for a, b in zip(texts, clean))}))
