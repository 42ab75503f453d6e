"""``init`` asks, checks each answer on the spot, and writes a file that ``collect`` reads."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rtanalytics.conference import ConferenceError, read_conference
from rtanalytics.session import open_conference
from rtanalytics.sources.kinds import kinds

Run = subprocess.CompletedProcess[str]

RSS = (
    "<rss version='2.0'><channel><title>Planet</title><item><guid>1</guid>"
    "<title>Post number 1</title></item></channel></rss>"
)


class Quiet(SimpleHTTPRequestHandler):
    """A server without a log."""

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def feed(tmp_path: Path) -> Iterator[str]:
    """The address of a feed on this machine."""
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "feed.xml").write_text(RSS)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "www")))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/feed.xml"
    server.shutdown()


def rta(*args: object, answers: list[str] | None = None) -> Run:
    """Run a command, with answers on its input."""
    return subprocess.run(
        [sys.executable, "-m", "rtanalytics", *map(str, args)],
        input="".join(f"{a}\n" for a in answers or []), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_init_writes_a_file_that_works(feed: str, tmp_path: Path) -> None:
    """A feed on a private address needs a confirmation; an existing file is not overwritten."""
    path = tmp_path / "c.toml"
    answers = ["JuniperConf 2026", "", "Europe/Berlin", "#juniper pyjuniper", "", feed, "y", "planet", ""]
    run = rta("init", path, answers=answers)
    assert run.returncode == 0, run.stderr
    assert f"wrote {path}" in run.stdout
    for words in (
        "Name of the conference",
        "Time zone",
        "hashtags",
        "schedule",
        "What to read: the address of a feed",
    ):
        assert words in run.stdout
    assert "is on your own network" in run.stdout
    made = read_conference(path)
    assert (made.name, made.title, made.timezone) == ("juniperconf-2026", "JuniperConf 2026", "Europe/Berlin")
    assert made.hashtags == ["#juniper", "#pyjuniper"]
    table = {"type": "feed", "name": "planet", "url": feed, "every": "5min", "allow_private": True}
    assert made.source == [table]
    dry = rta("collect", path, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert "Post number 1" in dry.stdout
    again = rta("init", path, answers=answers)
    assert again.returncode == 1
    assert "exists" in again.stderr


def test_an_invalid_answer_is_asked_for_again_and_the_others_are_kept(feed: str, tmp_path: Path) -> None:
    """Stream name, time zone, schedule, address, and the name of a source are checked at once."""
    path = tmp_path / "c.toml"
    answers = [
        "", "PyCon", "two words", "pycon", "Berlin", "Europe/Berlin", "", "nowhere.json", "",
        "ftp://x.example/feed", feed, "n",
        "https://9.9.9.9/a", "", "https://9.9.9.9/a", "https://9.9.9.9/b", "9-9-9-9", "", "",
    ]  # fmt: skip
    run = rta("init", path, answers=answers)
    assert run.returncode == 0, run.stdout + run.stderr
    made = read_conference(path)
    assert (made.name, made.title, made.timezone, made.schedule) == ("pycon", "PyCon", "Europe/Berlin", None)
    assert [(s["name"], s["url"]) for s in made.source] == [
        ("9-9-9-9", "https://9.9.9.9/a"),
        ("9-9-9-9-2", "https://9.9.9.9/b"),
    ]
    output = run.stdout + run.stderr
    for words in ("'two words'", "time zone 'Berlin'", "nowhere.json", "ftp", "reads the same", "is taken"):
        assert words in output, words
    assert "[[source]] 1 (" not in output


def typed(value: object) -> str:
    """A value of an example, as one answers."""
    if isinstance(value, dict):
        value = [f"{k}={v}" for k, v in value.items()]
    return ", ".join(value) if isinstance(value, list) else str(value)


def test_init_asks_for_the_keys_of_each_kinds_example(tmp_path: Path) -> None:
    """All kinds in one file: it has the answers and can be read."""
    answers, wanted = ["All of them", "", "", "", ""], []
    for number, one in enumerate(kinds(), start=1):
        table = tomllib.loads(one.example)["source"][0]
        for key in {"url", "homeserver", "host"} & set(table):  # no name is looked up
            table[key] = f"9.9.9.{number}" if key == "host" else f"https://9.9.9.{number}/x"
        if one.name == "feed":
            answers += [table["url"], table["name"]]
            table["every"] = "5min"
        else:
            values = [typed(v) for k, v in table.items() if k not in {"type", "name"}]
            answers += [one.name, *values, table["name"]]
        wanted.append(table)
    path = tmp_path / "c.toml"
    run = rta("init", path, answers=[*answers, ""])
    assert run.returncode == 0, run.stdout + run.stderr
    assert read_conference(path).source == wanted
    listed = rta("sources", path)
    assert listed.returncode == 0, listed.stderr


def test_init_recognizes_addresses_of_pages_and_misspelt_kinds(tmp_path: Path) -> None:
    """Optional keys without an answer are left out; a token itself is refused."""
    path = tmp_path / "c.toml"
    answers = [
        "PyCon", "", "", "", "", "?", "mastadon",
        "https://9.9.9.9/tags/PyCon", "", "",
        "https://github.com/python/cpython", "ghp_0123456789abcdef0123456789abcdef0123", "", "",
        "bitbucket.org/ada/engine/", "", "", "",
        "bluesky", "", "Py Con, PyLadies", "sky",
        "irc://9.9.9.8/pycon", "", "9lives", "junipercat", "", "", "chat", "",
    ]  # fmt: skip
    run = rta("init", path, answers=answers)
    assert run.returncode == 0, run.stdout + run.stderr
    assert read_conference(path).source == [
        {"type": "mastodon", "name": "9-9-9-9", "url": "https://9.9.9.9", "tag": "PyCon"},
        {"type": "github", "name": "github", "repo": "python/cpython"},
        {"type": "bitbucket", "name": "bitbucket", "repo": "ada/engine"},
        {"type": "bluesky", "name": "sky", "words": ["Py Con", "PyLadies"]},
        {"type": "irc", "name": "chat", "host": "9.9.9.8", "channels": ["#pycon"], "nick": "junipercat"},
    ]
    output = run.stdout + run.stderr
    for words in ("did you mean 'mastodon'?", "needs credentials that cost money", "env:", "'9lives'"):
        assert words in output, words


def test_a_front_page_or_a_private_address_needs_a_confirmation(feed: str, tmp_path: Path) -> None:
    """A front page is seldom a feed; the output names what is left out."""
    path = tmp_path / "c.toml"
    answers = ["PyCon", "", "", "", "", "https://9.9.9.9", "n", "9.9.9.8/", "y", "", feed, "n", ""]
    run = rta("init", path, answers=answers)
    assert run.returncode == 0, run.stdout + run.stderr
    assert [table["url"] for table in read_conference(path).source] == ["https://9.9.9.8/"]
    for words in (
        "is a front page",
        "discourse, mastodon",
        "left out: https://9.9.9.9\n",
        f"left out: {feed}\n",
    ):
        assert words in run.stdout, words


def test_init_takes_hashtags_with_their_mark(tmp_path: Path) -> None:
    """Of every key that has hashtags."""
    path = tmp_path / "c.toml"
    answers = ["PyCon", "", "", "", "", "mastodon", "https://9.9.9.9", "#jc26", "#a, b,#c", "", ""]
    run = rta("init", path, answers=answers)
    assert run.returncode == 0, run.stdout + run.stderr
    assert read_conference(path).source == [
        {
            "type": "mastodon",
            "name": "9-9-9-9",
            "url": "https://9.9.9.9",
            "tag": "jc26",
            "any": ["a", "b", "c"],
        }
    ]
    assert "any: Further hashtags (" in run.stdout


def test_the_address_of_a_schedule_becomes_a_source(tmp_path: Path) -> None:
    """Its times are in the conference's zone; the user may decline it."""
    answers = ["PyCon", "", "Europe/Berlin", "", "https://9.9.9.9/schedule.json"]
    run = rta("init", tmp_path / "c.toml", answers=[*answers, "", "talks", ""])
    assert run.returncode == 0, run.stdout + run.stderr
    made = read_conference(tmp_path / "c.toml")
    url = "https://9.9.9.9/schedule.json"
    table = {"type": "schedule", "name": "talks", "url": url, "timezone": "Europe/Berlin"}
    assert (made.schedule, made.source) == (None, [table])
    assert rta("init", tmp_path / "d.toml", answers=[*answers, "n", ""]).returncode == 0
    assert (read_conference(tmp_path / "d.toml").schedule, read_conference(tmp_path / "d.toml").source) == (
        None,
        [],
    )


