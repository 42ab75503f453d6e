"""Algorithms side by side that share their counts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest

from rtanalytics.archive import Recording, write_recording
from rtanalytics.counts import TermCounts
from rtanalytics.evaluate import compare_all
from rtanalytics.evaluate.shared_counts import Hindsight, detect_all
from rtanalytics.event import Event
from rtanalytics.schedule import ReferenceTopic
from rtanalytics.topics import Settings, trends
from rtanalytics.trending import ALGORITHMS, get
from tests.build import BASE, event


def troubled(seed: int) -> list[Event]:
    """Two days of talk with a burst, an edit, a delete, and posts that arrive hours late."""
    random = np.random.default_rng(seed)
    said = []
    for n in range(600):
        text = " ".join(f"word{i}" for i in random.zipf(1.4, 5) % 300)
        second, who = int(random.integers(172_800)), f"u{random.integers(60)}"
        said.append(event(second, id=f"test::word{n}", text=text, author=who))
    said += [
        event(90_000 + 9 * n, id=f"test::walrus{n}", text="the walrus keynote", author=f"w{n}")
        for n in range(30)
    ]
    late = [msgspec.structs.replace(e, received_at=e.created_at + timedelta(hours=3)) for e in said[::40]]
    said[::40] = late
    again = msgspec.structs.replace(
        said[5], rev="2", op="update", text="a walrus", received_at=said[5].received_at + timedelta(hours=5)
    )
    gone = msgspec.structs.replace(
        said[6], rev="2", op="delete", received_at=said[6].received_at + timedelta(hours=2)
    )
    return sorted([*said, again, gone], key=lambda e: (e.received_at, e.id))


def test_algorithms_that_share_counts_detect_the_same_as_alone() -> None:
    """Every algorithm that scores terms, with late posts, an edit and a delete, bin for bin."""
    events = troubled(4)
    chosen = {n: get(n) for n, cls in ALGORITHMS.items() if cls.causal and not hasattr(cls, "topics")}
    bins_of, seconds, _ = detect_all(events, chosen, Settings())
    assert list(bins_of) == list(seconds) == list(chosen)
    assert sum(bin.late for bin in bins_of["poisson"]) > 0
    for name in chosen:
        assert bins_of[name] == list(trends(events, algorithm=name)), name


def test_hindsight_gives_the_scores_of_the_whole() -> None:
    """An algorithm that needs later bins is asked once for all bins, and lists what it scores there."""
    events = sorted(troubled(5), key=lambda e: e.created_at)
    events = [msgspec.structs.replace(e, received_at=e.created_at) for e in events if e.rev != "2"]
    bins_of, _, _ = detect_all(events, {"kleinberg": get("kleinberg"), "count": get("count")}, Settings())
    assert list(bins_of) == ["kleinberg", "count"]
    counts = TermCounts()
    counts.add(events)
    cells = counts.cells("authors")
    asked = Hindsight(get("kleinberg"), counts, "authors")
    state, known = asked.start(), get("kleinberg").score(cells)
    for number in counts.bins:
        here = cells.bins == number
        assert asked.step(state, counts.bin(number, "authors")).score.tolist() == known.score[here].tolist()
    assert "walrus keynote" in {
        term for bin in bins_of["kleinberg"] for trend in bin.trends for term in trend.terms
    }


def test_who_needs_later_bins_takes_part_only_when_asked(tmp_path: Path) -> None:
    """Otherwise it is refused by name; with hindsight it is judged like the others."""
    said = [event(n * 60, text=f"word{n % 7}", author=f"u{n}") for n in range(200)]
    write_recording(tmp_path / "one", said)
    recordings = [Recording(tmp_path / "one")]
    truth = [[ReferenceTopic(start=BASE, end=BASE + timedelta(hours=1), keywords=("word3",))]]
    with pytest.raises(ValueError, match="kleinberg needs later bins"):
        compare_all(recordings, truth, ["kleinberg"])
    comparison = compare_all(recordings, truth, ["kleinberg", "poisson"], hindsight=True)
    assert comparison.algorithms == ["kleinberg", "poisson"]
    assert comparison.counting["one"] > 0
