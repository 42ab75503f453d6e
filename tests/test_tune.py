"""Tuning: the grid, the runs, the cross-validation, and the result."""

from __future__ import annotations

import math
from dataclasses import fields
from datetime import UTC, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from rtanalytics.conference import ConferenceError, read_conference
from rtanalytics.evaluate import Tally, Truth, judge
from rtanalytics.importers import open_events
from rtanalytics.schedule import ReferenceTopic, read_truth
from rtanalytics.session import conference_settings
from rtanalytics.synthetic import conference, hard_conference
from rtanalytics.topics import Settings, TopicFilter, TopicModel, trends
from rtanalytics.trending import ALGORITHMS, algorithm_of
from rtanalytics.tune import OBJECTIVES, candidates, default_value, draw, lines, settings_of, tune
from rtanalytics.tune.panels import Sample, TrendRunner
from tests.test_shared_counts import troubled

GRID = {"topic_filter.min_probability": [0.25, 0.5], "min_overlap": [0.3, 0.6]}


class Recorded:
    """A recording in memory."""

    def __init__(self, name, events, truth, title=None, hashtags=()):
        self.name, self.events, self.truth = name, events, truth
        self.meta = SimpleNamespace(title=title, timezone="UTC", hashtags=[*hashtags], accounts=[], ignore=[])

    def __iter__(self):
        return iter(self.events)

    def __len__(self):
        return len(self.events)


def invented(name, seed, *, days=1, events=900, title=None, hard=False):
    """A synthetic conference as a recording."""
    made = hard_conference(seed, events=events) if hard else conference(seed, days=days, events=events)
    return Recorded(name, made.events, made.truth, title, made.hashtags)


@pytest.fixture(scope="module")
def three():
    """Three small conferences, of seeds that nothing else uses."""
    return [invented("one", 7101), invented("two", 7102), invented("three", 7103)]


def reached(recording, setting, truth=None):
    """F1 of a setting on a whole recording, worked out from nothing but trends and matching."""
    own = frozenset(tag.lstrip("#").casefold() for tag in recording.meta.hashtags)
    bins = list(trends(recording.events, settings_of(setting), own_tags=own))
    known = Truth(truth or recording.truth)
    tally = judge(bins, known)
    on = [bin for bin in bins if known.active(bin.start, bin.end)]
    listed = sum(len(bin.trends) for bin in on)
    precision, recall = tally.slot_matched / listed if listed else 0.0, tally.matched / len(known)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


# --- what is tried -----------------------------------------------------------------------------


def test_every_line_of_the_table_reaches_the_settings():
    """All fields of [trending], and all of the topic filter and its model, arrive where the trender reads them."""
    names = [f.name for f in fields(TopicFilter) if f.name != "topic_model"]
    table = {name: default_value(f"topic_filter.{name}", "count") for name in names}
    table |= {"evidence_decay": "2h", "min_probability": 0.6, "keep_probability": 0.5, "min_people": 4}
    table["topic_model"] = {"bias": -3.0}
    settings = Settings.from_table(
        {
            "algorithm": "poisson", "bin": "5min", "grace": "30s", "top": 7, "parameters": {"history": 9},
            "channel": "messages", "min_score": 3.5, "min_count": 4, "min_overlap": 0.7, "hold": "2h",
            "topic_filter": table,
        }
    )  # fmt: skip
    assert Settings.from_table(settings.to_table()) == settings
    assert algorithm_of(settings).get_params() == {"history": 9}
    assert (settings.bin, settings.grace) == (timedelta(minutes=5), timedelta(seconds=30))
    assert (settings.top, settings.channel, settings.min_score) == (7, "messages", 3.5)
    assert (settings.min_count, settings.min_overlap, settings.hold) == (4, 0.7, timedelta(hours=2))
    assert (settings.topic_filter.evidence_decay, settings.topic_filter.min_people) == (timedelta(hours=2), 4)
    assert (settings.topic_filter.topic_model.bias, settings.topic_filter.topic_model.known) == (
        -3.0,
        TopicModel().known,
    )


