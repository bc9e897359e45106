"""The same answer without any cheap look beforehand.

The promises of an Edit (test_promises.py) take away a step's guard. Below a guard stand more of them: guard.pii skips a pattern where a text lacks
its words or digits, clean.mojibake a code page where no character of it stands. Here all of these are switched off, on real rows, on planted dirt and on
random fragments, and nothing else may be found.
"""

from __future__ import annotations

import dataclasses
import gzip
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given

import dirt_clean
import dirt_pii
import promises
from dadeum.record import records
from dadeum.steps.clean import _mojibake, _pages
from dadeum.steps.clean.markup import Markup
from dadeum.steps.clean.mojibake import Mojibake
from dadeum.steps.guard._pii import find as pii
from dadeum.steps.guard.pii import Pii

DATA = Path(__file__).parent.parent.parent / "shared/data"
ANYTHING = re.compile("")
NOTHING = re.compile(r"(?!)")


def reviews(n: int) -> list[str]:
    """`n` of all reviews, drawn; none where they are not at hand."""
    files = sorted((DATA / "nsmc_raw").glob("*.jsonl.gz"))
    texts = [json.loads(line)["review"] for path in files[:1] for line in gzip.decompress(path.read_bytes()).splitlines()]
    return random.Random(31).sample(texts, n) if texts else []


def planted() -> list[str]:
    """Personal data of every kind, and words that look like it."""
    return [p.text for p in dirt_pii.suite(4, seed=37)] + [text for _, _, text in dirt_pii.clean(4, seed=37)]


def misread() -> list[str]:
    """Every way in which a text is broken, lossless and lossy, and texts that only look so."""
    told = (("ko", dirt_clean.KO), ("en", dirt_clean.EN))
    broken = [p.dirty for make in (dirt_clean.lossless, dirt_clean.lossy) for language, texts in told for p in make(texts, language)]
    return [*broken, *("안녕 " + text for text in broken[:80]), "1½ café", "naïve “quotes”", "똠양꿍 쭵쭵"]


@pytest.fixture
def without() -> Iterator[None]:
    """Every look beforehand says: may be."""
    bare = tuple(dataclasses.replace(p, needs=frozenset(), digits=0) for p in pii.PATTERNS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pii, "PATTERNS", bare)
        patch.setattr(_mojibake, "_SUSPECT", ANYTHING)
        patch.setattr(_mojibake, "_UPPER", ANYTHING)
        patch.setattr(_pages, "_HANGUL", NOTHING)
        yield


def found(texts: list[str]) -> tuple[list[object], list[object]]:
    return [pii.find(text, pii.KINDS, 0.3) for text in texts], [_mojibake.look(text) for text in texts]


def test_no_pattern_and_no_code_page_is_skipped_in_vain(request: pytest.FixtureRequest) -> None:
    texts = [*reviews(4_000), *planted(), *misread()]
    before = found(texts)
    request.getfixturevalue("without")
    assert found(texts) == before
    assert sum(bool(spans) for spans in before[0]) > 300 and sum(one is not None for one in before[1]) > 100


@given(text=promises.texts)
def test_nor_on_random_fragments(text: str) -> None:
    before = found([text])
    bare = tuple(dataclasses.replace(p, needs=frozenset(), digits=0) for p in pii.PATTERNS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pii, "PATTERNS", bare)
        patch.setattr(_mojibake, "_SUSPECT", ANYTHING)
        patch.setattr(_mojibake, "_UPPER", ANYTHING)
        patch.setattr(_pages, "_HANGUL", NOTHING)
        assert found([text]) == before


@pytest.mark.parametrize("step", [Pii(), Markup(), Mojibake()], ids=["guard.pii", "clean.markup", "clean.mojibake"])
def test_whole_steps_answer_the_same_without_guard_and_looks(step: Pii | Markup | Mojibake, request: pytest.FixtureRequest) -> None:
    draw = random.Random(43)
    tags = [f"{a}{text}{b}" for text in reviews(200) or ["좋아요 good"] for a, b in [draw.choice((("<b>", "</b>"), ("&lt;", "&gt;"), ("<", ">"), ("a & b &amp; ", "")))]]
    rows = records([{"text": text} for text in [*reviews(3_000), *planted()[::2], *misread()[::2], *tags]])
    out = step.edit(rows)
    request.getfixturevalue("without")
    assert promises.unguarded(step).edit(rows).equals(out)
    assert (out["text"] != rows["text"]).sum() > 50
