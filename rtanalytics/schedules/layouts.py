"""Column layouts of the tables that Sessionize, Sched, Guidebook, Whova and ConfTool export."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from rtanalytics.schedules.table import GENERIC, Cells, Layout, Row

__all__ = ["LAYOUTS"]

_REJECTED = {"declined", "decline queue", "decline_queue", "withdrawn", "rejected"}


def _joined(rows: list[Row]) -> list[Row]:
    """Join rows with the same session id, because Sessionize writes one row per speaker."""
    sessions: dict[str, Row] = {}
    for number, (place, cells) in enumerate(rows):
        name = " ".join(filter(None, (cells.get("first"), cells.get("last"))))
        people = (
            [name] if name else re.split(r"\s*[,;\n]\s*", cells.get("speakers") or cells.get("owner", ""))
        )
        key = cells.get("id") or f"\0{number}"
        if key not in sessions:
            status = "cancelled" if cells.get("status", "").lower() in _REJECTED else ""
            sessions[key] = place, {**cells, "speakers": "", "status": status}
        talk = sessions[key][1]
        talk["speakers"] = "\n".join(filter(None, [talk["speakers"], *people]))
    return list(sessions.values())


_SCHED = {"published", "subtype", "sub type", "event subtype", "event type", "event key", "event start"}
"""Names of columns that only tables of Sched have."""
_SCHED_ALSO = {"venue", "active", "session type", "session id"}
"""Names of columns that show a table of Sched if it also has a column for the start date."""


def _is_sched(names: Iterable[str]) -> bool:
    dated = {"start date", "event start date", "session start date"}
    return not _SCHED.isdisjoint(names) or not (_SCHED_ALSO.isdisjoint(names) or dated.isdisjoint(names))


_BOTH = {
    "title": ("session title",),
    "date": ("date",),
    "start": ("time start",),
    "end": ("time end",),
    "end date": ("end date",),
    "room": ("room/location", "location", "room"),
    "abstract": ("description",),
    "id": ("session id", "id"),
}

_WHOVA = {
    "session or sub session", "session or sub session sub", "speakers", "role: speakers",
    "speakers/session chair", "authors", "tracks", "session track", "tags", "role: moderators",
    "role: session chairs",
}  # fmt: skip


def _is_whova(names: Iterable[str]) -> bool:
    return "schedule track" not in names and not _WHOVA.isdisjoint(names)


def _is_guidebook(names: Iterable[str]) -> bool:
    return not _is_whova(names)


def _without_samples(rows: list[Row]) -> list[Row]:
    """Return the rows without the sample sessions of Guidebook's template."""
    return [row for row in rows if not row[1].get("title", "").lower().startswith("sample session:")]


def _nested(rows: list[Row]) -> list[Row]:
    """Copy missing day, room and track of Whova's sub-sessions from the session above them."""
    session: Cells = {}
    for _, cells in rows:
        cells["speakers"] = cells.get("speakers") or cells.get("authors", "")
        if not cells.get("sub", "").lower().startswith("sub"):
            session = cells
            continue
        for meaning in ("date", "room"):
            cells[meaning] = cells.get(meaning) or session.get(meaning, "")
        cells["track"] = cells.get("track") or session.get("title", "")
        session["kind"] = "session"
    return rows


_PRESENTATION = re.compile(r"p(\d{1,3}) (?:paperid|title|authors|start)", re.ASCII)


