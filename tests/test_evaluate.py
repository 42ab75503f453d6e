"""Metrics against exhaustive twins, perfect inputs, and the benchmark's own scorer."""

from __future__ import annotations

import csv
import json
import random
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtanalytics.archive import write_recording
from rtanalytics.evaluate import (
    METRICS,
    POOLED,
    PROFILES,
    Alert,
    Edge,
    Tally,
    Truth,
    assign,
    at_recall,
    compare,
    compare_all,
    draw,
    false_runs,
    intervals,
    judge,
    nab_score,
    partial_auc,
    plot_latency,
    plot_recall,
    plot_recall_intervals,
    recall_gap,
    runs_of,
)
from rtanalytics.evaluate.alerts import kinds
from rtanalytics.schedule import ReferenceTopic, write_truth
from rtanalytics.topics import Trend, TrendBin, trends
from tests.build import BASE, event

WIDTH = timedelta(minutes=15)


def known(start: float, end: float, *keywords: str, **extra: str) -> ReferenceTopic:
    """A topic from minute to minute."""
    times = {"start": BASE + timedelta(minutes=start), "end": BASE + timedelta(minutes=end)}
    return ReferenceTopic(**times, keywords=keywords or ("walrus", "venv"), extra=extra)


def told(number: int, *topics: list[str], scores: list[float] | None = None) -> TrendBin:
    """Bin number so and so, with these topics by rank."""
    start = BASE + number * WIDTH
    trends = [
        Trend(
            bin_start=start, bin_end=start + WIDTH, rank=rank, terms=terms, label=terms[0],
            score=scores[rank - 1] if scores else 10.0 - rank, expected=0.0, messages=5, authors=5, examples=[],
        )
        for rank, terms in enumerate(topics, 1)
    ]  # fmt: skip
    return TrendBin(start=start, end=start + WIDTH, trends=trends, messages=9, authors=9)


def value(name: str, tally: Tally) -> float | None:
    """A metric by its name."""
    return METRICS[name].of(tally)


# -- the rule ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("term", "keyword", "shared"),
    [
        ("Wübbels", "wubbels", True),
        ("greta wübbels", "Wubbels", True),
        ("wubbelsian", "wubbels", False),
        ("#wubbels2026", "wubbels", True),
        ("@gretawubbels", "Wübbels", True),
        ("gretaw", "@gretaw", True),
        ("sync conflict", "sync conflict", True),
        ("async conflict", "sync conflict", False),
        ("sync", "sync conflict", False),
        ("c++", "c++", True),
    ],
)
def test_a_keyword_is_shared_as_a_whole_word_or_inside_a_tag_or_handle(term, keyword, shared):
    """Case and accents do not count; half a word does not match, part of a tag or handle does."""
    tally = judge([told(0, [term])], Truth([known(0, 30, keyword)]))
    assert tally.matched == shared


@pytest.mark.parametrize(("number", "matches"), [(0, False), (1, True), (3, True), (4, True), (5, False)])
def test_a_topic_counts_from_its_start_to_half_an_hour_after_its_end(number, matches):
    """A bin must share some time with [start, end + 30 min); touching it is not enough."""
    tally = judge([told(number, ["walrus"])], Truth([known(15, 45)]))
    assert tally.matched == matches


def test_terms_and_ranks_beyond_what_is_read_do_not_count():
    """Only the first max_terms terms of the first K topics can match."""
    truth = Truth([known(0, 30)])
    assert judge([told(0, ["a", "b", "c", "walrus"])], truth).matched == 0
    assert judge([told(0, ["a"], ["walrus"])], truth, top=1).matched == 0
    assert judge([told(0, ["a"], ["walrus"])], truth, top=2).matched == 1


def best_by_hand(edges: list[Edge]) -> tuple[int, int]:
    """(pairs, keywords) of the best one-to-one choice: every order of every topic is tried."""
    events, alerts = sorted({e.event for e in edges}), sorted({e.alert for e in edges})
    weights = {(e.event, e.alert): e.keywords for e in edges}
    best = (0, 0)
    slots = [*alerts, *[-1] * len(events)]
    for order in set(permutations(slots, len(events))):
        shared = [weights[pair] for pair in zip(events, order, strict=True) if pair in weights]
        best = max(best, (len(shared), sum(shared)))
    return best