def test_an_empty_table_gives_the_default_settings():
    """An empty [trending] gives the same settings as no arguments."""
    assert Settings.from_table({}) == Settings()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "[trending.topic_filter]\nmin_probabilty = 0.3",
            ("topic_filter.min_probabilty", "did you mean", "min_probability"),
        ),
        (
            "[trending.topic_filter]\nmin_probability = 2.0",
            ("topic_filter.min_probability", "at most 1", "2.0"),
        ),
        ('[trending.topic_filter]\nevidence_decay = "soon"', ("topic_filter.evidence_decay", "soon")),
        ("[trending.topic_filter.topic_model]\nluck = 1.0", ("topic_filter.topic_model.luck", "evidence")),
        ('[trending]\nchannel = "voices"', ("channel", "voices")),
        ("[trending]\nmin_overlap = 3.0", ("min_overlap", "at most 1")),
        ('[trending]\nhold = "x"', ("hold", "'x'")),
        ('[trending]\nalgorithm = "kleinberg"', ("later bins",)),
        ("[trending.parameters]\nluck = 1", ("algorithm", "luck")),
        ("[trending]\ntop = 0", ("top", "at least 1")),
    ],
)
def test_a_line_that_cannot_be_is_named(tmp_path: Path, text, words):
    """Nothing begins to run with a mistake in [trending]; the message says which line it is."""
    file = tmp_path / "conference.toml"
    file.write_text(f'name = "x"\n{text}\n', encoding="utf-8")
    with pytest.raises(ConferenceError) as caught:
        conference_settings(read_conference(file))
    assert all(word in str(caught.value) for word in words), caught.value


@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS))
def test_what_is_written_down_is_what_was_tried(tmp_path: Path, algorithm):
    """For each algorithm: the printed lines, read as a conference.toml, give the settings that were tried."""
    file = tmp_path / "conference.toml"
    for setting in candidates([algorithm], most=12, seed=3):
        file.write_text(f'name = "x"\n{lines(setting)}\n', encoding="utf-8")
        assert read_conference(file).trending == settings_of(setting)


def test_the_default_setting_is_tried_first_and_nothing_twice():
    """It is what the others are held against; as many are drawn as are asked for."""
    found = candidates(["seasonal-poisson"], most=50, seed=1)
    assert found[0] == {name: default_value(name, "seasonal-poisson") for name in found[0]}
    assert len(found) == len({tuple(setting.items()) for setting in found})
    assert 45 <= len(found) <= 50
    assert found == candidates(["seasonal-poisson"], most=50, seed=1)
    assert found != candidates(["seasonal-poisson"], most=50, seed=2)


def test_a_small_grid_is_tried_as_a_whole():
    """All combinations, those of a parameter only for the algorithm that has it."""
    grid = {"bin": ["5min", "15min"], "parameters.history": [4, 8]}
    found = candidates(["count", "df-idf"], grid)
    assert [s["bin"] for s in found if s["algorithm"] == "count"] == ["15min", "5min"]
    pairs = {(s["bin"], s["parameters.history"]) for s in found if s["algorithm"] == "df-idf"}
    assert pairs == {(width, n) for width in grid["bin"] for n in (4, 8)}


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        ({"topic_filter.leest": [0.3]}, "topic_filter.leest"),
        ({"nothing": [1]}, "nothing"),
        ({"parameters.luck": [1]}, "no algorithm has the parameter"),
        ({"bin": ["soon"]}, "soon"),
        ({"topic_filter.min_probability": [0.3, 5]}, "probability"),
        ({"top": ["many"]}, "top"),
        ({"algorithm": ["count"]}, "cannot vary the algorithm"),
    ],
)
def test_a_grid_that_cannot_be_is_refused(grid, words):
    """By the name or value that is wrong, before anything runs."""
    with pytest.raises(ValueError, match=words):
        candidates(["poisson"], grid)


