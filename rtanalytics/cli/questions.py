"""Questions of ``init``. Each answer is checked at once; an invalid one is asked for again."""

from __future__ import annotations

import difflib
import ipaddress
import re
import socket
import tomllib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import typer

from rtanalytics.cli.terminal import counted, safe
from rtanalytics.conference import Conference, read_conference
from rtanalytics.session import SessionError, read_talks

__all__ = ["ask", "write_conference"]


def ask(folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]], bool]:
    """Ask for the contents of a conference.toml.

    Returns
    -------
    (dict, list of dict, bool)
        Its own values, a table per source, and False if the user stopped at the sources.
    """
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
    sources: list[dict[str, Any]] = []
    try:
        if _is_address(schedule):
            if typer.confirm("That is an address; read it regularly and report what changes?", default=True):
                begun = {"type": "schedule", "url": schedule, "timezone": values["timezone"]}
                sources.extend(_added(begun, sources))
        elif schedule:
            values["schedule"] = schedule
        while answer := _ask(
            "A source: the address of a feed, of a hashtag's page, of a repository …, "
            "or a kind of source (? lists them; empty to finish)",
            lambda text: _source(text, sources),
            "",
        ):
            if answer == "?":
                typer.echo(_kinds())
            else:
                sources.extend(_added(_begun(answer), sources))
    except (typer.Abort, KeyboardInterrupt):
        typer.echo(f"\nstopped; what was answered is kept, with {counted(len(sources), 'source')}")
        return values, sources, False
    return values, sources, True


