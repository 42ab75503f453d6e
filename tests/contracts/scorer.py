"""What every algorithm must do: subclass :class:`ScorerContract` and name the algorithm."""

from __future__ import annotations

import pickle
from dataclasses import fields
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from rtanalytics.counts import BinCounts, Cells
from rtanalytics.trending import Algorithm
from tests.naive_scores import Bins

WIDTH = timedelta(minutes=15)


def bins_of(cells: Cells) -> list[BinCounts]:
    """The bins of a table of cells, one by one."""
    bins = []
    for number, total in zip(cells.bin_numbers, cells.totals, strict=True):
        here = cells.bins == number
        bins.append(BinCounts(int(number), cells.terms[here], cells.counts[here], float(total), cells.width))
    return bins


def random_cells(seed: int, *, terms: int = 12, bins: int = 300, gap: int = 4) -> Cells:
    """A table with rare and common terms, bursts, empty bins, and a long silence in the middle."""
    random = np.random.default_rng(seed)
    numbers = 100_000 + np.cumsum(random.integers(1, gap, bins))
    numbers[bins // 2 :] += 500
    table = random.poisson(random.gamma(0.4, 2.0, terms), (bins, terms)).astype(float)
    for _ in range(5):
        table[random.integers(bins), random.integers(terms)] += random.integers(5, 2000)
    table[random.random(bins) < 0.1] = 0.0
    totals = table.max(axis=1) + random.integers(1, 50, bins)
    at, term = np.nonzero(table)
    order = np.lexsort((at, term))
    at, term = at[order], term[order]
    return Cells(term, numbers[at], table[at, term], numbers, totals, WIDTH)


def to_naive(cells: Cells) -> Bins:
    """The same for the reference implementations."""
    return [
        (b.bin, dict(zip(b.terms.tolist(), b.counts.tolist(), strict=True)), b.total) for b in bins_of(cells)
    ]


def given(cells: Cells) -> list[Any]:
    """What the cells were made of, without what they worked out since."""
    return [getattr(cells, field.name) for field in fields(cells)]


class ScorerContract:
    """One algorithm; ``settings`` are the parameters that it is tried with."""

    make: type[Algorithm]
    settings: tuple[dict[str, Any], ...] = ({},)
    twin: Any

    @pytest.fixture(params=range(3))
    def cells(self, request: pytest.FixtureRequest) -> Cells:
        return random_cells(request.param)

    def test_score_of_all_bins_equals_steps_bin_by_bin(self, cells: Cells) -> None:
        """The batch face and the live face agree within 1e-9, in scores and in what they expected."""
        for settings in self.settings:
            algorithm = self.make(**settings)
            if not algorithm.causal:
                continue
            batch = algorithm.score(cells)
            state = algorithm.start()
            for bin in bins_of(cells):
                live = algorithm.step(state, bin)
                here = cells.bins == bin.bin
                np.testing.assert_allclose(live.score, batch.score[here], rtol=1e-9, atol=1e-9)
                np.testing.assert_allclose(live.expected, batch.expected[here], rtol=1e-9, atol=1e-9)

    def test_score_equals_its_slow_twin(self) -> None:
        """Every score equals a loop written from the formula in the docstring."""
        cells = random_cells(7, terms=6, bins=60)
        naive = to_naive(cells)
        place = {bin: i for i, (bin, _, _) in enumerate(naive)}
        for settings in self.settings:
            algorithm = self.make(**settings)
            score = algorithm.score(cells).score
            for i in range(len(cells)):
                now, term = place[int(cells.bins[i])], int(cells.terms[i])
                if algorithm.causal:
                    expected = self.twin(algorithm, naive[: now + 1], term)
                else:
                    expected = self.twin(algorithm, naive, term, now)
                assert score[i] == pytest.approx(expected, rel=1e-9, abs=1e-9), (settings, i)

    def test_scores_are_finite(self, cells: Cells) -> None:
        """Whatever the counts, a score is a number that can be ranked and written as JSON."""
        for settings in self.settings:
            scores = self.make(**settings).score(cells)
            assert scores.score.shape == scores.expected.shape == cells.counts.shape
            assert np.isfinite(scores.score).all()
            assert np.isfinite(scores.expected).all()

    def test_a_score_depends_only_on_the_past(self, cells: Cells) -> None:
        """What follows later changes no score of a causal algorithm."""
        for settings in self.settings:
            algorithm = self.make(**settings)
            if not algorithm.causal:
                continue
            half = cells.bin_numbers[len(cells.bin_numbers) // 2]
            past, known = cells.bins < half, cells.bin_numbers < half
            first = Cells(
                cells.terms[past], cells.bins[past], cells.counts[past],
                cells.bin_numbers[known], cells.totals[known], WIDTH,
            )  # fmt: skip
            np.testing.assert_allclose(algorithm.score(first).score, algorithm.score(cells).score[past])

    def test_nothing_is_scored_where_nothing_was_said(self) -> None:
        """An empty table, and a bin without terms, give empty scores."""
        none = np.empty(0, np.int64)
        algorithm = self.make()
        assert len(algorithm.score(Cells(none, none, np.empty(0), none, np.empty(0), WIDTH)).score) == 0
        if algorithm.causal:
            assert (
                len(algorithm.step(algorithm.start(), BinCounts(5, none, np.empty(0), 0.0, WIDTH)).score) == 0
            )

    def test_bins_out_of_order_are_refused(self) -> None:
        """A step backwards in time raises instead of spoiling the state."""
        algorithm = self.make()
        if not algorithm.causal:
            return
        state = algorithm.start()
        bin = BinCounts(5, np.array([0]), np.array([1.0]), 1.0, WIDTH)
        algorithm.step(state, bin)
        with pytest.raises(ValueError, match="order"):
            algorithm.step(state, bin)

    def test_a_state_can_be_pickled_between_steps(self, cells: Cells) -> None:
        """A trender can be moved to another process and goes on as if nothing had happened."""
        algorithm = self.make()
        if not algorithm.causal:
            return
        here, there = algorithm.start(), algorithm.start()
        for bin in bins_of(cells)[:40]:
            there = pickle.loads(pickle.dumps(there))
            assert algorithm.step(here, bin).score.tolist() == algorithm.step(there, bin).score.tolist()

    def test_scikit_learn_can_clone_and_search_it(self) -> None:
        """``clone`` copies the parameters; an unknown one is refused with the names of the known."""
        from sklearn.base import clone

        for settings in self.settings:
            algorithm = self.make(**settings)
            copy = clone(algorithm)
            assert copy is not algorithm
            assert copy.get_params() == algorithm.get_params()
            assert copy.set_params(**settings).get_params() == algorithm.get_params()
        with pytest.raises(ValueError, match="no parameter 'nonsense'"):
            self.make().set_params(nonsense=1)

    def test_the_input_is_left_alone(self, cells: Cells) -> None:
        """Scoring changes neither the cells nor a bin."""
        bins = bins_of(cells)[:50]
        before = pickle.dumps((given(cells), bins))
        algorithm = self.make()
        algorithm.score(cells)
        if algorithm.causal:
            state = algorithm.start()
            for bin in bins:
                algorithm.step(state, bin)
        assert pickle.dumps((given(cells), bins)) == before

    def test_its_docstring_gives_formula_and_weakness(self) -> None:
        """Whoever chooses it can read what it computes and what fools it."""
        text = (self.make.__doc__ or "").lower()
        assert "score = " in text
        assert any(word in text for word in ("fool", "wins", "weak", "popularity"))
