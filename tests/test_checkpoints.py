"""Corrections of the past: learnt again from a state that was kept, equal to never having erred."""

from __future__ import annotations

import numpy as np
import pytest

from rtanalytics.algorithms.checkpoints import Checkpoints
from rtanalytics.counts import BinCounts, Cells
from rtanalytics.trending import ALGORITHMS, Algorithm, Scores, State, get
from tests.contracts.scorer import WIDTH, bins_of, random_cells

CAUSAL = sorted(n for n, cls in ALGORITHMS.items() if cls.causal and not hasattr(cls, "topics"))


class Amending:
    """An algorithm that learns again from a checkpoint when past bins change."""

    def __init__(self, algorithm: Algorithm) -> None:
        self.algorithm, self.state = algorithm, algorithm.start()
        self.checkpoints: Checkpoints[State] = Checkpoints()

    def step(self, bin: BinCounts) -> Scores:
        """Score and learn the next bin."""
        self.checkpoints.keep(bin.bin, self.state.copy)
        return self.algorithm.step(self.state, bin)

    def amend(self, changed: int, bins: list[BinCounts]) -> None:
        """Learn again what is true now, from the first changed bin on."""
        first, self.state = self.checkpoints.before(changed) or (bins[0].bin, self.algorithm.start())
        for bin in bins:
            if bin.bin >= first:
                self.step(bin)


def joined(bins: list[BinCounts]) -> Cells:
    """Bins as one table."""
    terms = np.concatenate([b.terms for b in bins])
    order = np.argsort(terms, kind="stable")
    return Cells(
        terms[order],
        np.repeat([b.bin for b in bins], [len(b.terms) for b in bins])[order],
        np.concatenate([b.counts for b in bins])[order],
        np.array([b.bin for b in bins]),
        np.array([b.total for b in bins]),
        WIDTH,
    )


def another(bin: BinCounts, random: np.random.Generator) -> BinCounts:
    """The bin as it turns out to have been: a term more or less, other counts, another total."""
    counts = np.zeros(14)
    counts[bin.terms] = bin.counts
    counts[random.integers(14, size=2)] += random.integers(1, 9, 2)
    counts[random.integers(14)] = 0.0
    terms = np.flatnonzero(counts)
    return BinCounts(bin.bin, terms, counts[terms], counts.max() + float(random.integers(1, 50)), WIDTH)


@pytest.mark.parametrize("name", CAUSAL)
def test_a_corrected_past_gives_the_scores_of_a_batch_over_it(name: str) -> None:
    """Recent and distant bins change, also the first; each score after that is the batch's."""
    random = np.random.default_rng(11)
    bins = bins_of(random_cells(2, bins=160))
    scorer = Amending(get(name))
    for place, bin in enumerate(bins):
        live = scorer.step(bin)
        if place % 20 == 19:
            back = int(random.choice([1, 2, 7, place]))
            for wrong in {place - back, place}:
                bins[wrong] = another(bins[wrong], random)
            scorer.amend(bins[place - back].bin, bins[: place + 1])
        elif place % 20 == 0 and place:
            cells = joined(bins[: place + 1])
            batch = get(name).score(cells)
            here = cells.bins == bin.bin
            np.testing.assert_allclose(live.score, batch.score[here], rtol=1e-9, atol=1e-9)
            np.testing.assert_allclose(live.expected, batch.expected[here], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", CAUSAL)
def test_a_kept_state_does_not_learn_what_comes_later(name: str) -> None:
    """A copy scores as the original did then, whatever the original has learnt since."""
    bins = bins_of(random_cells(3, bins=80))
    algorithm = get(name, calibrate=20) if name == "peaks-over-threshold" else get(name)
    state = algorithm.start()
    for bin in bins[:60]:
        algorithm.step(state, bin)
    kept = state.copy()
    told = [algorithm.step(state, bin).score.tolist() for bin in bins[60:]]
    assert [algorithm.step(kept, bin).score.tolist() for bin in bins[60:]] == told


def test_a_bin_that_nobody_knew_of_and_one_that_is_gone_are_corrections_too() -> None:
    """A late post fills an empty bin, before all others even; a delete empties one."""
    bins = [BinCounts(n, np.array([0]), np.array([2.0]), 9.0, WIDTH) for n in range(10, 40, 2)]
    scorer = Amending(get("zscore"))
    for bin in bins:
        scorer.step(bin)
    bins.insert(3, BinCounts(15, np.array([0]), np.array([30.0]), 40.0, WIDTH))
    bins.insert(0, BinCounts(3, np.array([1]), np.array([1.0]), 1.0, WIDTH))
    del bins[7]
    scorer.amend(3, bins)
    new = BinCounts(41, np.array([0, 1]), np.array([4.0, 1.0]), 9.0, WIDTH)
    cells = joined([*bins, new])
    expected = get("zscore").score(cells).score[cells.bins == 41]
    assert scorer.step(new).score == pytest.approx(expected)


@pytest.mark.parametrize("every", [1, 4, 16])
def test_a_correction_costs_twice_its_age_and_states_are_few(every: int) -> None:
    """However long the history: bins learnt again are bounded by the age, states by its logarithm."""
    checkpoints: Checkpoints[int] = Checkpoints(every)
    last = 3000
    for number in range(last):
        checkpoints.keep(number, lambda number=number: number)
        assert len(checkpoints) <= 2 * (number // every + 2).bit_length()
    for age in (2000, 700, 100, 20, 5, 1):
        trial = Checkpoints[int](every)
        for number in range(last):
            trial.keep(number, lambda number=number: number)
        found = trial.before(last - age)
        assert found is not None
        first, state = found
        assert first == state <= last - age
        assert last - first <= 2 * age + 2 * every


def test_states_cannot_be_kept_more_often_than_every_bin() -> None:
    """The message says what is allowed."""
    with pytest.raises(ValueError, match="every must"):
        Checkpoints(0)