def test_interrupted_questions_keep_the_answers(tmp_path: Path) -> None:
    """Complete sources are written; the exit status is that of an interrupt."""
    path = tmp_path / "c.toml"
    init = subprocess.Popen(
        [sys.executable, "-m", "rtanalytics", "init", str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert init.stdin is not None
    assert init.stdout is not None
    init.stdin.write("PyCon\n\n\n\n\nhttps://9.9.9.9/feed\nplanet\nmastodon\n")
    init.stdin.flush()
    output = ""
    while not output.endswith("  url:"):
        output += init.stdout.read(1)
    init.send_signal(signal.SIGINT)
    output += init.communicate(timeout=60)[0]
    assert init.returncode == 130, output
    assert "what was answered is kept, with 1 source\n" in output
    assert [table["name"] for table in read_conference(path).source] == ["planet"]


def test_lab_passes_options_to_jupyter(tmp_path: Path) -> None:
    """Behind --, with or without a folder; as root, one line names the option that Jupyter needs."""
    run = rta("lab", "--", "--allow-root", "--version")
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout[0].isdigit()
    run = rta("lab", tmp_path / "copies", "--", "--allow-root", "--version")
    assert run.returncode == 0
    assert (tmp_path / "copies" / "01_live.ipynb").exists()
    run = rta("lab", "--", "--version")
    if os.geteuid() == 0:
        assert run.returncode == 1
        assert run.stderr.count("\n") == 1
        assert "rtanalytics lab -- --allow-root" in run.stderr
    else:
        assert run.returncode == 0


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ('name = "x"\nhastags = []\n', ["conference.toml:2: ", "did you mean 'hashtags'?"]),
        (
            'name = "x"\nhashtags [1]\n',
            ["conference.toml:2: invalid TOML: ", "hashtags [1]", "each key once"],
        ),
        ('name = "x"\nname = "y"\n', ["conference.toml:2: invalid TOML", "each key once"]),
        ('name = "x"\nhashtags = [\n  "a",\n  b\n]\n', ["conference.toml:2: invalid TOML"]),
        ('name = "x"\nmost_entries = 3\n', ["conference.toml:2: ", "too few"]),
        (
            'name = "x"\n[limits]\n"www.reddit.com" = "often"\n',
            ["conference.toml:3: ", "www.reddit.com", "such as '60/min'"],
        ),
        ('[conference]\nname = "x"\n', ["conference.toml:1: ", "at the top, without a heading"]),
        (
            'name = "x"\n[[source]]\ntype = "feeed"\n',
            ["conference.toml:3: ", "did you mean 'feed'?"],
        ),
        (
            'name = "x"\ntitle = "X"\nschedule = "nope.json"\n',
            ["conference.toml:3: schedule: ", "nope.json: cannot be read: No such file"],
        ),
        (
            'name = "x"\nschedule = "https://x.example/s.json"\n',
            ["conference.toml:2: schedule: ", "an address is a [[source]] of type schedule"],
        ),
    ],
)
def test_an_error_in_the_file_names_the_line_and_what_to_write(
    tmp_path: Path, toml: str, words: list[str]
) -> None:
    """All in one style: file, line, what it is, what to write."""
    path = tmp_path / "conference.toml"
    path.write_text(toml)
    run = rta("collect", path, "--dry-run")
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1
    for word in words:
        assert word in run.stderr


def test_a_missing_file_is_reported_with_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A notebook is run in its own folder, not where its reader thinks."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConferenceError, match=f"no such file in {tmp_path}; give its full path"):
        open_conference("conference.toml")
