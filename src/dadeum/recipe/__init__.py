"""The YAML. Strict: an unknown key, a wrong value or a missing file is refused, and every mistake is told at once with its path.

    name: reviews_ko
    sources:                              settings.Source
      - {path: data/*.jsonl.gz, fields: {text: review, id: review_id, film: movie_id}}
    steps:                                a name, or a name with its parameters
      - clean.unicode
      - filter.length: {min: 5}
      - mix.split: {by: film, test: 0.1}
    output: {format: messages}            settings.Output
    train: {method: full}                 settings.Train; leave it out and nothing is trained
    prove: {metric: label}                settings.Prove
    engine: {workers: 2}                  settings.Engine

`--set` overrides a key by its path: `sources.0.path=x`, `train.epochs=3`, `steps.1.min=9`, or, where a step occurs once,
`filter.length.min=9`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import typing
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dadeum import settings, step
from dadeum.errors import Mistake, RecipeError, nearest
from dadeum.recipe.override import override
from dadeum.recipe.sense import sense
from dadeum.recipe.text import parse, read_sets
from dadeum.recipe.typed import listed, read_step, typed, typed_step

__all__ = ["KEYS", "SECTIONS", "Recipe", "compose", "load", "parse", "read_sets", "read_step"]

SECTIONS = {"output": settings.Output, "train": settings.Train, "prove": settings.Prove, "engine": settings.Engine}
KEYS = ("name", "seed", "order", "sources", "steps", *SECTIONS)


@dataclass(frozen=True)
class Recipe:
    """A whole run as a value."""

    name: str
    seed: int
    sources: tuple[settings.Source, ...]
    steps: tuple[step.Step, ...]
    output: settings.Output = field(default_factory=settings.Output)
    train: settings.Train | None = None
    prove: settings.Prove | None = None
    engine: settings.Engine = field(default_factory=settings.Engine)
    order: settings.Order = "given"

    def to_dict(self) -> dict[str, Any]:
        """Every key with the value that is in force, defaults written out; `compose` reads it back."""
        told: dict[str, Any] = {"name": self.name, "seed": self.seed, "order": self.order}
        told["sources"] = [dataclasses.asdict(source) for source in self.sources]
        told["steps"] = [{s.name: s.parameters} for s in self.steps]
        for section in SECTIONS:
            value = getattr(self, section)
            if value is not None:
                told[section] = dataclasses.asdict(value)
        return json.loads(json.dumps(told))

    @property
    def digest(self) -> str:
        """blake2b of everything that may change the data, the model or the proof (not of `engine`, `order`, nor where copies go)."""
        told = {k: v for k, v in self.to_dict().items() if k not in ("engine", "order")}
        del told["output"]["to"]
        return hashlib.blake2b(json.dumps(told, sort_keys=True, ensure_ascii=False).encode(), digest_size=16).hexdigest()


def load(path: str | Path, sets: Sequence[str] = ()) -> Recipe:
    """Read a recipe file. Raises RecipeError with every mistake found."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise RecipeError(Mistake(str(path), "there is no such recipe", _nearby(Path(path)))) from error
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(Mistake(str(path), f"cannot be read: {getattr(error, 'strerror', None) or error}")) from error
    raw = parse(text, str(path))
    if isinstance(raw, dict):
        raw.setdefault("name", Path(path).stem)
    return compose(raw, sets)


def _nearby(path: Path) -> str:
    """A hint for a recipe that is not there: the nearest one beside it, or the folder that is missing."""
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}"
    known = sorted(p.name for p in path.parent.iterdir() if p.suffix in (".yaml", ".yml"))
    return nearest(path.name, known) if known else ""


def compose(raw: Any, sets: Sequence[str] = (), own: bool = False) -> Recipe:
    """A Recipe out of plain values and `--set` overrides. Raises RecipeError with every mistake found.

    own: a column that a step reads and nothing makes is the rows' own field of that name (`apply`, which has no `fields` to say so).
    """
    if not isinstance(raw, dict):
        raise RecipeError(Mistake("recipe", "has to be a mapping with `sources` and `steps`"))
    mistakes: list[Mistake] = []
    raw = json.loads(json.dumps(raw, default=str))
    steps = raw.get("steps", [])
    if isinstance(steps, list):
        raw["steps"] = [{s: {}} if isinstance(s, str) else s for s in steps]
    for told in sets:
        override(raw, told, KEYS, mistakes)
    mistakes += [Mistake(key, "unknown key", nearest(key, KEYS)) for key in raw if key not in KEYS]
    made: dict[str, Any] = {"name": raw.get("name", "recipe"), "seed": raw.get("seed", 0), "order": raw.get("order", "given")}
    if isinstance(made["name"], int | float) and not isinstance(made["name"], bool):
        made["name"] = str(made["name"])
    if not isinstance(made["name"], str) or not made["name"].strip(".") or set(made["name"]) & set("/\\\0"):
        mistakes.append(Mistake("name", f"has to be a name without slashes, not {made['name']!r}", "a run's folder is called by it"))
    if not isinstance(made["seed"], int) or isinstance(made["seed"], bool):
        mistakes.append(Mistake("seed", f"has to be a whole number, not {made['seed']!r}"))
    if made["order"] not in typing.get_args(settings.Order):
        mistakes.append(Mistake("order", f"has to be given or auto, not {made['order']!r}"))
    made["sources"] = tuple(
        typed(settings.Source, s, f"sources.{i}", mistakes) for i, s in enumerate(listed(raw, "sources", mistakes))
    )
    if not made["sources"]:
        mistakes.append(Mistake("sources", "is missing: a recipe needs at least one source"))
    made["steps"] = tuple(typed_step(s, f"steps.{i}", mistakes) for i, s in enumerate(listed(raw, "steps", mistakes)))
    if own and not mistakes:
        wanted = {c: c for i, s in enumerate(made["steps"]) for c in s.reads if c not in {*step.RECORD_COLUMNS, *(w for b in made["steps"][:i] for w in b.writes)}}
        made["sources"] = tuple(dataclasses.replace(source, fields=wanted | source.fields) for source in made["sources"])
    for section, kind in SECTIONS.items():
        if raw.get(section) is not None:
            made[section] = typed(kind, raw[section], section, mistakes)
    if not mistakes:
        licences = {source.name: source.licence for source in settings.named(made["sources"])}
        made["steps"] = tuple(dataclasses.replace(s, sources=licences | s.sources) if s.name == "guard.licence" else s for s in made["steps"])
        recipe = Recipe(**made)
        mistakes += sense(recipe)
        if not mistakes:
            return recipe
    raise RecipeError(mistakes)
