"""The commands on recordings, run as people run them: in a process of their own."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from rtanalytics.archive import Recording, write_recording
from rtanalytics.resources import recordings_folder
from rtanalytics.streams.server import Server, stop_server
from rtanalytics.topics import trends
from tests.build import event

Run = subprocess.CompletedProcess[str]


def rta(*args: object, env: dict[str, str] | None = None, **more: object) -> Run:
    """Run a command and wait for it."""
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        [sys.executable, "-m", "rtanalytics", *map(str, args)],
        capture_output=True, text=True, timeout=120, check=False, env={**os.environ, **(env or {})}, **more,
    )  # fmt: skip


def fails_in_one_line(run: Run, *words: str) -> None:
    """Status 1, nothing on the output, one line that says it."""
    assert run.returncode == 1, run.stderr
    assert run.stdout == ""
    assert run.stderr.count("\n") == 1, run.stderr
    for word in words:
        assert word in run.stderr


CSV = 'created_at,source,author,text,id,url\n2026-05-15T09:00:00Z,twitter,ada,"hello,\nworld",{n},\n'


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Three rows, one of them twice."""
    path = tmp_path / "messages.csv"
    rows = ["2026-05-15T09:00:00Z,irc:#py,ada,hello,1,", "2026-05-15T09:01:00Z,irc:#py,bob,NA,2,"]
    path.write_text(
        "\n".join(["created_at,source,author,text,id,url", *rows, rows[0]]) + "\n", encoding="utf-8"
    )
    return path


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small recording in which something trends."""
    folder = tmp_path_factory.mktemp("recordings") / "small"
    quiet = [event(n * 60, text=f"coffee number {n % 5}", author=f"u{n % 9}") for n in range(120)]
    burst = [event(7200 + n * 7, text="the walrus keynote is great", author=f"w{n}") for n in range(40)]
    write_recording(folder, [*quiet, *burst])
    return folder


def test_import_counts_what_it_read(table: Path, tmp_path: Path) -> None:
    """New and duplicate; the second time everything is known; texts are what they were."""
    first = rta("import", table, "--to", tmp_path / "a")
    assert (first.returncode, first.stdout) == (
        0,
        "3 read, 2 new, 0 edited, 1 duplicate, 0 rejected\n",
    )
    again = json.loads(rta("import", table, "--to", tmp_path / "a", "--json").stdout)
    assert (again["new"], again["duplicate"]) == (0, 3)
    kept = list(Recording(tmp_path / "a"))
    assert [(e.id, e.text, e.channel) for e in kept] == [("irc::1", "hello", "#py"), ("irc::2", "NA", "#py")]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "created_at,source,author,id\n", ["a.csv", "text"]),
        ("b.csv", CSV.format(n=1) + "yesterday,twitter,ada,x,2,\n", ["b.csv", "yesterday"]),
        ("c.jsonl", '{"created_at": "2026-05-15T09:00:00Z", "source":\n', ["c.jsonl", "1"]),
        ("d.parquet", "PAR1 and then nothing", ["d.parquet"]),
        ("e.xyz", "what is this", ["e.xyz"]),
    ],
)
def test_a_bad_file_is_one_line_and_leaves_nothing(
    tmp_path: Path, name: str, content: str, words: list[str]
) -> None:
    """Missing column, a date that is none, broken JSON, cut Parquet, unknown format."""
    (tmp_path / name).write_text(content, encoding="utf-8")
    fails_in_one_line(rta("import", tmp_path / name, "--to", tmp_path / "a"), *words)
    assert not list((tmp_path / "a").glob("**/*.parquet"))


def test_a_bad_file_leaves_an_archive_as_it_was(table: Path, tmp_path: Path) -> None:
    """Also what the good file before it would have added."""
    rta("import", table, "--to", tmp_path / "a")
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text(CSV.format(n=7), encoding="utf-8")
    bad.write_text("nothing\n", encoding="utf-8")
    fails_in_one_line(rta("import", good, bad, "--to", tmp_path / "a"), "bad.csv")
    assert len(Recording(tmp_path / "a")) == 2


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    """It names the file."""
    fails_in_one_line(rta("import", tmp_path / "none.csv", "--to", tmp_path / "a"), "none.csv")
    fails_in_one_line(rta("trending", tmp_path / "none"), "none")
    fails_in_one_line(rta("replay", tmp_path / "none", "--speed", "max"), "none")


def test_a_folder_that_cannot_be_written_is_one_line(table: Path, tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "blocked").write_text("a file", encoding="utf-8")
    fails_in_one_line(rta("import", table, "--to", tmp_path / "blocked" / "a"), "blocked")


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    """Files may not grow past 20 kB: the import is taken back whole."""
    many = tmp_path / "many.jsonl"
    rows = (
        {"created_at": "2026-05-15T09:00:00Z", "source": "x", "text": os.urandom(40).hex(), "id": str(n)}
        for n in range(2000)
    )
    many.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    run = rta(
        "import", many, "--to", tmp_path / "a",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
    )  # fmt: skip
    fails_in_one_line(run, "cannot be written")
    assert not list((tmp_path / "a").glob("**/*.parquet"))
    assert rta("import", many, "--to", tmp_path / "a").stdout.startswith("2,000 read, 2,000 new")


def test_no_server_is_one_line(archive: Path) -> None:
    """It names the address that did not answer, or what to install."""
    run = rta("replay", archive, "--speed", "max", "--into", "redis://127.0.0.1:1/0/x")
    fails_in_one_line(run, "127.0.0.1:1")
    run = rta("tail", "redis://127.0.0.1:1/0/x")
    fails_in_one_line(run, "127.0.0.1:1")


@pytest.mark.parametrize(
    "args",
    [["--speed", "fast"], ["--speed", "0"], ["--shift", "hours"], ["--from", "noon"]],
)
def test_a_wrong_option_is_wrong_usage(archive: Path, args: list[str]) -> None:
    """Status 2."""
    assert rta("replay", archive, *args).returncode == 2


def test_replay_prints_as_tail_does(archive: Path) -> None:
    """A line an event; JSON packets if asked; from and to hold."""
    run = rta(
        "replay", archive, "--speed", "max", "--from", "2026-05-15T11:00", "--to", "2026-05-15T11:00:08"
    )
    assert run.stdout.splitlines() == ["2026-05-15 11:00:00 test       w0  the walrus keynote is great",
                                       "2026-05-15 11:00:07 test       w1  the walrus keynote is great"]  # fmt: skip
    packets = rta("replay", archive, "--speed", "max", "--json").stdout.splitlines()
    assert [json.loads(p)["id"] for p in packets] == [e.id for e in Recording(archive)]


def test_replay_prints_first_what_it_plays_and_how_long_it_takes(archive: Path) -> None:
    """On stderr, so that the lines are the events; nothing there with --json."""
    asked = ("replay", archive, "--from", "2026-05-15T11:00", "--to", "2026-05-15T11:00:08", "--speed", "70")
    line = rta(*asked).stderr
    assert line.count("\n") == 1
    for words in ("small: 2 events", "2026-05-15 11:00", "at ×70: it takes 0 s", "--from", "--speed max"):
        assert words in line
    assert rta(*asked, "--json").stderr == ""
    assert "160 events" in rta("replay", archive, "--speed", "max").stderr
    assert "no events in this period" in rta("replay", archive, "--from", "2030-01-01").stderr


@pytest.mark.parametrize("command", [["trending"], ["replay"], ["report", "--out", "r.html"]])
def test_a_table_instead_of_an_archive_gets_the_import_command(table: Path, command: list[str]) -> None:
    """The line says what to type."""
    fails_in_one_line(rta(*command, table), "messages.csv is a file", "rtanalytics import", "--to")


def test_a_run_through_redis_is_recorded_whole(
    redis_server: Server, prefix: str, archive: Path, tmp_path: Path
) -> None:
    """As many in as out, and what was recorded equals what was replayed."""
    url = f"{redis_server.url}/{prefix}"
    run = rta("replay", archive, "--speed", "max", "--into", url, "--record", tmp_path / "again", "--json")
    assert run.returncode == 0, run.stderr
    counts = json.loads(run.stdout)
    assert counts["events"] == counts["new"] == counts["recorded"] == 160
    assert counts["stream"].split("/0/")[1].startswith(f"{prefix}/replay/")
    assert list(Recording(tmp_path / "again")) == list(Recording(archive))


def test_trending_prints_one_json_object_per_line(archive: Path) -> None:
    """With the fields that others script against, and the planted topic on top."""
    run = rta("trending", archive, "--bin", "15min", "--top", "3", "--json")
    rows = [json.loads(line) for line in run.stdout.splitlines()]
    fields = "bin_start bin_end rank terms label score expected messages authors examples".split()
    assert all(field in row for row in rows for field in fields)
    best = [row for row in rows if row["bin_start"] == "2026-05-15T11:00:00Z" and row["rank"] == 1]
    assert "walrus" in best[0]["label"]
    assert "walrus" in rta("trending", archive).stdout
    assert rta("trending", archive, "--algorithm", "no such").returncode == 2
    assert rta("trending", archive, "--bin", "soon").returncode == 2


def test_trending_explains_the_bin_that_is_asked_for(archive: Path) -> None:
    """Why each topic is on the list, with quotes, of one moment or of all; numbers and words exclude each other."""
    run = rta("trending", archive, "--at", "2026-05-15T11:05", "--explain")
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("is number 1 of 15 May 2026, 11:00 to 11:15 UTC:") == 1
    assert "is number 1" not in run.stdout.replace("11:00 to 11:15", "").split("UTC:", 1)[1]
    assert "expected from the" in run.stdout
    assert "something that people talk about" in run.stdout
    assert "log odds" not in run.stdout
    assert re.search(r"  “.*walrus.*” \(.*, 11:\d\d, ", run.stdout)
    every = rta("trending", archive, "--explain").stdout
    assert run.stdout.splitlines()[2:4] == every[every.index(run.stdout.splitlines()[0]) :].splitlines()[2:4]
    listed = rta("trending", archive, "--at", "2026-05-15T11:05").stdout
    assert listed.startswith("2026-05-15 11:00")
    assert listed.count("2026-05-15") == 1
    numbers = rta("trending", archive, "--at", "2026-05-15T11:05", "--numbers").stdout
    assert "It is a topic with a probability of" in numbers
    assert rta("trending", archive, "--explain", "--json").returncode == 2
    assert rta("trending", archive, "--numbers", "--json").returncode == 2
    assert rta("trending", archive, "--at", "soon").returncode == 2


def test_a_time_without_trends_names_the_nearest_with_some(archive: Path) -> None:
    """In the zone that is shown; the command that it prints lists them."""
    run = rta("trending", archive, "--at", "2026-05-15T12:40", "--timezone", "Europe/Berlin")
    assert (run.returncode, run.stdout) == (0, "")
    assert "times are in Europe/Berlin" in run.stderr
    assert "nothing trends at 2026-05-15 12:40 CEST; --at 2026-05-15T13:00 lists" in run.stderr
    listed = rta("trending", archive, "--at", "2026-05-15T13:00", "--timezone", "Europe/Berlin")
    assert listed.stdout.startswith("2026-05-15 13:00 – 13:15 CEST")
    late = rta("trending", archive, "--at", "2026-06-01T00:00").stderr
    assert "--at 2026-05-15T11:" in late
    assert rta("trending", archive, "--timezone", "Berlin").returncode == 2


def test_an_archive_remembers_the_zone_of_its_import(tmp_path: Path) -> None:
    """Lists, replays and reports use it; a second import does not change it."""
    rows = "".join(
        f"2026-05-15T{9 + n // 60:02}:{n % 60:02}:00,irc,p{n % 9},{'walrus keynote' if n > 100 else 'chat'} {n},{n},\n"
        for n in range(120)
    )
    (tmp_path / "a.csv").write_text("created_at,source,author,text,id,url\n" + rows, encoding="utf-8")
    to = tmp_path / "a"
    assert rta("import", tmp_path / "a.csv", "--to", to, "--zone", "Australia/Brisbane").returncode == 0
    assert rta("import", tmp_path / "a.csv", "--to", to, "--zone", "Europe/Berlin").returncode == 0
    assert Recording(to).meta.timezone == "Australia/Brisbane"
    assert "times are in Australia/Brisbane" in rta("trending", to).stderr
    assert "Australia/Brisbane" in rta("replay", to, "--speed", "max").stderr
    assert rta("report", to, "--out", tmp_path / "r.md").returncode == 0
    assert "Australia/Brisbane" in (tmp_path / "r.md").read_text(encoding="utf-8")
    (to / "_recording.toml").write_text('title = "Walrus Days"\n', encoding="utf-8")
    rta("import", tmp_path / "a.csv", "--to", to, "--zone", "Europe/Berlin")
    meta = Recording(to).meta
    assert (meta.title, meta.timezone) == ("Walrus Days", "Europe/Berlin")


def test_a_replay_that_begins_long_before_the_rest_names_the_option_that_helps(tmp_path: Path) -> None:
    """A few early messages would mean days of silence."""
    early = [event(n * 60, text=f"early {n}", author=f"a{n}") for n in range(2)]
    rest = [event(864_000 + n * 30, text=f"hello {n}", author=f"p{n}") for n in range(120)]
    write_recording(tmp_path / "a", [*early, *rest])
    shown = rta("replay", tmp_path / "a", "--speed", "100000000").stderr
    assert "only 2 events before 2026-05-25 09:00; to begin there: --from 2026-05-25T09:00" in shown
    later = rta("replay", tmp_path / "a", "--speed", "100000000", "--from", "2026-05-25T09:00")
    assert "only" not in later.stderr
    assert later.stdout.count("hello") == 120


def test_an_import_without_a_good_row_fails(tmp_path: Path) -> None:
    """The rows are printed and kept, and the exit status says that nothing was imported."""
    (tmp_path / "a.jsonl").write_text('{"created_at": "soon", "text": "x"}\n' * 3, encoding="utf-8")
    run = rta("import", tmp_path / "a.jsonl", "--to", tmp_path / "a")
    assert run.returncode == 1


def test_a_tag_in_very_many_messages_is_named_once(tmp_path: Path) -> None:
    """Unless the recording lists it among its own tags."""
    events = [
        event(n * 30, text=f"hello #Walrus26 {n}" if n % 3 else "hi", author=f"p{n}") for n in range(60)
    ]
    write_recording(tmp_path / "a", events)
    assert rta("trending", tmp_path / "a").stderr.count("#walrus26 is in 67% of the messages") == 1
    (tmp_path / "a" / "_recording.toml").write_text('hashtags = ["Walrus26"]\n', encoding="utf-8")
    assert "walrus26" not in rta("trending", tmp_path / "a").stderr.casefold()


def test_trends_through_redis_at_full_speed_equal_one_batch(
    redis_server: Server, prefix: str, archive: Path
) -> None:
    """The same bins, terms and scores, whatever the way."""
    from rtanalytics.feed import FOREVER, Watermark
    from rtanalytics.replay import play_into, replay
    from rtanalytics.streams.redis import RedisStream
    from rtanalytics.topics import TrendBin, Trender

    stream = RedisStream(redis_server.url, prefix)
    play_into(replay(Recording(archive), "max"), stream)
    trender, bins = Trender(), list[TrendBin]()
    for batch in stream.follow("start").batches():
        bins += trender.push(batch)
        if Watermark(FOREVER) in batch:
            break
    assert any(bin.trends for bin in bins)
    assert bins == list(trends(Recording(archive)))
    stream.delete()


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "new", "duplicate"),
    [("user2018", 5967, 0), ("rstudioconf2018", 7422, 2), ("ashg2013", 4302, 1), ("rstats2013", 15669, 151)],
)
def test_public_recordings_are_imported_replayed_and_recorded(
    redis_server: Server, prefix: str, data_folder: Path, tmp_path: Path, name: str, new: int, duplicate: int
) -> None:
    """Imported with the counts they have, replayed through Redis into another archive, texts equal."""
    import pandas as pd

    file = data_folder / "recordings" / f"{name}.parquet"
    counts = json.loads(rta("import", file, "--to", tmp_path / "a", "--json").stdout)
    assert (counts["new"], counts["duplicate"]) == (new, duplicate)
    again = json.loads(rta("import", file, "--to", tmp_path / "a", "--json").stdout)
    assert (again["new"], again["duplicate"]) == (0, new + duplicate)
    given = pd.read_parquet(file).drop_duplicates(["source", "id"])
    kept = pd.read_parquet(tmp_path / "a")
    assert dict(zip(kept["id"], kept["text"], strict=True)) == dict(
        zip(given["source"].str.partition(":")[0] + "::" + given["id"], given["text"], strict=True)
    )
    run = rta("replay", tmp_path / "a", "--speed", "max", "--into", f"{redis_server.url}/{prefix}",
              "--record", tmp_path / "b", "--json")  # fmt: skip
    assert json.loads(run.stdout)["recorded"] == new
    assert list(Recording(tmp_path / "b")) == list(Recording(tmp_path / "a"))


@pytest.mark.data
def test_all_seven_keynotes_are_found(data_folder: Path, tmp_path: Path) -> None:
    """UseR! 2018 by the judge's own count: seven of seven among the first ten, three terms a topic."""
    rta("import", data_folder / "recordings/user2018.parquet", "--to", tmp_path / "a")
    run = rta("trending", tmp_path / "a", "--bin", "30min", "--top", "10", "--json")
    (tmp_path / "t.jsonl").write_text(run.stdout, encoding="utf-8")
    judge = data_folder.parent / "judge" / "trend_recall.py"
    truth = data_folder / "schedules" / "user2018_truth.csv"
    output = subprocess.run(
        [sys.executable, judge, tmp_path / "t.jsonl", truth, "--max-terms", "3"], capture_output=True, text=True, check=True
    )  # fmt: skip
    assert "recall@10 7/7" in output.stdout


