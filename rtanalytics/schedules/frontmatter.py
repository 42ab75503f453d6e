"""Talks as files of a web site: YAML front matter as DjangoCon US has it, or a YAML list of talks.

All values are read as the text that stands there, and an alias is refused: so nothing in a file
becomes anything else than text, lists and mappings, and none of it is larger than the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import tzinfo
from typing import Any

from rtanalytics.schedules.common import (
    Found,
    ScheduleError,
    Slot,
    length_of,
    moment,
    prose,
    tried,
    word,
)

__all__ = ["read_front_matter"]

_MAX_CHARACTERS = 2_000_000
_TIMES = {"start": ("start_datetime", "date", "start"), "end": ("end_datetime", "end_date", "end")}
_NULL = {"", "null", "Null", "NULL", "~"}


def read_front_matter(text: str, where: str, zone: tzinfo | None, *, pages: bool = False) -> list[Found]:
    """The slots of one file: a talk in its front matter, or a list of talks.

    With ``pages`` the file is one of a site, of which some are no talks: they have no date. A talk
    that is not published or not accepted is left out. Where speakers are named by the names of
    their pages (``ada-lovelace``), names are made of these. A talk that has no title or cannot be
    placed in time is its error, which names it.

    Raises
    ------
    ScheduleError
        If it is no such file.
    """
    if len(text) > _MAX_CHARACTERS:
        raise ScheduleError(f"{where}: {len(text):,} characters of YAML; the limit is {_MAX_CHARACTERS:,}")
    talks = _talks(text, where)
    if pages:
        talks = (
            (talk, body, place)
            for talk, body, place in talks
            if isinstance(talk, dict) and _told(talk, "start")
        )
    return [tried(_slot, talk, body, place, zone) for talk, body, place in talks]


def _talks(text: str, where: str) -> Iterator[tuple[Any, str, str]]:
    found = re.match(r"---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)(.*)", text, re.DOTALL | re.MULTILINE)
    loaded = _loaded(found[1] if found else text, where)
    if isinstance(loaded, dict) and {"title", *_TIMES["start"]} & set(loaded):
        yield loaded, found[2] if found else "", where
        return
    if not isinstance(loaded, list):
        raise ScheduleError(f"{where}: YAML, but neither a talk with title and date nor a list of talks")
    for number, talk in enumerate(loaded, start=1):
        yield talk, "", f"{where}: talk {number}"


def _slot(talk: Any, body: str, where: str, zone: tzinfo | None) -> Slot | None:
    if not isinstance(talk, dict):
        raise ScheduleError(f"{where} is no mapping")
    title = _line(talk.get("title"))
    if not title:
        raise ScheduleError(f"{where} has no title")
    where = f"{where} ({title[:60]})"
    if any(_line(talk.get(key)).lower() == "false" for key in ("published", "accepted")):
        return None
    start, end = _told(talk, "start"), _told(talk, "end")
    if not start:
        raise ScheduleError(f"{where} has no date; write date: 2026-05-15 09:30:00+02:00")
    begins = moment(start, zone, where)
    ends = moment(end, zone, where) if end else None
    if ends is None and (length := length_of(_line(talk.get("duration")), where)) is not None:
        ends = begins + length
    link = _line(talk.get("permalink"))
    texts = [prose(talk.get("abstract")), prose(body)]
    return Slot(
        where=where,
        id=link.strip("/") or _line(talk.get("slug")),
        title=title,
        start=begins,
        end=ends,
        speakers=_people(talk),
        room=_line(talk.get("room")) or None,
        track=_line(talk.get("track")) or None,
        kind=(_line(talk.get("category")) or "talk").lower().replace("talks", "talk"),
        url=link or _line(talk.get("url")) or None,
        abstract="\n\n".join(dict.fromkeys(t for t in texts if t not in _NULL)) or None,
        cancelled=_line(talk.get("cancelled")).lower() == "true",
    )


def _told(talk: dict[str, Any], name: str) -> str:
    return next((told for key in _TIMES[name] if (told := _line(talk.get(key)))), "")


def _people(talk: dict[str, Any]) -> list[str]:
    for key in ("speakers", "presenters", "speaker"):
        told = talk.get(key)
        people = told if isinstance(told, list) else [told]
        names = [_line(p.get("name") if isinstance(p, dict) else p) for p in people]
        if any(names):
            return list(dict.fromkeys(name for name in names if name))
    slugs = talk.get("presenter_slugs")
    names = [_line(slug).replace("-", " ").title() for slug in slugs] if isinstance(slugs, list) else []
    return list(dict.fromkeys(name for name in names if name))


def _line(told: Any) -> str:
    line = word(told)
    return "" if line in _NULL else line


def _loaded(text: str, where: str) -> Any:
    import yaml

    class Loader(yaml.BaseLoader):  # type: ignore[misc]  # it has no annotations
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                mark = self.peek_event().start_mark
                raise yaml.composer.ComposerError(None, None, "an alias (*name) is not read", mark)
            return super().compose_node(parent, index)

    try:
        return yaml.load(text, Loader=Loader)  # noqa: S506  # a BaseLoader makes nothing but text
    except yaml.MarkedYAMLError as error:
        line = (error.problem_mark.line + 1) if error.problem_mark else 1
        raise ScheduleError(f"{where}:{line}: broken YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise ScheduleError(f"{where}: broken YAML: {error}") from None
    except RecursionError:
        raise ScheduleError(f"{where}: YAML that is nested too deep") from None
