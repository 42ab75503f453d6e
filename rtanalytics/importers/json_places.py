"""Streaming of JSON documents with nested lists, such as the messages of all chats of an account."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from pathlib import Path
from typing import Any

from rtanalytics.importers.base import Rejected
from rtanalytics.importers.json_stream import Broken, NotJson
from rtanalytics.importers.json_stream import _Text as JsonText
from rtanalytics.importers.unpack import BROKEN

__all__ = ["Place", "descend", "values_at"]

Place = tuple[str, ...]
"""Path to a value in a JSON document: names of members, and ``*`` for an element of an array."""


def descend(read: Callable[[int], bytes], into: Container[Place]) -> Iterator[tuple[Place, Any, int]]:
    """Yield the values of a JSON document in order; objects and arrays at given places are opened.

    Parameters
    ----------
    read : callable
        Function that takes a number of bytes and returns at most that many, or b"" at the end.
    into : container of Place
        Places of the objects and arrays that are opened, which means that their members are yielded
        one by one. The document itself, ``()``, is always opened.

    Yields
    ------
    place, value, line
        ``value`` is :class:`Broken` if it is not valid JSON; ``line`` counts from 1.

    Raises
    ------
    NotJson
        If the rest of the document is not JSON.

    Examples
    --------
    >>> import io
    >>> document = io.BytesIO(b'{"chats": [{"id": 1, "messages": [{"id": 2}, {"id": 3}]}]}')
    >>> into = {("chats",), ("chats", "*"), ("chats", "*", "messages")}
    >>> [("/".join(place), value) for place, value, _ in descend(document.read, into)]
    [('chats/*/id', 1), ('chats/*/messages/*', {'id': 2}), ('chats/*/messages/*', {'id': 3})]
    """
    text = JsonText(read)
    if text.peek() not in ("{", "["):
        raise text.wrong("an object or an array")
    yield from _open(text, (), into)
    if text.peek() != "":
        raise text.wrong("the end")


def values_at(
    file: str | Path, read: Callable[[int], bytes], into: Container[Place]
) -> Iterator[tuple[Place, str, Any]]:
    """Yield the values of a document as :func:`descend` does, but broken values as :class:`Rejected`.

    Yields
    ------
    place, where, value
        ``where`` is a place such as ``line 12``, or ``document`` if the rest cannot be read.
    """
    try:
        for place, value, line in descend(read, into):
            where = f"line {line}"
            broken = isinstance(value, Broken)
            yield place, where, Rejected(file, where, value.reason, value.raw) if broken else value
    except NotJson as error:
        yield (), "document", Rejected(file, "document", str(error))
    except BROKEN as error:
        yield (), "document", Rejected(file, "document", f"damaged or cut off ({error}); fetch it again")


def _open(text: JsonText, place: Place, into: Container[Place]) -> Iterator[tuple[Place, Any, int]]:
    """Yield the values inside the object or array that begins at the current position."""
    closing = "}" if text.peek() == "{" else "]"
    text.pos += 1
    fresh = True
    while (mark := text.peek()) != closing:
        if mark == "," and not fresh:
            text.pos += 1
            fresh = True
            continue
        if not fresh or mark == "" or mark in ",]}:" or (closing == "}" and mark != '"'):
            raise text.wrong("a comma or the end of a list" if not fresh else "a value")
        name = "*"
        if closing == "}":
            name = str(text.value())
            if text.peek() != ":":
                raise text.wrong("a colon")
            text.pos += 1
        inner = (*place, name)
        if text.peek() in ("{", "[") and inner in into:
            yield from _open(text, inner, into)
        else:
            line = text.line()
            yield inner, text.value(), line
        fresh = False
    text.pos += 1
