"""The supervision ledger held against the batches, for every row: packing, padding and collation must lose no id and no label.

A mask can be right in the rows and lost on the way to the model (trl #3728, #3484). probe.ledger asks the trainer itself on a sample;
this asks the collation of every row once. `missing` counts rows that meet in no batch at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from dadeum.format.supervise import Example, digest
from dadeum.settings import Train
from dadeum.train.batches import Micro, collate, plan, unlay
from dadeum.train.checks.found import Found, Setup

Collate = Callable[[Sequence[Example], Micro, Train, int], dict[str, Any]]


def batched(examples: Sequence[Example], settings: Train, collate: Collate = collate) -> dict[str, Any]:
    """{rows, unlike, missing, row}: how one epoch's batches differ from the examples, and the first row that shows it."""
    told: dict[str, Any] = {"rows": len(examples), "unlike": 0, "missing": 0, "row": ""}
    if not examples:
        return told
    met: set[int] = set()
    for micro in plan([len(e.ids) for e in examples], replace(settings, tokens=0, epochs=1.0), 0).micros:
        met.update(i for row in micro for i in row)
        for example, ids, labels in unlay(collate(examples, micro, settings, 0), examples, micro):
            if digest(ids, labels) != example.digest:
                told["unlike"] += 1
                told["row"] = told["row"] or example.id
    absent = [e.id for i, e in enumerate(examples) if i not in met]
    return told | {"missing": len(absent), "row": told["row"] or next(iter(absent), "")}


def batches_match(setup: Setup) -> Found:
    """Every row's ids and labels, taken out of its batch again, are those of the ledger."""
    told = setup.batched or batched(setup.sample.examples, setup.settings)
    bad = told["unlike"] + told["missing"]
    if not bad:
        return Found("batches_match", "pass", 0.0, f"all {told['rows']:,} rows reach their batches with the ids and labels of the ledger")
    means = f"{told['unlike']:,} rows are in a batch with other ids or labels than the ledger says, {told['missing']:,} in none"
    return Found("batches_match", "fail", bad / max(1, told["rows"]), means, told["row"], "set train.packing to false, and report this")
