"""Promises of every transport; subclass :class:`StreamContract` and define ``new_stream``.

The helpers at the top use the public interface only, and wait for a condition instead of sleeping.
"""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from rtanalytics.conference import RateLimit
from rtanalytics.erasure import ErasureMarks
from rtanalytics.event import Author, Event
from rtanalytics.feed import FOREVER, Delivery, Feed, Item, Reset, Watermark
from rtanalytics.streams import (
    CursorMoved,
    DeadLetter,
    EventStream,
    Fenced,
    OutboxFull,
    PacketTooLarge,
    StreamPosition,
    Trimmed,
)

T0 = datetime(2026, 5, 15, 9, tzinfo=UTC)
NewStream = Callable[..., EventStream]


def made(n: int, bucket: str = "test", **fields: object) -> Event:
    """Return an event with a number."""
    moment = T0 + timedelta(seconds=n)
    base: dict[str, object] = {
        "id": f"{bucket}::{n}", "source": bucket, "created_at": moment, "text": f"event {n}",
        "author": Author(handle=f"user{n % 7}"), "producer": "maker", "seq": n + 1,
    }  # fmt: skip
    return Event(**{**base, **fields})  # type: ignore[arg-type]


def take(feed: Feed, n: int, seconds: float = 20) -> list[Delivery]:
    """Return the next ``n`` deliveries, or fail with the number that arrived."""
    got: list[Delivery] = []
    for item in timed(feed, seconds):
        if isinstance(item, Delivery):
            got.append(item)
            if len(got) == n:
                return got
    raise AssertionError(f"{len(got)} of {n} deliveries within {seconds} s")


def timed(feed: Feed, seconds: float) -> Iterator[Item]:
    """Yield the feed's items until the time is up."""
    timer = threading.Timer(seconds, feed.close)
    timer.start()
    try:
        yield from feed
    finally:
        timer.cancel()


def ids(deliveries: list[Delivery]) -> list[str]:
    """Return the ids of the events, in order."""
    return [d.event.id for d in deliveries]


