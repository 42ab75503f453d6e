"""A feed polled from a real server: each item once, edits as edits, and politely."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from rtanalytics.sources import open_source
from rtanalytics.sources.base import Batch, CursorInvalid, Gone, RateLimited, Transient
from rtanalytics.sources.feeds import EVERY, FeedSource
from rtanalytics.sources.polled import LONGEST_HINT, REMEMBERED
from tests.sources.server import FeedServer, item, rss


class Reader:
    """A source and its cursor, as a runner keeps them; everything it got."""

    def __init__(self, spec) -> None:
        self.spec, self.cursor, self.got, self.counts = spec, None, [], Counter()
        self.source = open_source(spec, self.counts)

    async def poll(self) -> Batch:
        batch = await self.source.poll(self.cursor)
        self.cursor = batch.cursor or self.cursor
        self.got += batch.events
        return batch

    async def again(self, **changes: Any) -> None:
        """A new process with the stored cursor, and perhaps other settings."""
        await self.source.close()
        self.spec = msgspec.structs.replace(self.spec, **changes)
        self.source = open_source(self.spec, self.counts)

    @property
    def titles(self) -> list[str]:
        return [e.title for e in self.got]


def run_story(story: Callable[[FeedServer, Reader], Awaitable[Any]], **spec: Any) -> Any:
    async def run():
        async with FeedServer() as server:
            reader = Reader(server.spec(**spec))
            try:
                return await story(server, reader)
            finally:
                await reader.source.close()

    return asyncio.run(run())


# --- each item once --------------------------------------------------------------------------------


def test_a_feed_that_has_not_changed_gives_nothing_and_costs_nothing():
    """The validators go back; 304 moves no cursor."""

    async def story(server, reader):
        server.serve(
            "/feed", rss(item("2"), item("1")), etag='W/"1"', modified="Fri, 15 May 2026 09:00:00 GMT"
        )
        await reader.poll()
        batch = await reader.poll()
        assert (batch.events, batch.cursor, reader.counts["not_modified"]) == ([], None, 1)
        assert server.requests[1].headers["If-None-Match"] == 'W/"1"'
        return reader.titles

    assert run_story(story) == ["1", "2"]


def test_ids_are_stable_over_polls_a_changed_etag_and_a_restart_of_either_side():
    """Whatever happens to validators and processes, no item is delivered twice."""

    async def story(server, reader):
        body = rss(item("2"), item("1"))
        server.serve("/feed", body, etag='"1"')
        await reader.poll()
        ids = [e.id for e in reader.got]
        server.serve("/feed", body, etag='"2"')
        await reader.poll()
        assert reader.counts["same_body"] == 1
        await server.stop()
        with pytest.raises(Transient):
            await reader.poll()
        await server.start()
        server.serve("/feed", rss(item("3"), item("2"), item("1")), etag='"3"')
        await reader.again()
        await reader.poll()
        server.serve("/feed", rss(item("3"), item("2"), item("1"), head=" "))
        await reader.poll()
        assert [e.id for e in reader.got][:2] == ids
        return reader.titles

    assert run_story(story) == ["1", "2", "3"]


def test_a_lost_cursor_gives_the_same_events_under_the_same_ids_and_later_numbers():
    """A stream that has them sees duplicates; an edit after that still counts as later."""

    async def story(server, reader):
        server.serve("/feed", rss(item("2"), item("1")))
        await reader.poll()
        first, reader.got, reader.cursor = reader.got, [], None
        while int(datetime.now(UTC).timestamp()) * 1000 < first[-1].seq:  # the clock has no event
            await asyncio.sleep(0.05)
        await reader.poll()
        assert [(e.id, e.rev) for e in first] == [(e.id, e.rev) for e in reader.got]
        assert min(e.seq for e in reader.got) > max(e.seq for e in first)

    run_story(story)


def test_numbers_have_no_holes_and_grow_over_restarts():
    """Whoever reads the stream can see that nothing is missing between two polls."""

    async def story(server, reader):
        for day in (1, 2, 3):
            server.serve("/feed", rss(*(item(str(n), day=n) for n in range(day * 3, 0, -1))))
            await reader.poll()
            await reader.again()
        numbers = [e.seq for e in reader.got]
        assert numbers == list(range(numbers[0], numbers[0] + 9))
        assert {e.producer for e in reader.got} == {"feed:blog.example"}
        return reader.titles

    assert run_story(story) == [str(n) for n in range(1, 10)]


def test_an_edit_is_the_same_item_later_said_when_it_was_first_said():
    """Another revision, a later number; the time of the first version stays, the claim is its edit."""

    async def story(server, reader):
        server.serve("/feed", rss(item("1", "one", day=1)))
        await reader.poll()
        server.serve("/feed", rss(item("1", "one, corrected", day=4)))
        await reader.poll()
        first, edit = reader.got
        assert (first.id, first.created_at) == (edit.id, edit.created_at)
        assert first.rev != edit.rev
        assert edit.seq == first.seq + 1
        assert edit.edited_at == datetime(2026, 5, 4, 9, tzinfo=UTC)

    run_story(story)


def test_an_item_without_a_date_stays_said_when_it_was_first_seen():
    """Its edit a day later does not move it to another bin."""

    async def story(server, reader):
        server.serve("/feed", rss("<item><guid>1</guid><title>one</title></item>"))
        await reader.poll()
        server.serve("/feed", rss("<item><guid>1</guid><title>two</title></item>"))
        await reader.poll()
        first, edit = reader.got
        assert abs(first.created_at - edit.created_at) < timedelta(milliseconds=1)
        assert edit.received_at > first.received_at
        assert edit.edited_at is None

    run_story(story)


def test_the_cursor_does_not_grow_without_end():
    """It remembers the last document, and some before it."""

    async def story(server, reader):
        for first in range(0, 4 * REMEMBERED, REMEMBERED):
            server.serve("/feed", rss(*(item(str(n)) for n in range(first, first + REMEMBERED // 2))))
            await reader.poll()
        assert len(json.loads(reader.cursor)["seen"]) == REMEMBERED
        assert len(reader.cursor) < 150_000

    run_story(story, budget=timedelta(seconds=30))


def test_the_document_decides_what_is_remembered_however_long_it_is():
    """The items of a feed that is longer than the memory are delivered once."""

    async def story(server, reader):
        items = [item(str(n)) for n in range(REMEMBERED + 100)]
        server.serve("/feed", rss(*items))
        await reader.poll()
        server.serve("/feed", rss(*items, head=" "))
        assert (await reader.poll()).events == []

    run_story(story, budget=timedelta(seconds=30))


def test_another_address_under_the_same_key_is_not_asked_with_foreign_validators():
    """The feed has moved: its items are known, its ETag is another server's."""

    async def story(server, reader):
        server.serve("/feed", rss(item("1")), etag='"1"')
        server.serve("/new", rss(item("2"), item("1")), etag='"1"')
        await reader.poll()
        await reader.again(url=server.url("/new"))
        await reader.poll()
        assert "If-None-Match" not in server.requests[-1].headers
        return reader.titles

    assert run_story(story) == ["1", "2"]


