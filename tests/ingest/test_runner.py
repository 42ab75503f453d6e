"""The life of a source: what it gives is stored once, what it raises is waited out, and all of it is told."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Self

import pytest
import redis

from rtanalytics.conference import RateLimit
from rtanalytics.ingest.runner import Outcome, run_source
from rtanalytics.retry import Limits, RetryPolicy
from rtanalytics.sources import KINDS
from rtanalytics.sources.base import (
    AuthFailed,
    Batch,
    Blocked,
    CursorInvalid,
    Gone,
    Malformed,
    RateLimited,
    Reject,
    Transient,
)
from rtanalytics.streams.redis import RedisStream
from rtanalytics.streams.server import EmbeddedServer, ensure_server
from tests.build import event
from tests.ingest.scripted import CLOSED, POLLED, TestedStream, script
from tests.processes import kill, until
from tests.sources.server import FeedServer, item, rss

QUICK = RetryPolicy(
    first=timedelta(milliseconds=1),
    cap=timedelta(milliseconds=5),
    blocked=timedelta(milliseconds=5),
    blocked_cap=timedelta(milliseconds=5),
    gone=timedelta(milliseconds=5),
    heartbeat=timedelta(milliseconds=20),
    room=timedelta(milliseconds=5),
)
SLOW = RetryPolicy(first=timedelta(hours=1), cap=timedelta(hours=9))


@pytest.fixture(autouse=True)
def _scripted(monkeypatch):
    monkeypatch.setitem(KINDS, "scripted", "tests.ingest.scripted")


@pytest.fixture
def stream(prefix):
    return TestedStream(prefix)


def run(
    spec: Any,
    stream: Any,
    enough: Callable[[], bool],
    retry_policy: RetryPolicy = QUICK,
    limits: Limits | None = None,
) -> Outcome:
    """Run a source until there is enough, or until it ends by itself."""

    async def main():
        stop = asyncio.Event()
        task = asyncio.ensure_future(
            run_source(spec, stream, stop=stop, retry_policy=retry_policy, limits=limits)
        )
        while not enough() and not task.done():  # what is awaited is the runner's own state
            await asyncio.sleep(0.002)
        stop.set()
        return await asyncio.wait_for(task, 20)

    return asyncio.run(main())


def play(stream: Any, *lines: Any) -> Outcome:
    """Run source ``a`` through its lines, to the poll after the last."""
    return run(script("a", *lines), stream, lambda: len(POLLED["a"]) > len(lines))


def stored(stream: Any) -> list[str]:
    return [d.event.id for d in stream.snapshot(1000).deliveries]


def batch(*numbers: int, cursor: bytes | None = None, **fields: Any) -> Batch:
    return Batch([event(n) for n in numbers], cursor, **fields)


def health(stream: Any) -> dict[str, Any]:
    return stream.health.read()["source:a"]


# --- storing ---------------------------------------------------------------------------------------


def test_events_and_cursor_are_stored_and_the_next_poll_goes_on_from_there(stream):
    """Each batch with its cursor; a batch without one leaves the old one; the next process begins with it."""
    assert play(stream, batch(0, cursor=b"1"), batch(1), batch(2, cursor=b"2")) is Outcome.STOPPED
    assert POLLED["a"] == [None, b"1", b"1", b"2"]
    assert CLOSED.pop() == "a"
    play(stream, batch(2, 3, cursor=b"3"))
    assert POLLED["a"] == [b"2", b"3"]
    assert stored(stream) == [f"test::{n}" for n in range(4)]
    assert health(stream)["counts"] == {"duplicate": 1, "new": 1}


def test_what_could_not_be_read_is_a_dead_letter_with_its_place(stream):
    """Source, scope, reason with its place, the bytes; the events beside it are stored."""
    play(stream, batch(0, cursor=b"1", rejects=[Reject(reason="odd", raw=b"raw", where="entry 3")]))
    [letter] = stream.dead_letters.read("test")
    assert (letter.source, letter.scope, letter.reason, letter.raw) == ("a", "a", "entry 3: odd", b"raw")
    assert stored(stream) == ["test::0"]
    assert health(stream)["counts"]["dead"] == 1


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("method", ["open_scope", "append", "dead_letters.add", "health.report"])
def test_a_server_that_is_away_costs_nothing(stream, method, when):
    """Whether the write had arrived or not: everything once, the cursors as they should be."""
    stream.faults[method] = [when] * 3
    reject = Reject(reason="odd", raw=b"raw")
    play(stream, batch(0, 1, cursor=b"1", rejects=[reject]), batch(2, cursor=b"2"))
    assert stored(stream) == ["test::0", "test::1", "test::2"]
    assert POLLED["a"] == [None, b"1", b"2"]
    assert {letter.reason for letter in stream.dead_letters.read("test")} == {"odd"}


def test_a_server_that_lost_its_tail_is_given_it_again(stream):
    """The stored cursor has fallen back with its events: they are polled again from there."""

    def lose():
        held = stream._log.buckets["test"]
        held.cursors["a"] = b"1"
        held.entries = [entry for entry in held.entries if b"test::0" in entry[1].value]
        held.seen = {"test::0": held.seen["test::0"]}

    # the third append arrives, but then the server falls, and comes back without its last second
    stream.faults["append"] = [None, None, lose]
    lines = [batch(0, cursor=b"1"), batch(1, cursor=b"2"), batch(2, cursor=b"3"), batch(1, 2, cursor=b"3")]
    play(stream, *lines)
    assert POLLED["a"] == [None, b"1", b"2", b"1", b"3"]
    assert stored(stream) == ["test::0", "test::1", "test::2"]


def taking(stream: Any, then: Any) -> Callable[[], Any]:
    """While it is polled, another process opens the scope."""

    def take() -> Any:
        stream.open_scope("test", "a")
        return then

    return take


def test_a_scope_that_was_taken_over_ends_the_source(stream):
    """Whoever opened it later has it; this one stops, says so, and writes no more."""
    lines = [batch(0, cursor=b"1"), taking(stream, batch(1, cursor=b"2")), batch(2, cursor=b"3")]
    assert play(stream, *lines) is Outcome.FENCED
    assert stored(stream) == ["test::0"]
    assert health(stream)["state"] == "fenced"


def test_a_scope_that_was_taken_over_is_noticed_though_there_is_nothing_to_store(stream):
    """A feed that has not changed for a day does not keep two processes polling it."""
    assert play(stream, taking(stream, Batch())) is Outcome.FENCED


def test_a_scope_that_was_taken_over_while_the_server_was_away_is_not_taken_back(stream):
    """Asking for the stored cursor anew is for who still holds the scope."""
    stream.faults["append"] = [lambda: stream.open_scope("test", "a")]
    assert play(stream, batch(0, cursor=b"1"), batch(1, cursor=b"2")) is Outcome.FENCED
    assert stored(stream) == ["test::0"]


def test_an_event_that_no_stream_takes_does_not_block_the_others(stream):
    """Without its HTML it may fit; otherwise it is a dead letter."""
    huge = [event(0, html="<p>" + "x" * 1_100_000), event(1, text="y" * 1_100_000), event(2)]
    play(stream, Batch(huge, b"1"))
    assert stored(stream) == ["test::0", "test::2"]
    [letter] = stream.dead_letters.read("test")
    assert letter.reason.startswith("test::1: a packet of 1,1")
    assert POLLED["a"][-1] == b"1"


# --- waiting ---------------------------------------------------------------------------------------


def test_errors_are_waited_out_each_in_its_own_way(stream):
    """Whatever is raised, the source is asked again, and in the end all is well."""
    errors = [
        Transient("net"),
        RateLimited("slow down", timedelta(milliseconds=2)),
        RateLimited("slow down"),
        AuthFailed("login"),
        Blocked("403"),
        Gone("410"),
        Malformed("rubbish", b"raw"),
        Malformed("rubbish again", b"raw"),
    ]
    play(stream, *errors, batch(0, cursor=b"1"))
    told = health(stream)
    assert stored(stream) == ["test::0"]
    assert {n: c for n, c in told["counts"].items() if n.startswith("error_")} == {
        "error_AuthFailed": 1,
        "error_Blocked": 1,
        "error_Gone": 1,
        "error_Malformed": 2,
        "error_RateLimited": 2,
        "error_Transient": 1,
    }
    assert [letter.reason for letter in stream.dead_letters.read("test")] == ["rubbish"]
    assert (told["error"], told["failures"]) == ("", 0)


def test_it_never_gives_up(stream):
    """Whatever fails a hundred times in a row is asked once more, and is well when that works."""
    kinds = (Transient, AuthFailed, Blocked, RateLimited, Malformed)
    play(stream, *(kinds[n % 5]("no") for n in range(100)), batch(0, cursor=b"1"))
    told = health(stream)
    assert stored(stream) == ["test::0"]
    assert (told["error"], told["failures"], told["counts"]["error_Transient"]) == ("", 0, 20)


@pytest.mark.parametrize(
    ("error", "state", "hours"),
    [
        (Transient("net"), "degraded", (0, 2)),
        (RateLimited("slow", timedelta(hours=3)), "rate_limited", (3, 3.2)),
        (AuthFailed("login"), "auth", (0.5, 1)),
        (Blocked("403"), "blocked", (0.5, 1)),
        (Gone("410"), "gone", (8, 8)),
    ],
)
def test_health_says_what_is_wrong_and_until_when(stream, error, state, hours):
    """While it waits, the state, the reason and the next poll are there for status."""
    run(script("a", error), stream, lambda: "next_poll" in stream.health.read().get("source:a", {}), SLOW)
    told = health(stream)
    assert stream.states == ["starting", state, state, "stopped"]
    assert told["error"] == str(error)
    wait = _moment(told["next_poll"]) - _moment(told["last_attempt"])
    assert hours[0] * 3600 - 5 <= wait <= hours[1] * 3600 + 5


@pytest.mark.parametrize("error", [AuthFailed("login"), Blocked("403")])
def test_what_has_worked_before_is_tried_again_soon_when_it_is_refused(stream, error):
    """A network's login page says 401 to all, for a while: in this process, and where the cursor shows it."""
    for lines in ([batch(0, cursor=b"1"), error], [error]):
        stream.states.clear()
        run(script("a", *lines), stream, lambda: {"auth", "blocked"} & set(stream.states[:-1]), SLOW)
        told = health(stream)
        assert 25 <= _moment(told["next_poll"]) - _moment(told["last_attempt"]) <= 65


