"""Changes between two versions of a schedule.

Talks are identified by their ids. But some tools change ids, and an id that is derived from the title
changes with it. So talks whose id is missing in the other version are also compared by title, speakers,
time and room, and a talk that matches keeps its earlier id.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from difflib import SequenceMatcher
from typing import Any, Literal

import msgspec

from rtanalytics.schedule import Schedule, Talk

__all__ = ["Change", "ChangeKind", "changes", "keep_ids"]

ChangeKind = Literal["added", "moved", "cancelled", "retitled"]

_MIN_SIMILARITY = 0.6
"""Lowest similarity at which two titles count as versions of the same title, between 0 and 1."""


class Change(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One change of a talk between two versions of a schedule.

    Parameters
    ----------
    kind : {'added', 'moved', 'cancelled', 'retitled'}
        ``moved`` means another start, end or room. A talk that was moved and retitled gives two
        changes.
    talk : Talk
        The talk after the change, or before it if the talk was cancelled.
    before : Talk, optional
        The talk before the change, or None if it was added.
    """

    kind: ChangeKind
    talk: Talk
    before: Talk | None = None


def changes(old: Iterable[Talk], new: Iterable[Talk]) -> list[Change]:
    """Return the changes from one version of a schedule to the next, in order of time.

    Parameters
    ----------
    old, new : Schedule or iterable of Talk
        The earlier and the later version; each id occurs once per version.

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
    now = {talk.id: talk for talk in keep_ids(old, new)}
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


def keep_ids(old: Iterable[Talk], new: Iterable[Talk]) -> Schedule:
    """Return ``new``, in which talks that are in ``old`` under another id have their id of ``old``.

    Only talks whose id is missing in the other version are compared. Two talks match if they have the
    same title and speakers; the same title, time and room; the same speakers, time and room; or similar
    titles and either the same speakers or the same time and room. If several talks match, none of them
    is renamed.
    """
    old, new = list(old), list(new)
    kept = {talk.id for talk in old} & {talk.id for talk in new}
    removed = [talk for talk in old if talk.id not in kept]
    added = [talk for talk in new if talk.id not in kept]
    old_ids: dict[str, str] = {}
    for key in (_title_and_speakers, _place_and_speakers, _place_and_title):
        _pair_by_key(removed, added, old_ids, key)
    _pair_similar(removed, added, old_ids)
    ids = {talk.id for talk in new} - set(old_ids)
    renamed = []
    for talk in new:
        name = old_ids.get(talk.id)
        if name is not None and name not in ids:
            ids.add(name)
            talk = msgspec.structs.replace(talk, id=name)  # noqa: PLW2901  # the same talk
        renamed.append(talk)
    return Schedule(renamed)


def _title_and_speakers(talk: Talk) -> Any:
    return talk.title, tuple(talk.speakers)


def _place_and_speakers(talk: Talk) -> Any:
    return (talk.start, talk.room, tuple(talk.speakers)) if talk.speakers else None


def _place_and_title(talk: Talk) -> Any:
    return talk.start, talk.room, talk.title


def _pair_by_key(
    removed: list[Talk], added: list[Talk], old_ids: dict[str, str], key_of: Callable[[Talk], Any]
) -> None:
    """Pair a removed and an added talk with the same key, if no other talk has that key."""
    taken = set(old_ids.values())
    sides: dict[Any, tuple[list[Talk], list[Talk]]] = defaultdict(lambda: ([], []))
    for talk in removed:
        if talk.id not in taken and (key := key_of(talk)) is not None:
            sides[key][0].append(talk)
    for talk in added:
        if talk.id not in old_ids and (key := key_of(talk)) is not None:
            sides[key][1].append(talk)
    for before, now in sides.values():
        if len(before) == len(now) == 1:
            old_ids[now[0].id] = before[0].id


def _pair_similar(removed: list[Talk], added: list[Talk], old_ids: dict[str, str]) -> None:
    """Pair a removed and an added talk with similar titles and the same speakers, or time and room."""
    taken = set(old_ids.values())
    places: dict[Any, list[Talk]] = defaultdict(list)
    for talk in removed:
        if talk.id not in taken:
            places[talk.start, talk.room].append(talk)
            if talk.speakers:
                places[tuple(talk.speakers)].append(talk)
    for talk in added:
        if talk.id in old_ids:
            continue
        near = {t.id: t for t in [*places[talk.start, talk.room], *places[tuple(talk.speakers)]]}
        found = [t.id for t in near.values() if t.id not in taken and _similar(t.title, talk.title)]
        if len(found) == 1:
            old_ids[talk.id] = found[0]
            taken.add(found[0])


def _similar(one: str, other: str) -> bool:
    one, other = one[:200].casefold(), other[:200].casefold()
    return SequenceMatcher(None, one, other, autojunk=False).ratio() >= _MIN_SIMILARITY
