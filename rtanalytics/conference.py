"""``conference.toml``: what a conference is called, where its stream and archive are, its own tags.

Everything that reads the file goes through :func:`read_conference`, so that a mistake in it is
reported once, in one way: which file, which line, what was found, what would be right.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from rtanalytics.settings import Settings, SettingsError

__all__ = [
    "Conference",
    "ConferenceError",
    "RateLimit",
    "expected",
    "line_of",
    "read_conference",
]


class ConferenceError(ValueError):
    """A ``conference.toml`` that cannot be used; the message names file, line and remedy."""


class RateLimit(msgspec.Struct, frozen=True):
    """How often a host may be asked by all sources together.

    Parameters
    ----------
    rate : float
        Requests a second in the long run.
    burst : int
        Requests at once, after a pause.

    Raises
    ------
    ValueError
        If one of them is not above zero.

    Examples
    --------
    >>> RateLimit.of("30/min")
    RateLimit(rate=0.5, burst=10)
    """

    rate: float = 2.0
    burst: int = 10

    def __post_init__(self) -> None:
        if not (0 < self.rate <= 1e6 and self.burst >= 1):
            raise ValueError(f"a pace of {self.rate:g} a second, {self.burst} at once, allows nothing")

    @classmethod
    def of(cls, text: str) -> Self:
        """A pace as people write it: ``2/s``, ``1/min``, ``60/h``; no more at once than the number says.

        Raises
        ------
        ValueError
            If it is none.
        """
        found = re.fullmatch(r"\s*(\d{1,6})\s*/\s*(s|min|h|d)\s*", text)
        if found is None or not int(found[1]):
            raise ValueError(f"{text!r} is no limit; write a number of requests and a time, such as '60/min'")
        seconds = {"s": 1, "min": 60, "h": 3600, "d": 86_400}[found[2]]
        return cls(int(found[1]) / seconds, min(int(found[1]), cls().burst))


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The lines of a ``conference.toml`` without ``[trending]``."""

    name: str
    title: str | None = None
    timezone: str = "UTC"
    stream: str | None = None
    archive: str | None = None
    schedule: str | None = None
    hashtags: list[str] = []
    accounts: list[str] = []
    ignore: list[str] = []
    mute: list[str] = []
    source: list[dict[str, Any]] = []
    limits: dict[str, str] = {}
    most_entries: int = 1_000_000

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", self.name):
            raise ValueError(
                f"name {self.name!r} may have letters, digits, '.', '_' and '-' only (100 at most)"
            )
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(
                f"timezone {self.timezone!r} is unknown; write an IANA name such as Europe/Berlin"
            ) from None
        if self.most_entries < 1_000:
            raise ValueError(f"most_entries {self.most_entries} is too few; write 1_000 or more")
        for host, text in self.limits.items():
            if "/" in host:
                bare = re.sub(r"^[a-z]+:/*|/.*$", "", host.lower())
                bare = re.sub(r"/.*$", "", bare.rpartition("@")[2])
                raise ValueError(
                    f'limits {host!r} is an address, and a limit is for a host; write "{bare}" = "{text}"'
                )
            try:
                RateLimit.of(text)
            except ValueError as error:
                raise ValueError(f"limits {host!r}: {error}") from None