def test_what_a_run_prints_can_be_tailed(archive: Path, tmp_path: Path) -> None:
    """The address names no password; our own embedded server's is known."""
    env = {"RTANALYTICS_HOME": str(tmp_path), "REDIS_URL": ""}
    toml = tmp_path / "conference.toml"
    toml.write_text('name = "small"\n', encoding="utf-8")
    try:
        run = rta("replay", archive, "--speed", "max", "--into", toml, "--json", env=env)
        where = json.loads(run.stdout)["stream"]
        shown = rta("tail", where, "--last", "2", "--json", env=env)
        assert shown.returncode == 0, shown.stderr
        assert [json.loads(line)["text"] for line in shown.stdout.splitlines()] == [
            "the walrus keynote is great"
        ] * 2
    finally:
        stop_server(tmp_path / "server")


def test_a_misspelt_command_is_answered_with_the_right_one() -> None:
    """Wrong usage, in one line."""
    run = rta("trendin", "x")
    assert run.returncode == 2
    assert "no command 'trendin'; did you mean 'trending'?" in run.stderr


def test_the_bundled_recording_is_known_by_its_name(tmp_path: Path) -> None:
    """To every command that takes an archive, as to the functions in Python; so is a conference.toml."""
    run = rta("trending", "juniperconf-2026", "--bin", "1h", "--at", "2026-06-10T15:00")
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("2026-06-10 15:00")
    fails_in_one_line(rta("trending", "juniperconf-2025"), "did you mean 'juniperconf-2026'?")
    toml = tmp_path / "c.toml"
    toml.write_text(
        f'name = "x"\narchive = "{recordings_folder() / "juniperconf-2026"}"\n[trending]\nbin = "2h"\n'
    )
    assert " 14:00 – 16:00" in rta("trending", toml, "--at", "2026-06-10T15:00").stdout