@pytest.mark.parametrize("cursor", [b"", b"{", b"[]", b'{"v": 99}', b'{"seen": 3}'])
def test_a_cursor_of_something_else_is_refused(cursor):
    """It says so, and whoever stores cursors begins without one."""

    async def story(_, reader):
        with pytest.raises(CursorInvalid):
            await reader.source.poll(cursor)

    run_story(story)


# --- what cannot be read ---------------------------------------------------------------------------


def test_validators_of_a_document_that_could_not_be_read_are_not_kept():
    """Sign-in page with an ETag, status 200: the real feed is not taken for unchanged afterwards."""

    async def story(server, reader):
        server.serve("/feed", b"<html>Sign in</html>", etag='"1"')
        batch = await reader.poll()
        assert "web page" in batch.problem
        server.serve("/feed", rss(item("1")), etag='"1"')
        await reader.poll()
        assert "If-None-Match" not in server.requests[-1].headers
        return reader.titles

    assert run_story(story) == ["1"]


def test_a_document_that_breaks_off_gives_its_items_but_not_its_validators():
    """The rest comes with the next reading."""

    async def story(server, reader):
        whole = rss(item("1"), item("2"))
        server.serve("/feed", whole[: whole.index(b"<item><guid>2")], etag='"1"')
        await reader.poll()
        assert reader.titles == ["1"]
        server.serve("/feed", whole, etag='"1"')
        await reader.poll()
        return reader.titles

    assert run_story(story) == ["1", "2"]


