"""A person who is forgotten: nothing of theirs is left anywhere, and nothing comes back, whatever is killed."""

from __future__ import annotations

import json
import multiprocessing
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer

from rtanalytics.archive import ArchiveWriter, Recording, import_into
from rtanalytics.cli.forget import forget
from rtanalytics.erasure import ErasureMarks
from rtanalytics.event import Author, Event
from rtanalytics.feed import FOREVER
from rtanalytics.ingest.erasure import forget_author
from rtanalytics.ingest.recorder import record
from rtanalytics.session import SessionError
from rtanalytics.streams import DeadLetter
from rtanalytics.streams.redis import RedisStream
from tests.contracts.stream import made
from tests.processes import until

ROOT = Path(__file__).parents[2]
SECRET = "xylophone"
"""A word that only the forgotten person says."""


def said(n: int, who: str, bucket: str = "test", **fields: object) -> Event:
    fields.setdefault("text", f"{SECRET} number {n}" if who.startswith("Ada") else f"hello {n}")
    return made(n, bucket, author=Author(handle=who, id=fields.pop("account", None)), **fields)  # type: ignore[arg-type]


CHATTER = [
    *(said(n, ("Ada", "bob", "eve")[n % 3], raw=f"raw {SECRET if n % 3 == 0 else ''}".encode()) for n in range(60)),
    said(60, "AdaLong", account="7"),
    said(61, "Ada", account="7"),
    said(62, "carl", repost_of="test::0", text=f"RT @Ada: {SECRET} number 0"),
    said(63, "dora", text="I like what @Ada says"),
    said(64, "Ada", "other"),
]  # fmt: skip
THEIRS = {e.id for e in CHATTER if SECRET in (e.text or "")}


@pytest.fixture
def stream(redis_url: str, prefix: str) -> Iterator[RedisStream]:
    stream = RedisStream(redis_url, prefix)
    yield stream
    stream.delete()


def nothing_is_left(stream: RedisStream, folder: Path | None) -> None:
    """Neither in the keys of the server nor in the bytes of the archive's rows."""
    assert not {e.id for e in stream.erasure.kept()} & THEIRS
    for bucket in stream.buckets():
        assert all(
            SECRET not in json.dumps(str(row))
            for row in stream.connection.client.xrange(stream.connection.key_of(bucket, "events"))
        )
    if folder is not None:
        kept = [e.id for e in Recording(folder).log()]
        assert sorted(kept) == sorted({e.id for e in CHATTER} - THEIRS)
        assert all(SECRET.encode() not in (e.raw or b"") for e in Recording(folder))


def test_without_a_recorder_stream_and_files_are_emptied_at_once(stream: RedisStream, tmp_path: Path) -> None:
    """Under other handles of the account and in repeats too; what others say about them stays."""
    folder = tmp_path / "a"
    stream.append(CHATTER)
    stream.mark(FOREVER)
    record(stream, folder)
    stream.dead_letters.add("test", DeadLetter("s", "", "odd", b'{"user": "ADA"}', datetime.now(UTC)))
    stream.dead_letters.add("test", DeadLetter("s", "", "odd", b'{"user": "adamant"}', datetime.now(UTC)))
    (folder / "_rejected.jsonl").write_text('{"row": "ada"}\n{"row": "other"}\n')
    look = forget_author(stream, folder, "@ada", dry_run=True)
    assert (look.archive, look.stream, look.dead, look.rejected) == (len(THEIRS), len(THEIRS), 1, 1)
    assert len(list(Recording(folder))) == len(CHATTER)
    report = forget_author(stream, folder, "@ada")
    assert msg(report) == msg(look)
    assert report.handles == ["Ada", "AdaLong"]
    nothing_is_left(stream, folder)
    assert "test::63" in {e.id for e in Recording(folder)}
    assert [letter.raw for letter in stream.dead_letters.read("test")] == [b'{"user": "adamant"}']
    assert (folder / "_rejected.jsonl").read_text() == '{"row": "other"}\n'
    again = forget_author(stream, folder, "ada")
    assert (again.archive, again.stream, again.dead, again.rejected) == (0, 0, 0, 0)
    assert stream.append([said(99, "ADA"), said(98, "new", account="7")]).verdicts == "ff"
    imported = import_into(folder, [said(97, "Ada"), said(96, "bob")])
    assert (imported.read, imported.new, imported.forgotten) == (2, 1, 1)


def msg(report: object) -> object:
    import msgspec

    return msgspec.to_builtins(report)


def test_only_in_one_bucket(stream: RedisStream) -> None:
    """The same handle elsewhere is somebody else."""
    stream.append([said(1, "Ada"), said(2, "Ada", "other"), said(3, "bob")])
    assert forget_author(stream, None, "ada", buckets=["other"]).stream == 1
    assert [e.id for e in stream.erasure.kept()] == ["test::1", "test::3"]
    assert stream.append([said(4, "Ada"), said(5, "Ada", "other")]).verdicts == "nf"


