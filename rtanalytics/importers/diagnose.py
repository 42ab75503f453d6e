"""Explanations for files that no importer can read."""

from __future__ import annotations

import re

__all__ = ["diagnose"]

_MEETUP = re.compile(rb'"(?:event_hosts|yes_rsvp_count|rsvp_limit|member_photo|event_context)"\s*:')
_KNOWN: list[tuple[re.Pattern[bytes], str]] = [
    (re.compile(rb"\s*\Z"), "is empty"),
    (re.compile(rb"\s*(?:\[\s*\]|\{\s*\})\s*\Z"), "is an empty list: there is nothing in it to import"),
    (
        re.compile(rb"%PDF-"),
        "is a PDF; export the original document in one of the known formats",
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


def diagnose(head: bytes) -> str | None:
    """Describe the format of an unsupported file from its first bytes; None if it is unknown.

    Examples
    --------
    >>> diagnose(b"[]")
    'is an empty list: there is nothing in it to import'
    """
    head = head.removeprefix(b"\xef\xbb\xbf")
    if head.lstrip()[:1] in (b"[", b"{") and _MEETUP.search(head) and b'"group"' in head:
        return (
            "is a response of Meetup's API version 3, which has been switched off; it lists planned "
            "events, not messages: subscribe to the group's calendar as a schedule instead"
        )
    return next((diagnosis for pattern, diagnosis in _KNOWN if pattern.match(head)), None)
