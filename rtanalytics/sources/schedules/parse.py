"""Convert schedules to events of type ``talk``. No I/O: used live, in tests and for dead letters."""

from __future__ import annotations

import re
from datetime import date, timedelta
from hashlib import blake2b

import msgspec

from rtanalytics.event import Event, Ingest
from rtanalytics.schedule import Talk
from rtanalytics.schedules import ScheduleError, parse_schedule
from rtanalytics.schedules.common import named_zone
from rtanalytics.sources.base import Malformed, Meta, Parsed, Reject, redact

__all__ = ["parse", "talk_id"]


def parse(raw: bytes, meta: Meta) -> Parsed:
    r"""Parse a schedule to one event per talk, with the talk as JSON in ``raw``.

    A talk that cannot be read is a dead letter with the reason in ``raw``.

    Parameters
    ----------
    raw : bytes
        A schedule in one of :data:`rtanalytics.schedules.FORMATS`.
    meta : Meta
        Source and time of receipt; ``options`` may have ``format``, ``timezone``, ``first_day`` and
        ``length`` (seconds).

    Raises
    ------
    Malformed
        If ``raw`` is not a schedule, or none of its talks can be read.

    Examples
    --------
    >>> from datetime import datetime, UTC
    >>> meta = Meta(source="schedules:pycon", scope="pycon.example", connector="schedule@1",
    ...             received_at=datetime(2026, 5, 15, 9, tzinfo=UTC))
    >>> [event] = parse(b"id,title,start\n7,Welcome,2026-05-15T09:30Z\n", meta).events
    >>> event.id, event.title
    ('schedules:pycon.example:7', 'Welcome')
    """
    options = meta.options
    try:
        schedule = parse_schedule(
            raw,
            redact(meta.url) or meta.scope,
            named_zone(options.get("timezone", "")),
            date.fromisoformat(options["first_day"]) if "first_day" in options else None,
            timedelta(seconds=float(options.get("length", 3600))),
            options.get("format"),
        )
    except ScheduleError as error:
        raise Malformed(str(error), raw) from None
    rejects = [Reject(reason=line, raw=line.encode(), where="talk") for line in schedule.refused]
    counts = {"talks": len(schedule)}
    if schedule.warnings:
        counts["warnings"] = len(schedule.warnings)
    return Parsed(events=[_event(talk, meta) for talk in schedule], rejects=rejects, counts=counts)


def talk_id(scope: str, talk: Talk) -> str:
    """Return the event id of a talk, with the talk's own id or, if that is long or unusual, its hash."""
    native = talk.id
    if not re.fullmatch(r"[\w.@/#~+=?&%-]{1,100}", native):
        native = blake2b(native.encode("utf-8", "replace"), digest_size=9).hexdigest()
    return f"schedules:{scope}:{native}"


def _event(talk: Talk, meta: Meta) -> Event:
    return Event(
        id=talk_id(meta.scope, talk),
        source=meta.source,
        type="talk",
        created_at=meta.received_at,
        received_at=meta.received_at,
        title=talk.title,
        text=talk.abstract,
        url=talk.url,
        ingest=Ingest(connector=meta.connector, time_kind="observed"),
        raw=msgspec.json.encode(talk),
    )
