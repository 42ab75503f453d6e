"""Questions of ``init``. Each answer is checked at once; an invalid one is asked for again."""

from __future__ import annotations

import difflib
import ipaddress
import re
import socket
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import tomli_w
import typer

from rtanalytics.cli.terminal import safe
from rtanalytics.conference import Conference, read_conference
from rtanalytics.session import SessionError, read_talks
from rtanalytics.spelling import fold
from rtanalytics.wording import counted

if TYPE_CHECKING:
    from rtanalytics.sources.kinds import Key

__all__ = ["ask", "write_conference"]

Table = dict[str, Any]


def ask(folder: Path) -> tuple[Table, list[Table], bool]:
    """Ask for the contents of a conference.toml.

    Returns
    -------
    (dict, list of dict, bool)
        Its own values, a table per source, and False if the user stopped at the sources.
    """
    typer.echo("Enter takes the value in brackets; Ctrl-C at the sources keeps what was answered until then.")
    title = _ask("Name of the conference", _required)
    slug = re.sub(r"[^a-z0-9]+", "-", fold(title)).strip("-")[:60] or "conference"
    name = _ask("Short name for its stream (letters, digits, -)", _stream_name, slug)
    zone = _ask(
        "Time zone of the venue (such as Europe/Berlin)",
        lambda text: Conference(name=name, timezone=text).timezone,
        "UTC",
    )
    tags = _ask("Its own hashtags, separated by spaces (they never trend)", str, "")
    schedule = _ask(
        "File with its schedule (iCalendar, CSV, or JSON of pretalx, frab, Sessionize …; empty for none)",
        lambda text: _schedule(folder, text, zone),
        "",
    )
    values: Table = {
        "name": name,
        "title": title,
        "timezone": zone,
        "hashtags": [f"#{tag.lstrip('#')}" for tag in re.split(r"[\s,]+", tags) if tag.strip("#")],
    }
    sources: list[Table] = []
    try:
        if _is_address(schedule):
            if typer.confirm("That is an address; read it regularly and report what changes?", default=True):
                _add({"type": "schedule", "url": schedule, "timezone": zone}, sources)
        elif schedule:
            values["schedule"] = schedule
        while answer := _ask(
            "What to read: the address of a feed, of a hashtag's page, of a repository or of a chat room, "
            "or a kind of source (? lists them; empty to finish)",
            lambda text: _source(text, sources),
            "",
        ):
            if answer == "?":
                _list_kinds()
            else:
                _add(_begun(answer), sources)
    except (typer.Abort, KeyboardInterrupt):
        typer.echo(f"\nstopped; what was answered is kept, with {counted(len(sources), 'source')}")
        return values, sources, False
    return values, sources, True


def write_conference(path: Path, values: Table, sources: list[Table]) -> None:
    """Write the file, after a test that ``collect`` can read it.

    Raises
    ------
    SessionError
        If it cannot.
    """
    from rtanalytics.sources import read_specs

    text = tomli_w.dumps({**values, "archive": "archive", "trending": {"bin": "15min", "top": 10}})
    for table in sources:  # tomli-w would write short ones as inline tables
        text += f"\n[[source]]{tomli_w.dumps({'source': table}).removeprefix('[source]')}"
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text, encoding="utf-8")
    try:
        conference = read_conference(temporary)
        read_specs(conference.source, conference.timezone)
    except ValueError as error:
        temporary.unlink()
        raise SessionError(str(error).replace(str(temporary), str(path))) from None
    temporary.rename(path)


def _ask(question: str, check: Callable[[str], Any], default: str | None = None) -> Any:
    """Ask until the answer is valid; return the result of ``check``."""

    def checked(text: str) -> Any:
        try:
            return check(text.strip())
        except (ValueError, OSError) as error:
            raise typer.BadParameter(safe(str(error))) from None

    return typer.prompt(question, default=default, value_proc=checked, show_default=bool(default))


def _stream_name(text: str) -> str:
    return Conference(name=text).name


def _required(text: str) -> str:
    if not text:
        raise ValueError("a name is needed")
    return text


def _schedule(folder: Path, text: str, zone: str) -> str:
    if text and not _is_address(text):
        read_talks(folder / Path(text).expanduser(), Conference(name="any", timezone=zone).zone)
    return text


