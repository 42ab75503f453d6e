"""Importer for Hacker News: search pages (Algolia), and items of its API (Firebase) or BigQuery.

The id of an item is ``hackernews::<its number>``, as in the live source.
"""

from __future__ import annotations

from typing import Any

from rtanalytics.importers.parsed import StoredResponses
from rtanalytics.normalize.values import as_list

__all__ = ["HACKERNEWS"]

_KINDS = ("story", "comment", "job", "poll", "pollopt")


def _fits(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    if isinstance(value.get("hits"), list):
        return any(map(_is_hit, value["hits"]))
    if _is_hit(value):
        return True
    if value.get("type") not in _KINDS or not isinstance(value.get("id"), int | str):
        return False
    firebase = isinstance(value.get("by"), str) and "time" in value
    return firebase or (isinstance(value.get("author"), str) and "created_at_i" in value)


def _is_hit(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and "objectID" in value
        and isinstance(value.get("author"), str)
        and ("created_at_i" in value or "created_at" in value)
        and any(kind in as_list(value.get("_tags")) for kind in _KINDS)
    )


HACKERNEWS = StoredResponses(
    home="rtanalytics.sources.hackernews.parse:parse",
    source="hackernews",
    connector="hackernews-file@1",
    fits=_fits,
    lists=("hits",),
)
"""Importer for search pages and items of Hacker News."""
