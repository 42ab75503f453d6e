"""The commands that measure, run as people run them: in a process of their own."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from rtanalytics.archive import write_recording
from rtanalytics.cli.compare import read_topics
from rtanalytics.evaluate import METRICS, compare_all
from rtanalytics.schedule import ReferenceTopic, write_truth
from rtanalytics.series import anomaly_scores, read_series
from rtanalytics.session import SessionError
from rtanalytics.trending import ALGORITHMS
from tests.build import BASE, event


def rta(*args: object) -> subprocess.CompletedProcess[str]:
    """Run a command and wait for it."""
    return subprocess.run(
        [sys.executable, "-m", "rtanalytics", *map(str, args)],
        capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "COLUMNS": "160"},
    )  # fmt: skip


def fails_in_one_line(run: subprocess.CompletedProcess[str], *words: str) -> None:
    """Status 1, nothing on the output, one line that says it."""
    assert run.returncode == 1, run.stderr
    assert run.stdout == ""
    assert run.stderr.count("\n") == 1, run.stderr
    for word in words:
        assert word in run.stderr


def topic(word: str, *, found: str = "1") -> ReferenceTopic:
    """Known two hours after the beginning."""
    start = BASE + timedelta(hours=2)
    return ReferenceTopic(
        start=start, end=start + timedelta(minutes=30), keywords=(word,), extra={"detectable": found}
    )


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two small recordings in which something trends, with truths inside and beside them."""
    folder = tmp_path_factory.mktemp("recordings")
    made = []
    for name, word in (("one", "walrus"), ("two", "tokio")):
        quiet = [event(n * 60, text=f"coffee number {n % 5}", author=f"u{n % 9}") for n in range(240)]
        burst = [event(7200 + n * 7, text=f"the {word} keynote is great", author=f"w{n}") for n in range(40)]
        truth = [topic(word), topic("silence", found="0")]
        write_recording(folder / name, [*quiet, *burst], truth=truth)
        write_truth(folder / f"{name}.csv", [topic("keynote")])
        made.append(folder / name)
    return made


def test_compare_prints_a_table_for_each_recording_and_for_all(archives):
    """Titles, every algorithm, the best marked, what is undefined as a dash, and the legend."""
    run = rta("compare", *archives, "--algorithm", "poisson", "--algorithm", "count")
    assert run.returncode == 0, run.stderr
    for words in (
        "one: 2 reference topics",
        "two: 2 reference topics",
        "all together: 4 reference topics",
        "random: ",
    ):
        assert words in run.stdout
    lines = [line for line in run.stdout.splitlines() if line.split()[:1] == ["poisson"]]
    lines = [line for line in lines if "finds most" not in line]
    assert len(lines) == 3
    assert all("0.50 (" in line and "–  " in line and "*" in line for line in lines)
    assert "differ significantly" in run.stdout or "finds most reference topics" in run.stdout


def test_all_algorithms_are_compared_and_those_that_use_later_bins_are_marked(archives):
    """Each of the registry has a row and an object; a dagger and ``causal`` mark those that use later bins."""
    run = rta("compare", archives[0])
    assert run.returncode == 0, run.stderr
    rows = {line.split()[0]: line for line in run.stdout.splitlines() if line.split()[:1]}
    assert set(ALGORITHMS) <= set(rows)
    assert {name for name in ALGORITHMS if "†" in rows[name]} == {
        name for name, cls in ALGORITHMS.items() if not cls.causal
    }
    run = rta("compare", archives[0], "--algorithm", "kleinberg", "poisson", "--json")
    found = {o["algorithm"]: o["causal"] for o in map(json.loads, run.stdout.splitlines())}
    assert found == {"kleinberg": False, "poisson": True}


