"""`--set KEY=VALUE`: one key of a recipe, by its path, put over what the file says."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from dadeum.errors import Mistake, RecipeError, nearest
from dadeum.recipe.text import read_sets


def override(raw: dict[str, Any], told: str, keys: Sequence[str], mistakes: list[Mistake]) -> None:
    """Put one `KEY=VALUE` into the raw recipe, whose own keys are `keys`."""
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
    if parts[0] not in keys:
        own = {next(iter(s)) for s in steps}
        step_name = max(own, key=lambda name: _likeness(path, name), default="")
        near = f"{step_name}.{parts[-1]}" if step_name and _likeness(path, step_name) > 0.8 else ""
        mistakes.append(Mistake(path, "unknown key", f"did you mean {near}?" if near else nearest(parts[0], keys)))
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
