"""The kinds of source that come with us keep the contract of all sources."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

from aiohttp import web

from rtanalytics.sources import KINDS
from tests.contracts.http import HttpContract
from tests.contracts.source import SECRET, T0, Harness, SourceContract
from tests.sources.server import item, rss

TOMORROW = (datetime.now(UTC) + timedelta(days=1)).replace(hour=9, minute=0, second=0, microsecond=0)


class FeedHarness(Harness):
    """A blog."""

    kind = "feed"

    def table(self, url):
        return {"url": f"{url}/feed", "key": "blog.example", "allow_private": True}

    def secret_table(self, url):
        return {**self.table(url), "url": f"{url}/feed?token={SECRET}"}

    async def answer(self, request, items):
        tag = f'"{len(items)}"'
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers={"ETag": tag})
        body = rss(*(item(f"n{n}", f"Item {n}", day=1 + n % 28) for n in reversed(items)))
        return web.Response(body=body, headers={"ETag": tag}, content_type="application/rss+xml")

    def number(self, event):
        return int(event.title.removeprefix("Item ")) if event.title else None


class TestFeeds(HttpContract):
    harness_class = FeedHarness


class ScheduleHarness(Harness):
    """A plan of talks that grows."""

    kind = "schedule"
    first_tells = False

    def table(self, url):
        return {"url": f"{url}/plan", "key": "plan.example", "allow_private": True}

    def secret_table(self, url):
        return {**self.table(url), "url": f"{url}/plan?token={SECRET}"}

    async def answer(self, request, items):
        rows = [f"{n},Talk {n},{(TOMORROW + timedelta(hours=n)).isoformat()},45,1" for n in items]
        return web.Response(text="\n".join(["id,title,start,minutes,room", *rows]), content_type="text/csv")

    def number(self, event):
        found = re.search(r"Talk (\d+)", event.title or "")
        return int(found[1]) if found else None


class TestSchedules(HttpContract):
    harness_class = ScheduleHarness


class GitHubHarness(Harness):
    """A repository in which something happens; three pages, the newest first."""

    kind = "github"

    def table(self, url):
        return {"repo": "ada/notes", "api": url, "allow_private": True}

    def secret_table(self, url):
        return {**self.table(url), "token": "env:CONTRACT_SECRET"}

    async def answer(self, request, items):
        page = int(request.query.get("page", 1))
        assert request.path == "/repos/ada/notes/events"
        tag = f'W/"{len(items)}"'
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers={"ETag": tag})
        newest = items[::-1]
        payload = [self.event(n) for n in newest[(page - 1) * 10 : page * 10]]
        headers = {"ETag": tag}
        if page < 3 and len(items) > page * 10:
            headers["Link"] = f'<{request.path}?per_page=100&page={page + 1}>; rel="next"'
        return web.json_response(payload, headers=headers)

    def event(self, n):
        return {
            "id": str(1000 + n),
            "type": "IssuesEvent",
            "actor": {"id": 7, "login": "ada"},
            "repo": {"name": "ada/notes"},
            "payload": {"action": "opened", "issue": {"number": n, "title": f"Issue {n}", "body": "text"}},
            "created_at": f"{T0 + timedelta(minutes=n):%Y-%m-%dT%H:%M:%SZ}",
        }

    def number(self, event):
        return int(event.title.removeprefix("Issue ")) if event.title else None


class TestGitHub(HttpContract):
    harness_class = GitHubHarness


def test_every_kind_of_source_keeps_the_contract():
    """Some test class beside this one runs the suite for each, and none for a kind that is not there."""
    played = set()
    for path in Path(__file__).parent.glob("test_*.py"):
        module = import_module(f"tests.sources.{path.stem}")
        for name, found in vars(module).items():
            if name.startswith("Test") and isinstance(found, type) and issubclass(found, SourceContract):
                played.add(found.harness_class.kind)
    assert played == KINDS.keys()
