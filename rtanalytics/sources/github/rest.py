"""Webhooks and responses of GitHub's REST API, which do not contain the ids of events.

An event gets the id of the item: an issue, a pull request or a discussion has its repository and number,
a comment the anchor on its page, a release its number, a commit its hash. So a webhook and a response with
the same item are versions of one event.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from rtanalytics.event import Author, Event
from rtanalytics.normalize.dates import parse_time
from rtanalytics.normalize.text import author_of, find_links, find_tags, word
from rtanalytics.normalize.values import as_dict, as_text, require_dict
from rtanalytics.sources.base import Meta, printable
from rtanalytics.sources.json_items import build, edit_time

__all__ = ["RestItem", "event_of", "rest_items"]

_REPO = re.compile(
    r"https://(?:api\.|www\.)?github\.com/(?:repos/)?((?!gists/)[\w.-]{1,100}/[\w.-]{1,100})(?=/|$)", re.ASCII
)
_SUBJECT_URL = re.compile(r"/(?:issues|pulls)/(\d{1,12})$", re.ASCII)
_DELETED = {"deleted", "unpublished"}
_SUBJECTS = ("discussion", "issue", "pull_request", "release")
_EDITED = timedelta(seconds=1)


class RestItem(NamedTuple):
    """An item of a webhook or of a response.

    Parameters
    ----------
    name : str
        Its kind: ``issue``, ``pull_request``, ``discussion``, ``comment``, ``review``, ``release``,
        ``commit``, ``star``, ``fork``, ``page``, ``create``, ``remove``, ``join``, ``public``, ``action``.
    item : dict
        Decoded JSON.
    webhook : dict
        The webhook that contains it; empty for a response.
    """

    name: str
    item: dict[str, Any]
    webhook: dict[str, Any]


def rest_items(data: dict[str, Any]) -> Iterator[RestItem]:
    """Yield the items of a webhook, or the one item of a response.

    Raises
    ------
    ValueError
        If there is none; the message names what was received.
    """
    if as_dict(data.get("repository")).get("private") is True:
        raise ValueError("its repository is private")
    if as_dict(data.get("sender")) or as_dict(data.get("pusher")):
        yield from _webhook_items(data)
    else:
        yield RestItem(_name(data), data, {})


def event_of(rest_item: RestItem, meta: Meta) -> Event:
    """Return the event of an item.

    Raises
    ------
    ValueError
        If its id cannot be determined.
    """
    name, item, webhook = rest_item
    repo = _repo(item, webhook)
    if not repo and name == "star":  # a response with the users who starred a repository
        repo = meta.scope.partition("repos/")[2]
    action = webhook.get("action")
    created, updated = (_first_time(item, names) for names in (_CREATED, ("updated_at",)))
    if name in {"create", "remove", "public", "join", "fork", "star", "page"} and webhook:
        created, updated = _action_time(name, item, webhook), None
    deleted = action in _DELETED and (name in {"comment", "release", "star"} or item is webhook.get(name))
    host, subject, thread = meta.options.get("host", ""), _subject(webhook, item), None
    if name in {"comment", "review", "action"} and (
        id := _numbered(repo, subject) or _subject_of_url(repo, item)
    ):
        thread = f"github:{host}:{id}"
    title, text = _texts(name, item, subject)
    return build(
        meta,
        id=f"github:{host}:{_native(name, item, webhook, repo)}",
        type="comment" if name == "review" else name,
        op="delete" if deleted else "create",
        created_at=created,
        edited_at=meta.received_at if deleted else edit_time(updated, created, _EDITED),
        author=_author(name, item, webhook),
        channel=repo or None,
        title=title,
        text=text,
        url=_url(name, item, webhook, repo),
        tags=find_tags(text) if name != "commit" else (),
        links=find_links(text),
        thread=thread,
        reply_to=_parent(item, thread, host) if name == "comment" else thread,
        item=_slim(item),
    )


_ENVELOPE = {"repository", "sender", "organization", "installation", "enterprise"}
"""Members that all webhooks have."""

_CREATED = ("published_at", "submitted_at", "starred_at", "timestamp", "created_at")


def _webhook_items(webhook: dict[str, Any]) -> Iterator[RestItem]:
    """Yield the items of a webhook; its name is in a header, so it is recognized by its members."""
    action = webhook.get("action")
    if isinstance(webhook.get("commits"), list) and "ref" in webhook:
        for commit in webhook["commits"]:
            yield RestItem("commit", require_dict(commit), webhook)
        if not webhook["commits"]:
            yield RestItem("remove" if webhook.get("deleted") is True else "create", webhook, webhook)
        return
    for key, name in (("comment", "comment"), ("answer", "comment"), ("review", "review"), ("forkee", "fork"),
                      *((key, key) for key in _SUBJECTS)):  # fmt: skip
        if as_dict(webhook.get(key)):
            yield RestItem(name, webhook[key], webhook)
            return
    if isinstance(webhook.get("pages"), list):
        for page in webhook["pages"]:
            yield RestItem("page", require_dict(page), webhook)
    elif "starred_at" in webhook or (action == "started" and "repository" in webhook):
        yield RestItem("star", webhook, webhook)
    elif as_dict(webhook.get("member")) and action == "added" and "repository" in webhook:
        yield RestItem("join", webhook, webhook)
    elif isinstance(webhook.get("ref_type"), str):
        yield RestItem("create" if "master_branch" in webhook else "remove", webhook, webhook)
    elif not set(webhook) - _ENVELOPE:
        yield RestItem("public", webhook, webhook)
    else:
        members = ", ".join(sorted(set(webhook) - _ENVELOPE - {"action"}))
        raise ValueError(f"unsupported webhook: {printable(members or f'the action {word(action, 40)}', 80)}")


def _name(item: dict[str, Any]) -> str:
    """Return the kind of an item of a response."""
    page = word(item.get("html_url"))
    if as_dict(item.get("commit")) and "sha" in item:
        return "commit"
    if "starred_at" in item:
        return "star"
    if "tag_name" in item:
        return "release"
    if isinstance(item.get("event"), str) and "body" not in item and "actor" in item:
        return "action"
    if "submitted_at" in item or "#pullrequestreview-" in page:
        return "review"
    if "title" in item and "number" in item and "open_issues" not in item:  # which a milestone has
        if "/discussions/" in page or "answer_chosen_at" in item:
            return "discussion"
        is_pull = (
            any(as_dict(item.get("pull_request")).values()) or "/pull/" in page or "merge_commit_sha" in item
        )
        return "pull_request" if is_pull else "issue"
    if (
        "body" in item
        and "id" in item
        and item.keys() & {"user", "issue_url", "pull_request_url", "diff_hunk"}
    ):
        return "comment"
    what = next((name for name, key in _OTHERS if key in item), None)
    members = printable(", ".join(sorted(map(str, item))[:6]), 80)
    raise ValueError(f"unsupported: {what}" if what else f"not an item of GitHub; its members are {members}")


_OTHERS = (
    ("a repository", "full_name"),
    ("a notification", "unread"),
    ("an account", "login"),
    ("a branch or tag", "commit"),
    ("a gist", "files"),
    ("a milestone", "open_issues"),
)


def _native(name: str, item: dict[str, Any], webhook: dict[str, Any], repo: str) -> str:
    number = item.get("id")
    if name in {"issue", "pull_request", "discussion"} and (numbered := _numbered(repo, item)):
        return numbered
    if name == "commit":
        sha = word(item.get("sha") or item.get("id"), 64)
        if re.fullmatch(r"[0-9a-f]{7,64}", sha):
            return f"commit/{sha}"
    elif name in {"comment", "review", "release", "action"} and _is_number(number):
        return f"{_anchor(name, item, webhook)}{number}"
    elif name == "fork" and word(item.get("full_name")):
        return f"fork/{word(item['full_name']).lower()}"
    elif name == "star" and repo:
        sender = as_dict(webhook.get("sender")) or as_dict(item.get("user"))
        return f"star/{repo.lower()}/{word(sender.get('login')).lower() or word(item.get('starred_at'))}"
    elif name == "page" and repo:
        return f"page/{repo.lower()}/{word(item.get('page_name'), 150)}/{word(item.get('sha'), 64)}"
    elif name in {"create", "remove"} and repo:
        ref = word(item.get("ref"), 200).removeprefix("refs/heads/").removeprefix("refs/tags/")
        at = _action_time(name, item, webhook)
        return f"{name}/{repo.lower()}/{ref}" + (f"/{at:%FT%TZ}" if at else "")
    elif name in {"join", "public"} and repo:
        return f"{name}/{repo.lower()}/{word(as_dict(item.get('member')).get('login')).lower()}".rstrip("/")
    raise ValueError("it has no number or no repository, so no id")


def _anchor(name: str, item: dict[str, Any], webhook: dict[str, Any]) -> str:
    """Return the anchor of a comment on its page without its number."""
    if name == "review":
        return "pullrequestreview-"
    if name != "comment":
        return f"{name}/"
    if match := re.search(
        r"#((?:issuecomment|commitcomment|discussioncomment|pullrequestreview)-|discussion_r)\d+$",
        word(item.get("html_url"), 500),
    ):
        return match[1]
    if "/gists/" in word(item.get("url"), 500):
        return "gistcomment-"
    if "pull_request_review_id" in item or "diff_hunk" in item:
        return "discussion_r"
    if "commit_id" in item:
        return "commitcomment-"
    return "discussioncomment-" if "discussion" in webhook else "issuecomment-"


def _numbered(repo: str, item: dict[str, Any]) -> str | None:
    number = item.get("number")
    return f"{repo.lower()}#{number}" if repo and _is_number(number) else None


def _subject(*members: dict[str, Any]) -> dict[str, Any]:
    """Return the issue, pull request, discussion or release in one of the members."""
    return next((as_dict(at[key]) for at in members for key in _SUBJECTS if as_dict(at.get(key))), {})


def _subject_of_url(repo: str, item: dict[str, Any]) -> str | None:
    """Return the id of the issue or pull request of a comment, from its URL."""
    for key in ("issue_url", "pull_request_url"):
        if repo and (match := _SUBJECT_URL.search(word(item.get(key), 500))):
            return f"{repo.lower()}#{match[1]}"
    return None


def _parent(item: dict[str, Any], thread: str | None, host: str) -> str | None:
    if _is_number(item.get("in_reply_to_id")):
        return f"github:{host}:discussion_r{item['in_reply_to_id']}"
    if _is_number(item.get("parent_id")):
        return f"github:{host}:discussioncomment-{item['parent_id']}"
    return thread


def _texts(name: str, item: dict[str, Any], subject: dict[str, Any]) -> tuple[str | None, str]:
    """Return title and text."""
    if name == "commit":
        message = as_text(as_dict(item.get("commit")).get("message") or item.get("message"))
        title, _, rest = message.strip().partition("\n")
        return title, rest.strip() or title
    if name in {"create", "remove"}:
        ref = word(item.get("ref"))
        kind = word(item.get("ref_type")) or ("tag" if ref.startswith("refs/tags/") else "branch")
        ref = ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
        return f"{'created' if name == 'create' else 'deleted'} {kind} {ref}", ""
    if name == "page":
        return word(item.get("title")) or word(item.get("page_name")), as_text(item.get("summary"))
    if name == "join":
        return f"added {word(as_dict(item.get('member')).get('login'))}", ""
    if name == "action":
        return word(subject.get("title"), 1_000) or None, word(item.get("event")).replace("_", " ")
    heading = subject.get("title")
    if name in _SUBJECTS:
        heading = item.get("title") or item.get("name") or item.get("tag_name")
    return word(heading, 1_000) or None, "" if name == "fork" else as_text(item.get("body"))


def _author(name: str, item: dict[str, Any], webhook: dict[str, Any]) -> Author | None:
    """Return the author of a text, or the person who did an action."""
    user = next((as_dict(item[key]) for key in ("user", "author", "actor") if as_dict(item.get(key))), {})
    if name in {"create", "remove", "public", "join", "fork", "star", "page"}:
        user = as_dict(webhook.get("sender")) or (user if name == "star" else {})
    login = word(user.get("login") or user.get("username"))
    git = as_dict(as_dict(item.get("commit")).get("author"))
    if not login:
        return None  # the name of a commit's author in git may be the login of somebody else
    full = user.get("name") if name == "commit" and webhook else git.get("name")
    native = user.get("id")
    return author_of(
        login, native if _is_number(native) else None, full,
        url=f"https://github.com/{login}", bot=user.get("type") == "Bot" or login.endswith("[bot]"),
    )  # fmt: skip


def _repo(item: dict[str, Any], webhook: dict[str, Any]) -> str:
    for at in (webhook, item):
        for key in ("repository", "repo"):
            if name := word(as_dict(at.get(key)).get("full_name")):
                return name
    for at in (item, as_dict(item.get("issue"))):
        for key in ("repository_url", "html_url", "url", "issue_url", "pull_request_url"):
            if match := _REPO.match(word(at.get(key), 500)):
                return match[1]
    return ""


def _action_time(name: str, item: dict[str, Any], webhook: dict[str, Any]) -> datetime | None:
    if name == "fork":
        return _optional_time(item.get("created_at"))
    if name == "star":
        return _optional_time(item.get("starred_at"))
    if name in {"create", "remove"}:
        return _optional_time(as_dict(webhook.get("repository")).get("pushed_at"))
    return None


def _first_time(item: dict[str, Any], names: Iterable[str]) -> datetime | None:
    git = as_dict(as_dict(item.get("commit")).get("committer"))
    values = (*(item.get(name) for name in names), git.get("date") if names is _CREATED else None)
    return next((at for value in values if (at := _optional_time(value))), None)


def _optional_time(value: object) -> datetime | None:
    """Parse a time; webhooks of pushes have some in seconds. Return None if it is missing."""
    if value is None or value == "":
        return None
    return parse_time(value, UTC)


def _url(name: str, item: dict[str, Any], webhook: dict[str, Any], repo: str) -> str | None:
    page = item.get("html_url") if name not in {"star", "public", "join"} else None
    page = page or (item.get("url") if name == "commit" and webhook else None)
    if isinstance(page, str) and "://api." not in page:
        return page
    page = _subject(item).get("html_url")
    if isinstance(page, str):
        return page
    return f"https://github.com/{repo}" if repo else None


def _slim(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item without its repository, which makes up most of a webhook."""
    return {key: value for key, value in item.items() if key not in {"repository", "organization", "sender"}}


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
