"""Importer for Reddit: dumps of Pushshift and Arctic Shift, and listings of the API.

The id of an item is ``reddit::`` and its fullname (``t1_…`` or ``t3_…``), as in the live source. A removed
or deleted item becomes a deletion.
"""

from __future__ import annotations

from typing import Any

from rtanalytics.importers.parsed import StoredResponses
from rtanalytics.normalize.values import as_dict, as_list

__all__ = ["REDDIT", "is_thing"]


def is_thing(value: Any) -> bool:
    """Return True for a comment or a submission with author, time and text."""
    if not isinstance(value, dict) or "created_utc" not in value or not isinstance(value.get("author"), str):
        return False
    comment = isinstance(value.get("body"), str) and "link_id" in value
    return comment or (isinstance(value.get("title"), str) and "selftext" in value)


def _fits(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    data = value.get("data")
    if value.get("kind") == "Listing":
        return any(
            is_thing(as_dict(as_dict(child).get("data"))) for child in as_list(as_dict(data).get("children"))
        )
    if value.get("kind") in ("t1", "t3"):
        return is_thing(data)
    return is_thing(value) or any(map(is_thing, as_list(data)))


REDDIT = StoredResponses(
    home="rtanalytics.sources.reddit.parse:parse",
    source="reddit",
    connector="reddit-file@1",
    fits=_fits,
    lists=("data",),
)
"""Importer for dumps and listings of Reddit."""
