"""The public API in use. mypy checks it; nobody runs it."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import assert_type

import pandas as pd
from matplotlib.axes import Axes

import rtanalytics as rta
from rtanalytics.clock import Clock, PacedClock, WallClock
from rtanalytics.conference import Conference, read_conference
from rtanalytics.evaluate import Comparison
from rtanalytics.event import Author, Ingest, Media, decode, encode
from rtanalytics.explanation import Explanation
from rtanalytics.feed import Delivery, Feed, Item, Reset, Watermark, as_feed
from rtanalytics.replay import Replay
from rtanalytics.resources import notebooks_folder, recordings_folder
from rtanalytics.results import ListedTrend
from rtanalytics.schedule import ReferenceTopic, read_truth


def front_door(table: pd.DataFrame) -> None:
    rec = rta.open_recording("recordings/useR2018")
    assert_type(rec, rta.Recording)
    assert_type(rta.open_recording(table), rta.Recording)
    assert_type(rta.open_recording(Path("conference.toml")), rta.Recording)
    assert_type(rec.to_pandas(), pd.DataFrame)
    trends = rta.trends(rec, bin="15min", top=5, topic_filter={"min_probability": 0.5})
    assert_type(trends, rta.Trends)
    assert_type(rta.trends(table, bin=timedelta(minutes=15)), rta.Trends)
    assert_type(trends[0], ListedTrend)
    assert_type(trends[:3], rta.Trends)
    assert_type(trends.to_frame(), pd.DataFrame)
    assert_type(trends.plot(), Axes)
    assert_type(trends[0].explain(), Explanation)
    compared = rta.compare([rec], algorithms=["poisson", "ewma"])
    assert_type(compared, Comparison)
    assert_type(compared.to_frame(), pd.DataFrame)
    assert_type(rta.play(rec, speed=60), Replay)
    rta.Dashboard(rta.play(rec, speed="max"), settings=rta.Settings(bin="30min"))
    rta.Dashboard(rta.open_stream("conference.toml").follow())
    assert_type(rta.write_report(rec, "report.html"), Path)


def packets() -> rta.Event:
    event = rta.Event(
        id="irc:libera/#pycon:1",
        source="irc:#pycon",
        type="message",
        author=Author(handle="ada", bot=False),
        text="the keynote starts",
        tags=["pycon"],
        media=[Media(url="https://example.org/slide.png")],
        ingest=Ingest(via="stream"),
        created_at=datetime(2026, 5, 15, 9, tzinfo=UTC),
    )
    assert_type(event.created_at, datetime)
    assert_type(event.received_at, datetime)
    assert_type(event.author, Author | None)
    assert_type(encode(event), bytes)
    return decode(encode(event))


def feeds(events: list[rta.Event], recording: rta.Recording) -> Feed:
    feed = as_feed(events)
    assert_type(iter(feed), Iterator[Item])
    assert_type(aiter(feed), AsyncIterator[Item])
    assert_type(feed.snapshot(10).deliveries, list[Delivery])
    assert_type(feed.status.at, datetime | None)
    for item in feed:
        match item:
            case Delivery(_, event):
                assert_type(event, rta.Event)
            case Watermark(time):
                assert_type(time, datetime)
            case Reset(reason):
                assert_type(reason, str)
    return as_feed(recording)


def clocks(start: datetime) -> list[Clock]:
    paced = PacedClock(start, rate=60)
    assert_type(paced.wait(start + timedelta(hours=1)), float)
    return [paced, WallClock()]


def conferences(path: Path) -> rta.Schedule:
    conference = read_conference(path)
    assert_type(conference, Conference)
    assert_type(read_truth(path), list[ReferenceTopic])
    talk = rta.Talk(id="1", title="Welcome", start=datetime.now(UTC), end=datetime.now(UTC))
    schedule = rta.Schedule([talk])
    assert_type(schedule.on(talk.start), list[rta.Talk])
    return schedule


def resources() -> list[Path]:
    return [recordings_folder(), notebooks_folder()]