# --- runs -----------------------------------------------------------------------------------


def test_runs_in_stretches_equal_a_single_run():
    """In three steps, with late posts, an edit and a delete, and a setting dismissed on the way."""
    events = troubled(6)
    settings = {
        i: settings_of({"algorithm": a, "topic_filter.min_probability": 0.3, "min_overlap": t})
        for i, (a, t) in enumerate((("poisson", 0.4), ("seasonal-poisson", 0.2), ("count", 0.4)))
    }
    runner = TrendRunner(Sample("x", events, [], Settings(), UTC), settings, 10, 3)
    cut = [events[300].received_at, events[450].received_at]
    runner.advance(300, cut[0])
    runner.dismiss([2])
    short = len(runner._bins(2))
    runner.advance(450, cut[1])
    runner.advance(len(events), None)
    for i in (0, 1):
        assert runner._bins(i) == list(trends(events, settings[i]))
    assert 0 < short == len(runner._bins(2)) < len(runner._bins(0))
    assert runner._bins(2) == list(trends(events, settings[2]))[:short]


# --- what is held back -------------------------------------------------------------------------


def test_the_reported_figure_is_of_what_had_no_part_in_the_choice(three):
    """Each fold, worked out by hand: chosen on the other two, judged on the one left out."""
    tuning = tune(three, grid=GRID)
    assert tuning.shares == (1.0,)
    table = np.array([[reached(recording, setting) for recording in three] for setting in tuning.settings])
    assert tuning.values[-1] == pytest.approx(table)
    for place, fold in enumerate(tuning.folds):
        others = table[:, [i for i in range(3) if i != place]].mean(axis=1)
        assert fold.left_out == three[place].name
        assert others[fold.chosen] == pytest.approx(others.max())
        assert (fold.score, fold.default_score) == pytest.approx((table[fold.chosen, place], table[0, place]))
        assert fold.train_score == pytest.approx(others.max())
    assert tuning.unbiased
    assert tuning.test_score == pytest.approx(np.mean([fold.score for fold in tuning.folds]))
    assert tuning.train_score == pytest.approx(table.mean(axis=1).max())
    assert tuning.train_score >= tuning.default_score == pytest.approx(table[0].mean())


def test_what_is_left_out_has_no_say_in_any_round(three):
    """With another truth of one conference, the choice without it is the same; also with halving."""
    grid = GRID | {
        "topic_filter.evidence_decay": ["5min", "15min", "30min"],
        "topic_filter.window": ["15min", "30min", "1h"],
    }
    before = tune(three, grid=grid)
    assert len(before.shares) == 3
    other = [ReferenceTopic(start=t.start, end=t.end, keywords=("coffee",)) for t in three[0].truth]
    after = tune(three, [other, three[1].truth, three[2].truth], grid=grid)
    assert after.folds[0].chosen == before.folds[0].chosen
    assert after.folds[0].score != before.folds[0].score
    assert after.folds[1].train_score != before.folds[1].train_score


def test_halving_judges_the_better_ones_as_if_there_were_no_others(three):
    """Fewer settings each round; who comes to the end has the figures of an undivided telling."""
    grid = GRID | {
        "topic_filter.evidence_decay": ["5min", "15min", "30min"],
        "topic_filter.window": ["15min", "30min", "1h"],
    }
    tuning = tune(three, grid=grid)
    alive = [int((~np.isnan(round).any(axis=1)).sum()) for round in tuning.values]
    assert alive[0] == len(tuning.settings) > alive[1] > alive[2] >= len(tuning.order)
    assert not np.isnan(tuning.values[:, 0]).any(), "the default setting always stays"
    for place in tuning.order[:2]:
        table = [reached(recording, tuning.settings[place]) for recording in three]
        assert tuning.values[-1, place] == pytest.approx(table)
    frame = tuning.to_frame()
    assert list(frame.index[: len(tuning.order)]) == list(tuning.order)
    assert frame["share"].is_monotonic_decreasing
    assert frame["mean"].iloc[0] == pytest.approx(tuning.train_score)


