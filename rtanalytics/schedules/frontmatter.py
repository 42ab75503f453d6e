"""Reader for talks as pages of a web site, with YAML front matter (DjangoCon US), and for YAML lists.

All values are read as text, and YAML aliases are refused: the data contains only text, lists and
mappings, and cannot become larger than the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import Any

from rtanalytics.normalize.values import as_list
from rtanalytics.schedules.common import (
    Found,
    ScheduleError,
    Slot,
    end_after,
    moment,
    named_place,
    paragraphs,
    prose,
    slot_or_error,
    unique,
    word,
)

__all__ = ["read_front_matter"]

_MAX_CHARACTERS = 2_000_000
_TIMES = {"start": ("start_datetime", "date", "start"), "end": ("end_datetime", "end_date", "end")}
_NULL = {"", "null", "Null", "NULL", "~"}


def read_front_matter(text: str, where: str, zone: tzinfo | None, *, pages: bool = False) -> list[Found]:
    """Return the slots of a YAML file, or an error for each bad talk.

    The file has one talk in its front matter, or is a list of talks. If ``pages`` is true, it is a page
    of a web site and is ignored if it has no date. Talks that are not published or not accepted are
    left out. Speakers who are only given as page names (``ada-lovelace``) get the name ``Ada Lovelace``.

    Raises
    ------
    ScheduleError
        If the text is not valid YAML, or contains no talk.
    """
    if len(text) > _MAX_CHARACTERS:
        raise ScheduleError(f"{where}: {len(text):,} characters of YAML; the limit is {_MAX_CHARACTERS:,}")
    talks = _talks(text, where)
    if pages:
        talks = (entry for entry in talks if isinstance(entry[0], dict) and _time_text(entry[0], "start"))
    return [slot_or_error(_slot, talk, body, place, zone) for talk, body, place in talks]


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
    title = _line(talk.get("title")) if isinstance(talk, dict) else ""
    where = named_place(talk, title, where)
    if any(_line(talk.get(key)).lower() == "false" for key in ("published", "accepted")):
        return None
    start, end = _time_text(talk, "start"), _time_text(talk, "end")
    if not start:
        raise ScheduleError(f"{where} has no date; write date: 2026-05-15 09:30:00+02:00")
    begins = moment(start, zone, where)
    if end:
        ends: datetime | None = moment(end, zone, where)
    else:
        ends = end_after(begins, _line(talk.get("duration")), where)
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
        abstract=paragraphs(*(text for text in texts if text not in _NULL)),
        cancelled=_line(talk.get("cancelled")).lower() == "true",
    )


def _time_text(talk: dict[str, Any], name: str) -> str:
    return next((text for key in _TIMES[name] if (text := _line(talk.get(key)))), "")


def _people(talk: dict[str, Any]) -> list[str]:
    for key in ("speakers", "presenters", "speaker"):
        value = talk.get(key)
        people = value if isinstance(value, list) else [value]
        if names := unique(_line(p.get("name") if isinstance(p, dict) else p) for p in people):
            return names
    return unique(_line(slug).replace("-", " ").title() for slug in as_list(talk.get("presenter_slugs")))


def _line(value: Any) -> str:
    line = word(value)
    return "" if line in _NULL else line


def _loaded(text: str, where: str) -> Any:
    import yaml

    class Loader(yaml.BaseLoader):  # type: ignore[misc]  # it has no annotations
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                mark = self.peek_event().start_mark
                raise yaml.composer.ComposerError(None, None, "aliases (*name) are not supported", mark)
            return super().compose_node(parent, index)

    try:
        return yaml.load(text, Loader=Loader)  # noqa: S506  # a BaseLoader creates text only
    except yaml.MarkedYAMLError as error:
        line = (error.problem_mark.line + 1) if error.problem_mark else 1
        raise ScheduleError(f"{where}:{line}: broken YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise ScheduleError(f"{where}: broken YAML: {error}") from None
    except RecursionError:
        raise ScheduleError(f"{where}: YAML is nested too deeply") from None
