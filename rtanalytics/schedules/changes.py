"""What has changed between two readings of a schedule.

A talk is the same while its id is. Not every tool keeps ids, and a talk without one is known by
its title; so what is left over on both sides is looked at once more, and a talk whose speakers and
title say that it is the same keeps the id that it had.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from difflib import SequenceMatcher
from typing import Any, Literal

import msgspec

from rtanalytics.schedule import Schedule, Talk

__all__ = ["Change", "ChangeKind", "carried", "changes"]

ChangeKind = Literal["added", "moved", "cancelled", "retitled"]

_ALIKE = 0.6
"""Share of the characters that two titles have in common if one is thought a new version of the other."""


class Change(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One thing that has happened to a talk.

    Parameters
    ----------
    kind : {'added', 'moved', 'cancelled', 'retitled'}
        ``moved``: another start, end or room. A talk that is moved and retitled gives two changes.
    talk : Talk
        As it is now; if it was cancelled, as it was.
    before : Talk, optional
        As it was; None if it was added.
    """

    kind: ChangeKind
    talk: Talk
    before: Talk | None = None


def changes(old: Iterable[Talk], new: Iterable[Talk]) -> list[Change]:
    """What has happened to the talks of ``old`` that makes them those of ``new``, in order of time.

    Parameters
    ----------
    old, new : Schedule or iterable of Talk
        An earlier and a later reading; ids within one are unique.

    Examples
    --------
    >>> from datetime import UTC, datetime, timedelta
    >>> nine, hour = datetime(2026, 5, 15, 9, tzinfo=UTC), timedelta(hours=1)
    >>> was = Talk(id="1", title="Welcome", start=nine, end=nine + hour)
    >>> now = Talk(id="1", title="Hello", start=nine + hour, end=nine + 2 * hour)
    >>> [change.kind for change in changes([was], [now])]
    ['moved', 'retitled']
    """
    old, new = list(old), list(new)
    before = {talk.id: talk for talk in old}
    now = {talk.id: talk for talk in carried(old, new)}
    found = [Change(kind="cancelled", talk=talk, before=talk) for talk in old if talk.id not in now]
    for talk in now.values():
        was = before.get(talk.id)
        if was is None:
            found.append(Change(kind="added", talk=talk))
            continue
        if (was.start, was.end, was.room) != (talk.start, talk.end, talk.room):
            found.append(Change(kind="moved", talk=talk, before=was))
        if was.title != talk.title:
            found.append(Change(kind="retitled", talk=talk, before=was))
    return sorted(found, key=lambda change: (change.talk.start, change.talk.id, change.kind))


def carried(old: Iterable[Talk], new: Iterable[Talk]) -> Schedule:
    """``new`` with the ids of ``old`` where a talk is the same under another id.

    Looked at are only talks whose id the other reading has not. Two of them are the same if title
    and speakers agree, or one of these does and so do time and room, or the titles are alike and
    the speakers or the time and room agree; and if no other talk says so as well.
    """
    old, new = list(old), list(new)
    kept = {talk.id for talk in old} & {talk.id for talk in new}
    gone = [talk for talk in old if talk.id not in kept]
    come = [talk for talk in new if talk.id not in kept]
    known: dict[str, str] = {}
    for alike in (_what, _where_and_who, _where_and_title):
        _pair(gone, come, known, alike)
    _resembling(gone, come, known)
    ids = {talk.id for talk in new} - set(known)
    renamed = []
    for talk in new:
        name = known.get(talk.id)
        if name is not None and name not in ids:
            ids.add(name)
            talk = msgspec.structs.replace(talk, id=name)  # noqa: PLW2901  # the same talk
        renamed.append(talk)
    return Schedule(renamed)


def _what(talk: Talk) -> Any:
    return talk.title, tuple(talk.speakers)


def _where_and_who(talk: Talk) -> Any:
    return (talk.start, talk.room, tuple(talk.speakers)) if talk.speakers else None


def _where_and_title(talk: Talk) -> Any:
    return talk.start, talk.room, talk.title


def _pair(gone: list[Talk], come: list[Talk], known: dict[str, str], alike: Callable[[Talk], Any]) -> None:
    """Pair those of which there is one on each side."""
    taken = set(known.values())
    sides: dict[Any, tuple[list[Talk], list[Talk]]] = defaultdict(lambda: ([], []))
    for talk in gone:
        if talk.id not in taken and (key := alike(talk)) is not None:
            sides[key][0].append(talk)
    for talk in come:
        if talk.id not in known and (key := alike(talk)) is not None:
            sides[key][1].append(talk)
    for before, now in sides.values():
        if len(before) == len(now) == 1:
            known[now[0].id] = before[0].id


def _resembling(gone: list[Talk], come: list[Talk], known: dict[str, str]) -> None:
    """Pair talks with similar titles that have the same speakers, or time and room."""
    taken = set(known.values())
    places: dict[Any, list[Talk]] = defaultdict(list)
    for talk in gone:
        if talk.id not in taken:
            places[talk.start, talk.room].append(talk)
            if talk.speakers:
                places[tuple(talk.speakers)].append(talk)
    for talk in come:
        if talk.id in known:
            continue
        near = {t.id: t for t in [*places[talk.start, talk.room], *places[tuple(talk.speakers)]]}
        found = [t.id for t in near.values() if t.id not in taken and _similar(t.title, talk.title)]
        if len(found) == 1:
            known[talk.id] = found[0]
            taken.add(found[0])


def _similar(one: str, other: str) -> bool:
    one, other = one[:200].casefold(), other[:200].casefold()
    return SequenceMatcher(None, one, other, autojunk=False).ratio() >= _ALIKE
