"""Algorithms that tell topics: the contract for each, and worked examples."""

from __future__ import annotations

import math
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rtanalytics.algorithms.topical import MiniBatch, Neighbours, Nmf
from rtanalytics.algorithms.topical.bngram import df_idf
from rtanalytics.algorithms.topical.linking import average_link
from rtanalytics.algorithms.topical.mabed import anomaly, erdem, heaviest
from rtanalytics.algorithms.topical.neighbours import course, likelihood
from rtanalytics.event import Event
from rtanalytics.trending import ALGORITHMS, get
from tests import naive_topics as naive
from tests.contracts.topical import AT, TopicContract, chatter, say, tell

DATA = Path(os.environ.get("RTANALYTICS_DATA", Path(__file__).parents[2] / "shared" / "data"))

SETTINGS: dict[str, tuple[dict[str, Any], ...]] = {
    "bngram": ({}, {"history": 1, "min_overlap": 0.8, "boost": 1.0}, {"candidates": 5}),
    "mabed": ({}, {"around": 0, "events": 4, "theta": 0.5}, {"mentions": False, "sigma": 0.2, "related": 4}),
    "mini-batch": ({}, {"window": 2, "groups": 5, "seed": 3}, {"messages": 60, "vocabulary": 12}),
    "neighbours": (
        {"surprise": 2.0},
        {"observed": 2, "reference": 3, "smooth": 1, "alpha": 1.0, "surprise": 1.5, "library": 4},
    ),
    "nmf": ({}, {"window": 2, "groups": 5}, {"messages": 60, "vocabulary": 12, "rounds": 10}),
    "nmf-batch": ({}, {"groups": 8, "max_share": 0.5}),
}
TOPICAL = {name: cls for name, cls in ALGORITHMS.items() if hasattr(cls, "topics")}


def _contract(name: str) -> type[TopicContract]:
    members = {
        "make": TOPICAL[name],
        "settings": SETTINGS[name],
        "twin": staticmethod(naive.TWINS[name]),
    }
    return type(f"Test_{name.replace('-', '_')}", (TopicContract,), members)


for _name in sorted(TOPICAL):
    globals()[f"Test_{_name.replace('-', '_')}"] = _contract(_name)


def test_the_contract_runs_for_every_algorithm_that_tells_topics() -> None:
    """None is left out: each has settings and a twin."""
    assert len(TOPICAL) >= 6
    assert set(SETTINGS) == set(naive.TWINS) == set(TOPICAL)


def test_df_idf_as_the_paper_defines_it() -> None:
    """Said 9 times, 0 to 4 times before: (9 + 1) / (ln(Σ/4 + 1) + 1), half as much again for a name."""
    before = np.array([0, 4, 16]) / 4
    expected = [10.0, 10 / (math.log(2) + 1), 10 / (math.log(5) + 1)]
    assert df_idf(np.full(3, 9.0), before).tolist() == pytest.approx(expected)
    assert df_idf(np.full(3, 9.0), before, 1.5).tolist() == pytest.approx([1.5 * e for e in expected])


def test_the_mention_anomaly_as_the_paper_defines_it() -> None:
    """N = 100: 10 of 60, 20, 20 messages; 12 mentions in all, of which slice i expects N_i·12/100."""
    off, expected = anomaly(np.array([[2.0, 9.0, 1.0]]), np.array([60.0, 20.0, 20.0]))
    assert expected.tolist() == [pytest.approx([7.2, 2.4, 2.4])]
    assert off.tolist() == [pytest.approx([-5.2, 6.6, -1.4])]
    first, last, magnitude = heaviest(off)
    assert (first.tolist(), last.tolist(), magnitude.tolist()) == ([1], [1], [pytest.approx(6.6)])


def test_the_heaviest_stretch_is_that_of_all_stretches() -> None:
    """Against all pairs of ends, on random series."""
    random = np.random.default_rng(4)
    for _ in range(50):
        values = random.normal(size=(3, 12))
        first, last, sums = heaviest(values)
        for row, a, b, total in zip(values, first, last, sums, strict=True):
            best = max(row[i : j + 1].sum() for i in range(12) for j in range(i, 12))
            assert total == pytest.approx(best)
            assert row[a : b + 1].sum() == pytest.approx(best)


def test_words_that_change_together_correlate() -> None:
    """Erdem's ρ: 1 for the same changes, −1 for opposite ones, 0 without change, by hand in between."""
    rising = np.array([1.0, 3.0, 4.0, 2.0])
    assert erdem(rising, 5 * rising + 7) == pytest.approx(1.0)
    assert erdem(rising, -rising) == pytest.approx(-1.0)
    assert erdem(rising, np.ones(4)) == 0.0
    # differences 2, 1, −2 and 1, 1, 1: (2 + 1 − 2) / √(9 · 3)
    assert erdem(rising, np.array([0.0, 1.0, 2.0, 3.0])) == pytest.approx(1 / math.sqrt(27))


