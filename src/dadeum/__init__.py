"""dadeum (다듬): raw rows in, a dataset in which every row is accounted for, a tuned model, and a proof whether it got better.

A row enters at the top of this page and leaves as evidence at the bottom. Imports point one way only, upward.

    errors     the tree of errors and their exit codes
    record     the one schema; records(), prose(), rewrite(), lift()                         read 1st
    profiles   language profiles: rules by each row's script
    settings   every key of a recipe outside its steps
    step       the four shapes of step (Edit, Filter, Compare, Grow) and their promises      read 2nd
    ledger     receipts, verdicts, balance; why(), funnel()                                  read 3rd
    recipe     the YAML: strict, every mistake at once                                       read 4th
    io         files to records and back: one format a file
    steps      clean annotate filter dedup guard mix form: one step a file
    engine     where steps run: units, differences, passes, processes
    format     records to token arrays with a loss mask
    train      one loop, adapters, probes, generation
    evaluate   metrics, paired comparison, power, proof
    report     report.html, card.md, look, the terminal
    tuning     supervision, trainings, proof of a run
    run        a recipe from its sources to its proof
    demo       raw data by rule, with planted dirt and its truth
    cli        one command = one function

The public names below are imported when they are first used: `import dadeum` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "RECORD": "record",
    "records": "record",
    "prose": "record",
    "rewrite": "record",
    "lift": "record",
    "Edit": "step",
    "Filter": "step",
    "Compare": "step",
    "Grow": "step",
    "TextStep": "step",
    "verdict": "step",
    "Recipe": "recipe",
    "load": "recipe",
    "compose": "recipe",
    "why": "ledger",
    "funnel": "ledger",
    "DadeumError": "errors",
}
__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(f"dadeum.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module 'dadeum' has no attribute {name!r}")
