"""IRC against real servers: talk, coming back, floods, garbage; and logins."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from rtanalytics.archive import Recording
from rtanalytics.cli import tail
from rtanalytics.event import Event, decode
from rtanalytics.feed import FOREVER, Delivery, Item, Watermark
from rtanalytics.ingest.recorder import record
from rtanalytics.ingest.runner import Outcome, run_source
from rtanalytics.live import ChatState, FeedState
from rtanalytics.retry import RetryPolicy
from rtanalytics.session import trender
from rtanalytics.sources import spec_from_table
from rtanalytics.sources.base import AuthFailed, Refused, SourceError, Transient
from rtanalytics.sources.irc import IrcSource, IrcSpec, IrcTimings
from rtanalytics.streams.memory import MemoryStream
from tests.contracts.source import SECRET, Harness, Reader, SourceContract, begun, met, run_story
from tests.sources.irc_network import IrcNetwork
from tests.sources.irc_servers import IrcServer, Services, free_port

SOON = RetryPolicy(
    first=timedelta(milliseconds=100), cap=timedelta(seconds=1), heartbeat=timedelta(seconds=1)
)


@pytest.fixture(params=["inspircd", "ngircd"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[IrcServer]:
    """One of today, and one of the old kind."""
    tmp_path.chmod(0o755)
    found = IrcServer(request.param, tmp_path)
    yield found
    found.kill()


def spec(port: int, nick: str = "ada", **more: Any) -> IrcSpec:
    table = {
        "name": "net",
        "host": "127.0.0.1",
        "port": port,
        "tls": False,
        "nick": nick,
        "channels": ["#py"],
    }
    found = spec_from_table({"type": "irc", "allow_private": True} | table | more)
    assert isinstance(found, IrcSpec)
    return found


class Running:
    """A source that is run as ``collect`` runs it, on a stream of this process."""

    def __init__(self, port: int, nick: str, stream: MemoryStream) -> None:
        self.stream, self.stop = stream, asyncio.Event()
        self.task = asyncio.create_task(
            run_source(spec(port, nick), stream, stop=self.stop, retry_policy=SOON)
        )

    def events(self, kind: str = "message") -> list[Event]:
        found = self.stream.snapshot(100_000, private=True).deliveries
        return [d.event for d in found if d.event.type == kind]

    async def until(self, done: Callable[[], object], within: float = 20.0) -> None:
        async with asyncio.timeout(within):
            while not done():
                assert not self.task.done(), self.task
                await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def running(port: int, nick: str, name: str) -> AsyncIterator[Running]:
    run = Running(port, nick, MemoryStream(name))
    try:
        yield run
    finally:
        run.stop.set()
        assert await asyncio.wait_for(run.task, 20) is Outcome.STOPPED
        run.stream.delete()


class Plain:
    """A client that knows nothing but lines."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def join(cls, port: int, nick: str) -> Plain:
        client = cls(*await asyncio.open_connection("127.0.0.1", port))
        client.send(f"NICK {nick}", f"USER {nick} 0 * :{nick}")
        await client.until(" 001 ")
        client.send("JOIN #py")
        await client.until(" 366 ")
        return client

    def send(self, *lines: str | bytes) -> None:
        self.writer.write(b"".join((x if isinstance(x, bytes) else x.encode()) + b"\r\n" for x in lines))

    async def until(self, words: str) -> str:
        async with asyncio.timeout(20):
            while True:
                line = (await self.reader.readline()).decode("utf-8", "replace")
                assert line, f"no {words!r} before the end"
                if line.startswith("PING"):
                    self.send(line.strip().replace("PING", "PONG", 1))
                if words in line:
                    return line


def lasting(work: Callable[..., Coroutine[Any, Any, None]], *arguments: Any) -> None:
    asyncio.run(asyncio.wait_for(work(*arguments), 100))


