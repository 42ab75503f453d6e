"""Names, texts, links, tags, languages and authors in the form that events have.

Sources and importers use the same functions, so that a message is the same in a live stream and in
an imported file.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from typing import Any

from rtanalytics.code_spans import without_code_marks
from rtanalytics.event import Author, is_web_url, repair

__all__ = [
    "MAX_NAME",
    "MAX_TAGS",
    "author_of",
    "escape_code",
    "find_links",
    "find_tags",
    "html_text",
    "html_title",
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

_VOID = frozenset(
    "area base basefont br col embed frame hr img input link meta param source track wbr".split()
)
_UNCLOSED = frozenset(
    "body colgroup dd dt head html li optgroup option p rp rt tbody td tfoot th thead tr".split()
)
"""Elements whose end tag may be missing in HTML."""

_INLINE = frozenset(
    "a abbr acronym b bdi bdo big cite code del dfn em font i ins kbd mark nobr q rb rtc ruby s samp small"
    " span strike strong sub sup tt u var".split()
)
_HIDDEN = frozenset("head iframe math noscript script style svg template title".split())
_BLOCKS = frozenset(
    "address article aside blockquote br caption center dd details div dl dt figcaption figure footer h1 h2"
    " h3 h4 h5 h6 header hr li main nav ol p pre section summary table tr ul".split()
)
_ELEMENTS = (
    _VOID | _UNCLOSED | _INLINE | _HIDDEN | _BLOCKS
    | frozenset(
        "applet audio blink button canvas data datalist dialog dir fieldset form frameset hgroup label legend"
        " map marquee menu meter noframes object output picture progress search select slot textarea time"
        " video".split()
    )
)  # fmt: skip
"""The elements of HTML, also obsolete ones. Other names in angle brackets are code: ``vector<int>``."""

# Repetition is bounded or possessive, so that matching takes time proportional to the length of the text.
_TOKEN = re.compile(
    r"<!--|<!doctype[^<>]{0,500}>|<!\[[^\[\]<>]{0,100}\]>|<\?xml\b[^<>]{0,500}>"
    r"|<(?P<end>/?)(?P<name>[a-z][^\s/<>]{0,60})"
    r"(?P<more>(?:[\s/](?:=\s*+\"[^\"]{0,4000}+\"|=\s*+'[^']{0,4000}+'|[^<>=]++|=){0,200}+)?)"
    r"(?:>|(?<=[\"'\s])(?=<))",
    re.IGNORECASE | re.DOTALL,
)
_BEGINNING = re.compile(r"<(/?[a-zA-Z][^\s/<>]*)")
_BARE = re.compile(r"<([a-zA-Z][^\s/<>]*)(?:[\s/][^<>=]*)?>")
_BLOCK = re.compile(
    rf"</?(?:{'|'.join(sorted(_BLOCKS))})"
    r"(?:[\s/](?:=\s*+\"[^\"]{0,4000}+\"|=\s*+'[^']{0,4000}+'|[^<>=]++|=){0,200}+)?>",
    re.IGNORECASE,
)
_END_TAG = re.compile(r"</([a-z][^\s/<>]{0,60})[^<>]*>", re.IGNORECASE)
_CUSTOM = re.compile(r"[a-z][a-z0-9]*[-:][a-z0-9_.-]+")
_EMOJI = re.compile(r"""class=["'][^"']{0,200}\b(?:emoji|wp-smiley)\b""", re.IGNORECASE)
_ALT = re.compile(r"""\balt=(?:"([^"]{1,100})"|'([^']{1,100})')""", re.IGNORECASE)


def html_text(source: str, *, keep_lines: bool = False) -> str:
    r"""Return the visible text of HTML: each block on a line of its own, the lines of ``<pre>`` unchanged.

    What stands in angle brackets and is not HTML is text. Pictures of emoji become their
    alternative text.

    Parameters
    ----------
    source : str
        Well-formed or not.
    keep_lines : bool
        True to keep the line breaks and blanks of the source, for Markdown with some HTML in it.

    Examples
    --------
    >>> html_text("<p>one &amp; <b>two</b><script>x()</script></p><ul><li>three<li>four")
    'one & two\nthree\nfour'
    >>> html_text("<p>std::vector<int> in <code>C++</code>"), html_text("<pre>if so:\n    do  it</pre>")
    ('std::vector<int> in C++', 'if so:\n    do  it')
    """
    source = source.replace("\0", "")
    if "<" not in source:
        source = html.unescape(source)
        if keep_lines:
            return source
        return "\n".join(" ".join(line.split()) for line in source.splitlines()).strip()
    if not keep_lines and (text := _plain_html(source)) is not None:
        return text
    lines: list[str] = []
    verbatim = 1 if keep_lines else 0  # depth of <pre>
    for piece, tag in _pieces(source, title=False):
        if tag is None:
            text = html.unescape(piece)
            # the null character protects blanks from the substitution below
            lines.append(text.replace(" ", "\0") if verbatim else re.sub(r"\s+", " ", text))
        else:
            if (tag if keep_lines else tag.lstrip("/")) in _BLOCKS:
                lines.append("\n")
            if tag in {"pre", "/pre"}:
                verbatim = max(0, verbatim + (1 if tag == "pre" else -1))
            elif tag == "img" and _EMOJI.search(piece) and (alt := _ALT.search(piece)):
                lines.append(html.unescape(alt[1] or alt[2]))
    if keep_lines:
        return "".join(lines).replace("\0", " ")
    text = re.sub(r"(?<![ \0])[ \0]*\n[ \n]*", "\n", re.sub(r" {2,}", " ", "".join(lines)))
    return text.replace("\0", " ").strip()


def html_title(source: str) -> str:
    r"""Return a title as one line of text without its markup.

    A title has no long markup, so an element without an end tag is text, too.

    Examples
    --------
    >>> html_title("<img src=x onerror=alert(1)> <b>AT&amp;T</b>\nopens"), html_title("The <canvas> element")
    ('AT&T opens', 'The <canvas> element')
    """
    pieces = (piece if tag is None else "" for piece, tag in _pieces(source, title=True))
    return " ".join(_CONTROLS.sub(" ", html.unescape("".join(pieces))).split())


def escape_code(source: str) -> str:
    """Return HTML in which what is not HTML is escaped, so that a parser does not remove it.

    Examples
    --------
    >>> escape_code("<p>std::vector<int></p>")
    '<p>std::vector&lt;int></p>'
    """
    if "<" not in source or _plain_html(source) is not None:
        return source
    pieces = _pieces(source, title=False)
    return "".join(piece.replace("<", "&lt;") if tag is None else piece for piece, tag in pieces)


def _plain_html(source: str) -> str | None:
    """Return the text of simple HTML, or None if it needs the full parser.

    Most HTML is simple, and this function is twenty times as fast.
    """
    if "<!" in source or "<?" in source:
        return None
    tags = _BEGINNING.findall(source)
    if len(tags) != source.count("<"):
        return None
    names = {tag.lower() for tag in set(tags)}
    opened = {name for name in names if name[0] != "/"}
    bare = {name.lower() for name in set(_BARE.findall(source))}
    if (
        not {name.lstrip("/") for name in names} <= _ELEMENTS
        or opened & (_HIDDEN | {"pre"})
        or ("img" in opened and ("emoji" in source or "wp-smiley" in source))
        or any(f"/{name}" not in names for name in bare - _UNCLOSED - {"br", "hr", "wbr"})
    ):
        return None
    lines = _BLOCK.sub("\n", re.sub(r"\s+", " ", source))
    text = _TOKEN.sub("", lines)
    if "<" in text:
        return None
    text = re.sub(r"[^\S\n]+", " ", html.unescape(text))
    return re.sub(r" ?\n[ \n]*", "\n", text).strip()


def _pieces(source: str, *, title: bool) -> Iterator[tuple[str, str | None]]:
    """Yield texts with None, and tags with their name, which begins with a slash for an end tag.

    A hidden element is one piece with its content; comments have an empty name.
    """
    last_end = {found[1].lower(): found.start() for found in _END_TAG.finditer(source)}
    last_comment = source.rfind("-->")
    opened: set[str] = set()
    pos = start = 0
    while found := _TOKEN.search(source, pos):
        pos = found.end()
        name = (found["name"] or "").lower()
        if found[0] == "<!--":
            if last_comment < pos:
                continue
            pos = source.find("-->", pos) + 3
        elif name and not _is_markup(found, name, last_end, opened, title=title):
            pos = found.start() + 1  # there may be markup in the rest of it
            continue
        if start < found.start():
            yield source[start : found.start()], None
        start = pos
        if name in _HIDDEN and not found["end"] and last_end.get(name, -1) >= pos:
            # it ends at its first end tag, so that another one inside hides no more than that
            end = next(e for e in _END_TAG.finditer(source, pos) if e[1].lower() == name)
            start = pos = end.end()
        yield source[found.start() : pos], f"{found['end']}{name}"
    if start < len(source):
        yield source[start:], None


def _is_markup(
    tag: re.Match[str], name: str, last_end: dict[str, int], opened: set[str], *, title: bool
) -> bool:
    """Return True for markup, and False for code in a text that only looks like a tag."""
    attributes = "=" in tag["more"]
    if not attributes and not tag[0].endswith(">"):
        return False
    closed = last_end.get(name, -1) >= tag.end()
    if name not in _ELEMENTS:
        markup = bool(_CUSTOM.fullmatch(name)) and (
            name in opened if tag["end"] else closed or attributes or tag["more"].endswith("/")
        )
    elif tag["end"]:
        markup = name in opened or not title
    elif attributes or closed:
        markup = True
    elif name in _VOID:
        markup = name in {"br", "hr", "wbr"}  # any other one would do nothing
    elif title or name in _HIDDEN:
        markup = False
    else:  # it may have been cut off, or is the name of an element in a sentence
        before = tag.string[max(0, tag.start() - 20) : tag.start()]
        if name in _INLINE:
            markup = re.search(r"\w$", before) is None
        else:
            markup = name in _UNCLOSED or before.rstrip()[-1:] in {"", ">"}
    if markup and not tag["end"]:
        opened.add(name)
    return markup


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
    """Return the hashtags in a text without ``#``; numbers and words of code are not hashtags.

    Examples
    --------
    >>> find_tags("#PyCon2026 is #1, see x.example/#top and #äöü")
    ['PyCon2026', 'äöü']
    """
    return _TAG.findall(without_code_marks(text)) if "#" in text else []


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
