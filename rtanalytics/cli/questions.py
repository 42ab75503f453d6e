"""The questions of ``init``: each answer is checked on the spot, and asked again if it cannot be."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import typer

from rtanalytics.cli.terminal import Failed, safe
from rtanalytics.conference import Conference, read_conference

__all__ = ["ask", "write_conference"]


def ask(folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What a conference.toml in a folder is to say: its own values, and a table for each source."""
    title = _ask("What is the conference called", _something)
    slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:60] or "conference"
    values: dict[str, Any] = {
        "name": _ask("A short name for its stream (letters, digits, -)", _stream_name, slug),
        "title": title,
        "timezone": _ask("Time zone of the venue (such as Europe/Berlin)", _zone, "UTC"),
    }
    tags = _ask("Its own hashtags, by spaces (they never trend)", str.strip, "")
    values["hashtags"] = [f"#{tag.lstrip('#')}" for tag in re.split(r"[\s,]+", tags) if tag.strip("#")]
    schedule = _ask(
        "File with its schedule (pretalx or frab JSON, CSV; empty for none)",
        lambda text: _schedule(folder, text, values["timezone"]),
        "",
    )
    if schedule:
        values["schedule"] = schedule
    sources: list[dict[str, Any]] = []
    while url := _ask(
        "A feed to read: RSS, Atom or JSON Feed (empty to end)", lambda text: _feed(text, sources), ""
    ):
        private = _is_private(urlsplit(url).hostname or "")
        if private and not typer.confirm(f"{url} is on your own network; read it all the same?"):
            continue
        check = partial(_source_name, url=url, sources=sources)
        name = _ask("A name for this source", check, _near(url, sources))
        table = {"type": "feed", "name": name, "url": url, "every": "5min"}
        sources.append(table | ({"allow_private": True} if private else {}))
    return values, sources


def write_conference(path: Path, values: dict[str, Any], sources: list[dict[str, Any]]) -> None:
    """Write the file, once it was read as ``collect`` will read it.

    Raises
    ------
    Failed
        If it could not be read so.
    """
    from rtanalytics.sources import read_specs

    lines = [*_lines(values), 'archive = "archive"', "", "[trending]", 'bin = "15min"', "top = 10"]
    for table in sources:
        lines += ["", "[[source]]", *_lines(table)]
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    try:
        read_specs(read_conference(temporary).source)
    except ValueError as error:
        temporary.unlink()
        raise Failed(str(error).replace(str(temporary), str(path))) from None
    temporary.rename(path)


def _ask(question: str, check: Callable[[str], str], default: str | None = None) -> str:
    """Ask until the answer can be used; what is wrong with it is said at once."""

    def checked(text: str) -> str:
        try:
            return check(text.strip())
        except (ValueError, OSError) as error:
            raise typer.BadParameter(safe(str(error))) from None

    answer: str = typer.prompt(question, default=default, value_proc=checked)
    return answer


def _something(text: str) -> str:
    if not text:
        raise ValueError("it needs a name")
    return text


def _stream_name(text: str) -> str:
    return Conference(name=text).name


def _zone(text: str) -> str:
    return Conference(name="any", timezone=text).timezone


def _schedule(folder: Path, text: str, zone: str) -> str:
    if text:
        from rtanalytics.schedules import read_schedule

        read_schedule(folder / Path(text).expanduser(), Conference(name="any", timezone=zone).zone)
    return text


def _feed(text: str, sources: list[dict[str, Any]]) -> str:
    if not text:
        return ""
    url = text if "://" in text else f"https://{text}"
    _check([*sources, {"type": "feed", "name": _near(url, sources), "url": url}])
    return url


def _source_name(text: str, url: str, sources: list[dict[str, Any]]) -> str:
    _check([*sources, {"type": "feed", "name": text, "url": url}])
    return text


def _check(sources: list[dict[str, Any]]) -> None:
    from rtanalytics.sources import read_specs

    try:
        read_specs(sources)
    except ValueError as error:
        raise ValueError(re.sub(r"^\[\[source\]\] \d+( \([^)]*\))?: ", "", str(error))) from None


def _near(url: str, sources: list[dict[str, Any]]) -> str:
    """A name after the host, which no other source has."""
    host = (urlsplit(url).hostname or "").lower().removeprefix("www.")
    base = re.sub(r"[^a-z0-9]+", "-", host).strip("-") or "feed"
    taken = {table["name"] for table in sources}
    return next(n for n in (base, *(f"{base}-{i}" for i in range(2, len(taken) + 3))) if n not in taken)


def _is_private(host: str) -> bool:
    """True if a host has addresses, as far as can be told from here, and none of them is public."""
    from rtanalytics.sources.http import is_public

    try:
        found = {str(place[4][0]).split("%")[0] for place in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError):
        return False  # whether it can be read is found out by a dry run
    return not any(is_public(ipaddress.ip_address(address)) for address in found)


def _lines(values: dict[str, Any]) -> list[str]:
    # JSON of a string, a list of strings, true is TOML too, but for DEL
    return [f"{key} = {_toml(value)}" for key, value in values.items()]


def _toml(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")