def _added(begun: dict[str, Any], sources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Ask for the remaining keys of a source's table; return [] if the user declines the source."""
    if begun["type"] == "feed" and "url" in begun and urlsplit(begun["url"]).path in ("", "/"):
        typer.echo(
            f"{begun['url']} is a front page and probably not a feed: add a forum or a server by its kind"
            " (discourse, mastodon …), and a site by the address of its feed"
        )
        if not typer.confirm("Read it as a feed anyway?"):
            typer.echo(f"left out: {begun['url']}")
            return []
    table = _table(begun, sources)
    place = next((table[key] for key in _PLACES if key in table), "")
    private = _is_private(urlsplit(place).hostname or place)
    if private and not typer.confirm(f"{place} is on your own network; read it anyway?"):
        typer.echo(f"left out: {place}")
        return []
    check = partial(_source_name, table=table, sources=sources)
    name = _ask("A name for this source", check, _near(table, sources))
    table = {"type": table.pop("type"), "name": name, **table}
    return [table | ({"allow_private": True} if private else {})]


def write_conference(path: Path, values: dict[str, Any], sources: list[dict[str, Any]]) -> None:
    """Write the file, after a test that ``collect`` can read it.

    Raises
    ------
    SessionError
        If it cannot.
    """
    from rtanalytics.sources import read_specs

    lines = [*_lines(values), 'archive = "archive"', "", "[trending]", 'bin = "15min"', "top = 10"]
    for table in sources:
        lines += ["", "[[source]]", *_lines(table)]
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    try:
        made = read_conference(temporary)
        read_specs(made.source, made.timezone)
    except ValueError as error:
        temporary.unlink()
        raise SessionError(str(error).replace(str(temporary), str(path))) from None
    temporary.rename(path)


def _ask(question: str, check: Callable[[str], str], default: str | None = None) -> str:
    """Ask until the answer is valid."""

    def checked(text: str) -> str:
        try:
            return check(text.strip())
        except (ValueError, OSError) as error:
            raise typer.BadParameter(safe(str(error))) from None

    answer: str = typer.prompt(question, default=default, value_proc=checked, show_default=bool(default))
    return answer


def _something(text: str) -> str:
    if not text:
        raise ValueError("a name is needed")
    return text


def _stream_name(text: str) -> str:
    return Conference(name=text).name


def _zone(text: str) -> str:
    return Conference(name="any", timezone=text).timezone


def _schedule(folder: Path, text: str, zone: str) -> str:
    if text and not _is_address(text):
        read_talks(folder / Path(text).expanduser(), Conference(name="any", timezone=zone).zone)
    return text


_PLACES = ("url", "homeserver", "host")
"""Keys whose value names the machine of a source."""

_HASHTAGS = ("tag", "any", "all", "none", "tags")
"""Keys whose values have no ``#``; it is removed from answers."""

_PAGES: list[tuple[str, Callable[[re.Match[str]], dict[str, Any]]]] = [
    (
        r"(?:www\.)?github\.com/([\w.-]+)/([\w.-]+?)(?:\.git)?/?",
        lambda m: {"type": "github", "repo": f"{m[1]}/{m[2]}"},
    ),
    (
        r"bitbucket\.org/([\w.-]+)/([\w.-]+)/?",
        lambda m: {"type": "bitbucket", "repo": f"{m[1]}/{m[2]}"},
    ),
    (
        r"(?:www\.)?flickr\.com/photos/tags/(\w+)/?",
        lambda m: {"type": "flickr", "tags": [m[1]]},
    ),
    (
        r"bsky\.app/hashtag/(\w+)/?",
        lambda m: {"type": "bluesky", "tags": [m[1]]},
    ),
    (
        r"(?:www\.)?(?:x|twitter)\.com/hashtag/(\w+)/?",
        lambda m: {"type": "x", "query": f"#{m[1]} -is:retweet"},
    ),
    (
        r"([\w.-]+)/tags/(\w+)/?",
        lambda m: {"type": "mastodon", "url": f"https://{m[1]}", "tag": m[2]},
    ),
    (
        r"(?:www\.|old\.)?reddit\.com/r/(\w+)/?",
        lambda m: {"type": "reddit", "subreddit": m[1]},
    ),
    (
        r"(?:www\.)?stackoverflow\.com/questions/tagged/([\w.+#-]+)/?",
        lambda m: {"type": "stackexchange", "site": "stackoverflow", "tags": [m[1]]},
    ),
    (
        r"ircs?://([\w.-]+)/(#?[^\s/?,]+)",
        lambda m: {"type": "irc", "host": m[1], "channels": [f"#{m[2].lstrip('#')}"]},
    ),
]
"""Addresses of pages, without ``https://``, and the source that each stands for."""


def _begun(answer: str) -> dict[str, Any]:
    """Return the part of a source's table that follows from a kind, or from the address of a page or feed."""
    from rtanalytics.sources import KINDS

    if answer in KINDS:
        return {"type": answer}
    for pattern, made in _PAGES:
        if found := re.fullmatch(pattern, re.sub(r"^https?://", "", answer)):
            return made(found)
    return {"type": "feed", "url": _address(answer), "every": "5min"}


def _source(text: str, sources: list[dict[str, Any]]) -> str:
    from rtanalytics.sources import KINDS

    if not text or text == "?" or text in KINDS:
        return text
    if not re.search(r"[.:/]", text):
        near = difflib.get_close_matches(text.lower(), KINDS, 1)
        hint = f"did you mean {near[0]!r}?" if near else "? lists the kinds"
        raise ValueError(f"{text!r} is neither an address nor a kind of source; {hint}")
    begun = _begun(text)
    if begun["type"] == "feed":
        _check([*sources, begun | {"name": _near(begun, sources)}])
    return text


def _kinds() -> str:
    """List the kinds of sources, with what each needs."""
    from rtanalytics.sources.kinds import kinds

    lines = []
    for one in kinds():
        first = re.split(r"[.;:,](?: |$)", " ".join(one.about.split()))[0]
        lines.append(f"  {one.name:14} {first.replace('`', '')} (needs {one.needs})")
    return "\n".join(lines)


def _table(begun: dict[str, Any], sources: list[dict[str, Any]]) -> dict[str, Any]:
    """Ask for the keys of a source that the example of its kind has, except its name."""
    from rtanalytics.sources.kinds import kind

    described = kind(begun["type"])
    keys = {key.name: key for key in described.keys}
    example = tomllib.loads(described.example)["source"][0]
    example = {k: v for k, v in example.items() if k not in {"type", "name"}}
    table = dict(begun)
    for name, shown in example.items():
        if name in table:
            continue
        key, several = keys[name], isinstance(shown, list | dict)
        secret = isinstance(shown, str) and shown.startswith("env:")
        hints = [f"such as {_text(shown)}", *["several by commas"] * several]
        hints += [] if key.required else ["empty for none"]
        about = " ".join(re.split(r"[.;](?:\s|$)", key.about)[0].replace("`", "").split())
        later = {k: v for k, v in example.items() if k not in table and k != name}
        needed = {k: v for k, v in later.items() if keys[k].required}
        text = _ask(
            f"  {name}: {about} ({'; '.join(hints)})",
            partial(
                _part, name=name, shown=shown, key=key.required, tries=[table | later, table | needed],
                sources=sources,
            ),
            shown if secret and key.required else None if key.required else "",
        )  # fmt: skip
        if text:
            table[name] = _value(name, text, shown)
    return table


def _part(
    text: str, name: str, shown: Any, *, key: bool, tries: list[dict[str, Any]], sources: list[dict[str, Any]]
) -> str:
    """Return an answer if it is valid together with the keys before it and examples of those after it."""
    if key and not text:
        raise ValueError(f"{name} is needed")
    wrong: ValueError | None = None
    for table in tries:
        whole = {**table, **({name: _value(name, text, shown)} if text else {})}
        try:
            _check([*sources, whole | {"name": _near(whole, sources)}])
        except ValueError as error:
            wrong = wrong or error
        else:
            return text
    raise wrong or ValueError(f"invalid {name} {text!r}")


def _value(name: str, text: str, shown: Any) -> Any:
    """Convert an answer to the type of the example."""
    if name in _HASHTAGS:
        text = re.sub(r"(^|,)\s*#", r"\1", text)
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if isinstance(shown, list):
        return parts
    if isinstance(shown, dict):
        pairs = [part.partition("=") for part in parts]
        if not all(k.strip() and v.strip() for k, _, v in pairs):
            raise ValueError(f"{name}: write it as {_text(shown)}")
        return {k.strip(): v.strip() for k, _, v in pairs}
    if isinstance(shown, float):
        try:
            return float(text)
        except ValueError:
            raise ValueError(f"{name}: {text!r} is not a number") from None
    return _address(text) if name in {"url", "homeserver"} else text


def _text(value: Any) -> str:
    """Format a value as a user would type it."""
    if isinstance(value, dict):
        value = [f"{k}={v}" for k, v in value.items()]
    return ", ".join(value) if isinstance(value, list) else str(value)


def _is_address(text: str) -> bool:
    return re.match(r"https?://", text, re.IGNORECASE) is not None


def _address(text: str) -> str:
    return text if "://" in text else f"https://{text}"


def _source_name(text: str, table: Mapping[str, Any], sources: list[dict[str, Any]]) -> str:
    _check([*sources, {**table, "name": text}])
    return text


def _check(sources: list[dict[str, Any]]) -> None:
    from rtanalytics.sources import read_specs

    try:
        read_specs(sources)
    except ValueError as error:
        raise ValueError(re.sub(r"^\[\[source\]\] \d+( \([^)]*\))?: ", "", str(error))) from None


def _near(table: Mapping[str, Any], sources: list[dict[str, Any]]) -> str:
    """Return an unused name, made of the host or the kind."""
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


def _lines(values: dict[str, Any]) -> list[str]:
    # JSON of a string, a list of strings, true is TOML too, but for DEL
    return [f"{key} = {_toml(value)}" for key, value in values.items()]


def _toml(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_toml(k)} = {_toml(v)}' for k, v in value.items())} }}"
    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")