def test_nothing_found_names_who_is_similar_and_is_kept_to(stream: RedisStream) -> None:
    """Somebody may ask beforehand."""
    stream.append([said(1, "grace_hopper")])
    report = forget_author(stream, None, "grace_hoper")
    assert (report.stream, report.near) == (0, ["grace_hopper"])
    assert stream.append([said(4, "Grace_Hoper")]).verdicts == "f"
    with pytest.raises(ValueError, match="author is missing"):
        forget_author(stream, None, " @ ")


def test_a_recorder_at_work_empties_the_files(stream: RedisStream, tmp_path: Path) -> None:
    """While others go on talking; open readers are told."""
    folder, stop = tmp_path / "a", threading.Event()
    stream.append(CHATTER)
    recorder = threading.Thread(
        target=record, args=(stream, folder), kwargs={"stop": stop, "flush_every": timedelta(milliseconds=50)}
    )
    recorder.start()
    until(lambda: [*folder.glob("day=*")] and len(Recording(folder)) == len(CHATTER), "all is recorded")
    report = forget_author(stream, folder, "ada")
    assert not report.pending
    assert report.archive == report.stream == len(THEIRS)
    nothing_is_left(stream, folder)
    assert stream.append([said(70, "bob")]).verdicts == "n"
    until(lambda: len(Recording(folder)) == len(CHATTER) - len(THEIRS) + 1, "the next is recorded")
    stop.set()
    recorder.join(20)
    assert ErasureMarks.author("ada") in ArchiveWriter(folder).forgotten.marks


def test_a_server_that_comes_back_empty_is_told_who_is_forgotten(stream: RedisStream, tmp_path: Path) -> None:
    """By the recorder from its archive, and by every writer that knew."""
    folder = tmp_path / "a"
    stream.append(CHATTER)
    stream.mark(FOREVER)
    record(stream, folder)
    forget_author(stream, folder, "ada")
    stream.append([said(80, "bob")])
    fresh = RedisStream(stream.url, stream.name)
    stream.connection.client.delete(stream.connection.forgotten_key, *stream.connection.keys())
    stream.connection._registered.clear()  # as after any lost connection
    assert stream.append([said(81, "Ada")]).verdicts == "f"
    stream.connection.client.delete(stream.connection.forgotten_key, *stream.connection.keys())
    with ArchiveWriter(folder) as writer:
        from rtanalytics.ingest.recorder import _forget

        _forget(writer, fresh)
    assert fresh.append([said(82, "Ada")]).verdicts == "f"


def test_killed_at_any_moment_it_is_finished_when_asked_again(stream: RedisStream, tmp_path: Path) -> None:
    """Kill -9 of the one who forgets and of the recorder, at random moments; then once to the end."""
    folder = tmp_path / "a"
    context = multiprocessing.get_context("spawn")
    stream.append(CHATTER)
    for wait in (0.35, 0.5, 0.65, 0.8, 1.0):
        recorder = context.Process(target=_record, args=(stream.url, stream.name, str(folder)))
        victim = context.Process(target=_forget_it, args=(stream.url, stream.name, str(folder)))
        recorder.start()
        victim.start()
        time.sleep(wait)
        for process in (victim, recorder):
            if process.is_alive():
                os.kill(process.pid or 0, signal.SIGKILL)
            process.join()
    forget_author(stream, folder, "ada")
    stream.mark(FOREVER)
    record(stream, folder)
    nothing_is_left(stream, folder)


def _record(url: str, name: str, folder: str) -> None:
    record(RedisStream(url, name), folder, flush_every=timedelta(milliseconds=20))


def _forget_it(url: str, name: str, folder: str) -> None:
    forget_author(RedisStream(url, name), Path(folder), "ada", timeout=timedelta(seconds=2))


def test_the_command(stream: RedisStream, tmp_path: Path) -> None:
    """In words and as JSON; text from outside is shown harmlessly."""
    stream.append([*CHATTER, said(90, "\x1b[31mevil")])
    (tmp_path / "c.toml").write_text(f'name = "{stream.name}"\nstream = "{stream.url}"\n')

    def run(*args: str, stdin: int = subprocess.DEVNULL) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "rtanalytics", "forget", str(tmp_path / "c.toml"), *args], stdin=stdin,
            capture_output=True, text=True, timeout=120, check=False, env={"PATH": "", "PYTHONPATH": str(ROOT)},
        )  # fmt: skip

    shown = run("ada", "--dry-run")
    assert shown.returncode == 0, shown.stderr
    lines = [line.strip() for line in shown.stdout.splitlines()]
    assert f"would erase: {len(THEIRS)} events of the stream" in lines
    assert {"Ada in other: 1 event", "Ada in test: 21 events", "AdaLong in test: 1 event"} <= {*lines}
    assert "1 event of others that repeat one of these or list the name" in lines
    person, terminal = pty.openpty()
    os.write(person, b"n\n")
    refused = run("Ada", stdin=terminal)
    assert refused.returncode == 1
    assert "AdaLong in test: 1" in refused.stderr
    assert "nothing was removed" in refused.stderr
    assert {e.id for e in stream.erasure.kept()} >= THEIRS
    mistyped = run("eve", "--in", "tets")
    assert (mistyped.returncode, "there are other, test" in mistyped.stderr) == (1, True)
    assert "nothing by eve is in other" in run("eve", "--in", "other", "--dry-run").stdout
    done = run("Ada", "--json")  # a script is not asked
    assert json.loads(done.stdout)["stream"] == len(THEIRS), done.stderr
    nothing_is_left(stream, None)
    assert "nothing by ada is here" in run("ada").stdout
    assert "\x1b" not in run("\x1b[31mevil").stdout
    empty = run("@")
    assert (empty.returncode, "author is missing" in empty.stderr) == (1, True)


