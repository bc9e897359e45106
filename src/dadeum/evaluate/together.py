"""Several suites, one claim: their comparisons corrected for each other, so that a gain on one of ten suites is no luck of ten tries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dadeum.evaluate import metrics
from dadeum.evaluate.compare import holm, verdict


def together(proofs: Sequence[dict[str, Any]]) -> None:
    """Correct the comparisons of each proof's own metric for all of them (Holm), verdicts and headlines with them; in place.

    With one proof nothing changes: it is corrected over its pairs already.
    """
    rows = [(told, row) for told in proofs for row in told["comparisons"] if row["metric"] == told["metric"]]
    for (told, row), corrected in zip(rows, holm([row["p"] for _, row in rows])):
        up = told["higher_is_better"] if "higher_is_better" in told else metrics.METRICS[row["metric"]].higher_is_better
        called = verdict(row["difference"], corrected, told["level"], up)
        blind = row["items_only"] is not None
        row |= {"p_corrected": corrected, "verdict": "cannot tell" if blind else called, "items_only": called if blind else None}
        if [row["a"], row["b"]] == told["headline"]:
            told |= {key: row[key] for key in ("p_corrected", "verdict", "items_only")}