def _source(text: str, sources: list[Table]) -> str:
    from rtanalytics.sources import KINDS

    if not text or text == "?" or text in KINDS:
        return text
    if not re.search(r"[.:/]", text):
        near = difflib.get_close_matches(text.lower(), KINDS, 1)
        hint = f"did you mean {near[0]!r}?" if near else "? lists the kinds"
        raise ValueError(f"{text!r} is neither an address nor a kind of source; {hint}")
    begun = _begun(text)
    if begun["type"] == "feed":
        _check(sources, begun)
    return text


_PAGES: tuple[tuple[str, Table], ...] = (
    (r"(?:www\.)?github\.com/([\w.-]+)/([\w.-]+?)(?:\.git)?/?", {"type": "github", "repo": r"\1/\2"}),
    (r"bitbucket\.org/([\w.-]+)/([\w.-]+)/?", {"type": "bitbucket", "repo": r"\1/\2"}),
    (r"(?:www\.)?flickr\.com/photos/tags/(\w+)/?", {"type": "flickr", "tags": [r"\1"]}),
    (r"bsky\.app/hashtag/(\w+)/?", {"type": "bluesky", "tags": [r"\1"]}),
    (r"(?:www\.)?(?:x|twitter)\.com/hashtag/(\w+)/?", {"type": "x", "query": r"#\1 -is:retweet"}),
    (r"([\w.-]+)/tags/(\w+)/?", {"type": "mastodon", "url": r"https://\1", "tag": r"\2"}),
    (r"(?:www\.|old\.)?reddit\.com/r/(\w+)/?", {"type": "reddit", "subreddit": r"\1"}),
    (
        r"(?:www\.)?stackoverflow\.com/questions/tagged/([\w.+#-]+)/?",
        {"type": "stackexchange", "site": "stackoverflow", "tags": [r"\1"]},
    ),
    (r"ircs?://([\w.-]+)/#*([^\s/?,]+)", {"type": "irc", "host": r"\1", "channels": [r"#\2"]}),
)
"""Addresses of pages, without ``https://``, and the table that each stands for."""


def _begun(answer: str) -> Table:
    """Begin the table of a source, from its kind or from the address of a page or feed."""
    from rtanalytics.sources import KINDS

    if answer in KINDS:
        return {"type": answer}
    for pattern, table in _PAGES:
        if match := re.fullmatch(pattern, re.sub(r"^https?://", "", answer)):
            return {
                key: [match.expand(one) for one in value] if isinstance(value, list) else match.expand(value)
                for key, value in table.items()
            }
    return {"type": "feed", "url": _address(answer), "every": "5min"}


def _list_kinds() -> None:
    """Print the kinds of sources, with what each needs."""
    from rtanalytics.sources.kinds import kinds

    for one in kinds():
        first = re.split(r"[.;:,](?: |$)", " ".join(one.about.split()))[0]
        typer.echo(f"  {one.name:14} {first.replace('`', '')} (needs {one.needs})")


_PLACES = ("url", "homeserver", "host")
"""Keys whose value names the machine of a source."""


def _add(begun: Table, sources: list[Table]) -> None:
    """Ask for the remaining keys of a source and add its table, unless the user declines it."""
    if begun["type"] == "feed" and "url" in begun and urlsplit(begun["url"]).path in ("", "/"):
        typer.echo(
            f"{begun['url']} is a front page and probably not a feed: add a forum or a server by its kind"
            " (discourse, mastodon …), and a site by the address of its feed"
        )
        if not typer.confirm("Read it as a feed anyway?"):
            typer.echo(f"left out: {begun['url']}")
            return
    table = _table(begun, sources)
    place = next((table[key] for key in _PLACES if key in table), "")
    if _is_private(urlsplit(place).hostname or place):
        if not typer.confirm(f"{place} is on your own network; read it anyway?"):
            typer.echo(f"left out: {place}")
            return
        table["allow_private"] = True

    def named(text: str) -> str:
        _check(sources, {**table, "name": text})
        return text

    name = _ask("A name for this source", named, _unused_name(table, sources))
    sources.append({"type": table.pop("type"), "name": name, **table})


