"""Tasks of lm-evaluation-harness as suites: run and scored by their library, compared by ours.

Their comparison of two models (`model_comparator`) takes the scores for independent; here every document is a pair. Only local models that are
asked the items as they stand take part: prompts are the task's own. A task by name may fetch its data set, a YAML file says where
its rows lie. The first metric of the task's first filter counts.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
import yaml

from dadeum.errors import DadeumError, MissingExtra, Mistake, RecipeError
from dadeum.proving import Arm, Suite
from dadeum.recipe import Recipe
from dadeum.settings import Prove
from dadeum.step import digest_file
from dadeum.tuning.keep import content, kept
from dadeum.tuning.replies import models, seeds_of
from dadeum.tuning.rows import train_settings

BATCH: Final = 8


def harness(recipe: Recipe, out: Path, prove: Prove, suite: Suite, asked: Mapping[str, Arm], headline: tuple[str, str]) -> dict[str, Any]:
    """The suite's proof (board.py), with the arms that were left out. Raises MissingExtra, RecipeError for a task that is not there,
    DadeumError for one that scores no single documents."""
    from dadeum.evaluate.board import board
    from dadeum.evaluate.compare import Arm as Scored

    made, heads = [], []
    local = {name: arm for name, arm in asked.items() if not arm.url and arm.kind in ("base", "raw")}
    for name, arm in local.items():
        found = [_asked(recipe, out, suite, folder) for folder in models(recipe, out, arm)]
        heads += [head for head, _ in found]
        made.append((name, [scores for _, scores in found], not seeds_of(recipe, arm)))
    documents = [scores["document"].to_list() for _, lists, _ in made for scores in lists]
    if any(one != documents[0] for one in documents) or any(head != heads[0] for head in heads):
        raise DadeumError(f"the task {suite.task} gave the arms different documents or metrics: they can't be paired")
    arms = [Scored(name, np.array([scores["score"].to_numpy() for scores in lists]), fixed) for name, lists, fixed in made]
    told = board(arms, heads[0]["metric"], prove, headline, name=suite.task, higher_is_better=heads[0]["up"], seed=recipe.seed)
    return {**told, "left_out": [name for name in asked if name not in local]}


def there(suite: Suite) -> Path | None:
    """The task's file, where it is one. Raises RecipeError where that is missing, MissingExtra where their library is."""
    if importlib.util.find_spec("lm_eval") is None:
        raise MissingExtra('prove.suites: task needs lm-evaluation-harness: pip install "dadeum[eval]"')
    file = Path(suite.task) if suite.task.endswith((".yaml", ".yml")) else None
    if file and not file.is_file():
        raise RecipeError(Mistake(f"prove.suites.{suite.name}.task", f"there is no file {file}"))
    return file


def _asked(recipe: Recipe, out: Path, suite: Suite, folder: Path | str) -> tuple[dict[str, Any], pl.DataFrame]:
    """({metric, up}, {document, score}) of one model."""
    file = there(suite)
    import lm_eval

    made_of = [content(folder), suite.task, digest_file(file) if file else "", suite.items, recipe.seed, getattr(lm_eval, "__version__", ""), BATCH]

    def make() -> tuple[dict[str, Any], dict[str, pl.DataFrame]]:
        head, rows = _run(folder, suite, file, train_settings(recipe), recipe.seed)
        return head, {"scores": rows}

    found = kept(out, "harness", made_of, make)
    return found.head, found.parts["scores"]


def _run(folder: Path | str, suite: Suite, file: Path | None, settings: Any, seed: int) -> tuple[dict[str, Any], pl.DataFrame]:
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    from dadeum.train.machine import device_of, quiet

    try:
        name = yaml.safe_load(file.read_text(encoding="utf-8"))["task"] if file else suite.task
    except (yaml.YAMLError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise RecipeError(Mistake(f"prove.suites.{suite.name}.task", f"{file} is no task of lm-evaluation-harness", "it names itself: `task: my_task`")) from error
    with quiet(), contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        tasks = TaskManager(include_path=str(file.parent), include_defaults=False) if file else TaskManager()
        if not file and name not in tasks.all_tasks:
            raise RecipeError(Mistake(f"prove.suites.{suite.name}.task", f"lm-evaluation-harness has no task {name!r}", "or a YAML file of your own"))
        model = HFLM(pretrained=str(folder), device=device_of(settings), batch_size=BATCH)
        seeds = {f"{part}random_seed": seed for part in ("", "numpy_", "torch_")} | {"fewshot_random_seed": seed}
        told = simple_evaluate(
            model=model, tasks=[name], task_manager=tasks, log_samples=True, bootstrap_iters=0, limit=suite.items or None, **seeds
        )
    rows: list[tuple[str, float]] = []
    metric, up = "", True
    for task, samples in sorted(told["samples"].items()):
        first = samples[0]
        own = first["metrics"][0]
        if metric and own != metric:
            raise DadeumError(f"the tasks of {name} are scored by {metric} and {own}: name one of them")
        metric, up = own, bool(told["higher_is_better"][task].get(own, True))
        for sample in samples:
            if sample["filter"] != first["filter"]:
                continue
            if not isinstance(sample[own], int | float | np.number):
                raise DadeumError(f"the metric {own} of {task} scores all documents together: nothing can be paired")
            rows.append((f"{task} {sample['doc_id']}", float(sample[own])))
    return {"metric": metric, "up": up}, pl.DataFrame(rows, schema={"document": pl.String(), "score": pl.Float64()}, orient="row").sort("document")
