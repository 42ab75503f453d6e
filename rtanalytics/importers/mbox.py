"""A mailing list as mbox, one message at a time.

A message is ``mail::<its Message-ID>``. What answers it points there, and the first that it refers to is
its thread. Addresses are not kept: whoever has no name is what stands before the ``@``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header
from email.message import Message
from email.utils import parseaddr, parsedate_to_datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from rtanalytics.event import Author, Event
from rtanalytics.importers import Options, Rejected
from rtanalytics.importers.irclog import MONTHS
from rtanalytics.importers.parts import (
    ODD,
    RowError,
    author_of,
    build,
    digest,
    find_links,
    find_tags,
    html_text,
    reason_of,
    shortened,
    word,
    zone_of,
)
from rtanalytics.importers.reading import BROKEN, MAX_LINE, open_bytes

__all__ = ["MBOX"]

CONNECTOR = "mbox@1"
MAX_MESSAGE = 16_000_000
_FROM = re.compile(rb"From \S+.*\d\d:\d\d")
_HEADER = re.compile(rb"[\x21-\x39\x3b-\x7e]+:|>?From ")
_ID = re.compile(r"<\s*([^<>\s]+)\s*>")
_POSTMARK = re.compile(r"(\w{3}) +(\d{1,2}) (\d\d):(\d\d)(?::(\d\d))?(?: \S+)* (\d{4})\s*$")


class _Mbox:
    """Importer of mailing lists."""

    what = "mailing list as mbox"
    edits = False

    def recognises(self, path: Path, head: bytes) -> bool:
        """True by the line before the first message, and its first header."""
        first, _, rest = head.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n").partition(b"\n")
        return bool(_FROM.match(first)) and bool(_HEADER.match(rest))

    def read(self, path: Path, options: Options) -> Iterator[Event | ValueError]:
        zone = zone_of(options.zone)
        for line, data in _messages(path):
            if isinstance(data, Rejected):
                yield data
                continue
            try:
                yield _event(data, options, zone)
            except ODD as error:
                yield Rejected(path, f"line {line}", reason_of(error), data)


MBOX = _Mbox()


def _messages(path: Path) -> Iterator[tuple[int, bytes | Rejected]]:
    """Where a message begins, and its bytes; of one that is too large, the beginning."""
    number, began, size, blank = 0, 1, 0, True
    parts: list[bytes] = []
    try:
        with open_bytes(path) as file:
            while line := file.readline(MAX_LINE):
                number += 1
                if blank and _FROM.match(line):
                    if parts:
                        yield began, b"".join(parts)
                    parts, began, size = [], number, 0
                blank = not line.strip()
                size += len(line)
                if size <= MAX_MESSAGE:
                    parts.append(line)
    except BROKEN as error:
        yield number, Rejected(path, f"after line {number}", f"damaged or cut off ({error}); fetch it again")
    if b"".join(parts).strip():
        yield began, b"".join(parts)


def _event(data: bytes, options: Options, zone: ZoneInfo | None) -> Event:
    mail = message_from_bytes(data)
    postmark = data.split(b"\n", 1)[0].decode("utf-8", "replace")
    if not postmark.startswith("From "):
        raise RowError("no 'From ' line before it: not an mbox, or not from its beginning")
    if not mail.keys():
        raise RowError("it has no headers")
    created, time_kind = _time(mail, postmark, zone)
    subject, (sender, address) = _header(mail, "Subject"), _sender(mail)
    text = _text(mail)
    ids = _ids(mail, "Message-ID")
    native = _native(ids[0]) if ids else digest(created.isoformat(), address, subject, text)
    answers, refers = _ids(mail, "In-Reply-To"), _ids(mail, "References")
    parent = next(iter(answers or refers[-1:]), None)
    channel = options.channel or _list(mail)
    return build(
        id=f"mail::{native}",
        source=options.source or (f"mail:{channel}" if channel else "mail"),
        type="reply" if parent else "post",
        created_at=created,
        connector=CONNECTOR,
        id_kind="native" if ids else "derived",
        time_kind=time_kind,
        author=sender,
        channel=channel,
        title=subject,
        text=text,
        url=_archived(mail),
        tags=find_tags(text),
        links=find_links(text),
        reply_to=f"mail::{_native(parent)}" if parent else None,
        thread=f"mail::{_native(next(iter(refers), parent))}" if parent else None,
    )


def _native(id: str) -> str:
    """A Message-ID; a hostile one by its digest."""
    return id if len(id) <= 250 and id.isprintable() and id.isascii() else digest(id)


def _header(mail: Message, name: str) -> str:
    """A header as people read it, whatever it claims to be encoded in."""
    value = mail.get(name)
    if value is None:
        return ""
    pieces = []
    try:
        for piece, charset in decode_header(str(value)):
            pieces.append(piece if isinstance(piece, str) else _decoded(piece, charset))
    except (ValueError, LookupError):
        return word(str(value), 1000)
    return word("".join(pieces), 1000)


def _decoded(data: bytes, charset: object) -> str:
    for name in (str(charset or "utf-8"), "utf-8"):
        try:
            return data.decode(name)
        except (LookupError, UnicodeError):
            continue
    return data.decode("latin-1")


def _sender(mail: Message) -> tuple[Author | None, str]:
    """Who wrote it, also where ``@`` is written out, and the address that tells equal names apart."""
    told = _header(mail, "From")
    if obfuscated := re.match(r"(\S+) at \S+(?: \((.*)\))?$", told):
        name, address = obfuscated[2] or "", obfuscated[1]
    else:
        name, address = parseaddr(told)
        if not address and "@" not in told:
            name = told
    name = name.strip("\"' ")
    if "@" in name:
        name = name.partition("@")[0]
    return author_of(name or address.partition("@")[0]), address


def _time(mail: Message, postmark: str, zone: ZoneInfo | None) -> tuple[datetime, str]:
    """When it was sent, and whether the mail or only who received it says so."""
    date = mail.get("Date")
    if date is not None:
        try:
            said = parsedate_to_datetime(str(date))
        except (ValueError, TypeError, IndexError, OverflowError):
            said = None
        if said is not None:
            if said.tzinfo is not None:
                return said.astimezone(UTC), "source"
            if zone is not None or str(date).rstrip().endswith("-0000"):
                return said.replace(tzinfo=zone or UTC).astimezone(UTC), "source"
            raise RowError(f"its time {shortened(str(date))} has no zone; name one with --zone")
    if (found := _POSTMARK.search(postmark)) and found[1] in MONTHS:
        month, day, hour, minute, second, year = found.groups()
        at = datetime(
            int(year), MONTHS[month], int(day), int(hour), int(minute), int(second or 0), tzinfo=zone or UTC
        )
        return at.astimezone(UTC), "observed"
    raise RowError("it has no time" if date is None else f"Date {shortened(str(date))} is no time")


def _text(mail: Message) -> str:
    """The text of a mail: its plain part, or what its HTML shows."""
    found: dict[str, str] = {}
    for part in mail.walk():
        kind = part.get_content_type()
        if part.is_multipart() or kind not in ("text/plain", "text/html") or kind in found:
            continue
        if "attachment" in str(part.get("Content-Disposition", "")).lower():
            continue
        payload = part.get_payload(decode=True)
        if isinstance(payload, bytes):
            found[kind] = _decoded(payload, part.get_content_charset())
    if "text/plain" in found:
        return found["text/plain"].replace("\r\n", "\n").strip("\n")
    return html_text(found.get("text/html", ""))


def _ids(mail: Message, name: str) -> list[str]:
    return _ID.findall(" ".join(str(mail.get(name, "")).split()))


def _list(mail: Message) -> str | None:
    """The list's short name: of ``Users <users.list.example>`` it is ``users``."""
    found = re.search(r"<([^<>\s.]+)[^<>\s]*>", _header(mail, "List-Id"))
    return found[1] if found else None


def _archived(mail: Message) -> str | None:
    found = re.search(r"https?://[^\s<>]+", str(mail.get("Archived-At", "")))
    return found.group() if found else None