def test_the_log_says_that_a_source_is_well_again_in_the_words_of_status(stream, caplog):
    """Once each, at the level that collect shows, also for a batch that came with a problem."""
    caplog.set_level("WARNING")
    lines = [
        batch(0, cursor=b"1"),
        AuthFailed("no"),
        AuthFailed("no"),
        Batch(),
        Batch(problem="odd"),
        Batch(),
    ]
    play(stream, *lines)
    assert [r.getMessage() for r in caplog.records] == [
        "source:a: login required: no",
        "source:a: works again",
        "source:a: in trouble: odd",
        "source:a: works again",
    ]


def test_the_log_says_that_the_stream_is_back(stream, caplog):
    """Once, after the one line that says that it is away."""
    caplog.set_level("WARNING")
    stream.faults["append"] = ["before"] * 3
    play(stream, batch(0, cursor=b"1"))
    assert [r.getMessage() for r in caplog.records][1:] == ["source:a: the stream is available again"]


def test_a_poll_in_which_nothing_was_heard_is_no_reading(stream):
    """It neither moves the last reading nor makes well what was wrong, and it is silent since then."""
    nothing = Batch(heard=False, wait=timedelta(milliseconds=1))
    # many more lines than polls: the one after the last line is a reading
    spec = script("a", *[nothing] * 500, expected_every=timedelta(microseconds=1))
    run(spec, stream, lambda: len(POLLED["a"]) >= 3)
    assert "last_success" not in health(stream)
    play(stream, batch(0, cursor=b"1"), Transient("blind"), nothing, nothing)
    assert stream.states.count("ok")
    run(script("a", Transient("blind"), *[nothing] * 500), stream, lambda: len(POLLED["a"]) >= 9)
    assert health(stream)["error"] == "blind"


