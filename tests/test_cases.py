"""Every step against its golden rows. A step that has none fails here."""

from __future__ import annotations

from typing import Any

import pytest

from dadeum import steps
from dadeum.errors import RecipeError
from dadeum.recipe import read_step
from dadeum.record import CHATS, records
from dadeum.step import Compare, Edit, Filter, Grow
from golden import FOLDER, ROOT, cases

ALL = steps.names()
CASES = [(name, i, case) for name in ALL if (FOLDER / f"{name}.jsonl").exists() for i, case in enumerate(cases(name), 1)]


@pytest.fixture(autouse=True)
def _from_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("DADEUM_KEY", "golden")


@pytest.mark.parametrize("name", ALL)
def test_every_step_has_cases(name: str) -> None:
    assert cases(name)


def test_no_case_without_a_step_and_no_step_is_lost() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.jsonl")) == ALL
    assert len(ALL) >= 14, f"a step went: {ALL}"


@pytest.mark.parametrize("name, line, case", CASES, ids=[f"{name}:{i}" for name, i, _ in CASES])
def test_case(name: str, line: int, case: dict[str, Any]) -> None:
    if "error" in case:
        with pytest.raises(RecipeError) as raised:
            run(name, case)
        assert case["error"] in str(raised.value)
    else:
        run(name, case)


def run(name: str, case: dict[str, Any]) -> None:
    """The case, as assertions."""
    step = read_step(name, case.get("params", {}), name)
    if "in" not in case:
        assert "error" in case, "a case without rows has to be a mistake"
        return
    given = case["in"] if isinstance(case["in"], list) else [case["in"]]
    rows = records(given)
    if isinstance(step, Edit):
        out = step.edit(rows)
        if "error" not in case:
            want = {**{c: plain(rows[c][0]) for c in rows.columns}, **{k: plain(v) for k, v in case["out"].items()}}
            assert {c: plain(out[c][0]) for c in out.columns if c in want} == want
            assert set(out.columns) <= set(want), "a new column that the case does not tell of"
    elif isinstance(step, Filter):
        told = step.why(rows)
        assert told["reason"][0] == case.get("reason")
        for field in ("value", "threshold"):
            if field in case:
                assert told[field][0] == pytest.approx(case[field])
    elif isinstance(step, Compare):
        told = step.decide(step.relate(step.sketch(rows)))
        ids = dict(zip(rows["row"], rows["id"]))
        found: dict[str, Any] = dict.fromkeys(ids.values(), "kept")
        for line in told.to_dicts():
            if line.get("state"):
                found[ids[line["row"]]] = line["reason"]
                if ids[line["row"]] in case.get("witness", {}):
                    assert ids[line["witness"]] == case["witness"][ids[line["row"]]]
            elif case["out"][ids[line["row"]]] != "kept":
                written = {c: line[c] for c in step.writes}
                found[ids[line["row"]]] = written[step.writes[0]] if len(written) == 1 else written
        assert found == case["out"]
    else:
        assert isinstance(step, Grow)
        made = step.grow(rows)
        assert dict(zip(made["id"], made["parents"].to_list())) == case["out"]


def plain(value: Any) -> Any:
    """Turns with the keys that are set, other values as they are."""
    value = value.to_list() if hasattr(value, "to_list") else value
    if isinstance(value, list):
        return [{k: v for k, v in turn.items() if v is not None} if isinstance(turn, dict) else turn for turn in value]
    return value


def test_turns_are_compared_at_all() -> None:
    case = {"params": {}, "in": {"messages": [{"role": "user", "content": "a  b"}]}, "out": {"messages": [{"role": "user", "content": "a  b"}]}}
    assert "messages" in CHATS
    with pytest.raises(AssertionError):
        run("clean.whitespace", case)
