"""Planted dirt through every step that cleans: how much is put right, how much clean text is touched, by kind, in Korean and English.

`table()` gives the rows that `docs/truth.md` shows.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import polars as pl
import pytest

import dirt_clean as dirt
from dadeum.evaluate.quantiles import wilson
from dadeum.recipe import read_step
from dadeum.record import records
from dadeum.step import Edit

TEXTS = {"ko": dirt.KO, "en": dirt.EN}


class Measured(NamedTuple):
    """One line: of `n` strings the step got `right` exactly."""

    step: str
    language: str
    kind: str
    n: int
    right: int

    @property
    def interval(self) -> tuple[float | None, float | None]:
        """Wilson's 95% interval of the share."""
        return wilson(self.right, self.n)


def edited(step: str, texts: Iterable[str], **params: object) -> pl.DataFrame:
    made = read_step(step, params, step)
    assert isinstance(made, Edit)
    return made.edit(records([{"text": text} for text in texts]))


def counted(step: str, language: str, planted: Iterable[dirt.Planted], right: Callable[[dirt.Planted, dict[str, object]], bool], **params: object) -> Iterator[Measured]:
    rows = list(planted)
    out = edited(step, [p.dirty for p in rows], **params)
    told = [out.row(i, named=True) for i in range(out.height)]
    n, good = Counter(p.kind for p in rows), Counter(p.kind for p, row in zip(rows, told) if right(p, row))
    for kind in n:
        yield Measured(step, language, kind, n[kind], good[kind])


def exact(p: dirt.Planted, row: dict[str, object]) -> bool:
    return row["text"] == p.clean


def named(p: dirt.Planted, row: dict[str, object]) -> bool:
    """Named as lossy and left as it came."""
    return str(row["mojibake"]).startswith("lossy") and row["text"] == p.dirty


def table() -> list[Measured]:
    """Every step, language and kind."""
    made: list[Measured] = []
    for language, texts in TEXTS.items():
        rng = random.Random(11)
        clean = [dirt.Planted("clean, untouched", text, text) for text in texts]
        made += counted("clean.mojibake", language, dirt.lossless(texts, language), exact)
        made += counted("clean.mojibake", language, ((p._replace(kind=f"lossy: {p.kind}")) for p in dirt.lossy(texts, language)), named)
        made += counted("clean.markdown", language, dirt.marked(texts), exact)
        made += counted("clean.boilerplate", language, dirt.framed(texts, language, rng), exact)
        made += counted("clean.noise", language, dirt.laughing(texts * 5, language, rng), exact)
        made += counted("clean.terms", language, dirt.varied(language), exact, map=dirt.TERMS)
        for kind, strings, wanted in (("nothing said", dirt.NOTHING, 1), ("something said", dirt.SOMETHING, 0)):
            planted = (dirt.Planted(kind, s, s) for s in strings[language])
            made += counted("clean.missing", language, planted, lambda _, row, wanted=wanted: row["missing"] == wanted)  # type: ignore[misc]
        for step in ("mojibake", "markdown", "boilerplate", "noise", "spacing"):
            made += counted(f"clean.{step}", language, clean, exact)
    return made


@pytest.fixture(scope="module")
def measured() -> list[Measured]:
    return table()


def test_planted_dirt_is_put_right(measured: list[Measured]) -> None:
    """All of it: what is planted here is what each step promises. Shares on real text, which is harder, are in the documentation."""
    assert len(measured) > 80
    assert {m.language for m in measured} == {"ko", "en"}
    assert not {m[:3]: f"{m.right} of {m.n}" for m in measured if m.right < m.n}


def test_a_text_that_no_rule_fits_is_left_by_all_steps() -> None:
    hard = (
        "2 * 3 * 4 = 24, snake_case *^^* 좋아요~~ 최고~~ 시*발 홍** 김** (°ロ°) ½ café…”", "저작권은 창작자에게 있다.\n쿠키를 구웠다.\n기자가 물었다.",
        "We share cookies.\nBy Monday we subscribe.\nAll rights were reserved for him.", "日本語の文章です。中文也在这里。Ελληνικά, Русский текст — і українська.", "★★★★☆ ... 1000000 ㅇㅋ 깔깔",
    )  # fmt: skip
    for step, text in itertools.product(("mojibake", "markdown", "boilerplate", "noise", "spacing"), hard):
        assert edited(f"clean.{step}", [text])["text"][0] == text, step


def test_unspaced_korean_gets_its_spaces_back() -> None:
    """Where a run proves the need; precision and recall of single spaces, against the writer's."""
    rows = [p for p in dirt.unspaced([t.rstrip(".!?") for t in dirt.KO]) if max(map(len, p.dirty.replace(",", " ").split())) > 20]
    rows += [dirt.Planted("joined", a.dirty.rstrip(".?!") + b.dirty, a.clean.rstrip(".?!") + " " + b.clean) for a, b in itertools.pairwise(list(dirt.unspaced(dirt.KO))[6:9])]
    out = edited("clean.spacing", [p.dirty for p in rows])["text"].to_list()
    right = made = wanted = 0
    for p, text in zip(rows, out):
        want, got = _gaps(p.clean), _gaps(text)
        right, made, wanted = right + len(want & got), made + len(got), wanted + len(want)
        assert text.replace(" ", "") == p.dirty.replace(" ", "")
    assert len(rows) >= 3
    assert right >= 0.8 * made and right >= 0.8 * wanted


def test_spaced_out_korean_is_joined() -> None:
    long = [p for p in dirt.overspaced([t for t in dirt.KO if not any(c in t for c in ",?!3")])]
    out = edited("clean.spacing", [p.dirty for p in long])["text"].to_list()
    exactly = sum(text.replace(" .", ".") == p.clean for text, p in zip(out, long))
    assert exactly >= 0.6 * len(long) >= 3


def _gaps(text: str) -> set[int]:
    gaps, at = set(), 0
    for c in text:
        if c == " ":
            gaps.add(at)
        else:
            at += 1
    return gaps