def _conftool(record: Cells) -> Iterator[Cells]:
    """Yield the session in a row, and its presentations from the columns p1_title, p2_title and so on."""
    session = {
        "date": record.get("session start", "").partition(" ")[0],
        "id": f"session-{record['session id']}" if record.get("session id") else "",
        "title": record.get("session title") or record.get("session short", ""),
        "start": record.get("session start", ""),
        "end": record.get("session end", ""),
        "room": record.get("session room", ""),
        "abstract": record.get("session info", ""),
    }
    numbers = sorted({int(m[1]) for name in record if (m := _PRESENTATION.fullmatch(name))})
    talks = [n for n in numbers if record.get(f"p{n} title")]
    if paper := record.get("title") or record.get("paper title"):  # an export of papers: one per row
        talks, record = (
            [0],
            {**record, **{f"p0 {name}": text for name, text in record.items()}, "p0 title": paper},
        )
    else:
        yield {**session, "kind": "session" if talks else ""}
    starts = [record.get(f"p{n} start", "") for n in talks]
    for n in talks:
        start = record.get(f"p{n} start", "")
        people = record.get(f"p{n} presenting author") or record.get(f"p{n} authors", "")
        number = record.get(f"p{n} paperid", "")
        # presentations without times, such as posters, last as long as the session
        following = min((other for other in starts if other > start), default="") if start else ""
        yield {
            "date": session["date"],
            "id": f"paper-{number}" if number else "",
            "title": record[f"p{n} title"],
            "start": start or session["start"],
            "end": record.get(f"p{n} end") or following or session["end"],
            "speakers": "\n".join(_given_first(name) for name in re.split(r"\s*[;\n]\s*", people)),
            "room": session["room"],
            "track": session["title"],
            "abstract": record.get(f"p{n} abstract", ""),
        }


def _given_first(name: str) -> str:
    """Return a name with the given name first: ``Ann Lee`` for ``Lee, Ann (1)``."""
    name = re.sub(r"(?:\s*\([^()]*\),?)+$", "", name).strip().strip(",")
    family, _, given = name.partition(",")
    return f"{given.strip()} {family.strip()}" if given.strip() and "," not in given else name


LAYOUTS: dict[str, Layout] = {
    "sessionize": Layout(
        {
            "id": ("session id", "id"),
            "title": ("title",),
            "start": ("scheduled at",),
            "duration": ("scheduled duration",),
            "room": ("room",),
            "kind": ("session format", "format"),
            "track": ("track",),
            "abstract": ("description",),
            "status": ("status",),
            "speakers": ("speakers",),
            "owner": ("owner",),
            "first": ("firstname", "first name"),
            "last": ("lastname", "last name"),
        },
        arrange=_joined,
    ),
    "conftool": Layout(
        {"title": ("session title",), "start": ("session start",)},
        fits=lambda names: not {"session id", "session short", "session end", "p1 title"}.isdisjoint(names),
        expand=_conftool,
    ),
    "whova": Layout(
        {
            **_BOTH,
            "track": ("tracks", "session track", "track"),
            "speakers": ("speakers", "role: speakers", "speakers/session chair"),
            "authors": ("authors",),
            "sub": ("session or sub session", "session or sub session sub"),
        },
        required=frozenset({"title", "date", "start"}),
        fits=_is_whova,
        month_first=True,
        arrange=_nested,
    ),
    "guidebook": Layout(
        {**_BOTH, "track": ("schedule track", "track"), "speakers": ("speakers",)},
        required=frozenset({"title", "date", "start"}),
        fits=_is_guidebook,
        month_first=True,
        arrange=_without_samples,
        all_day=True,
    ),
    "sched": Layout(
        {
            "id": ("session id", "event id", "event key", "id"),
            "title": ("title", "session title", "name", "event name", "session name"),
            "date": ("start date", "event start date", "session start date", "date"),
            "start": ("start time", "event start time", "session start time", "event start"),
            "end date": ("end date", "event end date", "session end date"),
            "end": ("end time", "event end time", "session end time", "event end"),
            "kind": ("type", "event type", "session type"),
            "track": ("subtype", "sub type", "event subtype", "session subtype", "track"),
            "room": ("venue", "location", "room"),
            "speakers": ("speakers", "speaker", "speaker names", "artists"),
            "abstract": ("description",),
            "published": ("published", "active"),
            "url": ("url", "link"),
        },
        fits=_is_sched,
        month_first=True,
    ),
    "csv": GENERIC,
}
"""Layouts by format. The first layout that fits a table is used; at most one tool's layout fits."""
