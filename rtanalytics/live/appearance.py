"""Hue, icon and short label of a source, the same in every view.

The hue is an angle in the OKLCH colour space. The theme sets lightness and chroma, so that all sources
are equally visible. Known sources have fixed hues; the hue of any other source is computed from its
name, so it is the same on every machine and in every session.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TypedDict

__all__ = ["Appearance", "appearance"]


class Appearance(TypedDict):
    """Appearance of a source: ``hue`` in degrees (OKLCH), ``icon``, and a short ``label``.

    ``icon`` is one of ``post``, ``chat``, ``feed``, ``code``, ``photo``, ``video``, ``forum`` and
    ``talk``. ``label`` is untrusted plain text.
    """

    label: str
    hue: int
    icon: str


_KNOWN: dict[str, tuple[int, str]] = {
    "atom": (62, "feed"),
    "bitbucket": (265, "code"),
    "blog": (62, "feed"),
    "blogs": (62, "feed"),
    "bluesky": (245, "post"),
    "commits": (350, "code"),
    "discord": (280, "chat"),
    "discourse": (95, "forum"),
    "feed": (62, "feed"),
    "feeds": (62, "feed"),
    "flickr": (330, "photo"),
    "github": (350, "code"),
    "gitlab": (40, "code"),
    "hackernews": (48, "forum"),
    "irc": (155, "chat"),
    "lobsters": (25, "forum"),
    "mastodon": (292, "post"),
    "matrix": (180, "chat"),
    "photos": (330, "photo"),
    "posts": (292, "post"),
    "reddit": (36, "forum"),
    "rss": (62, "feed"),
    "schedule": (200, "talk"),
    "slack": (320, "chat"),
    "stackexchange": (78, "forum"),
    "twitter": (232, "post"),
    "x": (232, "post"),
    "youtube": (22, "video"),
    "zulip": (205, "chat"),
}

_LONGEST = 28


def appearance(source: str) -> Appearance:
    """Return the appearance of a source.

    Parameters
    ----------
    source : str
        Source of an event, such as ``mastodon`` or ``irc:#python``. The part before the first colon
        determines hue and icon.

    Examples
    --------
    >>> appearance("irc:#python")
    {'label': '#python', 'hue': 155, 'icon': 'chat'}
    """
    kind, _, rest = source.partition(":")
    known = _KNOWN.get(kind.strip().casefold())
    if known is None:
        digest = blake2b(kind.encode("utf-8", "replace"), digest_size=2).digest()
        known = (int.from_bytes(digest, "big") % 360, "post")
    label = rest.strip(": ") or kind or "?"
    if len(label) > _LONGEST:
        label = label[: _LONGEST - 1] + "…"
    return {"label": label, "hue": known[0], "icon": known[1]}