def test_compare_json_is_one_object_per_algorithm(archives):
    """With every metric, pooled and for each recording, equal to the library's; undefined is null."""
    run = rta(
        "compare", *archives, "--algorithm", "poisson", "count", "--json", "--top", "5", "--bin", "30min"
    )
    assert run.returncode == 0, run.stderr
    objects = [json.loads(line) for line in run.stdout.splitlines()]
    assert [o["algorithm"] for o in objects] == ["poisson", "count"]
    from rtanalytics.archive import Recording

    recordings = [Recording(folder) for folder in archives]
    expected = compare_all(recordings, algorithms=["poisson", "count"], top=5, bin=timedelta(minutes=30))
    for found in objects:
        tally = expected.pooled(found["algorithm"])
        assert {name: found[name] for name in METRICS} == {n: m.of(tally) for n, m in METRICS.items()}
        assert found["false_alarms_per_hour_at_90_recall"] is None
        assert [r["recording"] for r in found["recordings"]] == ["one", "two"]
        assert all(set(METRICS) <= set(r) for r in found["recordings"])
        assert found["recall_low"] <= found["recall"] <= found["recall_high"]


@pytest.mark.parametrize("repeated", [True, False])
def test_truths_are_taken_in_the_archives_order(archives, repeated):
    """After one --truth or after one each; they replace what the archives know."""
    files = [folder.with_suffix(".csv") for folder in archives]
    options = ["--truth", files[0], "--truth", files[1]] if repeated else ["--truth", *files]
    run = rta("compare", *archives, *options, "--algorithm", "poisson", "--json")
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert (found["events"], found["matched"]) == (2, 2)


def test_a_missing_truth_file_is_reported(tmp_path):
    """With what it should be, and not as the system has it."""
    with pytest.raises(
        SessionError, match=r"nope.csv: cannot be read: No such file or directory; give a CSV file"
    ):
        read_topics(tmp_path / "nope.csv")


def test_reference_topics_can_be_selected(archives):
    """By a column of the truth file; a value that no topic has is reported."""
    run = rta("compare", archives[0], "--algorithm", "poisson", "--only", "detectable=1", "--json")
    assert json.loads(run.stdout)["recall"] == 1
    run = rta("compare", archives[0], "--only", "detectable=2")
    fails_in_one_line(run, "no reference topic has '2' in a column 'detectable'")


@pytest.mark.parametrize("name", ["figure.png", "figure.svg"])
def test_the_figure_is_written(archives, tmp_path, name):
    """In the format that its name says."""
    run = rta("compare", archives[0], "--algorithm", "poisson", "--figure", tmp_path / name)
    assert run.returncode == 0, run.stderr
    head = (tmp_path / name).read_bytes()[:300]
    assert b"PNG" in head or b"<svg" in head or b"<!DOCTYPE svg" in head


def test_the_figure_is_drawn_without_any_false_alarm_and_after_the_table(archives, tmp_path):
    """No alarm is false here; if the figure cannot be written, the table has been."""
    truth = tmp_path / "all.csv"
    start, end = BASE - timedelta(days=1), BASE + timedelta(days=1)
    words = ("walrus", "keynote", "great", "coffee", "number", "0", "1", "2", "3", "4")
    write_truth(truth, [ReferenceTopic(start=start, end=end, keywords=words)])
    asked = ("compare", archives[0], "--algorithm", "poisson", "--truth", truth)
    assert json.loads(rta(*asked, "--json").stdout)["false_alarms_per_hour"] == 0
    run = rta(*asked, "--figure", tmp_path / "figure.png")
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "figure.png").stat().st_size > 1000
    run = rta(*asked, "--figure", tmp_path / "nowhere" / "figure.png")
    assert run.returncode == 1
    assert "recall" in run.stdout
    assert run.stderr.count("\n") == 1, run.stderr


def test_reference_topics_without_messages_are_named(archives, tmp_path):
    """Keywords joined by anything else than | occur nowhere, so a mistake in the file is seen."""
    truth = tmp_path / "commas.csv"
    write_truth(truth, [topic("keynote"), topic("walrus,keynote"), topic("Wàlrus|silence")])
    run = rta("compare", archives[0], "--algorithm", "poisson", "--truth", truth)
    assert run.returncode == 0, run.stderr
    assert run.stderr.count("\n") == 1, run.stderr
    assert "1 of 3 reference topics" in run.stderr
    assert "'walrus,keynote'" in run.stderr
    truth.write_text("start_utc,end_utc,keywords\n2026-05-15T09:00Z,2026-05-15T10:00Z,Walrus|silence\n")
    assert rta("compare", archives[0], "--algorithm", "poisson", "--truth", truth).stderr == ""


