"""Code in messages: text between backticks, in which ``#`` and ``@`` are no tags and mentions."""

from __future__ import annotations

import re

__all__ = ["without_code_marks"]

_SPANS = re.compile(r"(`{3,}).*?(?:\1|\Z)|(?<!`)(`{1,2})(?!`)[^`\n]+\2(?!`)", re.DOTALL)
_MARKS = re.compile("[#@\uff03\uff20]")


def without_code_marks(text: str) -> str:
    """Return a text in which each ``#`` and ``@`` between backticks is replaced by a space.

    Examples
    --------
    >>> without_code_marks("try `#eval foo` and `@cons`, #lean")
    'try ` eval foo` and ` cons`, #lean'
    """
    if "`" not in text:
        return text
    return _SPANS.sub(lambda span: _MARKS.sub(" ", span[0]), text)
