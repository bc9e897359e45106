"""docs/truth.md: every detector has its row, and what the table says is what the steps do now."""

from __future__ import annotations

import importlib.util
import pkgutil
from pathlib import Path
from types import ModuleType

import pytest

import dirt
import unseen
from dadeum import steps

ROOT = Path(__file__).parents[1]
NO_DETECTOR = {
    "annotate.label": "renames values by the user's map",
    "annotate.perplexity": "a score against the user's sample: it finds nothing by itself",
    "annotate.tokens": "counts",
    "annotate.agreement": "statistics, held against formulas and gold in their own tests",
    "annotate.topic": "clusters and names them: no row has one right topic",
    "clean.cut": "cuts what dedup.substring has found",
    "filter.label": "compares a column with the user's values",
    "filter.threshold": "compares a column with the user's bound",
    "form.chat": "lays out what is there",
    "guard.licence": "an algebra over the sources' licences, held against its table in its own tests",
    "mix.cap": "counts rows of a group",
}
"""Steps that decide by what the user says, not by what they detect."""


@pytest.fixture(scope="module")
def lines() -> list[dirt.Line]:
    return dirt.lines()


@pytest.fixture(scope="module")
def truth() -> ModuleType:
    spec = importlib.util.spec_from_file_location("truth", ROOT / "benchmarks/truth.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def known() -> set[str]:
    names = (m.name.removeprefix(f"{steps.__name__}.") for m in pkgutil.walk_packages(steps.__path__, f"{steps.__name__}.") if not m.ispkg)
    return {name for name in names if "._" not in f".{name}"}


def test_no_detector_without_its_row(lines: list[dirt.Line]) -> None:
    measured = {name for line in lines for name in line.step.split(", ")}
    assert not known() - measured - set(NO_DETECTOR), "plant something for it in tests/dirt_*.py (see tests/dirt.py), then `make truth`"
    assert not set(NO_DETECTOR) & measured and set(NO_DETECTOR) <= known()


def test_korean_and_english_are_equals(lines: list[dirt.Line]) -> None:
    both = {name: {line.language for line in lines if name in line.step.split(", ")} for name in known() - set(NO_DETECTOR)}
    one = {"clean.spacing", "annotate.register"}  # Korean alone has free spacing and speech levels
    assert not {name: found for name, found in both.items() if not {"ko", "en"} <= found and name not in one and found != {"all"}}


def test_the_document_says_what_the_steps_do(lines: list[dirt.Line], truth: ModuleType) -> None:
    told = (ROOT / "docs/truth.md").read_text(encoding="utf-8")
    assert told.startswith(truth.table(lines) + truth.UNSEEN), "run `make truth`"


@pytest.mark.night
@pytest.mark.skipif(not unseen.there(), reason="../shared/data is not here")
def test_the_document_says_what_they_find_of_unseen_dirt_and_gold(lines: list[dirt.Line], truth: ModuleType) -> None:
    told = (ROOT / "docs/truth.md").read_text(encoding="utf-8")
    assert told.endswith(truth.unseen_table(lines) + truth.gold_table()), "run `make truth`"


def test_the_measure_sees_misses_and_false_alarms() -> None:
    """Four rows, two of them dirty: a step that finds one of these and one clean row has recall and precision of a half."""
    rows = [{"text": t} for t in ("", "good text", "   ", "x")]
    [line] = dirt.measure(dirt.Planted("filter.length", "en", "short", rows, {0: "empty", 1: "planted wrongly"}, {"min": 1}))
    assert (line.n, line.found, line.claimed, line.correct) == (2, 1, 2, 1)
    [line] = dirt.measure(dirt.Planted("clean.whitespace", "en", "spaces", [{"text": "a  b"}, {"text": "c  d"}], {0: "a b"}))
    assert (line.n, line.found, line.claimed, line.correct) == (1, 1, 2, 1)
    assert line.recall[0] == 1.0 and line.precision[0] == 0.5 and line.precision[1] is not None
    [line] = dirt.measure(dirt.Planted("dedup.exact", "en", "copies", [{"text": "a b c"}, {"text": "A B, C"}, {"text": "other"}], {2: "never"}))
    assert (line.n, line.found, line.claimed, line.correct) == (1, 0, 1, 0)


def test_clean_texts_of_the_two_halves_share_nothing() -> None:
    import dirt_steps

    for language in dirt_steps.LANGUAGES:
        first, second = (set(dirt_steps.halves(language, half)) for half in (0, 1))
        sentences = [{s for s in dirt_steps.LANGUAGES[language] if any(s in text for text in part)} for part in (first, second)]
        assert len(first) == len(second) == 20 and not sentences[0] & sentences[1]
