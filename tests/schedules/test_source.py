"""A schedule over HTTP: nothing at first, then each change once, whatever happens in between."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest

from rtanalytics.ingest.runner import run_source
from rtanalytics.retry import RetryPolicy
from rtanalytics.schedules import Change
from rtanalytics.sources import SourceTableError, open_source, spec_from_table
from rtanalytics.sources.base import CursorInvalid, Malformed, Meta, Source
from rtanalytics.sources.schedules import ScheduleSource, ScheduleSpec
from rtanalytics.sources.schedules.parse import parse
from rtanalytics.streams.redis import RedisStream
from tests.sources.server import FeedServer

TOMORROW = (datetime.now(UTC) + timedelta(days=1)).replace(hour=9, minute=0, second=0, microsecond=0)
GOOD = {"type": "schedule", "name": "talks", "url": "https://x.example/schedule.json"}


def plan(*talks: tuple[str, str, int], room: str = "1") -> bytes:
    """(id, title, hours after tomorrow's nine o'clock) of each talk."""
    rows = [f"{i},{t},{(TOMORROW + timedelta(hours=h)).isoformat()},45,{room}" for i, t, h in talks]
    return "\n".join(["id,title,start,minutes,room", *rows]).encode()


ONE, TWO, THREE = ("1", "One", 0), ("2", "Two", 1), ("3", "Three", 2)


class Reader:
    """Polls one schedule of a server, keeping the cursor as the runner does."""

    def __init__(self, server: FeedServer, **fields):
        fields = {"name": "talks", "key": "x.example", "allow_private": True, **fields}
        self.spec = ScheduleSpec(url=server.url("/plan"), **fields)
        self.counts: Counter[str] = Counter()
        self.source = ScheduleSource(self.spec, self.counts)
        self.cursor = None

    async def poll(self, *, keep=True):
        batch = await self.source.poll(self.cursor)
        if keep and batch.cursor is not None:
            self.cursor = batch.cursor
        return batch

    async def restart(self):
        await self.source.close()
        self.source = ScheduleSource(self.spec, self.counts)


def with_server(story, **fields):
    """Run a story with a server and a reader."""

    async def main():
        async with FeedServer() as server:
            reader = Reader(server, **fields)
            try:
                await story(server, reader)
            finally:
                await reader.source.close()

    asyncio.run(main())


def run_story(batch) -> list[tuple[str, str]]:
    return [(e.type, e.title) for e in batch.events]


def test_the_first_version_gives_no_events_and_the_next_the_changes():
    """Each kind once, as text that says what and where, with the change as data."""

    async def story(server, reader):
        server.serve("/plan", plan(ONE, TWO, THREE))
        first = await reader.poll()
        assert (first.events, first.notes["talks"]) == ([], "3")
        server.serve("/plan", plan(("1", "Uno", 0), ("2", "Two", 5), ("4", "Four", 6)))
        batch = await reader.poll()
        assert run_story(batch) == [
            ("talk.retitled", "Uno"),
            ("talk.cancelled", "Three"),
            ("talk.moved", "Two"),
            ("talk.added", "Four"),
        ]
        day = f"{TOMORROW:%Y-%m-%d}"
        assert [e.text for e in batch.events] == [
            f"Retitled: One → Uno, {day} 09:00–09:45 UTC, 1",
            f"Cancelled: Three, {day} 11:00–11:45 UTC, 1",
            f"Moved: Two, from {day} 10:00–10:45 UTC, 1, to {day} 14:00–14:45 UTC, 1",
            f"Added: Four, {day} 15:00–15:45 UTC, 1",
        ]
        moved = batch.events[2]
        assert (moved.bucket, moved.thread, moved.source) == (
            "schedules",
            "schedules:x.example:2",
            "schedules:talks",
        )
        assert moved.id.startswith("schedules:x.example:2/")
        assert [e.seq - batch.events[0].seq for e in batch.events] == [0, 1, 2, 3]
        change = msgspec.json.decode(moved.raw, type=Change)
        assert (change.kind, change.before.start, change.talk.id) == (
            "moved",
            TOMORROW + timedelta(hours=1),
            "2",
        )
        assert {k: reader.counts[k] for k in ("added", "moved", "cancelled", "retitled")} == dict.fromkeys(
            ("added", "moved", "cancelled", "retitled"), 1
        )

    with_server(story)


def test_nothing_is_published_twice_after_a_restart():
    """The cursor that is stored with the events holds the schedule; one that was not stored tells them again."""

    async def story(server, reader):
        server.serve("/plan", plan(ONE))
        await reader.poll()
        server.serve("/plan", plan(ONE, TWO))
        lost = await reader.poll(keep=False)
        await reader.restart()
        again = await reader.poll()
        assert [(e.id, e.rev, e.seq) for e in again.events] == [(e.id, e.rev, e.seq) for e in lost.events]
        await reader.restart()
        assert (await reader.poll()).events == []
        server.serve("/plan", plan(TWO, ONE))  # the same talks in another order
        assert (await reader.poll()).events == []

    with_server(story)


def test_a_talk_that_moves_back_and_forth_is_published_each_time():
    """Every move has an id of its own, also after the talk was gone."""

    async def story(server, reader):
        server.serve("/plan", plan(ONE, TWO))
        await reader.poll()
        ids = []
        for body in [plan(("1", "One", 5), TWO), plan(ONE, TWO), plan(("1", "One", 5), TWO), plan(TWO), plan(ONE, TWO),
                     plan(TWO), plan(ONE, TWO)]:  # fmt: skip
            server.serve("/plan", body)
            [event] = (await reader.poll()).events
            ids.append(event.id)
        assert len(set(ids)) == 7

    with_server(story)


def test_what_has_not_changed_is_not_read():
    """Validators are sent; the same bytes without them are not parsed again."""

    async def story(server, reader):
        server.serve("/plan", plan(ONE), etag='"1"')
        await reader.poll()
        batch = await reader.poll()
        assert (batch.events, batch.cursor, reader.counts["not_modified"]) == ([], None, 1)
        server.serve("/plan", plan(ONE), etag='"2"')
        assert (await reader.poll()).events == []
        assert (reader.counts["same_body"], reader.counts["talks"]) == (1, 1)

    with_server(story)


@pytest.mark.parametrize(
    "broken", [b"", b"id,title,start\n", b"id,title,start\n1,One,soon\n", b"<!DOCTYPE x><x/>"]
)
def test_a_schedule_that_cannot_be_read_cancels_nothing(broken):
    """There is one dead letter, a problem and a longer wait; after the repair only changes are reported."""

    async def story(server, reader):
        server.serve("/plan", plan(ONE, TWO))
        await reader.poll()
        server.serve("/plan", broken)
        bad, again = await reader.poll(), await reader.poll()
        assert (bad.events, len(bad.rejects), bad.rejects[0].raw) == ([], 1, broken)
        assert bad.problem == bad.rejects[0].reason
        assert (again.rejects, again.wait) == ([], 2 * bad.wait)
        server.serve("/plan", plan(ONE, THREE))
        assert run_story(await reader.poll()) == [("talk.cancelled", "Two"), ("talk.added", "Three")]

    with_server(story)


def test_as_long_as_a_talk_cannot_be_read_none_is_cancelled():
    """It may be the missing one; other changes are still reported, and there is one dead letter."""

    async def story(server, reader):
        server.serve("/plan", plan(ONE, TWO))
        await reader.poll()
        torn = plan(("1", "One", 5), THREE) + b"\n2,Two,soon,45,1"
        server.serve("/plan", torn)
        batch = await reader.poll()
        assert run_story(batch) == [("talk.added", "Three"), ("talk.moved", "One")]
        [reject] = batch.rejects
        assert "'soon' is not a time" in reject.reason
        assert batch.problem is None
        server.serve("/plan", torn + b"\n")
        assert (await reader.poll()).rejects == []
        server.serve("/plan", plan(("1", "One", 5), THREE))
        assert run_story(await reader.poll()) == [("talk.cancelled", "Two")]

    with_server(story)


def test_a_talk_that_is_over_is_not_cancelled_when_it_is_no_longer_listed():
    """Some calendars drop what has been."""

    async def story(server, reader):
        server.serve("/plan", plan(("0", "Yesterday", -48), ONE))
        await reader.poll()
        server.serve("/plan", plan(ONE))
        assert (await reader.poll()).events == []

    with_server(story)


def test_a_renamed_talk_without_an_id_stays_one_talk():
    """Its thread is the one it had, over several readings."""

    async def story(server, reader):
        body = f"title,start,speaker\n%s,{TOMORROW.isoformat()},Ada\n"
        server.serve("/plan", (body % "Draft").encode())
        await reader.poll()
        threads = set()
        for title in ("Better", "Best"):
            server.serve("/plan", (body % title).encode())
            [event] = (await reader.poll()).events
            assert event.type == "talk.retitled"
            threads.add(event.thread)
        assert len(threads) == 1

    with_server(story)


def test_the_table_says_how_to_read():
    """The time zone is used for floating times and in texts; the format need not be recognized."""

    async def story(server, reader):
        ics = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nSUMMARY:One\nDTSTART:21000101T%s0000\nEND:VEVENT\nEND:VCALENDAR\n"
        server.serve("/plan", (ics % "09").encode())
        await reader.poll()
        server.serve("/plan", (ics % "10").encode())
        [event] = (await reader.poll()).events
        assert event.text == "Moved: One, from 2100-01-01 09:00–09:30 CET, to 2100-01-01 10:00–10:30 CET"

    with_server(story, timezone="Europe/Berlin", format="ical", length=timedelta(minutes=30))


def test_a_cursor_of_another_kind_is_refused():
    """The runner begins anew then."""

    async def story(server, reader):
        server.serve("/plan", plan(ONE))
        for cursor in (b"nonsense", b'{"v":2}', b'{"talks":[{"id":"1","title":"x","start":"y","end":"z"}]}'):
            with pytest.raises(CursorInvalid):
                await reader.source.poll(cursor)

    with_server(story)


@pytest.mark.parametrize(
    ("fields", "key", "message"),
    [
        ({"url": "file:///etc/passwd"}, "url", "not a web address"),
        ({"format": "excel"}, "format", "use one of conftool"),
        ({"timezone": "Mars/Base"}, "timezone", "Europe/Berlin"),
        ({"first_day": "Monday"}, "first_day", "Monday"),
        ({"max_bytes": 10}, "max_bytes", "too small for a schedule"),
        ({"key": "a b"}, "key", "no white space"),
        ({"zone": "UTC"}, "zone", "not known"),
    ],
)
def test_a_mistake_in_the_table_is_named(fields, key, message):
    """Which key, and what to write."""
    with pytest.raises(SourceTableError, match=message) as caught:
        spec_from_table({**GOOD, **fields})
    assert caught.value.key == key


def test_it_is_a_source_like_others():
    """The registry opens it; its ids have neither scheme nor secrets in them, nor does its spec show any."""
    spec = spec_from_table(
        {**GOOD, "url": "https://me:hunter2@X.example:443/s.json?token=s3cr3t", "every": "1h"}
    )
    source = open_source(spec)
    assert isinstance(source, Source)
    assert (source.bucket, source.scope) == ("schedules", "x.example/s.json?token=***")
    assert "hunter2" not in repr(spec)
    assert "s3cr3t" not in repr(spec)


def test_parse_gives_every_talk_as_an_event():
    """With the talk as data, the place in an error, and ids that are plain whatever a file calls its talks."""
    meta = Meta(source="schedules:x", scope="x", connector="schedule@1", received_at=TOMORROW)
    talks = [{"name": "One", "conf_url": "https://x.example/a b/\n", "start": "2026-05-15T09:00:00Z"}]
    [event] = parse(json.dumps(talks).encode(), meta).events
    assert (event.type, event.title, event.created_at) == ("talk", "One", TOMORROW)
    assert event.id.isprintable()
    assert " " not in event.id
    with pytest.raises(Malformed, match="x: entry 1 has no name"):
        parse(b'[{"name": "", "start": ""}]', meta)
    berlin = msgspec.structs.replace(meta, options={"timezone": "Europe/Berlin", "format": "csv"})
    [event] = parse(b"title,start\nOne,2026-05-15 09:00\n", berlin).events
    posted = datetime(2026, 5, 15, 9, tzinfo=ZoneInfo("Europe/Berlin"))
    assert msgspec.json.decode(event.raw)["start"] == f"{posted.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def test_changes_are_stored_once_over_restarts_of_the_runner(prefix, redis_url):
    """The runner is stopped and started between readings: the stream has each change once, in order."""

    async def main():
        stream = RedisStream(redis_url, prefix)
        async with FeedServer() as server:
            spec = Reader(server, every=timedelta(milliseconds=5)).spec
            for body in (plan(ONE), plan(ONE, TWO), plan(("1", "One", 4), TWO), plan(("1", "One", 4))):
                asked = len(server.requests)
                server.serve("/plan", body)
                stop = asyncio.Event()
                task = asyncio.ensure_future(run_source(spec, stream, stop=stop, retry_policy=RetryPolicy()))
                while len(server.requests) < asked + 3:  # read, and stored before it was asked again
                    await asyncio.sleep(0.002)
                stop.set()
                await asyncio.wait_for(task, 20)
        return [d.event.type for d in stream.snapshot(10).deliveries]

    assert asyncio.run(main()) == ["talk.added", "talk.moved", "talk.cancelled"]
