"""Streaming of JSON documents that are larger than memory, element by element.

If an element is not JSON or is too large, a :class:`Broken` is yielded, and reading continues after
it; its end is found by counting brackets and quotes.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from rtanalytics.importers.base import Rejected
from rtanalytics.importers.reading import MAX_LINE, is_utf16
from rtanalytics.importers.unpack import BROKEN
from rtanalytics.normalize.values import InvalidValue

__all__ = ["Broken", "NotJson", "Value", "members", "parse", "sample", "values", "walk"]

_CHUNK = 262_144
_BLANK = re.compile(r"[ \t\r\n]*")
_MARKS = re.compile(r'["\\{}\[\]]')
_SEPARATORS = re.compile(r'["\\{}\[\],]')
_SCALAR_ENDS = re.compile(r"[,\]}]")
_ASSIGNMENT = re.compile(r"\s*[\w.$]+\s*=\s*")
_DECODE = json.JSONDecoder().raw_decode
_BETWEEN = re.compile("[ \\t\\r\\n\\0\\x1e,]*")
_NEXT_LINE = re.compile(r"\n(?=[{\[])")
_LARGE = 4_000_000
"""Maximum characters of an object that is decoded at once; lists in larger objects are streamed."""

_SAMPLED = 20
_FIRST_MEMBER = re.compile(r'\{\s{0,20}"[^"\\]{1,100}"')
_TRIED = 20
"""Maximum number of places at which the next complete value is searched after a broken one."""


@dataclass(frozen=True, slots=True)
class Broken:
    """An element that is not valid JSON, with the reason and the beginning of its text."""

    reason: str
    raw: str


class NotJson(ValueError):
    """The rest of a document is not JSON; the message names the line."""


def parse(data: bytes) -> Any:
    """Parse a JSON value; invalid UTF-8 is replaced, and lone surrogates are accepted.

    Raises
    ------
    InvalidValue
        If ``data`` is not JSON.
    """
    try:
        return json.loads(data.decode("utf-8", "replace"))
    except RecursionError:
        raise InvalidValue("not JSON: nested too deeply") from None
    except ValueError as error:
        raise InvalidValue(f"not JSON: {_message(error)}; cut off?") from None


def walk(
    read: Callable[[int], bytes], wanted: Container[str], *, assigned: bool = False
) -> Iterator[tuple[str, Any, int]]:
    """Yield the members of a JSON object in order, and the elements of chosen arrays one by one.

    Parameters
    ----------
    read : callable
        Function that takes a number of bytes and returns at most that many, or b"" at the end.
    wanted : container of str
        Names of the members whose arrays are yielded element by element. If the whole document is
        an array, its elements are always yielded one by one, under the name ``""``.
    assigned : bool
        True if the document may be an assignment in JavaScript, such as ``window.x = [...]``.

    Yields
    ------
    name, value, line
        ``value`` is :class:`Broken` if it is not valid JSON; ``line`` counts from 1.

    Raises
    ------
    NotJson
        If the rest of the document is not JSON.
    """
    text = _Text(read)
    if assigned:
        text.assignment()
    first = text.peek()
    if first == "[":
        yield from _elements(text, "")
    elif first == "{":
        yield from _members(text, wanted)
    else:
        raise text.wrong("an object or an array")
    if text.peek() not in ("", ";"):
        raise text.wrong("the end")


def members(
    file: str | Path, read: Callable[[int], bytes], wanted: Container[str] = (), *, assigned: bool = False
) -> Iterator[tuple[str, str, Any]]:
    """Yield the members of a JSON object as :func:`walk` does, but broken ones as :class:`Rejected`.

    Yields
    ------
    name, where, value
        ``where`` is a place such as ``line 12``, or ``document`` if the rest cannot be read.
    """
    try:
        for name, value, line in walk(read, wanted, assigned=assigned):
            where = f"line {line}"
            broken = isinstance(value, Broken)
            yield name, where, Rejected(file, where, value.reason, value.raw) if broken else value
    except NotJson as error:
        yield "", "document", Rejected(file, "document", str(error))
    except BROKEN as error:
        yield "", "document", Rejected(file, "document", f"damaged or cut off ({error}); fetch it again")


@dataclass(frozen=True, slots=True)
class Value:
    """A JSON value with its place (such as ``line 12``) and its text.

    The text is empty if the value is an element of a larger value.
    """

    where: str
    value: Any
    raw: str


def values(
    file: str | Path, read: Callable[[int], bytes], wanted: Container[str] = ()
) -> Iterator[Value | Rejected]:
    """Yield the JSON values of a file that is a list, or a sequence of objects.

    The objects of a sequence may be on one line or several lines, separated by white space, commas or null
    characters. A value that is not JSON gives a :class:`Rejected`, and reading continues after it.

    Parameters
    ----------
    file : str or Path
        Name of the file for messages.
    read : callable
        Function that takes a number of bytes and returns at most that many, or b"" at the end. Use
        ``read1`` of a file: it returns everything before a damaged place.
    wanted : container of str
        Names of the members whose elements are yielded one by one if their object has more than 4 MB.
        A smaller object is yielded as a whole.
    """
    text = _Text(read)
    try:
        while text.between():
            yield from _values(file, text, wanted)
    except NotJson as error:
        yield Rejected(file, "document", str(error))
    except BROKEN as error:
        place = f"after line {text.line()}"
        yield Rejected(file, place, f"the file is damaged or cut off from here on ({error}); fetch it again")


def _values(file: str | Path, text: _Text, wanted: Container[str]) -> Iterator[Value | Rejected]:
    """Yield the value at the current position, or its elements if it is a list or a large object."""
    if text.text[text.pos] == "[":
        for _, value, line in _elements(text, ""):
            where = f"line {line}"
            if isinstance(value, Broken):
                yield Rejected(file, where, value.reason, value.raw)
            else:
                yield Value(where, value, "")
        return
    where = f"line {text.line()}"
    whole = text.small_value()
    if isinstance(whole, Broken):
        yield Rejected(file, where, whole.reason, whole.raw)
    elif whole is not None:
        yield Value(where, *whole)
    else:
        rest: dict[str, Any] = {}
        listed = False
        for name, value, line in _members(text, wanted):
            where = f"line {line}"
            if isinstance(value, Broken):
                yield Rejected(file, where, value.reason, value.raw)
            elif name in wanted:
                listed = True
                yield Value(where, value, "")
            else:
                rest[name] = value
        if not listed:
            yield Value(where, rest, "")


@lru_cache(maxsize=8)
def sample(head: bytes) -> tuple[Any, ...]:
    """Return the first JSON values of a file from its first bytes; the last value may be incomplete.

    If the file is a list, the values are its elements. The result is empty if ``head`` is not JSON.

    Examples
    --------
    >>> sample(b'[{"a": 1}, {"b": {"c": [1, 2, "th')
    ({'a': 1}, {'b': {'c': [1, 2]}})
    """
    text = head.decode("utf-16" if is_utf16(head) else "utf-8-sig", "replace")
    found: list[Any] = []
    at = 0
    while len(found) < _SAMPLED:
        at = match.end() if (match := _BETWEEN.match(text, at)) else at
        if text[at : at + 1] not in ("{", "["):
            break
        try:
            value, at = _DECODE(text, at)
        except (ValueError, RecursionError):
            try:
                value, at = json.loads(_closed(text[at:])), len(text)
            except (ValueError, RecursionError):
                break
        found.extend(value[:_SAMPLED] if isinstance(value, list) else [value])
    return tuple(found)


def _closed(text: str) -> str:
    """Return the beginning of a JSON value up to the last complete member, with its brackets closed."""
    cut, open_there, opened, quoted, escaped = 0, "", "", False, -1
    for found in _SEPARATORS.finditer(text):
        at, mark = found.start(), found.group()
        if at == escaped:
            continue
        if mark == "\\":
            escaped = at + 1 if quoted else -1
        elif mark == '"':
            quoted = not quoted
        elif not quoted:
            if mark in "{[":
                opened += "}" if mark == "{" else "]"
                cut, open_there = at + 1, opened
            elif mark == ",":
                cut, open_there = at, opened
            else:
                opened = opened[:-1]
                cut, open_there = at + 1, opened
                if not opened:
                    break
    return text[:cut] + open_there[::-1]


def _members(text: _Text, wanted: Container[str]) -> Iterator[tuple[str, Any, int]]:
    text.pos += 1
    while (mark := text.peek()) != "}":
        if mark == ",":
            text.pos += 1
            continue
        if mark != '"':
            raise text.wrong("a name between quotes")
        name, line = text.value(), text.line()
        if text.peek() != ":":
            raise text.wrong("a colon")
        text.pos += 1
        if text.peek() == "[" and name in wanted:
            yield from _elements(text, name)
        else:
            yield str(name), text.value(), line
    text.pos += 1


def _elements(text: _Text, name: str) -> Iterator[tuple[str, Any, int]]:
    text.pos += 1
    fresh = True
    while (mark := text.peek()) != "]":
        if mark == "," and not fresh:
            text.pos += 1
            fresh = True
            continue
        if not fresh or mark == "" or mark in ",}:":
            raise text.wrong("a comma or the array's end" if not fresh else "an element")
        line = text.line()
        yield name, text.value(), line
        fresh = False
    text.pos += 1


class _Text:
    """Buffer of the text that has been read but not parsed yet."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._decoder: codecs.IncrementalDecoder | None = None
        self.text, self.pos, self.ended = "", 0, False
        self._damage: Exception | None = None
        self._line, self._counted = 1, 0

    def line(self) -> int:
        self._line += self.text.count("\n", self._counted, self.pos)
        self._counted = self.pos
        return self._line

    def fill(self) -> None:
        """Read more text, and drop the text that has been parsed."""
        self.line()
        left = self.text[self.pos :]
        data = self._next(max(_CHUNK, len(left)))
        if self._decoder is None:
            encoding = "utf-16" if is_utf16(data) else "utf-8-sig"
            self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self.ended = not data
        self.text, self.pos, self._counted = left + self._decoder.decode(data, self.ended), 0, 0

    def _next(self, size: int) -> bytes:
        """Return ``size`` bytes, or fewer before the end or a damaged place.

        The error about the damage is raised by the next call.
        """
        if self._damage is not None:
            raise self._damage
        pieces: list[bytes] = []
        try:
            while size > 0 and (piece := self._read(size)):
                pieces.append(piece)
                size -= len(piece)
        except BROKEN as error:
            if not pieces:
                raise
            self._damage = error
        return b"".join(pieces)

    def peek(self) -> str:
        """Return the next character that is not white space, or "" at the end of the file."""
        while True:
            found = _BLANK.match(self.text, self.pos)
            self.pos = found.end() if found else self.pos
            if self.pos < len(self.text):
                return self.text[self.pos]
            if self.ended:
                return ""
            self.fill()

    def between(self) -> bool:
        """Skip separators between values; return False at the end of the file."""
        while True:
            match = _BETWEEN.match(self.text, self.pos)
            self.pos = match.end() if match else self.pos
            if self.pos < len(self.text):
                return True
            if self.ended:
                return False
            self.fill()

    def small_value(self) -> tuple[Any, str] | Broken | None:
        """Return the value at the current position and its text, or None if it is too large for memory.

        A broken value is skipped and returned as :class:`Broken`.
        """
        while True:
            problem: str | None = None
            try:
                value, end = _DECODE(self.text, self.pos)
                raw, self.pos = self.text[self.pos : end], end
                return value, raw
            except RecursionError:
                problem = "nested too deeply"
            except json.JSONDecodeError as error:
                incomplete = error.pos > len(self.text) - 8 or error.msg.startswith("Unterminated string")
                if not incomplete or self.ended:
                    cut = "; cut off?" if incomplete else ""
                    problem = f"not JSON: {error.msg}{cut}"
            if problem is not None:
                return self._broken(problem)
            if len(self.text) - self.pos > _LARGE:
                return None
            self.fill()

    def _broken(self, reason: str) -> Broken:
        """Skip a broken value and return it as :class:`Broken`.

        The value is assumed to end before the next complete object with the same first member; else at its
        closing bracket; else before the next line that begins with a bracket.
        """
        raw = ""
        while (found := _NEXT_LINE.search(self.text, self.pos)) is None and not self.ended:
            if len(self.text) - self.pos > _LARGE:
                break
            self.fill()
        piece = self.text[self.pos : found.start() if found else len(self.text)]
        length = _next_alike(piece)
        if length is None and piece[:1] in ("{", "["):
            length = _Brackets().end(piece, 0)
        if length is not None:
            self.pos += length
            return Broken(reason, piece[: min(length, 4000)])
        while (match := _NEXT_LINE.search(self.text, self.pos)) is None and not self.ended:
            raw = raw or self.text[self.pos : self.pos + 4000]
            self.pos = len(self.text) - 1  # the last character may be the line end before a bracket
            self.fill()
        end = match.end() if match else len(self.text)
        raw, self.pos = raw or self.text[self.pos : min(end, self.pos + 4000)], end
        return Broken(reason, raw)

    def assignment(self) -> None:
        """Skip the left side of an assignment, such as ``window.YTD.tweets.part0 =``."""
        self.peek()
        if found := _ASSIGNMENT.match(self.text, self.pos):
            self.pos = found.end()

    def value(self) -> Any:
        """Return the value at the current position, or a :class:`Broken`."""
        self.peek()
        while True:
            try:
                value, end = _DECODE(self.text, self.pos)
                if end < len(self.text) or self.ended:
                    self.pos = end
                    return value
            except (ValueError, RecursionError) as error:
                close = _Brackets().end(self.text, self.pos)
                if close is not None:
                    raw, self.pos = self.text[self.pos : close], close
                    deep = isinstance(error, RecursionError)
                    return Broken("nested too deeply" if deep else f"not JSON: {_message(error)}", raw)
                if self.ended:
                    raw, self.pos = self.text[self.pos :], len(self.text)
                    return Broken("the file ends within this value: cut off?", raw)
            if len(self.text) - self.pos > MAX_LINE:
                return self._skip()
            self.fill()

    def _skip(self) -> Broken:
        """Skip a value that is too large for memory."""
        brackets, raw = _Brackets(), self.text[self.pos : self.pos + 4000]
        while (end := brackets.end(self.text, self.pos)) is None:
            self.pos = len(self.text)
            if self.ended:
                break
            self.fill()
        self.pos = len(self.text) if end is None else end
        return Broken(f"larger than {MAX_LINE:,} bytes", raw)

    def wrong(self, expected: str) -> NotJson:
        """Return the error that the text at the current position is not what was expected."""
        found = "the end" if not self.peek() else ascii(self.text[self.pos : self.pos + 10])
        line = self.line()
        return NotJson(
            f"not JSON from line {line} on: {found} instead of {expected}; the file may be cut off"
        )