def test_health_says_since_when_a_source_is_silent(stream):
    """It was silent for longer than expected; a time, so that ``status`` can show it in the venue's zone."""
    spec = script("a", batch(0, cursor=b"1"), expected_every=timedelta(milliseconds=1))
    began = time.time()
    reported: list[str] = []

    def is_silent() -> bool:
        # the next report may be of another state, so the value is kept here
        reported.append(stream.health.read().get("source:a", {}).get("silent_since", ""))
        return bool(reported[-1])

    run(spec, stream, is_silent)
    assert began - 1 <= _moment(reported[-1]) <= time.time()
    run(script("b", batch(1), expected_every=timedelta(hours=1)), stream, lambda: len(POLLED["b"]) > 1)
    assert stream.health.read()["source:b"]["silent_since"] == ""


def _moment(text: str) -> float:
    from rtanalytics.clock import parse_time

    return parse_time(text).timestamp()


def test_health_has_what_status_shows(stream):
    """Who, where, since when, how much, how late, with how much memory."""
    play(stream, batch(0, 1, cursor=b"1", notes={"title": "Blog"}))
    told = health(stream)
    assert told.items() >= {"kind": "scripted", "bucket": "test", "scope": "a", "pid": os.getpid()}.items()
    assert told["title"] == "Blog"
    assert told["last_created"] == event(1).created_at.isoformat()
    assert told["counts"]["new"] == 2
    assert {"at", "started", "last_attempt", "last_success", "last_event", "next_poll", "lag_s"} <= set(told)
    assert told["rss_mb"] is None or 10 < told["rss_mb"] < 2_000
    json.dumps(told)


