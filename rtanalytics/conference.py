"""A conference as its ``conference.toml`` describes it: name, stream, archive, own tags, settings.

:func:`read_conference` is the only reader of the file. It checks one key after the other, so an
error names the file, the line, what is wrong and what to write instead.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Self, get_args, get_origin
from zoneinfo import ZoneInfo

import msgspec

from rtanalytics.clock import zone_of
from rtanalytics.settings import Settings, SettingsError

__all__ = [
    "Conference",
    "ConferenceError",
    "KeyLines",
    "RateLimit",
    "expected",
    "parse_toml",
    "read_conference",
]


class ConferenceError(ValueError):
    """An invalid ``conference.toml``; the message names the file, the line and what to write."""


class RateLimit(msgspec.Struct, frozen=True):
    """Limit on the requests that all sources together may send to a host.

    Parameters
    ----------
    rate : float
        Requests per second in the long run.
    burst : int
        Requests at once after a pause.

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
            raise ValueError(f"invalid rate limit: {self.rate:g} requests per second, {self.burst} at once")

    @classmethod
    def of(cls, text: str) -> Self:
        """Parse ``2/s``, ``1/min`` or ``60/h``; the burst is at most that number.

        Raises
        ------
        ValueError
            If the text has another form.
        """
        match = re.fullmatch(r"\s*(\d{1,6})\s*/\s*(s|min|h|d)\s*", text)
        if match is None or not int(match[1]):
            raise ValueError(f"invalid limit {text!r}; write requests per time, such as '60/min'")
        seconds = {"s": 1, "min": 60, "h": 3600, "d": 86_400}[match[2]]
        return cls(int(match[1]) / seconds, min(int(match[1]), cls().burst))


class KeyLines:
    r"""Line numbers of the keys of a TOML file, for error messages.

    Parameters
    ----------
    path : Path
        The file, as the user named it.
    text : str
        Its contents.

    Examples
    --------
    >>> lines = KeyLines("c.toml", 'name = "x"\n[[source]]\ntype = "feed"')
    >>> lines.place("source", 0, "type"), lines.place("source", 0, "url"), lines.place("title")
    ('c.toml:3', 'c.toml:2', 'c.toml')
    """

    _HEAD = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]")
    _PART = r"(?:[\w-]+|\"[^\"]*\"|'[^']*')"
    _KEY = re.compile(rf"\s*({_PART}(?:\s*\.\s*{_PART})*)\s*=")

    def __init__(self, path: str | Path, text: str) -> None:
        self.path = path
        self._lines: dict[tuple[str | int, ...], int] = {}
        table: tuple[str | int, ...] = ()
        tables: Counter[tuple[str | int, ...]] = Counter()
        for number, line in enumerate(text.split("\n"), start=1):
            if head := self._HEAD.match(line):
                table = self._parts(head[2])
                if head[1] == "[[":
                    tables[table] += 1
                    table = (*table, tables[table] - 1)
                self._lines.setdefault(table, number)
            elif key := self._KEY.match(line):
                self._lines.setdefault((*table, *self._parts(key[1])), number)

    def _parts(self, key: str) -> tuple[str, ...]:
        return tuple(part.strip("\"'") for part in re.findall(self._PART, key))

    def line(self, *key: str | int) -> int | None:
        """Return the line number of a key or, if it is absent, of the innermost existing table around it."""
        return next((self._lines[key[:n]] for n in range(len(key), 0, -1) if key[:n] in self._lines), None)

    def place(self, *key: str | int) -> str:
        """Return ``file:line`` of a key, or ``file`` if neither the key nor its table is there."""
        line = self.line(*key)
        return f"{self.path}:{line}" if line else str(self.path)


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise ValueError(f"invalid name {name!r}; use letters, digits, '.', '_' and '-' only, 100 at most")


def _check_most_entries(number: int) -> None:
    if number < 1_000:
        raise ValueError(f"most_entries = {number} is too few; write 1_000 or more")


_CHECKS: dict[str, Callable[[Any], object]] = {
    "name": _check_name,
    "timezone": zone_of,
    "most_entries": _check_most_entries,
}