def _table(begun: Table, sources: list[Table]) -> Table:
    """Ask for the keys of a source that the example of its kind has, except its name."""
    from rtanalytics.sources.kinds import kind

    described = kind(begun["type"])
    keys = {key.name: key for key in described.keys}
    example = tomllib.loads(described.example)["source"][0]
    table = dict(begun)
    later = {name: shown for name, shown in example.items() if name not in {"type", "name", *table}}
    while later:
        key = keys[next(iter(later))]
        shown = later.pop(key.name)
        needed = {name: value for name, value in later.items() if keys[name].required}
        table |= _ask_key(key, shown, [{**table, **later}, {**table, **needed}], sources)
    return table


def _ask_key(key: Key, shown: Any, tables: list[Table], sources: list[Table]) -> Table:
    """Ask for a key of a source until its table is valid.

    ``tables`` are the answers so far, completed in several ways by examples of the keys that follow.
    """

    def checked(text: str) -> Table:
        if key.required and not text:
            raise ValueError(f"{key.name} is needed")
        answer = {key.name: _value(key.name, text, shown)} if text else {}
        _check(sources, *({**table, **answer} for table in tables))
        return answer

    hints = [f"such as {_typed(shown)}"]
    hints += ["several by commas"] if isinstance(shown, list | dict) else []
    hints += [] if key.required else ["empty for none"]
    about = " ".join(re.split(r"[.;](?:\s|$)", key.about)[0].replace("`", "").split())
    secret = isinstance(shown, str) and shown.startswith("env:")
    default = "" if not key.required else shown if secret else None
    answer: Table = _ask(f"  {key.name}: {about} ({'; '.join(hints)})", checked, default)
    return answer


def _value(name: str, text: str, shown: Any) -> Any:
    """Convert an answer to the type of the example."""
    if name in {"tag", "any", "all", "none", "tags"}:  # hashtags, which have no mark in the file
        text = re.sub(r"(^|,)\s*#", r"\1", text)
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if isinstance(shown, list):
        return parts
    if isinstance(shown, dict):
        pairs = {k.strip(): v.strip() for k, _, v in (part.partition("=") for part in parts)}
        if not all(k and v for k, v in pairs.items()):
            raise ValueError(f"{name}: write it as {_typed(shown)}")
        return pairs
    if isinstance(shown, float):
        try:
            return float(text)
        except ValueError:
            raise ValueError(f"{name}: {text!r} is not a number") from None
    return _address(text) if name in {"url", "homeserver"} else text


def _typed(value: Any) -> str:
    """Format a value as a user would type it."""
    if isinstance(value, dict):
        value = [f"{k}={v}" for k, v in value.items()]
    return ", ".join(value) if isinstance(value, list) else str(value)


def _is_address(text: str) -> bool:
    return re.match(r"https?://", text, re.IGNORECASE) is not None


def _address(text: str) -> str:
    return text if "://" in text else f"https://{text}"


def _check(sources: list[Table], *tables: Table) -> None:
    """Check that one of the tables is valid beside the other sources; raise the error of the first."""
    from rtanalytics.sources import read_specs

    errors = []
    for table in tables:
        try:
            read_specs([*sources, {"name": _unused_name(table, sources), **table}])
        except ValueError as error:
            errors.append(re.sub(r"^\[\[source\]\] \d+( \([^)]*\))?: ", "", str(error)))
        else:
            return
    raise ValueError(errors[0])


def _unused_name(table: Table, sources: list[Table]) -> str:
    """Return a name for a source that no other has, made of its host or its kind."""
    place = str(next((table[key] for key in _PLACES if key in table), table["type"]))
    host = (urlsplit(place).hostname or place).lower().removeprefix("www.")
    base = re.sub(r"[^a-z0-9]+", "-", host).strip("-") or "feed"
    taken = {one["name"] for one in sources}
    return next(n for n in (base, *(f"{base}-{i}" for i in range(2, len(taken) + 3))) if n not in taken)


def _is_private(host: str) -> bool:
    """Return True if a host has addresses and none of them is public."""
    from rtanalytics.sources.public import is_public

    try:
        found = {str(place[4][0]).split("%")[0] for place in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError):
        return False  # a dry run will show whether it can be read
    return not any(is_public(ipaddress.ip_address(address)) for address in found)
