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
import difflib
import hashlib
import importlib
import json
import re
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from dadeum import remote, settings, step
from dadeum.errors import Mistake, RecipeError, nearest

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
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(Mistake(str(path), f"cannot be read: {error}")) from error
    raw = parse(text, str(path))
    if isinstance(raw, dict):
        raw.setdefault("name", Path(path).stem)
    return compose(raw, sets)


def parse(text: str, where: str = "recipe") -> Any:
    """YAML as plain values: `on`, `yes` and `no` are words (YAML 1.2), a key that stands twice is a mistake."""
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise RecipeError(Mistake(where, f"is not YAML: {' '.join(str(error).split())}")) from error


def compose(raw: Any, sets: Sequence[str] = ()) -> Recipe:
    """A Recipe out of plain values and `--set` overrides. Raises RecipeError with every mistake found."""
    if not isinstance(raw, dict):
        raise RecipeError(Mistake("recipe", "has to be a mapping with `sources` and `steps`"))
    mistakes: list[Mistake] = []
    raw = json.loads(json.dumps(raw, default=str))
    steps = raw.get("steps", [])
    if isinstance(steps, list):
        raw["steps"] = [{s: {}} if isinstance(s, str) else s for s in steps]
    for told in sets:
        _override(raw, told, mistakes)
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
        _value(settings.Source, s, f"sources.{i}", mistakes) for i, s in enumerate(_listed(raw, "sources", mistakes))
    )
    if not made["sources"]:
        mistakes.append(Mistake("sources", "is missing: a recipe needs at least one source"))
    made["steps"] = tuple(_step(s, f"steps.{i}", mistakes) for i, s in enumerate(_listed(raw, "steps", mistakes)))
    for section, kind in SECTIONS.items():
        if raw.get(section) is not None:
            made[section] = _value(kind, raw[section], section, mistakes)
    if not mistakes:
        licences = {source.name: source.licence for source in settings.named(made["sources"])}
        made["steps"] = tuple(dataclasses.replace(s, sources=licences | s.sources) if s.name == "guard.licence" else s for s in made["steps"])
        recipe = Recipe(**made)
        mistakes += _sense(recipe)
        if not mistakes:
            return recipe
    raise RecipeError(mistakes)


def read_step(name: str, parameters: Mapping[str, Any], where: str = "") -> step.Step:
    """One step by name. Raises RecipeError with every mistake in its parameters."""
    mistakes: list[Mistake] = []
    made = _step({name: dict(parameters)}, where, mistakes)
    if mistakes or made is None:
        raise RecipeError(mistakes)
    return made


def read_sets(sets: Iterable[str]) -> dict[str, Any]:
    """`KEY=VALUE` arguments as {path: value}; values are read as YAML.

    >>> read_sets(["filter.length.min=5", "a.on=[user]"])
    {'filter.length.min': 5, 'a.on': ['user']}
    """
    told: dict[str, Any] = {}
    for item in sets:
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise RecipeError(Mistake(f"--set {item}", "has to be KEY=VALUE"))
        told[key] = parse(value, f"--set {item}") if value else ""
    return told


