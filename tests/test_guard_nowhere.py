"""No personal value reaches a report, an error, a page, a card or the terminal: values of every kind, wherever rows have them, through every command that shows something.

What keeps raw rows is named in `KEEPS` and readable by its owner alone.
"""

from __future__ import annotations

import json
import random
import stat
from pathlib import Path
from typing import Any, Final

import pytest

import dirt_pii
import dirt_speakers
from dadeum.steps.guard._pii.find import find
from runs import write
from test_hostile import ask

PLANTED: Final = [dirt_pii.planted(kind, language, 1, random.Random(f"{kind}/{language}")) for language, kinds in dirt_pii.MAKE.items() for kind in kinds]
VALUES: Final = [p.text[p.start : p.end] for p in PLANTED]
BARE: Final = [value for value in VALUES if find(value)]
"""Those that are known without a word that says what they are: labels and fields hold no more than the value."""
KEEPS: Final = ("data/", "ledger/", "quarantine.jsonl", "cache/", "recipe.yaml")
"""What of a run's folder holds rows."""


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Rows that hold values in texts, labels, columns and fields, that repeat, that leave, and that can't be read."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DADEUM_KEY", "one")
    made: list[Any] = []
    for i, p in enumerate(PLANTED):
        value = VALUES[i] if VALUES[i] in BARE else "x"
        made.append({"id": f"r{i}", "text": f"{p.text} 그리고 나머지 이야기는  평범하게 이어집니다 ", "label": value, "score": 1, "who": value, "film": f"f{i % 5}", "note": [p.text], "작성자": "김민수"})
        made += [{"id": f"d{i}{j}", "text": p.text, "label": "b", "score": 1, "who": "x", "film": f"f{i % 5}", "작성자": "김민수"} for j in "ab"]
    lines = [json.dumps(row, ensure_ascii=False) for row in made]
    for value, p in zip(VALUES, PLANTED):
        lines += [f'{{"text": "{p.text}', json.dumps({"text": "x", "score": value if value in BARE else "?"}), json.dumps([p.text], ensure_ascii=False), json.dumps({"text": p.text, "score": "1", "messages": value})]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def told(*texts: str) -> list[str]:
    return [value for value in (*VALUES, "김민수") for text in texts if value in text]


def recipe(path: Path, steps: list[Any]) -> Path:
    fields = {name: name for name in ("text", "label", "score", "film", "who")}
    return write(path, {"sources": [{"path": "a.jsonl", "fields": fields}], "steps": steps})


@pytest.mark.parametrize("guarded", [True, False])
def test_nothing_that_a_run_shows_holds_a_value(guarded: bool, rows: Path) -> None:
    steps: list[Any] = ["clean.whitespace", "dedup.exact", {"filter.length": {"min": 60}}, *(["guard.pii"] if guarded else []), {"mix.split": {"test": 0.2, "by": ["film"]}}]
    made = recipe(rows.parent / "r.yaml", steps)
    for command in (
        ["plan", made], ["plan", made, "--json"], ["run", made, "--out", "run"], ["report", "run"], ["report", "run", "--lang", "en"], ["funnel", "run"], ["why", "run", "r0"], ["why", "run", "d0b"],
        ["why", "run", "r0", "--json"], ["look", "run", "--out", "look.html"], ["look", "run", "--json"], ["look", "run", "--against", "a.jsonl", "--json"],
    ):  # fmt: skip
        said = ask(*command)
        assert not told(said.out, said.err), command
    ask("check", made, code=1)
    assert not told((rows.parent / "look.html").read_text(encoding="utf-8"))
    folder = rows.parent / "run"
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        inside = path.relative_to(folder).as_posix()
        if not inside.startswith(KEEPS):
            assert not told(path.read_bytes().decode("utf-8", "replace")), inside
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 or not told(path.read_bytes().decode("utf-8", "replace")), f"{inside} is readable by others"
    shown = (folder / "report.html").read_text(encoding="utf-8")
    assert "[PHONE]" in shown or "⟨phone:" in shown, "the report shows rows at all"


@pytest.mark.parametrize(
    ("step", "code"),
    [
        ({"annotate.label": {"column": "who", "map": {"x": "y"}}}, 2),
        ({"filter.label": {"keep": ["q"]}}, 0),
        ({"filter.threshold": {"column": "who", "min": 1}}, 0),
        ({"mix.split": {"check": "who"}}, 2),
        ({"mix.split": {"time": "who", "undated": "error"}}, 2),
        ({"mix.split": {"stratify": "label"}}, 0),
        ({"annotate.toxicity": {"labels": ["a.jsonl"], "text": "text", "label": "who", "positive": ["zz"]}}, 2),
        ({"annotate.agreement": {"votes": ["who"], "level": "interval"}}, 2),
        ({"guard.contamination": {"against": ["a.jsonl"]}}, 2),
        ({"guard.pii": {"columns": ["whom"]}}, 2),
    ],
)
def test_no_error_and_no_reason_quotes_a_value(step: dict[str, Any], code: int, rows: Path) -> None:
    said = ask("run", recipe(rows.parent / "r.yaml", [step]), "--out", "run", "--until", "split", code=code)
    assert not told(said.out, said.err)
    if not code:
        shown = ask("funnel", "run")
        assert not told(shown.out, shown.err, (rows.parent / "run/run.json").read_text(encoding="utf-8"))


def test_looking_at_raw_rows_and_at_chats_shows_nobody(rows: Path) -> None:
    said = [ask("look", "a.jsonl", "--out", "l.html"), ask("look", "a.jsonl", "--json")]
    assert not told(*(s.out + s.err for s in said), Path("l.html").read_text(encoding="utf-8"))
    for export in dirt_speakers.exports(rows.parent / "chats"):
        names = [name for name in export.gone if not name.isdigit()] if export.kind not in dirt_speakers.ASSISTANTS else [dirt_speakers.PHONE, dirt_speakers.MAIL]
        said = [ask("look", export.path, "--out", "c.html"), ask("look", export.path, "--json")]
        shown = "".join(s.out + s.err for s in said) + Path("c.html").read_text(encoding="utf-8")
        assert not [name for name in names if name in shown], (export.kind, export.language)


@pytest.mark.parametrize("format", ["kto", "alpaca", "prompt", "sharegpt"])
def test_a_row_that_does_not_fit_its_form_is_told_without_its_words(format: str, rows: Path) -> None:
    value = BARE[0]
    turns = [{"role": "김민수", "content": value}, {"role": "user", "content": value}]
    (rows.parent / "b.jsonl").write_text(json.dumps({"messages": turns, "label": value}, ensure_ascii=False) + "\n", encoding="utf-8")
    made = write(rows.parent / "b.yaml", {"sources": [{"path": "b.jsonl"}], "output": {"format": format}})
    said = ask("run", made, "--out", "b", "--until", "split", code=0 if format == "sharegpt" else 1)
    assert not told(said.out, said.err)