@given(
    st.sets(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=10), st.randoms(use_true_random=False)
)
@settings(max_examples=60, deadline=None)
def test_the_assignment_is_the_best_there_is(pairs, dice):
    """As many pairs as trying everything finds, of these the most keywords, and nothing twice."""
    edges = [Edge(event, alert, 1, dice.randint(1, 4)) for event, alert in sorted(pairs)]
    chosen = assign(edges)
    assert (len(chosen), sum(e.keywords for e in chosen)) == best_by_hand(edges)
    assert len({e.event for e in chosen}) == len({e.alert for e in chosen}) == len(chosen)
    assert set(chosen) <= set(edges)


def test_one_listed_topic_is_credited_to_one_known_topic_only():
    """Two topics that both have the keyword are one hit if it is listed once, two if listed twice."""
    truth = Truth([known(0, 30, "venv"), known(0, 30, "venv")])
    assert judge([told(0, ["venv"])], truth).matched == 1
    assert judge([told(0, ["venv"]), told(1, ["venv"])], truth).matched == 2


# -- figures ----------------------------------------------------------------------------------------

PERFECT_TOPICS = [
    known(14.999, 30, "walrus", "venv", "pip"),
    known(14.999, 45, "tokio", "rust"),
    known(59.999, 75, "parquet", "arrow"),
]


def oracle(topics: list[ReferenceTopic], bins: range) -> list[TrendBin]:
    """List exactly the active topics, with all keywords."""
    truth = Truth(topics)
    return [
        told(n, *[list(topics[i].keywords) for i in truth.active(BASE + n * WIDTH, BASE + (n + 1) * WIDTH)])
        for n in bins
    ]


@pytest.mark.parametrize("name", list(METRICS))
def test_a_metric_of_the_truth_against_itself_is_perfect(name):
    """Telling exactly what is on, as soon as it is, gives the value that the registry calls perfect."""
    # churn compares lists with each other: the truth is held still for it, as it is for the ceiling
    topics = [known(0, 60, "walrus"), known(0, 60, "tokio")] if "churn" in name else PERFECT_TOPICS
    bins = range(4) if "churn" in name else range(8)
    top = 1 if name in {"precision", "precision_ceiling"} else 3
    if top == 1:
        topics, bins = [known(0, 60, "walrus")], range(4)
    metric = METRICS[name]
    assert value(name, judge(oracle(topics, bins), Truth(topics), top=top)) == pytest.approx(
        metric.perfect, abs=0.01
    )


@pytest.mark.parametrize("name", sorted(set(METRICS) - {"precision_ceiling", "churn"}))
def test_a_metric_gets_worse_with_worse_lists(name):
    """Late, in part, twice, with noise, and with hits at the wrong time: each figure moves away from perfect."""
    topics = [*PERFECT_TOPICS, known(30 + 180, 60 + 180, "late", "news")]
    noise = [told(n, ["walrus", "x", "y"], ["venv"], [f"noise{n}"]) for n in range(2, 5)]
    wrong = [told(15, ["tokio"]), told(16, ["arrow", "z"])]
    metric = METRICS[name]
    good = value(name, judge(oracle(topics, range(17)), Truth(topics), top=3))
    bad = value(name, judge([told(0, ["q"]), *noise, *wrong], Truth(topics), top=3))
    if name == "false_alarms_per_hour_at_90_recall":
        assert bad is None
        return
    assert good is not None
    assert bad is not None
    assert bad < good if metric.better == "higher" else bad > good


@pytest.mark.parametrize("name", list(METRICS))
def test_what_is_not_defined_stays_undefined(name):
    """Nothing listed and no truth: no ratio pretends to be 0 or 1."""
    assert value(name, judge([], Truth([]))) is None


