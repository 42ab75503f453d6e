"""Secrets are named in the file and kept in the environment."""

from __future__ import annotations

import pytest

from rtanalytics.sources.base import AuthFailed
from rtanalytics.sources.secrets import check_secret, secret


def test_a_secret_comes_from_the_variable_that_the_table_names(monkeypatch):
    """White space around it, as from a file, does not belong to it."""
    monkeypatch.setenv("MY_TOKEN", " s3cr3t\n")
    assert secret("env:MY_TOKEN", "token") == "s3cr3t"


@pytest.mark.parametrize("value", ["", "  ", None])
def test_a_variable_that_is_not_set_is_named(monkeypatch, value):
    """The message says which variable to set; the source's name stands before it already."""
    monkeypatch.delenv("MY_TOKEN", raising=False)
    if value is not None:
        monkeypatch.setenv("MY_TOKEN", value)
    with pytest.raises(AuthFailed, match="^token is missing; set the environment variable MY_TOKEN"):
        secret("env:MY_TOKEN", "token")


def test_a_secret_of_two_lines_is_refused_without_showing_it(monkeypatch):
    """It would end up in a header, and begin another one."""
    monkeypatch.setenv("MY_TOKEN", "s3cr3t\r\nX-Other: 1")
    with pytest.raises(AuthFailed, match="must be one line") as refused:
        secret("env:MY_TOKEN", "token")
    assert "s3cr3t" not in str(refused.value)


@pytest.mark.parametrize(
    "value", ["ghp_s3cr3t", "", "env:", "env:1s3cr3t", "env:s3cr3t x", "ENV:s3cr3t", "env:é"]
)
def test_a_secret_in_the_file_is_refused_without_showing_it(value):
    """The message says what to write instead."""
    with pytest.raises(
        ValueError, match='write client_secret = "env:CLIENT_SECRET"|example: client_secret'
    ) as refused:
        check_secret(value, "client_secret")
    assert "s3cr3t" not in str(refused.value)


@pytest.mark.parametrize("value", ["env:GITHUB_TOKEN", "env:_x1", None])
def test_the_name_of_a_variable_is_valid(value):
    """A missing key is valid too."""
    assert check_secret(value, "token") is None
