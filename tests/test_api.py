"""The front door: what ``import rtanalytics as rta`` gives, on the bundled recording."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

import rtanalytics as rta
from rtanalytics.archive import ArchiveError, write_recording
from rtanalytics.importers import ImporterError
from rtanalytics.resources import recordings_folder
from tests.build import event

BUNDLED = "juniperconf-2026"


@pytest.fixture(scope="module")
def recording():
    return rta.open_recording(BUNDLED)


@pytest.fixture(scope="module")
def trends(recording):
    return rta.trends(recording, bin="1h", top=5)


def test_a_recording_is_opened_by_name_folder_or_toml(recording, tmp_path):
    """All of them give the same events."""
    folder = recordings_folder() / BUNDLED
    toml = tmp_path / "conference.toml"
    toml.write_text(f"name = 'juniper'\narchive = '{folder}'\n")
    for source in (folder, str(folder), toml, recording):
        assert len(rta.open_recording(source)) == 6000


def test_a_frame_becomes_a_recording_that_is_removed_with_it():
    """Rows keep their order and texts; the temporary folder is removed with the recording."""
    table = pd.DataFrame({"created_at": ["2026-05-15 09:00", "2026-05-15 09:01"], "text": ["hello", "world"]})
    recording = rta.open_recording(table)
    assert recording.to_pandas()["text"].tolist() == ["hello", "world"]
    folder = recording.folder
    del recording
    assert not folder.exists()


def test_rows_with_a_repeated_id_are_not_dropped_in_silence():
    """A warning says how many."""
    table = pd.DataFrame({"created_at": ["2026-05-15"] * 2, "text": ["a", "b"], "id": ["1", "1"]})
    with pytest.warns(UserWarning, match="1 of 2 rows repeat the id"):
        assert len(rta.open_recording(table)) == 1


def test_what_cannot_be_opened_says_what_to_do(tmp_path):
    """A missing folder, an empty one, and a table without times."""
    with pytest.raises(ArchiveError, match="no such recording; 'juniperconf-2026' is the bundled one"):
        rta.open_recording(tmp_path / "nowhere")
    with pytest.raises(ArchiveError, match="did you mean 'juniperconf-2026'"):
        rta.open_recording("juniperconf-2025")
    with pytest.raises(ArchiveError):
        rta.open_recording(tmp_path)
    with pytest.raises(ImporterError, match="no column created_at"):
        rta.open_recording(pd.DataFrame({"text": ["hello"]}))


@pytest.mark.parametrize("bin", ["1h", timedelta(hours=1), pd.Timedelta("1h"), pd.offsets.Hour(1)])
def test_durations_are_texts_timedeltas_or_offsets(recording, trends, bin):
    """All of them give the same trends."""
    again = rta.trends(recording, bin=bin, top=5)
    assert again.bins == trends.bins


def test_python_and_the_command_line_list_the_same_trends(trends):
    """Own tags, talks and the rest of what the recording brings are taken in both."""
    command = [sys.executable, "-m", "rtanalytics", "trending", recordings_folder() / BUNDLED]
    printed = subprocess.run(
        [*command, "--bin", "1h", "--top", "5", "--json"], capture_output=True, check=True
    )
    lines = [json.loads(line) for line in printed.stdout.splitlines()]
    assert lines == [json.loads(line) for line in trends.to_json().splitlines()]


def test_a_row_of_the_table_is_an_item_of_the_list(trends):
    """By time and rank, with the zone of the times."""
    frame = trends.to_frame()
    assert len(frame) == len(trends) > 50
    assert frame["label"].tolist() == [trend.label for trend in trends]
    assert str(frame["bin_start"].dtype).endswith("Europe/Lisbon]")
    assert trends[-1].bin_start == frame["bin_start"].iloc[-1]
    assert trends[:3].to_frame().equals(frame.head(3))
    assert [trend.label for trend in trends[5:2:-1]] == frame["label"].iloc[3:6].tolist()
    with pytest.raises(TypeError, match="to_frame"):
        _ = trends["label"]
    with pytest.raises(IndexError, match="there are"):
        _ = trends[len(trends)]


def test_a_trend_of_the_list_explains_itself_with_quotes(trends, recording):
    """Without arguments: messages come from the recording, and the next topic from the same bin."""
    trend = next(trend for trend in trends if trend.examples and trends.after(trend))
    texts = {event.id: event.text for event in recording}
    explained = trend.explain()
    assert any(texts[id][:20] in str(explained) for id in trend.examples)
    assert trends.after(trend).label in explained.numbers[-1]


def test_labels_from_outside_are_escaped_in_tables(tmp_path):
    """Messages are hostile text: a notebook shows it, and never runs it."""
    rows = [event(n, text=f"the <img src=x> talk by @ada{n}") for n in range(3)]
    recording = write_recording(tmp_path / "r", rows)
    trends = rta.trends(recording, topic_filter={"min_probability": 0.01})
    for page in (trends._repr_html_(), recording._repr_html_()):
        assert "<img" not in page


def test_a_misspelt_keyword_is_answered_with_the_right_one(recording):
    """In every function that takes settings."""
    for call in (
        lambda: rta.trends(recording, bins="1h"),
        lambda: rta.compare([recording], bins="1h"),
        lambda: rta.write_report(recording, "x.html", bins="1h"),
    ):
        with pytest.raises(ValueError, match="'bins'; did you mean 'bin'"):
            call()
    with pytest.raises(ValueError, match="'truth'; did you mean 'truths'"):
        rta.compare(recording, truth=[])
    with pytest.raises(ValueError, match="'tile'; did you mean 'title'"):
        rta.write_report(recording, "x.html", tile="x")


def test_a_comparison_is_a_table(recording):
    """One row per algorithm, and a short form in text and HTML."""
    found = rta.compare([recording], algorithms=["poisson", "ewma"], bin="1h")
    assert found.to_frame().index.get_level_values("algorithm").tolist() == ["poisson", "ewma"]
    assert "poisson" in repr(found)
    assert "<table" in found._repr_html_()


def test_a_report_is_written(recording, tmp_path):
    """As HTML or Markdown; another ending is refused."""
    for name in ("report.html", "report.md"):
        assert rta.write_report(recording, tmp_path / name) == tmp_path / name
        assert "JuniperConf" in Path(tmp_path / name).read_text()
    with pytest.raises(ValueError, match=r"must end in \.html or \.md"):
        rta.write_report(recording, tmp_path / "report.pdf")


def test_a_misspelt_name_is_answered_with_the_right_one():
    """As pandas and NumPy do."""
    with pytest.raises(AttributeError, match="did you mean 'open_recording'"):
        _ = rta.open_recordings


def test_a_conference_brings_its_title_zone_and_bins(tmp_path):
    """What its conference.toml says goes before what the recording says, in trends and report."""
    toml = tmp_path / "conference.toml"
    folder = recordings_folder() / BUNDLED
    toml.write_text(
        f"name = 'juniper'\ntitle = 'My Conf'\ntimezone = 'Asia/Tokyo'\narchive = '{folder}'\n[trending]\nbin = '2h'\n"
    )
    trends = rta.trends(toml)
    assert "bins of 2 h" in repr(trends)
    assert "Asia/Tokyo" in repr(trends)
    text = rta.write_report(toml, tmp_path / "report.md").read_text()
    assert "My Conf" in text
    assert "2 hours" in text or "120 min" in text


@pytest.mark.parametrize("source", [["a", "b"], {"a": 1}, pd.Series(["a"]), 7])
def test_other_types_are_refused(source):
    """The message names what can be passed."""
    for call in (rta.open_recording, rta.trends):
        with pytest.raises(TypeError, match="DataFrame"):
            call(source)


def test_the_name_of_a_table_gets_the_two_ways_to_read_it():
    """The message has both ways."""
    with pytest.raises(ValueError, match="pass the DataFrame, or run 'rtanalytics import"):
        rta.trends("tweets.csv")


def test_a_single_recording_can_be_compared(recording):
    """Without a list around it."""
    assert rta.compare(recording, algorithms=["poisson"], bin="1h").recordings == [BUNDLED]


def test_an_author_under_another_name_is_pointed_out():
    """No people would be counted, which changes trends."""
    table = pd.DataFrame({"created_at": ["2026-05-15"], "text": ["a"], "username": ["ada"]})
    with pytest.warns(UserWarning, match="is it username"):
        rta.open_recording(table)


@pytest.mark.parametrize("feed", ["juniperconf-2026", pd.DataFrame({"text": []}), {"a": 1}])
def test_a_dashboard_refuses_what_is_no_feed(feed):
    """And says how to play a table."""
    with pytest.raises(TypeError, match="rta.play"):
        rta.Dashboard(feed)


def test_a_speed_may_be_text(recording):
    """As people write it; an invalid one is answered with examples."""
    for speed in (60, "60", "60x", "×60"):
        assert rta.play(recording, speed=speed).speed == 60
    for speed in ("fast", "0", -1, None):
        with pytest.raises(ValueError, match=r"invalid speed .* \(examples: 60, '60x', 'max'\)"):
            rta.play(recording, speed=speed)


def test_the_report_of_a_table_is_called_after_its_dates(tmp_path):
    """The temporary recording has no name of its own."""
    table = pd.DataFrame({"created_at": ["2026-05-15 09:00", "2026-05-16 09:01"], "text": ["hello", "world"]})
    for source in (table, rta.open_recording(table)):
        text = rta.write_report(source, tmp_path / "report.md").read_text()
        assert text.startswith("# Messages of 15–16 May 2026\n")


def test_a_table_has_trends_without_being_opened_first():
    """Its temporary recording lasts as long as the trends, which quote it."""
    quiet = pd.date_range("2026-05-15 09:00", periods=120, freq="1min", tz="UTC")
    burst = pd.date_range("2026-05-15 11:00", periods=40, freq="7s", tz="UTC")
    words = [f"coffee number {n % 5}" for n in range(120)] + ["the walrus keynote is great"] * 40
    people = [f"u{n % 9}" for n in range(120)] + [f"w{n}" for n in range(40)]
    table = pd.DataFrame({"created_at": quiet.append(burst), "text": words, "author": people})
    trends = rta.trends(table)
    assert any("walrus" in trend.label for trend in trends)
    assert "walrus keynote" in str(trends[-1].explain())


def test_times_of_a_table_without_a_zone_are_read_as_utc_with_a_warning():
    """Local times would be shifted without a word; times with a zone need no warning."""
    table = pd.DataFrame({"created_at": ["14.05.2026 08:00"], "text": ["hello"]})
    with pytest.warns(UserWarning, match="without a time zone are read as UTC.*tz_localize"):
        rta.open_recording(table)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        rta.open_recording(table.assign(created_at=pd.to_datetime(["2026-05-14 08:00"], utc=True)))


def test_the_recording_of_a_conference_knows_what_its_file_says(tmp_path):
    """Title, time zone, tags and schedule come from the conference.toml."""
    events = [event(n) for n in range(3)]
    write_recording(tmp_path / "archive", events)
    (tmp_path / "plan.csv").write_text("start,end,title\n2026-05-15 09:00,2026-05-15 10:00,Wheels\n")
    file = tmp_path / "conference.toml"
    file.write_text(
        'name = "x"\ntitle = "Wheel days"\ntimezone = "Europe/Berlin"\nhashtags = ["#wheel"]\n'
        'archive = "archive"\nschedule = "plan.csv"\n'
    )
    recording = rta.open_recording(file)
    assert [talk.title for talk in recording.schedule] == ["Wheels"]
    assert (recording.meta.title, recording.meta.timezone) == ("Wheel days", "Europe/Berlin")
    assert repr(recording.schedule) == "Schedule(1 talk, 2026-05-15 07:00 to 2026-05-15 08:00 UTC)"
    assert "Wheel days" in repr(recording)