def test_the_figures_of_a_worked_example():
    """Every count of a small case, worked out by hand."""
    truth = Truth([known(0, 15, "walrus", "venv"), known(15, 30, "tokio"), known(300, 330, "never", "told")])
    bins = [
        told(0, ["walrus", "venv", "x"], ["venv"], ["noise"]),
        told(1, ["tokio", "y"], ["noise"]),
        told(2, ["noise"]),
    ]
    tally = judge(bins, truth, top=3)
    figures = {name: value(name, tally) for name in METRICS}
    # the first is on in bins 0 to 2, the second in 1 to 2 (and 3, which is not listed)
    assert figures["recall"] == pytest.approx(2 / 3)
    assert figures["recall_2_keywords"] == pytest.approx(1 / 2)
    assert figures["recall_per_slot"] == pytest.approx(2 / 5)
    assert figures["precision"] == pytest.approx(2 / 9)
    assert figures["precision_ceiling"] == pytest.approx(5 / 9)
    assert figures["precision_of_ceiling"] == pytest.approx(2 / 5)
    assert figures["keyword_precision"] == pytest.approx(3 / 5)
    assert figures["keyword_recall"] == pytest.approx(3 / 3)
    assert figures["derate"] == pytest.approx(1 / 3)
    assert figures["latency_median_min"] == figures["latency_p90_min"] == 15
    assert figures["false_alarms_per_hour"] == pytest.approx(1 / 0.75)
    assert figures["false_alarms_per_hour_at_90_recall"] is None
    assert figures["churn"] == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert tally.listed == 6


def test_latency_is_interpolated_as_numpy_does_it():
    """Median and ninth decile of what was found; what was not found has no latency."""
    starts = [0, 7, 11, 3, 50]
    topics = [known(s, s + 60, f"k{s}") for s in starts]
    bins = [told(n, [f"k{starts[n]}"]) for n in range(4)]
    tally = judge(bins, Truth(topics))
    minutes = [15 * (n + 1) - starts[n] for n in range(4)]
    assert value("latency_median_min", tally) == pytest.approx(np.quantile(minutes, 0.5))
    assert value("latency_p90_min", tally) == pytest.approx(np.quantile(minutes, 0.9))


def test_counts_are_pooled_not_ratios():
    """Of 1 found out of 1 and 0 out of 3, a quarter is found; an undefined part stays undefined."""
    one = judge([told(0, ["walrus"])], Truth([known(0, 15, "walrus")]))
    none = judge([told(0, ["x"])], Truth([known(0, 15, w) for w in ("a", "b", "c")]))
    both = one + none
    assert value("recall", both) == 0.25
    assert value("false_alarms_per_hour_at_90_recall", one) == 0
    assert value("false_alarms_per_hour_at_90_recall", both) is None
    with pytest.raises(ValueError, match="first 10 and of the first 5"):
        one + judge([], Truth([]), top=5)


def test_hits_at_wrong_times_are_chance():
    """A word that is always listed is found three hours and a day away as well."""
    bins = [told(n, ["coffee"]) for n in range(-110, 110)]
    assert value("random_baseline_recall", judge(bins, Truth([known(0, 15, "coffee")]))) == 1
    assert value("random_baseline_recall", judge(bins[105:120], Truth([known(0, 15, "coffee")]))) == 0


# -- alerts -----------------------------------------------------------------------------------------


def alerts(*bins_and_terms: tuple[int, str]) -> list[Alert]:
    """Alarms of one term each, with falling scores."""
    return [
        Alert(BASE + b * WIDTH, BASE + (b + 1) * WIDTH, b, 1, 100.0 - i, (term,))
        for i, (b, term) in enumerate(bins_and_terms)
    ]


@pytest.mark.parametrize(("silent", "runs"), [(0, 1), (4, 1), (5, 2)])
def test_an_alarm_that_pauses_for_four_bins_is_still_the_same(silent, runs):
    """Gaps of up to 4 bins are merged, longer ones are not."""
    assert len(runs_of(alerts((0, "a"), (silent + 1, "a")))) == runs


def test_runs_are_of_what_shares_terms():
    """Different terms are different runs; a topic whose terms change gradually is one run."""
    start = BASE
    changing = [
        Alert(start, start + WIDTH, n, 1, 1.0, terms)
        for n, terms in enumerate([("a", "b"), ("b", "c"), ("c", "d"), ("e",)])
    ]
    assert [run.alerts for run in runs_of(changing)] == [(0, 1, 2), (3,)]