class Conference(_File, frozen=True, kw_only=True):
    """A conference as its ``conference.toml`` describes it.

    Parameters
    ----------
    name : str
        Letters, digits, ``-``, ``_`` and ``.``: names the stream's keys.
    title : str, optional
        For people.
    timezone : str
        IANA name; days and talks are shown in it.
    stream : str, optional
        ``redis://…``; the embedded server (or ``REDIS_URL``) otherwise.
    archive : str, optional
        Folder of the recording, relative to the file.
    schedule : str, optional
        File with the talks, relative to the file.
    hashtags, accounts : list of str
        The conference's own: they never trend.
    ignore : list of str
        Terms that are no topics.
    mute : list of str
        Authors who are not shown and do not count.
    source : list of dict
        One table a source: ``type``, ``name`` and what that source needs.
    limits : dict of str
        How often all sources together may ask a host: ``"www.reddit.com" = "1/min"``. A host that is
        not named may be asked twice a second.
    most_entries : int
        Entries a bucket of the stream may have: beyond it what is recorded leaves the stream before
        its time, and where that is not enough, sources wait.
    trending : Settings
        Settings of the trends, as ``[trending]`` gives them.
    folder : Path
        Where the file is.
    """

    trending: Settings = Settings()
    folder: Path = Path()

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the venue."""
        return ZoneInfo(self.timezone)

    def rate_limits(self) -> dict[str, RateLimit]:
        """The limits by host."""
        return {host: RateLimit.of(text) for host, text in self.limits.items()}

    def path(self, name: str | None) -> Path | None:
        """A file or folder that the toml names, relative to the toml itself."""
        return None if name is None else (self.folder / Path(name).expanduser())


def read_conference(path: str | Path) -> Conference:
    """Read and check a ``conference.toml``.

    Raises
    ------
    ConferenceError
        If it is missing, is no TOML, or says something that cannot be; the message names the
        line.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        looked = "" if path.is_absolute() else f" in {Path.cwd()}"
        raise ConferenceError(
            f"{path}: no such file{looked}; name its full path, or let 'rtanalytics init {path}' write one"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConferenceError(f"{path}: cannot be read: {error}") from None
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConferenceError(_syntax(path, text, str(error))) from None
    try:
        trending = table.pop("trending", {})
        if not isinstance(trending, dict):
            raise SettingsError("", "must be a table; write [trending] on a line, and its keys below it")
        settings = Settings.from_table(trending)
        lines = msgspec.convert(table, _File)
        return Conference(**msgspec.structs.asdict(lines), trending=settings, folder=path.parent)
    except SettingsError as error:
        line = line_of(text, f"trending.{error.key}")
        raise ConferenceError(f"{path}:{line or 1}: [trending] {error}") from None
    except msgspec.ValidationError as error:
        key, message = _where(str(error), table)
        line = line_of(text, key)
        raise ConferenceError(f"{path}:{line}: {message}" if line else f"{path}: {message}") from None


_SINGLE = re.compile(r"(?m)^[ \t]*\[[ \t]*source[ \t]*\]")


def _syntax(path: Path, text: str, message: str) -> str:
    """What is no TOML, with its line where the other mistakes have theirs."""
    single = _SINGLE.search(text)
    if single and re.match(r"Cannot (overwrite|declare|mutate)", message):
        line = text.count("\n", 0, single.end()) + 1
        return f"{path}:{line}: {_TWO_BRACKETS}"
    place = re.search(r" \(at line (\d+), column (\d+)\)$", message)
    if place is None:
        return f"{path}: {message[:1].lower()}{message[1:]}"
    said = message[: place.start()]
    return f"{path}:{place[1]}: this is no TOML: {said[:1].lower()}{said[1:]} (column {place[2]})"


_TWO_BRACKETS = "a source is a table of a list; write [[source]], in two brackets"


def expected(message: str, key: str, value: Any) -> str:
    """What msgspec says about a value of another type, and what to write instead.

    Parameters
    ----------
    message : str
        Its message, without the path.
    key : str
        Where the value was found.
    value : object
        The value.

    Examples
    --------
    >>> expected("Expected `array`, got `str`", "hashtags", "#x")
    "hashtags = '#x' must be a list; write hashtags = ['#x']"
    """
    found = re.fullmatch(r"Expected `([^`]+)`, got `(\w+)`", message)
    if found is None:
        return f"{key}: {message}"
    kinds = found[1].split(" | ")
    what, instead = "", ""
    if "array" in kinds:
        what, instead = "a list", f"[{_toml(value)}]" if isinstance(value, str) else '["…"]'
    elif "bool" in kinds:
        what, instead = "true or false, without quotes", "false" if str(value).casefold() in _NO else "true"
    elif {"int", "float"} & set(kinds):
        number = re.fullmatch(r"\s*(\d[\d_.]*)\s*", str(value))
        what, instead = "a number, without quotes", number[1] if number else "10"
    elif "str" in kinds:
        plain = isinstance(value, (int, float)) and not isinstance(value, bool)
        what, instead = "a text, in quotes", f'"{value}"' if plain else '"…"'
    elif "object" in kinds:
        return f"{key} = {_toml(value)} must be a table; write [{key}] on a line, and its keys below it"
    return f"{key} = {_toml(value)} must be {what}; write {key} = {instead}" if what else f"{key}: {message}"


_NO = {"no", "false", "off", "0", "n", ""}


def _toml(value: Any) -> str:
    """A value about as it was written, on one line, and not all of a long one."""
    if isinstance(value, dict):
        return "{…}"
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _value(table: Any, path: str) -> tuple[str, Any]:
    """Where msgspec's ``$.path`` leads, with the first that is no text for any of a table's or a list's."""
    at, names = table, []
    for name in re.findall(r"[^.\[\]]+|\[[^\]]*\]", path):
        if name.startswith("["):
            inner = at.items() if isinstance(at, dict) else enumerate(at or [])
            wrong = [(key, value) for key, value in inner if not isinstance(value, str)]
            name, at = wrong[0] if wrong else ("", None)  # noqa: PLW2901
        else:
            at = at.get(name) if isinstance(at, dict) else None
        names.append(str(name))
    return ".".join(names), at


def _where(message: str, table: dict[str, Any]) -> tuple[str, str]:
    """The key that a msgspec message is about, and the message in our words."""
    found = re.search(r" - at `\$\.?([^`]*)`$", message)
    head = message[: found.start()] if found else message
    unknown = re.search(r"unknown field `(\w+)`", message)
    missing = re.search(r"missing required field `(\w+)`", message)
    if unknown and unknown.group(1) == "conference" and not found:
        return "conference", "there is no table [conference]; write its keys at the top, without a heading"
    if unknown:
        known = sorted({*_File.__struct_fields__, "trending"})
        near = difflib.get_close_matches(unknown.group(1), known, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
        return unknown.group(1), f"{unknown.group(1)!r} is not known here; {hint}"
    if missing:
        return "", f'{missing.group(1)!r} is missing; write {missing.group(1)} = "…" at the top'
    if not found and (named := re.match(r"(name|timezone|most_entries) ", head)):
        return named.group(1), head
    if not found and (named := re.match(r"limits '([^']+)'", head)):
        return named.group(1), head
    return _wrong(found.group(1) if found else "", head, table)


def _wrong(path: str, message: str, table: dict[str, Any]) -> tuple[str, str]:
    """The key of a value that has not the type it should have, and what to write instead."""
    key, value = _value(table, path)
    if re.match(r"source\b", path):
        return "source", _TWO_BRACKETS
    if path == "limits[...]":
        host = key.removeprefix("limits.")
        instead = f"{value}/min" if type(value) is int and value > 0 else "60/min"
        return host, f'limits {host!r}: {_toml(value)} is no limit; write "{host}" = "{instead}"'
    if found := re.search(r"\[[^\]]*\]$", path):
        key = path[: found.start()]
        return key, f'{key}: {_toml(value)} is no text; write each in quotes, such as {key} = ["…"]'
    return key or path, expected(message, key or "conference", value)


def line_of(text: str, key: str) -> int | None:
    """The line of a toml on which a key stands, or the table that it is in; None if neither does.

    Parameters
    ----------
    text : str
        Of the file.
    key : str
        Its name; ``trending.bin`` for ``bin`` below ``[trending]``.
    """
    table, dot, last = key.partition(".")
    if dot and (head := re.search(rf"(?m)^[ \t]*\[[ \t]*{re.escape(table)}[ \t]*\]", text)):
        rest = text[head.end() :]
        below = rest[: end.start()] if (end := re.search(r"(?m)^[ \t]*\[", rest)) else rest
        within = line_of(below, last)
        return text.count("\n", 0, head.end()) + (within or 1)
    found = re.search(rf"(?m)^\s*(?:\[+\s*)?[\"']?{re.escape(key)}\b", text) if key else None
    return text.count("\n", 0, found.end()) + 1 if found else line_of(text, table) if dot else None
