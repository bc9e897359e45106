"""Named checks before training: what fails in silence, found in the rows, the tokens and the settings.

A check looks at a `Setup` and gives a `Found`: verdict, number, the row that shows it, the remedy. probe.py measures the model's
behaviour; both end in one list (`graded`). `train.checks` says per name whether a failure blocks, warns, or is not looked for.

    pairs.py      pairs that contradict one another or teach length, labels too rare or unknown
    data.py       overlap with the test split, text forms a tokenizer splits badly
    rows.py       every row accounted for, rows that do not fit, or that the base was not made for
    mask.py       which tokens carry loss, proven again from the rendered text
    template.py   the template's and the configuration's stops
    tokens.py     the embeddings of the tokens that are used
    setting.py    learning rate, held-out rows
    batched.py    the ledger against every batch
    given.py      a ledger that is still true, a base whose parts fit, enough rows, room on the disk

The ways in which trainings fail in silence, as users of other tools have met them, and who looks for each:

     1 end of text masked as padding                              stop_trained
     2 end of turn outside the mask                               stop_trained, mask_round_trip; mask_proven (no_stop)
     3 end cut off by truncation                                  nothing is cut; too_long
     4 rows dropped without a word                                rows_accounted, left_out
     5 beginning of text twice                                    mask_proven (double_bos), double_bos
     6 loss on the question                                       loss_by_role
     7 no generation markers, an empty mask                       loss_by_role, mask_round_trip; mask_proven (markers) where there are any
     8 mask lost by packing or collation                          batches_match, ledger_matches, mask_gradient
     9 a content found in the wrong place, or lost                mask_round_trip, content_kept
    10 spans found by token search                                never searched; mask_round_trip
    11 the prompt is no prefix of the chat                        mask_proven (prompt_differs), seams, history
    12 packing leaks                                              packing_leak
    13 positions switched off by another argument                 packing_leak
    14 architectures that leak anyway                             packing_leak
    15 a stop that was never learned, frozen                      stop_learned
    16 new tokens without embeddings                              vocabulary_fits, stop_learned
    17 three files name three stops                               stop_agrees, base_fits
    18 served with another template                               template_differs
    19 bf16 rounds updates away                                   updates_survive
    20 a trainable tensor never moves                             all_move
    21 accumulation makes a mean of means                         accumulation
    22 adapters on a few matrices only                            adapters_cover
    23 a rate of another method, too few steps                    learning_rate, enough_steps
    24 an adapter merged onto another base than it was trained on quantised_agrees
    25 tied weights lost in saving                                reload_agrees
    26 a stale ledger                                             cache_fresh
    27 no held-out loss, so no early stopping                     held_out_loss
    28 an adapter saved under wrong names                         reload_agrees
    29 a resume that begins anew                                  resume_agrees
    30 a score that is the rendering's                            renderers_agree, askable (tuning/rendered.py)
    31 test rows in training                                      overlap; mix.split and guard.contamination before it
    32 Hangul in pieces, broken marks                             text_forms
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from dadeum.settings import CheckLevel
from dadeum.train.checks import batched, data, given, mask, pairs, rows, setting, template, tokens
from dadeum.train.checks.found import Found, Setup

CHECKS: Final[dict[str, Callable[[Setup], Found]]] = {
    "rows_accounted": rows.rows_accounted,
    "too_long": rows.too_long,
    "context_fits": rows.context_fits,
    "left_out": rows.left_out,
    "loss_by_role": mask.loss_by_role,
    "mask_proven": mask.mask_proven,
    "mask_round_trip": mask.mask_round_trip,
    "seams": mask.seams,
    "history": mask.history,
    "control_tokens": template.control_tokens,
    "content_kept": template.content_kept,
    "template_differs": template.template_differs,
    "stop_agrees": template.stop_agrees,
    "vocabulary_fits": tokens.vocabulary_fits,
    "stop_learned": tokens.stop_learned,
    "learning_rate": setting.learning_rate,
    "held_out_loss": setting.held_out_loss,
    "overlap": data.overlap,
    "text_forms": data.text_forms,
    "batches_match": batched.batches_match,
    "cache_fresh": given.cache_fresh,
    "base_finite": given.base_finite,
    "base_fits": given.base_fits,
    "data_enough": given.data_enough,
    "disk_enough": given.disk_enough,
    "pairs_contradict": pairs.pairs_contradict,
    "pairs_length": pairs.pairs_length,
    "labels_balanced": pairs.labels_balanced,
    "labels_known": pairs.labels_known,
}
WARNS: Final = (
    "too_long", "left_out", "seams", "history", "control_tokens", "template_differs", "stop_agrees", "learning_rate", "held_out_loss", "text_forms", "pairs_length",
    "renderers_agree", "adapters_cover",
)  # fmt: skip
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