def test_processes_find_what_one_finds(three):
    """Two of them: the same figures in the same places."""
    done: list[float] = []
    alone = tune(three, grid=GRID | {"bin": ["15min", "30min"]}, tick=done.append)
    both = tune(three, grid=GRID | {"bin": ["15min", "30min"]}, jobs=2)
    np.testing.assert_array_equal(alone.values, both.values)
    assert alone.folds == both.folds
    assert done == sorted(done)
    assert done[-1] == pytest.approx(1.0)


def test_one_conference_is_split_by_days_and_says_so():
    """Days are left out in turn, each judged as the days of one telling; that is marked as biased."""
    recording = invented("alone", 7104, days=2, events=1500)
    tuning = tune([recording], grid=GRID)
    days = sorted({topic.start.date().isoformat() for topic in recording.truth})
    assert tuning.by_day
    assert not tuning.unbiased
    assert [fold.left_out for fold in tuning.folds] == days
    assert tuning.test_score is not None
    two = [Recorded(f"day {n}", [], [t for t in recording.truth if t.start.date().isoformat() == day])
           for n, day in enumerate(days)]  # fmt: skip
    for part, day in zip(two, days, strict=True):
        part.events = [
            e for e in recording.events if (e.created_at.date().isoformat() <= days[0]) == (day == days[0])
        ]
        part.meta.title = "Both are days of this"
        part.meta.hashtags = recording.meta.hashtags
    apart = tune(two, grid=GRID)
    assert apart.by_day
    assert not apart.unbiased
    assert apart.values[0, :, 0] == pytest.approx(tuning.values[0, :, 0]), (
        "the first day has no history in either"
    )


def test_one_day_leaves_nothing_to_judge_on():
    """There are settings, but no figure that anybody could believe."""
    tuning = tune([invented("alone", 7105)], grid={"topic_filter.min_probability": [0.3, 0.5]})
    assert tuning.folds == ()
    assert tuning.test_score is None
    assert not tuning.unbiased
    assert not tuning.improves


def test_every_figure_can_be_the_objective():
    """Of equal tallies the better one is ranked first, whichever way the figure points."""
    assert OBJECTIVES["f1"].of(Tally(10)) == 0.0
    some = Tally(10, np.array([[1, 0, 0, 0, 0, 0, 0, 9.0], [0] * 8]), slot_matched=3, slot_listed=4)
    assert OBJECTIVES["f1"].of(some) == pytest.approx(2 * 0.75 * 0.5 / 1.25)
    recording = invented("alone", 7106)
    low = tune(
        [recording], grid={"topic_filter.min_probability": [0.3, 0.9]}, objective="false_alarms_per_hour"
    )
    assert low.best["topic_filter.min_probability"] == 0.9
    assert low.train_score == np.nanmin(low.values[-1])


def test_of_equals_the_one_with_fewer_false_alarms_is_chosen():
    """Recall cannot fall where a threshold falls, so that the tie is what decides."""
    recording = invented("alone", 7107)
    tuning = tune(
        [recording], grid={"topic_filter.min_probability": [0.01, 0.02]}, objective="random_baseline_recall"
    )
    best = tuning.values[-1] == tuning.values[-1].min()
    equal = np.flatnonzero(best.all(axis=1))
    assert tuning.false[-1, tuning.order[0]].mean() == tuning.false[-1, equal].mean(axis=1).min()


