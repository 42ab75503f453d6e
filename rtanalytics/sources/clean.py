"""HTML from outside → plain text for counting, safe HTML for display, plain titles.

All HTML goes through nh3, an HTML5 parser with an allow-list. Only its output, which is well-formed, is
processed further with regular expressions.
"""

from __future__ import annotations

import html as entities
import re

import nh3
from yarl import URL

from rtanalytics.event import is_web_url

__all__ = ["MAX_LINKS", "clean_html", "links", "one_line", "plain", "plain_title"]

MAX_LINKS = 100
"""Limit of the links of one text."""

# Views load no pictures: their servers would learn who looks at them.
_TAGS = nh3.ALLOWED_TAGS - {"img", "map", "area"}
_BLOCKS = {
    "address", "article", "aside", "blockquote", "br", "caption", "center", "dd", "details", "div", "dl",
    "dt", "figcaption", "figure", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main",
    "nav", "ol", "p", "pre", "section", "summary", "table", "tr", "ul",
}  # fmt: skip
_IMAGE = re.compile(r"<img\b[^<>]{0,2000}>", re.IGNORECASE)
_EMOJI = re.compile(r"""class=["'][^"']{0,200}\b(?:emoji|wp-smiley)\b""", re.IGNORECASE)
_ALT = re.compile(r"""alt=(?:"([^"]{1,100})"|'([^']{1,100})')""", re.IGNORECASE)
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
        source,
        tags=_TAGS,
        clean_content_tags=_DROPPED,
        url_schemes={"http", "https", "mailto"},
        url_relative=("rewrite_with_base", base) if _has_host(base) else "deny",
        link_rel="noopener noreferrer nofollow",
    )


def plain(source: str) -> str:
    r"""Return the text of HTML: each block on a line of its own, the lines of ``<pre>`` unchanged.

    Pictures of emoji become their alternative text.

    Examples
    --------
    >>> plain("<p>one &amp; <b>two</b></p><ul><li>three<li>four</ul>")
    'one & two\nthree\nfour'
    >>> plain("<pre>if so:\n    do  it</pre>")
    'if so:\n    do  it'
    >>> plain('fine <img class="emoji" alt="🙂" src="x.png">')
    'fine 🙂'
    """
    if "<img" in source or "<IMG" in source:
        source = _IMAGE.sub(_emoji_text, source)
    # Without attributes, the output of nh3 consists of <tag>, </tag>, text and entities.
    bare = nh3.clean(source, tags=_BLOCKS, attributes={}, clean_content_tags=_DROPPED, link_rel=None)
    if "<" not in bare:
        return "\n".join(" ".join(line.split()) for line in _unescape(bare).splitlines()).strip()
    pieces = re.split(r"(</?(?:\w+)>)", bare)
    lines: list[str] = []
    depth = 0  # of <pre>
    for piece in pieces:
        if piece.startswith("<"):
            lines.append("\n")
            depth += {"<pre>": 1, "</pre>": -1}.get(piece, 0)
        elif depth:
            lines.append(_unescape(piece).replace(" ", "\0"))  # protects spaces from the substitution
        else:
            lines.append(re.sub(r"\s+", " ", _unescape(piece)))
    text = re.sub(r"(?<![ \0])[ \0]*\n[ \n]*", "\n", "".join(lines))
    return text.replace("\0", " ").strip()


def plain_title(source: str) -> str:
    r"""Return a title as one line of text without its markup.

    Examples
    --------
    >>> plain_title("<img src=x onerror=alert(1)> <b>AT&amp;T</b>\nopens")
    'AT&T opens'
    """
    return one_line(_unescape(nh3.clean(source, tags=set(), clean_content_tags=_DROPPED)))


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


def _emoji_text(image: re.Match[str]) -> str:
    named = _ALT.search(image[0]) if _EMOJI.search(image[0]) else None
    return image[0] if named is None else named[1] or named[2]


def _has_host(url: str) -> bool:
    """Return True for a URL with a host; nh3 raises for other bases."""
    try:
        return is_web_url(url) and URL(url).host is not None
    except ValueError:
        return False


def _unescape(text: str) -> str:
    return entities.unescape(text)
