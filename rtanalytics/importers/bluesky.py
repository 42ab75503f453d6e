"""Importer for posts of Bluesky: Jetstream lines, pages of its API, output of ``tap``, files of 4CAT.

The id of a post is ``bluesky::`` and its ``at://`` address, as in the live stream.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rtanalytics.importers.parsed import StoredResponses
from rtanalytics.normalize.values import InvalidValue, as_dict, as_list

__all__ = ["BLUESKY"]

_LISTS = ("posts", "feed")
_TAP_NOTICES = ("identity", "user")


def _fits(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    if _is_frame(value) or _is_tap(value) or _is_view(value) or _is_view(value.get("post")):
        return True
    if any(map(_fits, as_list(value.get("posts")) + as_list(value.get("feed")))):
        return True
    thread = as_dict(value.get("thread"))
    entries = (as_dict(as_dict(entry).get("value")).get("post") for entry in as_list(value.get("thread")))
    return _is_view(thread.get("post")) or any(map(_is_view, entries))


def _is_frame(value: dict[str, Any]) -> bool:
    if isinstance(value.get("did"), str) and isinstance(value.get("kind"), str):
        return isinstance(value.get("time_us"), int)
    name = as_dict(value.get("payload", value)).get("$type")
    return isinstance(name, str) and name.startswith("network.bsky.jetstream.subscribeEvents#")


def _is_view(value: Any) -> bool:
    """Return True for a post as the API returns it, with address, author and record."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("uri"), str)
        and value["uri"].startswith("at://")
        and isinstance(value.get("author"), dict)
        and isinstance(value.get("record"), dict)
    )


def _is_tap(value: dict[str, Any]) -> bool:
    kind, inner = value.get("type"), value.get("record")
    if kind == "record" and isinstance(inner, dict):
        return all(isinstance(inner.get(name), str) for name in ("did", "collection", "rkey", "action"))
    return kind in _TAP_NOTICES and isinstance(as_dict(value.get(str(kind))).get("did"), str)


def _prepared(value: Any) -> Iterator[Any]:
    """Yield a value in a form that the parser knows.

    Output of ``tap`` becomes a Jetstream frame, and 4CAT's field names become the names of the API.
    """
    if not isinstance(value, dict) or not _is_tap(value):
        yield _renamed(value) if _is_view(value) and "created_at" in value["record"] else value
        return
    # a record of tap has no time of its change, but its revision (rev) contains that time
    from rtanalytics.sources.bluesky.parse import tid_time

    kind = value["type"]
    if kind != "record":
        yield {"did": value[kind]["did"], "kind": "identity", "time_us": 1}
        return
    record = value["record"]
    changed = tid_time(str(record.get("rev"))) or tid_time(record["rkey"])
    if changed is None and record["action"] != "create":
        raise InvalidValue("no rev, so it is not known when the record was changed")
    yield {
        "did": record["did"],
        "kind": "commit",
        "time_us": round(changed.timestamp() * 1e6) if changed else 10**17 - 1,
        "commit": {
            "rev": record.get("rev"),
            "operation": record["action"],
            "collection": record["collection"],
            "rkey": record["rkey"],
            "record": record.get("record"),
            "cid": record.get("cid"),
        },
    }


def _renamed(value: Any) -> Any:
    """Return a value with the API's field names, instead of those of the Python library ``atproto``."""
    if isinstance(value, list):
        return [_renamed(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {_camel(str(name)): _renamed(item) for name, item in value.items()}


def _camel(name: str) -> str:
    if name in {"py_type", "link"}:
        return "$type" if name == "py_type" else "$link"
    first, *others = name.split("_")
    return first + "".join(map(str.title, others))


BLUESKY = StoredResponses(
    home="rtanalytics.sources.bluesky.parse:parse",
    source="bluesky",
    connector="bluesky-file@1",
    fits=_fits,
    lists=_LISTS,
    prepare=_prepared,
)
"""Importer for Jetstream lines, API pages, output of ``tap`` and files of 4CAT."""
