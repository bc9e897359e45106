"""The registry of steps: discovery, not a list. A module `steps/<room>/<name>.py` is the step `<room>.<name>`.

A module or package whose name begins with an underscore is no step. A plug-in adds steps through the entry-point group
`dadeum.steps`: the entry's name is the step's name, its value the module (`filter.mine = "mypackage.steps.filter.mine"`).
Listing names imports nothing, and loading a step imports its module alone: a recipe pays for the steps that it names.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
from importlib import metadata
from pathlib import Path

from dadeum.errors import DadeumError, Mistake, RecipeError, nearest
from dadeum.step import Step

GROUP = "dadeum.steps"


def names() -> list[str]:
    """The names of all steps, the project's own and those of plug-ins, sorted."""
    return sorted({*_own(), *_plugged()})


def load(name: str) -> type[Step]:
    """The class of a step. Raises RecipeError if there is none, DadeumError if its module does not hold exactly one."""
    if name in _own():
        return _only(f"{__name__}.{name}", name)
    if name in (plugged := _plugged()):
        return _only(plugged[name], name)
    raise RecipeError(Mistake(name, "there is no such step", nearest(name, names())))


@functools.cache
def _own() -> frozenset[str]:
    here = Path(__file__).parent
    rooms = [room.name for room in pkgutil.iter_modules([str(here)]) if room.ispkg and not room.name.startswith("_")]
    found = [(room, module) for room in rooms for module in pkgutil.iter_modules([str(here / room)])]
    return frozenset(f"{room}.{module.name}" for room, module in found if not module.name.startswith("_") and not module.ispkg)


def _plugged() -> dict[str, str]:
    return {entry.name: entry.module for entry in metadata.entry_points(group=GROUP)}


def _only(module: str, name: str) -> type[Step]:
    made = importlib.import_module(module)
    steps = [
        value
        for value in vars(made).values()
        if inspect.isclass(value) and issubclass(value, Step) and value.__module__ == module and not inspect.isabstract(value)
    ]
    if len(steps) != 1 or not module.endswith(f"steps.{name}"):
        raise DadeumError(f"{module}: has to hold exactly one step and to end with `steps.{name}`, it holds {len(steps)}")
    return steps[0]