@pytest.mark.slow
def test_two_talk_to_each_other_and_to_a_plain_client(server: IrcServer) -> None:
    """What is sent through the outbox is heard by all, once, and stands in the sender's own stream."""

    async def work() -> None:
        async with contextlib.AsyncExitStack() as both:
            ada = await both.enter_async_context(running(server.port, "ada", "irc-a"))
            await ada.until(lambda: ada.events("users"))
            bob = await both.enter_async_context(running(server.port, "bob", "irc-b"))
            await bob.until(lambda: bob.events("users"))
            plain = await Plain.join(server.port, "carol")
            ada.stream.outbox.send("irc", "net", {"type": "message", "to": "#py", "body": "hello all"}, "1")
            ada.stream.outbox.send("irc", "net", {"type": "action", "to": "#py", "body": "waves"}, "2")
            assert "hello all" in await plain.until("hello all")
            await bob.until(lambda: bob.events("action"))
            plain.send("PRIVMSG #py :hello ada")
            await ada.until(lambda: len(ada.events()) == 2 and len(bob.events()) == 2)
            for run in (ada, bob):
                said = [(e.author.handle, e.text) for e in run.events() if e.author]
                assert said == [("ada", "hello all"), ("carol", "hello ada")]
            assert [e.text for e in ada.events("action")] == ["waves"]
            users = bob.events("users")[-1].text or ""
            assert {user.lstrip("@") for user in users.split()} == {"ada", "bob"}
            assert any(e.author and e.author.handle == "carol" for e in ada.events("join"))
            ada.stream.outbox.send("irc", "net", {"type": "message", "to": "no room", "body": "x"}, "3")
            await ada.until(lambda: ada.events("error"))

    lasting(work)


@pytest.mark.slow
def test_what_a_server_refuses_is_told_in_the_room_with_its_reason(server: IrcServer) -> None:
    """A moderated room, a topic that is not ours to set, a room that is closed, a person who is not there."""

    async def work() -> None:
        owner = await Plain.join(server.port, "owner")
        owner.send("MODE #py +mt", "JOIN #shut", "MODE #shut +i", "NAMES #py")
        opped = "@owner" in await owner.until("owner = #py ")  # inspircd is set up to give nobody a rank
        source = IrcSource(spec(server.port), Counter())
        cursor: bytes | None = None

        async def until(kind: str, words: str = "") -> Event:
            nonlocal cursor
            async with asyncio.timeout(20):
                while True:
                    batch = await source.poll(cursor)
                    cursor = batch.cursor or cursor
                    for event in batch.events:
                        if event.type == kind and words in (event.text or ""):
                            return event

        await until("users")
        refused = [("message", "#py", "annot send"), ("topic", "#py", "perator"), ("join", "#shut", "nvite")]
        for kind, to, words in [*(refused if opped else []), ("message", "nobody", "o such nick")]:
            await source.send({"type": kind, "to": to, "body": "hello"}, kind)
            event = await until("error", words)
            assert (event.channel or event.to, event.author) == (to, None)
        await source.close()

    lasting(work)


@pytest.mark.slow
def test_a_server_that_is_killed_and_comes_back_is_joined_again(server: IrcServer) -> None:
    """Within two seconds of its return; what was stored stays once, and the hole is told."""

    async def work() -> None:
        async with running(server.port, "ada", "irc-c") as ada:
            await ada.until(lambda: ada.events("users"))
            plain = await Plain.join(server.port, "carol")
            plain.send(*(f"PRIVMSG #py :before {n}" for n in range(20)))
            await ada.until(lambda: len(ada.events()) == 20)
            server.kill()
            await ada.until(lambda: ada.stream.health.read()["source:net"]["state"] == "degraded")
            server.start()
            began = asyncio.get_running_loop().time()
            await ada.until(lambda: len(ada.events("users")) == 2)
            assert asyncio.get_running_loop().time() - began <= 2.0
            plain = await Plain.join(server.port, "carol")
            plain.send(*(f"PRIVMSG #py :after {n}" for n in range(20)))
            await ada.until(lambda: len(ada.events()) == 40)
            texts = [e.text for e in ada.events()]
            assert texts == [f"before {n}" for n in range(20)] + [f"after {n}" for n in range(20)]
            assert len(ada.events("gap")) == 1

    lasting(work)


