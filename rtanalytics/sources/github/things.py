"""Webhooks and responses of GitHub's REST API, which do not contain the ids of events.

Their events get the id of the thing that they are about: of an issue, a pull request or a discussion
its repository and number, of a comment the anchor on its page, of a release its number, of a commit
its hash. So a webhook and a response about the same thing are versions of one event.
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

__all__ = ["Thing", "event_of", "things_of"]

_REPO = re.compile(
    r"https://(?:api\.|www\.)?github\.com/(?:repos/)?((?!gists/)[\w.-]{1,100}/[\w.-]{1,100})(?=/|$)", re.ASCII
)
_ABOVE = re.compile(r"/(?:issues|pulls)/(\d{1,12})$", re.ASCII)
_DELETED = {"deleted", "unpublished"}
_TALK = ("discussion", "issue", "pull_request", "release")
_EDITED = timedelta(seconds=1)


class Thing(NamedTuple):
    """An item of a webhook or of a response.

    Parameters
    ----------
    name : str
        Its kind: ``issue``, ``pull_request``, ``discussion``, ``comment``, ``review``, ``release``,
        ``commit``, ``star``, ``fork``, ``page``, ``create``, ``remove``, ``join``, ``public``, ``action``.
    item : dict
        As delivered.
    around : dict
        The webhook that contains it; empty for a response.
    """

    name: str
    item: dict[str, Any]
    around: dict[str, Any]


def things_of(data: dict[str, Any]) -> Iterator[Thing]:
    """Yield the things in a webhook, or the one of a response.

    Raises
    ------
    ValueError
        If there is none; the message says what it is instead.
    """
    if as_dict(data.get("repository")).get("private") is True:
        raise ValueError("its repository is private")
    if as_dict(data.get("sender")) or as_dict(data.get("pusher")):
        yield from _webhook_things(data)
    else:
        yield Thing(_name(data), data, {})


def event_of(thing: Thing, meta: Meta) -> Event:
    """Return the event of a thing.

    Raises
    ------
    ValueError
        If it has nothing from which an id can be made.
    """
    name, item, around = thing
    repo = _repo(item, around)
    if not repo and name == "star":  # a response with the users who starred a repository
        repo = meta.scope.partition("repos/")[2]
    action = around.get("action")
    created, updated = (_first(item, names) for names in (_CREATED, ("updated_at",)))
    if name in {"create", "remove", "public", "join", "fork", "star", "page"} and around:
        created, updated = _when(name, item, around), None
    deleted = action in _DELETED and (name in {"comment", "release", "star"} or item is around.get(name))
    above = next((as_dict(at[key]) for at in (around, item) for key in _TALK if as_dict(at.get(key))), {})
    thread = (
        (_numbered(repo, above) or _under(repo, item)) if name in {"comment", "review", "action"} else None
    )
    title, text = _texts(name, item, above)
    host = meta.options.get("host", "")
    return build(
        meta,
        id=f"github:{host}:{_native(name, item, around, repo)}",
        type="comment" if name == "review" else name,
        op="delete" if deleted else "create",
        created_at=created,
        edited_at=meta.received_at if deleted else edit_time(updated, created, _EDITED),
        author=_author(name, item, around),
        channel=repo or None,
        title=title,
        text=text,
        url=_url(name, item, around, repo),
        tags=find_tags(text) if name != "commit" else (),
        links=find_links(text),
        thread=thread and f"github:{host}:{thread}",
        reply_to=_answered(item, thread, host) if name == "comment" else thread and f"github:{host}:{thread}",
        item=_slim(item),
    )


_CREATED = ("published_at", "submitted_at", "starred_at", "timestamp", "created_at")


def _webhook_things(hook: dict[str, Any]) -> Iterator[Thing]:
    """Yield the things of a webhook; its name is in a header, so it is recognized by its members."""
    action = hook.get("action")
    if isinstance(hook.get("commits"), list) and "ref" in hook:
        for commit in hook["commits"]:
            yield Thing("commit", require_dict(commit), hook)
        if not hook["commits"]:
            yield Thing("remove" if hook.get("deleted") is True else "create", hook, hook)
        return
    for key, name in (("comment", "comment"), ("answer", "comment"), ("review", "review"), ("forkee", "fork"),
                      *((key, key) for key in _TALK)):  # fmt: skip
        if as_dict(hook.get(key)):
            yield Thing(name, hook[key], hook)
            return
    if isinstance(hook.get("pages"), list):
        for page in hook["pages"]:
            yield Thing("page", require_dict(page), hook)
    elif "starred_at" in hook or (action == "started" and "repository" in hook):
        yield Thing("star", hook, hook)
    elif as_dict(hook.get("member")) and action == "added" and "repository" in hook:
        yield Thing("join", hook, hook)
    elif isinstance(hook.get("ref_type"), str):
        yield Thing("create" if "master_branch" in hook else "remove", hook, hook)
    elif not set(hook) - {"repository", "sender", "organization", "installation", "enterprise"}:
        yield Thing("public", hook, hook)
    else:
        rest = sorted(
            set(hook) - {"repository", "sender", "organization", "installation", "enterprise", "action"}
        )
        about = printable(", ".join(rest) or f"the action {word(action, 40)}", 80)
        raise ValueError(f"unsupported webhook: {about}")


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
    has = printable(", ".join(sorted(map(str, item))[:6]), 80)
    raise ValueError(f"unsupported: {what}" if what else f"not an item of GitHub; its members are {has}")


_OTHERS = (
    ("a repository", "full_name"),
    ("a notification", "unread"),
    ("an account", "login"),
    ("a branch or tag", "commit"),
    ("a gist", "files"),
    ("a milestone", "open_issues"),
)


def _native(name: str, item: dict[str, Any], around: dict[str, Any], repo: str) -> str:
    number = item.get("id")
    if name in {"issue", "pull_request", "discussion"} and (numbered := _numbered(repo, item)):
        return numbered
    if name == "commit":
        sha = word(item.get("sha") or item.get("id"), 64)
        if re.fullmatch(r"[0-9a-f]{7,64}", sha):
            return f"commit/{sha}"
    elif name in {"comment", "review", "release", "action"} and _is_number(number):
        return f"{_anchor(name, item, around)}{number}"
    elif name == "fork" and word(item.get("full_name")):
        return f"fork/{word(item['full_name']).lower()}"
    elif name == "star" and repo:
        who = as_dict(around.get("sender")) or as_dict(item.get("user"))
        return f"star/{repo.lower()}/{word(who.get('login')).lower() or word(item.get('starred_at'))}"
    elif name == "page" and repo:
        return f"page/{repo.lower()}/{word(item.get('page_name'), 150)}/{word(item.get('sha'), 64)}"
    elif name in {"create", "remove"} and repo:
        ref = word(item.get("ref"), 200).removeprefix("refs/heads/").removeprefix("refs/tags/")
        at = _when(name, item, around)
        return f"{name}/{repo.lower()}/{ref}" + (f"/{at:%FT%TZ}" if at else "")
    elif name in {"join", "public"} and repo:
        return f"{name}/{repo.lower()}/{word(as_dict(item.get('member')).get('login')).lower()}".rstrip("/")
    raise ValueError("it has no number or no repository, so no id")


def _anchor(name: str, item: dict[str, Any], around: dict[str, Any]) -> str:
    """Return the part of a comment's anchor before its number."""
    if name == "review":
        return "pullrequestreview-"
    if name != "comment":
        return f"{name}/"
    if found := re.search(
        r"#((?:issuecomment|commitcomment|discussioncomment|pullrequestreview)-|discussion_r)\d+$",
        word(item.get("html_url"), 500),
    ):
        return found[1]
    if "/gists/" in word(item.get("url"), 500):
        return "gistcomment-"
    if "pull_request_review_id" in item or "diff_hunk" in item:
        return "discussion_r"
    if "commit_id" in item:
        return "commitcomment-"
    return "discussioncomment-" if "discussion" in around else "issuecomment-"


