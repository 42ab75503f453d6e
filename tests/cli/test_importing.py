"""The import command on files of other tools."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from rtanalytics.archive import Recording
from rtanalytics.importers import FORMATS
from tests.cli.test_recordings import fails_in_one_line, rta
from tests.contracts.importer import TALK
from tests.importers import samples


def test_help_lists_every_format() -> None:
    """Each with what it reads."""
    shown = " ".join(rta("import", "--help").stdout.split())
    for name, form in FORMATS.items():
        assert f"{name}: {form.what}" in shown


def test_rejected_rows_are_counted_printed_and_kept_once(tmp_path: Path) -> None:
    """The archive has it with file, line, reason and the row; importing again adds no second letter."""
    path = samples.write_twitter(tmp_path, TALK)
    with path.open("a", encoding="utf-8") as file:
        file.writelines(f'{{"id_str": "{n}\x1b[31m", "text": \n' for n in range(7))
    for new in (len(TALK), 0):
        run = rta("import", path, "--to", tmp_path / "a")
        assert run.returncode == 0
        assert run.stdout == f"11 read, {new} new, 0 edited, {4 - new} duplicate, 7 rejected\n"
        assert run.stderr.count("rejected: ") == 6
        assert "line 5: not JSON" in run.stderr
        assert "\x1b" not in run.stderr
    letters = [json.loads(line) for line in (tmp_path / "a" / "_rejected.jsonl").read_text().splitlines()]
    assert [letter["where"] for letter in letters] == [f"line {n}" for n in range(5, 12)]
    assert letters[0]["file"] == str(path)
    assert letters[0]["raw"].startswith('{"id_str": "0')
    assert len(Recording(tmp_path / "a")) == len(TALK)


def test_files_of_several_formats_go_into_one_archive(tmp_path: Path) -> None:
    """With the options that one of them needs; a table beside them stays what it is."""
    log = samples.write_irssi(tmp_path, TALK)
    table = tmp_path / "t.csv"
    table.write_text("created_at,source,author,text,id\n2026-05-15T09:00:00Z,twitter,ada,hello,1\n")
    files = [log, samples.write_twitter(tmp_path, TALK), samples.write_discord(tmp_path, TALK), table]
    run = rta("import", *files, "--to", tmp_path / "a", "--zone", "Europe/Berlin", "--network", "libera")
    assert run.stdout == "13 read, 13 new, 0 edited, 0 duplicate, 0 rejected\n"
    assert {e.bucket for e in Recording(tmp_path / "a")} == {"irc", "twitter", "discord"}


def test_a_mapped_table_is_imported(tmp_path: Path) -> None:
    """Columns, source, zone and shape of the times from the command line."""
    path = samples.write_columns(tmp_path, TALK)
    run = rta(
        "import", path, "--to", tmp_path / "a", "--columns", "created_at=When,author=Who", "--columns", "text=Said",
        "--source", "slack:#general", "--zone", "Europe/Berlin", "--time-format", "%d.%m.%Y %H:%M",
    )  # fmt: skip
    assert run.stdout == "4 read, 4 new, 0 edited, 0 duplicate, 0 rejected\n", run.stderr
    assert [(e.created_at, e.text) for e in Recording(tmp_path / "a")] == [(s.at, s.text) for s in TALK]


def test_a_missing_option_for_a_log_is_named_in_one_line(tmp_path: Path) -> None:
    """And nothing is imported."""
    path = samples.write_irssi(tmp_path, TALK)
    fails_in_one_line(rta("import", path, "--to", tmp_path / "a"), "#pycon.log", "--zone")
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("option", "value", "word"), [("--columns", "text", "FIELD=COLUMN"), ("--day", "monday", "2026-05-15")]
)
def test_wrong_usage_has_status_2(tmp_path: Path, option: str, value: str, word: str) -> None:
    """Status 2, and what to write."""
    run = rta("import", samples.write_irssi(tmp_path, TALK), "--to", tmp_path / "a", option, value)
    assert run.returncode == 2
    assert word in run.stderr


@pytest.mark.parametrize(
    ("lines", "columns"),
    [
        (
            ["Zeit;Autor;Nachricht", "13.05.2026 09:00;ada;Guten Morgen"],
            "created_at=Zeit,author=Autor,text=Nachricht",
        ),
        (
            ["when_sent,Message,room", "2026-05-13 09:00,hello,#a"],
            "created_at=COLUMN,text=Message,channel=room",
        ),
        (
            ["timestamp\tuser\tbody", "2026-05-13T09:00:00Z\tada\thi"],
            "created_at=timestamp,author=user,text=body",
        ),
    ],
)
def test_a_table_with_other_columns_is_answered_with_the_whole_command(
    tmp_path: Path, lines: list[str], columns: str
) -> None:
    """Columns are guessed by their names; the command works as it is if all are found."""
    (tmp_path / "own.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    run = rta("import", tmp_path / "own.csv", "--to", tmp_path / "a")
    assert run.returncode == 1
    advice = run.stderr.rpartition("for example: rtanalytics ")[2]
    assert columns in advice
    again = rta(*shlex.split(advice))
    assert (again.returncode, again.stdout[:13]) == ((1, "") if "COLUMN" in advice else (0, "1 read, 1 new"))


def test_every_pattern_that_matches_nothing_is_named(tmp_path: Path) -> None:
    """Also if another pattern matches, and if all other rows were rejected."""
    log = tmp_path / "freenode_#venv_20260515.log"
    log.write_text("".join(f"[09:0{n}:00] <ada> hello {n}\n" for n in range(5)))
    run = rta("import", log, "--to", tmp_path / "a", "--zone", "UTC", "--keep", "#venv", "--keep", "#lunch*")
    assert run.returncode == 0, run.stderr
    assert "nothing in these files matches --keep #lunch*" in run.stderr
    assert "--keep #venv" not in run.stderr
