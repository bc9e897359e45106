"""Web pages with what they are about, from ../shared/data, and the measure of an extraction: for a test and for the bench."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

DATA: Final = Path(__file__).parent.parent.parent / "shared/data"
REAL: Final = 30_000
"""Characters of HTML from which a page of Mozilla's test set is a real one; the others are cases of a line or two."""
MARKDOWN: Final = (r"(?s)<!--.*?-->", r"(?<=\])\([^)]*\)", r"(?m)^\[[^\]]+\]:.*$", r"<[^>\n]{1,200}>", r"(?m)^```.*$")
"""What Markdown holds and a page does not show."""


def pages() -> Iterator[tuple[str, str, str]]:
    """(language, HTML, the text that it is about): six English pages, and every chapter of a Korean book that its Markdown is known of."""
    from selectolax.lexbor import LexborHTMLParser

    for page in _lines("html_en_readability/pages.jsonl.gz"):
        if len(page["source.html"]) > REAL:
            body = LexborHTMLParser(page["expected.html"]).body
            yield "en", page["source.html"], body.text(separator=" ") if body else ""
    sources = {Path(row["path"]).stem: row["markdown"] for row in _lines("html_ko_rustbook/markdown_second-edition.jsonl.gz")}
    for page in _lines("html_ko_rustbook/pages.jsonl.gz"):
        if want := sources.get(Path(page["path"]).stem):
            for mark in MARKDOWN:
                want = re.sub(mark, "", want)
            yield "ko", page["html"], want


def _lines(name: str) -> Iterator[dict[str, str]]:
    return map(json.loads, gzip.decompress((DATA / name).read_bytes()).splitlines())


def measure(got: str, want: str) -> tuple[float, float, float]:
    """Precision, recall and F1 of four words in a row, as article extraction is usually measured."""
    a, b = _shingles(got), _shingles(want)
    shared = sum((a & b).values())
    precision, recall = shared / max(1, sum(a.values())), shared / max(1, sum(b.values()))
    return precision, recall, 2 * precision * recall / max(1e-9, precision + recall)


def _shingles(text: str) -> Counter[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return Counter(tuple(words[i : i + 4]) for i in range(len(words) - 3))


def mean(found: list[tuple[float, float, float]]) -> list[float]:
    """The mean of each of the three, to a thousandth."""
    return [round(sum(each[i] for each in found) / len(found), 3) for i in range(3)]
