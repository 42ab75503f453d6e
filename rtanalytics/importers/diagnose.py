"""What a file is that no importer reads: said in words, so that nobody has to guess."""

from __future__ import annotations

import re

__all__ = ["what_it_is"]

_MEETUP = re.compile(rb'"(?:event_hosts|yes_rsvp_count|rsvp_limit|member_photo|event_context)"\s*:')
_KNOWN: list[tuple[re.Pattern[bytes], str]] = [
    (re.compile(rb"\s*\Z"), "is empty"),
    (re.compile(rb"\s*(?:\[\s*\]|\{\s*\})\s*\Z"), "is an empty list: there is nothing in it to import"),
    (
        re.compile(rb"%PDF-"),
        "is a PDF; export what it was made from as one of the formats that are known",
    ),
    (
        re.compile(rb"\xd0\xcf\x11\xe0|PK\x03\x04.{26,60}(?:\[Content_Types\]|xl/|word/|_rels/)", re.DOTALL),
        "is a document of an office program; save its table as CSV and name its columns with --columns",
    ),
    (re.compile(rb"SQLite format 3\x00"), "is a database of SQLite; export its table as CSV"),
    (
        re.compile(rb"(?is)\s*<!doctype html.{0,4000}(?:DiscordChatExporter|chatlog__)"),
        "is a page made by DiscordChatExporter; export the channel again with the format Json",
    ),
]


def what_it_is(head: bytes) -> str | None:
    """What can be told by how a file begins; None if nothing can.

    Examples
    --------
    >>> what_it_is(b"[]")
    'is an empty list: there is nothing in it to import'
    """
    head = head.removeprefix(b"\xef\xbb\xbf")
    if head.lstrip()[:1] in (b"[", b"{") and _MEETUP.search(head) and b'"group"' in head:
        return (
            "is an answer of Meetup's API of version 3, which has been switched off; its events tell what "
            "was planned, not what was said: subscribe to the group's calendar as a schedule instead"
        )
    return next((what for pattern, what in _KNOWN if pattern.match(head)), None)