def test_a_run_that_ever_matches_is_no_false_alarm():
    """What begins before its talk does, and is found in it, is not false."""
    truth = Truth([known(45, 60, "a")])
    assert false_runs(alerts((1, "a"), (3, "a")), truth) == []
    assert len(false_runs(alerts((0, "b"), (1, "a"), (3, "a")), truth)) == 1


def test_false_alarms_are_counted_by_kind_of_decoy():
    """What matches a decoy has its kind, the rest is called other."""
    rung = alerts((0, "firstcoffee"), (0, "spam"), (3, "else"))
    decoys = Truth([known(0, 15, "firstcoffee", kind="daily"), known(0, 15, "spam", kind="bot")])
    assert kinds(runs_of(rung), rung, decoys) == {"bot": 1, "daily": 1, "other": 1}


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from("abcdx")), min_size=1, max_size=12))
@settings(max_examples=40, deadline=None)
def test_the_threshold_of_a_recall_is_the_highest_that_gives_it(pairs):
    """Against trying all thresholds from the top."""
    truth = Truth([known(0, 60, word) for word in "abcd"])
    rung = alerts(*sorted(pairs))
    edges = truth.edges(rung)
    for target in (0.25, 0.5, 0.9):
        by_hand = None
        for least in sorted({a.score for a in rung}, reverse=True):
            found = assign([e for e in edges if rung[e.alert].score >= least])
            if len(found) >= target * 4 - 1e-9:
                by_hand = least
                break
        assert at_recall(rung, edges, 4, target) == by_hand


# -- confidence -------------------------------------------------------------------------------------


def test_intervals_hold_the_figure_are_seeded_and_shrink():
    """The same seed gives the same bounds, another one others; four times the topics narrow them."""
    topics = [known(0, 60, f"k{n}") for n in range(20)]
    tally = judge([told(0, *[[f"k{n}"] for n in range(0, 20, 2)], *[["x"]] * 3)], Truth(topics), top=20)
    bounds = intervals(tally)["recall"]
    assert bounds is not None
    assert bounds.low < 0.5 < bounds.high
    assert intervals(tally, seed=7) == intervals(tally, seed=7)
    more = intervals(tally + tally + tally + tally)["recall"]
    assert more is not None
    assert more.high - more.low < 0.7 * (bounds.high - bounds.low)
    assert bounds.high - bounds.low == pytest.approx(2 * 1.96 * np.sqrt(0.25 / 20), abs=0.1)


def test_intervals_of_nothing_are_none():
    """Without reference topics there is nothing to draw from; without finds, no latency."""
    assert set(intervals(judge([], Truth([]))).values()) == {None}
    assert intervals(judge([], Truth([known(0, 10)])))["latency_median_min"] is None


# -- the Numenta benchmark --------------------------------------------------------------------------

HOURS = [datetime(2026, 5, 1, tzinfo=UTC) + timedelta(hours=n) for n in range(100)]


def test_silence_scores_nothing_and_a_detection_at_once_everything():
    """The two ends of the scale."""
    windows = [(HOURS[40], HOURS[49]), (HOURS[70], HOURS[79])]
    flags = np.zeros(100)
    assert nab_score(HOURS, flags, windows, 0.5).score == 0
    flags[[40, 70]] = 1
    assert nab_score(HOURS, flags, windows, 0.5).score == pytest.approx(100)
    flags[5] = 1  # within the first 15 %, which are not judged
    assert nab_score(HOURS, flags, windows, 0.5).score == pytest.approx(100)
    assert nab_score(HOURS, flags, [], 0.5).score is None


def test_a_series_that_does_not_fit_its_windows_is_refused():
    """Lengths, windows off the rows, windows that overlap, and unknown profiles are refused."""
    with pytest.raises(ValueError, match="99 scores for 100 times"):
        nab_score(HOURS, np.zeros(99), [], 0.5)
    with pytest.raises(ValueError, match="the series has no row at"):
        nab_score(HOURS, np.zeros(100), [(HOURS[3], HOURS[4] + timedelta(minutes=1))], 0.5)
    with pytest.raises(ValueError, match="overlaps"):
        nab_score(HOURS, np.zeros(100), [(HOURS[20], HOURS[30]), (HOURS[30], HOURS[40])], 0.5)
    with pytest.raises(ValueError, match="unknown profile 'mild'"):
        nab_score(HOURS, np.zeros(100), [], 0.5, "mild")


