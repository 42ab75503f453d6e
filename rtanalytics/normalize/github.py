"""Type, title, text and URL of GitHub's events.

The API and GH Archive provide the same events. Those from before October 2025 contain whole issues,
pull requests and commits, later ones little more than numbers. The functions here are used for all of
them, so that an event is the same wherever it was read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from rtanalytics.normalize.values import as_dict

__all__ = ["KINDS", "About", "about"]

KINDS = {
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
"""GitHub's name of an event → ``Event.type``; other events get ``x:`` and their name."""

_THINGS = ("pull_request", "issue", "release", "discussion", "forkee", "download", "gist", "target")
_KEY = ("head", "ref", "ref_type", "action", "number", "issue_id", "comment_id", "url", "issue", "id")


@dataclass(frozen=True, slots=True)
class About:
    """Description of an event.

    Parameters
    ----------
    kind, type : str
        GitHub's name of the event, and its ``Event.type``.
    repo : str
        ``owner/name``; empty if the event is about no repository.
    login : str
        User name of who did it.
    actor : int, optional
        GitHub's number of that account.
    title, text : str, optional
        As delivered.
    url : str, optional
        Page of the subject.
    what : str
        Distinguishes it from other events of the same time.
    """

    kind: str
    type: str
    repo: str
    login: str
    actor: int | None
    title: str | None
    text: str
    url: str | None
    what: str


def about(event: object) -> About:
    """Describe an event of GitHub in any of its three formats: of 2011, of 2012 to 2025, and later.

    Parameters
    ----------
    event : object
        Decoded JSON; any member may be missing or have another type.

    Raises
    ------
    ValueError
        If it is not an event.

    Examples
    --------
    >>> push = {"type": "PushEvent", "repo": {"name": "ada/notes"}, "actor": {"login": "ada"},
    ...         "payload": {"ref": "refs/heads/main", "head": "0a1b2c3d"}}
    >>> described = about(push)
    >>> described.type, described.title, described.url
    ('commit', 'pushed to main', 'https://github.com/ada/notes/commit/0a1b2c3d')
    """
    if not isinstance(event, dict) or not isinstance(event.get("type"), str):
        raise ValueError(f"not an event of GitHub: {ascii(event)[:60]}")  # noqa: TRY004 - a wrong document
    kind, payload = event["type"], as_dict(event.get("payload"))
    repo, thing = _repo(event), _thing(event["type"], payload)
    login, actor = _actor(event)
    return About(
        kind=kind,
        type=KINDS.get(kind) or f"x:{_word(kind)[:60]}",
        repo=repo,
        login=login,
        actor=actor,
        title=_title(kind, payload, thing),
        text=_text(kind, payload, thing),
        url=_url(event, thing, payload, repo),
        what="\0".join(
            str(payload.get(name, "")) for name in _KEY if not isinstance(payload.get(name), dict)
        ),
    )


def _repo(event: dict[str, Any]) -> str:
    repo = as_dict(event.get("repo") or event.get("repository"))
    name = _word(repo.get("name"))
    if "/" not in name and isinstance(repo.get("owner"), str):
        return f"{_word(repo['owner'])}/{name}"
    return "" if name == "/" else name  # in old events about no repository


def _actor(event: dict[str, Any]) -> tuple[str, int | None]:
    actor = event.get("actor")
    if isinstance(actor, dict):
        native = actor.get("id")
        return _word(actor.get("login")), native if isinstance(native, int) else None
    return _word(actor or as_dict(event.get("actor_attributes")).get("login")), None


def _thing(kind: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Return the issue, release or other subject of a GitHub event, as far as the payload includes it."""
    names = ("comment", "review") if "Comment" in kind or "Review" in kind else ()
    for name in (*names, *_THINGS):
        if isinstance(payload.get(name), dict):
            return payload[name]  # type: ignore[no-any-return]
    return {}


def _commits(payload: dict[str, Any]) -> list[str]:
    """Return the messages of the commits, without the email addresses beside them."""
    if isinstance(payload.get("commits"), list):
        return [str(c.get("message") or "") for c in payload["commits"] if isinstance(c, dict)]
    shas = payload.get("shas")
    return [str(c[2]) for c in shas if isinstance(c, list) and len(c) > 2] if isinstance(shas, list) else []


def _text(kind: str, payload: dict[str, Any], thing: dict[str, Any]) -> str:
    if kind == "PushEvent":
        return "\n\n".join(_commits(payload))
    if kind == "CreateEvent":
        return str(payload.get("description") or "") if payload.get("ref_type") == "repository" else ""
    body = thing.get("body")
    return body if isinstance(body, str) else ""


def _title(kind: str, payload: dict[str, Any], thing: dict[str, Any]) -> str | None:
    if kind == "PushEvent":
        branch = _word(payload.get("ref")).removeprefix("refs/heads/")
        return None if _commits(payload) else f"pushed to {branch}"
    if kind in ("CreateEvent", "DeleteEvent"):
        action = "created" if kind == "CreateEvent" else "deleted"
        return f"{action} {_word(payload.get('ref_type'))} {_word(payload.get('ref'))}".strip()
    for named in (thing, payload.get("issue"), payload.get("pull_request"), payload.get("discussion")):
        if isinstance(named, dict):
            found = named.get("title") or named.get("name") or named.get("tag_name") or named.get("login")
            if found:
                return str(found)
    if kind == "GollumEvent":
        pages = payload.get("pages")
        found = (
            [_word(p.get("title")) for p in pages if isinstance(p, dict)] if isinstance(pages, list) else None
        )
        return None if found is None else ", ".join(found)
    native = payload.get("number") or thing.get("number")
    return f"#{native}" if isinstance(native, int) else None


def _url(event: dict[str, Any], thing: dict[str, Any], payload: dict[str, Any], repo: str) -> str | None:
    above = as_dict(payload.get("issue") or payload.get("pull_request"))
    for url in (thing.get("html_url"), event.get("url"), above.get("html_url")):
        if isinstance(url, str) and "api.github.com" not in url:
            return url
    if not repo:
        return None
    number = thing.get("number")
    if isinstance(number, int) and isinstance(payload.get("pull_request"), dict):
        return f"https://github.com/{repo}/pull/{number}"
    head = payload.get("head")
    if isinstance(head, str) and re.fullmatch(r"[0-9a-f]{7,64}", head):
        return f"https://github.com/{repo}/commit/{head}"
    return f"https://github.com/{repo}"


def _word(value: object) -> str:
    """Return a name or number as text on one line; "" for other values."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return " ".join(value.split())[:200] if isinstance(value, str) else ""
