"""HTML from outside → safe HTML for display.

All HTML goes through nh3, an HTML5 parser with an allow-list. Only its output, which is well-formed, is
processed further with regular expressions. Its text is :func:`~rtanalytics.normalize.text.html_text`.
"""

from __future__ import annotations

import html as entities
import re

import nh3
from yarl import URL

from rtanalytics.event import is_web_url
from rtanalytics.normalize.text import escape_code

__all__ = ["MAX_LINKS", "clean_html", "links", "one_line"]

MAX_LINKS = 100
"""Limit of the links of one text."""

# Views load no pictures: their servers would learn who looks at them.
_TAGS = nh3.ALLOWED_TAGS - {"img", "map", "area"}
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_DROPPED = {"script", "style", "title", "iframe", "noscript", "template", "svg", "math"}


def clean_html(source: str, base: str = "") -> str:
    """Return HTML that is safe to display: without scripts, styles, forms, pictures and other URL schemes.

    Parameters
    ----------
    source : str
        As delivered.
    base : str
        Base of relative URLs; without it they are removed.

    Examples
    --------
    >>> clean_html('<p onclick="x()">Hi <script>alert(1)</script><a href="/a">you</a>', "https://x.example/feed")
    '<p>Hi <a href="https://x.example/a" rel="noopener noreferrer nofollow">you</a></p>'
    """
    return nh3.clean(
        escape_code(source),
        tags=_TAGS,
        clean_content_tags=_DROPPED,
        url_schemes={"http", "https", "mailto"},
        url_relative=("rewrite_with_base", base) if _has_host(base) else "deny",
        link_rel="noopener noreferrer nofollow",
    )


def one_line(text: str) -> str:
    r"""Return a plain text on one line and without control characters.

    Examples
    --------
    >>> one_line(" red \x1b[31m\n<b> ")
    'red [31m <b>'
    """
    return " ".join(_CONTROLS.sub(" ", text).split())


def links(cleaned: str) -> list[str]:
    """Return the URLs of the links in a result of :func:`clean_html`, each once, in their order."""
    found = (
        entities.unescape(href).strip().replace(" ", "%20")
        for href in re.findall(r'<a [^>]*?href="([^"]*)"', cleaned)
    )
    return list(dict.fromkeys(url for url in found if is_web_url(url)))[:MAX_LINKS]


def _has_host(url: str) -> bool:
    """Return True for a URL with a host; nh3 raises for other bases."""
    try:
        return is_web_url(url) and URL(url).host is not None
    except ValueError:
        return False
