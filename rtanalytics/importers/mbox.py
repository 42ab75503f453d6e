"""Importer for mailing lists as mbox files, or for a single mail; messages are read one by one.

The id of a message is ``mail::<its Message-ID>``. A reply refers to the message it answers; its thread
is the first message in its references. E-mail addresses are not stored: an author without a name gets
the part before the ``@``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import Header, decode_header
from email.message import Message
from email.utils import parseaddr
from pathlib import Path
from zoneinfo import ZoneInfo

from rtanalytics.event import Author, Event
from rtanalytics.importers.base import Options, Rejected
from rtanalytics.importers.common import (
    author_of,
    build,
    digest,
    event_or_rejected,
    find_links,
    find_tags,
    html_text,
    moment,
    word,
    zone_of,
)
from rtanalytics.importers.reading import MAX_LINE, open_bytes
from rtanalytics.importers.unpack import BROKEN
from rtanalytics.normalize.dates import NoZone, UnknownZone, optional_time
from rtanalytics.normalize.values import InvalidValue

__all__ = ["MBOX"]

CONNECTOR = "mbox@2"
MAX_MESSAGE = 16_000_000
_FROM = re.compile(  # requires an address or date, and a time, because sentences can begin with "From"
    rb"From (?:\S{0,200}@.{0,200}?"
    rb"|\S.{0,200}?(?:\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b|\d{4}-\d\d-\d\d).{0,20}?)\d\d:\d\d"
)
_HEADER = re.compile(rb"[\x21-\x39\x3b-\x7e]+:|>?From ")
_ID = re.compile(r"<\s*([^<>\s]+)\s*>")
_FIRST = re.compile(
    rb"(return-path|received|delivered-to|x-[\w-]+|from|to|date|subject|message-id|mime-version|dkim-signature"
    rb"|authentication-results|content-type|sender|reply-to|list-id|envelope-to): ",
    re.IGNORECASE,
)
_NEEDED = re.compile(rb"(?mi)^from: .*\S"), re.compile(rb"(?mi)^(message-id|date|subject): *\S")
_ESCAPED = re.compile(rb"(?m)^>(>*From )")
_OBFUSCATED = re.compile(r"(\S+?)(?: at |\(at?\))\S+(?: \((.*)\))?$")
_FOOTER = re.compile(r"\s*[_-]{20,}\s*\n")
_SCRUBBED = re.compile(
    r"(?<!\n)\n*-{14} next part -{14}\n"
    r"(?:An? [^\n]{0,200}scrubbed\.\.\.\n(?:(?!URL)[A-Z][a-z]{2,8}: [^\n]{0,300}\n){0,6}"
    r"(?:URL: ?\s?<[^>\n]{0,500}>\n?)?)?"
)
_SIGNED = re.compile(
    r"\n_{40,}\n[^\n]{0,100}mailing list\b[^\n]{0,200}(?:\n[^\n]{0,200}){0,4}\n?\Z", re.IGNORECASE
)
_QUOTED = re.compile(r"[ \t]{0,3}((?:>[ \t]?){1,50})")
_PROMPT = 3
"""Depth at which ``>>>`` may be Python's prompt and not a quote of a quote of a quote."""

_WROTE = re.compile(
    r"\b(?:wrote|writes|said|schrieb|écrit|escribió|scritto|scrive|schreef|skrev|escreveu|napisał|пишет|написал)\b"
    r"[^:]{0,80}:\s*$",
    re.IGNORECASE,
)
_ON = re.compile(r"(?:On|Am|Le|El|Il|Op|Den|Em|W dniu)\s.{0,120}\d")
_UNMARKED_SIGNATURE = 8
"""Maximum number of lines of a signature that begins with ``--`` instead of ``--`` and a blank."""

_CHARSETS = {
    "iso-8859-1": "cp1252", "latin-1": "cp1252", "latin1": "cp1252", "iso-8859-9": "cp1254",
    "gb2312": "gb18030", "gbk": "gb18030", "ks_c_5601-1987": "cp949", "euc-kr": "cp949",
    "iso-8859-8-i": "iso-8859-8", "unicode-1-1-utf-7": "utf-7", "us-ascii": "utf-8", "ascii": "utf-8",
}  # fmt: skip
"""Charset with which browsers decode a mail, by the charset that the mail names."""

_WESTERN = {"cp1252", "windows-1252", "iso-8859-15"}

_POSTMARK = re.compile(r"\w{3} +\d{1,2} \d\d:\d\d(?::\d\d)?(?: \S+)* \d{4}\s*$")


