"""GH Archive: an hour of what was public on GitHub, an event a line.

An event is ``github::<its number>``, the same that GitHub's API and its feeds give it. Before 2015 they
were written without numbers and in another shape; those are known by who did what to which repository when.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from rtanalytics.event import Event
from rtanalytics.importers import Options, Rejected
from rtanalytics.importers.common import (
    ODD,
    author_of,
    build,
    digest,
    find_links,
    find_tags,
    moment,
    number,
    reason_of,
    word,
)
from rtanalytics.importers.json_stream import parse
from rtanalytics.importers.reading import begins, lines
from rtanalytics.normalize.github import about

__all__ = ["GHARCHIVE"]

CONNECTOR = "gharchive@1"
_KNOWN = re.compile(rb'"type"\s*:\s*"\w+Event"')
_OLD_TIME = re.compile(r"(\d{4})/(\d\d)/(\d\d) (\d\d:\d\d:\d\d) ([+-]\d\d)(\d\d)$")


class _GhArchive:
    """Importer of GH Archive's files."""

    what = "GH Archive (JSON lines of GitHub events)"
    edits = False

    def recognises(self, path: Path, head: bytes) -> bool:
        """True by the names of the events."""
        return (
            begins(head) == b"{" and b'"actor"' in head and bool(_KNOWN.search(head)) and b'"payload"' in head
        )

    def read(self, path: Path, options: Options) -> Iterator[Event | ValueError]:
        for entry in lines(path):
            if isinstance(entry, Rejected):
                yield entry
                continue
            line, data = entry
            try:
                yield _event(parse(data))
            except ODD as error:
                yield Rejected(path, f"line {line}", reason_of(error), data)


GHARCHIVE = _GhArchive()


def _event(told: Any) -> Event:
    found = about(told)
    login, created = word(found.login), _time(told.get("created_at"))
    if told.get("id") is not None:
        native, id_kind = number(told["id"]), "native"
    else:
        # not whole lines: GH Archive has changed how it writes them
        native = digest(found.kind, found.repo, login, created.isoformat(), found.what)
        id_kind = "derived"
    return build(
        id=f"github::{native}",
        source="github",
        type=found.type,
        created_at=created,
        connector=CONNECTOR,
        id_kind=id_kind,
        author=author_of(
            login,
            found.actor,
            bot=login.endswith("[bot]"),
            url=f"https://github.com/{login}" if login else None,
        ),
        channel=found.repo or None,
        title=found.title,
        text=found.text,
        url=found.url,
        tags=find_tags(found.text) if found.kind != "PushEvent" else (),
        links=find_links(found.text) if found.text else (),
    )


def _time(value: Any) -> datetime:
    if isinstance(value, str) and (old := _OLD_TIME.match(value)):
        value = f"{old[1]}-{old[2]}-{old[3]}T{old[4]}{old[5]}:{old[6]}"
    return moment(value)
