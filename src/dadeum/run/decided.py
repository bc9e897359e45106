"""Is tuning worth it? `dadeum decide`, before anything is trained and after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dadeum import tuning
from dadeum.engine import folder
from dadeum.recipe import Recipe
from dadeum.run.staged import data, json_bytes


def decide(recipe: Recipe, out: Path, workers: int = 0) -> dict[str, Any]:
    """decision.json's content; the report tells it too. Makes the data where they are not there, trains nothing."""
    with folder.locked(out):
        data(recipe, out, "split", 0, workers)
        found = tuning.decide(recipe, out)
        folder.publish(out / "decision.json", json_bytes(found))
        from dadeum.report.page import write

        write(out)
    return found
