"""The algorithms: the contract for each, and what each says on counts that can be checked by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rtanalytics import trending
from rtanalytics.counts import BinCounts
from rtanalytics.trending import ALGORITHMS, DEFAULT, get, poisson_surprise
from tests import naive
from tests.contracts.scorer import WIDTH, ScorerContract

SETTINGS: dict[str, tuple[dict[str, Any], ...]] = {
    "count": ({}, {"bins": 1}, {"bins": 30}),
    "decay": ({}, {"half_life": 0.5}),
    "ewma": ({}, {"half_life": 2.0, "floor_count": 0.3}),
    "poisson": ({}, {"history": 1}, {"history": 20}),
    "seasonal-poisson": ({}, {"period_hours": 1.0, "prior": 3.0}, {"history": 20, "period_hours": 2.0}),
}


def _contract(name: str) -> type[ScorerContract]:
    members = {
        "make": ALGORITHMS[name],
        "settings": SETTINGS[name],
        "twin": staticmethod(naive.SCORES[name]),
    }
    return type(f"Test_{name.replace('-', '_')}", (ScorerContract,), members)


for _name in sorted(ALGORITHMS):
    globals()[f"Test_{_name.replace('-', '_')}"] = _contract(_name)


def steps(name: str, *counts: float, total: float = 100.0, **parameters: Any) -> list[float]:
    """Scores of one term in successive bins."""
    algorithm = get(name, **parameters)
    state = algorithm.start()
    scores = []
    for number, count in enumerate(counts):
        said = np.array([0]) if count else np.array([], np.int64)
        bin = BinCounts(number, said, np.full(len(said), float(count)), total, WIDTH)
        scores += algorithm.step(state, bin).score.tolist()
    return scores


def test_the_registry_holds_the_five_first_algorithms() -> None:
    """The contract above runs for something: five names at least, the default among them."""
    assert {"count", "decay", "ewma", "poisson", "seasonal-poisson", DEFAULT} <= set(ALGORITHMS)
    assert set(SETTINGS) == set(naive.SCORES) == set(ALGORITHMS)


def test_an_unknown_algorithm_is_refused_with_the_names_there_are() -> None:
    """A misspelt name is answered by the list of right ones, a misspelt parameter likewise."""
    with pytest.raises(ValueError, match=r"no algorithm .poison.; there are .*poisson"):
        get("poison")
    with pytest.raises(ValueError, match=r"no parameter .halflife.; it has history"):
        get("poisson", halflife=3)
    with pytest.raises(ValueError, match="bins is 0"):
        get("count", bins=0)


def test_window_count_forgets_what_left_the_window() -> None:
    """Sums of the last two bins, worked by hand."""
    assert steps("count", 3, 4, 5, bins=2) == [3.0, 7.0, 9.0]


def test_decayed_count_halves_at_its_half_life() -> None:
    """8 said two bins ago weigh 2 at a half-life of one bin."""
    assert steps("decay", 8, 0, 1, half_life=1.0) == [8.0, 3.0]


def test_ewma_measures_in_deviations() -> None:
    """α = ½: after one 4 the mean is 2 and the variance ½·½·16 = 4, so 7 lies 5/√5 away."""
    assert steps("ewma", 4, 7, half_life=1.0) == pytest.approx([4.0, 5 / 5**0.5])


def test_poisson_scores_the_tail() -> None:
    """λ = (1 + ½)·100/100 = 1.5 and P(X ≥ 2) = 1 − 2.5·e^−1.5 = 0.4422."""
    assert steps("poisson", 1, 2) == pytest.approx([0.0, -np.log10(1 - 2.5 * np.exp(-1.5))])


def test_the_season_calms_what_comes_every_day() -> None:
    """A term said 30 times at the same hour of each day is news on the first days only."""
    days = ([30.0] + [0.0] * 95) * 5
    plain, seasonal = steps("poisson", *days), steps("seasonal-poisson", *days)
    assert plain[-1] > 10
    assert seasonal[-1] < 3


def test_poisson_surprise_is_finite_where_probabilities_underflow() -> None:
    """K = 5000 at λ = 1 has log₁₀ P ≈ −16 300, far below the smallest float."""
    surprise = poisson_surprise(np.array([5000.0, 200.0]), np.array([1.0, 1e-3]))
    assert surprise == pytest.approx([naive.poisson_tail(5000, 1.0), naive.poisson_tail(200, 1e-3)])
    assert surprise[0] > 16_000


def test_all_names_are_exported() -> None:
    """Every registered class can be imported from the module by its name."""
    for cls in ALGORITHMS.values():
        assert getattr(trending, cls.__name__) is cls
