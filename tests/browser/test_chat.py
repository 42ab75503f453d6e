"""Two people chat in two notebooks, through their sources and a real server; one kernel dies meanwhile."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from rtanalytics.event import Author
from rtanalytics.sources import KINDS
from rtanalytics.streams.redis import RedisStream
from tests.browser.lab import Notebook
from tests.build import event
from tests.contracts.source import CHILD
from tests.ingest.talking import SAID
from tests.ingest.test_outbox_worker import running, seen
from tests.processes import until
from tests.sources.irc_servers import IrcServer

pytestmark = pytest.mark.browser

CELL = """
from rtanalytics.streams.redis import RedisStream
from rtanalytics.widgets import ChatView

stream = RedisStream({url!r}, {name!r})
view = ChatView(stream, nick={nick!r}, title="Conference chat")
view
"""
SHOWN = (
    "[...document.querySelectorAll('.rta-line')].some((x) => x.textContent.includes(it) && !x.dataset.state)"
)
LINES = """() => [...document.querySelectorAll('.rta-line-message')].map((x) => x.querySelector('.rta-words').textContent)"""
IMG = '<img src=x onerror="window.pwned = 1"><script>window.pwned = 1</script>'


@pytest.fixture(autouse=True)
def _talking(monkeypatch):
    monkeypatch.setitem(KINDS, "talking", "tests.ingest.talking")
    yield
    SAID.clear()


def say(notebook: Notebook, text: str) -> None:
    box = notebook.page.locator(".rta-write input")
    box.fill(text)
    box.press("Enter")


def open_chat(lab, context, name: str, nick: str, url: str) -> Notebook:
    path = lab.write(f"{name}.ipynb", [CELL.format(url=url, name=name, nick=nick)])
    notebook = Notebook.open(lab, context, path, workspace=name)
    notebook.run_all()
    notebook.until("document.querySelector('.rta-chat') !== null", None, 60)
    return notebook


def shot(notebook: Notebook, name: str) -> None:
    """A picture for who wants to look, where RTANALYTICS_SHOTS says."""
    if folder := os.environ.get("RTANALYTICS_SHOTS"):
        notebook.page.locator(".rta-inner").first.screenshot(path=Path(folder) / f"{name}.png")


def test_two_people_chat_and_a_kernel_that_was_restarted_has_what_it_missed(
    lab, context, redis_server, prefix
):
    """Lines, actions and topics both ways; after the restart all lines in their order, once."""
    names = {nick: f"{prefix}-{nick}" for nick in ("ada", "bob")}
    streams = {nick: RedisStream(redis_server.url, name) for nick, name in names.items()}
    try:
        with contextlib.ExitStack() as sources:
            for nick, stream in streams.items():
                sources.enter_context(running(stream, nick=nick))
                until(lambda s=stream: s.health.read().get("source:room"), "the source runs")
            ada = open_chat(lab, context, names["ada"], "ada", redis_server.url)
            bob = open_chat(lab, context, names["bob"], "bob", redis_server.url)
            say(ada, "/join #pycon")
            ada.until("document.querySelector('.rta-tab-name')?.textContent === it", "#pycon")
            say(ada, "hello, is anybody here?")
            bob.until(SHOWN, "hello, is anybody here?")
            ada.until(SHOWN, "hello, is anybody here?")
            say(bob, "yes, ada: in the main hall")
            ada.until("document.querySelector('.rta-mention')?.textContent.includes(it)", "main hall")
            say(bob, "/me waves")
            ada.until(SHOWN, "waves")
            say(bob, "/topic Keynote at nine")
            ada.until("document.querySelector('.rta-room-topic').textContent === it", "Keynote at nine")
            say(ada, IMG)
            bob.until(SHOWN, IMG)

            # the kernel dies; the connection and what is said go on without it
            lab.stop_kernel(f"{names['bob']}.ipynb")
            for n in range(30):
                streams["ada"].outbox.send(
                    "irc", "room", {"type": "message", "to": "#pycon", "body": f"missed {n}"}, f"m{n}"
                )
            until(lambda: "missed 29" in seen(streams["bob"]), "it is said")
            bob.page.reload()
            bob.ready()
            bob.run_all()
            bob.until(SHOWN, "missed 29", 60)
            said = ["hello, is anybody here?", "yes, ada: in the main hall", "waves", IMG]
            assert bob.page.evaluate(LINES) == said + [f"missed {n}" for n in range(30)]
            say(bob, "I am back")
            ada.until(SHOWN, "I am back")
            assert ada.page.evaluate(LINES) == [*said, *(f"missed {n}" for n in range(30)), "I am back"]
            for notebook in (ada, bob):
                assert notebook.page.evaluate("() => window.pwned") is None
                assert notebook.complaints == []
            assert [p["body"] for _, p in SAID["hub"]].count("I am back") == 1
    finally:
        lab.stop_kernels()
        for stream in streams.values():
            stream.delete()
            stream.close()


def test_rooms_people_and_what_could_not_be_sent_are_seen(lab, context, redis_server, prefix):
    """Tabs with unread counts, people by rank in their colours, and a line that failed with its reason."""
    stream = RedisStream(redis_server.url, prefix)

    def happen(n, kind, nick, text=None, channel="#pycon", **more):
        return event(n, id=f"irc:x/{channel}:{n}", source=f"irc:{channel}", type=kind, channel=channel, text=text,
                     author=Author(handle=nick), **more)  # fmt: skip

    stream.append(
        [
            happen(0, "users", "server", "@guido +ada bob carol dave"),
            happen(
                1, "topic", "guido", "PyCon · the keynote begins at 09:00 · https://us.pycon.org/schedule"
            ),
            happen(2, "message", "guido", "Good morning! The doors of the main hall are open."),
            happen(3, "join", "eve_"),
            happen(4, "message", "carol", "is there coffee? the queue at the first floor is #endless"),
            happen(5, "action", "dave", "points at the second floor"),
            happen(6, "mode", "guido", "+v eve_"),
            happen(
                7, "message", "eve_", "bob: I kept you a seat, row 7 · " + "a long line goes on and on " * 8
            ),
            happen(8, "part", "dave", "lunch"),
            happen(9, "gap", "server", "09:10 – 09:12, the connection was cut"),
            happen(10, "message", "ada", "sprints start on Monday", "#sprints"),
            happen(11, "join", "zoe", channel="#annex"),  # first by name, and nobody talks there
        ]
    )
    try:
        with running(stream, nick="bob"):
            notebook = open_chat(lab, context, prefix, "bob", redis_server.url)
            notebook.until(SHOWN, "the connection was cut")
            stream.append(
                [happen(20 + n, "message", "ada", f"bob: sprint {n}", "#sprints") for n in range(3)]
            )
            notebook.until("document.querySelector('.rta-named .rta-unread')?.textContent === it", "3")
            assert notebook.texts(".rta-user") == ["@guido", "+ada", "+eve_", "bob", "carol"]
            say(notebook, "fail this one")
            failed = "document.querySelector('[data-state=failed] .rta-why')?.textContent === it"
            notebook.until(failed, "the line is cut")
            say(notebook, "/nonsense")
            notebook.until("document.querySelectorAll('[data-state=failed]').length === it", 2)
            shot(notebook, "chat")
            notebook.page.locator(".rta-tab", has_text="#sprints").click()
            notebook.until(SHOWN, "bob: sprint 2")
            notebook.until("document.querySelector('.rta-unread:not([hidden])') === it", None)
            shot(notebook, "chat-sprints")
            assert notebook.complaints == []
    finally:
        lab.stop_kernels()
        stream.delete()
        stream.close()


def test_what_is_written_to_a_dead_kernel_is_given_back(lab, context, redis_server, prefix):
    """The view says that nobody hears, and the line is in the box again; nothing is sent later."""
    stream = RedisStream(redis_server.url, prefix)
    try:
        notebook = open_chat(lab, context, prefix, "bob", redis_server.url)
        say(notebook, "/join #pycon")
        notebook.until("document.querySelector('.rta-tab-name')?.textContent === it", "#pycon")
        lab.stop_kernel(f"{prefix}.ipynb")
        say(notebook, "into the void")
        notebook.until(
            "document.querySelector('.rta-note').textContent.startsWith(it)", "The kernel has stopped", 40
        )
        notebook.until("document.querySelector('.rta-write input').value === it", "into the void")
        notebook.page.locator(".rta-write input").press("Enter")
        assert notebook.page.locator(".rta-write input").input_value() == "into the void"
        shot(notebook, "chat-gone")
        sent = [out.packet["type"] for out in stream.outbox.take(stream.open_scope("irc", "room"))]
        assert sent == []  # no source has run, so the join has not been handed in either
    finally:
        lab.stop_kernels()
        stream.delete()
        stream.close()


def test_running_the_cell_again_goes_on_in_the_same_rooms(lab, context, redis_server, prefix):
    """One view, one thread that sends, every line once."""
    stream = RedisStream(redis_server.url, prefix)
    try:
        with running(stream, nick="bob"):
            notebook = open_chat(lab, context, prefix, "bob", redis_server.url)
            say(notebook, "/join #pycon")
            notebook.until("document.querySelector('.rta-tab-name')?.textContent === it", "#pycon")
            say(notebook, "first")
            notebook.until(SHOWN, "first")
            for _ in range(3):
                notebook.run_cell(0)
            notebook.until("document.querySelectorAll('.rta-chat').length === it", 1)
            notebook.until(SHOWN, "first")
            say(notebook, "second")
            notebook.until(SHOWN, "second")
            assert notebook.page.evaluate(LINES) == ["first", "second"]
            threads = (
                "import threading; print([t.name for t in threading.enumerate()].count('rtanalytics-chat'))"
            )
            assert notebook.ask(threads) == "1"
            assert [p["body"] for _, p in SAID["hub"]] == ["", "first", "second"]
            assert notebook.complaints == []
    finally:
        lab.stop_kernels()
        stream.delete()
        stream.close()


def test_two_talk_over_a_real_server_and_to_a_plain_client(lab, context, redis_server, prefix, tmp_path):
    """Each notebook with an IRC source in a process of its own; a kernel that was restarted has what it missed."""
    tmp_path.chmod(0o755)
    server = IrcServer("inspircd", tmp_path)
    names = {nick: f"{prefix}-irc-{nick}" for nick in ("ada", "bob")}
    streams = {nick: RedisStream(redis_server.url, name) for nick, name in names.items()}
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    sources = []
    try:
        for nick, stream in streams.items():
            table = {
                "type": "irc", "name": "net", "host": "127.0.0.1", "port": server.port, "tls": False, "nick": nick,
                "channels": ["#pycon"], "allow_private": True,
            }  # fmt: skip
            argument = json.dumps([table, redis_server.url, stream.name])
            sources.append(subprocess.Popen([sys.executable, "-c", CHILD, argument], env=environment))
            until(lambda s=stream: any(e.type == "users" for e in s.erasure.kept()), "the source has joined")
        plain = socket.create_connection(("127.0.0.1", server.port), 20)
        plain.sendall(b"NICK carol\r\nUSER c 0 * c\r\n")
        heard = plain.makefile("rb")
        next(line for line in heard if b" 001 " in line)
        plain.sendall(b"JOIN #pycon\r\n")
        next(line for line in heard if b" 366 " in line)
        ada = open_chat(lab, context, names["ada"], "ada", redis_server.url)
        bob = open_chat(lab, context, names["bob"], "bob", redis_server.url)
        bob.until("document.querySelector('.rta-tab-name')?.textContent === it", "#pycon")
        say(ada, "hello, is anybody here?")
        bob.until(SHOWN, "hello, is anybody here?")
        assert any(b"hello, is anybody here?" in line for line in heard)
        plain.sendall(b"PRIVMSG #pycon :I am, with a plain client\r\n")
        for notebook in (ada, bob):
            notebook.until(SHOWN, "I am, with a plain client")
        shot(ada, "chat-irc")

        lab.stop_kernel(f"{names['bob']}.ipynb")
        plain.sendall(b"".join(b"PRIVMSG #pycon :missed %d\r\n" % n for n in range(30)))
        until(lambda: any(e.text == "missed 29" for e in streams["bob"].erasure.kept()), "it is said")
        bob.page.reload()
        bob.ready()
        bob.run_all()
        bob.until(SHOWN, "missed 29", 60)
        say(bob, "I am back")
        ada.until(SHOWN, "I am back")
        said = [
            "hello, is anybody here?",
            "I am, with a plain client",
            *(f"missed {n}" for n in range(30)),
            "I am back",
        ]
        for notebook in (ada, bob):
            notebook.until(SHOWN, "I am back")
            assert notebook.page.evaluate(LINES) == said
            assert notebook.complaints == []
    finally:
        lab.stop_kernels()
        for source in sources:
            source.terminate()
            source.wait(20)
        server.kill()
        for stream in streams.values():
            stream.delete()
            stream.close()