@pytest.mark.slow
def test_a_flood_and_garbage_are_taken_whole(tmp_path: Path) -> None:
    """5,000 lines at once, wrong bytes and words without end: everything said is stored, once, in order."""

    async def work() -> None:
        server = IrcServer("inspircd", tmp_path)
        source, said, cursor = IrcSource(spec(server.port), Counter()), list[Event](), None
        try:
            await source.poll(None)
            plain = await Plain.join(server.port, "carol")
            plain.send(*(f"PRIVMSG #py :line {n}" for n in range(5000)))
            plain.send(
                b"PRIVMSG #py :caf\xe9 \xff\xfe", b"PRIVMSG #py :" + b"x" * 3000, "PRIVMSG #py :the end"
            )
            while not said or said[-1].text != "the end":
                batch = await source.poll(cursor)
                cursor = batch.cursor or cursor
                assert len(batch.events) <= 1000
                said += [event for event in batch.events if event.type == "message"]
        finally:
            await source.close()
            server.kill()
        texts = [event.text or "" for event in said]
        assert texts[:5000] == [f"line {n}" for n in range(5000)]
        assert texts[5000].startswith("café")
        assert [event.seq for event in said] == sorted({event.seq for event in said})

    lasting(work)


@pytest.mark.slow
def test_a_batch_that_was_not_stored_is_given_again(server: IrcServer) -> None:
    """Asked with the cursor from before, the source gives the same events; then it goes on."""

    async def work() -> None:
        source = IrcSource(spec(server.port), Counter())
        try:
            first = await source.poll(None)
            while not any(e.type == "users" for e in first.events):
                before, first = first.cursor, await source.poll(first.cursor)
            again = await source.poll(before)
            assert (again.events, again.cursor) == (first.events, first.cursor)
            plain = await Plain.join(server.port, "carol")
            plain.send("PRIVMSG #py :next")
            after = await source.poll(first.cursor)
            assert not {e.id for e in after.events} & {e.id for e in first.events}
        finally:
            await source.close()
            await source.close()

    lasting(work)


def test_a_line_that_is_too_long_is_sent_in_parts(tmp_path: Path) -> None:
    """Cut between words and characters so that each part arrives whole."""

    async def work() -> None:
        seen: list[bytes] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            async for line in reader:
                seen.append(line)
                if line.startswith(b"CAP LS"):
                    writer.write(b":srv CAP * LS :echo-message\r\n")
                elif line.startswith(b"CAP REQ"):
                    writer.write(b":srv CAP * ACK :echo-message\r\n")
                elif line.startswith(b"CAP END"):
                    writer.write(b":srv 001 ada :hi\r\n:ada!a@h JOIN #py\r\n")

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            source = IrcSource(spec(server.sockets[0].getsockname()[1]), Counter())
            await source.poll(None)
            text = "日本語 " * 200
            await source.send({"type": "message", "to": "#py", "body": text}, "k")
            await source.send({"type": "message", "to": "#py", "body": "x\r\nQUIT :injected"}, "k")
            await source.close()
            said = [line for line in seen if line.startswith(b"PRIVMSG")]
            assert all(len(b":ada!a@h " + line) <= 512 for line in said)
            whole = b"".join(line.partition(b" :")[2].rstrip(b"\r\n") for line in said).decode()
            assert whole.replace(" ", "").startswith(text.replace(" ", ""))
            assert [line for line in seen if line.startswith(b"QUIT")] == [b"QUIT gone\r\n"]

    lasting(work)


def test_what_we_say_after_a_change_of_nick_or_host_is_ours(tmp_path: Path) -> None:
    """Where the server does not send it back, we do, under the name that others see."""

    async def work() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            async for line in reader:
                if line.startswith(b"USER"):
                    writer.write(b":srv 001 ada :hi\r\n:ada!a@h JOIN #py\r\n:srv NICK\r\n")
                elif line.startswith(b"NICK") and b"eve" in line:
                    writer.write(
                        b":ada!a@h NICK eve\r\n:eve!a@h CHGHOST b cloak\r\n:srv 396 eve c.d :is seen\r\n"
                    )

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            source = IrcSource(spec(server.sockets[0].getsockname()[1]), Counter())
            first = await source.poll(None)
            await source.send({"type": "nick", "to": "", "body": "eve"}, "k")
            changed = await source.poll(first.cursor)
            await source.send({"type": "message", "to": "#py", "body": "hello"}, "l")
            said = await source.poll(changed.cursor)
            await source.close()
            assert [e.type for e in changed.events] == ["nick"]
            assert [(e.handle, e.raw) for e in said.events] == [
                ("eve", said.events[0].raw),
            ]
            assert b":eve!b@c.d PRIVMSG #py :hello" in (said.events[0].raw or b"")

    lasting(work)


