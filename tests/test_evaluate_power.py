"""Power against simulation and against the figures that are quoted for it."""

from __future__ import annotations

import itertools
import math
import warnings

import numpy as np
import pytest

from dadeum.evaluate import power
from dadeum.evaluate.compare import Arm, compare
from dadeum.evaluate.quantiles import t_quantile
from dadeum.evaluate.reach import Part, promised
from dadeum.evaluate.resample import mcnemar
from evaluate_worlds import cell


@pytest.mark.parametrize(("items", "points"), [(26, 25), (200, 9), (1000, 4)])
def test_the_quoted_figures(items: int, points: int) -> None:
    found = power.smallest(items)
    assert found is not None and round(100 * found) == points


@pytest.mark.parametrize(("items", "gap"), [(26, 0.25), (60, 0.15), (200, 0.09), (400, 0.03)])
def test_chance_by_simulation(items: int, gap: float) -> None:
    """Items fall as they will, McNemar's mid-p decides: 20,000 times."""
    rng = np.random.default_rng(0)
    apart = max(0.2, gap)
    falls = rng.multinomial(items, [(apart + gap) / 2, (apart - gap) / 2, 1 - apart], 20_000)
    kinds, often = np.unique(falls[:, :2], axis=0, return_counts=True)
    called = sum(n for (won, lost), n in zip(kinds.tolist(), often.tolist()) if mcnemar(won, lost) <= 0.05) / 20_000
    assert power.chance(items, gap) == pytest.approx(called, abs=0.012)


@pytest.mark.parametrize("items", [26, 200])
def test_the_whole_comparison_has_about_that_power(items: int) -> None:
    """compare asks its interval too, so it may see a little less than McNemar alone."""
    gap = power.smallest(items)
    assert gap is not None
    rng = np.random.default_rng(1)
    apart = max(0.2, gap)
    called = 0
    for _ in range(300):
        fall = rng.choice(3, items, p=[(apart + gap) / 2, (apart - gap) / 2, 1 - apart])
        a, b = np.ones((1, items)), np.ones((1, items))
        b[0, fall == 0], a[0, fall == 1] = 0, 0
        called += compare(Arm("a", a), Arm("b", b, fixed=True), binary=True, resamples=399).p <= 0.05
    assert called / 300 >= 0.7


def test_exact_and_normal_agree_where_they_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    for gap, apart in itertools.product((0.02, 0.03, 0.04), (0.1, 0.2)):
        exact = power.chance(1000, gap, apart)
        monkeypatch.setattr(power, "EXACT", 0)
        assert power.chance(1000, gap, apart) == pytest.approx(exact, abs=0.01)
        monkeypatch.undo()


def test_no_difference_is_called_at_most_at_the_level() -> None:
    assert all(power.chance(n, 0.0) <= 0.0501 for n in (5, 10, 26, 60, 200, 1000, 5000))


def test_needed_and_smallest_are_inverse() -> None:
    for gap in (0.3, 0.1, 0.05, 0.02):
        items = power.needed(gap)
        found = power.smallest(items)
        # Few items are called by whole numbers of them: the chance goes up and down from one number of items to the next.
        assert found is not None and found == pytest.approx(gap, rel=0.1 if gap > 0.2 else 0.03)


def test_clusters_cost_items() -> None:
    alone, grouped = power.smallest(400), power.smallest(400, sizes=[10] * 40, correlation=0.2)
    assert alone is not None and grouped is not None and grouped > 1.4 * alone
    assert power.smallest(400, sizes=[1] * 400) == alone
    uneven = power.smallest(400, sizes=[1, 19] * 20, correlation=0.2)
    assert uneven is not None and uneven > grouped
    assert power.design_effect([10] * 40, 1.0) == 10 and power.design_effect([10] * 40, 0.0) == 1
    assert power.needed(0.1, effect=2.0) == pytest.approx(2 * power.needed(0.1), abs=1)


def test_trainings_and_corrections_cost_too() -> None:
    one, three, two = (power.smallest(300, seeds=n) for n in (1, 3, 2))
    assert one is not None and three is not None and two is not None and one < three < two
    corrected = power.smallest(300, level=0.05 / 8)
    assert corrected is not None and corrected > one


def test_what_cannot_be_shown_says_so() -> None:
    assert power.smallest(4) is None
    assert power.smallest(100, sizes=[20] * 5) is None and power.smallest_mean(1.0, 100, sizes=[20] * 5) is None
    assert power.smallest_mean(1.0, 1) is None and power.forecast(0) == []
    with pytest.raises(ValueError, match="share"):
        power.needed(0.0)


def test_promise_is_the_noncentral_t() -> None:
    """With one source of chance whose deviation is the true one there is a closed form: SciPy's noncentral t."""
    stats = pytest.importorskip("scipy.stats", reason="SciPy is not installed")
    for df in (4, 11, 59):
        reach = float(stats.t.ppf(0.975, df))
        found = promised([Part(1.0, reach, df)], 0.8, known=True)
        assert float(stats.nct.sf(reach, df, found)) == pytest.approx(0.8, abs=0.01)


def test_what_has_no_limit_promises_nothing_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert promised([Part(1.0, math.inf, 1.0)], 0.8, known=False) == math.inf


def test_a_promise_of_what_is_estimated_is_larger() -> None:
    for df in (3, 11, 30):
        parts = [Part(1.0, float(t_quantile(0.975, df)), df)]
        assert promised(parts, 0.8, known=False) > promised(parts, 0.8, known=True) > 2.8
    both = promised([Part(1.0, 1.96, 1e6), Part(1.0, 4.3, 2)], 0.8, known=True)
    assert both > promised([Part(1.0, 1.96, 1e6)], 0.8, known=True)


@pytest.mark.parametrize("name", ["60 items, one model against the base", "400 items in 20 uneven clusters, one model", "200 items, three models against the base"])
def test_a_forecast_effect_is_found(name: str) -> None:
    """Of 150 worlds 80 % less two errors and a half are 72 %."""
    assert cell(name, "promised", 150, seed=4, resamples=399) >= 0.72


@pytest.mark.parametrize("discordant", range(30))
def test_critical_by_trying_all(discordant: int) -> None:
    tried = [lost for lost in range((discordant + 1) // 2) if mcnemar(discordant - lost, lost) <= 0.05]
    assert power.critical(200, discordant, 0.05) in (max(tried, default=-1), max(tried, default=-1) - 1)


def test_means_by_simulation() -> None:
    rng = np.random.default_rng(3)
    gap = power.smallest_mean(2.0, 100)
    assert gap is not None
    samples = rng.normal(gap, 2.0, (4000, 100))
    z = samples.mean(1) / (samples.std(1, ddof=1) / 10)
    assert (abs(z) > 1.96).mean() == pytest.approx(0.8, abs=0.03)


def test_forecast_tells_more_discordance_more_trouble() -> None:
    told = power.forecast(300)
    assert [row["discordant"] for row in told] == [0.1, 0.2, 0.4]
    sizes = [row["smallest"] for row in told]
    assert sizes == sorted(sizes, key=lambda x: x or 1)
    assert len(power.forecast(300, [10] * 30)) == 6
