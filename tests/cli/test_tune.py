"""``rtanalytics tune``, run as people run it: in a process of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from rtanalytics.archive import Recording, write_recording
from rtanalytics.conference import read_conference
from rtanalytics.schedule import write_truth
from rtanalytics.session import conference_settings, open_conference
from rtanalytics.synthetic import conference
from rtanalytics.topics import trends


def rta(*args: object) -> subprocess.CompletedProcess[str]:
    """Run a command and wait for it."""
    return subprocess.run(
        [sys.executable, "-m", "rtanalytics", *map(str, args)],
        capture_output=True, text=True, timeout=240, check=False, env={**os.environ, "COLUMNS": "160"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two small conferences, of seeds that nothing else uses."""
    folder = tmp_path_factory.mktemp("recordings")
    for name, seed in (("one", 7301), ("two", 7302)):
        made = conference(seed, days=1, events=800)
        write_recording(folder / name, made.events, truth=made.truth)
    return [folder / "one", folder / "two"]


GRID = (
    "--grid",
    "topic_filter.min_probability=0.3,0.9",
    "--grid",
    "topic_filter.evidence_decay=5min,30min",
    "--grid",
    "parameters.prior=5,80",
)


def test_the_printed_settings_can_be_pasted_into_a_conference_toml(archives, tmp_path):
    """Its whole output is TOML; the trender, the notebooks, trending and report use it."""
    run = rta("tune", *archives, *GRID, "--figure", tmp_path / "tune.png")
    assert run.returncode == 0, run.stderr
    for words in ("# left out", "# one", "# two", "# mean", "cross-validated score"):
        assert words in run.stdout
    assert (tmp_path / "tune.png").read_bytes().startswith(b"\x89PNG")
    table = tomllib.loads(run.stdout)["trending"]
    file = tmp_path / "conference.toml"
    file.write_text(f'name = "x"\n\n{run.stdout}', encoding="utf-8")
    settings = conference_settings(read_conference(file))
    assert settings.topic_filter.min_probability == table["topic_filter"]["min_probability"]
    assert settings.parameters["prior"] == table["parameters"]["prior"]
    assert open_conference(file).settings == settings
    recording = Recording(archives[0])
    settings = settings.replace(own_tags=[*recording.meta.hashtags, *recording.meta.accounts])
    listed = [trend for bin in trends(recording, settings) for trend in bin.trends]
    assert listed
    shown = rta("trending", archives[0], "--conference", file, "--json")
    assert [json.loads(line)["id"] for line in shown.stdout.splitlines()] == [trend.id for trend in listed]
    strict = re.sub(
        r"^min_probability = .*$",
        "min_probability = 0.97",
        file.read_text(encoding="utf-8"),
        flags=re.MULTILINE,
    )
    file.with_name("strict.toml").write_text(strict, encoding="utf-8")
    sure = rta("trending", archives[0], "--conference", file.with_name("strict.toml"), "--json")
    assert 0 < sure.stdout.count("\n") < shown.stdout.count("\n")
    wide = rta("trending", archives[0], "--conference", file, "--bin", "1h", "--top", "1", "--json")
    assert {json.loads(line)["rank"] for line in wide.stdout.splitlines()} == {1}
    page = rta("report", archives[0], "--conference", file, "--out", tmp_path / "report.md")
    assert page.returncode == 0, page.stderr
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert listed[0].label in text


def test_tune_json_is_one_object(archives):
    """The choice, the figures, each conference left out, and a row a setting."""
    run = rta("tune", *archives, *GRID, "--jobs", "1", "--json")
    assert run.returncode == 0, run.stderr
    (line,) = run.stdout.splitlines()
    found = json.loads(line)
    assert (found["objective"], found["left_out"], found["unbiased"]) == ("f1", "conferences", True)
    assert [fold["left_out"] for fold in found["folds"]] == ["one", "two"]
    assert found["test_score"] == pytest.approx(sum(fold["score"] for fold in found["folds"]) / 2)
    assert found["train_score"] >= found["default_score"]
    assert len(found["settings"]) == 9
    best = found["settings"][0]
    assert (
        best["mean"] == pytest.approx(found["train_score"]) == pytest.approx((best["one"] + best["two"]) / 2)
    )
    assert (
        tomllib.loads(found["toml"])["trending"]["topic_filter"]["min_probability"]
        == found["chosen"]["topic_filter.min_probability"]
    )
    assert best["topic_filter.min_probability"] == found["chosen"]["topic_filter.min_probability"]


def test_a_score_that_is_too_optimistic_has_a_note(archives, tmp_path):
    """One conference: the truth may be given beside it, and the words are plain."""
    write_truth(tmp_path / "known.csv", Recording(archives[0]).truth)
    run = rta(
        "tune",
        archives[0],
        "--truth",
        tmp_path / "known.csv",
        "--grid",
        "topic_filter.min_probability=0.3,0.9",
        "--jobs",
        "1",
    )
    assert run.returncode == 0, run.stderr
    assert "this score is too optimistic" in run.stdout


def test_settings_of_an_algorithm_that_cannot_run_live_have_a_note(archives):
    """An algorithm that needs later bins can be tuned, but cannot detect trends live."""
    run = rta("tune", *archives, "--algorithm", "kleinberg", "--grid", "parameters.s=1.5,3", "--jobs", "1")
    assert run.returncode == 0, run.stderr
    assert "kleinberg cannot detect trends live" in run.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--grid", "topic_filter.leest=1"), "unknown key 'topic_filter.leest' in [trending]"),
        (("--grid", "topic_filter.min_probability"), "is not NAME=VALUE,VALUE"),
        (("--grid", "topic_filter.min_probability=2"), "probability"),
        (("--objective", "luck"), "unknown metric 'luck'"),
        (("--algorithm", "luck"), "no algorithm 'luck'"),
        (("--figure", "tune.doc"), "must end in .png or .svg"),
        (("--truth", "a.csv", "--truth", "b.csv", "--truth", "c.csv"), "3 truth files for 2 archives"),
    ],
)
def test_wrong_usage_of_tune_is_named(archives, arguments, words):
    """Status 2, nothing printed, the reason last."""
    run = rta("tune", *archives, *arguments)
    assert run.returncode == 2, run.stderr
    assert run.stdout == ""
    assert words in " ".join(run.stderr.split())


def test_tune_needs_a_truth(archives, tmp_path):
    """One line says which recording has none."""
    write_recording(tmp_path / "bare", list(Recording(archives[0])))
    run = rta("tune", tmp_path / "bare", "--grid", "topic_filter.min_probability=0.3,0.9")
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1, run.stderr
    assert "bare" in run.stderr
