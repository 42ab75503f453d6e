"""Checks of settings: classes whose keyword arguments are checked, and errors that name the key.

A subclass of :class:`Options` is a frozen dataclass whose fields are declared with :func:`setting`,
each with its default and its check.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, field, fields
from datetime import timedelta
from difflib import get_close_matches
from numbers import Real
from typing import Any, ClassVar, Self

from rtanalytics.clock import duration_text, parse_duration

__all__ = [
    "Check",
    "Options",
    "SettingsError",
    "choice",
    "converted",
    "duration",
    "number",
    "optional",
    "setting",
    "table",
    "whole",
    "words",
]

Check = Callable[[str, Any], Any]
"""Returns a value as it is stored, given its key and what was passed; raises SettingsError."""


class SettingsError(ValueError):
    """A setting that does not exist or has an invalid value.

    Parameters
    ----------
    key : str
        Path of the setting, such as ``topic_filter.min_probability``.
    message : str
        What is wrong and what to do.
    """

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key

    @classmethod
    def expected(cls, key: str, value: object, expected: str) -> Self:
        """Return the error of a value that is not what was expected."""
        text = repr(value)
        return cls(key, f"{key} must be {expected}, not {text if len(text) <= 60 else text[:59] + '…'}")

    def __reduce__(self) -> tuple[type[Self], tuple[str, str]]:
        return type(self), (self.key, str(self))


class Options:
    """Base of classes of settings: keyword arguments are checked and become frozen fields."""

    _renamed: ClassVar[Mapping[str, str]] = {}
    """Old names of settings, with the new ones; an error points to them."""
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def _fill(self, given: Mapping[str, Any], prefix: str = "") -> None:
        self._check_names(given, prefix)
        for f in fields(self):
            value = f.metadata["check"](f"{prefix}{f.name}", given.get(f.name, f.metadata["default"]))
            object.__setattr__(self, f.name, value)
        self._complete(given, prefix)

    def _complete(self, given: Mapping[str, Any], prefix: str) -> None:
        """Check conditions that concern several fields; subclasses override this method."""

    def _check_names(self, given: Iterable[str], prefix: str = "", keywords: Iterable[str] = ()) -> None:
        """Raise an error about a setting that does not exist, with the name that was probably meant."""
        names = [f.name for f in fields(self)]
        for name in given:
            if name in names:
                continue
            if name in self._renamed:
                advice = f"it is now called '{prefix}{self._renamed[name]}'"
            elif close := get_close_matches(name, [*names, *keywords], 1):
                advice = f"did you mean '{prefix}{close[0]}'?"
            else:
                advice = f"there are {', '.join([*names, *keywords])}"
            raise SettingsError(f"{prefix}{name}", f"unknown setting '{prefix}{name}'; {advice}")

    def _changed(self) -> dict[str, Any]:
        """Return the fields that differ from the defaults."""
        default = type(self)()
        return {
            f.name: value
            for f in fields(self)
            if (value := getattr(self, f.name)) != getattr(default, f.name)
        }

    def _merged(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields that differ from the defaults, with changes; a table replaces single values."""
        merged = {**self._changed(), **changes}
        for name, value in changes.items():
            old = getattr(self, name, None)
            if isinstance(old, Options) and isinstance(value, Mapping):
                merged[name] = old._merged(value)
        return merged

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in self._changed().items())
        return f"{type(self).__name__}({values})"


def setting(default: Any, check: Check, *, hash: bool = True) -> Any:
    """Return a dataclass field whose default is checked like a value of a user."""
    return field(hash=hash, metadata={"default": default, "check": check})


def table(kind: type[Options]) -> Check:
    """Return a check for an instance of ``kind`` or a table of its values."""

    def check(key: str, value: Any) -> Options:
        if isinstance(value, kind):
            return value
        if not isinstance(value, Mapping):
            raise SettingsError.expected(key, value, f"a table of {', '.join(f.name for f in fields(kind))}")
        new = kind.__new__(kind)
        new._fill(value, f"{key}.")
        return new

    return check


def converted(convert: Callable[[Any], Any], expected: str) -> Check:
    """Return a check that applies ``convert``, which raises TypeError or AttributeError if it cannot."""

    def check(key: str, value: Any) -> Any:
        try:
            return convert(value)
        except (AttributeError, TypeError):
            raise SettingsError.expected(key, value, expected) from None

    return check


def optional(check: Check) -> Check:
    """Return a check that allows None too."""
    return lambda key, value: None if value is None else check(key, value)


def choice(values: tuple[str, ...]) -> Check:
    """Return a check that the value is one of ``values``."""

    def check(key: str, value: Any) -> Any:
        if value not in values:
            raise SettingsError.expected(key, value, f"one of {', '.join(values)}")
        return value

    return check


def number(low: float = -math.inf, high: float = math.inf, *, open: bool = False) -> Check:
    """Return a check for a number from ``low`` to ``high``; ``open`` excludes ``low``."""
    expected = "a number"
    if low > -math.inf:
        expected += f" {'above' if open else 'from'} {low:g}"
    if high < math.inf:
        expected += f" {'and at most' if open else 'to'} {high:g}"

    def check(key: str, value: Any) -> Any:
        if not _is_number(value) or not low <= value <= high or (open and value == low):
            raise SettingsError.expected(key, value, expected)
        return value

    return check


def whole(low: int) -> Check:
    """Return a check for a whole number from ``low`` on."""

    def check(key: str, value: Any) -> int:
        if not _is_number(value) or value != int(value) or value < low:
            raise SettingsError.expected(key, value, f"a whole number, at least {low}")
        return int(value)

    return check


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def duration(low: timedelta = timedelta(0), *, zero: bool = False) -> Check:
    """Return a check for a duration of at least ``low``; ``zero`` allows none at all."""

    def check(key: str, value: Any) -> timedelta:
        if zero and value == timedelta(0):
            return timedelta(0)
        try:
            length = parse_duration(value)
        except ValueError as error:
            raise SettingsError(key, f"{key}: {error}") from None
        if length < low:
            raise SettingsError.expected(key, value, f"a duration of at least {duration_text(low)}")
        return length

    return check


def words(clean: Callable[[str], str]) -> Check:
    """Return a check for a list of texts, which are stored as a set."""

    def check(key: str, value: Any) -> frozenset[str]:
        if isinstance(value, str) or not isinstance(value, Iterable):
            raise SettingsError.expected(key, value, "a list of texts")
        texts = list(value)
        for text in texts:
            if not isinstance(text, str):
                raise SettingsError.expected(key, text, "a list of texts")
        return frozenset(map(clean, texts)) - {""}

    return check