def _numbered(repo: str, item: dict[str, Any]) -> str | None:
    number = item.get("number")
    return f"{repo.lower()}#{number}" if repo and _is_number(number) else None


def _under(repo: str, item: dict[str, Any]) -> str | None:
    """Return the id of what a comment is about, from the URL of it in the response."""
    for key in ("issue_url", "pull_request_url"):
        if repo and (found := _ABOVE.search(word(item.get(key), 500))):
            return f"{repo.lower()}#{found[1]}"
    return None


def _answered(item: dict[str, Any], thread: str | None, host: str) -> str | None:
    if _is_number(item.get("in_reply_to_id")):
        return f"github:{host}:discussion_r{item['in_reply_to_id']}"
    if _is_number(item.get("parent_id")):
        return f"github:{host}:discussioncomment-{item['parent_id']}"
    return thread and f"github:{host}:{thread}"


def _texts(name: str, item: dict[str, Any], above: dict[str, Any]) -> tuple[str | None, str]:
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
        return word(above.get("title"), 1_000) or None, word(item.get("event")).replace("_", " ")
    heading = (
        item.get("title") or item.get("name") or item.get("tag_name") if name in _TALK else above.get("title")
    )
    return word(heading, 1_000) or None, "" if name == "fork" else as_text(item.get("body"))