def test_topic_level_algorithms_and_those_that_need_later_bins_take_part(three):
    """They run on the whole recording, beside those that continue; their lines are marked as not fit for a stream."""
    grid = {"parameters.history": [4, 8], "parameters.s": [1.5, 3.0]}
    tuning = tune(three[:2], algorithms=["bngram", "kleinberg", "count"], grid=grid)
    assert {s["algorithm"] for s in tuning.settings} == {"bngram", "kleinberg", "count"}
    assert not np.isnan(tuning.values[-1, list(tuning.order)]).any()
    alone = tune(three[:2], algorithms=["bngram"], grid={"parameters.history": [4, 8]})
    assert not alone.live
    assert tune(three[:2], algorithms=["count"], grid={"topic_filter.min_probability": [0.3]}).live


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"objective": "luck"}, "unknown objective 'luck'"),
        ({"factor": 1}, "factor 1"),
        ({"truths": [[]]}, "1 truths for 3 recordings"),
        ({"truths": [[], [], []]}, "the recording 'one' has no reference topics"),
    ],
)
def test_what_cannot_be_tuned_is_refused(three, change, words):
    """In words that name what is wrong."""
    with pytest.raises(ValueError, match=words):
        tune(three, grid=GRID, **change)


def test_two_recordings_of_one_name_are_refused(three):
    """Otherwise nobody could say whose scores are whose."""
    with pytest.raises(ValueError, match="two recordings are named 'one'"):
        tune([three[0], three[0]], grid=GRID)


# --- what is drawn -----------------------------------------------------------------------------


def test_the_heat_maps_say_what_was_reached(three):
    """Every recording, the default setting, each value that was tried, and the cross-validated score."""
    tuning = tune(three, grid=GRID)
    figure = draw(tuning)
    left, right = figure.axes
    assert [t.get_text() for t in left.get_xticklabels()] == ["one", "two", "three", "mean"]
    assert "default" in [t.get_text() for t in left.get_yticklabels()]
    assert f"{tuning.train_score:.2f}" in [t.get_text() for t in left.texts]
    assert {"topic_filter.min_probability", "min_overlap"} == {t.get_text() for t in right.get_yticklabels()}
    assert any(t.get_text().startswith("0.25\n") for t in right.texts)
    assert f"{tuning.test_score:.2f}" in figure.get_suptitle()


def test_the_heat_maps_of_one_conference_say_that_they_flatter():
    """The title does not promise what cannot be."""
    tuning = tune([invented("alone", 7108)], grid={"topic_filter.min_probability": [0.3, 0.5]})
    assert "too optimistic" in draw(tuning).get_suptitle()


# --- conferences of others ---------------------------------------------------------------------


@pytest.mark.data
@pytest.mark.slow
def test_recordings_of_others_are_tuned_on(data_folder: Path):
    """A few of the default settings on four conferences: an unbiased score, and settings that can run live."""
    recordings = []
    for name in ("bosc2014", "rstudioconf2018", "user2018", "user2019_day1"):
        events = {e.id: e for e in open_events(data_folder / "recordings" / f"{name}.parquet")}
        known = read_truth(data_folder / "schedules" / f"{name}_truth.csv")
        recordings.append(Recorded(name, list(events.values()), known))
    tuning = tune(recordings, most=18, jobs=2)
    assert tuning.unbiased
    assert tuning.live
    assert [fold.left_out for fold in tuning.folds] == [recording.name for recording in recordings]
    assert all(0 < fold.score <= 1 for fold in tuning.folds)
    assert tuning.train_score >= tuning.default_score > 0
    assert not math.isnan(tuning.to_frame()["mean"].iloc[0])


@pytest.mark.slow
def test_hard_conferences_are_tuned_on():
    """Half-size bursts of existing words, decoys: what the others choose is no worse than half of their own."""
    made = [invented(f"hard {seed}", seed, events=4000, hard=True) for seed in (7201, 7202, 7203)]
    tuning = tune(made, grid=GRID | {"parameters.prior": [5.0, 20.0, 80.0]}, jobs=2)
    assert tuning.unbiased
    assert tuning.test_score is not None
    assert tuning.test_score > tuning.train_score / 2 > 0
