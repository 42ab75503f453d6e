"""Importer for GH Archive: public events on GitHub, one file per hour, one event per line.

The id of an event is ``github::<its id>``, as in GitHub's API and feeds. Files from before 2015 have
another structure and no ids; there, the id is derived from actor, repository, action and time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rtanalytics.event import Event
from rtanalytics.importers.base import Options, Rejected
from rtanalytics.importers.common import (
    author_of,
    build,
    digest,
    event_or_rejected,
    find_links,
    find_tags,
    moment,
    word,
)
from rtanalytics.importers.json_stream import values
from rtanalytics.importers.reading import begins, open_bytes
from rtanalytics.normalize.github import about
from rtanalytics.normalize.values import numeric_id

__all__ = ["GHARCHIVE"]

CONNECTOR = "gharchive@1"
_TYPE = re.compile(rb'"type"\s*:\s*"\w+Event"')


class _GhArchive:
    """Importer for the files of GH Archive."""

    edits = False

    def recognises(self, path: Path, head: bytes) -> bool:
        """Return True if the first object has the members and a type of GitHub's events."""
        return (
            begins(head) == b"{" and b'"actor"' in head and bool(_TYPE.search(head)) and b'"payload"' in head
        )

    def read(self, path: Path, options: Options) -> Iterator[Event | ValueError]:
        """Yield the events of a file."""
        with open_bytes(path) as file:
            for item in values(path, file.read1):
                if isinstance(item, Rejected):
                    yield item
                else:
                    yield from event_or_rejected(_event, item.value, path, item.where, item.raw)


GHARCHIVE = _GhArchive()


def _event(payload: Any) -> Event:
    activity = about(payload)
    login, created = word(activity.login), moment(payload.get("created_at"))
    if payload.get("id") is not None:
        native, id_kind = numeric_id(payload["id"]), "native"
    else:
        # not from the whole line, because GH Archive published the same events in several formats
        native = digest(activity.kind, activity.repo, login, created.isoformat(), activity.what)
        id_kind = "derived"
    return build(
        id=f"github::{native}",
        source="github",
        type=activity.type,
        created_at=created,
        connector=CONNECTOR,
        id_kind=id_kind,
        author=author_of(
            login,
            activity.actor,
            bot=login.endswith("[bot]"),
            url=f"https://github.com/{login}" if login else None,
        ),
        channel=activity.repo or None,
        title=activity.title,
        text=activity.text,
        url=activity.url,
        tags=find_tags(activity.text) if activity.kind != "PushEvent" else (),
        links=find_links(activity.text) if activity.text else (),
    )
