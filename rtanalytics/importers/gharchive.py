"""GH Archive: an hour of what was public on GitHub, an event a line.

An event is ``github::<its number>``, the same that GitHub's API and its feeds give it. Before 2015 they
were written without numbers and in another shape; those are known by who did what to which repository when.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from rtanalytics.event import Author, Event
from rtanalytics.importers import Options, Rejected
from rtanalytics.importers.parts import (
    ODD,
    RowError,
    author_of,
    build,
    digest,
    find_links,
    find_tags,
    moment,
    number,
    reason_of,
    shortened,
    word,
)
from rtanalytics.importers.reading import begins, lines
from rtanalytics.importers.walk import parse

__all__ = ["GHARCHIVE"]

CONNECTOR = "gharchive@1"
_KINDS = {
    "PushEvent": "commit",
    "IssuesEvent": "issue",
    "PullRequestEvent": "pull_request",
    "ReleaseEvent": "release",
    "IssueCommentEvent": "comment",
    "CommitCommentEvent": "comment",
    "PullRequestReviewCommentEvent": "comment",
    "PullRequestReviewEvent": "comment",
    "DiscussionEvent": "post",
    "DiscussionCommentEvent": "comment",
    "ForkEvent": "fork",
    "WatchEvent": "star",
    "CreateEvent": "create",
    "DeleteEvent": "remove",
    "GollumEvent": "page",
    "PublicEvent": "public",
    "MemberEvent": "join",
}
_KNOWN = re.compile(rb'"type"\s*:\s*"\w+Event"')
_OLD_TIME = re.compile(r"(\d{4})/(\d\d)/(\d\d) (\d\d:\d\d:\d\d) ([+-]\d\d)(\d\d)$")


class _GhArchive:
    """Importer of GH Archive's files."""

    what = "GH Archive (JSON lines of GitHub events)"
    edits = False

    def recognises(self, path: Path, head: bytes) -> bool:
        """True by the names of the events."""
        return (
            begins(head) == b"{" and b'"actor"' in head and bool(_KNOWN.search(head)) and b'"payload"' in head
        )

    def read(self, path: Path, options: Options) -> Iterator[Event | ValueError]:
        for entry in lines(path):
            if isinstance(entry, Rejected):
                yield entry
                continue
            line, data = entry
            try:
                yield _event(parse(data))
            except ODD as error:
                yield Rejected(path, f"line {line}", reason_of(error), data)


GHARCHIVE = _GhArchive()


def _event(told: Any) -> Event:
    if not isinstance(told, dict) or not isinstance(told.get("type"), str):
        raise RowError(f"{shortened(told)} is no event of GitHub's")
    kind, payload = told["type"], told.get("payload") or {}
    repo, author, created = _repo(told), _actor(told), _time(told.get("created_at"))
    if told.get("id") is not None:
        native, id_kind = number(told["id"]), "native"
    else:
        # not whole lines: GH Archive has changed how it writes them
        native = digest(kind, repo, author.handle if author else "", created.isoformat(), _what(payload))
        id_kind = "derived"
    thing, text = _thing(kind, payload), _text(kind, payload)
    return build(
        id=f"github::{native}",
        source="github",
        type=_KINDS.get(kind) or f"x:{word(kind, 60)}",
        created_at=created,
        connector=CONNECTOR,
        id_kind=id_kind,
        author=author,
        channel=repo or None,
        title=_title(kind, payload, thing),
        text=text,
        url=_url(told, thing, payload, repo),
        tags=find_tags(text) if kind != "PushEvent" else (),
        links=find_links(text) if text else (),
    )


def _repo(told: dict[str, Any]) -> str:
    repo = told.get("repo") or told.get("repository") or {}
    name = word(repo.get("name"))
    return f"{word(repo['owner'])}/{name}" if "/" not in name and isinstance(repo.get("owner"), str) else name


def _actor(told: dict[str, Any]) -> Author | None:
    actor = told.get("actor")
    attributes = told.get("actor_attributes") or {}
    if isinstance(actor, dict):
        login, native = word(actor.get("login")), actor.get("id")
    else:
        login, native = word(actor or attributes.get("login")), None
    return author_of(
        login, native, bot=login.endswith("[bot]"), url=f"https://github.com/{login}" if login else None
    )


def _time(value: Any) -> datetime:
    if isinstance(value, str) and (old := _OLD_TIME.match(value)):
        value = f"{old[1]}-{old[2]}-{old[3]}T{old[4]}{old[5]}:{old[6]}"
    return moment(value)


def _thing(kind: str, payload: dict[str, Any]) -> dict[str, Any]:
    """What it happened to, as far as it is told: since October 2025 that is little."""
    names = ("comment", "review") if "Comment" in kind or "Review" in kind else ()
    for name in (*names, "pull_request", "issue", "release", "discussion", "forkee"):
        if isinstance(payload.get(name), dict):
            return payload[name]  # type: ignore[no-any-return]
    return {}


def _commits(payload: dict[str, Any]) -> list[str]:
    """Messages of the commits; e-mail addresses, which stand beside them, are not taken."""
    if isinstance(payload.get("commits"), list):
        return [str(c.get("message") or "") for c in payload["commits"] if isinstance(c, dict)]
    return [str(c[2]) for c in payload.get("shas") or () if isinstance(c, list) and len(c) > 2]


def _text(kind: str, payload: dict[str, Any]) -> str:
    if kind == "PushEvent":
        return "\n\n".join(_commits(payload))
    if kind == "CreateEvent":
        return str(payload.get("description") or "") if payload.get("ref_type") == "repository" else ""
    body = _thing(kind, payload).get("body")
    return body if isinstance(body, str) else ""


def _title(kind: str, payload: dict[str, Any], thing: dict[str, Any]) -> str | None:
    if kind == "PushEvent":
        return (
            None if _commits(payload) else f"pushed to {word(payload.get('ref')).removeprefix('refs/heads/')}"
        )
    if kind in ("CreateEvent", "DeleteEvent"):
        done = "created" if kind == "CreateEvent" else "deleted"
        return f"{done} {word(payload.get('ref_type'))} {word(payload.get('ref'))}".strip()
    for name in (thing, payload.get("issue"), payload.get("pull_request"), payload.get("discussion")):
        if isinstance(name, dict) and (
            found := name.get("title") or name.get("name") or name.get("tag_name")
        ):
            return str(found)
    if kind == "GollumEvent":
        pages = payload.get("pages")
        return (
            ", ".join(word(p.get("title")) for p in pages if isinstance(p, dict))
            if isinstance(pages, list)
            else None
        )
    native = payload.get("number") or thing.get("number")
    return f"#{native}" if isinstance(native, int) else None


def _url(told: dict[str, Any], thing: dict[str, Any], payload: dict[str, Any], repo: str) -> str | None:
    for url in (thing.get("html_url"), told.get("url")):
        if isinstance(url, str) and "api.github.com" not in url:
            return url
    head = payload.get("head")
    if isinstance(head, str) and repo and re.fullmatch(r"[0-9a-f]{7,64}", head):
        return f"https://github.com/{repo}/commit/{head}"
    return f"https://github.com/{repo}" if repo else None


def _what(payload: dict[str, Any]) -> str:
    """What tells two events of one moment apart."""
    names = ("head", "ref", "ref_type", "action", "number", "issue_id", "comment_id", "url", "issue", "id")
    return "\0".join(str(payload.get(name, "")) for name in names if not isinstance(payload.get(name), dict))
