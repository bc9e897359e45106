"""Mistakes that need more than one key of a recipe to see, and files that are not there."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dadeum import remote, settings, step
from dadeum.errors import Mistake, RecipeError, nearest
from dadeum.recipe.where import miscompared

if TYPE_CHECKING:
    from dadeum.recipe import Recipe


def sense(recipe: Recipe) -> list[Mistake]:
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
    names = [source.name for source in settings.named(recipe.sources)]
    for i, s in enumerate(recipe.steps):
        where = f"steps.{i}.{s.name}"
        if missing := [c for c in s.reads if c not in known]:
            mistakes.append(_unmade(where, missing, known))
        asked = s.parameters.get("sources") or ()
        mistakes += [Mistake(f"{where}.sources", f"{name!r} is none of the sources", nearest(name, names)) for name in asked if name not in names]
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
    if recipe.prove:
        mistakes += _asked(recipe.prove)
    if recipe.train:
        mistakes += _stages(recipe, recipe.train, known)
    return mistakes + _labels(recipe) + _measured(recipe)


def _unmade(where: str, columns: list[str], known: set[str]) -> Mistake:
    """Columns that a step reads and nothing before it makes: with the step that would make them, or the nearest name."""
    one, more = columns[0], len(columns) - 1
    steps = importlib.import_module("dadeum.steps")  # by name, like any plug-in: the rooms of steps lie below this one
    for name in [n for n in steps.names() if n.startswith("annotate.")]:
        with contextlib.suppress(RecipeError, TypeError):  # one that has to be told more
            if set(columns) <= set(steps.load(name)().writes):
                told = f"{more + 1} columns ({one}, ...)" if more else f"the column {one!r}"
                return Mistake(where, f"reads {told} of {name}, which does not come before it", f"put `- {name}` before it")
    near = nearest(one, known)
    hint = near if near.startswith("did") else f"a field of the rows becomes a column by the source's `fields: {{{one}: ITS_NAME}}`"
    return Mistake(where, f"reads the column {one!r}{f' and {more} more' if more else ''}, which nothing before it makes", hint)


def _stages(recipe: Recipe, train: settings.Train, known: set[str]) -> list[Mistake]:
    """Stages that cannot follow one another, or whose rows nothing can make."""
    mistakes: list[Mistake] = []
    raw = set(step.RECORD_COLUMNS) | {c for source in recipe.sources for c in source.fields} | {"label"}
    suites = {suite.name: suite for suite in (recipe.prove.suites if recipe.prove else ())}
    for i, stage in enumerate(train.stages):
        where = f"train.stages.{i}"
        try:
            own = train.of(stage)
        except RecipeError as error:
            mistakes += [Mistake(f"{where}.{m.path}", m.what, m.hint) for m in error.mistakes]
            continue
        if stage.name in {s.name for s in train.stages[:i]}:
            mistakes.append(Mistake(f"{where}.name", f"{stage.name!r} is an earlier stage's", "each has a name of its own"))
        if i + 1 < len(train.stages) and (own.objective in ("reward", "classify") or own.method == "prompt"):
            what = f"its {own.objective} head" if own.objective in ("reward", "classify") else "the vectors of prompt tuning"
            mistakes.append(Mistake(where, f"another stage follows, which could not start from {what}", "make it the last"))
        if i == 0 and stage.replay:
            mistakes.append(Mistake(f"{where}.replay", "no stage comes before this one: there is nothing to see again"))
        if stage.replay and own.objective in ("dpo", "reward", "classify"):
            mistakes.append(Mistake(f"{where}.replay", f"rows of other stages make no {own.objective} examples", "replay is for sft, pretrain and infill"))
        if i == 0 and stage.gate and not stage.gate.suites:
            mistakes.append(Mistake(f"{where}.gate.suites", "is empty, and no stage comes before this one", "name files of rows"))
        for k, pattern in enumerate(stage.gate.suites if stage.gate else ()):
            suite = suites.get(pattern)
            if suite and suite.task:
                mistakes.append(Mistake(f"{where}.gate.suites.{k}", f"{pattern} is a task of another library, which scores finished models", "a suite with a path"))
            elif not suite:
                _named(pattern, f"{where}.gate.suites.{k}", mistakes)
        for column, values in stage.where.items():
            if column not in known:
                mistakes.append(Mistake(f"{where}.where.{column}", "is a column that nothing makes", nearest(column, known)))
            elif recipe.prove and any(a.kind == "raw" for a in recipe.prove.arms) and column not in raw:
                mistakes.append(Mistake(f"{where}.where.{column}", "is made by a step, and the arm `raw` is trained on rows before the steps", "leave `raw` out of prove.arms"))
            mistakes += [Mistake(f"{where}.where.{column}", why) for value in values if (why := miscompared(value))]
    return mistakes


def _asked(prove: settings.Prove) -> list[Mistake]:
    """Files that arms and suites name and that are not there."""
    mistakes: list[Mistake] = []
    for i, arm in enumerate(prove.arms):
        if arm.corpus:
            _named(arm.corpus, f"prove.arms.{i}.corpus", mistakes)
    for i, suite in enumerate(prove.suites):
        if suite.path:
            _named(suite.path, f"prove.suites.{i}.path", mistakes)
    schemas = {"prove.schema": prove.schema, **{f"prove.suites.{i}.schema": suite.schema or "" for i, suite in enumerate(prove.suites)}}
    return mistakes + [Mistake(where, f"there is no file {path}", _beside(path)) for where, path in schemas.items() if path and not Path(path).is_file()]


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


MEASURED: Final = {"reward": "preference", "classify": "label", "pretrain": "loss_per_byte", "infill": "loss_per_byte"}
"""What a model that is not asked for words can be proven by."""


def _measured(recipe: Recipe) -> list[Mistake]:
    """A proof that does not fit what is learned."""
    if recipe.train is None or recipe.prove is None:
        return []
    objective, asked = recipe.train.objective, recipe.prove
    metric = MEASURED.get(objective)
    mistakes = []
    if metric and asked.metric != metric:
        mistakes.append(Mistake("prove.metric", f"is {asked.metric}, and train.objective is {objective}", f"metric: {metric}"))
    if asked.metric == "preference" and objective not in ("reward", "dpo"):
        mistakes.append(Mistake("prove.metric", f"is preference, and train.objective is {objective}", "objective: reward or dpo"))
    if metric or asked.metric == "preference":
        more = [f"arms.{i}" for i, arm in enumerate(asked.arms) if arm.name != "base"]
        more += [name for name in ("suites", "slices") if getattr(asked, name)]
        mistakes += [Mistake(f"prove.{name}", f"is for answers, and {asked.metric} asks for none", "leave it out") for name in more]
    named = {asked.metric, *(suite.metric or asked.metric for suite in asked.suites if not suite.task)}
    if asked.temperature and (metric or named <= {"loss_per_byte", "preference"}):
        mistakes.append(Mistake("prove.temperature", f"is for answers, and {asked.metric} of objective {objective} draws none", "leave temperature and samples out"))
    return mistakes


def _outside(where: str, labels: Iterable[str], made: set[str] | None) -> list[Mistake]:
    """The labels that no map makes; none where there is no map."""
    hint = made or set()
    return [
        Mistake(f"{where}.{i}", f"{label!r} is outside the label map", nearest(label, hint))
        for i, label in enumerate(labels)
        if made is not None and label not in made
    ]
