"""Answers and webhooks of Bitbucket Cloud → events. Pure: live, in tests, and for dead letters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from rtanalytics.event import Author, Event
from rtanalytics.normalize.text import author_of, find_links, word
from rtanalytics.normalize.values import as_dict, as_list, as_text, parse_time, require_dict
from rtanalytics.sources.base import Malformed, Meta, Parsed, printable
from rtanalytics.sources.clean import clean_html, links, plain
from rtanalytics.sources.json_items import Reading, build, load

__all__ = ["parse"]

_EDITED = timedelta(seconds=1)
_ADDRESS = re.compile(
    r"https://(?:api\.bitbucket\.org/2\.0/repositories|bitbucket\.org/!api/2\.0/repositories|bitbucket\.org)"
    r"/([\w.-]{1,100}/[\w.-]{1,100})/",
    re.ASCII,
)
_MAIL = re.compile(r"(?<!\s)\s*<[^<>]{0,300}>")


def parse(raw: bytes, meta: Meta) -> Parsed:
    """Commits, pull requests, issues, comments on them, tags, and what pushes made.

    Parameters
    ----------
    raw : bytes
        A page of the API, one thing of it, or the body of a webhook, as JSON.
    meta : Meta
        When it was received; ``options["repo"]`` stands for a repository that is not named.

    Raises
    ------
    Malformed
        If it is none of them.

    Examples
    --------
    >>> from datetime import datetime, UTC
    >>> meta = Meta(source="bitbucket", scope="ada/engine/commits", connector="bitbucket@1",
    ...             received_at=datetime(2026, 5, 15, 9, tzinfo=UTC), options={"repo": "ada/engine"})
    >>> raw = (b'{"values": [{"type": "commit", "hash": "a6e5e7d", "date": "2026-05-15T08:59:00+00:00",'
    ...        b' "message": "Carry the one", "author": {"raw": "Ada <ada@x.example>"}}]}')
    >>> [event] = parse(raw, meta).events
    >>> event.id, event.type, event.author.handle, event.title
    ('bitbucket::ada/engine/commits/a6e5e7d', 'commit', 'Ada', 'Carry the one')
    """
    told = load(raw, "answer of Bitbucket")
    reading = Reading(meta)
    if not isinstance(told, dict) or told.get("type") == "error":
        raise Malformed("no answer of Bitbucket: neither a page nor a thing of it", raw)
    if "isLastPage" in told or ("eventKey" in told and not told.keys() & {"push", *_ABOUT}):
        raise Malformed("no answer of Bitbucket Cloud but of a Bitbucket Server, which is not read", raw)
    repo = _repo(told) or meta.options.get("repo", "").lower()
    for number, item in enumerate(_items(told, raw), start=1):
        reading.item(item, f"item {number}", lambda item=item: _events(item, repo, reading))  # type: ignore[misc]
        reading.counts["items"] += 1
    following = told.get("next")
    return reading.parsed(next=following if isinstance(following, str) else None)


def _items(told: dict[str, Any], raw: bytes) -> list[Any]:
    if isinstance(told.get("values"), list):
        return list(told["values"])
    if "push" in told:
        return [
            item for change in as_list(as_dict(told["push"]).get("changes")) for item in _pushed(change, told)
        ]
    about = next((key for key in _ABOUT if isinstance(told.get(key), dict)), None)
    if isinstance(told.get("comment"), dict) and about and "type" not in told:
        return [told["comment"] | {about: told[about], "repository": told.get("repository")}]
    if about and "content" in told:  # a comment alone
        return [told]
    for key in (*_ABOUT, "commit_status", "fork"):
        if isinstance(told.get(key), dict) and "type" not in told:
            return [{"type": key, "repository": told.get("repository")} | told[key]]
    if "type" in told:
        return [told]
    raise Malformed("no answer of Bitbucket: neither a page nor a thing of it", raw)


_ABOUT = ("pullrequest", "issue", "commit")
"""What a comment can be about."""


def _pushed(change: Any, told: dict[str, Any]) -> list[Any]:
    """The commits of a change; of one without, the branch or tag that it made or took away."""
    commits = as_list(as_dict(change).get("commits"))
    if commits:
        return commits
    made, gone = as_dict(as_dict(change).get("new")), as_dict(as_dict(change).get("old"))
    if bool(made) == bool(gone):  # it was moved only
        return [made["target"]] if as_dict(made.get("target")).get("type") == "commit" else [change]
    return [
        {**(made or gone), "gone": not made, "actor": told.get("actor"), "repository": told.get("repository")}
    ]


def _events(item: Any, repo: str, reading: Reading) -> Iterator[Event]:
    item = require_dict(item)
    if isinstance(item.get("comment"), dict) and "pull_request" in item:  # of what happened to a pull request
        item = item["comment"] | {"pullrequest": item["pull_request"]}
    kind, repo = (
        item.get("type"),
        _repo(item) or _repo(as_dict(item.get("destination"))) or _linked(item) or repo,
    )
    if kind == "commit":
        yield _commit(item, repo, reading.meta)
    elif kind in {"pullrequest", "issue"}:
        yield _thing(item, repo, reading.meta)
    elif any(isinstance(item.get(key), dict) for key in _ABOUT) and "content" in item:
        yield _comment(item, repo, reading.meta)
    elif kind in {"tag", "branch", "named_branch"} and (kind == "tag" or "gone" in item):
        yield _ref(item, repo, reading.meta)
    else:
        reading.unknown("record", kind)
        raise ValueError(f"it is of the type {printable(ascii(kind), 40)}: nothing that people said")


def _commit(item: dict[str, Any], repo: str, meta: Meta) -> Event:
    number = word(item.get("hash"), 64)
    if not re.fullmatch(r"[0-9a-f]{4,64}", number) or not repo:
        raise ValueError("it has no hash, or no repository: nothing to know it by")
    message = as_text(item.get("message"))
    title, _, rest = message.strip().partition("\n")
    said = as_dict(item.get("author"))
    writer = _author(as_dict(said.get("user"))) or author_of(
        _MAIL.sub("", as_text(said.get("raw"))).strip(), None
    )
    kept = {**item, "author": {**said, "raw": _MAIL.sub("", as_text(said.get("raw")))}}
    return build(
        meta,
        id=f"bitbucket::{repo}/commits/{number}",
        type="commit",
        created_at=parse_time(item["date"]) if item.get("date") is not None else None,
        author=writer,
        title=title,
        text=rest.strip() or title,
        url=_url(item),
        links=find_links(message),
        channel=repo,
        item=kept,
    )


def _thing(item: dict[str, Any], repo: str, meta: Meta) -> Event:
    """A pull request or an issue."""
    number, pull = item.get("id"), item["type"] == "pullrequest"
    if not isinstance(number, int) or isinstance(number, bool) or not repo:
        raise ValueError("it has no id, or no repository: nothing to know it by")
    created, edited = _times(item)
    rendered = as_dict(as_dict(item.get("rendered")).get("description"))
    text, html, found = _said(as_dict(item.get("content")) or as_dict(item.get("summary")) or rendered)
    if not text and isinstance(item.get("description"), str):
        text, found = item["description"], find_links(item["description"])
    return build(
        meta,
        id=f"bitbucket::{repo}/{'pull-requests' if pull else 'issues'}/{number}",
        type="pull_request" if pull else "issue",
        created_at=created,
        edited_at=edited,
        author=_author(as_dict(item.get("author" if pull else "reporter"))),
        title=as_text(item.get("title")),
        text=text,
        html=html,
        url=_url(item),
        links=found,
        channel=repo,
        item=item,
    )


def _comment(item: dict[str, Any], repo: str, meta: Meta) -> Event:
    number = item.get("id")
    kind = next(key for key in _ABOUT if isinstance(item.get(key), dict))
    about = item[kind].get("hash" if kind == "commit" else "id")
    if not isinstance(number, int) or not isinstance(about, int | str) or not about or not repo:
        raise ValueError("it has no id, or is about nothing: nothing to know it by")
    gone = item.get("deleted") is True
    created, edited = _times(item)
    text, html, found = ("", None, []) if gone else _said(as_dict(item.get("content")))
    path = {"pullrequest": "pull-requests", "issue": "issues", "commit": "commits"}[kind]
    thread = f"bitbucket::{repo}/{path}/{word(about, 64)}"
    parent = as_dict(item.get("parent")).get("id")
    return build(
        meta,
        id=f"{thread}/comments/{number}",
        op="delete" if gone else "create",
        type="reply",
        created_at=created,
        edited_at=edited,
        author=_author(as_dict(item.get("user"))),
        title=None if gone else as_text(item[kind].get("title")),
        text=None if gone else text,
        html=html,
        url=_url(item),
        links=found,
        channel=repo,
        thread=thread,
        reply_to=f"{thread}/comments/{parent}" if isinstance(parent, int) else thread,
        item=item,
    )


def _ref(item: dict[str, Any], repo: str, meta: Meta) -> Event:
    """A tag of a list, or a branch or tag that a push made or took away."""
    name, gone = word(item.get("name"), 200), item.get("gone") is True
    kind = "tag" if item["type"] == "tag" else "branch"
    if not name or not repo:
        raise ValueError("it has no name, or no repository: nothing to know it by")
    target, message = as_dict(item.get("target")), as_text(item.get("message")).strip()
    at = item.get("date") or target.get("date")
    deed = "deleted" if gone else "created"
    who = as_dict(item.get("actor")) or as_dict(as_dict(item.get("tagger")).get("user"))
    return build(
        meta,
        id=f"bitbucket::{repo}/{deed}/{kind}/{name}" + (f"/{word(target.get('hash'), 64)}" if target else ""),
        type="remove" if gone else "create",
        created_at=parse_time(at) if at is not None and not gone else None,
        author=_author(who),
        title=f"{deed} {kind} {name}",
        text=message,
        url=_url(item),
        links=find_links(message),
        channel=repo,
        item=item | {"tagger": None},
    )


def _said(content: dict[str, Any]) -> tuple[str, str | None, list[str]]:
    """Text, markup and links: as people read it where that is told, else as it was written."""
    markup = as_text(content.get("html"))
    if not markup:
        text = as_text(content.get("raw"))
        return text, None, find_links(text)
    cleaned = clean_html(markup, "https://bitbucket.org/")
    return plain(markup), cleaned or None, links(cleaned)


def _times(item: dict[str, Any]) -> tuple[datetime | None, datetime | None]:
    """When it was said and when edited; making a thing takes Bitbucket a moment, which is no edit."""
    created, updated = (
        parse_time(item[key]) if item.get(key) is not None else None for key in ("created_on", "updated_on")
    )
    least = _EDITED if item.get("deleted") is not True else timedelta(microseconds=1)
    later = created is not None and updated is not None and updated - created >= least
    return created, updated if later else None


def _author(user: dict[str, Any]) -> Author | None:
    name = as_text(user.get("display_name"))
    handle = as_text(user.get("nickname")) or as_text(user.get("username")) or name
    if not handle:
        return None
    return author_of(
        handle, as_text(user.get("account_id")) or as_text(user.get("uuid")), name=name, url=_url(user)
    )


def _repo(told: dict[str, Any]) -> str:
    name = as_text(as_dict(told.get("repository")).get("full_name"))
    return name.lower() if re.fullmatch(r"[\w.-]{1,100}/[\w.-]{1,100}", name, re.ASCII) else ""


def _linked(item: dict[str, Any]) -> str:
    """The repository in a thing's own addresses: comments do not name it otherwise."""
    for name in ("self", "html"):
        if found := _ADDRESS.match(as_text(as_dict(as_dict(item.get("links")).get(name)).get("href"))):
            return found[1].lower()
    return ""


def _url(item: dict[str, Any]) -> str | None:
    href = as_dict(as_dict(item.get("links")).get("html")).get("href")
    return href if isinstance(href, str) else None
