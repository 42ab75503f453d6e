"""The embedded server's folder: any path, nobody else's eyes, and no damage without a word."""

import json
import os
import stat

import psutil
import pytest
import redis

from rtanalytics.streams.server import EmbeddedServer, ServerError, ensure_server, stop_server
from rtanalytics.streams.server.folder import State, last_words, read_state, write_state
from tests.processes import kill, written


@pytest.fixture
def folder(tmp_path):
    """A server's place, stopped in the end."""
    yield tmp_path / "server"
    stop_server(tmp_path / "server")


@pytest.fixture
def filled(folder):
    """A folder with ten entries of a server that was killed, and the address it had."""
    server = ensure_server(folder)
    with redis.Redis.from_url(server.url) as client:
        for i in range(10):
            client.xadd("entries", {"n": i})
        written(client)
    kill(server.pid)
    return server.url


def entries(server):
    """The numbers of the entries there are."""
    with redis.Redis.from_url(server.url) as client:
        return [int(fields[b"n"]) for _, fields in client.xrange("entries")]


def log_of_commands(folder):
    """The file that each command is appended to."""
    (file,) = (folder / "appendonlydir").glob("*.incr.aof")
    return file


# --- any path, nobody else's eyes --------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["with a space", 'it\'s "quoted"', "Üñï-日本-🎉", "back\\slash", "new\nline", "$(touch x) `y` #;&%20"],
)
def test_any_folder_name_will_do(tmp_path, name):
    """The data lies exactly there, and is found there again."""
    folder = tmp_path / name / "server"
    for expected in ([], [b"kept"]):
        with EmbeddedServer(folder) as server, redis.Redis.from_url(server.url) as client:
            assert client.config_get("dir") == {"dir": str(folder)}
            assert client.lrange("list", 0, -1) == expected
            client.rpush("list", "kept")
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_a_folder_below_the_current_one_may_be_named_shortly(tmp_path, monkeypatch):
    """A relative path is settled once: the server is found from elsewhere too."""
    monkeypatch.chdir(tmp_path)
    with EmbeddedServer(tmp_path.relative_to(tmp_path) / "server") as server:
        assert server.folder == tmp_path / "server"
        assert ensure_server(tmp_path / "server") == server


def test_nobody_else_can_read_anything_in_the_folder(folder):
    """server.json is 0600, and so are the data and the log, even with a careless umask."""
    folder.mkdir(mode=0o755)
    before = os.umask(0)
    try:
        with EmbeddedServer(folder):
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.rglob("*")}
    finally:
        os.umask(before)
    assert modes["server.json"] == 0o600
    assert {name for name, mode in modes.items() if mode & 0o077} == set()
    assert len(modes) >= 8


def test_a_folder_that_is_made_is_the_users_alone(folder):
    """Whatever comes to lie in it later."""
    with EmbeddedServer(folder):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_password_is_needed_and_shown_nowhere(folder):
    """Not in the list of processes, not in the log, not when a notebook shows the server."""
    with EmbeddedServer(folder) as server:
        password = json.loads((folder / "server.json").read_text())["password"]
        process = psutil.Process(server.pid)
        assert password in server.url
        assert len(password) >= 32
        assert password not in f"{server!r} {process.cmdline()} {process.environ()}"
        assert password not in (folder / "server.log").read_text()
        with (
            redis.Redis.from_url(server.url.replace(password, "guess")) as client,
            pytest.raises(redis.AuthenticationError),
        ):
            client.ping()


def test_the_server_listens_to_this_machine_only_and_keeps_what_it_gets(folder):
    """Loopback, an append-only file that is synchronised every second, no eviction, no dumps."""
    with EmbeddedServer(folder) as server, redis.Redis.from_url(server.url) as client:
        settings = client.config_get("*")
        addresses = {c.laddr.ip for c in psutil.Process(server.pid).net_connections() if c.status == "LISTEN"}
    assert addresses == {"127.0.0.1"}
    assert settings["protected-mode"] == "yes"
    assert settings["appendonly"] == "yes"
    assert settings["appendfsync"] == "everysec"
    assert settings["maxmemory-policy"] == "noeviction"
    assert settings["save"] == ""


