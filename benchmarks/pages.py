"""Main content of web pages beside other tools: `python benchmarks/pages.py`.

4-gram precision, recall and F1 on the pages of tests/pages_gold.py (formulas left out of English pages: the expected texts have none), and CPU-seconds of the
whole process less those of one page. Each peer runs in its own environment below benchmarks/peers/.venvs, made at the first run.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from pathlib import Path

from near import environment, timed

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

import pages_gold  # noqa: E402

PEERS = {
    "all of the page": [],
    "dadeum": [],
    "trafilatura": ["trafilatura==2.3.1", "lxml_html_clean"],
    "resiliparse": ["resiliparse==2.0.1"],
    "readability": ["readability-lxml==0.9", "lxml_html_clean"],
    "justext": ["justext==3.0.2", "lxml_html_clean"],
}


def main() -> None:
    """Print the table."""
    gold = list(pages_gold.pages())
    print("| tool | CPU-s | en: precision | recall | F1 | ko: precision | recall | F1 |\n|---|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        source, told = Path(folder) / "pages.jsonl", Path(folder) / "texts.json"
        for name, packages in PEERS.items():
            python = environment(name, packages) if packages else Path(sys.executable)
            if python is None:
                print(f"| {name} | could not be installed: skipped | | | | | | |")
                continue
            used = []
            for few in (gold[:1], gold):
                source.write_text("".join(f"{json.dumps(html)}\n" for _, html, _ in few), encoding="utf-8")
                used.append(timed([str(python), str(HERE / "peers/pages.py"), name, str(source), str(told)])[0])
            texts = json.loads(told.read_text(encoding="utf-8"))
            found: dict[str, list[tuple[float, float, float]]] = {"en": [], "ko": []}
            for (language, _, want), got in zip(gold, texts, strict=True):
                found[language].append(pages_gold.measure(re.sub(r"\$\$?[^$]+\$\$?", "", got) if language == "en" else got, want))
            cells = " | ".join(f"{share:.3f}" for each in found.values() for share in pages_gold.mean(each))
            print(f"| {name} | {used[1] - used[0]:.2f} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
