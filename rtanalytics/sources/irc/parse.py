"""Parser of IRC lines: a pure function, so that dead letters can be parsed again.

A line is kept as the server sent it, with its tags. If the server sends no time, the
connection adds the time of arrival as a tag (:data:`ARRIVED`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256

from irctokens.line import Line, tokenise

from rtanalytics.event import Author, Event, Ingest
from rtanalytics.normalize.dates import optional_time
from rtanalytics.normalize.text import find_links
from rtanalytics.sources.base import MAX_RAW, Meta, Parsed, Reject, printable

__all__ = ["ARRIVED", "Reader", "folded", "parse", "plain", "stamped"]

ARRIVED = "+rtanalytics/arrived"
"""Client tag with the time at which a line arrived, for servers without ``server-time``."""

_FORMAT = re.compile(
    r"\x03(?:\d{1,2}(?:,\d{1,2})?)?|\x04(?:[0-9a-fA-F]{6}(?:,[0-9a-fA-F]{6})?)?|[\x00-\x08\x0b-\x1f\x7f]"
)
_TAG = re.compile(r"(?<![\w#&/])#(\w[\w-]*)")
_RANKS = "~&@%+"
"""Prefixes of ranks (owner, admin, operator, half-operator, voice), highest first."""

_MODES = dict(zip("qaohv", _RANKS, strict=True))
_MARKS = {**{mark: mark for mark in _RANKS}, "!": "~", "*": "~"}
"""Prefixes of nicks and the ranks that they stand for, until the server sends its own."""

_KINDS, _STATUS = "#&+!", "~&@%+"
"""First characters of room names, and prefixes that address only some members of a room."""

_REFUSALS = frozenset(
    "401 402 403 404 405 407 408 415 431 432 433 435 437 438 441 442 443 447 461 467 470 471 472 473 474 475 "
    "476 477 478 479 480 482 484 485 489 494 495 499 500 520 531 926 974".split()
)
"""Numeric replies that report a failed request about a room, a nick or a message."""

_FOLD = str.maketrans("[]\\^", "{}|~")
_MAX_USERS = 20_000


def folded(name: str) -> str:
    r"""Fold the case of a nick or a room as servers do (RFC 1459: ``{}|~`` are lower-case ``[]\^``).

    Examples
    --------
    >>> folded("Ada[Away]") == folded("ada{away}")
    True
    """
    return name.translate(_FOLD).lower()


def plain(text: str) -> str:
    """Remove formatting codes (bold, colours, …) and control characters."""
    return _FORMAT.sub("", text)


def stamped(line: bytes, at: datetime) -> bytes:
    """Add the time of arrival to a line, as a tag."""
    tag = f"@{ARRIVED}={at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
    return f"{tag};".encode() + line[1:] if line.startswith(b"@") else f"{tag} ".encode() + line


def parse(raw: bytes, meta: Meta) -> Parsed:
    """Parse lines into events, one event per line.

    Parameters
    ----------
    raw : bytes
        Lines as received, separated by line feeds.
    meta : Meta
        ``scope`` is the network; the option ``nick`` is our own nick.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> meta = Meta(source="irc:libera", scope="libera", connector="irc@1",
    ...             received_at=datetime(2026, 5, 15, 9, tzinfo=UTC))
    >>> line = b"@time=2026-05-15T08:59:00.000Z;msgid=x7 :ada!a@host PRIVMSG #pycon :the keynote starts"
    >>> [event] = parse(line, meta).events
    >>> event.id, event.channel, event.author.handle, event.text
    ('irc:libera/#pycon:x7', '#pycon', 'ada', 'the keynote starts')
    """
    reader = Reader(meta)
    for line in raw.split(b"\n"):
        if line := line.strip(b"\r"):
            reader.take(line)
    return reader.parsed()


class Reader:
    """Reader of single lines, which joins lists of users that are sent in parts.

    Parameters
    ----------
    meta : Meta
        As for :func:`parse`.
    """

    def __init__(self, meta: Meta) -> None:
        self.meta = meta
        self.nick = meta.options.get("nick", "")
        self._events: list[Event] = []
        self._rejects: list[Reject] = []
        self._counts: Counter[str] = Counter()
        self._users: dict[str, list[str]] = {}
        self._topic: tuple[Line, str, str, bytes] | None = None
        self._marks, self._kinds, self._status = dict(_MARKS), _KINDS, _STATUS
        self._repeats: dict[str, Counter[str]] = {}  # by batch; "" for lines outside of batches

    def parsed(self) -> Parsed:
        """Return the events and rejects since the last call."""
        self._flush_topic("")
        result = Parsed(events=self._events, rejects=self._rejects, counts=dict(self._counts))
        self._events, self._rejects, self._counts = [], [], Counter()
        if sum(map(len, self._repeats.values())) > _MAX_USERS:
            self._repeats.clear()
        return result

    def reject(self, reason: str, raw: bytes) -> None:
        """Record input that is not a valid line."""
        self._rejects.append(Reject(reason=reason, raw=raw[:MAX_RAW], where="line"))

    def take(self, raw: bytes) -> Line | None:
        """Read a line; its events are returned by :meth:`parsed`. Return None if it is invalid."""
        try:
            line = _tokenised(raw)
            if not line.command or not re.fullmatch(r"[A-Za-z]+|\d{3}", line.command):
                raise ValueError("no command")
            self._dispatch(line, raw)
        except (ValueError, IndexError) as error:
            self.reject(f"invalid IRC line: {printable(error)}", raw)
            return None
        return line

    def _dispatch(self, line: Line, raw: bytes) -> None:
        command, words = line.command.upper(), line.params
        if command != "333":
            self._flush_topic("")
        # the target is "*" before the login, whose refusals the connection handles
        if command in _REFUSALS and words[0] != "*":
            self._refused(line, words[1:], raw)
            return
        handle = getattr(self, f"_on_{command.lower()}", None)
        if handle is None:
            self._counts["other_lines"] += 1
            return
        handle(line, words, raw)

    # -- messages ------------------------------------------------------------------------------

    def _on_privmsg(self, line: Line, words: list[str], raw: bytes) -> None:
        target, text, kind = words[0], words[1], "notice" if line.command.upper() == "NOTICE" else "message"
        if line.source is None or (kind == "notice" and "!" not in line.source):
            self._counts["server_notices"] += 1
            return
        if text.startswith("\x01"):
            verb, _, rest = text.strip("\x01").partition(" ")
            if verb.upper() != "ACTION":
                self._counts["ctcp"] += 1
                return
            kind, text = "action", rest
        text = plain(text)
        self._add(line, kind, raw, target, text=text, links=find_links(text), tags=_TAG.findall(text))

    _on_notice = _on_privmsg

    def _on_redact(self, line: Line, words: list[str], raw: bytes) -> None:
        self._add(line, "message", raw, words[0], redacted=words[1])

    def _refused(self, line: Line, words: list[str], raw: bytes) -> None:
        """Add an error event for a failed request, in the room that the request was about."""
        subjects = [word for word in words[:-1] if word != "*"]
        room = next((word for word in subjects if self._room(word) is not None), None)
        others = [word for word in subjects if word != room]
        text = plain(": ".join([*others, words[-1]]))
        self._add(line, "error", raw, room, text=text, to=others[0] if others and room is None else None)

    def _on_fail(self, line: Line, words: list[str], raw: bytes) -> None:
        self._refused(line, words[2:], raw)  # the command and a code come first

    # -- rooms and users -----------------------------------------------------------------------

    def _on_join(self, line: Line, words: list[str], raw: bytes) -> None:
        for room in words[0].split(","):
            # extended-join adds the account
            account = words[1] if len(words) > 2 and words[1] != "*" else None
            self._add(line, "join", raw, room, account=account)

    def _on_part(self, line: Line, words: list[str], raw: bytes) -> None:
        for room in words[0].split(","):
            self._add(line, "part", raw, room, text=plain(words[1]) if len(words) > 1 else None)

    def _on_quit(self, line: Line, words: list[str], raw: bytes) -> None:
        self._add(line, "quit", raw, None, text=plain(words[0]) if words else None)

    def _on_kick(self, line: Line, words: list[str], raw: bytes) -> None:
        self._add(line, "kick", raw, words[0], to=words[1], text=plain(words[2]) if len(words) > 2 else None)

    def _on_nick(self, line: Line, words: list[str], raw: bytes) -> None:
        if folded(_nick(line)) == folded(self.nick):
            self.nick = words[0]
        self._add(line, "nick", raw, None, to=words[0])

    def _on_mode(self, line: Line, words: list[str], raw: bytes) -> None:
        if self._room(words[0]) is not None:
            self._add(line, "mode", raw, words[0], text=plain(" ".join(words[1:])))

    def _on_topic(self, line: Line, words: list[str], raw: bytes) -> None:
        self._add(line, "topic", raw, words[0], text=plain(words[1]))

    def _on_332(self, line: Line, words: list[str], raw: bytes) -> None:
        self._topic = (line, words[1], words[2], raw)  # 333 names its author

    def _on_333(self, line: Line, words: list[str], raw: bytes) -> None:
        self._flush_topic(words[2].partition("!")[0])

    def _flush_topic(self, by: str) -> None:
        """Add an event for the topic that a room had when we joined, set by ``by`` (empty if unknown)."""
        if self._topic is not None:
            (line, room, text, raw), self._topic = self._topic, None
            self._add(line, "topic", raw, room, text=plain(text), by=by)

    def _on_353(self, line: Line, words: list[str], raw: bytes) -> None:
        users = self._users.setdefault(folded(words[-2]), [])
        users += words[-1].split()[: _MAX_USERS - len(users)]

    def _on_366(self, line: Line, words: list[str], raw: bytes) -> None:
        # userhost-in-names sends nick!user@host; the host is not kept
        users = self._users.pop(folded(words[1]), [])
        self._add(line, "users", raw, words[1], text=" ".join(map(self._ranked, users)))

    def _on_batch(self, line: Line, words: list[str], raw: bytes) -> None:
        self._counts["other_lines"] += 1
        self._repeats.pop(words[0][1:], None)  # servers reuse the names of batches

    def _on_005(self, line: Line, words: list[str], raw: bytes) -> None:
        """Read the prefixes of rooms and ranks that the server uses."""
        self._counts["other_lines"] += 1
        options = dict(word.split("=", 1) for word in words[1:-1] if "=" in word)
        if match := re.fullmatch(r"\((\w+)\)(\S+)", options.get("PREFIX", "")):
            modes, marks = match.groups()
            # unknown modes are extensions that rank as owners
            pairs = zip(modes, marks, strict=False)
            self._marks = {mark: _MODES.get(mode, "~") for mode, mark in pairs if not mark.isalnum()}
        self._kinds = _signs(options.get("CHANTYPES")) or self._kinds
        self._status = _signs(options.get("STATUSMSG")) or self._status

    def _ranked(self, user: str) -> str:
        """Return a nick with its rank marks only, highest first."""
        at = next((n for n, letter in enumerate(user) if letter not in self._marks), len(user))
        marks = {self._marks[letter] for letter in user[:at]}
        nick = user[at:].partition("!")[0]
        return "".join(mark for mark in _RANKS if mark in marks) + nick

    def _room(self, target: str) -> str | None:
        """Return the room that a target names, or None if it names a person."""
        inside = target.lstrip(self._status)
        if inside != target and inside[:1] in ("#", "&") and target[:1] not in ("#", "&"):
            return inside  # addresses some members only, such as @#room
        return target if target[:1] and target[:1] in self._kinds else None

    # -- events --------------------------------------------------------------------------------

    def _add(
        self,
        line: Line,
        type: str,
        raw: bytes,
        room: str | None,
        *,
        text: str | None = None,
        to: str | None = None,
        links: Iterable[str] = (),
        tags: Iterable[str] = (),
        by: str | None = None,
        account: str | None = None,
        redacted: str | None = None,
    ) -> None:
        meta, tag_values = self.meta, line.tags or {}
        numeric = line.command.isdigit() or line.command.upper() == "FAIL"
        nick = by if by is not None else "" if numeric else _nick(line)
        inside = None if room is None else self._room(room)
        sent = optional_time(tag_values.get("time"))
        at = sent or optional_time(tag_values.get(ARRIVED)) or meta.received_at
        where = inside or ("" if room is None else _conversation(nick, room))
        msgid = redacted or tag_values.get("msgid")
        kind = "native" if msgid else "synthetic"
        # repeats are counted per batch, so a line in a history gets the id that it had when live
        key = msgid or self._digest(where, nick, at, type, text or to or "", tag_values.get("batch") or "")
        parent = tag_values.get("+reply") or tag_values.get("+draft/reply")
        account = tag_values.get("account") or account
        id = f"irc:{meta.scope}/{where}:{key}"
        if not id.isprintable():
            self.reject("invalid IRC line: unprintable characters in its room, nick or msgid", raw)
            return
        self._events.append(
            Event(
                id=id,
                op="delete" if redacted else "create",
                source=f"irc:{inside}" if inside else meta.source,
                type=type,
                created_at=at,
                received_at=max(meta.received_at, at) if sent is None else meta.received_at,
                author=Author(handle=nick, id=account, bot=_is_bot(tag_values)) if nick else None,
                channel=inside,
                to=to if to is not None else None if room is None else room,
                text=text,
                reply_to=f"irc:{meta.scope}/{where}:{parent}" if parent else None,
                links=list(links),
                tags=list(tags),
                ingest=Ingest(
                    via="stream",
                    connector=meta.connector,
                    id_kind=kind,
                    time_kind="source" if sent else "observed",
                ),
                raw=raw,
            ).settled()
        )

    def _digest(self, where: str, nick: str, at: datetime, type: str, text: str, batch: str) -> str:
        """Derive an id for a line without one; equal lines get different ids."""
        content = f"{where}|{folded(nick)}|{at.isoformat(timespec='milliseconds')}|{type}|{text}"
        repeats = self._repeats.setdefault(batch, Counter())
        repeats[content] += 1
        return sha256(f"{content}|{repeats[content]}".encode("utf-8", "replace")).hexdigest()[:24]


def _conversation(one: str, other: str) -> str:
    """Name a private conversation by both nicks, in a fixed order."""
    return ",".join(sorted((folded(one), folded(other))))


def _nick(line: Line) -> str:
    return line.hostmask.nickname if line.source is not None else ""


def _tokenised(raw: bytes) -> Line:
    """Decode a line as UTF-8, Windows-1252 or Latin-1, whichever succeeds first."""
    try:
        return tokenise(raw, fallback="cp1252")
    except UnicodeDecodeError:
        return tokenise(raw)


def _signs(text: str | None) -> str:
    """Return the prefixes in a server's list, without letters and digits, which may begin a nick."""
    return "".join(sign for sign in text or "" if not sign.isalnum())


def _is_bot(tags: dict[str, str]) -> bool:
    return not tags.keys().isdisjoint({"bot", "draft/bot", "inspircd.org/bot"})