class Conference(msgspec.Struct, frozen=True, kw_only=True):
    """A conference as its ``conference.toml`` describes it.

    Parameters
    ----------
    name : str
        Name of its stream: letters, digits, ``-``, ``_`` and ``.``.
    title : str, optional
        Name for people.
    timezone : str
        IANA name of the venue's time zone; days and talks are shown in it.
    stream : str, optional
        ``redis://…``; by default the server that ``REDIS_URL`` names or the embedded one.
    archive : str, optional
        Folder of the recording, relative to the file.
    schedule : str, optional
        File with the talks, relative to the file.
    hashtags, accounts : list of str
        The conference's own tags and accounts: they never trend.
    ignore : list of str
        Terms that are never topics.
    mute : list of str
        Authors who are not shown and not counted.
    source : list of dict
        One table per source: ``type``, ``name`` and the keys of that type.
    limits : dict of str to RateLimit
        Requests that all sources together may send to a host. Other hosts have the default limit.
    most_entries : int
        Maximum number of entries per bucket of the stream. Above it, recorded entries leave the
        stream early; if that is not enough, sources wait.
    trending : Settings
        Settings of trends: the table ``[trending]``.
    file : Path, optional
        The file itself.
    lines : KeyLines, optional
        Lines of its keys.

    Raises
    ------
    ValueError
        If ``name``, ``timezone`` or ``most_entries`` is invalid.
    """

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
    limits: dict[str, RateLimit] = {}
    most_entries: int = 1_000_000
    trending: Settings = Settings()
    file: Path | None = None
    lines: KeyLines | None = None

    def __post_init__(self) -> None:
        for key, check in _CHECKS.items():
            check(getattr(self, key))

    @property
    def zone(self) -> ZoneInfo:
        """Time zone of the venue."""
        return ZoneInfo(self.timezone)

    @property
    def folder(self) -> Path:
        """Folder of the file."""
        return Path() if self.file is None else self.file.parent

    @property
    def archive_folder(self) -> Path:
        """Folder of the recording."""
        return self.path(self.archive) or self.folder / "archive"

    def path(self, name: str | None) -> Path | None:
        """Return the path of a file that is named relative to the ``conference.toml``."""
        return None if name is None else (self.folder / Path(name).expanduser())

    def error(self, message: object, *key: str | int) -> ConferenceError:
        """Return an error about a key, with its file and line if the conference was read from a file."""
        return ConferenceError(f"{self.lines.place(*key)}: {message}" if self.lines else str(message))


def read_conference(path: str | Path) -> Conference:
    """Read and check a ``conference.toml``.

    Raises
    ------
    ConferenceError
        If it does not exist, is not TOML, or has an unknown key or an invalid value.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        where = "" if path.is_absolute() else f" in {Path.cwd()}"
        new = path if path.suffix == ".toml" else "conference.toml"
        raise ConferenceError(
            f"{path}: no such file{where}; give its full path, or create one with 'rtanalytics init {new}'"
        ) from None
    except IsADirectoryError:
        raise ConferenceError(f"{path} is a folder; give the name of the conference.toml in it") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConferenceError(f"{path}: cannot be read: {error}") from None
    lines = KeyLines(path, text)
    try:
        table = parse_toml(text, path)
    except ConferenceError:
        if lines.line("source") is not None:  # [source] and then [[source]] is invalid TOML, too
            raise ConferenceError(f"{lines.place('source')}: {_TWO_BRACKETS}") from None
        raise
    values = {}
    for key, value in table.items():
        try:
            values[key] = _converted(key, value)
        except _KeyedError as error:
            raise ConferenceError(f"{lines.place(key, *error.key)}: {error}") from None
    if "name" not in values:
        raise ConferenceError(f"{path}: 'name' is missing; write name = \"…\" at the top")
    return Conference(**values, file=path, lines=lines)


def parse_toml(text: str, path: str | Path) -> dict[str, Any]:
    """Parse the text of a TOML file.

    Raises
    ------
    ConferenceError
        If it is invalid; the message names the line where the invalid part begins.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        # the parser's error has no line number before Python 3.14
        lines = text.split("\n")
        valid = next(n for n in range(len(lines) - 1, -1, -1) if _is_toml("\n".join(lines[:n])))
        raise ConferenceError(
            f"{path}:{valid + 1}: invalid TOML: {_shown(lines[valid].strip())}; write key = value, text in"
            " quotes, a list in [ ], and each key once"
        ) from None


