"""Receipts, verdicts, balance: what happened to every record, and why.

Every raw row ends in exactly one state: kept, dropped (step, reason, value, threshold), merged (into a witness that stays) or
quarantined (it could not be read, or a step could not work on it). For each step and shard a Receipt says how many came in
and went out; `balance` refuses a run whose numbers do not add up:

    read + grown = kept + dropped + merged + quarantined

`why` tells the life of one row from a finished run's folder, `funnel` the whole of it.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson
import polars as pl

from dadeum.errors import BalanceError, DadeumError

STATES: Final = ("dropped", "merged", "quarantined")
VERDICTS: Final = pl.Schema(
    {
        "id": pl.String(),
        "source": pl.String(),
        "place": pl.String(),
        "state": pl.String(),
        "step": pl.String(),
        "reason": pl.String(),
        "value": pl.Float64(),
        "threshold": pl.Float64(),
        "witness": pl.String(),
    }
)
"""ledger/verdicts.parquet: one line for every record that is not in data/."""
EDITS: Final = pl.Schema({"id": pl.String(), "step": pl.String(), "before": pl.String(), "after": pl.String()})
"""ledger/edits.parquet: one line for every record and step that changed its contents."""


@dataclass(frozen=True)
class Receipt:
    """One step on one shard."""

    step: str
    key: str
    rows_in: int
    rows_out: int
    edited: int = 0
    grown: int = 0
    left: dict[str, dict[str, int]] = field(default_factory=dict)
    """state -> reason -> rows."""
    seconds: float = 0.0
    cached: bool = False
    report: dict[str, Any] = field(default_factory=dict)

    def check(self, where: str) -> None:
        """Raises BalanceError where `rows_in + grown != rows_out + left`."""
        left = sum(n for reasons in self.left.values() for n in reasons.values())
        if self.rows_in + self.grown != self.rows_out + left:
            raise BalanceError(
                f"{self.step} on {where} does not balance: {self.rows_in} in + {self.grown} grown"
                f" != {self.rows_out} out + {left} left. Nothing was published; this is a defect of the step or the engine."
            )


def add(receipts: Iterable[Receipt]) -> Receipt:
    """The receipts of one step over all shards, as one."""
    receipts = list(receipts)
    left: dict[str, Counter[str]] = {}
    for r in receipts:
        for state, reasons in r.left.items():
            left.setdefault(state, Counter()).update(reasons)
    report: dict[str, Any] = {}
    for r in receipts:
        report.update(r.report)
    return Receipt(
        step=receipts[0].step,
        key=receipts[0].key,
        rows_in=sum(r.rows_in for r in receipts),
        rows_out=sum(r.rows_out for r in receipts),
        edited=sum(r.edited for r in receipts),
        grown=sum(r.grown for r in receipts),
        left={state: dict(sorted(reasons.items())) for state, reasons in left.items()},
        seconds=sum(r.seconds for r in receipts),
        cached=all(r.cached for r in receipts),
        report=report,
    )


def stage(receipt: Receipt) -> dict[str, Any]:
    """The receipt as an entry of run.json's `stages`; `dropped` holds every reason that a row left for."""
    return {
        "step": receipt.step,
        "key": receipt.key,
        "rows_in": receipt.rows_in,
        "rows_out": receipt.rows_out,
        "edited": receipt.edited,
        "grown": receipt.grown,
        "dropped": {reason: n for reasons in receipt.left.values() for reason, n in reasons.items()},
        "states": {state: sum(reasons.values()) for state, reasons in receipt.left.items()},
        "seconds": round(receipt.seconds, 3),
        "cached": receipt.cached,
        "report": receipt.report,
    }


def count(receipts: Iterable[Receipt], kept: int) -> dict[str, int]:
    """run.json's `counts`, from the totals of every step (the first one reads) and the rows that were written."""
    receipts = list(receipts)
    counts = {"read": receipts[0].rows_in, "kept": kept, **dict.fromkeys(STATES, 0), "grown": sum(r.grown for r in receipts)}
    for r in receipts:
        for state, reasons in r.left.items():
            counts[state] += sum(reasons.values())
    return counts