def test_bad_documents_make_few_dead_letters_and_a_slower_pace():
    """A page that differs each time is one dead letter an hour, polled ever more rarely; then all is well."""

    async def story(server, reader):
        batches = []
        for n in range(10):
            server.serve("/feed", f"<html>{n}</html>".encode())
            batches.append(await reader.poll())
            await reader.again()
        assert [len(b.rejects) for b in batches] == [1, *[0] * 9]
        assert batches[0].rejects[0].raw == b"<html>0</html>"
        waits = [b.wait for b in batches]
        assert waits == sorted(waits)
        assert (waits[0], waits[-1]) == (timedelta(minutes=1), timedelta(hours=1))
        server.serve("/feed", rss(item("1")))
        assert (await reader.poll()).wait == timedelta(minutes=1)
        return reader.titles

    assert run_story(story, every=timedelta(minutes=1)) == ["1"]


def test_an_entry_that_cannot_be_read_is_one_dead_letter_for_as_long_as_it_is_there():
    """Not one a poll."""

    async def story(server, reader):
        bad = "<item><category>nothing</category></item>"
        letters = []
        for n in (1, 2, 3):
            server.serve("/feed", rss(bad, *(item(str(i)) for i in range(n))))
            letters += (await reader.poll()).rejects
            await reader.again()
        return letters, reader.titles

    letters, titles = run_story(story)
    assert [letter.where for letter in letters] == ["entry 1"]
    assert sorted(titles) == ["0", "1", "2"]


def test_a_document_over_its_budget_costs_that_document():
    """100,000 attributes take a parser a minute: a dead letter after the budget, and the source goes on."""

    async def story(server, reader):
        attributes = " ".join(f"a{n}='x'" for n in range(100_000))
        server.serve("/feed", rss(f"<item><guid {attributes}>1</guid></item>"))
        batch = await reader.poll()
        assert "was stopped" in batch.rejects[0].reason
        server.serve("/feed", rss(item("1")))
        await reader.poll()
        return reader.titles

    assert run_story(story) == ["1"]


def test_errors_of_the_server_are_told_as_what_they_are():
    """410 and 429 reach the runner; the cursor is not touched by them."""

    async def story(server, reader):
        server.serve("/feed", b"", status=410)
        with pytest.raises(Gone):
            await reader.poll()
        server.serve("/feed", b"", status=429, Retry_After="7")
        with pytest.raises(RateLimited) as caught:
            await reader.poll()
        assert reader.cursor is None
        return caught.value.wait

    assert run_story(story) == timedelta(seconds=7)


# --- how often -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "head", "control", "wait"),
    [
        ({}, "", None, EVERY),
        ({}, "<ttl>30</ttl>", None, timedelta(minutes=30)),
        ({}, "<ttl>1</ttl>", None, EVERY),
        ({}, "<ttl>1440</ttl>", None, LONGEST_HINT),
        ({"every": timedelta(minutes=1)}, "<ttl>30</ttl>", None, timedelta(minutes=1)),
        ({"every": timedelta(minutes=1)}, "", "max-age=600", timedelta(minutes=10)),
        ({"every": timedelta(minutes=1)}, "", "max-age=86400", LONGEST_HINT),
        ({"every": timedelta(minutes=1), "hints": False}, "", "max-age=600", timedelta(minutes=1)),
        ({"every": timedelta(hours=6)}, "", "max-age=600", timedelta(hours=6)),
    ],
)
def test_it_asks_as_often_as_both_sides_want(spec, head, control, wait):
    """Never more often than its table says; more rarely if the server asks, or a feed nobody set a pace for."""

    async def story(server, reader):
        server.serve("/feed", rss(item("1"), head=head), **({"Cache_Control": control} if control else {}))
        return (await reader.poll()).wait

    assert run_story(story, **spec) == wait


def test_a_new_address_is_told():
    """For health: what to write into conference.toml."""

    async def story(server, reader):
        server.serve("/feed", b"", status=301, Location="/new?token=s3cr3t")
        server.serve("/new", rss(item("1")))
        return (await reader.poll()).notes, server.url("/new?token=***")

    notes, url = run_story(story)
    assert notes == {"moved_to": url, "title": "Blog"}


def test_a_private_address_needs_permission():
    """Loopback is refused unless the table says that it is meant."""

    async def story(server, reader):
        server.serve("/feed", rss(item("1")))
        await reader.poll()

    with pytest.raises(Transient, match="allow_private"):
        run_story(story, allow_private=False)


def test_a_closed_source_leaves_nothing_running():
    """Neither its parser nor a connection; it can be closed twice."""

    async def story(server, reader):
        server.serve("/feed", rss(item("1")))
        await reader.poll()
        assert isinstance(reader.source, FeedSource)
        await reader.source.close()
        await reader.source.close()
        return reader.source._worker.pid, reader.source.http._session

    assert run_story(story) == (None, None)
