"""GitHub's events from a server that behaves as GitHub does."""

from __future__ import annotations

import asyncio
import tomllib
from datetime import timedelta

import pytest

from rtanalytics.sources import SourceTableError, spec_from_table
from rtanalytics.sources.base import Blocked, Gone, RateLimited
from rtanalytics.sources.github import EXAMPLE
from tests.contracts.source import Outside, Reader
from tests.sources.test_contract import GitHubHarness

GOOD = {"type": "github", "name": "notes", "repo": "ada/notes"}


def run_story(story, **fields):
    """Run a story with GitHub and a source that reads it."""

    async def run():
        harness = GitHubHarness()
        async with Outside(harness) as github:
            reader = Reader(harness, {**harness.table(github.url("")), **fields})
            try:
                return await story(github, reader)
            finally:
                await reader.source.close()

    return asyncio.run(run())


def test_it_asks_as_github_wants_to_be_asked(monkeypatch):
    """Version, media type, token, its own ETag; as rarely as X-Poll-Interval says."""
    monkeypatch.setenv("T", "s3cr3t")

    async def story(github, reader):
        github.items = [1]
        await reader.poll()
        asked = github.requests[0]
        assert asked.headers["Accept"] == "application/vnd.github+json"
        assert asked.headers["X-GitHub-Api-Version"] == "2022-11-28"
        assert asked.headers["Authorization"] == "Bearer s3cr3t"
        assert asked.query["per_page"] == "100"
        assert (await reader.poll()).wait == timedelta(minutes=1)
        assert github.requests[1].headers["If-None-Match"] == 'W/"1"'
        github.fail(200, b"[]", X_Poll_Interval="300")
        assert (await reader.poll()).wait == timedelta(minutes=5)

    run_story(story, token="env:T")


def test_without_a_token_it_asks_more_rarely():
    """60 requests an hour are for all tables together."""

    async def story(github, reader):
        github.items = [1]
        return (await reader.poll()).wait

    assert run_story(story) == timedelta(minutes=5)


def test_three_pages_are_caught_up_with_and_more_is_a_gap():
    """Thirty events here for three hundred there; afterwards an event says what may be missing."""

    async def story(github, reader):
        github.items = [1]
        await reader.until({1})
        github.items = list(range(1, 26))
        await reader.until(range(1, 26))
        assert not [e for e in reader.got if e.type == "gap"]
        github.items = list(range(1, 66))
        await reader.until({*range(1, 26), *range(36, 66)})
        [gap] = [e for e in reader.got if e.type == "gap"]
        assert gap.id == "github:127.0.0.1:" + f"{github.port}/repos/ada/notes:gap/2026-05-15T09:25:00.000Z"
        assert "from 2026-05-15 09:25:00 to 2026-05-15 09:36:00 UTC" in gap.text
        assert gap.bucket == "github"

    run_story(story)


def test_an_event_that_appears_late_between_older_ones_is_found():
    """GitHub is up to six hours late; a page behind the first new one is looked at as well."""

    async def story(github, reader):
        github.items = [n for n in range(1, 18) if n != 4]
        await reader.until(github.items)
        github.items = list(range(1, 19))
        await reader.until(range(1, 19))
        assert not [e for e in reader.got if e.type == "gap"]

    run_story(story)


@pytest.mark.parametrize(
    ("status", "headers", "error", "wait"),
    [
        (403, {"X_RateLimit_Remaining": "0", "X_RateLimit_Reset": "30"}, RateLimited, 30),
        (429, {"Retry_After": "60"}, RateLimited, 60),
        (403, {"Retry_After": "60"}, RateLimited, 60),
        (403, {}, Blocked, None),
        (410, {}, Gone, None),
    ],
)
def test_its_limits_are_waited_out(status, headers, error, wait):
    """The first limit with its reset, the second with Retry-After."""

    async def story(github, reader):
        github.fail(status, **headers)
        with pytest.raises(error) as caught:
            await reader.poll()
        assert getattr(caught.value, "wait", None) == (timedelta(seconds=wait) if wait else None)

    run_story(story)


@pytest.mark.parametrize(
    ("fields", "scope", "path"),
    [
        ({"repo": "Ada/Notes"}, "repos/ada/notes", "repos/Ada/Notes"),
        ({"org": "pycon"}, "orgs/pycon", "orgs/pycon"),
        ({"user": "ada"}, "users/ada", "users/ada"),
        ({"org": "x", "api": "https://git.example/api/v3"}, "git.example/api/v3/orgs/x", "orgs/x"),
    ],
)
def test_a_table_names_what_is_read(fields, scope, path):
    """GitHub does not tell Ada from ada; another GitHub's numbers are its own."""
    spec = spec_from_table({"type": "github", "name": "notes", **fields})
    assert (spec.scope, spec.path) == (scope, path)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"repo": None}, "repo is missing; write one of"),
        ({"org": "pycon"}, "repo and org are both given"),
        ({"repo": "notes"}, "write owner/name"),
        ({"repo": "ada/../x"}, "write owner/name"),
        ({"repo": None, "user": "@ada"}, "without @"),
        ({"token": "ghp_s3cr3t"}, 'write token = "env:TOKEN"'),
        ({"pages": 0}, "1 to 10"),
        ({"api": "api.github.com"}, "api 'api.github.com' is not a web address"),
    ],
)
def test_a_mistake_in_the_table_is_named(fields, message):
    """What to write instead, and never the secret."""
    table = {key: value for key, value in {**GOOD, **fields}.items() if value is not None}
    with pytest.raises(SourceTableError, match=message) as caught:
        spec_from_table(table)
    assert "s3cr3t" not in str(caught.value)


def test_the_example_works():
    """As it is printed for whoever writes a first table."""
    [table] = tomllib.loads(EXAMPLE)["source"]
    assert spec_from_table(table).scope == "repos/python/cpython"
