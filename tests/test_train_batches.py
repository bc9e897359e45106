"""The plan of a training: token budgets to the token, every example as often as epochs say, the same plan for the same seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dadeum.settings import Train
from dadeum.train.batches import fill, plan, row_length

SETTINGS = Train(max_length=64, batch_tokens=256, micro_tokens=128)
LENGTHS = st.lists(st.integers(2, 60), min_size=3, max_size=60)


def flat(made):
    return [i for micro in made.micros for row in micro for i in row]


@given(LENGTHS, st.booleans())
def test_epochs_see_every_example_equally_often(lengths, packing):
    made = plan(lengths, replace(SETTINGS, packing=packing, epochs=3.0), 0)
    assert np.bincount(flat(made), minlength=len(lengths)).tolist() == [3] * len(lengths)
    assert made.tokens[-1] == 3 * sum(lengths) and made.steps == -(-len(made.micros) // made.accumulate)


def test_part_of_an_epoch_draws_without_repeats():
    made = plan([10] * 100, replace(SETTINGS, epochs=1.5), 0)
    assert sorted(np.bincount(flat(made), minlength=100).tolist()) == [1] * 50 + [2] * 50


def possible(lengths, total):
    """The slow obvious twin: all sums that examples, used any number of times, can make."""
    reached = {0}
    for _ in range(total):
        reached |= {s + n for s in reached for n in set(lengths) if s + n <= total}
    return max(reached)


@given(LENGTHS, st.integers(400, 3000))
def test_a_token_budget_is_met_to_the_token_where_lengths_allow(lengths, budget):
    made = plan([*lengths, 2, 3], replace(SETTINGS, tokens=budget), 0)
    assert made.tokens[-1] == budget == sum([*lengths, 2, 3][i] for i in flat(made))


@given(st.lists(st.integers(7, 20), min_size=1, max_size=4), st.integers(7, 60))
def test_a_budget_that_lengths_do_not_allow_is_come_near_from_below(lengths, budget):
    made = plan(lengths, replace(SETTINGS, tokens=budget), 0)
    best = possible(lengths, budget)
    got = int(made.tokens[-1]) if made.steps else 0
    assert got == best or (budget > 4 * max(lengths) and best - max(lengths) <= got <= best)


@given(LENGTHS, st.booleans())
def test_forward_passes_stay_within_their_tokens(lengths, packing):
    settings = replace(SETTINGS, packing=packing)
    for micro in fill(lengths, list(range(len(lengths))), settings, np.random.default_rng(0)):
        width = row_length(lengths, settings) if packing else max(lengths[row[0]] for row in micro)
        assert max(sum(lengths[i] for i in row) for row in micro) <= width
        assert len(micro) == 1 or len(micro) * width <= settings.micro_tokens + 8 * len(micro)


@pytest.mark.parametrize("packing", [True, False])
def test_the_seed_alone_decides(packing):
    lengths = np.random.default_rng(0).integers(2, 60, 200).tolist()
    settings = replace(SETTINGS, packing=packing)
    assert plan(lengths, settings, 1).micros == plan(lengths, settings, 1).micros != plan(lengths, settings, 2).micros


def test_a_step_has_the_tokens_that_are_asked_for_however_large_a_pass_may_be() -> None:
    lengths = [16] * 400
    for batch, micro in ((256, 2048), (256, 256), (1024, 256)):
        steps = plan(lengths, replace(SETTINGS, batch_tokens=batch, micro_tokens=micro, epochs=1.0, tokens=0), 0)
        taken = np.diff(steps.tokens, prepend=0)
        assert 0.5 * batch <= np.median(taken) <= batch, (batch, micro)
