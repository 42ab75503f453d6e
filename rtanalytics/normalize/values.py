"""Typed values from decoded JSON, of which any member may be missing or have another type."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from rtanalytics.event import Event, Media, encode, is_web_url
from rtanalytics.normalize.text import plain_text, unique_names, word
from rtanalytics.untrusted import abbreviate

__all__ = [
    "EARLIEST",
    "MAX_PACKET",
    "InvalidValue",
    "as_dict",
    "as_dicts",
    "as_list",
    "as_text",
    "check_size",
    "clean_id",
    "is_damaged",
    "is_missing",
    "is_rounded",
    "new_event",
    "numeric_id",
    "require_dict",
    "whole_number",
]

MAX_LINKS, MAX_MEDIA, MAX_ID, MAX_TITLE = 100, 20, 400, 1_000

EARLIEST = datetime(1995, 1, 1, tzinfo=UTC)
"""Times before it are errors of the service."""

MAX_PACKET = 900_000
"""Bytes of an encoded event. A stream takes 1 MB, and may add a little to what it stores."""


_MISSING = frozenset(
    "|NA|N/A|n/a|#N/A|#N/A N/A|#NA|nan|NaN|-nan|-NaN|NULL|null|<null>|None|NaT|<NA>|\\N".split("|")
)
"""Missing values as R, pandas, SQL and spreadsheets write them; ``Nan`` and ``Null`` are names of people."""

_FORMULA = re.compile(r"=\s*\"([^\"]*)\"")
_FLOAT = re.compile(r"([0-9]{1,30})[.,]0+")
_EXPONENT = re.compile(r"[0-9](?:[.,][0-9]+)?[eE]\+[0-9]{1,3}|[0-9][.,][0-9]+[eE][0-9]{1,3}")


class InvalidValue(ValueError):
    """An item cannot be used because of one value; the message names the value and the reason."""


def as_dict(value: object) -> dict[str, Any]:
    """Return the value if it is a dict, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any]:
    """Return the value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def as_dicts(value: object) -> list[dict[str, Any]]:
    """Return the dicts of a list; an empty list for any other value."""
    return [member for member in as_list(value) if isinstance(member, dict)]


def as_text(value: object) -> str:
    """Return the value if it is a string, else an empty one."""
    return value if isinstance(value, str) else ""


def require_dict(value: object) -> dict[str, Any]:
    """Return the value if it is a dict.

    Raises
    ------
    InvalidValue
        If it is not.
    """
    if not isinstance(value, dict):
        raise InvalidValue(f"not a JSON object but {type(value).__name__}")
    return value


def whole_number(value: object, most: int = 10**18 - 1) -> int | None:
    """Return a whole number from 0 to ``most``, also if it is written as text; None for other values."""
    if isinstance(value, str):
        value = int(value) if re.fullmatch(r"[0-9]{1,18}", value) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most else None


def numeric_id(value: object, what: str = "id") -> str:
    """Return a service's numeric id as text.

    Raises
    ------
    InvalidValue
        If it is not a whole number; floats are refused, because they have lost digits.
    """
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**30:
        return str(value)
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,30}", value):
        return value
    raise InvalidValue(
        f"it has no {what}" if value is None else f"{what} {abbreviate(value)} is not a number"
    )


def is_missing(value: object) -> bool:
    """Return True for a value that is missing, also if it is written as text; not for texts of messages.

    Examples
    --------
    >>> [is_missing(value) for value in (None, float("nan"), "NA", " NULL ", "Nan", "0")]
    [True, True, True, True, False, False]
    """
    if isinstance(value, str):
        return value.strip() in _MISSING
    # NaN and NaT are not equal to themselves
    return value is None or (isinstance(value, float | datetime) and value != value)  # noqa: PLR0124


def is_damaged(value: object) -> bool:
    """Return True for an id that has lost digits, because a program read it as a number."""
    if isinstance(value, float):
        return not value.is_integer() or abs(value) >= 2**53
    text = value.strip() if isinstance(value, str) else ""
    number = _FLOAT.fullmatch(text)
    return bool(_EXPONENT.fullmatch(text)) or (number is not None and int(number[1]) >= 2**53)


def is_rounded(value: object) -> bool:
    """Return True for an id that may have been rounded: spreadsheets keep 15 digits of a number."""
    return isinstance(value, str | int) and re.fullmatch(r"[0-9]{12,26}0000", str(value).strip()) is not None


def clean_id(value: object, what: str = "id", *, rounded: bool = False) -> str | None:
    """Return an id of a table as text; None if it is missing.

    Parameters
    ----------
    value : object
        Text or number.
    what : str
        Name of the value in an error.
    rounded : bool
        True if the ids of the file have been rounded, so that :func:`is_rounded` decides.

    Raises
    ------
    InvalidValue
        If it is no id, or has lost digits.

    Examples
    --------
    >>> [clean_id(value) for value in ('="123"', "123.0", 123.0, 123, "nan", "a7")]
    ['123', '123', '123', '123', None, 'a7']
    """
    if is_missing(value):
        return None
    if is_damaged(value) or (rounded and is_rounded(value)):
        raise InvalidValue(
            f"{what} {abbreviate(value)} has lost digits, because a program read it as a number; "
            "export the data again with the ids as text, and do not save it in a spreadsheet"
        )
    if isinstance(value, float):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise InvalidValue(f"{what} {abbreviate(value)} is not text")
    if match := _FORMULA.fullmatch(value.strip()) or _FLOAT.fullmatch(value.strip()):
        return clean_id(match[1], what, rounded=rounded)
    return value


def new_event(
    *,
    id: str,
    text: str | None,
    title: str | None,
    tags: Iterable[str],
    mentions: Iterable[str],
    links: Iterable[str],
    media: Iterable[Media],
    **fields: Any,
) -> Event:
    """Return an event within the limits of streams and archives.

    Control characters are removed from texts, and line breaks from names; lists lose duplicates and
    are cut at their limit.

    Raises
    ------
    InvalidValue
        If the id is too long or not printable.
    """
    if len(id) > MAX_ID:
        raise InvalidValue(f"its id has {len(id):,} characters; the limit is {MAX_ID}")
    if not id.isprintable():
        raise InvalidValue(f"its id {abbreviate(id)} has unprintable characters")
    for name, value in fields.items():
        if isinstance(value, str) and name not in {"op", "url", "html"}:
            fields[name] = word(value, MAX_ID) or None
    return Event(
        id=id,
        text=None if text is None else plain_text(text),
        title=word(title, MAX_TITLE) or None,
        tags=unique_names(tag.lstrip("#") for tag in tags),
        mentions=unique_names(name.lstrip("@") for name in mentions),
        links=list(dict.fromkeys(link for link in links if is_web_url(link)))[:MAX_LINKS],
        media=list({one.url: one for one in media if is_web_url(one.url)}.values())[:MAX_MEDIA],
        **fields,
    )


def check_size(event: Event) -> Event:
    """Return the event if it is small enough for a stream.

    Raises
    ------
    InvalidValue
        If it is too large.
    """
    if (
        len(event.text or "") + len(event.html or "") >= MAX_PACKET // 10
        and (size := len(encode(event))) > MAX_PACKET
    ):
        raise InvalidValue(f"the event has {size:,} bytes; the limit is {MAX_PACKET:,}")
    return event
