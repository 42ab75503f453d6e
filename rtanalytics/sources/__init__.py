"""Sources of events: one module per kind, selected by the ``type`` of a ``[[source]]`` table.

A new source is a module (or package) beside the others with a :class:`~rtanalytics.sources.base.SourceSpec`
subclass for its table, a pure ``parse`` and a class that fulfils
:class:`~rtanalytics.sources.base.Source`, and a line in :data:`KINDS`. Modules are named as text,
so that reading a ``conference.toml`` imports only the modules of its sources.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from importlib import import_module
from types import ModuleType
from typing import Any, cast

import msgspec

from rtanalytics.clock import parse_duration
from rtanalytics.conference import ConferenceError, expected
from rtanalytics.extras import extra, require
from rtanalytics.sources.base import Source, SourceSpec

__all__ = ["KINDS", "SourceTableError", "load_kind", "open_source", "paid", "read_specs", "spec_from_table"]

KINDS: dict[str, str] = {
    "bitbucket": "rtanalytics.sources.bitbucket",
    "bluesky": "rtanalytics.sources.bluesky",
    "discourse": "rtanalytics.sources.discourse",
    "feed": "rtanalytics.sources.feeds",
    "flickr": "rtanalytics.sources.flickr",
    "github": "rtanalytics.sources.github",
    "hackernews": "rtanalytics.sources.hackernews",
    "irc": "rtanalytics.sources.irc",
    "mastodon": "rtanalytics.sources.mastodon",
    "matrix": "rtanalytics.sources.matrix",
    "reddit": "rtanalytics.sources.reddit",
    "schedule": "rtanalytics.sources.schedules",
    "stackexchange": "rtanalytics.sources.stackexchange",
    "x": "rtanalytics.sources.twitter",
}
"""Module for each ``type`` of a table; it has ``Spec`` and ``open_source``."""

_ALIASES = {
    "rss": "feed", "atom": "feed", "jsonfeed": "feed", "blog": "feed", "youtube": "feed", "meetup": "feed",
    "twitter": "x", "tweets": "x", "toot": "mastodon", "toots": "mastodon", "fediverse": "mastodon",
    "bsky": "bluesky", "hn": "hackernews", "subreddit": "reddit", "stackoverflow": "stackexchange",
    "libera": "irc", "element": "matrix", "forum": "discourse", "ical": "schedule", "ics": "schedule",
    "pretalx": "schedule", "frab": "schedule", "calendar": "schedule",
}  # fmt: skip
"""Other names of kinds, for suggestions in error messages."""


class SourceTableError(ConferenceError):
    """A ``[[source]]`` table that cannot be used.

    Parameters
    ----------
    message : str
        Description of the error, and what to write instead.
    number : int
        Number of the table in the file, from 1.
    key : str
        Key with the error; empty if it concerns the table.
    """

    def __init__(self, message: str, number: int, key: str = "") -> None:
        super().__init__(message)
        self.number = number
        self.key = key


def read_specs(tables: Iterable[Mapping[str, Any]], timezone: str = "UTC") -> list[SourceSpec]:
    """Return the specs of all ``[[source]]`` tables of a conference.

    Parameters
    ----------
    tables : iterable of mappings
        Tables of the file.
    timezone : str
        Time zone of the conference, for sources with a key ``timezone`` that is not given. ``UTC`` is the
        default of a conference, so it is not applied to sources.

    Raises
    ------
    SourceTableError
        If a table is invalid, or two tables have the same name or address.
    """
    specs: list[SourceSpec] = []
    names: dict[str, int] = {}
    scopes: dict[tuple[type[SourceSpec], str], int] = {}
    for number, table in enumerate(tables, start=1):
        spec = spec_from_table(table, number)
        if timezone != "UTC" and getattr(spec, "timezone", "") is None:
            spec = spec_from_table({**table, "timezone": timezone}, number)
        if other := names.get(spec.name):
            raise SourceTableError(
                f"[[source]] {number}: name {spec.name!r} is taken by [[source]] {other}; use another name",
                number,
                "name",
            )
        if other := scopes.get((type(spec), spec.scope)):
            raise SourceTableError(
                f"[[source]] {number} ({spec.name}) reads the same as [[source]] {other}; "
                'remove one of them, or give it its own key = "…"',
                number,
            )
        names[spec.name] = scopes[type(spec), spec.scope] = number
        specs.append(spec)
    return specs


def spec_from_table(table: Mapping[str, Any], number: int = 1) -> SourceSpec:
    """Return the spec of one ``[[source]]`` table.

    Raises
    ------
    SourceTableError
        If the table is invalid; the message names the table, the key and what to write instead.

    Examples
    --------
    >>> spec_from_table({"type": "feed", "name": "blog", "url": "https://blog.example/feed", "evry": "5min"})
    Traceback (most recent call last):
    ...
    rtanalytics.sources.SourceTableError: [[source]] 1 (blog): 'evry' is not known; did you mean 'every'?
    """
    named = table.get("name")
    label = f"[[source]] {number}" + (f" ({named})" if isinstance(named, str) else "")
    kind = table.get("type")
    if not isinstance(kind, str) or kind not in KINDS:
        name = re.sub(r"[\W_]", "", str(kind).casefold())
        near = [_ALIASES[name]] if name in _ALIASES else difflib.get_close_matches(name, KINDS, 1)
        what = "has no type" if kind is None else f"type {kind!r} is not known"
        hint = f"did you mean {near[0]!r}?" if near else f"write one of {_list(KINDS)}"
        raise SourceTableError(f"{label}: {what}; {hint}", number, "type")
    spec = cast("type[SourceSpec]", load_kind(kind).Spec)
    fields = {f.encode_name: f for f in msgspec.structs.fields(spec)}
    values = dict(table)
    for key in table:
        if key != "type" and key not in fields:
            near = difflib.get_close_matches(key, fields, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {_list(fields)}"
            raise SourceTableError(f"{label}: {key!r} is not known; {hint}", number, key)
    for key, field in fields.items():
        if key not in values:
            if field.required:
                raise SourceTableError(f'{label}: {key!r} is missing; write {key} = "…"', number, key)
            continue
        try:
            if _is_duration(field.type):
                values[key] = parse_duration(values[key])
            else:
                msgspec.convert(values[key], field.type, builtin_types=(timedelta,))
        except msgspec.ValidationError:
            message = expected(field.type, key, values[key])
            raise SourceTableError(f"{label}: {message}", number, key) from None
        except ValueError as error:
            raise SourceTableError(f"{label}: {key} = {error}", number, key) from None
    try:
        return msgspec.convert(values, spec, builtin_types=(timedelta,))
    except msgspec.ValidationError as error:  # raised by the spec's own checks
        key = str(error).partition(" ")[0]
        raise SourceTableError(f"{label}: {error}", number, key if key in fields else "") from None


def load_kind(kind: str) -> ModuleType:
    """Import the module of a kind of source.

    Raises
    ------
    KeyError
        If there is no such kind.
    MissingExtraError
        If the libraries of the extra ``sources`` are not installed.
    """
    with extra("sources"):
        return import_module(KINDS[kind])


def open_source(spec: SourceSpec, counts: Counter[str] | None = None) -> Source:
    """Open the source of a spec; it connects when it is first polled.

    Parameters
    ----------
    spec : SourceSpec
        Specification from :func:`spec_from_table`.
    counts : Counter, optional
        Receives the counters of the source (``fetched``, ``http_304``, ``bytes`` …).

    Raises
    ------
    TypeError
        If no kind of source has such a spec.
    """
    kind = cast("str", spec.__struct_config__.tag)
    if kind not in KINDS:
        raise TypeError(f"{type(spec).__name__} is not the spec of a source; known are {_list(KINDS)}")
    require("sources")
    return cast("Source", load_kind(kind).open_source(spec, Counter() if counts is None else counts))


def paid(spec: SourceSpec) -> bool:
    """Check whether reading a source costs money; its spec limits the amount (``once_usd``)."""
    return bool(load_kind(cast("str", spec.__struct_config__.tag)).ACCESS == "paid")


def _is_duration(kind: Any) -> bool:
    return kind is timedelta or timedelta in getattr(kind, "__args__", ())


def _list(names: Iterable[str] | Sequence[str]) -> str:
    return ", ".join(sorted(names))
