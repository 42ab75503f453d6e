"""Matrix: the rooms that an account has joined, over the client-server API's sync."""

from __future__ import annotations

from collections import Counter

from rtanalytics.sources.base import Source
from rtanalytics.sources.matrix.spec import PARSE, MatrixSpec, meta

__all__ = ["ABOUT", "ACCESS", "EXAMPLE", "PARSE", "MatrixSpec", "Spec", "meta", "open_source"]

ACCESS = "token"
ABOUT = """\
Reads rooms of Matrix as they are talked in, with the access token of an account that has joined them
(in Element: All settings, Help & About). The homeserver holds each request until there is something
new, so messages come within a second; what was said while the source was away comes first, and where
the homeserver leaves some of that out, it is fetched page by page. Edits are revisions of the message
that they replace, redactions delete it. Reactions, joins, parts and topics are read too. Rooms that are
encrypted cannot be read: their messages are only counted. The account's own sync position is not
shared with other programs that use it, and nothing is marked as read."""
EXAMPLE = """\
[[source]]
type = "matrix"
name = "matrix"
homeserver = "https://matrix.org"
token = "env:MATRIX_TOKEN"
rooms = { "#pycon" = "!abcdefghij:matrix.org" }
"""
Spec = MatrixSpec


def open_source(spec: MatrixSpec, counts: Counter[str]) -> Source:
    """Open a source for the rooms; it connects when it is first polled."""
    from rtanalytics.sources.matrix.sync import MatrixSource

    return MatrixSource(spec, counts)