class StreamContract:
    """Promises of :class:`rtanalytics.streams.EventStream`."""

    @pytest.fixture
    def new_stream(self) -> NewStream:
        """Return a function that returns streams: the same one for the same ``part``, empty at first."""
        raise NotImplementedError

    @pytest.fixture
    def stream(self, new_stream: NewStream) -> EventStream:
        return new_stream()

    def test_appended_events_are_in_the_snapshot(self, stream: EventStream) -> None:
        """A snapshot after an append has the complete events."""
        events = [made(n) for n in range(5)]
        assert stream.append(events).verdicts == "nnnnn"
        assert [d.event for d in stream.snapshot(10).deliveries] == events

    def test_an_empty_stream_has_a_usable_position(self, stream: EventStream) -> None:
        """Following from it delivers everything, also of new buckets."""
        snapshot = stream.snapshot(10)
        assert snapshot.deliveries == []
        stream.append([made(0), made(1, "other")])
        position = StreamPosition.parse(str(snapshot.position))
        assert sorted(ids(take(stream.follow(position), 2))) == ["other::1", "test::0"]

    @pytest.mark.parametrize(("n", "expected"), [(0, []), (2, [3, 4]), (99, [0, 1, 2, 3, 4])])
    def test_a_snapshot_is_the_newest_n_in_order(
        self, stream: EventStream, n: int, expected: list[int]
    ) -> None:
        """None, some, and more than there are."""
        stream.append([made(i) for i in range(5)])
        assert ids(stream.snapshot(n).deliveries) == [f"test::{i}" for i in expected]

    def test_a_snapshot_merges_buckets_by_received_at(self, stream: EventStream) -> None:
        """It has the newest n events of all buckets together, not of each."""
        stream.append([made(n, "ab"[n % 2]) for n in range(10)])
        assert ids(stream.snapshot(4).deliveries) == ["a::6", "b::7", "a::8", "b::9"]

    def test_a_snapshot_of_one_bucket_has_its_newest_n(self, stream: EventStream) -> None:
        """A quiet bucket beside a loud one; the position is the one after everything."""
        stream.append([made(0, "quiet"), made(1, "quiet"), made(2, "quiet")])
        stream.append([made(n, "loud") for n in range(3, 50)])
        feed = stream.follow("start")
        snapshot = feed.snapshot(2, "quiet")
        assert ids(snapshot.deliveries) == ["quiet::1", "quiet::2"]
        stream.append([made(60, "loud"), made(61, "quiet")])
        assert sorted(ids(take(feed, 2))) == ["loud::60", "quiet::61"]

    def test_a_snapshot_shows_n_events_in_their_current_state(self, stream: EventStream) -> None:
        """Edits replace events and deletes remove them; older events fill up."""
        stream.append([made(n) for n in range(6)])
        stream.append([made(5, text="edited", seq=50)])
        stream.append([made(4, op="delete", text=None, seq=51)])
        got = stream.snapshot(3).deliveries
        assert sorted(ids(got)) == ["test::2", "test::3", "test::5"]
        assert next(d.event.text for d in got if d.event.id == "test::5") == "edited"

    def test_snapshot_and_follow_deliver_each_event_once_under_a_writer(
        self, stream: EventStream, new_stream: NewStream
    ) -> None:
        """Whatever is appended between the two calls is in one of them."""
        writer = threading.Thread(target=_write, args=(new_stream(), 400))
        writer.start()
        for _ in range(5):
            feed = stream.follow()
            shown = ids(feed.snapshot(10_000).deliveries)
            rest = take(feed, 400 - len(shown)) if len(shown) < 400 else []
            assert sorted(shown + ids(rest)) == sorted(f"test::{n}" for n in range(400))
        writer.join()

    def test_private_events_are_delivered_on_request_only(self, stream: EventStream) -> None:
        """They are left out of snapshots, which still have n events, and of feeds, with their edits; the stream keeps them."""
        between = [made(n, type="message", to="bob") for n in range(2, 30)]
        stream.append([made(0), made(1), *between, made(5, type="message", to="bob", text="edited", seq=50)])
        everything = [f"test::{n}" for n in range(30)]
        assert ids(stream.snapshot(2).deliveries) == ["test::0", "test::1"]
        assert sorted(ids(stream.snapshot(99, private=True).deliveries)) == sorted(everything)
        feed, trusted = stream.follow("start"), stream.follow("start", private=True)
        assert ids(take(trusted, 31)) == [*everything, "test::5"]
        assert sorted(ids(trusted.snapshot(99).deliveries)) == sorted(everything)
        assert ids(feed.snapshot(2).deliveries) == ["test::0", "test::1"]
        stream.append([made(30, type="error", to="bob"), made(31)])
        assert ids(take(feed, 1)) == ["test::31"]
        assert len(list(stream.erasure.kept())) == 33

    def test_a_reader_skips_many_private_events(self, stream: EventStream) -> None:
        """More of them than one read returns; the next position is after them, and they can be trimmed."""
        stream.append([made(n, type="message", to="bob") for n in range(2000)])
        stream.append([made(2000)])
        [result] = take(stream.follow("start"), 1)
        assert result.event.id == "test::2000"
        stream.committed(result.position)  # type: ignore[arg-type]
        assert stream.trim(timedelta(seconds=-1)) == 2001

    def test_follow_blocks_and_wakes(self, stream: EventStream) -> None:
        """A waiting reader gets an event immediately."""
        feed = stream.follow()
        timer = threading.Timer(0.3, stream.append, ([made(1)],))
        timer.start()
        started = time.monotonic()
        assert ids(take(feed, 1)) == ["test::1"]
        assert 0.25 < time.monotonic() - started < 5

    def test_a_reader_can_resume_from_any_delivered_position(self, stream: EventStream) -> None:
        """Also from its text form, and with several buckets."""
        stream.append([made(n, "abc"[n % 3]) for n in range(30)])
        whole = take(stream.follow("start"), 30)
        for cut in (0, 1, 13, 28):
            position = StreamPosition.parse(str(whole[cut].position))
            assert ids(take(stream.follow(position), 29 - cut)) == ids(whole[cut + 1 :])

    def test_positions_can_be_compared(self, stream: EventStream) -> None:
        """Numerically per bucket, so that the tenth entry comes after the ninth."""
        stream.append([made(n) for n in range(12)])
        whole = take(stream.follow("start"), 12)
        for earlier, later in itertools.pairwise(whole):
            assert later.position.reaches(earlier.position)  # type: ignore[attr-defined]
            assert not earlier.position.reaches(later.position)  # type: ignore[attr-defined]

    def test_a_known_id_is_stored_once(self, stream: EventStream) -> None:
        """In several batches and within one; the verdict says so."""
        assert stream.append([made(1), made(1), made(2)]).verdicts == "ndn"
        assert stream.append([made(2), made(3)]).verdicts == "dn"
        assert ids(take(stream.follow("start"), 3)) == ["test::1", "test::2", "test::3"]

    def test_concurrent_writers_of_the_same_events_store_each_once(
        self, stream: EventStream, new_stream: NewStream
    ) -> None:
        """Four writers of the same hundred events: a hundred are new, the rest duplicates."""
        result: list[str] = []

        def write(seed: int) -> None:
            mine = new_stream()
            order = list(range(100))
            random.Random(seed).shuffle(order)
            for first in range(0, 100, 9):
                result.append(mine.append([made(n) for n in order[first : first + 9]]).verdicts)  # noqa: PERF401

        threads = [threading.Thread(target=write, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert "".join(result).count("n") == 100
        assert len(stream.snapshot(1000).deliveries) == 100

    def test_another_revision_of_the_same_producer_is_an_edit(self, stream: EventStream) -> None:
        """It is delivered, and a retry of the older one does not undo it."""
        first, second = made(1), made(1, text="better", seq=9)
        assert stream.append([first]).verdicts == "n"
        assert stream.append([second]).verdicts == "e"
        assert stream.append([first]).verdicts == "d"
        assert stream.append([second]).verdicts == "d"
        assert [d.event.text for d in take(stream.follow("start"), 2)] == ["event 1", "better"]

    def test_a_later_edited_at_is_an_edit_from_any_producer(self, stream: EventStream) -> None:
        """A copy of another producer is a duplicate, unless it was edited later."""
        stream.append([made(1)])
        stranger = made(1, text="as another saw it", producer="other", seq=99)
        assert stream.append([stranger]).verdicts == "d"
        edited = msgspec.structs.replace(stranger, edited_at=T0 + timedelta(hours=1))
        assert stream.append([edited]).verdicts == "e"
        earlier = made(1, text="an older edit", edited_at=T0 + timedelta(minutes=1), seq=500)
        assert stream.append([earlier]).verdicts == "d"

    def test_a_delete_is_final(self, stream: EventStream) -> None:
        """A create that is read again does not undo it, and a delete is delivered once."""
        gone = made(1, op="delete", text=None, seq=7)
        assert stream.append([made(1)]).verdicts == "n"
        assert stream.append([gone]).verdicts == "x"
        assert stream.append([gone]).verdicts == "d"
        assert stream.append([made(1, text="again", seq=8)]).verdicts == "d"
        assert stream.snapshot(5).deliveries == []

    def test_rows_of_files_never_edit(self, stream: EventStream) -> None:
        """An imported row of a known id is always a duplicate."""
        from rtanalytics.event import Ingest

        stream.append([made(1)])
        row = made(1, text="from a table", seq=99, ingest=Ingest(via="file"))
        assert stream.append([row]).verdicts == "d"

    def test_a_batch_with_a_packet_too_large_is_refused_completely(self, stream: EventStream) -> None:
        """Nothing of it is written, and the message names the event."""
        with pytest.raises(PacketTooLarge, match="test::2"):
            stream.append([made(1), made(2, text="x" * 1_100_000)])
        assert stream.snapshot(5).deliveries == []

    def test_a_retry_completes_a_batch(self, stream: EventStream) -> None:
        """If a part of it was written before, the rest is added and nothing is stored twice."""
        stream.append([made(n) for n in range(3)])
        assert stream.append([made(n) for n in range(6)]).verdicts == "dddnnn"
        assert len(stream.snapshot(100).deliveries) == 6

    def test_a_large_batch_is_split_and_stays_in_order(self, stream: EventStream) -> None:
        """2,500 events take several calls; the cursor is stored with the last of them."""
        scope = stream.open_scope("test", "maker")
        result = stream.append([made(n) for n in range(2500)], scope, b"2500")
        assert result.new == 2500
        assert ids(take(stream.follow("start"), 2500)) == [f"test::{n}" for n in range(2500)]
        assert stream.open_scope("test", "maker").cursor == b"2500"

    def test_a_cursor_is_stored_with_its_events(self, stream: EventStream) -> None:
        """Also when all of them are duplicates, or there are none."""
        scope = stream.open_scope("test", "maker")
        assert scope.cursor is None
        stream.append([made(1)], scope, b"one")
        stream.append([made(1)], scope, b"two")
        assert stream.open_scope("test", "maker").cursor == b"two"
        scope = stream.open_scope("test", "maker")
        stream.append([], scope, b"\x00\xff three")
        assert stream.open_scope("test", "maker").cursor == b"\x00\xff three"

    def test_a_fenced_writer_writes_nothing(self, stream: EventStream) -> None:
        """The former holder of a scope is refused before anything is written."""
        old = stream.open_scope("test", "maker")
        new = stream.open_scope("test", "maker")
        with pytest.raises(Fenced):
            stream.append([made(1)], old, b"old")
        assert stream.append([made(2)], new, b"new").new == 1
        assert ids(stream.snapshot(9).deliveries) == ["test::2"]
        assert stream.open_scope("test", "maker").cursor == b"new"

    def test_a_batch_that_does_not_follow_the_stored_cursor_is_refused(self, stream: EventStream) -> None:
        """A server that lost its newest entries refuses it, instead of leaving a gap; a retry is accepted."""
        scope = stream.open_scope("test", "maker")
        assert stream.append([made(1)], scope, b"1", after=None).new == 1
        assert stream.append([made(1)], scope, b"1", after=None).duplicate == 1, "its answer was lost"
        with pytest.raises(CursorMoved):
            stream.append([made(3)], scope, b"3", after=b"2")
        with pytest.raises(CursorMoved):
            stream.append([], scope, after=b"2")
        many = [made(n) for n in range(2, 1000)]
        assert stream.append(many, scope, b"999", after=b"1").new == 998
        assert len(stream.snapshot(2000).deliveries) == 999

    def test_scopes_do_not_fence_each_other(self, stream: EventStream) -> None:
        """Two sources write to one bucket at the same time."""
        one, two = stream.open_scope("test", "api"), stream.open_scope("test", "atom")
        assert stream.append([made(1)], one, b"1").new == 1
        assert stream.append([made(1), made(2)], two, b"2").verdicts == "dn"

    def test_a_scope_writes_to_its_bucket_only(self, stream: EventStream) -> None:
        """And a cursor needs a scope."""
        scope = stream.open_scope("test", "maker")
        with pytest.raises(ValueError, match="other"):
            stream.append([made(1, "other")], scope, b"1")
        with pytest.raises(ValueError, match="scope"):
            stream.append([made(1)], cursor=b"1")

    def test_the_watermark_is_the_earliest_mark(self, stream: EventStream) -> None:
        """It waits for the slowest bucket, and for one that has no mark yet."""
        feed = stream.follow()
        stream.append([made(1, "a"), made(1, "b")])
        stream.mark(T0 + timedelta(minutes=2), ["a"])
        stream.mark(T0 + timedelta(minutes=1), ["b"])
        stream.mark(T0 + timedelta(minutes=3))
        marks = []
        for item in timed(feed, 10):
            if isinstance(item, Watermark):
                marks.append(item.time)
                if item.time == T0 + timedelta(minutes=3):
                    break
        assert marks[-1] == T0 + timedelta(minutes=3)
        assert marks == sorted(marks)
        assert T0 + timedelta(minutes=2) not in marks

    def test_a_reader_that_joins_late_gets_the_watermark(self, stream: EventStream) -> None:
        """Also the final one of a run, so that no reader waits for a finished run."""
        stream.append([made(1)])
        stream.mark(FOREVER)
        feed = stream.follow()
        assert len(feed.snapshot(5).deliveries) == 1
        batches = feed.batches()
        assert next(batches) == [Watermark(FOREVER)]
        assert next(batches) == []
        assert feed.status.state == "ended"
        feed.close()

    def test_an_append_behind_the_mark_is_raised_to_it(self, stream: EventStream) -> None:
        """Nothing is delivered as received before the mark."""
        stream.append([made(1)])
        stream.mark(T0 + timedelta(hours=1))
        stream.append([made(2), made(7200)])
        received = [d.event.received_at for d in take(stream.follow("start"), 3)]
        assert received[1:] == [T0 + timedelta(hours=1), T0 + timedelta(hours=2)]
        assert stream.snapshot(3).deliveries[1].event.received_at == T0 + timedelta(hours=1)

    def test_a_reset_begins_an_epoch_in_all_buckets(self, stream: EventStream) -> None:
        """It is delivered once; the same events can follow again; a snapshot shows the new epoch only."""
        stream.append([made(1, "a"), made(2, "b")])
        stream.mark(T0 + timedelta(hours=1))
        feed = stream.follow("start")
        stream.reset("seek")
        assert stream.append([made(1, "a"), made(2, "b")]).verdicts == "nn"
        stream.mark(T0 + timedelta(minutes=1))
        items: list[Item] = []
        for item in timed(feed, 10):
            items.append(item)
            if isinstance(item, Watermark) and any(isinstance(i, Reset) for i in items):
                break
        resets = [i for i in items if isinstance(i, Reset)]
        assert [r.reason for r in resets] == ["seek"]
        after = items[items.index(resets[0]) :]
        assert sorted(ids([i for i in after if isinstance(i, Delivery)])) == ["a::1", "b::2"]
        assert after[-1] == Watermark(T0 + timedelta(minutes=1))
        assert len(stream.snapshot(10).deliveries) == 2

    def test_a_bucket_created_after_a_reset_is_read(self, stream: EventStream) -> None:
        """It belongs to the new epoch, for a running reader, a new one and a snapshot."""
        stream.append([made(1, "a")])
        feed = stream.follow()
        stream.reset("seek")
        stream.append([made(2, "b"), made(3, "a")])
        assert sorted(ids(take(feed, 2))) == ["a::3", "b::2"]
        assert sorted(ids(take(stream.follow("start"), 2))) == ["a::3", "b::2"]
        assert ids(stream.snapshot(9).deliveries) == ["b::2", "a::3"]

    def test_a_bucket_created_later_is_followed(self, stream: EventStream) -> None:
        """A running reader reads it from its beginning."""
        stream.append([made(0)])
        feed = stream.follow()
        timer = threading.Timer(0.2, lambda: stream.append([made(n, "late") for n in range(3)]))
        timer.start()
        assert ids(take(feed, 3)) == ["late::0", "late::1", "late::2"]
        timer.join()

    def test_trimming_keeps_what_is_not_recorded(self, stream: EventStream) -> None:
        """With a retention of zero, only committed entries are removed."""
        stream.append([made(n) for n in range(10)])
        whole = take(stream.follow("start"), 10)
        stream.committed(whole[3].position)  # type: ignore[arg-type]
        assert stream.trim(timedelta(seconds=-1)) == 4
        assert ids(take(stream.follow("start"), 6)) == [f"test::{n}" for n in range(4, 10)]

    def test_trimming_to_size_removes_recorded_entries_only(self, stream: EventStream) -> None:
        """The oldest go, exactly as many as needed, but only recorded ones; readers are not affected."""
        stream.append([made(n) for n in range(30)])
        read = take(stream.follow("start"), 20)
        stream.committed(read[9].position)
        assert stream.buckets()["test"]["entries"] == 30
        assert stream.trim_to_size(25) == 5
        assert stream.buckets()["test"]["entries"] == 25
        assert [d.event.text for d in take(stream.follow(read[4].position), 1)] == ["event 5"]
        assert stream.trim_to_size(3) == 5
        assert stream.trim_to_size(3) == 0
        assert stream.buckets()["test"]["entries"] == 20
        rest = take(stream.follow(read[-1].position), 10)
        assert [d.event.text for d in rest] == [f"event {n}" for n in range(20, 30)]
        with pytest.raises(Trimmed):
            take(stream.follow(read[3].position), 1)

    def test_a_budget_is_shared_and_refills(self, new_stream: NewStream) -> None:
        """First the burst, then one request after another; requests without a permit count; budgets are separate."""
        one, other = new_stream("budgets"), new_stream("budgets")
        pace, none = RateLimit(rate=20.0, burst=3), timedelta(0)
        assert [
            one.rate_limits.permit("a", pace),
            other.rate_limits.permit("a", pace),
            one.rate_limits.permit("a", pace),
        ] == [none] * 3
        wait = other.rate_limits.permit("a", pace)
        assert none < wait <= timedelta(seconds=1 / 20)
        assert one.rate_limits.permit("b", pace) == none
        began = time.monotonic()
        for _ in range(4):
            while wait := other.rate_limits.permit("a", pace):
                time.sleep(wait.total_seconds())
        assert time.monotonic() - began > 0.1
        one.rate_limits.spend("a", pace, 40)
        assert other.rate_limits.permit("a", pace) > timedelta(seconds=1.5)

    def test_a_pause_requested_by_a_host_holds_for_all(self, new_stream: NewStream) -> None:
        """Nobody gets a permit until then; a shorter pause does not end a longer one."""
        one, other = new_stream("alone"), new_stream("alone")
        one.rate_limits.hold("a", timedelta(seconds=90))
        one.rate_limits.hold("a", timedelta(seconds=1))
        assert timedelta(seconds=80) < other.rate_limits.permit("a", RateLimit()) <= timedelta(seconds=90)
        assert other.rate_limits.permit("b", RateLimit()) == timedelta(0)

    def test_following_from_before_the_trim_raises(self, stream: EventStream) -> None:
        """Otherwise the loss would go unnoticed."""
        stream.append([made(n) for n in range(10)])
        whole = take(stream.follow("start"), 10)
        stream.committed(whole[5].position)  # type: ignore[arg-type]
        stream.trim(timedelta(seconds=-1))
        with pytest.raises(Trimmed, match="test"):
            take(stream.follow(whole[2].position), 1)  # type: ignore[arg-type]
        assert ids(take(stream.follow(whole[5].position), 4)) == ids(whole[6:])  # type: ignore[arg-type]

    def test_a_trim_past_a_running_reader_raises(self, stream: EventStream) -> None:
        """Also in the middle of a stream."""
        stream.append([made(n) for n in range(2000)])
        items = iter(stream.follow("start"))
        assert isinstance(next(items), Delivery)
        last = stream.snapshot(1).position
        stream.committed(last)  # type: ignore[arg-type]
        stream.trim(timedelta(seconds=-1))
        stream.append([made(n) for n in range(3000, 3005)])
        with pytest.raises(Trimmed):
            for _ in items:
                pass

    def test_a_position_survives_the_trimming_of_everything(self, stream: EventStream) -> None:
        """No event was missed, so nothing is raised, and new events arrive."""
        stream.append([made(n) for n in range(5)])
        last = take(stream.follow("start"), 5)[-1].position
        stream.committed(last)  # type: ignore[arg-type]
        assert stream.trim(timedelta(seconds=-1)) == 5
        stream.append([made(9)])
        assert ids(take(stream.follow(StreamPosition.parse(str(last))), 1)) == ["test::9"]

    def test_ids_are_remembered_beyond_the_trim(self, stream: EventStream) -> None:
        """An event that a source reads again after a trim is still a duplicate."""
        stream.append([made(n) for n in range(5)])
        stream.trim(timedelta(seconds=-1))
        assert stream.append([made(n) for n in range(5)]).verdicts == "ddddd"

    def test_a_slow_reader_blocks_nobody(self, stream: EventStream) -> None:
        """One reader stops in the middle; another reader and the writer continue."""
        stream.append([made(n) for n in range(10)])
        slow = iter(stream.follow("start"))
        next(slow)
        stream.append([made(n) for n in range(10, 2000)])
        assert len(take(stream.follow("start"), 2000)) == 2000

    def test_closing_ends_a_blocked_reader_and_leaks_no_thread(self, stream: EventStream) -> None:
        """Within a second, five times."""
        before = threading.active_count()
        for _ in range(5):
            feed = stream.follow()
            reader = threading.Thread(target=lambda f=feed: list(f))
            reader.start()
            feed.close()
            reader.join(5)
            assert not reader.is_alive()
        assert threading.active_count() <= before

    def test_large_and_unusual_texts_are_not_changed(self, stream: EventStream) -> None:
        """Half a megabyte, NULs, line breaks, right-to-left, emoji."""
        texts = ["x" * 500_000, "a\x00b\r\n\u2028", "مرحبا 👩‍👩‍👧 \ufeff", '\\ud800 " {}']
        events = [made(n, text=text) for n, text in enumerate(texts)]
        stream.append(events)
        assert [d.event for d in take(stream.follow("start"), 4)] == events

    def test_streams_are_separate(self, new_stream: NewStream) -> None:
        """Two names share nothing: no events, ids or scopes."""
        one, two = new_stream("one"), new_stream("two")
        assert one.append([made(1)], one.open_scope("test", "s"), b"1").new == 1
        assert two.append([made(1)]).new == 1
        assert two.open_scope("test", "s").cursor is None
        one.delete()
        assert len(two.snapshot(5).deliveries) == 1
        assert one.snapshot(5).deliveries == []

    def test_dead_letters_are_kept_unchanged(self, stream: EventStream) -> None:
        """Any bytes, with source and reason, and they are counted."""
        letter = DeadLetter("feed", "https://x.example", "no XML", b"\xff\x00<rss", T0)
        stream.dead_letters.add("test", letter)
        stream.dead_letters.add("test", letter)
        kept = stream.dead_letters.read("test")
        assert [(k.source, k.reason, k.raw, k.at) for k in kept] == [
            ("feed", "no XML", b"\xff\x00<rss", T0)
        ] * 2
        assert kept[0].id != kept[1].id

    def test_a_dead_letter_can_be_removed(self, stream: EventStream) -> None:
        """It leaves the list and the count; the ids of others do not change and are not reused."""
        for n in range(3):
            stream.dead_letters.add("test", DeadLetter("feed", "x", f"reason {n}", b"", T0))
        ids = [letter.id for letter in stream.dead_letters.read("test")]
        assert stream.dead_letters.remove("test", ids[:2]) == 2
        assert stream.dead_letters.remove("test", ids[:2]) == 0
        assert stream.dead_letters.remove("test", []) == 0
        stream.dead_letters.add("test", DeadLetter("feed", "x", "reason 3", b"", T0))
        left = stream.dead_letters.read("test")
        assert [letter.reason for letter in left] == ["reason 2", "reason 3"]
        assert left[0].id == ids[2]
        assert left[1].id not in ids
        assert stream.buckets()["test"]["dead"] == 2

    def test_a_stream_counts_its_content(self, stream: EventStream) -> None:
        """Entries, ids and dead letters per bucket."""
        stream.append([made(1, "a"), made(2, "a"), made(3, "b")])
        stream.append([made(1, "a", text="edited", seq=9)])
        stream.dead_letters.add("b", DeadLetter("feed", "x", "no XML", b"", T0))
        found = stream.buckets()
        assert {n: (f["entries"], f["ids"], f["dead"]) for n, f in found.items()} == {
            "a": (3, 2, 0),
            "b": (1, 1, 1),
        }

    def test_health_is_one_record_per_name(self, stream: EventStream) -> None:
        """A new one replaces the former."""
        stream.health.report("planet", {"state": "ok", "events": 3})
        stream.health.report("planet", {"state": "failed", "events": 4})
        assert stream.health.read() == {"planet": {"state": "failed", "events": 4}}

    def test_a_result_is_published_once_and_can_be_waited_for(
        self, stream: EventStream, new_stream: NewStream
    ) -> None:
        """Readers find it after the place they had come to; a second one of its name is refused."""
        timer = threading.Timer(0.2, lambda: new_stream().channels.publish("trends", "09:00", b"\x00 first"))
        timer.start()
        found = stream.channels.read("trends", wait=timedelta(seconds=2))
        timer.join()
        assert [(n.name, n.payload) for n in found] == [("09:00", b"\x00 first")]
        assert stream.channels.publish("trends", "09:00", b"other") is False
        assert stream.channels.publish("trends", "09:15", b"second") is True
        assert [n.payload for n in stream.channels.read("trends", found[0].id)] == [b"second"]
        assert stream.channels.read("other") == []

    # -- the way out ------------------------------------------------------------------------

    def test_packets_are_taken_once_and_in_order(self, stream: EventStream) -> None:
        """Only those of the scope, unchanged, with their keys and times."""
        scope = stream.open_scope("irc", "a")
        for n in range(3):
            stream.outbox.send("irc", "a", {"type": "message", "to": "#x", "body": f"héllo\n{n}"}, f"k{n}")
        stream.outbox.send("irc", "b", {"body": "for another"})
        taken = stream.outbox.take(scope, 2)
        assert [(o.key, o.packet["body"], o.lapsed) for o in taken] == [
            ("k0", "héllo\n0", ""),
            ("k1", "héllo\n1", ""),
        ]
        assert abs(datetime.now(UTC) - taken[0].at) < timedelta(minutes=1)
        assert [o.key for o in stream.outbox.take(scope)] == ["k2"]
        assert stream.outbox.take(scope) == []
        assert [o.packet for o in stream.outbox.take(stream.open_scope("irc", "b"))] == [
            {"body": "for another"}
        ]

    def test_a_packet_submitted_twice_is_sent_once(self, stream: EventStream) -> None:
        """By its key, before and after it was taken; packets without a key are all different."""
        scope = stream.open_scope("irc", "a")
        first = stream.outbox.send("irc", "a", {"body": "hello"}, "k")
        assert stream.outbox.send("irc", "a", {"body": "hello"}, "k") == first
        assert [o.id for o in stream.outbox.take(scope)] == [first]
        assert stream.outbox.send("irc", "a", {"body": "hello"}, "k") == first
        assert stream.outbox.take(scope) == []
        assert len({stream.outbox.send("irc", "a", {"body": "hello"}) for _ in range(2)}) == 2
        assert len(stream.outbox.take(scope)) == 2

    def test_a_fenced_process_takes_nothing(self, stream: EventStream) -> None:
        """If two processes believe that they hold a scope, only one of them sends."""
        old = stream.open_scope("irc", "a")
        new = stream.open_scope("irc", "a")
        stream.outbox.send("irc", "a", {"body": "hello"})
        with pytest.raises(Fenced):
            stream.outbox.take(old)
        assert len(stream.outbox.take(new)) == 1

    def test_unsettled_packets_lapse(self, stream: EventStream) -> None:
        """What was taken and not settled lapses at the next begin; what was settled does not."""
        old = stream.open_scope("irc", "a")
        stream.outbox.send("irc", "a", {"body": "sent"}, "k1")
        stream.outbox.send("irc", "a", {"body": "perhaps"}, "k2")
        stream.outbox.settle(old, [stream.outbox.take(old)[0].id])
        scope = stream.open_scope("irc", "a")
        stream.outbox.send("irc", "a", {"body": "next"}, "k3")
        left, fresh = stream.outbox.take(scope, begin=True)
        assert (left.key, fresh.key, fresh.lapsed) == ("k2", "k3", "")
        assert "not known" in left.lapsed
        [letter] = stream.dead_letters.read("irc")
        assert (letter.source, letter.scope, letter.reason) == ("outbox", "a", left.lapsed)
        assert b'"perhaps"' in letter.raw
        assert stream.outbox.take(scope) == []
        stream.outbox.settle(scope, [fresh.id])
        assert stream.outbox.take(stream.open_scope("irc", "a"), begin=True) == []

    def test_a_packet_that_waited_too_long_is_a_dead_letter(self, stream: EventStream) -> None:
        """With a reason, and also if only lapsed packets are requested."""
        scope = stream.open_scope("irc", "a")
        stream.outbox.send("irc", "a", {"body": "late"}, "k")
        assert stream.outbox.take(scope, 0) == []
        [late] = stream.outbox.take(scope, 0, unsent_for=timedelta(seconds=-1))
        assert (late.key, late.packet) == ("k", {"body": "late"})
        assert [(d.reason, d.scope) for d in stream.dead_letters.read("irc")] == [(late.lapsed, "a")]
        assert stream.buckets()["irc"]["dead"] == 1
        assert stream.outbox.take(scope, begin=True) == []

    def test_take_waits_for_the_next_packet(self, stream: EventStream, new_stream: NewStream) -> None:
        """It returns when one arrives, or when the time is over."""
        scope = stream.open_scope("irc", "a")
        assert stream.outbox.take(scope, wait=timedelta(milliseconds=20)) == []
        timer = threading.Timer(0.2, lambda: new_stream().outbox.send("irc", "a", {"body": "hello"}))
        timer.start()
        started = time.monotonic()
        assert [o.packet["body"] for o in stream.outbox.take(scope, wait=timedelta(seconds=2.4))] == ["hello"]
        assert time.monotonic() - started < 2.3
        timer.join()

    def test_an_outbox_has_limits(self, stream: EventStream) -> None:
        """At most a thousand packets, a size limit, and text only."""
        scope = stream.open_scope("irc", "a")
        for n in range(1000):
            stream.outbox.send("irc", "a", {"body": str(n)}, str(n))
        with pytest.raises(OutboxFull, match="1,000"):
            stream.outbox.send("irc", "a", {"body": "one more"})
        assert len(stream.outbox.take(scope, 1)) == 1
        stream.outbox.send("irc", "a", {"body": "one more"})
        with pytest.raises(PacketTooLarge):
            stream.outbox.send("irc", "a", {"body": "x" * 16_000})
        with pytest.raises(TypeError, match="body"):
            stream.outbox.send("irc", "a", {"body": 1})  # type: ignore[dict-item]

    def test_many_takers_share_the_packets(self, stream: EventStream, new_stream: NewStream) -> None:
        """Eight threads with one scope get each packet exactly once."""
        scope = stream.open_scope("irc", "a")
        for n in range(400):
            stream.outbox.send("irc", "a", {"body": str(n)}, str(n))
        got: list[str] = []

        def taker() -> None:
            own = new_stream()
            while taken := own.outbox.take(scope, 3):
                got.extend(o.key for o in taken)

        threads = [threading.Thread(target=taker) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(got, key=int) == [str(n) for n in range(400)]

    async def _first(self, feed: Feed, n: int) -> list[str]:
        got: list[str] = []
        async for item in feed:
            if isinstance(item, Delivery):
                got.append(item.event.id)
                if len(got) == n:
                    break
        feed.close()
        return got

    def test_a_feed_can_be_awaited(self, stream: EventStream) -> None:
        """``async for`` yields the same items."""
        import asyncio

        stream.append([made(n) for n in range(3)])
        assert asyncio.run(self._first(stream.follow("start"), 3)) == [f"test::{n}" for n in range(3)]

    # -- forgetting ------------------------------------------------------------------------

    def test_nothing_of_an_erased_author_is_stored(self, new_stream: NewStream) -> None:
        """From no writer, not even one that was open before; other events are stored, with their cursor."""
        stream, other = new_stream(), new_stream()
        events = [made(n) for n in range(14)]
        scope = other.open_scope("test", "s")
        other.append(events[:1], scope)
        stream.erasure.forget([ErasureMarks.author("User3"), ErasureMarks.author("user4", "elsewhere")])
        assert other.append(events, scope, b"c").verdicts == "dnnfnnnnnnfnnn"
        assert stream.append(events).verdicts.replace("d", "n") == "nnnfnnnnnnfnnn"
        assert other.append(events, scope, b"d").forgotten == 2
        assert other.append([events[3]], scope, b"e").verdicts == "f"
        assert stream.open_scope("test", "s").cursor == b"e"
        assert [e for e in ids(stream.snapshot(99).deliveries) if e in {"test::3", "test::10"}] == []

    def test_a_large_batch_leaves_out_an_author_erased_meanwhile(self, new_stream: NewStream) -> None:
        """A batch of several calls, whose writer does not know the marks yet."""
        stream, other = new_stream(), new_stream()
        other.append([made(0)])
        stream.erasure.forget([ErasureMarks.author("user1")])
        events = [made(n) for n in range(2000)]
        result = other.append(events).verdicts
        assert [v for v, e in zip(result, events, strict=True) if e.handle == "user1"] == [
            "f"
        ] * result.count("f")
        assert result.count("f") == sum(e.handle == "user1" for e in events)
        assert len(stream.snapshot(3000).deliveries) == 2000 - result.count("f")

    def test_a_list_of_people_is_stored_without_erased_ones(self, new_stream: NewStream) -> None:
        """The others stay in it, and appended again it is a duplicate."""
        stream, other = new_stream(), new_stream()
        other.append([made(0)])
        stream.erasure.forget([ErasureMarks.author("pia")])
        listed = made(1, type="users", text="@pia [pia] +bob")
        assert other.append([listed]).verdicts == "n"
        assert stream.append([listed]).verdicts == "d"
        assert [e.text for e in stream.erasure.kept() if e.type == "users"] == ["[pia] +bob"]

    def test_a_bucket_created_later_knows_the_marks(self, new_stream: NewStream) -> None:
        """Also by the platform's id, and for a repost of an erased post."""
        stream = new_stream()
        stream.erasure.forget([ErasureMarks.account("late", "42"), ErasureMarks.post("late::7")])
        result = new_stream().append(
            [
                made(1, "late", author=Author(handle="renamed", id="42")),
                made(2, "late", author=Author(handle="x", id="43")),
                made(3, "late", repost_of="late::7"),
                made(4, "late", op="delete", author=Author(handle="renamed", id="42")),
            ]
        )
        assert result.verdicts == "fnfx"

    def test_erased_events_are_deleted_for_readers_and_removed(self, stream: EventStream) -> None:
        """Readers get deletes; later readers, and the server, have none of them."""
        stream.append([made(n, "ab"[n % 2]) for n in range(20)])
        stream.append([made(4, "a", text="edited", seq=90)])
        feed = stream.follow("start")
        take(feed, 21)
        gone = stream.erasure.erase(lambda event: event.handle == "user4")
        assert sorted(gone) == ["a::18", "a::4", "b::11"]
        assert sorted((d.event.id, d.event.op) for d in take(feed, 3)) == [
            (i, "delete") for i in sorted(gone)
        ]
        assert not {e.id for e in stream.erasure.kept()} & set(gone)
        assert len(list(stream.erasure.kept())) == 17
        assert not set(ids(stream.snapshot(50).deliveries)) & set(gone)
        assert stream.append([made(4, "a")]).verdicts == "d"
        assert stream.erasure.erase(lambda event: event.handle == "user5", announce=False)
        assert {e.handle for e in stream.erasure.kept()} == {"user0", "user1", "user2", "user3", "user6"}


def _write(stream: EventStream, n: int) -> None:
    for first in range(0, n, 7):
        stream.append([made(i) for i in range(first, min(n, first + 7))])
        time.sleep(0.001)
