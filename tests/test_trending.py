"""The algorithms: the contract for each, and what each says on counts that can be checked by hand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rtanalytics.algorithms.bursts import viterbi
from rtanalytics.counts import BinCounts, Cells
from rtanalytics.topics import Trender
from rtanalytics.trending import ALGORITHMS, DEFAULT, get, poisson_surprise
from tests import naive_scores as naive
from tests.contracts.scorer import WIDTH, ScorerContract

SETTINGS: dict[str, tuple[dict[str, Any], ...]] = {
    "benhardus": ({},),
    "change-point": ({}, {"hazard": 0.2, "longest": 5, "recent": 2, "shape": 1.0, "rate": 0.5}),
    "chi2": ({}, {"history": 7}),
    "count": ({}, {"bins": 1}, {"bins": 30}),
    "cusum": ({}, {"s": 5.0}),
    "decay": ({}, {"half_life": 0.5}),
    "df-idf": ({}, {"history": None}),
    "ewma": ({}, {"half_life": 2.0, "floor_count": 0.3}),
    "g2": ({}, {"history": 7}),
    "gnip": ({},),
    "growth": ({}, {"history": None}, {"history": 3}),
    "jlh": ({}, {"history": 7}),
    "kleinberg": ({}, {"states": 4, "s": 1.5, "gamma": 0.3}),
    "macd": ({}, {"fast": 0.5, "slow": 3.0}),
    "mastodon": ({}, {"period_hours": 2.0, "half_life_hours": 0.5, "min_count": 2}),
    "negative-binomial": ({}, {"history": 9, "dispersion": 0.01}),
    "peaks-over-threshold": ({"calibrate": 40}, {"calibrate": 100, "quantile": 0.8, "half_life": 3.0}),
    "poisson": ({}, {"history": 1}, {"history": 20}),
    "seasonal-negative-binomial": ({}, {"period_hours": 1.0, "prior": 3.0, "dispersion": 1.0}),
    "seasonal-poisson": ({}, {"period_hours": 1.0, "prior": 3.0}, {"history": 20, "period_hours": 2.0}),
    "signitrend": ({}, {"half_life": 2.0, "bias": 0.1}),
    "twitinfo": ({}, {"alpha": 0.5, "floor_count": 0.2}),
    "zscore": ({},),
}


SCORERS = {name: cls for name, cls in ALGORITHMS.items() if not hasattr(cls, "topics")}
"""Those that score terms; ``test_topical.py`` has the others."""


def _contract(name: str) -> type[ScorerContract]:
    members = {
        "make": SCORERS[name],
        "settings": SETTINGS[name],
        "twin": staticmethod(naive.SCORES[name]),
    }
    return type(f"Test_{name.replace('-', '_')}", (ScorerContract,), members)


for _name in sorted(SCORERS):
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


def test_the_contract_runs_for_every_algorithm() -> None:
    """The registry is not empty, the default is in it, and each has settings and a twin."""
    assert len(SCORERS) >= 23
    assert DEFAULT in ALGORITHMS
    assert set(SETTINGS) == set(naive.SCORES) == set(SCORERS)


def test_an_unknown_algorithm_is_refused_with_the_names_there_are() -> None:
    """A misspelt name is answered by the list of right ones, a misspelt parameter likewise."""
    with pytest.raises(
        ValueError, match=r"no algorithm .poison.; did you mean 'poisson'. there are .*poisson"
    ):
        get("poison")
    with pytest.raises(ValueError, match=r"no parameter .halflife.; it has history"):
        get("poisson", halflife=3)
    with pytest.raises(ValueError, match="bins must be a whole number, at least 1, not 0"):
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


def test_algorithms_that_know_the_future_refuse_to_step() -> None:
    """They say so, in one line, and the trender refuses them."""
    for name in ("benhardus", "kleinberg"):
        algorithm = get(name)
        with pytest.raises(ValueError, match=name):
            algorithm.step(algorithm.start(), BinCounts(0, np.array([0]), np.ones(1), 1.0, WIDTH))
        with pytest.raises(ValueError, match="later bins"):
            Trender(algorithm=name)


def test_kleinbergs_path_is_the_cheapest_of_all_paths() -> None:
    """Of 3⁷ paths tried one by one, over 40 random courses: never a cheaper one than Viterbi's."""
    random = np.random.default_rng(5)
    counts, d = random.poisson(2.0, (40, 7)).astype(float), random.integers(20, 40, 7).astype(float)
    counts[::3, 2:5] += 9
    path, _ = viterbi(counts, d, 3, 2.0, 0.7)
    for row, found in zip(counts.tolist(), path.tolist(), strict=True):
        assert tuple(found) == naive.kleinberg_path(row, d.tolist(), 3, 2.0, 0.7)


def test_g2_reproduces_dunnings_table() -> None:
    """Dunning (1993), table 2: "the swiss" 110 of 2 552, "swiss" elsewhere 111 of 29 225: 270.72."""
    first = BinCounts(0, np.array([0]), np.array([111.0]), 29225.0, WIDTH)
    then = BinCounts(1, np.array([0]), np.array([110.0]), 2552.0, WIDTH)
    algorithm = get("g2")
    state = algorithm.start()
    algorithm.step(state, first)
    assert algorithm.step(state, then).score[0] == pytest.approx(270.72, abs=0.05)


def test_every_algorithm_finds_a_plain_burst() -> None:
    """A word said ten times as often as ever before outranks one that is always said as often."""
    random = np.random.default_rng(3)
    table = random.poisson((4.0, 4.0, 1.0), (120, 3)).astype(float)
    table[100] = (4, 40, 1)
    at, term = np.nonzero(table)
    order = np.lexsort((at, term))
    at, term = at[order], term[order]
    cells = Cells(term, at, table[at, term], np.arange(120), np.full(120, 100.0), WIDTH)
    for name in SCORERS:
        score = get(name).score(cells).score
        here = cells.bins == 100
        assert cells.terms[here][score[here].argmax()] == 1, name


@pytest.mark.parametrize("page", ["algorithms", "results"])
def test_every_algorithm_has_a_row_in_the_docs(page: str) -> None:
    """What is registered is explained and measured, and nothing that is gone still is."""
    text = Path(__file__).parents[1].joinpath("docs", f"{page}.md").read_text(encoding="utf-8")
    rows = set(re.findall(r"^\| `?([a-z][a-z0-9-]*)`?(?: †)? \|", text, re.MULTILINE)) - {"name", "algorithm"}
    assert rows == set(ALGORITHMS)
