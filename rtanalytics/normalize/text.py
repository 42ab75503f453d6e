"""What people wrote, as an event has it: names on one line, texts, links, tags, languages, authors.

Sources and importers take it from the JSON of the same services, so that a thing is the same whichever
way it came.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from rtanalytics.event import Author, is_web_url, repair

__all__ = [
    "MAX_NAME",
    "MAX_TAGS",
    "author_of",
    "find_links",
    "find_tags",
    "language",
    "plain_text",
    "unlike",
    "word",
]

MAX_NAME, MAX_TAGS = 200, 50
"""Characters of a name, and tags or mentions of an event."""

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*")
_LINK = re.compile(r"""https?://[^\s<>"'`|\\^{}\[\]]+""", re.IGNORECASE)
_TAG = re.compile(r"(?<![\w/&#])#(\w*[^\W\d_]\w*)")


def find_links(text: str) -> list[str]:
    """The web addresses in a text, without the punctuation after them.

    Examples
    --------
    >>> find_links("see (https://x.example/a_(b)), <http://y.example>.")
    ['https://x.example/a_(b)', 'http://y.example']
    """
    found = []
    for match in _LINK.findall(text) if "://" in text else ():
        link = match.rstrip(".,;:!?*_~")
        spare = link.count(")") - link.count("(")
        while spare > 0 and link.endswith(")"):
            link, spare = link[:-1].rstrip(".,;:!?"), spare - 1
        found.append(link)
    return found


def find_tags(text: str) -> list[str]:
    """The hashtags in a text, without ``#``; numbers are none.

    Examples
    --------
    >>> find_tags("#PyCon2026 is #1, see x.example/#top and #äöü")
    ['PyCon2026', 'äöü']
    """
    return _TAG.findall(text) if "#" in text else []


def author_of(handle: object, id: object = None, name: object = None, **more: Any) -> Author | None:
    """Whoever has a name to be called by, or None."""
    called = word(handle).lstrip("@")
    if not called:
        return None
    full = word(name)
    if not is_web_url(more.get("url") or ""):
        more["url"] = None  # made of a name that is none, most of the time
    return Author(handle=called, id=word(id) or None, name=full if full and full != called else None, **more)


def word(value: object, length: int = MAX_NAME) -> str:
    """A name in one line without control characters; an empty string for what is no text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)[:length]
    if not isinstance(value, str):
        return ""
    return " ".join(_CONTROLS.sub(" ", repair(value)).split())[:length]


def plain_text(value: str) -> str:
    """A text as it was said, without control characters, lines ended in one way."""
    return _CONTROLS.sub("", value.replace("\r\n", "\n").replace("\r", "\n"))


def language(claim: object) -> str | None:
    """A language tag (BCP 47) if the claim looks like one."""
    if isinstance(claim, str) and _LANGUAGE.fullmatch(claim) and claim.lower() != "und":
        return claim.replace("_", "-")
    return None


def unlike(names: Iterable[str]) -> list[str]:
    """Names without a second of any, whether in capitals or not, and no more than an event may have."""
    found: dict[str, str] = {}
    for name in names:
        if short := word(name, 100):
            found.setdefault(short.casefold(), short)
    return list(found.values())[:MAX_TAGS]
