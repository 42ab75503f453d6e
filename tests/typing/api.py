"""The public API in use. mypy checks it; nobody runs it."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import assert_type

import rtanalytics as rta
from rtanalytics.event import decode, encode
from rtanalytics.feed import Item
from rtanalytics.resources import notebooks_folder, recordings_folder


def packets() -> rta.Event:
    event = rta.Event(
        id="irc:libera/#pycon:1",
        source="irc:#pycon",
        type="message",
        author=rta.Author(handle="ada", bot=False),
        text="the keynote starts",
        tags=["pycon"],
        media=[rta.Media(url="https://example.org/slide.png")],
        ingest=rta.Ingest(via="stream"),
        created_at=datetime(2026, 5, 15, 9, tzinfo=UTC),
    )
    assert_type(event.created_at, datetime)
    assert_type(event.received_at, datetime)
    assert_type(event.author, rta.Author | None)
    assert_type(encode(event), bytes)
    return decode(encode(event))


def feeds(events: list[rta.Event], recording: rta.Recording) -> rta.Feed:
    feed = rta.as_feed(events)
    assert_type(iter(feed), Iterator[Item])
    assert_type(aiter(feed), AsyncIterator[Item])
    assert_type(feed.snapshot(10).deliveries, list[rta.Delivery])
    assert_type(feed.status.at, datetime | None)
    for item in feed:
        match item:
            case rta.Delivery(_, event):
                assert_type(event, rta.Event)
            case rta.Watermark(time):
                assert_type(time, datetime)
            case rta.Reset(reason):
                assert_type(reason, str)
    return rta.as_feed(recording)


def clocks(start: datetime) -> list[rta.Clock]:
    paced = rta.PacedClock(start, rate=60)
    assert_type(paced.wait(start + timedelta(hours=1)), float)
    return [paced, rta.WallClock()]


def conferences(path: Path) -> rta.Schedule:
    conference = rta.read_conference(path)
    assert_type(conference, rta.Conference)
    assert_type(rta.read_truth(path), list[rta.ReferenceTopic])
    talk = rta.Talk(id="1", title="Welcome", start=datetime.now(UTC), end=datetime.now(UTC))
    schedule = rta.Schedule([talk])
    assert_type(schedule.on(talk.start), list[rta.Talk])
    return schedule


def resources() -> list[Path]:
    return [recordings_folder(), notebooks_folder()]