def test_the_help_of_compare_explains_a_truth_file():
    """Columns, and what joins keywords."""
    shown = " ".join(rta("compare", "--help").stdout.replace("│", " ").split())
    for word in ("start_utc", "end_utc", "keywords", "joined by |", "_truth.csv"):
        assert word in shown


def test_what_cannot_be_compared_is_reported_in_one_line(archives, tmp_path):
    """No archive there, nothing known, a damaged truth."""
    fails_in_one_line(rta("compare", tmp_path / "nowhere"), "nowhere")
    write_recording(tmp_path / "bare", [event(1)])
    fails_in_one_line(
        rta("compare", tmp_path / "bare"), "has no ground truth", "'bare'", "--truth FILE.csv", "keywords"
    )
    damaged = tmp_path / "damaged.csv"
    damaged.write_text("start_utc,end_utc,keywords\nsoon,later,x\n")
    fails_in_one_line(rta("compare", archives[0], "--truth", damaged), "damaged.csv:2", "'soon'")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--algorithm", "magic"], "no algorithm 'magic'"),
        (["--bin", "soon"], "soon"),
        (["--figure", "figure.gif"], "must end in .png"),
        (["--truth", "a.csv", "b.csv"], "2 truth files for 1 archives"),
        (["--only", "detectable"], "not COLUMN=VALUE"),
    ],
)
def test_wrong_usage_has_status_2(archives, options, words):
    """The message says what was wrong."""
    run = rta("compare", archives[0], *options)
    assert run.returncode == 2, run.stderr
    assert run.stdout == ""
    assert words in " ".join(run.stderr.replace("│", " ").split())


# -- series -----------------------------------------------------------------------------------------


@pytest.fixture
def counts(tmp_path: Path) -> Path:
    """Three days of counts with a burst, in quarters of an hour."""
    path = tmp_path / "counts.csv"
    rows = [
        f"{BASE + n * timedelta(minutes=15):%Y-%m-%d %H:%M:%S},{5 + n % 7 + 80 * (n == 250)}"
        for n in range(288)
    ]
    path.write_text("\n".join(["timestamp,value", *rows]) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("name", [None, "peaks", "ewma", "zscore"])
def test_series_prints_a_score_for_each_row(counts, name):
    """The same timestamps in the same order, and the library's scores."""
    run = rta("series", counts, *(["--algorithm", name] if name else []))
    assert (run.returncode, run.stderr) == (0, "")
    rows = list(csv.reader(run.stdout.splitlines()))
    given = list(read_series(counts))
    assert rows[0] == ["timestamp", "anomaly_score"]
    assert [row[0] for row in rows[1:]] == [row.timestamp for row in given]
    scores = [float(row[1]) for row in rows[1:]]
    assert scores == pytest.approx(list(anomaly_scores(given, name or "peaks")), abs=1e-8)
    assert max(range(len(scores)), key=scores.__getitem__) == 250


@pytest.mark.parametrize(("name", "needs"), [(None, "24 hours"), ("ewma", "100 values")])
def test_a_series_that_is_too_short_for_any_score_says_so(tmp_path, name, needs):
    """All zeros, and a line on stderr that says why and how much it takes."""
    path = tmp_path / "short.csv"
    rows = [f"{BASE + n * timedelta(minutes=15):%Y-%m-%d %H:%M:%S},{n % 7}" for n in range(40)]
    path.write_text("\n".join(["timestamp,value", *rows]) + "\n", encoding="utf-8")
    run = rta("series", path, *(["--algorithm", name] if name else []))
    assert run.returncode == 0
    assert {row.rpartition(",")[2] for row in run.stdout.splitlines()[1:]} == {"0"}
    assert run.stderr.count("\n") == 1, run.stderr
    assert needs in run.stderr


def test_a_bad_series_is_reported_with_its_line(counts, tmp_path):
    """One line, status 1, and no half table; an unknown detector is wrong usage."""
    with counts.open("a") as file:
        file.write("2026-06-01,lots\n")
    fails_in_one_line(rta("series", counts), "counts.csv:290", "'lots' is not a finite number")
    fails_in_one_line(rta("series", tmp_path / "none.csv"), "none.csv")
    run = rta("series", counts, "--algorithm", "magic")
    assert run.returncode == 2
    assert "magic" in run.stderr