class _Mbox:
    """Importer for mailing lists."""

    edits = False

    def recognises(self, path: Path, head: bytes) -> bool:
        """Return True if the file begins with a ``From`` line and a header, or with headers of a mail."""
        begin = head.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")
        first, _, rest = begin.partition(b"\n")
        if _FROM.match(first):
            return bool(_HEADER.match(rest))
        return bool(_FIRST.match(first)) and all(header.search(begin) for header in _NEEDED)

    def read(self, path: Path, options: Options) -> Iterator[Event | ValueError]:
        """Yield the events of a file."""
        zone = zone_of(options.zone)
        for line, data in _messages(path):
            raw = None if isinstance(data, Rejected) else data
            yield from event_or_rejected(
                lambda mail: _event(mail, options, zone), data, path, f"line {line}", raw
            )


MBOX = _Mbox()


def _messages(path: Path) -> Iterator[tuple[int, bytes | Rejected]]:
    """Yield the line number and the bytes of each message; a message that is too large is cut."""
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
    data = data.lstrip(b"\r\n")
    first, _, rest = data.partition(b"\n")
    alone = not first.startswith(b"From ")
    if alone and not _FIRST.match(first):
        raise InvalidValue("no 'From ' line before the mail: not an mbox, or its beginning is missing")
    mail = message_from_bytes(data if alone else first + b"\n" + _ESCAPED.sub(rb"\1", rest))
    postmark = "" if alone else first.decode("utf-8", "replace")
    if not mail.keys():
        raise InvalidValue("the mail has no headers")
    created, time_kind = _time(mail, postmark, zone)
    subject, (sender, address) = _header(mail, "Subject"), _sender(mail)
    text, own = _text(mail)
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
        text=own,
        url=_archived(mail),
        tags=find_tags(own),
        links=find_links(own),
        reply_to=f"mail::{_native(parent)}" if parent else None,
        thread=f"mail::{_native(next(iter(refers), parent))}" if parent else None,
    )


def _native(id: str) -> str:
    """Return a Message-ID, or a digest of it if it is too long or unprintable."""
    return id if len(id) <= 250 and id.isprintable() and id.isascii() else digest(id)


def _header(mail: Message, name: str) -> str:
    """Return a header as readable text."""
    value = mail.get(name)
    return "" if value is None else word(_readable(_raw_header(mail, value)), 1000)


def _raw_header(mail: Message, value: object) -> str:
    """Return a header as it was sent; bytes beyond ASCII are decoded with the charset of the body."""
    chunks = decode_header(value) if isinstance(value, Header) else [(str(value), None)]
    kind = mail.get_content_charset()
    return "".join(piece if isinstance(piece, str) else _decode(piece, kind) for piece, _ in chunks)


def _readable(value: str) -> str:
    """Decode the encoded words (``=?utf-8?...?=``) of a header."""
    try:
        pieces = decode_header(value)
    except (ValueError, LookupError, HeaderParseError):
        return value
    return "".join(piece if isinstance(piece, str) else _decode(piece, charset) for piece, charset in pieces)


def _decode(data: bytes, charset: object) -> str:
    claimed = str(charset or "utf-8").lower()
    actual = _CHARSETS.get(claimed, claimed)
    # mails often name a Western charset for UTF-8; other text is almost never valid UTF-8 by chance
    for name in (*(("utf-8",) if actual in _WESTERN else ()), actual, claimed, "utf-8", "cp1252"):
        try:
            return data.decode(name)
        except (LookupError, UnicodeError):
            continue
    return data.decode("latin-1")


def _sender(mail: Message) -> tuple[Author | None, str]:
    """Return the author of a mail, and the address, which distinguishes authors with equal names.

    An address may be written as ``ada at example.org``.
    """
    header = word(_raw_header(mail, mail.get("From", "")), 1000)
    if obfuscated := _OBFUSCATED.match(header):
        name, address = obfuscated[2] or "", obfuscated[1]
    else:
        name, address = parseaddr(header)  # before decoding, because a name may have a comma
        if not address and "@" not in header:
            name = header
    name = word(_readable(name)).strip("\"' ")
    if mail.get("List-Id") or mail.get("List-Post"):
        name = re.sub(r"(?<=\S) via [^@]+$", "", name)  # mailing lists add "via LIST" to the name
    if "@" in name:
        name = name.partition("@")[0]
    return author_of(name or address.partition("@")[0]), address


def _time(mail: Message, postmark: str, zone: ZoneInfo | None) -> tuple[datetime, str]:
    """Return the time of a mail, and ``source`` if the sender wrote it or ``observed`` if a receiver did."""
    date = mail.get("Date")
    reason = "the mail has no time"
    if date is not None:
        try:
            return moment(str(date), zone, "Date"), "source"
        except (NoZone, UnknownZone):
            raise
        except InvalidValue as error:
            reason = str(error)
    if (found := _POSTMARK.search(postmark)) and (at := optional_time(found[0], zone or UTC)) is not None:
        return at, "observed"
    for received in mail.get_all("Received", []):
        if (at := optional_time(str(received).rpartition(";")[2])) is not None:
            return at, "observed"
    raise InvalidValue(reason)