class _Loader(yaml.SafeLoader):
    """SafeLoader with YAML 1.2 booleans (the name of the parameter `on` must stay a word) and no silent double keys."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in pairs if tag not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp")]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|false|False)$"), list("tTfF"))


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    made: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in made:
            raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} stands twice", key_node.start_mark)
        made[key] = loader.construct_object(value_node, deep=True)
    return made


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def _listed(raw: dict[str, Any], key: str, mistakes: list[Mistake]) -> list[Any]:
    value = raw.get(key) or []
    if isinstance(value, list):
        return value
    mistakes.append(Mistake(key, f"has to be a list, not {type(value).__name__}"))
    return []


def _step(raw: Any, where: str, mistakes: list[Mistake]) -> step.Step | None:
    if not isinstance(raw, dict) or len(raw) != 1:
        mistakes.append(Mistake(where, "has to be a step's name, or one name with its parameters", "- filter.length: {min: 5}"))
        return None
    steps = importlib.import_module("dadeum.steps")  # by name, like any plug-in: the rooms of steps lie below this one
    [(name, parameters)] = raw.items()
    where = f"{where}.{name}".strip(".")
    try:
        kind = steps.load(str(name))
    except RecipeError as error:
        mistakes += [Mistake(where, m.what, m.hint) for m in error.mistakes]
        return None
    return _value(kind, {} if parameters is None else parameters, where, mistakes)


def _value(kind: type, raw: Any, where: str, mistakes: list[Mistake]) -> Any:
    """`raw` as an instance of the dataclass `kind`, or None with the mistakes told."""
    if not isinstance(raw, dict):
        mistakes.append(Mistake(where, f"has to be a mapping, not {type(raw).__name__}"))
        return None
    before = len(mistakes)
    raw = _known(kind, raw, where, mistakes)
    try:
        made: Any = TypeAdapter(kind).validate_python(raw)
    except RecipeError as error:
        mistakes += [Mistake(f"{where}.{m.path}".strip("."), m.what, m.hint) for m in error.mistakes]
        return None
    except ValidationError as error:
        for e in error.errors(include_url=False, include_context=False):
            path = ".".join(str(part) for part in (where, *e["loc"]))
            said = e["msg"].removeprefix("Value error, ")
            told = "is missing" if e["type"] == "missing" else f"{said[0].lower()}{said[1:]}, not {e['input']!r}"
            mistakes.append(Mistake(path, told))
        return None
    return made if len(mistakes) == before else None


def _known(kind: type, raw: dict[str, Any], where: str, mistakes: list[Mistake]) -> dict[str, Any]:
    """`raw` without the keys that `kind` has not (told as mistakes), and with single values put into tuples where one is asked."""
    hints = typing.get_type_hints(kind)
    kept: dict[str, Any] = {}
    names = [f.name for f in dataclasses.fields(kind) if f.init]
    for key, value in raw.items():
        if key not in names:
            mistakes.append(Mistake(f"{where}.{key}", "unknown key", nearest(str(key), names)))
            continue
        hint = hints[key]
        if dataclasses.is_dataclass(hint) and isinstance(value, dict):
            value = _known(typing.cast(type, hint), value, f"{where}.{key}", mistakes)
        elif typing.get_origin(hint) is tuple and not isinstance(value, (list, tuple)) and value is not None:
            value = [value]
        kept[key] = value
    return kept


def _override(raw: dict[str, Any], told: str, mistakes: list[Mistake]) -> None:
    """Put one `KEY=VALUE` into the raw recipe."""
    try:
        [(path, value)] = read_sets([told]).items()
    except RecipeError as error:
        mistakes += error.mistakes
        return
    steps = [s for s in raw.get("steps", []) if isinstance(s, dict) and len(s) == 1]
    named = [s for s in steps if path.startswith(f"{next(iter(s))}.")]
    if named:
        name = next(iter(named[0]))
        if len(named) > 1:
            mistakes.append(Mistake(path, f"{name} occurs {len(named)} times", f"say which: steps.N.{path.removeprefix(name + '.')}"))
            return
        named[0][name] = dict(named[0][name] or {})
        named[0][name][path.removeprefix(f"{name}.")] = value
        return
    at: Any = raw
    parts = path.split(".")
    if parts[0] not in KEYS:
        own = {next(iter(s)) for s in steps}
        step_name = max(own, key=lambda name: _likeness(path, name), default="")
        near = f"{step_name}.{parts[-1]}" if step_name and _likeness(path, step_name) > 0.8 else ""
        mistakes.append(Mistake(path, "unknown key", f"did you mean {near}?" if near else nearest(parts[0], KEYS)))
        return
    for i, part in enumerate(parts[:-1]):
        if isinstance(at, list):
            if not part.isdigit() or int(part) >= len(at):
                mistakes.append(Mistake(f"--set {path}", f"there is no {'.'.join(parts[: i + 1])}", f"it has {len(at)}"))
                return
            at = at[int(part)]
            if isinstance(at, dict) and len(at) == 1 and parts[0] == "steps":
                [(name, parameters)] = at.items()
                at[name] = at = dict(parameters or {})
                rest = ".".join(parts[i + 1 :]).removeprefix(f"{name}.")
                at[rest] = value
                return
        elif isinstance(at, dict):
            if at.get(part) is None:
                at[part] = {}
            at = at[part]
        else:
            mistakes.append(Mistake(f"--set {path}", f"{'.'.join(parts[:i])} holds no keys"))
            return
    if isinstance(at, list):
        if not parts[-1].isdigit() or int(parts[-1]) >= len(at):
            mistakes.append(Mistake(f"--set {path}", "there is no such entry", f"it has {len(at)}"))
            return
        at[int(parts[-1])] = value
    else:
        at[parts[-1]] = value


def _likeness(path: str, name: str) -> float:
    """How much the beginning of a `--set` path looks like a step's name, 0 to 1."""
    return difflib.SequenceMatcher(None, path.rpartition(".")[0], name).ratio()