def balance(receipts: list[Receipt], counts: dict[str, int], verdicts: pl.DataFrame) -> None:
    """Raises BalanceError unless every step, the chain of steps, the totals and the verdicts agree.

    verdicts: `state` and `n`, as counted in the verdicts that were written.
    """
    for before, after in itertools.pairwise(receipts):
        if before.rows_out != after.rows_in:
            raise BalanceError(f"{before.step} gave {before.rows_out} rows, {after.step} took {after.rows_in}. Nothing was published.")
    for receipt in receipts:
        receipt.check("all shards")
    if counts["read"] + counts["grown"] != counts["kept"] + sum(counts[s] for s in STATES):
        raise BalanceError(f"the run does not balance: {counts}. Nothing was published.")
    written = dict(verdicts.select("state", "n").iter_rows())
    told = {state: counts[state] for state in STATES if counts[state]}
    if written != told:
        raise BalanceError(f"the verdicts say {written}, the receipts {told}. Nothing was published.")


def read_run(run: Path) -> dict[str, Any]:
    """run.json of a finished run. Raises DadeumError where there is none, or one that is damaged."""
    try:
        told = orjson.loads((run / "run.json").read_bytes())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DadeumError(f"{run} holds no finished run (no run.json): run the recipe first, or let it finish") from error
    except orjson.JSONDecodeError:
        told = None
    if not isinstance(told, dict) or not isinstance(told.get("stages"), list):
        raise DadeumError(f"{run / 'run.json'} is damaged: run the recipe again, what is whole in the folder's cache is not made anew")
    return told


def read_json(path: Path, kind: type = dict) -> Any:
    """A JSON file of a run's folder that holds a `kind`; None where there is no such file. Raises DadeumError where it is damaged."""
    try:
        told = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except orjson.JSONDecodeError:
        told = None
    if not isinstance(told, kind):
        raise DadeumError(f"{path} is damaged: delete it, and let the command that makes it make it anew")
    return told


def funnel(run: Path) -> list[dict[str, Any]]:
    """Step, rows in, rows out, by reason."""
    keys = ("step", "rows_in", "rows_out", "edited", "grown", "dropped", "seconds", "cached")
    return [{k: stage[k] for k in keys} for stage in read_run(run)["stages"]]


def why(run: Path, id: str) -> dict[str, Any]:
    """The life of one row: {id, state, place, verdict, edits, merged_here, split}.

    `id` may also be a place (`file:line`). Raises DadeumError where no row of the run has it.
    """
    read_run(run)
    verdicts = pl.scan_parquet(run / "ledger/verdicts.parquet")
    found = verdicts.filter((pl.col("id") == id) | (pl.col("place") == id)).collect()
    life: dict[str, Any] = {"id": id, "state": "kept", "place": None, "split": None, "verdict": None, "edits": [], "merged_here": []}
    if found.height:
        verdict = found.row(0, named=True)
        life |= {"id": verdict["id"], "state": verdict["state"], "place": verdict["place"], "verdict": verdict}
    else:
        for path in sorted((run / "data").glob("*.parquet")):
            kept = pl.scan_parquet(path).filter((pl.col("id") == id) | (pl.col("place") == id)).select("id", "place", "parents").collect()
            if kept.height:
                row = kept.row(0, named=True)
                life |= {"id": row["id"], "place": row["place"], "split": path.stem, "parents": row["parents"]}
                break
        else:
            raise DadeumError(f"no row of {run} has the id or the place {id!r}; ids stand in data/*.parquet and ledger/verdicts.parquet")
    edits = pl.scan_parquet(run / "ledger/edits.parquet").filter(pl.col("id") == life["id"])
    life["edits"] = edits.select("step", "before", "after").collect().to_dicts()
    merged = verdicts.filter((pl.col("witness") == life["id"]) & (pl.col("state") == "merged"))
    life["merged_here"] = merged.select("id", "place", "step", "value").collect().to_dicts()
    return life