@pytest.mark.data
@pytest.mark.parametrize("profile", list(PROFILES))
def test_the_score_is_the_benchmark_s_own(data_folder, tmp_path, profile):
    """The judge's scorer, run on the five series with random scores, says the same, file by file and in all."""
    nab = data_folder / "labelled" / "nab"
    labels = json.loads((nab / "combined_windows.json").read_text())
    dice = random.Random(5)
    total = None
    single = []
    for path in sorted((nab / "data").glob("*.csv")):
        with path.open(newline="") as file:
            stamps = [row["timestamp"] for row in csv.DictReader(file)]
        scores = [round(dice.random() ** 0.05, 6) for _ in stamps]
        with (tmp_path / path.name).open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerows([("timestamp", "anomaly_score"), *zip(stamps, scores, strict=True)])
        windows = [tuple(map(datetime.fromisoformat, pair)) for pair in labels[f"realTweets/{path.name}"]]
        times = [datetime.fromisoformat(stamp) for stamp in stamps]
        part = nab_score(times, scores, windows, 0.9995, profile)
        single.append(
            f"detected {part.detected} false-alarm rows {part.false_alarms} score {part.raw:.4f} normalised {part.score:.1f}"
        )
        total = part if total is None else total + part
    judge_script = data_folder.parent / "judge" / "nab_score.py"
    said = subprocess.run(
        [sys.executable, judge_script, tmp_path, "0.9995", nab / "combined_windows.json", "--profile", profile],
        capture_output=True, text=True, check=True, timeout=60,
    ).stdout.splitlines()  # fmt: skip
    assert len(single) == 5
    for ours, theirs in zip(single, said, strict=False):
        assert theirs.endswith(ours)
    assert total is not None
    assert 0 < total.detected < total.windows or total.false_alarms > 0
    assert (
        said[-1]
        == f"ALL files 5 windows {total.windows} raw {total.raw:.4f} NORMALISED {profile} {total.score:.2f}"
    )


@pytest.mark.data
@pytest.mark.parametrize("top", [5, 10])
def test_recall_and_latency_are_what_the_judge_says(data_folder, tmp_path, top):
    """The judge's script, run on the trends of the bundled recording, finds as many, and as soon."""
    from rtanalytics.archive import Recording

    repository = Path(__file__).parents[1]
    recording = Recording(repository / "data" / "fixtures" / "recordings" / "juniperconf-2026")
    bins = list(trends(recording, top=top))
    lines = [msgspec.json.encode(trend) for bin in bins for trend in bin.trends]
    (tmp_path / "told.jsonl").write_bytes(b"\n".join(lines))
    topics = [
        ReferenceTopic(
            start=t.start, end=t.end, keywords=t.keywords, extra={"speaker": "", "detectable": "1"}
        )
        for t in recording.truth
    ]
    write_truth(tmp_path / "known.csv", topics)
    script = data_folder.parent / "judge" / "trend_recall.py"
    said = subprocess.run(
        [sys.executable, script, tmp_path / "told.jsonl", tmp_path / "known.csv", "--max-terms", "3"],
        capture_output=True, text=True, check=True, timeout=60,
    ).stdout  # fmt: skip
    theirs = re.search(rf"recall@{top} .* STRICT (\d+)  latency median ([\d.]+) min", said)
    tally = judge(bins, Truth(topics), top=top)
    assert theirs is not None
    assert tally.matched == int(theirs[1])
    assert value("latency_median_min", tally) == pytest.approx(float(theirs[2]), abs=0.05)


# -- comparing --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Two small recordings, in each of which one reference topic bursts."""
    folder = tmp_path_factory.mktemp("recordings")
    made = []
    for name, word in (("one", "walrus"), ("two", "tokio")):
        quiet = [event(n * 60, text=f"coffee number {n % 5}", author=f"u{n % 9}") for n in range(240)]
        burst = [event(7200 + n * 7, text=f"the {word} keynote is great", author=f"w{n}") for n in range(40)]
        truth = [known(120, 150, word, "keynote"), known(30, 60, "nothing said")]
        made.append(write_recording(folder / name, [*quiet, *burst], truth=truth))
    return made