def test_the_log_of_the_run_before_is_kept(folder):
    """A start begins a new log, so that none grows without end and the last words can be read."""
    pids = []
    for _ in range(3):
        with EmbeddedServer(folder) as server:
            pids.append(server.pid)
    assert f"pid={pids[2]}," in (folder / "server.log").read_text()
    assert f"pid={pids[1]}," in (folder / "server.log.1").read_text()
    assert not any(f"pid={pids[0]}," in log.read_text() for log in folder.glob("server.log*"))


# --- folders that will not do ------------------------------------------------------------------


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path):
    """A file stands where the folder should be."""
    (tmp_path / "file").write_text("")
    with pytest.raises(
        ServerError, match=r"file/server: .*cannot be written there.*RTANALYTICS_HOME"
    ) as caught:
        ensure_server(tmp_path / "file" / "server")
    assert "\n" not in str(caught.value)


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path):
    """Denied, or read-only for everybody, as /proc is for the superuser, to whom little is denied."""
    folder = tmp_path / "server"
    folder.mkdir(mode=0o500)
    where = folder if os.geteuid() else type(tmp_path)("/proc/server")
    with pytest.raises(ServerError, match=r"server: .*cannot be written there.*RTANALYTICS_HOME") as caught:
        ensure_server(where)
    assert "\n" not in str(caught.value)


def test_a_server_that_ends_at_once_is_quoted(folder):
    """The error has the server's last words and the place of its log; the next start is free."""
    ensure_server(folder)
    stop_server(folder)
    (base,) = (folder / "appendonlydir").glob("*.base.rdb")
    whole = base.read_bytes()
    base.write_bytes(b"NOT AN RDB FILE OF ANY VERSION" + whole)
    with pytest.raises(ServerError, match=r"failed to start.*damaged.*server\.log") as caught:
        ensure_server(folder)
    assert "\n" not in str(caught.value)
    base.write_bytes(whole)
    with EmbeddedServer(folder) as server:
        assert entries(server) == []


def test_last_words_without_any_words(folder):
    """A server that says nothing is reported as that."""
    assert "it left no message" in last_words(folder, "\n")


# --- a damaged server.json ---------------------------------------------------------------------


def test_the_state_is_read_as_it_was_written(tmp_path):
    """All of it, and the file has no half-written moment."""
    state = State(port=20_001, password="p", binary="/b", pid=1, born="now", group=2, run_id="r")
    write_state(tmp_path, state)
    assert read_state(tmp_path) == state
    assert [file.name for file in tmp_path.iterdir()] == ["server.json"]


@pytest.mark.parametrize("content", [b"", b'{"port":2', b"[]", b'{"port":"x","password":"y"}', b"\xff\x00"])
def test_a_half_written_state_costs_the_address_but_no_entry(folder, filled, content, caplog):
    """Port and password are made anew, and the log says why."""
    (folder / "server.json").write_bytes(content)
    with EmbeddedServer(folder) as server:
        assert entries(server) == list(range(10))
        assert server.url != filled
    assert "server.json is damaged" in caplog.text


@pytest.mark.parametrize("damage", [lambda file: file.write_bytes(b"{"), lambda file: file.unlink()])
def test_a_state_lost_under_a_running_server_does_not_start_a_second(folder, damage):
    """Two servers would write the same data: the error says what to do instead."""
    server = ensure_server(folder)
    file = folder / "server.json"
    whole = file.read_bytes()
    damage(file)
    for use in (ensure_server, stop_server):
        with pytest.raises(ServerError, match=r"a server runs there, but server\.json.*stop that process"):
            use(folder)
    file.write_bytes(whole)
    assert ensure_server(folder) == server


# --- damaged data ------------------------------------------------------------------------------


