"""Nearness in meaning, as far as an embedding sees it: the cosine of reply and reference.

It can't see what its embedding can't: the built-in one knows spelling, not synonyms, and none of them knows that `not` turns a sentence
round. A reply with nothing to embed is unscored.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from dadeum import embed


def scores(pairs: Sequence[tuple[str, str]], embedding: str = embed.HASHED) -> list[float | None]:
    """The cosine of each (reply, reference), -1 to 1; null where the reply is empty.

    >>> scores([("환불해 주세요", "환불해 주세요"), ("", "환불")])
    [1.0, None]
    """
    model = embed.load(embedding)
    said, asked = (model.vectors(pl.Series([pair[side] for pair in pairs], dtype=pl.String)) for side in (0, 1))
    cosines = np.einsum("nd,nd->n", said, asked, dtype=np.float64)
    return [round(float(cosine), 6) if there else None for cosine, there in zip(cosines.tolist(), (np.abs(said).sum(axis=1) > 0).tolist())]
