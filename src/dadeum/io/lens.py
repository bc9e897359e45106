"""What a source says about its rows, ready to be put to every row: `Lens(source).get(raw)`.

With `fields` the mapping decides what is content; without, kinds.py finds it. A path with dots reaches into nested values
(`info.task.instruction`, `instances.0.input`), unless the row has a key of just that name.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from dadeum.errors import Mistake, RecipeError, nearest
from dadeum.io import kinds
from dadeum.io.chunk import FRONT, Unreadable
from dadeum.io.layout import Got, Path
from dadeum.io.turns import is_turns
from dadeum.record import CARRIED, RECORD
from dadeum.settings import CONTENT_FIELDS, Source

BUILDS: Final = ("text", "messages", "prompt", "completion", "system", "chosen", "rejected")
"""Fields that decide what a row's contents are."""


@dataclass(frozen=True)
class Lens:
    """How a source's rows become records."""

    source: Source

    def __post_init__(self) -> None:
        """Raises RecipeError for a field that would take a column of the record's own."""
        taken = [name for name in self.named if name in RECORD or name in FRONT or name.startswith(CARRIED)]
        where = f"sources.{self.source.name or self.source.path}.fields"
        mistakes = [Mistake(f"{where}.{name}", f"{name!r} is a column that every record has", "choose another name") for name in taken]
        if mistakes:
            raise RecipeError(mistakes)

    @property
    def named(self) -> dict[str, str]:
        """The columns that `fields` names, with where their values are."""
        return {name: at for name, at in self.source.fields.items() if name not in CONTENT_FIELDS}

    @property
    def mapped(self) -> bool:
        """Whether `fields` says where the contents are."""
        return any(name in BUILDS for name in self.source.fields)

    def get(self, raw: dict[str, Any]) -> Got:
        """A raw row as a record's contents. Raises Unreadable where it is not what the recipe says."""
        got = Got(raw, named=tuple(self.named), chat=self.source.chat)
        fields = self.source.fields
        for name, at in self.named.items():
            path = located(raw, at)
            if path is None:
                got.columns[name] = None
            else:
                got.text(path, name, kinds.lookup(raw, path))
        if "id" in fields:
            got.key = kinds.own(kinds.lookup(raw, located(raw, fields["id"]) or ("",)))
        self._extras(got)
        if self.mapped:
            self._contents(got)
        elif not any(kind(got) for kind in kinds.KINDS[self.source.layout]) and self.source.layout != "auto":
            raise Unreadable(f"the row is not of layout {self.source.layout}: its keys are {', '.join(raw) or '(none)'}")
        kinds.extras(got)
        return got

    def _extras(self, got: Got) -> None:
        for name in ("label", "tools"):
            at = self.source.fields.get(name)
            path = located(got.raw, at) if at else None
            if path is not None:
                got.text(path, name, kinds.lookup(got.raw, path))
        at = self.source.fields.get("score")
        path = located(got.raw, at) if at else None
        value = kinds.lookup(got.raw, path) if path else None
        if path is not None and value is not None:
            if isinstance(value, bool) or not isinstance(value, int | float | str):
                raise Unreadable(f"{at} is no number")
            got.number(path, value)

    def _contents(self, got: Got) -> None:
        raw, fields = got.raw, self.source.fields
        at = {name: located(raw, fields[name]) if name in fields else None for name in BUILDS}
        if (path := at["text"]) is not None:
            got.text(path, "text", kinds.lookup(raw, path))
            got.kind = "text"
        if (path := at["system"]) is not None and isinstance(value := kinds.lookup(raw, path), str) and value:
            got.system(path, value)
        good, bad = at["chosen"], at["rejected"]
        if good is not None and bad is not None:
            if not kinds.preference(got, at["prompt"] or at["messages"], good, bad):
                raise Unreadable(f"{fields['chosen']} and {fields['rejected']} are not two strings, messages or lists of messages")
            return
        if (path := at["messages"]) is not None:
            value = kinds.lookup(raw, path)
            dialect = next((d for d in ("chat", "sharegpt") if is_turns(value, d)), None)  # type: ignore[arg-type]
            if dialect is None and value is not None:
                raise Unreadable(f"{fields['messages']} is no list of messages (role and content, or from and value)")
            if dialect is not None:
                kinds.chat(got, path, value, dialect)  # type: ignore[arg-type]
        elif at["prompt"] is not None or at["completion"] is not None:
            kinds.pair(got, at["prompt"], at["completion"])

    def check(self, known: Collection[str], rows: list[dict[str, Any]], where: str) -> None:
        """Raise RecipeError for mapped fields that none of the rows has. known: the keys that rows have."""
        mistakes = []
        for name, at in self.source.fields.items():
            if at not in known and not any(located(raw, at) is not None for raw in rows):
                path = f"sources.{self.source.name or self.source.path}.fields.{name}"
                mistakes.append(Mistake(path, f"no row of {where} has a field {at!r}", nearest(at, known) if known else ""))
        if mistakes:
            raise RecipeError(mistakes)


def located(raw: dict[str, Any], at: str) -> Path | None:
    """The path of keys to a field of the row, or null where the row lacks it."""
    if at in raw:
        return (at,)
    if "." not in at:
        return None
    path = tuple(at.split("."))
    inside: Any = raw
    for key in path:
        if isinstance(inside, dict) and key in inside:
            inside = inside[key]
        elif isinstance(inside, list) and key.isdigit() and int(key) < len(inside):
            inside = inside[int(key)]
        else:
            return None
    return path
