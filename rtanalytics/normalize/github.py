"""What GitHub's events say, wherever they were found.

The API and GH Archive hand out the same events, those from before October 2025 with whole issues,
pull requests and commits in them, later ones with little more than numbers. What an event is
called, and what of it is title, text and address, is decided here for all of them, so that the
same event is the same however it was reached.
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
"""GitHub's name of an event, and its ``Event.type``; others are ``x:`` and their name."""

_THINGS = ("pull_request", "issue", "release", "discussion", "forkee", "download", "gist", "target")
_WHAT = ("head", "ref", "ref_type", "action", "number", "issue_id", "comment_id", "url", "issue", "id")


@dataclass(frozen=True, slots=True)
class About:
    """What an event says.

    Parameters
    ----------
    kind, type : str
        GitHub's name of it, and ours.
    repo : str
        ``owner/name``, empty if it is about none.
    login : str
        Who did it.
    actor : int, optional
        GitHub's number of that account.
    title, text : str, optional
        Not yet cleaned.
    url : str, optional
        Of what it happened to.
    what : str
        What tells it from others of the same moment.
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


def about(told: object) -> About:
    """What an event of GitHub's says, in the shapes of 2011, 2012 to 2025, and since.

    Parameters
    ----------
    told : object
        As delivered, from JSON; any member may be missing or of another kind.

    Raises
    ------
    ValueError
        If it is no event.

    Examples
    --------
    >>> push = {"type": "PushEvent", "repo": {"name": "ada/notes"}, "actor": {"login": "ada"},
    ...         "payload": {"ref": "refs/heads/main", "head": "0a1b2c3d"}}
    >>> found = about(push)
    >>> found.type, found.title, found.url
    ('commit', 'pushed to main', 'https://github.com/ada/notes/commit/0a1b2c3d')
    """
    if not isinstance(told, dict) or not isinstance(told.get("type"), str):
        raise ValueError(f"{ascii(told)[:60]} is no event of GitHub's")  # noqa: TRY004  # a wrong document
    kind, payload = told["type"], as_dict(told.get("payload"))
    repo, thing = _repo(told), _thing(told["type"], payload)
    login, actor = _actor(told)
    return About(
        kind=kind,
        type=KINDS.get(kind) or f"x:{_word(kind)[:60]}",
        repo=repo,
        login=login,
        actor=actor,
        title=_title(kind, payload, thing),
        text=_text(kind, payload, thing),
        url=_url(told, thing, payload, repo),
        what="\0".join(
            str(payload.get(name, "")) for name in _WHAT if not isinstance(payload.get(name), dict)
        ),
    )


def _repo(told: dict[str, Any]) -> str:
    repo = as_dict(told.get("repo") or told.get("repository"))
    name = _word(repo.get("name"))
    if "/" not in name and isinstance(repo.get("owner"), str):
        return f"{_word(repo['owner'])}/{name}"
    return "" if name == "/" else name  # as what was about no repository had it


def _actor(told: dict[str, Any]) -> tuple[str, int | None]:
    actor = told.get("actor")
    if isinstance(actor, dict):
        native = actor.get("id")
        return _word(actor.get("login")), native if isinstance(native, int) else None
    return _word(actor or as_dict(told.get("actor_attributes")).get("login")), None


def _thing(kind: str, payload: dict[str, Any]) -> dict[str, Any]:
    """What it happened to, as far as it is told: since October 2025 that is little."""
    names = ("comment", "review") if "Comment" in kind or "Review" in kind else ()
    for name in (*names, *_THINGS):
        if isinstance(payload.get(name), dict):
            return payload[name]  # type: ignore[no-any-return]
    return {}


def _commits(payload: dict[str, Any]) -> list[str]:
    """Messages of the commits; e-mail addresses, which stand beside them, are not taken."""
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
        done = "created" if kind == "CreateEvent" else "deleted"
        return f"{done} {_word(payload.get('ref_type'))} {_word(payload.get('ref'))}".strip()
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


def _url(told: dict[str, Any], thing: dict[str, Any], payload: dict[str, Any], repo: str) -> str | None:
    above = as_dict(payload.get("issue") or payload.get("pull_request"))
    for url in (thing.get("html_url"), told.get("url"), above.get("html_url")):
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
    """A name in one line; an empty string for what is no text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return " ".join(value.split())[:200] if isinstance(value, str) else ""
