"""Named checks before training: what fails in silence, found in the rows, the tokens and the settings.

A check looks at a `Setup` and gives a `Found`: verdict, number, the row that shows it, the remedy. probe.py measures the model's
behaviour; both end in one list (`graded`). `train.checks` says per name whether a failure blocks, warns, or is not looked for.

    data.py       overlap with the test split, text forms a tokenizer splits badly
    rows.py       every row accounted for, rows that do not fit
    mask.py       which tokens carry loss, proven again from the rendered text
    template.py   the template's and the configuration's stops
    tokens.py     the embeddings of the tokens that are used
    setting.py    learning rate, held-out rows
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from dadeum.settings import CheckLevel
from dadeum.train.checks import data, mask, rows, setting, template, tokens
from dadeum.train.checks.found import Found, Setup

CHECKS: Final[dict[str, Callable[[Setup], Found]]] = {
    "rows_accounted": rows.rows_accounted,
    "too_long": rows.too_long,
    "left_out": rows.left_out,
    "loss_by_role": mask.loss_by_role,
    "mask_round_trip": mask.mask_round_trip,
    "seams": mask.seams,
    "history": mask.history,
    "control_tokens": template.control_tokens,
    "template_differs": template.template_differs,
    "stop_agrees": template.stop_agrees,
    "vocabulary_fits": tokens.vocabulary_fits,
    "stop_learned": tokens.stop_learned,
    "learning_rate": setting.learning_rate,
    "held_out_loss": setting.held_out_loss,
    "overlap": data.overlap,
    "text_forms": data.text_forms,
}
WARNS: Final = ("too_long", "left_out", "seams", "history", "control_tokens", "template_differs", "stop_agrees", "learning_rate", "held_out_loss", "text_forms")
"""What may be wanted: told, without stopping anybody. Every other failure blocks unless the recipe says otherwise."""
ORDER: Final = ("fail", "warn", "pass", "not applicable")


def checks(setup: Setup) -> list[Found]:
    """Every check that `train.checks` does not switch off, in the table's order, each at the level in force."""
    asked = setup.settings.checks
    return [_level(check(setup), asked) for name, check in CHECKS.items() if asked.get(name) != "off"]  # type: ignore[call-overload]


def graded(found: Iterable[Found], levels: Mapping[Any, CheckLevel]) -> list[Found]:
    """Findings without those switched off, each at the level in force, failures first."""
    kept = [_level(f, levels) for f in found if levels.get(f.name) != "off"]
    return sorted(kept, key=lambda f: ORDER.index(f.verdict))


def _level(found: Found, levels: Mapping[Any, CheckLevel]) -> Found:
    level = levels.get(found.name) or ("warn" if found.name in WARNS else "block")
    if found.verdict == "fail" and level == "warn":
        return found.as_("warn")
    # A probe may itself only warn: the recipe can make that a reason to stop.
    return found.as_("fail") if found.verdict == "warn" and levels.get(found.name) == "block" else found
