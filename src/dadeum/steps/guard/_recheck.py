"""The guard once more, on what a run has written: what a trainer reads is what has to be free of the benchmark.

Steps after the guard may bring an item in (a template, a translation, a synthesised row), and so may a writer. An exported file is
read as any source and asked through the same index.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from dadeum.settings import Source
from dadeum.steps.guard.contamination import Contamination

HITS: Final = pl.Schema({"place": pl.String(), "reason": pl.String(), "value": pl.Float64(), "witness": pl.String()})
CHUNK: Final = 32_768


def exported(step: Contamination, path: Path | str) -> pl.DataFrame:
    """HITS: the rows of an exported file that the step would not let through, a line each, in the order of the file.

    A row that can't be read raises no alarm of its own: writers are tested to write none.
    """
    from dadeum import io

    found = [pl.DataFrame(schema=HITS)]
    for chunk in io.read(Path(path), Source(path=str(path)), CHUNK):
        told = step.why(chunk.rows)
        places = chunk.rows.select(pl.concat_str(pl.lit(f"{path}{chunk.mark}"), "line").alias("place"))
        found.append(pl.concat([places, told.drop("threshold")], how="horizontal").filter(pl.col("reason").is_not_null()).select(HITS.names()))
    return pl.concat(found)
