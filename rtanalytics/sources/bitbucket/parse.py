"""Parser of the responses and webhooks of Bitbucket Cloud; a pure function, also used for dead letters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from rtanalytics.event import Author, Event
from rtanalytics.normalize.dates import parse_time
from rtanalytics.normalize.text import author_of, find_links, word
from rtanalytics.normalize.values import as_dict, as_list, as_text, require_dict
from rtanalytics.sources.base import Malformed, Meta, Parsed
from rtanalytics.sources.json_items import Reading, build, edit_time, load, read_html
from rtanalytics.untrusted import abbreviate

__all__ = ["parse"]

_EDITED = timedelta(seconds=1)
_ADDRESS = re.compile(
    r"https://(?:api\.bitbucket\.org/2\.0/repositories|bitbucket\.org/!api/2\.0/repositories|bitbucket\.org)"
    r"/([\w.-]{1,100}/[\w.-]{1,100})/",
    re.ASCII,
)
_MAIL = re.compile(r"(?<!\s)\s*<[^<>]{0,300}>")


def parse(raw: bytes, meta: Meta) -> Parsed:
    """Parse commits, pull requests, issues, comments, tags and pushes.

    Parameters
    ----------
    raw : bytes
        JSON: a page of the API, one item of it, or the body of a webhook.
    meta : Meta
        ``options["repo"]`` is the repository of items that do not name theirs.

    Raises
    ------
    Malformed
        If it is none of these.

    Examples
    --------
    >>> from datetime import datetime, UTC
    >>> meta = Meta(source="bitbucket", scope="ada/engine/commits", connector="bitbucket@1",
    ...             received_at=datetime(2026, 5, 15, 9, tzinfo=UTC), options={"repo": "ada/engine"})
    >>> raw = (b'{"values": [{"type": "commit", "hash": "a6e5e7d", "date": "2026-05-15T08:59:00+00:00",'
    ...        b' "message": "Carry the one", "author": {"user": {"nickname": "ada"}}}]}')
    >>> [event] = parse(raw, meta).events
    >>> event.id, event.type, event.author.handle, event.title
    ('bitbucket::ada/engine/commits/a6e5e7d', 'commit', 'ada', 'Carry the one')
    """
    data = load(raw, "response of Bitbucket")
    reading = Reading(meta)
    if not isinstance(data, dict) or data.get("type") == "error":
        raise Malformed("invalid response of Bitbucket: neither a page nor an item", raw)
    if "isLastPage" in data or ("eventKey" in data and not data.keys() & {"push", *_SUBJECTS}):
        raise Malformed("a response of Bitbucket Server; only Bitbucket Cloud is supported", raw)
    repo = _repo(data) or meta.options.get("repo", "").lower()
    items = _items(data, raw)
    reading.counts["items"] = len(items)
    reading.items(items, partial(_events, repo=repo, reading=reading))
    following = data.get("next")
    return reading.parsed(next=following if isinstance(following, str) else None)


def _items(data: dict[str, Any], raw: bytes) -> list[Any]:
    if isinstance(data.get("values"), list):
        return list(data["values"])
    if "push" in data:
        return [
            item for change in as_list(as_dict(data["push"]).get("changes")) for item in _pushed(change, data)
        ]
    subject = next((key for key in _SUBJECTS if isinstance(data.get(key), dict)), None)
    if isinstance(data.get("comment"), dict) and subject and "type" not in data:
        return [data["comment"] | {subject: data[subject], "repository": data.get("repository")}]
    if subject and "content" in data:  # a comment alone
        return [data]
    for key in (*_SUBJECTS, "commit_status", "fork"):
        if isinstance(data.get(key), dict) and "type" not in data:
            return [{"type": key, "repository": data.get("repository")} | data[key]]
    if "type" in data:
        return [data]
    raise Malformed("invalid response of Bitbucket: neither a page nor an item", raw)


_SUBJECTS = ("pullrequest", "issue", "commit")
"""Members that contain the subject of a comment."""


def _pushed(change: Any, data: dict[str, Any]) -> list[Any]:
    """Return the commits of a change, or else the branch or tag that it created or deleted."""
    commits = as_list(as_dict(change).get("commits"))
    if commits:
        return commits
    new, old = as_dict(as_dict(change).get("new")), as_dict(as_dict(change).get("old"))
    if bool(new) == bool(old):  # it was only moved
        return [new["target"]] if as_dict(new.get("target")).get("type") == "commit" else [change]
    return [
        {**(new or old), "gone": not new, "actor": data.get("actor"), "repository": data.get("repository")}
    ]


def _events(item: Any, repo: str, reading: Reading) -> Iterator[Event]:
    item = require_dict(item)
    if isinstance(item.get("comment"), dict) and "pull_request" in item:  # an activity of a pull request
        item = item["comment"] | {"pullrequest": item["pull_request"]}
    kind, repo = (
        item.get("type"),
        _repo(item) or _repo(as_dict(item.get("destination"))) or _repo_of_links(item) or repo,
    )
    if kind == "commit":
        yield _commit(item, repo, reading.meta)
    elif kind in {"pullrequest", "issue"}:
        yield _issue(item, repo, reading.meta)
    elif any(isinstance(item.get(key), dict) for key in _SUBJECTS) and "content" in item:
        yield _comment(item, repo, reading.meta)
    elif kind in {"tag", "branch", "named_branch"} and (kind == "tag" or "gone" in item):
        yield _ref(item, repo, reading.meta)
    else:
        reading.unknown("record", kind)
        raise ValueError(f"unsupported type {abbreviate(kind, 40)}")


def _commit(item: dict[str, Any], repo: str, meta: Meta) -> Event:
    number = word(item.get("hash"), 64)
    if not re.fullmatch(r"[0-9a-f]{4,64}", number) or not repo:
        raise ValueError("it has no hash or no repository, so no id")
    message = as_text(item.get("message"))
    title, _, rest = message.strip().partition("\n")
    signature = as_dict(item.get("author"))
    name = _MAIL.sub("", as_text(signature.get("raw")))
    # a name in git may be the nickname of somebody else
    author = _author(as_dict(signature.get("user")))
    item = {**item, "author": {**signature, "raw": name}}
    return build(
        meta,
        id=f"bitbucket::{repo}/commits/{number}",
        type="commit",
        created_at=parse_time(item["date"]) if item.get("date") is not None else None,
        author=author,
        title=title,
        text=rest.strip() or title,
        url=_url(item),
        links=find_links(message),
        channel=repo,
        item=item,
    )


def _issue(item: dict[str, Any], repo: str, meta: Meta) -> Event:
    """Return the event of a pull request or an issue."""
    number, pull = item.get("id"), item["type"] == "pullrequest"
    if not isinstance(number, int) or isinstance(number, bool) or not repo:
        raise ValueError("it has no id or no repository")
    created, edited = _times(item)
    rendered = as_dict(as_dict(item.get("rendered")).get("description"))
    text, html, links = _content(as_dict(item.get("content")) or as_dict(item.get("summary")) or rendered)
    if not text and isinstance(item.get("description"), str):
        text, links = item["description"], find_links(item["description"])
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
        links=links,
        channel=repo,
        item=item,
    )


def _comment(item: dict[str, Any], repo: str, meta: Meta) -> Event:
    number = item.get("id")
    kind = next(key for key in _SUBJECTS if isinstance(item.get(key), dict))
    subject = item[kind].get("hash" if kind == "commit" else "id")
    if not isinstance(number, int) or not isinstance(subject, int | str) or not subject or not repo:
        raise ValueError("it has no id or no subject")
    deleted = item.get("deleted") is True
    created, edited = _times(item)
    text, html, links = _content(as_dict(item.get("content")))
    path = {"pullrequest": "pull-requests", "issue": "issues", "commit": "commits"}[kind]
    thread = f"bitbucket::{repo}/{path}/{word(subject, 64)}"
    parent = as_dict(item.get("parent")).get("id")
    return build(
        meta,
        id=f"{thread}/comments/{number}",
        op="delete" if deleted else "create",
        type="reply",
        created_at=created,
        edited_at=edited,
        author=_author(as_dict(item.get("user"))),
        title=as_text(item[kind].get("title")),
        text=text,
        html=html,
        url=_url(item),
        links=links,
        channel=repo,
        thread=thread,
        reply_to=f"{thread}/comments/{parent}" if isinstance(parent, int) else thread,
        item=item,
    )


def _ref(item: dict[str, Any], repo: str, meta: Meta) -> Event:
    """Return the event of a listed tag, or of a branch or tag that a push created or deleted."""
    name, deleted = word(item.get("name"), 200), item.get("gone") is True
    kind = "tag" if item["type"] == "tag" else "branch"
    if not name or not repo:
        raise ValueError("it has no name or no repository, so no id")
    target, message = as_dict(item.get("target")), as_text(item.get("message")).strip()
    at = item.get("date") or target.get("date")
    action = "deleted" if deleted else "created"
    actor = as_dict(item.get("actor")) or as_dict(as_dict(item.get("tagger")).get("user"))
    return build(
        meta,
        id=f"bitbucket::{repo}/{action}/{kind}/{name}"
        + (f"/{word(target.get('hash'), 64)}" if target else ""),
        type="remove" if deleted else "create",
        created_at=parse_time(at) if at is not None and not deleted else None,
        author=_author(actor),
        title=f"{action} {kind} {name}",
        text=message,
        url=_url(item),
        links=find_links(message),
        channel=repo,
        item=item | {"tagger": None},
    )


def _content(content: dict[str, Any]) -> tuple[str, str | None, list[str]]:
    """Return text, HTML and links: of the rendered HTML if there is any, else of the source text."""
    markup = as_text(content.get("html"))
    if not markup:
        text = as_text(content.get("raw"))
        return text, None, find_links(text)
    return read_html(markup, "https://bitbucket.org/")


def _times(item: dict[str, Any]) -> tuple[datetime | None, datetime | None]:
    """Return the times of creation and of the last edit; an update within a second is not an edit."""
    created, updated = (
        parse_time(item[key]) if item.get(key) is not None else None for key in ("created_on", "updated_on")
    )
    return created, edit_time(updated, created, *(() if item.get("deleted") is True else (_EDITED,)))


def _author(user: dict[str, Any]) -> Author | None:
    name = as_text(user.get("display_name"))
    handle = as_text(user.get("nickname")) or as_text(user.get("username")) or name
    if not handle:
        return None
    return author_of(
        handle, as_text(user.get("account_id")) or as_text(user.get("uuid")), name=name, url=_url(user)
    )


def _repo(data: dict[str, Any]) -> str:
    name = as_text(as_dict(data.get("repository")).get("full_name"))
    return name.lower() if re.fullmatch(r"[\w.-]{1,100}/[\w.-]{1,100}", name, re.ASCII) else ""


def _repo_of_links(item: dict[str, Any]) -> str:
    """Return the repository in the URLs of an item: comments do not name it elsewhere."""
    for name in ("self", "html"):
        if match := _ADDRESS.match(as_text(as_dict(as_dict(item.get("links")).get(name)).get("href"))):
            return match[1].lower()
    return ""


def _url(item: dict[str, Any]) -> str | None:
    href = as_dict(as_dict(item.get("links")).get("html")).get("href")
    return href if isinstance(href, str) else None
