"""Packing: everything once, nothing cut, positions that restart, and no more rows than first fit would take."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dadeum.format.pack import lay, pack


@given(st.lists(st.integers(1, 50), max_size=80))
def test_every_example_once_and_no_row_too_long(lengths):
    rows = pack(lengths, 50)
    assert sorted(i for row in rows for i in row) == list(range(len(lengths)))
    assert all(sum(lengths[i] for i in row) <= 50 for row in rows)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=60))
def test_best_fit_equals_a_slow_twin(lengths):
    left: list[int] = []
    for n in sorted(lengths, reverse=True):
        fitting = [r for r in range(len(left)) if left[r] >= n]
        if fitting:
            left[min(fitting, key=lambda r: left[r])] -= n
        else:
            left.append(50 - n)
    rows = pack(lengths, 50)
    assert sorted(50 - sum(lengths[i] for i in row) for row in rows) == sorted(left)


def test_what_does_not_fit_is_said():
    with pytest.raises(ValueError, match="2 examples do not fit into 10 tokens, the longest has 12"):
        pack([11, 3, 12], 10)


def test_a_row_restarts_its_positions_and_hides_first_labels():
    a, b = np.array([5, 6, 7]), np.array([8, 9])
    ids, labels, positions = lay([(a, a), (b, b)], 7, 0, -100)
    assert ids.tolist() == [5, 6, 7, 8, 9, 0, 0]
    assert positions.tolist() == [0, 1, 2, 0, 1, 0, 1]
    assert labels.tolist() == [-100, 6, 7, -100, 9, -100, -100]
