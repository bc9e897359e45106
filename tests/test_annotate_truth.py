"""Planted truth through the steps that annotate: how much is told right, how often sound text is accused, in Korean and English.

`table()` gives the rows that `docs/truth.md` shows.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import polars as pl

import dirt_annotate as dirt
from dadeum.evaluate.quantiles import wilson
from dadeum.record import records
from dadeum.steps.annotate import _linear
from dadeum.steps.annotate.language import Language, identify
from dadeum.steps.annotate.quality import Quality
from dadeum.steps.annotate.register import levels
from dadeum.steps.filter import quality as filters


class Measured(NamedTuple):
    """One line: of `n` texts the step got `right`; `wrong` were told something false, the rest was left open."""

    step: str
    language: str
    kind: str
    n: int
    right: int
    wrong: int

    @property
    def interval(self) -> tuple[float | None, float | None]:
        """Wilson's 95 % interval of the share that is right."""
        return wilson(self.right, self.n)


def counted(step: str, lines: Iterable[tuple[str, str, str | None, str | None]]) -> Iterator[Measured]:
    """lines: (language, kind, truth, what was told; None: left open)."""
    n, right, wrong = Counter[tuple[str, str]](), Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for language, kind, truth, told in lines:
        n[language, kind] += 1
        right[language, kind] += told == truth
        wrong[language, kind] += told != truth and told is not None
    for (language, kind), all_ in n.items():
        yield Measured(step, language, kind, all_, right[language, kind], wrong[language, kind])


def _judged(texts: list[str]) -> list[str | None]:
    return filters.Quality().why(Quality().edit(records([{"text": t} for t in texts])))["reason"].to_list()


def table() -> list[Measured]:
    """Every step, language and kind."""
    rows = list(dirt.languages())
    told = [None if (f == "und" and t.truth != "und") else f for t, f in zip(rows, identify(pl.Series([t.text for t in rows]))["language"].to_list())]
    made = [*counted("annotate.language", ((t.truth if t.kind in ("sentence", "short") else "", t.kind, t.truth, f) for t, f in zip(rows, told)))]
    for language in ("ko", "en"):
        asked = list(dirt.answers(language))
        chats = [{"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": a}]} for _, q, a, _ in asked]
        found = Language().edit(records(chats))["language_answer"].to_list()
        made += counted("annotate.language, answers", ((language, kind, truth, f) for (kind, _, _, truth), f in zip(asked, found)))
        broken, sound = list(dirt.broken(language, random.Random(3))), list(dirt.sound(language, random.Random(5)))
        reasons = [None if r is None else "broken" for r in _judged([t.text for t in broken])]
        made += counted("filter.quality, finetune", ((language, f"{t.kind}, {t.truth}", "broken", r) for t, r in zip(broken, reasons)))
        made += counted("filter.quality, finetune", ((language, "sound, stays", None, r) for r in _judged(sound)))
    for rows_, column in ((list(dirt.registers()), "register"), (list(dirt.mixtures()), "register_mixed")):
        found = levels(pl.Series([t.text for t in rows_]))[column].to_list()
        found = [{True: "yes", False: "no"}.get(f, f) for f in found]
        made += counted("annotate.register", (("ko", t.kind, t.truth, f) for t, f in zip(rows_, found)))
    return made


def ranked() -> list[tuple[str, float, float, float, float]]:
    """The classifier: language, share of wrong labels, held-out AUC with its interval."""
    out = []
    for language in ("ko", "en"):
        for noise in (0.0, 0.1, 0.2, 0.4):
            rows = list(dirt.rated(language, 300, noise, random.Random(9)))
            held = _linear.fit(pl.Series([t.text for t in rows]), pl.Series([t.truth == "good" for t in rows])).held_out
            out.append((language, noise, held["auc"], held["low"], held["high"]))
    return out


FLOORS: dict[tuple[str, str, str], float] = {
    ("annotate.language", "es", "short"): 0.6, ("annotate.language", "pt", "short"): 0.7, ("annotate.language", "it", "short"): 0.8, ("annotate.language", "it", "sentence"): 0.8,
    ("annotate.language", "pt", "sentence"): 0.8, ("annotate.language", "de", "short"): 0.8, ("annotate.language", "en", "short"): 0.8, ("annotate.language", "nl", "short"): 0.8,
}  # fmt: skip
"""Where four words, or a sentence of them, don't always tell; all else has to be right."""


def test_planted_truth_is_told() -> None:
    made = table()
    assert len(made) > 50
    assert {m[:3]: f"{m.right} of {m.n}" for m in made if m.right < FLOORS.get(m[:3], 0.97) * m.n} == {}
    assert set(FLOORS) <= {m[:3] for m in made}


def test_no_text_is_taken_for_another_language() -> None:
    assert not [m for m in table() if m.step == "annotate.language" and m.wrong]


def test_the_harder_the_labels_the_lower_the_rank() -> None:
    for language in ("ko", "en"):
        scores = [auc for name, _, auc, _, _ in ranked() if name == language]
        assert scores == sorted(scores, reverse=True) and scores[0] > 0.98 and 0.45 < scores[-1] < 0.75