def test_a_batch_with_a_problem_is_degraded_until_one_without(stream):
    """The poll succeeded, the source is not well."""
    play(stream, batch(0, cursor=b"1", problem="no feed"), batch(1, cursor=b"2"))
    assert health(stream)["error"] == ""
    assert "ok" in stream.states


def test_a_source_that_answers_but_has_nothing_new_is_told_to_be_silent(stream):
    """Until something new comes; what is known already does not count."""

    def later():
        time.sleep(0.05)
        return batch(0, cursor=b"2", wait=timedelta(milliseconds=1))

    lines = [batch(0, cursor=b"1"), later, batch(1, cursor=b"3"), batch(cursor=b"4")]
    spec = script("a", *lines, expected_every=timedelta(milliseconds=40))
    seen = []
    report = stream.health.report
    stream.health.report = lambda name, fields: (
        seen.append((fields["state"], fields.get("error", ""))),
        report(name, fields),
    )
    run(spec, stream, lambda: len(POLLED["a"]) > len(lines))
    assert any(state == "degraded" and "silent: nothing new" in error for state, error in seen)
    at = next(n for n, (state, _) in enumerate(seen) if state == "degraded")
    assert "ok" in [state for state, _ in seen[:at]]
    assert "ok" in [state for state, _ in seen[at:]]


def test_the_health_beats_while_nothing_happens(stream):
    """A waiting source is told from a dead one."""
    run(script("a"), stream, lambda: len(stream.states) > 6)
    assert set(stream.states) == {"starting", "ok", "stopped"}


def test_a_source_that_is_gone_three_times_ends(stream):
    """Not at the first 410, which may be a slip."""
    assert play(stream, Gone("410"), batch(0, cursor=b"1"), Gone("410"), Gone("410")) is Outcome.GONE
    assert stored(stream) == ["test::0"]
    assert health(stream)["state"] == "gone"


def test_a_cursor_that_cannot_be_used_is_done_without(stream):
    """Polled from the beginning; the stream knows what it has."""
    play(stream, batch(0, cursor=b"odd"), CursorInvalid("what is this"), batch(0, 1, cursor=b"2"))
    assert POLLED["a"] == [None, b"odd", None, b"2"]
    assert stored(stream) == ["test::0", "test::1"]


def test_reading_waits_while_the_bucket_is_full_of_what_is_not_recorded(stream):
    """Nothing is asked for meanwhile, the health says why, and it goes on as soon as there is room."""
    batches = [batch(n, wait=timedelta(milliseconds=6)) for n in range(8)]
    spec = script("a", *batches)
    polled = []

    def enough() -> bool:
        if len(polled) < 2 and stream.states.count("full") >= (10 if polled else 1):
            polled.append(len(POLLED["a"]))
        if len(polled) == 2:  # it has looked ten times
            stream.committed(stream.snapshot(0).position)
            stream.trim_to_size(1)
        return len(POLLED["a"]) > len(batches)

    run(spec, stream, enough, limits=Limits(most_entries=4))
    assert polled[0] == polled[1] < len(batches)
    assert stream.buckets()["test"]["ids"] == len(batches)