def _next_alike(piece: str) -> int | None:
    """Return the position of the next complete object with the same first member as the broken one."""
    head = _FIRST_MEMBER.match(piece)
    at = 0
    for _ in range(_TRIED if head else 0):
        at = piece.find(head[0] if head else "", at + 1)
        if at < 0:
            break
        try:
            _, end = _DECODE(piece, at)
        except (ValueError, RecursionError):
            continue
        if piece[end : end + 1] in ("", "\0", "\x1e", "\r", "\n", "{"):
            return at
    return None


class _Brackets:
    """Counter of brackets that finds the end of a JSON value; the text may come in pieces."""

    def __init__(self) -> None:
        self._depth, self._quoted, self._begun, self._escaping = 0, False, False, False

    def end(self, text: str, pos: int) -> int | None:
        """Return the end of the value that begins or continues at ``pos``, or None if ``text`` ends first."""
        if not self._begun and text[pos : pos + 1] not in ('"', "{", "["):
            found = _SCALAR_ENDS.search(text, pos)
            return found.start() if found else None
        escaped = pos if self._escaping else -1
        self._begun, self._escaping = True, False
        for found in _MARKS.finditer(text, pos):
            at, mark = found.start(), found.group()
            if at == escaped:
                continue
            if mark == "\\":
                escaped = at + 1 if self._quoted else -1
            elif mark == '"':
                self._quoted = not self._quoted
            elif not self._quoted:
                self._depth += 1 if mark in "{[" else -1
            if self._depth <= 0 and not self._quoted and mark != "\\":
                return found.end()
        self._escaping = escaped == len(text)
        return None


def _message(error: Exception) -> str:
    return getattr(error, "msg", None) or str(error)
