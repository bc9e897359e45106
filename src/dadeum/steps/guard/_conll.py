"""Tagged sentences, a token and its tags a line (CoNLL, BIO): read as the sentences that people wrote.

A benchmark of named entities or parts of speech spells its sentences down the page, so a reader of rows finds one character or
word in each of them and nothing to hold a text against. A file counts as tagged where nearly all of its lines are a token, white
space and a tag; sentences end at an empty line. Lines that begin with `##` or `# ` are comments. Tokens of one character are
joined as they are (a space is a token there), words by a space.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from dadeum.io import stream
from dadeum.io.encoding import WIDE, detect
from dadeum.io.stream import suffix

ENDINGS: Final = (".tsv", ".tab", ".txt", ".text", ".conll", ".bio", ".iob", ".iob2", "")
LOOKED_AT: Final = 400
"""Lines that tell whether a file is tagged."""
SHARE: Final = 0.95

_TAG: Final = re.compile(r"[BIESLMU][-_]\S{1,40}|O")
_COMMENT: Final = ("##", "# ", "-DOCSTART-")


def is_tagged(path: Path) -> bool:
    """Whether the file spells tagged sentences, by its ending and its first lines."""
    if suffix(path) not in ENDINGS:
        return False
    told = []
    for _, line in _lines(path):
        if line.strip() and not line.startswith(_COMMENT):
            told.append(_ends_in_tag(line))
        if len(told) == LOOKED_AT:
            break
    return len(told) > 1 and sum(told) >= SHARE * len(told)


def _ends_in_tag(line: str) -> bool:
    """Whether the last of a line's columns, between tabs or single spaces, is a tag. (One expression for it took quadratic time.)"""
    _, tab, last = line.rpartition("\t")
    if tab:
        return _TAG.fullmatch(last) is not None
    words = line.split(" ")
    return len(words) > 1 and words == line.split() and _TAG.fullmatch(words[-1]) is not None


def sentences(path: Path) -> Iterator[tuple[str, str]]:
    """(place, sentence) of every sentence; its place is that of its first token."""
    tokens: list[str] = []
    first = 0
    for number, line in _lines(path):
        if line.strip("\r\n") and not line.startswith(_COMMENT):
            if not tokens:
                first = number
            tokens.append(line.partition("\t" if "\t" in line else " ")[0])
        elif not line.strip("\r\n") and tokens:
            yield f"{path}:{first}", _joined(tokens)
            tokens = []
    if tokens:
        yield f"{path}:{first}", _joined(tokens)


def _joined(tokens: list[str]) -> str:
    return ("" if all(len(token) < 2 for token in tokens) else " ").join(tokens)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    encoding = detect(path)
    wide = encoding.startswith(WIDE)
    number = 0
    for batch in stream.lines(path, encoding if wide else ""):
        for line in batch:
            number += 1
            yield number, line.decode("utf-8" if wide else encoding, "replace").rstrip("\r")
