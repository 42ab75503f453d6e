"""Answers and webhooks of Bitbucket Cloud → events. Pure: live, in tests, and for dead letters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from rtanalytics.event import Author, Event
from rtanalytics.sources.base import Malformed, Meta, Parsed
from rtanalytics.sources.native import Reading, author_of, build, find_links, load, moment, word

__all__ = ["parse"]

_MAIL = re.compile(r"\s*<[^<>]{0,300}>")


def parse(raw: bytes, meta: Meta) -> Parsed:
    """Commits, pull requests, and comments on them.

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
    repo = _repo(told) or meta.options.get("repo", "")
    for number, item in enumerate(_items(told, raw), start=1):
        reading.item(item, f"item {number}", lambda item=item: _events(item, repo, reading))  # type: ignore[misc]
        reading.counts["items"] += 1
    following = told.get("next")
    return reading.parsed(next=following if isinstance(following, str) else None)


def _items(told: dict[str, Any], raw: bytes) -> list[Any]:
    if isinstance(told.get("values"), list):
        return list(told["values"])
    if "push" in told:
        changes = _list(_dict(told["push"]).get("changes"))
        return [commit for change in changes for commit in _list(_dict(change).get("commits"))]
    if isinstance(told.get("pullrequest"), dict):
        pull = told["pullrequest"]
        return [told["comment"] | {"pullrequest": pull}] if isinstance(told.get("comment"), dict) else [pull]
    if "type" in told or "commit_status" in told:
        return [told]
    raise Malformed("no answer of Bitbucket: neither a page nor a thing of it", raw)


def _events(item: Any, repo: str, reading: Reading) -> Iterator[Event]:
    if not isinstance(item, dict):
        raise ValueError(f"it is no object but {type(item).__name__}")  # noqa: TRY004  # a dead letter's reason
    kind = item.get("type")
    if kind == "commit":
        yield _commit(item, _repo(item) or repo, reading.meta)
    elif kind == "pullrequest":
        yield _pull(item, _repo(_dict(item.get("destination"))) or repo, reading.meta)
    elif kind == "pullrequest_comment" or "pullrequest" in item:
        yield _comment(item, repo, reading.meta)
    else:
        reading.unknown("record", kind)


def _commit(item: dict[str, Any], repo: str, meta: Meta) -> Event:
    number = word(item.get("hash"), 64)
    if not re.fullmatch(r"[0-9a-f]{4,64}", number) or not repo:
        raise ValueError("it has no hash, or no repository: nothing to know it by")
    message = _text(item.get("message"))
    title, _, rest = message.strip().partition("\n")
    said = _dict(item.get("author"))
    writer = _author(_dict(said.get("user"))) or author_of(
        _MAIL.sub("", _text(said.get("raw"))).strip(), None
    )
    kept = {**item, "author": {**said, "raw": _MAIL.sub("", _text(said.get("raw")))}}
    return build(
        meta,
        id=f"bitbucket::{repo}/commits/{number}",
        type="commit",
        created_at=moment(item["date"]) if item.get("date") is not None else None,
        author=writer,
        title=title,
        text=rest.strip() or title,
        url=_url(item),
        links=find_links(message),
        channel=repo,
        item=kept,
    )


def _pull(item: dict[str, Any], repo: str, meta: Meta) -> Event:
    number = item.get("id")
    if not isinstance(number, int) or isinstance(number, bool) or not repo:
        raise ValueError("it has no id, or no repository: nothing to know it by")
    created, updated = (
        moment(item[key]) if item.get(key) is not None else None for key in ("created_on", "updated_on")
    )
    text = _text(item.get("description")) or _text(_dict(item.get("summary")).get("raw"))
    return build(
        meta,
        id=f"bitbucket::{repo}/pull-requests/{number}",
        type="pull_request",
        created_at=created,
        edited_at=updated if created and updated and (updated - created).total_seconds() >= 1 else None,
        author=_author(_dict(item.get("author"))),
        title=_text(item.get("title")),
        text=text,
        url=_url(item),
        links=find_links(text),
        channel=repo,
        item=item,
    )


def _comment(item: dict[str, Any], repo: str, meta: Meta) -> Event:
    number, pull = item.get("id"), _dict(item.get("pullrequest"))
    about = pull.get("id")
    if not isinstance(number, int) or not isinstance(about, int) or not repo:
        raise ValueError("it has no id, or is about nothing: nothing to know it by")
    gone = item.get("deleted") is True
    created, updated = (
        moment(item[key]) if item.get(key) is not None else None for key in ("created_on", "updated_on")
    )
    text = "" if gone else _text(_dict(item.get("content")).get("raw"))
    thread = f"bitbucket::{repo}/pull-requests/{about}"
    parent = _dict(item.get("parent")).get("id")
    return build(
        meta,
        id=f"{thread}/comments/{number}",
        op="delete" if gone else "create",
        type="reply",
        created_at=created,
        edited_at=updated if updated != created else None,
        author=_author(_dict(item.get("user"))),
        text=None if gone else text,
        url=_url(item),
        links=find_links(text),
        channel=repo,
        thread=thread,
        reply_to=f"{thread}/comments/{parent}" if isinstance(parent, int) else thread,
        item=item,
    )


def _author(user: dict[str, Any]) -> Author | None:
    name = _text(user.get("display_name"))
    handle = _text(user.get("nickname")) or _text(user.get("username")) or name
    if not handle:
        return None
    return author_of(
        handle, _text(user.get("account_id")) or _text(user.get("uuid")), name=name, url=_url(user)
    )


def _repo(told: dict[str, Any]) -> str:
    name = _text(_dict(told.get("repository")).get("full_name"))
    return name.lower() if re.fullmatch(r"[\w.-]{1,100}/[\w.-]{1,100}", name, re.ASCII) else ""


def _url(item: dict[str, Any]) -> str | None:
    href = _dict(_dict(item.get("links")).get("html")).get("href")
    return href if isinstance(href, str) else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