def test_events_of_others_that_name_the_person_go_too(stream: RedisStream, tmp_path: Path) -> None:
    """Lists of who is in a room, kicks, modes and changes of nick; not what others say about them."""
    folder = tmp_path / "a"

    def told(n: int, kind: str, text: str | None = None, **fields: object) -> Event:
        fields.setdefault("author", Author(handle="op"))
        return made(n, "irc", type=kind, text=text, channel="#a", **fields)  # type: ignore[arg-type]

    events = [
        told(1, "users", "rta @Pia"), told(2, "users", "rta piano"), told(3, "kick", "go", to="pia"),
        told(4, "mode", "+b pia!*@*"), told(5, "nick", to="pia"), told(6, "kick", "go", to="bob"),
        told(7, "message", "pia is gone"), told(8, "kick", "(pia) was kicked", author=Author(handle="bob")),
    ]  # fmt: skip
    stream.append(events)
    stream.mark(FOREVER)
    record(stream, folder)
    look = forget_author(stream, folder, "pia", dry_run=True)
    assert (look.archive, look.stream, look.others, look.handles) == (5, 5, 5, [])
    forget_author(stream, folder, "pia")
    left = ["irc::2", "irc::6", "irc::7"]
    assert [e.id for e in stream.erasure.kept()] == [e.id for e in Recording(folder)] == left
    again = [told(10 + n, e.type, e.text, to=e.to, author=e.author) for n, e in enumerate(events)]
    assert stream.append(again).verdicts == "nnfffnnf"
    texts = [e.text for e in stream.erasure.kept() if e.type == "users"]
    assert texts == ["rta piano", "rta", "rta piano"]
    imported = import_into(folder, [told(30, "users", "+pia @rta"), told(31, "kick", "go", to="Pia")])
    assert (imported.new, imported.forgotten) == (1, 1)
    assert [e.text for e in Recording(folder) if e.id == "irc::30"] == ["@rta"]


@pytest.mark.parametrize(("answer", "left"), [("n", 3), ("y", 1)])
def test_several_handles_go_only_when_they_are_agreed_to(
    answer: str, left: int, stream: RedisStream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service may give all the same account id; the question lists whose events would go."""
    stream.append([said(1, "cleo", account="1"), said(2, "eve", account="1"), said(3, "bob")])
    (tmp_path / "c.toml").write_text(f'name = "{stream.name}"\nstream = "{stream.url}"\n')
    asked: list[str] = []
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr(typer, "confirm", lambda text, **_: asked.append(text) or answer == "y")
    if answer == "n":
        with pytest.raises(SessionError, match="nothing was removed"):
            forget(tmp_path / "c.toml", "cleo")
    else:
        forget(tmp_path / "c.toml", "cleo")
    assert asked == ["Remove all 2 handles for good?"]
    assert len(list(stream.erasure.kept())) == left


def test_what_is_older_than_its_source_keeps_it_is_dropped(stream: RedisStream, tmp_path: Path) -> None:
    """From stream and archive, of that producer only; it does not come back when it is read again."""
    now = datetime.now(UTC)

    def at(n: int, age: timedelta, producer: str) -> Event:
        return made(n, created_at=now - age, received_at=now - age, producer=producer)

    hour, days = timedelta(hours=1), timedelta(days=3)
    events = [
        at(n, (hour, days)[n % 2], ("feed:short", "feed:long")[n // 2 % 2]) for n in range(40)
    ]  # fmt: skip
    stream.append(sorted(events, key=lambda e: e.received_at))
    stream.mark(FOREVER)
    wanted = {e.id for e in events if e.producer == "feed:long" or now - e.received_at < days}
    keep = {"feed:short": timedelta(days=2)}
    record(stream, tmp_path / "a", keep=keep)
    assert {e.id for e in Recording(tmp_path / "a").log()} == wanted
    assert {e.id for e in stream.erasure.kept()} == wanted
    assert "n" not in stream.append(events).verdicts
    record(stream, tmp_path / "a", keep=keep)
    assert {e.id for e in Recording(tmp_path / "a").log()} == wanted