def test_a_comparison_has_a_row_for_each_algorithm_and_recording_and_for_all(recordings):
    """Recordings' own truths; the rows of all together come from pooled counts."""
    frame = compare(recordings, algorithms=["poisson", "count"])
    assert list(frame.index) == [(a, r) for a in ("poisson", "count") for r in ("one", "two", POOLED)]
    assert set(METRICS) <= set(frame.columns)
    assert frame.loc[("poisson", POOLED), "recall"] == 0.5
    assert frame.loc[("poisson", POOLED), "events"] == 4
    assert np.isnan(frame.loc[("poisson", "one"), "false_alarms_per_hour_at_90_recall"])
    assert frame.loc[("count", "one"), "false_alarms"] > frame.loc[("poisson", "one"), "false_alarms"]


def test_each_algorithm_is_compared_unless_some_are_named(recordings):
    """The default is the whole registry of those that can run live."""
    from rtanalytics.trending import ALGORITHMS

    comparison = compare_all(recordings[:1])
    assert comparison.algorithms == [name for name, cls in ALGORITHMS.items() if cls.causal]


def test_what_cannot_be_compared_is_refused(recordings):
    """No truth, too few truths, and two recordings of one name are refused."""
    with pytest.raises(ValueError, match="the recording 'one' has no reference topics"):
        compare(recordings[:1], [[]])
    with pytest.raises(ValueError, match="1 truths for 2 recordings"):
        compare(recordings, [[known(0, 1)]])
    with pytest.raises(ValueError, match="two recordings are named 'one'"):
        compare([recordings[0], recordings[0]])


def test_lower_thresholds_never_find_less(recordings):
    """The curve rises to the recall of the whole lists."""
    comparison = compare_all(recordings, algorithms=["poisson"])
    curve = comparison.curve("poisson")
    assert [p.threshold for p in curve] == sorted((p.threshold for p in curve), reverse=True)
    assert [p.recall for p in curve] == sorted(p.recall for p in curve)
    assert curve[-1].recall == METRICS["recall"].of(comparison.pooled("poisson"))


def test_the_figure_shows_each_algorithm(recordings, tmp_path: Path):
    """Axes that are given are drawn on and returned; every name stands on the axis of delays."""
    from matplotlib.figure import Figure

    comparison = compare_all(recordings, algorithms=["poisson", "g2", "count"])
    left, middle, right = Figure().subplots(1, 3)
    assert plot_recall(comparison, left) is left
    assert plot_latency(comparison, right) is right
    assert {label.get_text().split()[0] for label in right.get_yticklabels()} == {"poisson", "g2", "count"}
    assert plot_recall_intervals(comparison, middle) is middle
    assert len(middle.get_yticklabels()) == 3
    draw(comparison).savefig(tmp_path / "figure.svg")
    assert (tmp_path / "figure.svg").stat().st_size > 1000


def test_recall_at_many_false_alarms_has_a_small_partial_auc(recordings):
    """One figure for the curve: between 0 and the highest recall, higher for who finds as much for less."""
    comparison = compare_all(recordings, algorithms=["poisson", "jlh"])
    for name in comparison.algorithms:
        best = max((point.recall for point in comparison.curve(name)), default=0.0)
        assert 0 <= partial_auc(comparison, name) <= best
    cheap = [point.recall for point in comparison.curve("poisson") if point.per_hour <= 0.02]
    assert partial_auc(comparison, "poisson") >= max(cheap, default=0.0)


def test_two_algorithms_are_compared_topic_by_topic():
    """The same misses leave no gap, whatever else is hard; a constant gap is no chance."""
    found, missed = np.zeros((40, 8)), np.zeros((40, 8))
    found[:, 0], missed[:, 0] = np.arange(40) % 2, np.arange(40) % 2
    assert recall_gap(Tally(10, found), Tally(10, missed)) == (0.0, 0.0)
    found[:, 0] = 1
    low, high = recall_gap(Tally(10, found), Tally(10, missed))
    assert 0.3 < low < 0.5 < high < 0.7
    with pytest.raises(ValueError, match="40 and 3 reference topics"):
        recall_gap(Tally(10, found), Tally(10, found[:3]))
