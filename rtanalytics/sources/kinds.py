"""What kinds of source there are, in words: for ``rtanalytics sources``, and for ``docs/sources.md``."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from rtanalytics.sources import KINDS, load_kind
from rtanalytics.sources.base import SourceSpec

__all__ = ["Key", "Kind", "document", "kind", "kinds", "variables"]

_NEEDS = {
    "open": "nothing",
    "token": "an account or a token",
    "paid": "credentials that cost money",
}
"""What each ``ACCESS`` of a module means."""

_INTRODUCED = {"name", "keep", "expected_every", "shares"}
"""Options that the introduction of the page explains for all kinds."""

_FIRST = """\
# Sources

A source is a `[[source]]` table in `conference.toml`; each is read by a process of its own. `rtanalytics
sources` lists what there is and, given a `conference.toml`, what is configured; `rtanalytics collect
--dry-run` reads each once and shows what would be stored. A token or password never stands in the file: write
`"env:NAME"` and set that variable where `collect` runs. Durations are written as `90s`, `5min`, `1.5h`.

Every table may say `keep = "30d"`: how long its events are kept after they were received. What is older
leaves the stream and the archive when `collect` begins, once an hour, and when it ends; without it everything
stays. `rtanalytics forget conference.toml AUTHOR` removes the messages of one person, and stores nothing of
theirs any more.

Every table may also say `expected_every = "2h"`: a source that answers but has had nothing new for longer
is shown as silent by `rtanalytics status`.

Sources that ask over HTTP share what their host allows: however many tables name it, together they ask it
twice a second at most (ten times at once after a pause), and when it asks one of them to wait, all wait.
`[limits]` in `conference.toml` sets another pace for a host (`"www.reddit.com" = "1/min"`), and
`shares = "tumblr.com"` in several tables makes one budget of several hosts (or, with a name of its own, gives
a source one for itself).

What could not be read is kept and counted: `rtanalytics dead conference.toml list` shows it, and
`rtanalytics dead conference.toml replay` reads it again after the fix.

This page is written by `python -m rtanalytics.sources.kinds` from what each source's module says of itself.
"""


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A key of a ``[[source]]`` table.

    Parameters
    ----------
    name : str
        As it is written.
    type : str
        What it takes.
    about : str
        What it means.
    required : bool
        True if it has no default.
    """

    name: str
    type: str
    about: str
    required: bool


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of source.

    Parameters
    ----------
    name : str
        The ``type`` of its tables.
    needs : str
        What one has to have.
    about, example : str
        What it reads, and a table that works.
    keys : list of Key
        Of its table, ``name`` and ``type`` left out.
    """

    name: str
    needs: str
    about: str
    example: str
    keys: list[Key]


def kinds() -> list[Kind]:
    """Return all kinds, by name; this imports the module of each."""
    return [kind(name) for name in sorted(KINDS)]


def kind(name: str) -> Kind:
    """Return one kind, described by its module.

    Raises
    ------
    KeyError
        If there is none of that name.
    """
    module = load_kind(name)
    spec: type[SourceSpec] = module.Spec
    own = _parameters(inspect.cleandoc(spec.__doc__ or ""))
    docs = _shared_options(spec) | own
    keys = [
        Key(name=f.encode_name, type=docs[f.name][0], about=docs[f.name][1], required=f.required)
        for f in msgspec.structs.fields(spec)
        if f.name != "name" and f.name in docs
    ]
    keys.sort(key=lambda key: not key.required)
    return Kind(
        name=name,
        needs=_NEEDS[module.ACCESS],
        about=module.ABOUT.strip(),
        example=module.EXAMPLE.strip(),
        keys=keys,
    )


def _shared_options(spec: type[SourceSpec]) -> dict[str, tuple[str, str]]:
    """Return the options that a kind inherits, without those that the page's introduction explains."""
    options: dict[str, tuple[str, str]] = {}
    for base in reversed(spec.__mro__[1:]):
        if issubclass(base, SourceSpec):
            options |= _parameters(inspect.cleandoc(base.__doc__ or ""))
    return {name: option for name, option in options.items() if name not in _INTRODUCED}


def variables(table: Mapping[str, Any]) -> dict[str, bool]:
    """Return the environment variables that a table names, and whether each is set.

    Parameters
    ----------
    table : mapping
        A ``[[source]]`` table as it stands in the file.
    """
    named = (re.fullmatch(r"env:(\w+)", value) for value in table.values() if isinstance(value, str))
    return {found[1]: bool(os.environ.get(found[1])) for found in named if found}


def document() -> str:
    """Return the text of ``docs/sources.md``."""
    parts = [_FIRST]
    for one in kinds():
        rows = [f"| `{k.name}` | {_plain(k.type, k)} | {_plain(k.about)} |" for k in one.keys]
        table = "\n".join(["| key | takes | |", "|---|---|---|", *rows])
        parts.append(
            f"## {one.name}\n\nNeeds {one.needs}.\n\n{one.about}\n\n```toml\n{one.example}\n```\n\n{table}\n"
        )
    return "\n".join(parts)


def _plain(text: str, key: Key | None = None) -> str:
    """One line of a Markdown table; roles and double back quotes become single ones."""
    text = re.sub(r":\w+:`~?([^`]*)`", r"`\1`", text.replace("``", "`")).replace("|", r"\|")
    if key is not None:
        text = text.replace(", optional", "").replace("timedelta", "duration").replace("str", "text")
        text += ", required" if key.required else ""
    return " ".join(text.split())


def _parameters(doc: str) -> dict[str, tuple[str, str]]:
    """Type and meaning of each parameter of a numpydoc text; several may share a line."""
    found: dict[str, tuple[str, str]] = {}
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\w[^\n]*\n-+\n|\Z)", doc, re.MULTILINE | re.DOTALL)
    for entry in re.split(r"\n(?=\S)", section[1].strip()) if section else ():
        head, _, about = entry.partition("\n")
        names, _, type = head.partition(" : ")
        for name in names.split(", "):
            found[name] = type, inspect.cleandoc(about)
    return found


if __name__ == "__main__":
    print(document(), end="")  # noqa: T201  # that is what it is run for
