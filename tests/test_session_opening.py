"""What the notebooks begin with: a conference by its file, a recording by its folder, or the bundled one."""

from collections import Counter
from datetime import UTC, timedelta

import msgspec
import pytest

from rtanalytics.archive import ArchiveError, write_recording
from rtanalytics.archive.metadata import RecordingMeta
from rtanalytics.conference import ConferenceError
from rtanalytics.schedule import Schedule, Talk
from rtanalytics.session import open_conference
from rtanalytics.session.connection import published_trends
from rtanalytics.streams.redis import RedisStream
from rtanalytics.topics import TrendBin, trends
from tests.build import BASE, event

HOUR = timedelta(hours=1)


def configured(folder, text=""):
    """A conference.toml there."""
    path = folder / "conference.toml"
    path.write_text(f'name = "ours"\n{text}', encoding="utf-8")
    return path


def test_the_bundled_recording_is_the_default():
    """Title, talks, own tags and messages are those of the fixture, and there is no running stream."""
    conference = open_conference(None)
    assert conference.title == "JuniperConf 2026"
    assert conference.timezone == str(conference.zone) == "Europe/Lisbon"
    assert (len(conference.recording), len(conference.schedule)) == (6000, 57)
    assert "juniperconf" in conference.settings.own_tags
    assert conference.schedule == conference.recording.schedule
    assert not conference.live


def test_a_folder_is_opened_as_a_recording(tmp_path):
    """An archive without any conference.toml is enough; its own words about itself are heard."""
    folder = tmp_path / "my conf"
    talk = Talk(id="1", title="Welcome", start=BASE, end=BASE + HOUR)
    write_recording(
        folder,
        [event(1), event(2)],
        schedule=Schedule([talk]),
        meta=RecordingMeta(timezone="Europe/Berlin", hashtags=["#Ours"], ignore=["lunch"]),
    )
    conference = open_conference(str(folder))
    assert [e.id for e in conference.recording] == ["test::1", "test::2"]
    assert (conference.name, conference.title, conference.timezone) == ("my-conf", "my conf", "Europe/Berlin")
    settings = conference.settings
    assert (settings.own_tags, settings.ignore, settings.schedule.talks) == ({"ours"}, {"lunch"}, [talk])


def test_a_conference_toml_gives_its_archive_its_talks_and_its_settings(tmp_path):
    """Everything is found relative to the file, and [trending] gives the settings of the trends."""
    write_recording(tmp_path / "kept", [event(1)])
    talk = Talk(id="1", title="Welcome", start=BASE, end=BASE + HOUR)
    (tmp_path / "talks.csv").write_text(
        f"title,start,end\nWelcome,{talk.start.isoformat()},{talk.end.isoformat()}\n", encoding="utf-8"
    )
    path = configured(
        tmp_path,
        'title = "Our Conf"\narchive = "kept"\nschedule = "talks.csv"\nhashtags = ["#OurConf"]\n'
        '[trending]\nalgorithm = "ewma"\nbin = "5min"\nparameters = { half_life = 2.0 }\n',
    )
    conference = open_conference(path)
    assert conference.live
    assert (conference.name, conference.title) == ("ours", "Our Conf")
    assert len(conference.recording) == 1
    assert [talk.title for talk in conference.schedule] == ["Welcome"]
    settings = conference.settings
    assert settings.parameters == {"half_life": 2.0}
    assert (settings.bin, settings.own_tags) == (timedelta(minutes=5), {"ourconf"})


def test_what_cannot_be_opened_has_a_message(tmp_path):
    """A missing file, a folder without a recording and a conference that was never collected each have a message."""
    with pytest.raises(ConferenceError, match="rtanalytics init"):
        open_conference(tmp_path / "none.toml")
    with pytest.raises(ArchiveError, match="not an archive"):
        open_conference(tmp_path)
    conference = open_conference(configured(tmp_path))
    with pytest.raises(ArchiveError, match="rtanalytics collect"):
        _ = conference.recording


def test_the_busiest_stretch_is_the_one_that_counting_finds(tmp_path):
    """Its messages are the most that any stretch of that length from a full hour has, and it is half-open."""
    conference = open_conference(None)
    hours = Counter(e.received_at.replace(minute=0, second=0, microsecond=0) for e in conference.recording)
    for length in (1, 3, 9):
        start, end = conference.busiest(length * HOUR)
        assert (end - start, start.tzinfo) == (length * HOUR, UTC)
        sums = [sum(hours[first + n * HOUR] for n in range(length)) for first in hours]
        assert sum(start <= e.received_at < end for e in conference.recording) == max(sums)
    for wrong in (timedelta(0), timedelta(minutes=90)):
        with pytest.raises(ValueError, match="full hours"):
            conference.busiest(wrong)


def test_a_recording_gets_a_new_and_empty_run_each_time(redis_url, monkeypatch):
    """Two runs have two names on the server that REDIS_URL names; what is in one is not in the other."""
    monkeypatch.setenv("REDIS_URL", redis_url)
    conference = open_conference(None)
    one, other = conference.stream(), conference.stream()
    assert one.key != other.key
    assert one.name.startswith("juniperconf-2026/replay/")
    one.append([event(1)])
    assert len(one.snapshot().deliveries) == 1
    assert other.snapshot().deliveries == []
    one.delete()


def test_a_conference_gets_its_running_stream(redis_url, prefix, tmp_path):
    """What collect wrote is there, under the name in the file."""
    RedisStream(redis_url, prefix).append([event(1)])
    path = configured(tmp_path, f'stream = "{redis_url}/{prefix}"\n')
    stream = open_conference(path).stream()
    assert [d.event.id for d in stream.snapshot().deliveries] == ["test::1"]


def test_published_trends_are_read_where_there_are_any(redis_url, prefix):
    """None without a trender, otherwise its bins; a trender that has only started counts."""
    stream = RedisStream(redis_url, prefix)
    assert published_trends(stream) is None
    stream.health.report("trender", {"state": "ok"})
    assert published_trends(stream) is not None
    bin = next(iter(trends([event(1)])))
    stream.channels.publish("trends", "1", msgspec.json.encode(bin))
    published = published_trends(stream)
    assert next(iter(published)) == bin
    assert isinstance(bin, TrendBin)
    published.close()