def test_a_course_votes_for_what_it_resembles() -> None:
    """A rise is nearer to a rise than to a flat line, wherever in the reference the rise stands."""
    series = np.array([[1, 1, 1, 1, 8, 20], [2, 2, 2, 16, 40, 0], [3, 3, 3, 3, 3, 3]], float)
    rise, shifted, flat = course(series, 1.2, 1)
    seen = rise[-4:][None, :]
    assert likelihood(seen, shifted[None], 1.0) > likelihood(seen, flat[None], 1.0)


def test_average_link_merges_by_the_mean_of_all_pairs() -> None:
    """0.9 joins 0 and 1; 2 is 0.6 from one and 0.2 from the other, 0.4 in the mean, and stays alone."""
    matrix = np.array([[1.0, 0.9, 0.6], [0.9, 1.0, 0.2], [0.6, 0.2, 1.0]])
    assert average_link(matrix, 0.5) == [[0, 1], [2]]
    assert average_link(matrix, 0.4) == [[0, 1, 2]]
    assert average_link(np.zeros((0, 0)), 0.5) == []


def test_average_link_equals_scipys() -> None:
    """Where no two similarities are equal, the partition is that of scipy's hierarchical clustering."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    random = np.random.default_rng(8)
    for _ in range(20):
        similarity = random.random((15, 15))
        similarity = (similarity + similarity.T) / 2
        np.fill_diagonal(similarity, 1.0)
        labels = fcluster(linkage(squareform(1 - similarity, checks=False), "average"), 0.45, "distance")
        clusters = {tuple(np.flatnonzero(labels == label).tolist()) for label in set(labels)}
        assert {tuple(c) for c in average_link(similarity, 0.55)} == clusters


@pytest.mark.parametrize("make", [Nmf, MiniBatch])
def test_matrices_stay_within_their_bounds(make: Any) -> None:
    """However much is said, no more messages and words are looked at than the parameters allow."""
    shapes = []

    class Watched(make):
        def group(self, matrix: Any, groups: int) -> Any:
            shapes.append((*matrix.shape, groups))
            return super().group(matrix, groups)

    tell(Watched(messages=50, vocabulary=9, groups=6), chatter(hours=6))
    assert len(shapes) > 10
    assert max(rows for rows, _, _ in shapes) == 50
    assert max(columns for _, columns, _ in shapes) == 9
    assert max(groups for _, _, groups in shapes) == 6


def test_the_library_keeps_the_newest_courses() -> None:
    """Many days of bursts leave no more courses than the library has room for."""
    made = []

    class Watched(Neighbours):
        def begin(self, view: Any) -> Any:
            made.append(super().begin(view))
            return made[-1]

    tell(Watched(library=3, surprise=1.5), chatter(hours=6))
    assert (len(made[0].trended), len(made[0].calm)) == (3, 3)


def test_mabed_without_mentions_finds_nothing_unless_told_to_do_without() -> None:
    """Where nobody addresses anybody, ``mentions=False`` counts all messages."""
    said = [say(i, "closing keynote" if 100 < i < 140 else "coffee talk", i / 2) for i in range(200)]
    assert not any(bin.trends for bin in tell(get("mabed"), said))
    assert any("keynote" in t.terms for b in tell(get("mabed", mentions=False), said) for t in b.trends)


def test_parameters_are_checked() -> None:
    """What makes no sense is refused by name."""
    for name, wrong in (
        ("bngram", {"min_overlap": 0}),
        ("mabed", {"theta": 1.5}),
        ("neighbours", {"observed": 5, "reference": 4}),
        ("nmf", {"window": 1}),
        ("mini-batch", {"groups": 0}),
    ):
        with pytest.raises(ValueError, match=f"parameters.{[*wrong][-1]} must be"):
            get(name, **wrong)


def test_the_reset_of_a_feed_is_refused() -> None:
    """A feed that jumps to another time is no recording."""
    from rtanalytics.feed import Delivery, Reset
    from tests.contracts.topical import Marked

    with pytest.raises(ValueError, match="cannot start again: seek"):
        tell(get("bngram"), Marked([Delivery(0, say(1, "x", 1)), Reset("seek")]))


@pytest.mark.data
@pytest.mark.parametrize("name", sorted(TOPICAL))
def test_a_real_conference_is_told_alike_however_it_is_delivered(name: str) -> None:
    """Three times and shuffled, user2018's fullest day gives the same topics, and each has its evidence."""
    import random

    from rtanalytics.importers import open_events

    path = DATA / "recordings" / "user2018.parquet"
    if not path.is_file() and "CI" not in os.environ:
        pytest.skip("the recordings of others are not here")
    day = timedelta(days=1)
    events: list[Event] = [
        e for e in open_events(path) if timedelta(0) <= e.created_at - AT.replace(2018, 7, 11, 0) < day
    ]
    assert len(events) > 500
    again = events * 3
    random.Random(1).shuffle(again)
    told = tell(get(name), events, own_tags=["useR2018"])
    assert tell(get(name), again, own_tags=["useR2018"]) == told
    ids = {e.id for e in events}
    assert sum(len(bin.trends) for bin in told) > 20
    assert all(set(trend.examples) <= ids for bin in told for trend in bin.trends)