def test_what_a_host_allows_is_shared_by_all_that_ask_it(stream):
    """What it asked of one, another keeps to; what a poll asked beyond one request is accounted for."""
    hour = timedelta(hours=1)
    run(
        script("a", RateLimited("slow down", hour), asks="api.example"), stream,
        lambda: "rate_limited" in stream.states, SLOW,
    )  # fmt: skip
    assert stream.rate_limits.permit("api.example", RateLimit()) > hour * 0.9
    stream.states.clear()
    run(script("b", Batch(), asks="api.example"), stream, lambda: "rate_limited" in stream.states)
    assert POLLED["b"] == []
    said = stream.health.read()["source:b"]["error"]
    assert said.startswith("waiting for api.example: it asked for a pause")
    assert "shared" not in said  # it may be alone there
    play(stream, Batch())  # one that asks nobody, or another, is not held up
    run(script("c", Batch(), asks="other.example"), stream, lambda: len(POLLED["c"]) > 1)


def test_a_host_is_asked_no_more_often_than_its_limit_says(stream):
    """Twenty polls at once are spread, however soon the source would ask again."""
    limits = Limits({"api.example": RateLimit(rate=50.0, burst=2)})
    began = time.monotonic()
    spec = script("a", *[Batch() for _ in range(20)], asks="api.example")
    run(spec, stream, lambda: len(POLLED["a"]) >= 20, limits=limits)
    assert time.monotonic() - began >= 18 / 50


def test_backoff_has_full_jitter_and_a_cap():
    """Anything from nothing to a time that doubles, never more than the cap, however often it failed."""
    retry_policy = RetryPolicy(first=timedelta(seconds=1), cap=timedelta(seconds=60))
    for failures, longest in ((1, 2), (3, 8), (10, 60), (10_000, 60)):
        waits = [retry_policy.backoff(failures).total_seconds() for _ in range(500)]
        assert 0 <= min(waits) < longest / 10
        assert longest * 0.9 < max(waits) <= longest
        assert all(
            timedelta(minutes=30) <= retry_policy.refused(failures) <= timedelta(hours=24) for _ in waits
        )


def test_the_wait_of_what_has_worked_doubles_from_a_minute_to_an_hour():
    """Half of it at least; what never worked waits the hour at once."""
    for failures, minutes in ((1, 1), (2, 2), (3, 4), (7, 60), (10_000, 60)):
        longest = timedelta(minutes=minutes)
        assert longest / 2 <= RetryPolicy().refused(failures, worked=True) <= longest


@pytest.mark.parametrize(
    "line", [Batch(wait=timedelta(hours=1)), RateLimited("x", timedelta(hours=1)), Transient("x"), "hang"]
)
def test_a_stop_interrupts_whatever_it_waits_for(stream, line):
    """A pause, a rate limit, a backoff, a poll that never ends: it stops at once and in good order."""
    started = time.monotonic()
    assert run(script("a", line), stream, lambda: bool(POLLED["a"]), SLOW) is Outcome.STOPPED
    assert time.monotonic() - started < 15
    assert health(stream)["state"] == "stopped"
    assert CLOSED.pop() == "a"


def test_a_stop_ends_the_waiting_for_a_server_that_stays_away(stream):
    """What was polled is not stored and not lost: the next process polls from the same cursor."""
    stream.faults["append"] = ["before"] * 100_000
    assert run(script("a", batch(0, cursor=b"1")), stream, lambda: bool(POLLED["a"])) is Outcome.STOPPED
    stream.faults.clear()
    play(stream, batch(0, cursor=b"1"))
    assert POLLED["a"] == [None, b"1"]
    assert stored(stream) == ["test::0"]


