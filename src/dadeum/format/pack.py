"""Packing: short examples side by side in rows of a given length, nothing cut.

Best fit, longest first: each example goes where it leaves the least room. Positions restart with every example, and no attention
mask is sent along: that is how transformers tells packed segments apart (an all-ones mask, or a cache, switches the separation off
and lets one example read another; probe.py measures it on the real model).
Source: H. Ding et al., "Fewer Truncations Improve Language Modeling", 2024 (best-fit packing).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def pack(lengths: Sequence[int], room: int) -> list[list[int]]:
    """Rows of positions into `lengths` (tokens), each row's sum at most `room`.

    Raises ValueError when an example is longer than `room`, for packing never cuts.

    >>> pack([3, 5, 2, 4], 7)
    [[1, 2], [3, 0]]
    """
    too_long = [n for n in lengths if n > room]
    if too_long:
        raise ValueError(f"{len(too_long)} examples do not fit into {room} tokens, the longest has {max(too_long)}")
    rows: list[list[int]] = []
    by_space: list[list[int]] = [[] for _ in range(room + 1)]
    free = 0  # bit s is set when some row has s tokens left: finding the best fit is then one shift
    for i in np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable").tolist():
        n = lengths[i]
        fitting = free >> n
        if fitting:
            space = n + (fitting & -fitting).bit_length() - 1
            row = by_space[space].pop()
            if not by_space[space]:
                free &= ~(1 << space)
        else:
            space, row = room, len(rows)
            rows.append([])
        rows[row].append(i)
        left = space - n
        by_space[left].append(row)
        free |= 1 << left
    return rows


def lay(examples: Sequence[tuple[np.ndarray, np.ndarray]], length: int, pad: int, ignored: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One row of (ids, labels) pairs side by side: (ids, labels, positions), int64, `length` tokens each.

    The padding at the end is a segment of its own. A segment's first label is ignored: the token before it belongs to another.
    """
    ids = np.full(length, pad, dtype=np.int64)
    labels = np.full(length, ignored, dtype=np.int64)
    positions = np.zeros(length, dtype=np.int64)
    at = 0
    for tokens, carried in examples:
        end = at + len(tokens)
        ids[at:end], labels[at:end], positions[at:end] = tokens, carried, np.arange(len(tokens))
        labels[at] = ignored
        at = end
    positions[at:] = np.arange(length - at)
    return ids, labels, positions
