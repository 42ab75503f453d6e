"""Names, texts, links, tags, languages and authors in the form that events have.

Sources and importers use the same functions, so that a message is the same in a live stream and in
an imported file.
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
    "unescape",
    "unique_names",
    "word",
]

MAX_NAME, MAX_TAGS = 200, 50
"""Limits: characters of a name, and tags or mentions of an event."""

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*")
_LINK = re.compile(r"""https?://[^\s<>"'`|\\^{}\[\]]+""", re.IGNORECASE)
_TAG = re.compile(r"(?<![\w/&#])#(\w*[^\W\d_]\w*)")


def find_links(text: str) -> list[str]:
    """Return the URLs in a text without the punctuation after them.

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
    """Return the hashtags in a text without ``#``; numbers are not hashtags.

    Examples
    --------
    >>> find_tags("#PyCon2026 is #1, see x.example/#top and #äöü")
    ['PyCon2026', 'äöü']
    """
    return _TAG.findall(text) if "#" in text else []


def author_of(handle: object, id: object = None, name: object = None, **more: Any) -> Author | None:
    """Return an author, or None without a handle."""
    handle = word(handle).lstrip("@")
    if not handle:
        return None
    full = word(name)
    if not is_web_url(more.get("url") or ""):
        more["url"] = None  # mostly made of an invalid name
    return Author(handle=handle, id=word(id) or None, name=full if full and full != handle else None, **more)


def word(value: object, length: int = MAX_NAME) -> str:
    """Return a name or number as text on one line without control characters; "" for other values."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)[:length]
    if not isinstance(value, str):
        return ""
    return " ".join(_CONTROLS.sub(" ", repair(value)).split())[:length]


def plain_text(value: str) -> str:
    """Return a text without control characters and with line feeds as line ends."""
    return _CONTROLS.sub("", value.replace("\r\n", "\n").replace("\r", "\n"))


def unescape(text: str) -> str:
    """Replace ``&lt;``, ``&gt;`` and ``&amp;``, which services such as Slack escape; once, not repeatedly.

    Examples
    --------
    >>> unescape("AT&amp;T &lt;3 &amp;amp;")
    'AT&T <3 &amp;'
    """
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def language(claim: object) -> str | None:
    """Return a language tag (BCP 47), or None if the value does not look like one."""
    if isinstance(claim, str) and _LANGUAGE.fullmatch(claim) and claim.lower() != "und":
        return claim.replace("_", "-")
    return None


def unique_names(names: Iterable[str]) -> list[str]:
    """Return names without duplicates (ignoring case), at most as many as an event may have."""
    unique: dict[str, str] = {}
    for name in names:
        if short := word(name, 100):
            unique.setdefault(short.casefold(), short)
    return list(unique.values())[:MAX_TAGS]