def _author(name: str, item: dict[str, Any], around: dict[str, Any]) -> Author | None:
    """Return the author of a text, or who did an action."""
    user = next((as_dict(item[key]) for key in ("user", "author", "actor") if as_dict(item.get(key))), {})
    if name in {"create", "remove", "public", "join", "fork", "star", "page"}:
        user = as_dict(around.get("sender")) or (user if name == "star" else {})
    login = word(user.get("login") or user.get("username"))
    git = as_dict(as_dict(item.get("commit")).get("author"))
    if not login:
        # An author without an account has a name in git; the email address beside it is not kept.
        return author_of(user.get("name") or git.get("name")) if name == "commit" else None
    full = user.get("name") if name == "commit" and around else git.get("name")
    native = user.get("id")
    return author_of(
        login, native if _is_number(native) else None, full,
        url=f"https://github.com/{login}", bot=user.get("type") == "Bot" or login.endswith("[bot]"),
    )  # fmt: skip


def _repo(item: dict[str, Any], around: dict[str, Any]) -> str:
    for at in (around, item):
        for key in ("repository", "repo"):
            if name := word(as_dict(at.get(key)).get("full_name")):
                return name
    for at in (item, as_dict(item.get("issue"))):
        for key in ("repository_url", "html_url", "url", "issue_url", "pull_request_url"):
            if found := _REPO.match(word(at.get(key), 500)):
                return found[1]
    return ""


def _when(name: str, item: dict[str, Any], around: dict[str, Any]) -> datetime | None:
    if name == "fork":
        return _moment(item.get("created_at"))
    if name == "star":
        return _moment(item.get("starred_at"))
    return (
        _moment(as_dict(around.get("repository")).get("pushed_at")) if name in {"create", "remove"} else None
    )


def _first(item: dict[str, Any], names: Iterable[str]) -> datetime | None:
    git = as_dict(as_dict(item.get("commit")).get("committer"))
    claims = (*(item.get(name) for name in names), git.get("date") if names is _CREATED else None)
    return next((at for claim in claims if (at := _moment(claim))), None)


def _moment(value: object) -> datetime | None:
    """Parse a time; webhooks of pushes have some in seconds. Return None if it is missing."""
    if value is None or value == "":
        return None
    return parse_time(value, UTC)


def _url(name: str, item: dict[str, Any], around: dict[str, Any], repo: str) -> str | None:
    page = item.get("html_url") if name not in {"star", "public", "join"} else None
    page = page or (item.get("url") if name == "commit" and around else None)
    if isinstance(page, str) and "://api." not in page:
        return page
    above = next((as_dict(item[key]) for key in _TALK if as_dict(item.get(key))), {}).get("html_url")
    if isinstance(above, str):
        return above
    return f"https://github.com/{repo}" if repo else None


def _slim(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item without its repository, which makes up most of a webhook."""
    return {key: value for key, value in item.items() if key not in {"repository", "organization", "sender"}}


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
