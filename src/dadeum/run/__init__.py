"""What the commands do: a recipe from its sources to its proof, steps on one file, a plan, a check before training.

    staged     data(), stages(): every stage in one folder
    one_file   apply(): steps on one file
    forecast   plan(): what a run would do
    before     check(): what can be known before training
    decided    decide(): is tuning worth it?
    studies    ablate(), curve(): what a step, or more data, is worth

Each is imported when it is first asked for: `apply` on ten rows pays for no training.
"""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dadeum import ledger
from dadeum.engine import folder
from dadeum.errors import DadeumError
from dadeum.recipe import Recipe

if TYPE_CHECKING:
    from dadeum.run.before import check, check_text
    from dadeum.run.decided import decide
    from dadeum.run.forecast import plan, plan_text
    from dadeum.run.one_file import apply
    from dadeum.run.staged import STAGES, Stage, data, finished, later, stages
    from dadeum.run.studies import ablate, curve

__all__ = ["STAGES", "Stage", "ablate", "apply", "check", "check_text", "curve", "data", "decide", "finished", "later", "plan", "plan_text", "report", "run", "stages"]

_MODULES: Final = {
    "before": ("check", "check_text"),
    "decided": ("decide",),
    "forecast": ("plan", "plan_text"),
    "one_file": ("apply",),
    "staged": ("STAGES", "Stage", "data", "finished", "later", "stages"),
    "studies": ("ablate", "curve"),
}


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(importlib.import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def run(recipe: Recipe, out: Path, until: Stage = "report", sample: int = 0, workers: int = 0) -> dict[str, Any]:
    """Every stage up to `until`, then the summary on standard output. Gives run.json's content."""
    from dadeum.run.staged import say, stages

    with folder.locked(out):
        told = stages(recipe, out, until, sample, workers, say)
    from dadeum.report import terminal

    width = shutil.get_terminal_size((100, 24)).columns
    page = out / "report.html"
    print(terminal.funnel_text(told, width))
    print()
    trained = (out / "model").exists()
    print(terminal.summary_text(told, ledger.read_json(out / "proof.json"), width, report=page if page.exists() else None, trained=trained))
    return told


def report(out: Path, lang: str = "en") -> None:
    """Write report.html and card.md of a finished run again, in a language. Raises DadeumError where one of its files is damaged."""
    from polars.exceptions import ComputeError

    from dadeum.report.card import write_card
    from dadeum.report.page import write

    with folder.locked(out):
        ledger.read_run(out)
        try:
            write_card(out, lang)
            print(write(out, lang))
        except ComputeError as error:
            what = str(error).splitlines()[0]
            raise DadeumError(f"a table in {out} is damaged ({what}): run the recipe again, what is whole in the folder's cache is not made anew") from error
