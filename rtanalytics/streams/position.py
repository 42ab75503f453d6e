"""Position of a reader in the buckets of a stream.

A position is a vector: per bucket the id of the last entry read, the mark at that point and the
epoch (see :mod:`rtanalytics.streams.follower`). Its text form also has a short fingerprint of each
of the newest deliveries: if the server loses its newest entries and they are appended again, a
reader that returns does not take them for new.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import NamedTuple, Self

__all__ = ["START", "Place", "StreamPosition", "entry_key", "fingerprint"]

TAIL = 1_000
"""Deliveries whose fingerprints a stored position has."""

TAIL_MS = 5_000
"""Milliseconds that the fingerprints reach back: several times what ``everysec`` can lose."""


class Place(NamedTuple):
    """Position in one bucket."""

    entry: str = "0-0"
    mark: int = 0
    """Microseconds since 1970: no event received before it follows; 0 if there is no mark."""
    epoch: int = 0


START = Place()


class StreamPosition:
    """Places in all buckets, and fingerprints of the newest deliveries.

    ``str(position)`` can be stored and read with :meth:`parse`. Compare positions of one stream
    with :meth:`reaches`; there is no order between buckets.
    """

    __slots__ = ("places", "tail")

    def __init__(self, places: Mapping[str, Place], tail: Iterable[str] = ()) -> None:
        self.places = dict(places)
        self.tail = frozenset(tail)

    def __str__(self) -> str:
        fields: dict[str, object] = {"v": 1, "at": {b: list(p) for b, p in sorted(self.places.items())}}
        if self.tail:
            fields["tail"] = sorted(self.tail)
        return json.dumps(fields, separators=(",", ":"))

    def __repr__(self) -> str:
        return f"StreamPosition({ {b: p.entry for b, p in self.places.items()} })"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StreamPosition) and self.places == other.places

    def __hash__(self) -> int:
        return hash(frozenset(self.places.items()))

    def without_tail(self) -> StreamPosition:
        """Return the position without fingerprints, for readers that detect duplicates themselves."""
        return StreamPosition(self.places)

    def reaches(self, other: StreamPosition) -> bool:
        """Return True if the position is at or after ``other`` in every bucket."""
        return all(
            entry_key(self.places.get(bucket, START).entry) >= entry_key(place.entry)
            for bucket, place in other.places.items()
        )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse the text form.

        Raises
        ------
        ValueError
            If it is not a position, or of a newer version.
        """
        try:
            fields = json.loads(text)
            if fields["v"] != 1:
                raise ValueError(f"unknown version {fields['v']}")
            places = {b: Place(str(e), int(m), int(k)) for b, (e, m, k) in fields["at"].items()}
            return cls(places, fields.get("tail", ()))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"{text[:80]!r} is not a position of a stream: {error}") from None


def entry_key(entry: str) -> tuple[int, int]:
    """Convert an entry id to a pair of numbers, so that ``1-10`` sorts after ``1-9``."""
    milliseconds, _, number = entry.partition("-")
    return int(milliseconds), int(number or 0)


def fingerprint(event_id: str, rev: str) -> str:
    """Return a 48-bit hash of an id and its revision, as text."""
    digest = blake2b(f"{event_id}\0{rev}".encode("utf-8", "replace"), digest_size=6).digest()
    return base64.urlsafe_b64encode(digest).decode()
