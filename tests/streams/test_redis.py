"""The stream on a real server keeps the contract, and the faults that only a server can have."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import redis

from rtanalytics.feed import Delivery
from rtanalytics.streams import StreamPosition, StreamUnavailable, Trimmed
from rtanalytics.streams.redis import RedisStream
from rtanalytics.streams.server import EmbeddedServer, Server
from tests.contracts.stream import NewStream, StreamContract, ids, made, take


@pytest.fixture
def new_stream(redis_server: Server, prefix: str) -> Iterator[NewStream]:
    """Streams of the session's server under names of this test, removed at its end."""
    made_streams: list[RedisStream] = []

    def new(part: str = "") -> RedisStream:
        made_streams.append(RedisStream(redis_server.url, f"{prefix}{part}"))
        return made_streams[-1]

    yield new
    for stream in made_streams:
        stream.delete()
        stream.close()


class TestRedisStream(StreamContract):
    """Every promise, on the embedded server."""

    @pytest.fixture
    def new_stream(self, new_stream: NewStream) -> NewStream:
        """Not the contract's, but the module's."""
        return new_stream


def test_a_frozen_server_fails_an_append_in_bounded_time(redis_server: Server, prefix: str) -> None:
    """SIGSTOP: unavailable within the timeout; the retry after SIGCONT stores each event once."""
    stream = RedisStream(redis_server.url, prefix)
    stream.append([made(0)])
    os.kill(redis_server.pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        with pytest.raises(StreamUnavailable):
            stream.append([made(1)])
        assert time.monotonic() - started < 15
    finally:
        os.kill(redis_server.pid, signal.SIGCONT)
    assert stream.append([made(0), made(1), made(2)]).verdicts[0] == "d"
    assert sorted(ids(stream.snapshot(9).deliveries)) == ["test::0", "test::1", "test::2"]
    stream.delete()


def test_a_name_or_namespace_with_braces_is_refused(redis_server: Server, prefix: str) -> None:
    """It would break the hash tag, and with it the promise that a bucket lives on one node."""
    with pytest.raises(ValueError, match="braces"):
        RedisStream(redis_server.url, "a{b}")
    with pytest.raises(ValueError, match="braces"):
        RedisStream(redis_server.url, prefix).append([made(1, "te{st}")])


def test_an_unavailable_server_is_named_without_the_password() -> None:
    """The message names the address, not the secret."""
    stream = RedisStream("redis://:secret@127.0.0.1:1/0", "x")
    with pytest.raises(StreamUnavailable) as caught:
        stream.append([made(1)])
    assert "127.0.0.1:1" in str(caught.value)
    assert "secret" not in str(caught.value) + stream.key


def test_an_entry_that_is_no_packet_is_passed_over_and_counted(redis_server: Server, prefix: str) -> None:
    """Somebody else's entry does not stop the feed."""
    stream = RedisStream(redis_server.url, prefix)
    stream.append([made(1)])
    client = redis.Redis.from_url(redis_server.url)
    client.xadd(stream.connection.key_of("test", "events"), {"e": b'{"id": 3'})
    stream.append([made(2)])
    feed = stream.follow("start")
    assert ids(take(feed, 2)) == ["test::1", "test::2"]
    assert feed.unreadable == 1  # type: ignore[attr-defined]
    assert len(stream.snapshot(5).deliveries) == 2
    stream.delete()


def test_what_a_server_lost_is_appended_again_and_shown_once(redis_server: Server, prefix: str) -> None:
    """The tail vanishes with its cursor; the source reads again; no reader sees anything twice."""
    stream = RedisStream(redis_server.url, prefix)
    client = redis.Redis.from_url(redis_server.url)
    scope = stream.open_scope("test", "maker")
    stream.append([made(n) for n in range(5)], scope, b"5")
    saved = {key: client.dump(key) for key in client.keys(f"rta:{{{prefix}*")}
    stream.append([made(n) for n in range(5, 9)], scope, b"9")

    running = stream.follow("start")
    items = iter(running)
    first = [next(items) for _ in range(9)]
    stored = str(first[-1].position)  # type: ignore[union-attr]

    client.delete(*client.keys(f"rta:{{{prefix}*"))  # what a restart on a shorter file does
    for key, value in saved.items():
        client.restore(key, 0, value)

    again = stream.open_scope("test", "maker")
    assert again.cursor == b"5"
    assert stream.append([made(n) for n in range(5, 12)], again, b"12").new == 7
    rest = [next(items) for _ in range(3)]
    assert [i.event.id for i in rest if isinstance(i, Delivery)] == ["test::9", "test::10", "test::11"]
    rejoined = stream.follow(StreamPosition.parse(stored))
    assert ids(take(rejoined, 3)) == ["test::9", "test::10", "test::11"]
    stream.delete()


def test_a_server_that_comes_back_empty_is_noticed(redis_server: Server, prefix: str) -> None:
    """A running follower goes on with what is appended then, instead of waiting for ever."""
    stream = RedisStream(redis_server.url, prefix)
    stream.append([made(n) for n in range(3)])
    items = iter(stream.follow("start"))
    assert [next(items).event.id for _ in range(3)] == ["test::0", "test::1", "test::2"]  # type: ignore[union-attr]
    client = redis.Redis.from_url(redis_server.url)
    client.delete(*client.keys(f"rta:{{{prefix}*"))
    client.client_kill_filter(skipme=True)
    assert RedisStream(redis_server.url, prefix).append([made(n) for n in range(5)]).new == 5
    assert [next(items).event.id for _ in range(2)] == ["test::3", "test::4"]  # type: ignore[union-attr]
    stream.delete()


def test_a_writer_survives_the_loss_of_its_connections(redis_server: Server, prefix: str) -> None:
    """Cut at random moments, each batch retried until it is answered: every event once, in order."""
    client = redis.Redis.from_url(redis_server.url)
    stream = RedisStream(redis_server.url, prefix)
    done = threading.Event()

    def cut() -> None:
        while not done.wait(0.005):
            client.client_kill_filter(skipme=True, _type="normal")

    killer = threading.Thread(target=cut)
    killer.start()
    cuts = written = 0
    try:
        while written < 2000 or (cuts < 3 and written < 60_000):
            first, written = written, written + 50
            batch = [made(n) for n in range(first, first + 50)]
            while True:
                try:
                    stream.append(batch)
                    break
                except StreamUnavailable:
                    cuts += 1
    finally:
        done.set()
        killer.join()
    assert cuts > 0
    assert ids(take(stream.follow("start"), written)) == [f"test::{n}" for n in range(written)]
    stream.delete()


def test_a_run_can_be_left_to_vanish(redis_server: Server, prefix: str) -> None:
    """A replay's keys expire together."""
    stream = RedisStream(redis_server.url, f"{prefix}/replay/1")
    stream.append([made(1), made(2, "other")])
    stream.delete(after=timedelta(hours=1))
    client = redis.Redis.from_url(redis_server.url)
    keys = client.keys(f"rta:{{{prefix}/replay/1*")
    assert keys
    assert all(client.ttl(key) > 0 for key in keys)
    stream.delete()


def test_events_and_cursor_share_one_fate_when_the_log_is_cut(tmp_path: Path) -> None:
    """The append-only file loses its tail anywhere: the cursor is that of the last whole batch.

    A source that reads again from there completes the stream, each event once and in order.
    """
    folder = tmp_path / "server"
    with EmbeddedServer(folder) as server:
        stream = RedisStream(server.url, "cut")
        scope = stream.open_scope("test", "maker")
        for first in range(0, 200, 10):
            stream.append([made(n) for n in range(first, first + 10)], scope, str(first + 10).encode())
    (log,) = folder.glob("**/*.incr.aof")
    whole = log.read_bytes()
    cursors = set()
    for share in (0.97, 0.8, 0.613, 0.402, 0.25):
        log.write_bytes(whole[: int(len(whole) * share)])
        with EmbeddedServer(folder) as server:
            stream = RedisStream(server.url, "cut")
            kept = ids(stream.snapshot(1000).deliveries)
            scope = stream.open_scope("test", "maker")
            first = int(scope.cursor or b"0")
            assert kept == [f"test::{n}" for n in range(first)]
            cursors.add(first)
            stream.append([made(n) for n in range(first, 200)], scope, b"200")
            assert ids(take(stream.follow("start"), 200)) == [f"test::{n}" for n in range(200)]
        for name in folder.glob("**/torn-*"):
            name.unlink()
    assert len(cursors) == 5


@pytest.mark.parametrize("left", [0, 3, 40])
def test_a_stream_trimmed_by_somebody_else_raises(redis_server: Server, prefix: str, left: int) -> None:
    """A reader, running or resumed, does not go on silently after entries that it never saw."""
    stream, client = RedisStream(redis_server.url, prefix), redis.Redis.from_url(redis_server.url)
    stream.append([made(n) for n in range(1200)])
    read = take(stream.follow("start"), 30)
    running = iter(stream.follow("start"))
    assert isinstance(next(running), Delivery)  # it has read a page of 500
    client.xtrim(f"rta:{{{prefix}/test}}:events", maxlen=left, approximate=False)
    with pytest.raises(Trimmed, match="somebody else trimmed bucket 'test'"):
        take(stream.follow(read[9].position), 1)
    with pytest.raises(Trimmed):
        for _ in running:
            pass
    stream.delete()


def test_an_erased_entry_is_not_taken_for_a_trimmed_stream(redis_server: Server, prefix: str) -> None:
    """Single entries are deleted by an erasure; a reader that stands on one reads on."""
    stream, client = RedisStream(redis_server.url, prefix), redis.Redis.from_url(redis_server.url)
    key = f"rta:{{{prefix}/test}}:events"
    stream.append([made(n) for n in range(5)])
    read = take(stream.follow("start"), 3)
    client.xdel(key, *[entry for entry, _ in client.xrange(key)[:3]])
    assert ids(take(stream.follow(read[2].position), 2)) == ["test::3", "test::4"]
    last = take(stream.follow(read[2].position), 2)[-1].position
    client.xtrim(key, maxlen=0, approximate=False)
    stream.append([made(9)])
    assert (
        ids(take(stream.follow(read[2].position), 1)) == ["test::9"] or last
    )  # deleted and trimmed: unknown
    stream.delete()


@pytest.mark.parametrize(
    "fields",
    [
        {b"\xff\xfe": b"x"},
        {b"m": b"soon"},
        {b"x": b"\xff"},
        {b"e": b"{", b"r": b"no"},
        {b"e": b"{"},
        {b"note": b"hi"},
    ],
)
def test_an_entry_of_another_program_is_skipped(
    redis_server: Server, prefix: str, fields: dict[bytes, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged and counted, and readers and snapshots show everything else."""
    stream, client = RedisStream(redis_server.url, prefix), redis.Redis.from_url(redis_server.url)
    stream.append([made(0)])
    client.xadd(f"rta:{{{prefix}/test}}:events", fields)  # type: ignore[arg-type]
    stream.append([made(1)])
    feed = stream.follow("start")
    assert ids(take(feed, 2)) == ["test::0", "test::1"]
    assert feed.unreadable == 1
    assert "entry" in caplog.text
    assert ids(stream.snapshot(9).deliveries) == ["test::0", "test::1"]
    stream.delete()


@pytest.mark.parametrize(
    ("user", "database", "advice"),
    [
        ("bob:wrong@", "0", "check user name and password"),
        ("", "0", "check user name and password"),
        ("nobody-reads:pw@", "0", "grant the user"),
        ("{admin}", "99", "database that the server has"),
        (":p@ss/w#rd@", "0", "@ as %40"),
    ],
)
def test_an_address_that_does_not_let_in_names_what_to_do(
    redis_server: Server, prefix: str, user: str, database: str, advice: str
) -> None:
    """Login, rights, database and special characters of a password; the password is never shown."""
    redis.Redis.from_url(redis_server.url).execute_command(
        "ACL", "SETUSER", "nobody-reads", "on", ">pw", "~other:*", "+ping", "+hello", "+select"
    )
    admin, _, place = redis_server.url.partition("//")[2].rpartition("@")
    address = f"redis://{user.replace('{admin}', admin + '@')}{place.partition('/')[0]}/{database}"
    with pytest.raises(StreamUnavailable, match=advice) as raised:
        RedisStream(address, prefix).append([made(0)])
    assert "p@ss" not in str(raised.value)
    assert admin not in str(raised.value)