def _is_toml(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


_TYPES = {
    field.name: field.type
    for field in msgspec.structs.fields(Conference)
    if field.name not in ("file", "lines")
}

_TWO_BRACKETS = "a source is one table of a list; write [[source]], in two brackets"


class _KeyedError(ValueError):
    """An invalid value, and the keys that lead from its top-level key to it."""

    def __init__(self, message: str, *key: str) -> None:
        super().__init__(message)
        self.key = key


def _converted(key: str, value: Any) -> Any:
    """Check the value of a top-level key and convert it to the type in :class:`Conference`."""
    if key == "conference":
        raise _KeyedError("unknown table [conference]; write its keys at the top, without a heading")
    if key not in _TYPES:
        close = difflib.get_close_matches(key, _TYPES, 1)
        advice = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(sorted(_TYPES))}"
        raise _KeyedError(f"unknown key {key!r}; {advice}")
    if key == "source" and not (isinstance(value, list) and all(isinstance(one, dict) for one in value)):
        raise _KeyedError(_TWO_BRACKETS)
    if key in ("limits", "trending"):
        if not isinstance(value, dict):
            raise _KeyedError(expected(dict, key, value))
        return _limits(value) if key == "limits" else _settings(value)
    try:
        value = msgspec.convert(value, _TYPES[key])
    except msgspec.ValidationError:
        raise _KeyedError(expected(_TYPES[key], key, value)) from None
    if key in _CHECKS:
        try:
            _CHECKS[key](value)
        except ValueError as error:
            raise _KeyedError(str(error)) from None
    return value


def _settings(table: Mapping[str, Any]) -> Settings:
    try:
        return Settings.from_table(table)
    except SettingsError as error:
        raise _KeyedError(f"[trending] {error}", *error.key.split(".")) from None


def _limits(table: Mapping[str, Any]) -> dict[str, RateLimit]:
    limits = {}
    for host, text in table.items():
        if "/" in host:
            bare = re.sub(r"/.*$", "", re.sub(r"^[a-z]+:/*", "", host.lower()).rpartition("@")[2])
            raise _KeyedError(
                f'limits: {host!r} is a URL, but limits are set per host; write "{bare}" = "{text}"', host
            )
        if not isinstance(text, str):
            number = text if type(text) is int and text > 0 else 60
            raise _KeyedError(
                f'limits {host!r}: invalid limit {_shown(text)}; write "{host}" = "{number}/min"', host
            )
        try:
            limits[host] = RateLimit.of(text)
        except ValueError as error:
            raise _KeyedError(f"limits {host!r}: {error}", host) from None
    return limits


def expected(kind: Any, key: str, value: Any) -> str:
    """Return an error message for a value that does not have its declared type.

    Parameters
    ----------
    kind : type
        The declared type, such as ``list[str]`` or ``int | None``.
    key : str
        Key of the value.
    value : object
        The value.

    Examples
    --------
    >>> expected(list[str], "hashtags", "#x")
    "hashtags = '#x' must be a list; write hashtags = ['#x']"
    >>> expected(list[str], "hashtags", ["a", 5])
    'hashtags: 5 must be text in quotes; write hashtags = ["…"]'
    """
    union = get_args(kind) if isinstance(kind, UnionType) else (kind,)
    if choices := [choice for one in union if get_origin(one) is Literal for choice in get_args(one)]:
        return f"{key} = {_shown(value)} must be one of {', '.join(map(repr, choices))}"
    kinds = {get_origin(one) or one for one in union}
    what, instead = "", ""
    if isinstance(value, list) and kinds & _LISTS:
        wrong = next((one for one in value if not isinstance(one, str)), value)
        return f'{key}: {_shown(wrong)} must be text in quotes; write {key} = ["…"]'
    if kinds & _LISTS:
        what, instead = "a list", f"[{value!r}]" if isinstance(value, str) else '["…"]'
    elif bool in kinds:
        no = str(value).casefold() in {"no", "false", "off", "0", "n", ""}
        what, instead = "true or false, without quotes", "false" if no else "true"
    elif kinds & {int, float}:
        number = re.fullmatch(r"\s*(\d[\d_.]*)\s*", str(value))
        what, instead = "a number, without quotes", number[1] if number else "10"
    elif str in kinds:
        plain = isinstance(value, (int, float)) and not isinstance(value, bool)
        what, instead = "text in quotes", f'"{value}"' if plain else '"…"'
    elif dict in kinds:
        return f"{key} = {_shown(value)} must be a table; write [{key}] on a line and its keys below it"
    return f"{key} = {_shown(value)} must be {what}; write {key} = {instead}" if what else f"invalid {key}"


_LISTS = {list, tuple, set, frozenset}


def _shown(value: Any) -> str:
    """Format a value of the file for an error message, on one line."""
    if isinstance(value, dict):
        return "{…}"
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