def test_a_torn_tail_costs_the_torn_entry_only_and_is_kept(folder, filled, caplog):
    """The server died in the middle of a write: it starts, the rest is set aside, the log says so."""
    file = log_of_commands(folder)
    torn = file.read_bytes()[:-3]
    file.write_bytes(torn)
    with EmbeddedServer(folder) as server:
        assert entries(server) == list(range(9))
        assert server.url == filled
    (kept,) = folder.glob("torn-*.aof")
    assert file.read_bytes() + kept.read_bytes() == torn
    assert f"{kept.stat().st_size} bytes after byte {file.stat().st_size} of {file.name}" in caplog.text
    assert kept.name in caplog.text
    assert len(list((folder / "appendonlydir").iterdir())) == 3  # the whole copy has gone


@pytest.mark.usefixtures("filled")
def test_after_a_torn_tail_the_server_is_as_good_as_new(folder):
    """What is appended next is there after the next crash."""
    file = log_of_commands(folder)
    file.write_bytes(file.read_bytes()[:-3])
    server = ensure_server(folder)
    with redis.Redis.from_url(server.url) as client:
        client.xadd("entries", {"n": 77})
        written(client)
    kill(server.pid)
    with EmbeddedServer(folder) as again:
        assert entries(again) == [*range(9), 77]


def test_corrupted_data_is_an_error_and_is_left_as_it_is(folder, filled):
    """No empty server in its place; with the data put back all is there, at the old address."""
    file = log_of_commands(folder)
    whole = file.read_bytes()
    corrupted = whole[: len(whole) // 2] + b"garbage" + whole[len(whole) // 2 + 7 :]
    file.write_bytes(corrupted)
    with pytest.raises(ServerError, match=r"damaged.*valkey-check-aof.*move .* aside") as caught:
        ensure_server(folder)
    assert "\n" not in str(caught.value)
    assert file.read_bytes() == corrupted
    assert stop_server(folder) is False
    file.write_bytes(whole)
    with EmbeddedServer(folder) as server:
        assert entries(server) == list(range(10))
        assert server.url == filled


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("lost", ["*.manifest", "*.base.rdb", "*"])
@pytest.mark.parametrize("emptied", [False, True], ids=["gone", "empty"])
def test_data_without_its_manifest_or_base_is_an_error(folder, lost, emptied):
    """A server would take the folder for a new one, and begin without its data."""
    for file in (folder / "appendonlydir").glob(lost):
        file.write_bytes(b"") if emptied else file.unlink()
    with pytest.raises(ServerError, match=r"has lost its manifest or base file.*begin without data"):
        ensure_server(folder)
    assert stop_server(folder) is False


@pytest.mark.usefixtures("filled")
def test_data_without_its_manifest_is_an_error_even_if_nothing_is_known_of_it(folder):
    """Without server.json the data itself tells that there has been a server."""
    for name in ("server.json", "appendonlydir/appendonly.aof.manifest"):
        (folder / name).unlink()
    with pytest.raises(ServerError, match="has lost its manifest or base file"):
        ensure_server(folder)


# --- what the other tests stand on -------------------------------------------------------------


def test_tests_have_a_server_and_a_name_of_their_own(redis_url, prefix, request):
    """The fixtures of the whole suite: a private server, and a name that a conference could have."""
    from rtanalytics.conference import Conference

    assert Conference(name=prefix).name == prefix
    assert request.getfixturevalue("redis_server").url == redis_url
    with redis.Redis.from_url(redis_url) as client:
        assert list(client.scan_iter(match=f"*{prefix}*")) == []


def test_events_are_built_shortly():
    """``event(n)`` says its number; fields are given by name."""
    from tests.build import BASE, event

    assert (event(3).id, event(3).text, event(3).handle) == ("test::3", "event 3", "ada")
    assert (event(90).created_at - BASE).total_seconds() == 90
    assert event(1, author="bob", text="hi", id="irc::1").handle == "bob"
    assert event(1, author=None).author is None