@pytest.mark.parametrize(
    ("command", "option"),
    [
        (["trending", "{}", "--json", "--timezone", "Europe/Berlin"], "--timezone"),
        (["replay", "{}", "--json", "--timezone", "Europe/Berlin"], "--timezone"),
        (["replay", "{}", "--record", "again", "--timezone", "Europe/Berlin"], "--timezone"),
        (["tail", "redis://127.0.0.1:1/0/x", "--json", "--timezone", "Europe/Berlin"], "--timezone"),
        (["collect", "{}/c.toml", "--dry-run", "--backoff-cap", "5"], "--backoff-cap"),
        (["tune", "{}", "--grid", "bin=5min,15min", "--seed", "3"], "--seed"),
    ],
)
def test_an_option_without_effect_is_refused(archive: Path, command: list[str], option: str) -> None:
    """With the reason, before anything is read."""
    (archive.parent / "c.toml").write_text('name = "c"\n')
    run = rta(
        *[
            word.replace("{}/c.toml", f"{archive.parent}/c.toml").replace("{}", f"{archive}")
            for word in command
        ]
    )
    assert run.returncode == 2
    assert option in run.stderr
    assert "has no effect" in " ".join(run.stderr.replace("│", " ").split())


def test_a_report_takes_title_zone_and_schedule_of_the_conference(tmp_path: Path) -> None:
    """With ``--conference``, and unless an option says otherwise."""
    write_recording(tmp_path / "archive", [event(n, author=f"u{n}") for n in range(5)])
    (tmp_path / "plan.csv").write_text("start,end,title\n2026-05-15 11:00,2026-05-15 12:00,Wheels\n")
    (tmp_path / "c.toml").write_text(
        'name = "x"\ntitle = "Wheel days"\ntimezone = "Europe/Berlin"\nschedule = "plan.csv"\n'
    )
    given = ("report", tmp_path / "archive", "--conference", tmp_path / "c.toml", "--out", tmp_path / "r.md")
    run = rta(*given)
    assert run.returncode == 0, run.stderr
    text = (tmp_path / "r.md").read_text()
    assert text.startswith("# Wheel days\n")
    assert "Europe/Berlin" in text
    assert "Wheels" in text
    assert rta(*given, "--title", "Other").returncode == 0
    assert (tmp_path / "r.md").read_text().startswith("# Other\n")