def _sense(recipe: Recipe) -> list[Mistake]:
    """Mistakes that need more than one key to see."""
    remote.forget()
    mistakes: list[Mistake] = []
    files: dict[str, str] = {}
    columns = set()
    for i, source in enumerate(recipe.sources):
        columns |= set(source.fields) - set(settings.CONTENT_FIELDS)
        if "/" in source.name:
            mistakes.append(Mistake(f"sources.{i}.name", f"{source.name!r} holds a slash", "ids are made of name/file:line"))
        where = f"sources.{i}.path"
        for file, name in _named(source.path, where, mistakes).items():
            first = files.setdefault(file, where)
            if first != where:
                mistakes.append(Mistake(where, f"{name} is already read by {first}"))
    known = columns | set(step.RECORD_COLUMNS)
    for i, s in enumerate(recipe.steps):
        where = f"steps.{i}.{s.name}"
        mistakes += [
            Mistake(where, f"reads the column {c!r}, which nothing before it makes", nearest(c, known)) for c in s.reads if c not in known
        ]
        known |= set(s.writes)
        for name, paths in s.inputs.items():
            for pattern in paths:
                for file, told in _named(pattern, f"{where}.{name}", mistakes).items():
                    if file in files and s.name == "guard.contamination":
                        mistakes.append(Mistake(f"{where}.{name}", f"{told} is also a source: the recipe would train on its own test"))
    if recipe.output.to:
        mistakes += [Mistake("output.to", m.what, m.hint) for m in remote.unwritable(recipe.output.to)]
    splits = [(f"steps.{i}.{s.name}", s) for i, s in enumerate(recipe.steps) if "split" in s.writes]
    mistakes += [Mistake(where, f"the rows are already split by {splits[0][0]}") for where, _ in splits[1:]]
    split = splits[0][1] if splits else None
    if recipe.train and split is None:
        mistakes.append(Mistake("train", "there is no mix.split: the recipe would train on its own test", "add `- mix.split: {test: 0.1}`"))
    if recipe.prove and recipe.train is None:
        mistakes.append(Mistake("prove", "needs `train`: there is nothing to compare"))
    if recipe.prove and split is not None and not split.parameters.get("test"):
        mistakes.append(Mistake("prove", "mix.split leaves no test rows: the proof would be on training rows", "set mix.split.test"))
    if recipe.prove and recipe.prove.cluster and recipe.prove.cluster not in known:
        mistakes.append(Mistake("prove.cluster", f"names the column {recipe.prove.cluster!r}, which nothing makes", nearest(recipe.prove.cluster, known)))
    if recipe.train and recipe.train.template and not Path(recipe.train.template).is_file():
        mistakes.append(Mistake("train.template", f"there is no file {recipe.train.template}", _beside(recipe.train.template)))
    return mistakes + _labels(recipe)


def _named(pattern: str, where: str, mistakes: list[Mistake]) -> dict[str, str]:
    """{resolved path or url: as it is named} of the files of a pattern, or the mistake told. Urls are listed, not fetched."""
    try:
        if remote.is_remote(pattern):
            found = {url: remote.shown(url) for url in remote.find(pattern)}
        else:
            found = {str(file.resolve()): str(file) for file in step.files(pattern)}
    except RecipeError as error:
        mistakes += [Mistake(where, f"{remote.shown(m.path)}: {m.what}", m.hint) for m in error.mistakes]
        return {}
    if not found:
        hint = "" if remote.is_remote(pattern) else _beside(pattern)
        mistakes.append(Mistake(where, f"no file matches {remote.shown(pattern)!r}", hint))
    return found


def _beside(path: str) -> str:
    """A hint for a path that is not there: the nearest name in its folder, or the first folder of it that is missing."""
    if Path(path).is_dir():
        return "the folder is empty"
    folder = Path(path).parent
    if not folder.is_dir():
        return f"there is no folder {folder}"
    return nearest(Path(path).name, sorted(p.name for p in folder.iterdir())[:20])


def _labels(recipe: Recipe) -> list[Mistake]:
    """The labels that steps and the proof name, against those that the recipe's maps can make."""
    mistakes: list[Mistake] = []
    made: set[str] | None = None
    for i, s in enumerate(recipe.steps):
        if s.name == "annotate.label":
            made = {str(v) for v in dict(s.parameters["map"]).values() if v is not None}
        elif s.name == "filter.label":
            for key in ("keep", "drop"):
                mistakes += _outside(f"steps.{i}.{s.name}.{key}", s.parameters[key], made)
    if recipe.prove is not None and recipe.prove.metric == "label":
        if not recipe.prove.labels:
            mistakes.append(Mistake("prove.labels", "is empty: the metric `label` has to know the labels"))
        mistakes += _outside("prove.labels", recipe.prove.labels, made)
    return mistakes


def _outside(where: str, labels: Iterable[str], made: set[str] | None) -> list[Mistake]:
    """The labels that no map makes; none where there is no map."""
    hint = made or set()
    return [
        Mistake(f"{where}.{i}", f"{label!r} is outside the label map", nearest(label, hint))
        for i, label in enumerate(labels)
        if made is not None and label not in made
    ]
