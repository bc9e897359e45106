"""guard.licence: the algebra against a table by hand, refusals that name their rows, clashes, expressions."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dadeum import recipe as recipes
from dadeum import run
from dadeum.errors import DadeumError
from dadeum.record import records
from dadeum.steps.guard._terms import FORBIDS, breaks, clashes, family, terms
from dadeum.steps.guard.licence import SAID, TERMS, Licence

TABLE = {
    "CC0-1.0": "", "MIT": "notice", "Apache-2.0": "notice", "BSD-3-Clause": "notice", "CC-BY-4.0": "by", "CC-BY-SA-3.0": "by sa", "CC-BY-NC-4.0": "by nc", "CC-BY-ND-4.0": "by nd",
    "CC-BY-NC-ND-4.0": "by nc nd", "CC BY-NC-SA 4.0": "by nc sa", "ODbL-1.0": "by sa", "ODC-By-1.0": "by", "GPL-3.0-only": "notice sa", "AGPL-3.0-or-later": "notice sa", "KOGL-1": "by", "KOGL Type 2": "by nc",
    "공공누리 제3유형": "by nd", "OpenAI": "competing", "anthropic-terms": "competing", "Gemini": "competing", "llama2": "notice named competing", "Llama-3.1-Community": "notice named", "gemma": "notice named",
    "AIHub": "by closed", "proprietary": "closed", "": "unknown", "NOASSERTION": "unknown", "our own thing": "read",
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
def test_terms_by_the_table(name: str) -> None:
    assert terms(name) == set(TABLE[name].split())
    assert terms(name) <= set(TERMS) and set(TERMS) | {"forbidden"} == set(SAID)


NAMES = st.sampled_from([name for name in TABLE if name and " " not in name])


@given(NAMES, NAMES, NAMES, st.sampled_from(sorted(FORBIDS)))
def test_and_adds_up_and_or_chooses(a: str, b: str, c: str, use: str) -> None:
    assert terms(f"{a} AND {b}", use) == terms(a) | terms(b) == terms(f"{b} AND {a}", use)  # type: ignore[arg-type]
    either = terms(f"{a} OR {b}", use)  # type: ignore[arg-type]
    assert either in (terms(a), terms(b)) and either == terms(f"{b} OR {a}", use)  # type: ignore[arg-type]
    assert len(breaks(either, use)) == min(len(breaks(terms(x), use)) for x in (a, b))  # type: ignore[arg-type]
    assert terms(f"({a} OR {b}) AND {c}", use) == either | terms(c)  # type: ignore[arg-type]


def test_broken_expressions_are_read_by_a_person() -> None:
    for name in ("(MIT", "MIT OR", "AND", "MIT)", "(" * 3000 + "MIT", "MIT AND AND MIT"):
        assert terms(name) in ({"read"}, {"notice"}, {"read", "notice"})
    assert terms("GPL-2.0-only WITH Classpath-exception-2.0") == {"notice", "sa"}


@given(st.sets(NAMES, max_size=5), st.sampled_from(sorted(FORBIDS)))
def test_clashes_against_a_slow_twin(names: set[str], use: str) -> None:
    slow = set()
    for a, b in itertools.permutations(sorted(names), 2):
        ta, tb = terms(a), terms(b)
        if use != "internal" and "sa" in ta and (("sa" in tb and family(a) != family(b) and a < b) or ("sa" not in tb and any(t in tb and t not in ta for t in ("nc", "nd", "closed")))):
            slow.add((a, b))
    assert set(clashes(names, use)) == slow  # type: ignore[arg-type]


ROWS = records([{"id": f"r{i}", "source": source, "text": "x"} for i, source in enumerate("aabbbbbc")])


def test_a_refusal_names_the_licence_the_term_and_the_rows() -> None:
    step = Licence(sources={"a": "MIT", "b": "CC-BY-NC-4.0"})
    with pytest.raises(DadeumError) as raised:
        step.decide(step.relate(step.sketch(ROWS)))
    said = str(raised.value)
    assert "CC-BY-NC-4.0: no commercial use: 5 rows (r2, r3, r4, ...)" in said and "unknown: nobody said what it allows: 1 row (r7)" in said and "MIT" not in said


def test_two_licences_that_cannot_go_out_together_are_refused_and_inside_the_house_are_not() -> None:
    sources = {"a": "CC-BY-SA-4.0", "b": "CC-BY-NC-SA-4.0", "c": "MIT"}
    step = Licence(use="research", sources=sources, rule="drop")
    with pytest.raises(DadeumError, match=r"CC-BY-NC-SA-4.0 \(5 rows\) and CC-BY-SA-4.0 \(2 rows\) can't go out together"):
        step.decide(step.sketch(ROWS))
    inside = Licence(use="internal", sources=sources, allow=("nc",))
    assert inside.decide(inside.sketch(ROWS)).is_empty()
    commercial = Licence(use="commercial", sources=sources, rule="drop")
    assert commercial.decide(commercial.sketch(ROWS)).height == 5, "the one that leaves can't clash"


def test_the_report_holds_the_duties_of_what_stays() -> None:
    step = Licence(sources={"a": "MIT", "b": "CC-BY-NC-4.0", "c": "CC-BY-SA-4.0"}, rule="drop")
    told = step.report(step.sketch(ROWS))
    assert told == {"use": "commercial", "licences": {"CC-BY-SA-4.0": 1, "MIT": 2}, "duties": {"CC-BY-SA-4.0": ["by", "sa"], "MIT": ["notice"]}}


def _run(folder: Path, licence: str, **parameters: str) -> Path:
    (folder / "raw").mkdir(exist_ok=True)
    (folder / "raw/a.jsonl").write_text('{"text": "하나"}\n{"text": "둘"}\n', encoding="utf-8")
    (folder / "raw/b.jsonl").write_text('{"text": "three"}\n', encoding="utf-8")
    sources = [{"path": str(folder / "raw/a.jsonl"), "licence": licence}, {"path": str(folder / "raw/b.jsonl"), "licence": "MIT"}]
    recipe = recipes.compose({"name": "r", "sources": sources, "steps": [{"guard.licence": parameters}, {"mix.split": {"test": 0}}]})
    run.run(recipe, folder / "out", until="split")
    return folder / "out"


def test_a_run_takes_the_licences_of_its_sources_and_refuses_with_the_rows(tmp_path: Path) -> None:
    with pytest.raises(DadeumError, match=r"CC-BY-NC-4.0: no commercial use: 2 rows \(a/a.jsonl:1, a/a.jsonl:2\)"):
        _run(tmp_path, "CC-BY-NC-4.0")
    assert not (tmp_path / "out/data").exists()


def test_a_run_drops_what_the_recipe_lets_go(tmp_path: Path) -> None:
    told = json.loads((_run(tmp_path, "CC-BY-NC-4.0", rule="drop") / "run.json").read_text())
    assert told["counts"]["kept"] == 1 and told["stages"][1]["dropped"] == {"licence_nc": 2}