def test_what_is_said_in_private_is_in_the_chat_and_nowhere_else(
    tmp_path: Path, prefix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What we are told, what we tell, and that nobody is there: no wall, no archive, no trends, no `tail`."""

    async def work() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            async for line in reader:
                if line.startswith(b"USER"):
                    writer.write(
                        b":srv 001 ada :hi\r\n:ada!a@h JOIN #py\r\n:eve!e@h PRIVMSG ada :psst one\r\n"
                    )
                elif line.startswith(b"PRIVMSG nobody"):
                    writer.write(b":srv 401 ada nobody :No such nick psst three\r\n")
                    writer.write(b":eve!e@h PRIVMSG #py :hello all\r\n")

        async with contextlib.AsyncExitStack() as both:
            server = await both.enter_async_context(await asyncio.start_server(serve, "127.0.0.1", 0))
            port = server.sockets[0].getsockname()[1]
            ada = await both.enter_async_context(running(port, "ada", prefix))
            await ada.until(lambda: ada.events())
            ada.stream.outbox.send("irc", "net", {"type": "message", "to": "eve", "body": "psst two"}, "1")
            ada.stream.outbox.send("irc", "net", {"type": "message", "to": "nobody", "body": "psst"}, "2")
            await ada.until(lambda: any(e.channel for e in ada.events()))
            await ada.until(lambda: ada.events("error"))
            ada.stream.mark(FOREVER)
            await asyncio.to_thread(shown, ada.stream)

    def shown(stream: MemoryStream) -> None:
        record(stream, tmp_path / "archive")
        wall, chat = FeedState(), ChatState("ada")
        wall.take(run_story(stream.follow("start")))
        chat.take(run_story(stream.follow("start", private=True)))
        tail.tail_events(stream, 99, True, UTC)
        counted = run_story(item for batch in trender.everything(stream, tmp_path / "none") for item in batch)
        for said in (
            [e.text for e in Recording(tmp_path / "archive").log()],
            [item["text"] for item in wall.newest()],
            [decode(line).text for line in capsys.readouterr().out.splitlines()],
            [item.event.text for item in counted if isinstance(item, Delivery)],
        ):
            assert "hello all" in said
            assert not any("psst" in (text or "") for text in said)
        assert [line["text"] for line in chat.lines("eve")] == ["psst one", "psst two"]
        assert any("psst three" in line["text"] for line in chat.lines("nobody"))

    def run_story(items: Iterable[Item]) -> list[Item]:
        return list(itertools.takewhile(lambda item: item != Watermark(FOREVER), items))

    lasting(work)


def test_a_nick_that_is_taken_is_changed_until_one_is_free() -> None:
    """Also where the server cuts nicks so short that what is put behind one gets lost."""

    async def work() -> None:
        tried: list[bytes] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            async for line in reader:
                if line.startswith(b"NICK"):
                    tried.append(line.split()[1][:9])
                    if tried[-1] == b"junipercat"[:9]:
                        writer.write(b":srv 433 * junipercat :in use\r\n")
                    else:
                        writer.write(b":srv 001 " + tried[-1] + b" :hi\r\n:srv 403 me #py :No such room\r\n")

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            source = IrcSource(spec(server.sockets[0].getsockname()[1], "junipercat"), Counter())
            batch = await source.poll(None)
            await source.close()
            assert batch.notes["nick"] == tried[-1].decode()
            assert [(e.type, e.channel, e.text) for e in batch.events] == [("error", "#py", "No such room")]

    lasting(work)


@pytest.mark.parametrize("right", [True, False])
def test_a_login_is_made_and_a_refusal_is_told_without_the_password(
    right: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SASL PLAIN as the specification has it; a wrong password waits for a person."""
    monkeypatch.setenv("PASSWORD_OF_ADA", "hush hush" if right else "wrong")
    expected = base64.b64encode(b"ada\0ada\0hush hush")

    async def work() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            async for line in reader:
                if line.startswith(b"CAP LS"):
                    writer.write(b":srv CAP * LS * :server-time\r\n:srv CAP * LS :sasl=PLAIN,EXTERNAL\r\n")
                elif line.startswith(b"CAP REQ"):
                    writer.write(b":srv CAP * ACK :sasl server-time\r\n")
                elif line.startswith(b"AUTHENTICATE PLAIN"):
                    writer.write(b"AUTHENTICATE +\r\n")
                elif line.startswith(b"AUTHENTICATE"):
                    good = line.split()[1] == expected
                    writer.write(b":srv 903 ada :in\r\n" if good else b":srv 904 ada :no\r\n")
                elif line.startswith(b"CAP END"):
                    writer.write(b":srv 001 ada :hi\r\n:ada!a@h JOIN #py\r\n")

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            source = IrcSource(spec(port, sasl_user="ada", password="env:PASSWORD_OF_ADA"), Counter())
            if right:
                assert [e.type for e in (await source.poll(None)).events] == ["join"]
            else:
                with pytest.raises(AuthFailed) as raised:
                    await source.poll(None)
                assert "wrong" not in str(raised.value)
            await source.close()

    lasting(work)


@pytest.mark.slow
def test_an_account_of_real_services_is_logged_in_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """inspircd with Anope: the right password logs in before we are seen, a wrong one waits for a person."""
    link = free_port()
    tmp_path.chmod(0o755)
    server = IrcServer("inspircd", tmp_path, link)
    services = Services(tmp_path, link)

    async def work() -> None:
        plain = await Plain.join(server.port, "ada")
        for _ in range(100):
            plain.send("PRIVMSG NickServ :REGISTER hush-hush ada@x.example")
            line = await plain.until("NickServ")
            if " 401 " not in line:
                break
            await asyncio.sleep(0.1)
        else:
            raise AssertionError(services.said())
        if "egistered" not in line:
            await plain.until("egistered")
        plain.send("QUIT")
        for password in ("hush-hush", "wrong"):
            monkeypatch.setenv("PASSWORD_OF_ADA", password)
            told = spec(server.port, "ada2", sasl_user="ada", password="env:PASSWORD_OF_ADA")
            source = IrcSource(told, Counter())
            if password == "wrong":
                with pytest.raises(AuthFailed) as raised:
                    await source.poll(None)
                assert "wrong" not in str(raised.value)
            else:
                got: list[Event] = []
                while not any(e.type == "join" for e in got):
                    got += (await source.poll(None)).events
                watcher = await Plain.join(server.port, "eve")
                watcher.send("WHOIS ada2")
                assert " ada2 ada " in await watcher.until(" 330 ")
            await source.close()

    try:
        lasting(work)
    finally:
        services.kill()
        server.kill()


def test_a_server_that_knows_no_login_is_not_talked_to_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asked for an account would be seen without it."""
    monkeypatch.setenv("PASSWORD_OF_ADA", "hush hush")

    async def work() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            async for line in reader:
                if line.startswith(b"USER"):
                    writer.write(b":srv 421 * CAP :Unknown command\r\n:srv 001 ada :hi\r\n")

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            source = IrcSource(spec(port, sasl_user="ada", password="env:PASSWORD_OF_ADA"), Counter())
            with pytest.raises(AuthFailed, match="ignores the login"):
                await source.poll(None)
            await source.close()

    lasting(work)


def test_what_cannot_be_reached_says_so() -> None:
    """No server, a private address, no connection to send over, a packet that makes no sense."""

    async def work() -> None:
        nobody = IrcSource(spec(free_port()), Counter())
        with pytest.raises(Transient, match="no connection to 127.0.0.1"):
            await nobody.poll(None)
        with pytest.raises(SourceError, match="no connection"):
            await nobody.send({"type": "message", "to": "#py", "body": "x"}, "k")
        private = IrcSource(spec(free_port(), allow_private=False), Counter())
        with pytest.raises(Refused, match="allow_private"):
            await private.poll(None)
        with socket.create_server(("127.0.0.1", 0)) as mute:
            port = mute.getsockname()[1]
            slow = IrcSource(spec(port, timeout="300ms"), Counter())
            with pytest.raises(Transient, match=r"no answer within 0\.3 s"):
                await slow.poll(None)
        for source in (nobody, private, slow):
            await source.close()

    lasting(work)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"nick": "two words"}, "nick"),
        ({"channels": ["py"]}, "'#pycon'"),
        ({"host": "irc://x"}, "without irc://"),
        ({"password": "env:X"}, "belong together"),
        ({"sasl_user": "a", "password": "hush"}, "must not be in the file"),
    ],
)
def test_a_table_that_cannot_work_is_refused(table: dict[str, Any], words: str) -> None:
    """With what to write instead, and nothing of a password."""
    with pytest.raises(ValueError, match=words) as raised:
        spec(6667, **table)
    assert "hush" not in str(raised.value)


# -- the contract of all sources -----------------------------------------------------------------------


class Network(Harness):
    """A room in which lines are said, on a server that keeps a history."""

    kind = "irc"
    streams = True
    from_now = True
    asks = False
    small: ClassVar[dict[str, Any]] = {}
    secrets = (SECRET, base64.b64encode(f"ada\0ada\0{SECRET}".encode()).decode())
    also = frozenset({"join", "users", "topic", "gap", "notice"})

    def table(self, url: str) -> dict[str, Any]:
        port = int(url.rpartition(":")[2])
        told = {"host": "127.0.0.1", "port": port, "tls": False, "nick": "ada", "channels": ["#py"]}
        return {**told, "network": "net", "allow_private": True}

    def secret_table(self, url: str) -> dict[str, Any]:
        return {**self.table(url), "sasl_user": "ada", "password": "env:CONTRACT_SECRET"}

    def number(self, event: Event) -> int | None:
        found = (event.text or "").removeprefix("line ")
        return int(found) if event.type == "message" and found.isdigit() else None

    def service(self) -> IrcNetwork:
        return IrcNetwork()

    send_every = timedelta(milliseconds=10)

    def open(self, spec: IrcSpec, counts: Counter[str]) -> IrcSource:
        return IrcSource(
            spec, counts, IrcTimings(first=timedelta(milliseconds=300), send_every=self.send_every)
        )


class TestContract(SourceContract):
    harness_class = Network

    @pytest.mark.parametrize(
        "line",
        [b"CAP", b":srv CAP *", b":srv 001", b":srv 005", b":srv 433", b"ERROR", b":ada!a@h NICK", b":ada!a@h JOIN",
         b"BATCH", b"BATCH +x chathistory", b"BATCH -x", b":srv 366 ada", b"FAIL CHATHISTORY", b"@time= PING", b": : :"],
    )  # fmt: skip
    def test_half_of_a_command_ends_nothing(self, harness: Harness, line: bytes) -> None:
        """Words that are missing cost a dead letter at most, and not the connection."""

        async def story(service: IrcNetwork, reader: Reader) -> None:
            await begun(service, reader)
            service.garble(line)
            service.items += [2, 3]
            await reader.poll()
            assert (reader.events, len(reader.rejects) <= 1) == ([], True)
            service.recover()
            await reader.until({2, 3})
            assert reader.counts["connected"] == 1

        run_story(harness, story)

    @pytest.mark.parametrize("stops", [0, 1, 3])
    def test_a_long_pause_is_read_back_page_by_page(self, harness: Harness, stops: int) -> None:
        """Fifty lines, four a page, also by processes that end in between; what is said meanwhile comes too."""

        async def story(service: IrcNetwork, reader: Reader) -> None:
            await begun(service, reader)
            await reader.source.close()
            service.items += range(2, 52)
            await met(lambda: service.said == 51)
            for _ in range(stops):
                await reader.renew()
                have = len(reader.numbers)
                while len(reader.numbers) == have:
                    await reader.poll()
            await reader.renew()
            await reader.poll()
            service.items += range(52, 55)
            await reader.until(range(2, 55))
            assert len(reader.events) == 53
            assert reader.counts["gaps"] == 0

        run_story(harness, story)

    @pytest.mark.parametrize("renewed", [True, False])
    def test_a_history_without_ids_tells_each_line_once(self, harness: Harness, renewed: bool) -> None:
        """As bouncers keep it: what was heard before the cut is known by who said what when."""

        async def story(service: IrcNetwork, reader: Reader) -> None:
            service.ids = False
            await begun(service, reader)
            service.items += [2, 3]
            await reader.until({2, 3})
            if renewed:
                await reader.renew()
            else:
                service.cut()
                with contextlib.suppress(Transient):
                    while True:
                        await reader.poll()
                service.recover()
            service.items += range(4, 14)
            await reader.until(range(2, 14))
            assert [harness.number(e) for e in reader.events] == list(range(2, 14))

        run_story(harness, story)

    def test_what_the_server_does_not_tell_is_a_gap_in_that_room(self, harness: Harness) -> None:
        """Its history is refused; what comes afterwards is read."""

        async def story(service: IrcNetwork, reader: Reader) -> None:
            await begun(service, reader)
            service.refusal = ":srv FAIL CHATHISTORY MESSAGE_ERROR AFTER #py :not now"
            await reader.renew()
            while not any(e.type == "gap" for e in reader.got):
                await reader.poll()
            service.items.append(2)
            await reader.until({2})
            [gap] = [e for e in reader.got if e.type == "gap"]
            assert (gap.channel, gap.id.partition(":gap/")[0]) == ("#py", "irc:net/#py")
            assert "no connection from" in (gap.text or "")

        run_story(harness, story)

    def test_a_clock_that_is_ahead_puts_nothing_off(self, harness: Harness) -> None:
        """A line of next year counts as said now, and what follows a cut is still asked for."""

        async def story(service: IrcNetwork, reader: Reader) -> None:
            await begun(service, reader)
            service.garble(b"@time=2099-01-01T00:00:00.000Z;msgid=f :eve!e@h PRIVMSG #py :line 99")
            await reader.poll()
            [ahead] = reader.events
            assert ahead.created_at == ahead.received_at
            assert ahead.ingest is not None
            assert ahead.ingest.time_kind == "future"
            reader.got.clear()
            service.recover()
            await reader.source.close()
            service.items += [2, 3]
            await reader.renew()
            await reader.until({2, 3})

        run_story(harness, story)

    def test_a_line_without_an_end_is_one_dead_letter(self, harness: Harness) -> None:
        """Six megabytes of it, in a hundred parts; its beginning is kept."""

        async def story(service: IrcNetwork, reader: Reader) -> None:
            await begun(service, reader)
            service.flood()
            await met(lambda: service.flooded)
            for _ in range(4):
                await reader.poll()
            [reject] = reader.rejects
            assert reject.raw.strip(b"[") == b""
            assert reader.counts["overlong"] == 1
            service.recover()
            service.items.append(2)
            await reader.until({2})

        run_story(harness, story)

    def test_a_cursor_of_before_is_given_all_again_without_asking_the_server(self, harness: Harness) -> None:
        """A stream that lost its tail: what was given since is in our hands, as often as it is asked for."""

        async def story(service: IrcNetwork, reader: Reader) -> None:
            await begun(service, reader)
            cursor, given = reader.cursor, list[list[int]]()
            for n in range(2, 6):
                service.items.append(n)
                await reader.until(range(2, n + 1))
            lines = len(service.lines)
            for _ in range(2):
                reader.cursor = cursor
                reader.got.clear()
                await reader.until(range(2, 6))
                given.append([e.seq for e in reader.got])
            assert given[0] == given[1]
            assert len(service.lines) == lines

        run_story(harness, story)

    def test_rooms_are_joined_at_the_pace_of_the_network(self, harness: Network) -> None:
        """Five lines at once, and then one after the other."""
        pace = 0.2
        harness.send_every = timedelta(seconds=pace)

        async def story(service: IrcNetwork, reader: Reader) -> None:
            loop = asyncio.get_running_loop()
            joining = asyncio.ensure_future(reader.poll())
            times = []
            for n in range(1, 10):
                await met(lambda: sum(line.startswith("JOIN") for line in service.lines) >= n)  # noqa: B023
                times.append(loop.time())
            await joining
            assert times[8] - times[0] >= 3.5 * pace

        run_story(harness, story, channels=["#py", *(f"#room{n}" for n in range(8))])