def test_a_bug_ends_the_process_and_is_told(stream):
    """What nobody declared is for the supervisor; health says failed, and the source is closed."""
    with pytest.raises(ZeroDivisionError):
        play(stream, ZeroDivisionError("a bug"))
    assert health(stream)["state"] == "failed"
    assert "a bug" in health(stream)["error"]
    assert CLOSED.pop() == "a"


# --- processes and servers that die ----------------------------------------------------------------

PROCESS = """
import json, sys
from datetime import timedelta
from rtanalytics.retry import RetryPolicy
from rtanalytics.ingest.runner import serve_source
from rtanalytics.sources import spec_from_table
from rtanalytics.streams.redis import RedisStream

table, url, name = json.loads(sys.argv[1])
retry_policy = RetryPolicy(first=timedelta(seconds=0.1), cap=timedelta(seconds=1), heartbeat=timedelta(seconds=0.5))
print(serve_source(spec_from_table(table), RedisStream(url, name), retry_policy=retry_policy))
"""


@contextmanager
def started(table: dict[str, Any], url: str, name: str) -> Iterator[subprocess.Popen[str]]:
    """A source's process; it does not outlive the block, whatever happens there."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROCESS, json.dumps([table, url, name])],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


class Blog:
    """A feed of a real server in a thread of its own, which gets one item after the other."""

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.server, self.items = FeedServer(), []
        self._do(self.server.start())
        self.say()
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self.server.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def say(self) -> None:
        self.items.insert(0, item(str(len(self.items))))
        self.server.serve("/feed", rss(*self.items), etag=f'"{len(self.items)}"')

    @property
    def table(self) -> dict[str, Any]:
        url = self.server.url()
        return {
            "type": "feed",
            "name": "a",
            "url": url,
            "every": "50ms",
            "key": "blog",
            "allow_private": True,
        }

    def _do(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(20)


def titles(stream: RedisStream) -> list[str]:
    """What the server holds, in its order, repetitions and all; nothing while it is away."""
    with redis.Redis.from_url(stream.url) as client:
        try:
            rows = client.xrange(f"rta:{{{stream.name}/feeds}}:events")
        except redis.ConnectionError:
            return []
    return [json.loads(fields[b"e"])["title"] for _, fields in rows]


def test_sigterm_ends_a_process_in_good_order(redis_url, prefix):
    """It says why it ended, its health says stopped, its parser is gone."""
    stream = RedisStream(redis_url, prefix)
    with Blog() as blog, started(blog.table, redis_url, prefix) as process:
        until(lambda: titles(stream) == ["0"], "the first item")
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, "stopped\n")
    assert health(stream)["state"] == "stopped"
    stream.delete()


def test_a_killed_process_goes_on_where_it_was_with_nothing_lost_or_doubled(redis_url, prefix):
    """SIGKILL again and again while the feed grows: each item is in the stream once, in order."""
    stream = RedisStream(redis_url, prefix)
    with Blog() as blog:
        for _ in range(3):
            with started(blog.table, redis_url, prefix) as process:
                before = len(titles(stream))
                until(lambda at=before: len(titles(stream)) > at or at == len(blog.items), "items")
                blog.say()
                until(lambda: len(titles(stream)) == len(blog.items), "the new item")
                blog.say()
                kill(process.pid)
        with started(blog.table, redis_url, prefix) as process:
            until(lambda: len(titles(stream)) >= len(blog.items), "what was said meanwhile")
            process.terminate()
            process.wait(20)
    assert titles(stream) == [str(n) for n in range(len(blog.items))]
    stream.delete()


def test_a_killed_server_is_waited_for_and_nothing_is_lost_or_doubled(tmp_path, prefix):
    """The feed goes on, the server comes back: what was said meanwhile arrives, once."""
    with Blog() as blog, EmbeddedServer(tmp_path) as server:
        stream = RedisStream(server.url, prefix)
        with started(blog.table, server.url, prefix) as process:
            until(lambda: titles(stream) == ["0"], "the first item")
            kill(server.pid)
            blog.say()
            assert ensure_server(tmp_path, keep=False).url == server.url
            until(lambda: titles(stream) == ["0", "1"], "what was said meanwhile")
            blog.say()
            until(lambda: titles(stream) == ["0", "1", "2"], "what was said after")
            process.terminate()
            assert process.wait(20) == 0
        stream.close()
