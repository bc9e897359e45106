"""No key of `train` is dead: each one, changed by itself, changes what is planned, and is read by code that does something with it."""

from __future__ import annotations

import ast
import dataclasses
import typing
from pathlib import Path
from typing import Any

import pytest

from dadeum import recipe as recipes
from dadeum import settings
from dadeum.settings import Classify, Dpo, Gate, Infill, Lora, Prompt, Stage, Tiny, Train

SOURCE = Path(__file__).parent.parent / "src/dadeum"
SECTIONS = (Train, Tiny, Lora, Prompt, Dpo, Infill, Classify, Stage, Gate)
KEYS = [(kind, field.name) for kind in SECTIONS for field in dataclasses.fields(kind)]
OTHER: dict[str, Any] = {
    "base": "./models/mine", "template": "own.jinja", "text": "Is it good?", "labels": ["a", "b"], "seeds": [1, 2], "checks": {"overlap": "warn"},
    "price_per_hour": {"h100": 2.5}, "stages": [{"name": "one"}], "name": "two", "where": {"source": "rows"}, "suites": ["rows.jsonl"], "gate": {"items": 3},
    "lora": {"r": 3}, "dpo": {"beta": 0.3}, "infill": {"rate": 0.1},
}  # fmt: skip
"""Values of keys that are no number, choice or switch."""
ALONE = {"objective": "pretrain", "method": "lora", "device": "cpu", "learning_rate": 0.125, "target": "h100"}


def other(kind: type, name: str) -> Any:
    """A value that the key does not have by default."""
    if name in OTHER and not (kind is Train and name in ("lora", "dpo", "infill")):
        return OTHER[name]
    if name in ALONE:
        return ALONE[name]
    hint = typing.get_type_hints(kind)[name]
    had = next(f.default for f in dataclasses.fields(kind) if f.name == name)
    if dataclasses.is_dataclass(hint):
        first = dataclasses.fields(typing.cast(Any, hint))[0].name
        return {first: other(typing.cast(type, hint), first)}
    choices = [c for part in (hint, *typing.get_args(hint)) for c in (typing.get_args(part) if typing.get_origin(part) is typing.Literal else ())]
    if choices:
        return next(c for c in choices if c != had)
    if isinstance(had, bool) or hint == bool | None:
        return not had
    if had is None:
        return 0.5 if float in typing.get_args(hint) else 3
    return had + 2 if isinstance(had, int) else (had + 0.25) / 2


def digest(tmp_path: Path, train: dict[str, Any]) -> str:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"text": "a"}\n')
    return recipes.compose({"sources": [{"path": str(rows)}], "steps": ["mix.split"], "train": train}).digest


@pytest.mark.parametrize(("kind", "name"), KEYS, ids=[f"{kind.__name__}.{name}" for kind, name in KEYS])
def test_every_key_changes_the_plan(kind: type, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.jinja").write_text("{{ messages }}")
    (tmp_path / "rows.jsonl").write_text('{"text": "a"}\n')
    section = kind.__name__.lower()
    first = {"name": "first"}
    if kind is Train:
        before, after = {}, {name: other(kind, name)}
    elif kind is Stage:
        before, after = {"stages": [first, {"name": "x"}]}, {"stages": [first, {"name": "x", name: other(kind, name)}]}
    elif kind is Gate:
        before, after = ({"stages": [first, {"name": "x", "gate": gate}]} for gate in ({}, {name: other(kind, name)}))
    else:
        before, after = {}, {section: {name: other(kind, name)}}
    assert digest(tmp_path, before) != digest(tmp_path, after)


def read_in_code() -> set[str]:
    """Every name that any module but those of settings reads as an attribute, or by its text."""
    found: set[str] = set()
    for path in SOURCE.rglob("*.py"):
        if path.parent.name != "settings":
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Attribute):
                    found.add(node.attr)
    return found


def test_every_key_is_read_by_something() -> None:
    read = read_in_code()
    assert not [f"{kind.__name__}.{name}" for kind, name in KEYS if name not in read]
    assert "batch_tokens" in read and "no_such_key_anywhere" not in read


def test_what_one_training_is_kept_by_holds_every_key_that_shapes_it(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs dadeum[train]")
    import polars as pl

    from dadeum.format.supervise import LEDGER, Supervision
    from dadeum.train.checkpoints import APART, identity

    nothing = Supervision([], pl.DataFrame(schema=LEDGER), pl.DataFrame(), ())
    keys = {}
    for field in dataclasses.fields(Train):
        raw = {"sources": [{"path": __file__, "format": "text"}], "steps": ["mix.split"]}
        try:
            made = recipes.compose({**raw, "train": {field.name: other(Train, field.name)}}).train
        except recipes.RecipeError:  # a template that is not there
            made = dataclasses.replace(Train(), template="own.jinja")
        keys[field.name] = identity(nothing, None, "base", made or Train(), 0)
    usual = identity(nothing, None, "base", Train(), 0)
    assert {name for name, key in keys.items() if key == usual} == set(APART)
    assert len(set(keys.values()) - {usual}) == len(keys) - len(APART)


def test_a_stage_overrides_what_it_says_and_nothing_else() -> None:
    own = {f.name for f in dataclasses.fields(Stage)} & {f.name for f in dataclasses.fields(Train)}
    for name in own:
        value = {"lora": Lora(r=3), "dpo": Dpo(beta=0.3), "infill": Infill(rate=0.1)}.get(name, other(Stage, name))
        made = Train(stages=(Stage("x"),)).of(Stage("x", **{name: value}))
        assert getattr(made, name) == value and made == dataclasses.replace(Train(), **{name: value})
    assert {"name", "where", "replay", "gate"} == {f.name for f in dataclasses.fields(Stage)} - own
    assert settings.Stage is Stage
