"""Text from outside, made safe for a terminal, a log, a label or an error message.

HTML is cleaned in :mod:`rtanalytics.sources.clean`, and quotes of a report in
:mod:`rtanalytics.report.words`.
"""

from __future__ import annotations

from rtanalytics.event import repair

__all__ = ["abbreviate", "one_line", "printable", "safe", "shorten"]

_JOINERS = "\u200c\u200d"  # kept, because emoji and some scripts need them


def safe(text: str) -> str:
    r"""Replace everything that a terminal would interpret; white space becomes spaces.

    Examples
    --------
    >>> safe("red\x1b[31m\nalert\u202e")
    'red\ufffd[31m alert\ufffd'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in _JOINERS else " " if c.isspace() else "\ufffd" for c in text)


def one_line(text: str, limit: int) -> str:
    r"""Return a text as :func:`safe` does, with single spaces and at most ``limit`` characters.

    Examples
    --------
    >>> one_line("two\n lines", 20), one_line("a long story", 8)
    ('two lines', 'a long …')
    """
    return shorten(safe(" ".join(text.split())), limit)


def printable(text: object, limit: int = 300) -> str:
    r"""Return a text for a name, a log or an error: on one line, and with spaces for other characters.

    Examples
    --------
    >>> printable("red\x1b[31m\nalert")
    'red [31m alert'
    """
    line = "".join(c if c.isprintable() else " " for c in str(text)[: limit * 2])
    return shorten(" ".join(line.split()), limit)


def shorten(text: str, limit: int) -> str:
    """Cut a text to ``limit`` characters, the last of which is then an ellipsis.

    Examples
    --------
    >>> shorten("a long story", 8)
    'a long …'
    """
    text = repair(text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def abbreviate(value: object, limit: int = 60) -> str:
    r"""Abbreviate an untrusted value for an error message: quoted, ASCII only.

    Examples
    --------
    >>> abbreviate("a\x1b[31mb"), abbreviate("x" * 100, 10)
    ("'a\\x1b[31mb'", "'xxxxxx...")
    """
    text = ascii(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."
