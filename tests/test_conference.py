"""An error in conference.toml names its line and what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtanalytics.conference import ConferenceError, read_conference
from rtanalytics.session import conference_settings, read_sources

FEED = '[[source]]\ntype = "feed"\nname = "r"\nurl = "https://www.reddit.com/r/x.rss"\n'


def read_all(path: Path) -> None:
    """Read what a command reads of the file before it begins."""
    conference = read_conference(path)
    read_sources(conference)
    conference_settings(conference)


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        (
            'name = "x"\n[limits]\n"https://www.reddit.com/r" = "1/min"\n',
            ["conference.toml:3: ", 'write "www.reddit.com" = "1/min"'],
        ),
        (
            'name = "x"\n[limits]\n"reddit.com" = "1/min"\n' + FEED,
            ["conference.toml:3: ", "no source asks that host; did you mean 'www.reddit.com'?"],
        ),
        (
            'name = "x"\n[limits]\n"a.example" = "1/min"\n"www.reddit.com" = 5\n',
            ["conference.toml:4: ", 'write "www.reddit.com" = "5/min"'],
        ),
        (
            'name = "x"\n[trending]\ntop = 5\nbin = "5 parsecs"\n',
            ["conference.toml:4: ", "bin: invalid duration '5 parsecs'"],
        ),
        (
            'name = "x"\n[trending]\ntop = 0\n',
            ["conference.toml:3: ", "top must be a whole number, at least 1"],
        ),
        (
            'name = "x"\n[trending]\ntop = "5"\n',
            ["conference.toml:3: ", "top must be a whole number, at least 1, not '5'"],
        ),
        ('name = "x"\n[source]\ntype = "feed"\n', ["conference.toml:2: ", "write [[source]]"]),
        ('name = "x"\n[source]\ntype = "feed"\n' + FEED, ["conference.toml:2: ", "write [[source]]"]),
        ('name = "x"\nhashtags = "#x"\n', ["conference.toml:2: ", "write hashtags = ['#x']"]),
        ('name = "x"\nhashtags = ["a", 5]\n', ["conference.toml:2: ", "5 must be text in quotes"]),
        ('name = "x"\nmost_entries = "many"\n', ["conference.toml:2: ", "write most_entries = 10"]),
        ('name = "x"\nfolder = "x"\n', ["conference.toml:2: ", "unknown key 'folder'"]),
    ],
)
def test_an_error_names_its_line_and_what_to_write(tmp_path: Path, toml: str, words: list[str]) -> None:
    """Limits, trends, tables, lists: all errors have one style."""
    path = tmp_path / "conference.toml"
    path.write_text(toml)
    with pytest.raises(ConferenceError) as caught:
        read_all(path)
    assert all(word in str(caught.value) for word in words), caught.value


def test_a_limit_may_have_the_name_that_sources_share(tmp_path: Path) -> None:
    """The budget is called as the sources call it: by their host, or by what they share."""
    path = tmp_path / "conference.toml"
    path.write_text('name = "x"\n[limits]\n"reddit" = "1/min"\n' + FEED + 'shares = "reddit"\n')
    assert [spec.name for spec in read_sources(read_conference(path))] == ["r"]
    path.write_text('name = "x"\n[limits]\n"www.reddit.com" = "1/min"\n' + FEED)
    assert [spec.name for spec in read_sources(read_conference(path))] == ["r"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("pycon.toml", "no such file; give its full path, or create one with 'rtanalytics init {}'"),
        ("juniperconf-2025", "create one with 'rtanalytics init conference.toml'"),
        ("", "is a folder; give the name of the conference.toml in it"),
    ],
)
def test_a_file_that_cannot_be_found_has_advice_that_works(tmp_path: Path, name: str, words: str) -> None:
    """The command in the message creates a file that ends in .toml."""
    path = tmp_path / name
    with pytest.raises(ConferenceError) as caught:
        read_conference(path)
    assert words.format(path) in str(caught.value)