def _text(mail: Message) -> tuple[str, str]:
    """Return the text of a mail without the list's footer, and the same text without quotes.

    The text is that of the plain parts, or the visible text of HTML parts. If a mail consists only of
    quotes, they are kept.
    """
    parts = {
        " ".join(part.split()): part.strip("\n") for part in reversed(_texts(mail))
    }  # the first of two equal parts
    texts = [part for key, part in reversed(parts.items()) if key and not _FOOTER.match(part)]
    whole = _without_list("\n\n".join(texts))
    own = "\n\n".join(part for part in map(_own_words, map(_without_list, texts)) if part)
    return whole, own or whole


def _without_list(text: str) -> str:
    return _SIGNED.sub("", _SCRUBBED.sub("\n", text)).strip("\n")


def _own_words(text: str) -> str:
    """Remove quoted lines, the lines that introduce them, and the signature."""
    lines = text.split("\n")
    for number, line in enumerate(lines):
        left = len(lines) - number - 1
        if line == "-- " or (line.rstrip() == "--" and left <= _UNMARKED_SIGNATURE):
            lines = lines[:number]
            break
    depths = [found[1].count(">") if (found := _QUOTED.match(line)) else 0 for line in lines]
    if min((depth for depth in depths if depth), default=0) >= _PROMPT:
        depths = [0] * len(lines)
    kept: list[str] = []
    before = 0
    for line, depth in zip(lines, depths, strict=True):
        if depth:
            if not before:
                _drop_introduction(kept)
        elif line.strip() or (kept and kept[-1].strip()):
            kept.append(line)
        before = depth
    return "\n".join(kept).strip("\n") if any(line.strip() for line in kept) else ""


def _drop_introduction(lines: list[str]) -> None:
    """Remove an introduction such as ``On Monday Ada wrote:`` (one or two lines) from the end."""
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    if end and _WROTE.search(lines[end - 1]):
        wrapped = end > 1 and not _ON.match(lines[end - 1]) and _ON.match(lines[end - 2])
        del lines[end - (2 if wrapped else 1) :]


def _texts(part: Message) -> list[str]:
    kind = part.get_content_type()
    if kind.startswith("message/"):
        return []  # an attached mail, which may be by another person
    if part.is_multipart():
        below = [
            (sub.get_content_type(), _texts(sub)) for sub in part.get_payload() if isinstance(sub, Message)
        ]
        with_text = [(type_, found) for type_, found in below if any(text.strip() for text in found)]
        if kind == "multipart/alternative":
            with_text = sorted(with_text, key=lambda each: each[0] != "text/plain")[:1]
        return [text for _, found in with_text for text in found]
    if kind not in ("text/plain", "text/html") or part.get_filename():
        return []
    if "attachment" in str(part.get("Content-Disposition", "")).lower():
        return []
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return []
    text = _decode(payload, part.get_content_charset()).replace("\r\n", "\n")
    if kind == "text/html":
        return [html_text(text)]
    if str(part.get_param("format", "")).lower() == "flowed":
        return [_flowed(text, str(part.get_param("delsp", "")).lower() == "yes")]
    return [text]


def _flowed(text: str, joined: bool) -> str:  # noqa: FBT001
    """Join the lines of each paragraph of a text with ``format=flowed`` (RFC 3676)."""
    paragraphs: list[list[str]] = []
    open_, level = False, ""
    for line in text.split("\n"):
        marks = line[: len(line) - len(line.lstrip(">"))]
        rest = line[len(marks) :].removeprefix(" ")
        soft = rest.endswith(" ") and rest != "-- "
        kept = rest[:-1] if soft and joined else rest
        if open_ and marks == level and rest != "-- ":
            paragraphs[-1].append(kept)
        else:
            paragraphs.append([f"{marks} {kept}" if marks else kept])
        open_, level = soft, marks
    lines = ("".join(parts) for parts in paragraphs)
    return "\n".join(line if line.endswith("-- ") else line.rstrip() for line in lines)


def _ids(mail: Message, name: str) -> list[str]:
    return _ID.findall(" ".join(str(mail.get(name, "")).split()))


def _list(mail: Message) -> str | None:
    """Return the short name of the mailing list, such as ``users`` for ``Users <users.list.example>``."""
    found = re.search(r"<([^<>\s.]+)[^<>\s]*>", _header(mail, "List-Id"))
    return found[1] if found else None


def _archived(mail: Message) -> str | None:
    found = re.search(r"https?://[^\s<>]+", str(mail.get("Archived-At", "")))
    return found.group() if found else None
