"""Matrix: the rooms that an account has joined, over the client-server API's sync."""

from __future__ import annotations

from collections import Counter

from rtanalytics.sources.base import Source
from rtanalytics.sources.matrix.spec import MatrixSpec

__all__ = ["MatrixSpec", "Spec", "open_source"]

ACCESS = "token"
ABOUT = """\
Reads Matrix rooms live, with the access token of an account that has joined them (in Element: All
settings, Help & About). The homeserver holds each request until there are new messages, so they arrive
within a second. After an interruption the missed messages come first; those that the homeserver leaves out
are fetched page by page. An edit becomes a revision of the edited message, a redaction deletes it.
Reactions, joins, parts and topics are read too. Encrypted messages cannot be read and are only counted.
The source has its own sync position, so other programs can use the account too; nothing is marked as
read."""
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
