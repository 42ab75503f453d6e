"""Log of messages: one row per message, in flat arrays, from events or from the columns of a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from rtanalytics.counts.cells import Ints
from rtanalytics.event import FUTURE_TOLERANCE, Event
from rtanalytics.terms import SILENT, Vocabulary, text_of
from rtanalytics.terms.arrays import grown

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["EPOCH", "MICROSECOND", "Log"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
_FUTURE = FUTURE_TOLERANCE // MICROSECOND


class Column:
    """A numpy array that can grow at its end and be cut at its beginning."""

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self._data = np.empty(1024, dtype)
        self.size = 0

    def extend(self, values: npt.ArrayLike) -> None:
        """Append values."""
        new = np.asarray(values, self._data.dtype)
        self._data = grown(self._data, self.size + len(new))
        self._data[self.size : self.size + len(new)] = new
        self.size += len(new)

    def drop(self, n: int) -> None:
        """Remove the first ``n`` values."""
        self._data = self._data[n : self.size].copy()
        self.size -= n

    @property
    def values(self) -> npt.NDArray[Any]:
        """View of the values; invalid once more are appended."""
        return self._data[: self.size]


class Texts(Sequence[str]):
    """A list that can be cut at its beginning while the rest keeps its indices."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self.base = 0

    def __len__(self) -> int:
        return self.base + len(self._texts)

    def __getitem__(self, row: Any) -> Any:
        if isinstance(row, slice):
            start, stop, step = row.indices(len(self))
            if step == 1 and start >= self.base:
                return self._texts[start - self.base : max(stop, start) - self.base]
            return [self[r] for r in range(start, stop, step)]
        if row < self.base or row >= len(self):
            raise IndexError(f"row {row} is not in the log (rows {self.base} to {len(self) - 1})")
        return self._texts[row - self.base]

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def take(self, rows: Ints) -> list[str]:
        """Return the texts of rows."""
        texts, base = self._texts, self.base
        return [texts[row - base] for row in rows.tolist()]

    def __iadd__(self, texts: Iterable[str]) -> Texts:  # noqa: PYI034  (as list does)
        self._texts += texts
        return self

    def drop(self, n: int) -> None:
        """Remove the first ``n`` texts that are left."""
        del self._texts[:n]
        self.base += n


class Log:
    """Messages as rows of flat arrays.

    Parameters
    ----------
    vocabulary : Vocabulary
        Gives the numbers of tokens.

    Attributes
    ----------
    ids, revs : sequence of str
        Event id and revision of each row.
    posted, received : Column of int64
        Microseconds since 1970. A message that claims to be from the future counts as posted when received.
    alive : Column of bool
        Whether the row counts.
    author, source : Column of int32
    named : Column of bool
        Whether the author is known; otherwise the message has an author number of its own.
    profile : Column of int32
        Index of the author's handle and display name in ``profiles``; −1 without a display name.
    profiles : list of (str, str)
        Handles and display names.
    language : Column of uint8
        Row of :attr:`~rtanalytics.terms.Vocabulary.uses_by_language`.
    tokens : Column of int32
        Surfaces of all rows, −1 where a row of tokens ends.
    offsets : Column of int64
        Where each row's tokens begin in it.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.ids, self.revs = Texts(), Texts()
        self.posted, self.received = Column(np.int64), Column(np.int64)
        self.alive = Column(np.bool_)
        self.author, self.source = Column(np.int32), Column(np.int32)
        self.named, self.language = Column(np.bool_), Column(np.uint8)
        self.profile = Column(np.int32)
        self.profiles: list[tuple[str, str]] = []
        self._profile_of: dict[tuple[str, str], int] = {}
        self.tokens, self.offsets = Column(np.int32), Column(np.int64)
        self.offsets.extend([0])
        self.sources: dict[str, int] = {}
        self.muted: set[str] = set()
        self._authors: dict[str, dict[str, int]] = {}
        self._handles: list[tuple[str, int]] = []
        self._people = 0

    @property
    def base(self) -> int:
        """First row that has not been dropped."""
        return self.ids.base

    def __len__(self) -> int:
        return len(self.ids)

    def at(self, rows: Ints) -> Ints:
        """Return the places of rows in the arrays."""
        return rows - self.base if self.base else rows

    # -- adding -------------------------------------------------------------------------------

    def events(self, events: list[Event]) -> range:
        """Append events and return their rows."""
        first = len(self.ids)
        self._write_texts(["" if event.op == "delete" else text_of(event) for event in events])
        ids = [event.id for event in events]
        self.ids += ids
        self.revs += [event.rev for event in events]
        posted = [(event.created_at - EPOCH) // MICROSECOND for event in events]
        received = [
            at if event.received_at is event.created_at else (event.received_at - EPOCH) // MICROSECOND
            for event, at in zip(events, posted, strict=True)
        ]
        self._write_times(np.array(posted, np.int64), np.array(received, np.int64))
        people = [event.author for event in events]
        handles = ["" if author is None else author.handle for author in people]
        known = [None if author is None else author.id or author.handle or None for author in people]
        keys = [id if key is None else key for id, key in zip(ids, known, strict=True)]
        self.named.extend([key is not None for key in known])
        self._write_people(ids, keys, handles, [event.op != "delete" for event in events])
        self._write_profiles(handles, [None if author is None else author.name for author in people])
        self._write_names([event.source for event in events], [event.lang for event in events])
        return range(first, len(self.ids))

    def table(self, table: pa.Table) -> range:
        """Append the rows of a table with an archive's columns and return their rows.

        Raises
        ------
        ValueError
            If the column ``id``, ``source`` or ``created_at`` is missing.
        """
        missing = [name for name in ("id", "source", "created_at") if name not in table.column_names]
        if missing:
            raise ValueError(f"the table has no column {missing[0]!r}, so it is not a table of events")
        first, n = len(self.ids), table.num_rows
        columns = set(table.column_names)

        def column(name: str, default: Any = None) -> list[Any]:
            return table.column(name).to_pylist() if name in columns else [default] * n

        ops = None if "op" not in columns else column("op")
        silent = [type in SILENT for type in column("type", "post")] if "type" in columns else [False] * n
        quiet = silent if ops is None else [s or op == "delete" for s, op in zip(silent, ops, strict=True)]
        self._write_texts(_texts(table, quiet))
        ids = column("id")
        self.ids += ids
        self.revs += column("rev", "")
        posted = _microseconds(table.column("created_at"))
        received = _microseconds(table.column("received_at")) if "received_at" in columns else posted
        self._write_times(posted, received)
        people = column("author")
        handles = [handle or "" for handle in people]
        known = [handle or None for handle in people]
        if "author_id" in columns and table.column("author_id").null_count < n:
            known = [
                None if handle is None else author_id or handle or None
                for handle, author_id in zip(people, column("author_id"), strict=True)
            ]
        keys = [id if key is None else key for id, key in zip(ids, known, strict=True)]
        self.named.extend([key is not None for key in known])
        alive = [True] * n if ops is None else [op != "delete" for op in ops]
        self._write_people(ids, keys, handles, alive)
        self._write_profiles(handles, column("author_name"))
        self._write_names(column("source"), column("lang"))
        return range(first, len(self.ids))

    def _write_texts(self, texts: Any) -> None:
        flat, offsets = self.vocabulary.encode(texts)
        self.offsets.extend(offsets[1:] + self.tokens.size)
        self.tokens.extend(flat)

    def _write_times(self, posted: Ints, received: Ints) -> None:
        self.posted.extend(np.where(posted - received > _FUTURE, received, posted))
        self.received.extend(received)

    def _write_people(self, ids: list[str], keys: list[str], handles: list[str], alive: list[bool]) -> None:
        """Assign numbers to authors within the namespace of the ids; to unknown ones, one per message."""
        prefix, here = "", {}
        numbers = []
        for id, key, handle in zip(ids, keys, handles, strict=True):
            if not prefix or not id.startswith(prefix):
                prefix = id[: id.index(":") + 1]
                here = self._authors.setdefault(prefix, {})
            number = here.get(key)
            if number is None:
                number = self._person(here, key, handle)
            numbers.append(number)
        self.author.extend(numbers)
        if self.muted:
            muted = self.muted
            alive = [a and h.casefold() not in muted for a, h in zip(alive, handles, strict=True)]
        self.alive.extend(alive)

    def _person(self, here: dict[str, int], key: str, handle: str) -> int:
        number = here.setdefault(key.casefold(), self._people)
        self._people += number == self._people
        here[key] = number
        self._handles.append((handle.casefold(), number))
        return number

    def _write_profiles(self, handles: list[str], names: list[str | None]) -> None:
        known = self._profile_of
        numbers = []
        for handle, name in zip(handles, names, strict=True):
            profile = (handle, name or "")
            number = known.get(profile)
            if number is None:
                number = known[profile] = len(self.profiles) if handle and name else -1
                if number >= 0:
                    self.profiles.append(profile)
            numbers.append(number)
        self.profile.extend(numbers)

    def _write_names(self, sources: list[str], languages: list[str | None]) -> None:
        number = self.sources
        self.source.extend([number.setdefault(name, len(number)) for name in sources])
        known = {code: self.vocabulary.language(code) for code in set(languages)}
        self.language.extend([known[code] for code in languages])

    # -- reading ------------------------------------------------------------------------------

    def in_order(self, rows: Ints) -> Ints:
        """Return rows sorted by time; rows with equal times by a hash of their ids."""
        posted = self.posted.values[self.at(rows)]
        order = np.argsort(posted, kind="stable")
        if len(rows) > 1 and not np.diff(posted[order]).all():
            ties = np.array([crc32(self.ids[row].encode()) for row in rows.tolist()])
            order = np.lexsort((ties, posted))
        return rows[order]

    def of_handles(self, handles: Iterable[str]) -> Ints:
        """Return the rows that are counted and whose author has one of these handles."""
        folded = set(handles)
        people = [number for handle, number in self._handles if handle in folded]
        return np.flatnonzero(np.isin(self.author.values, people) & self.alive.values) + self.base

    # -- dropping -----------------------------------------------------------------------------

    def drop(self, rows: int) -> None:
        """Remove all rows before this one, and authors that only occur there."""
        n = rows - self.base
        start = int(self.offsets.values[n])
        self.tokens.drop(start)
        self.offsets.drop(n)
        self.offsets.values[:] -= start
        columns = (
            self.posted, self.received, self.alive, self.author, self.named, self.profile, self.source,
            self.language,
        )  # fmt: skip
        for column in columns:
            column.drop(n)
        self.ids.drop(n)
        self.revs.drop(n)
        self._keep_authors(set(self.author.values.tolist()))

    def renumber(self) -> None:
        """Reduce the vocabulary and the authors to those of the rows that are left, with new numbers."""
        tokens = self.tokens.values
        surfaces = np.unique(tokens)
        surfaces = surfaces[surfaces >= 0]
        self.vocabulary = self.vocabulary.some(surfaces)
        tokens[:] = np.where(tokens < 0, -1, np.searchsorted(surfaces, tokens))
        people = np.unique(self.author.values)
        self._keep_authors(set(people.tolist()))
        self.author.values[:] = np.searchsorted(people, self.author.values)
        number = {int(old): new for new, old in enumerate(people)}
        self._handles = [(handle, number[old]) for handle, old in self._handles]
        for here in self._authors.values():
            here.update((key, number[old]) for key, old in here.items())
        self._people = len(people)
        profiles = np.unique(self.profile.values)
        kept = profiles[profiles >= 0]
        self.profiles = [self.profiles[old] for old in kept.tolist()]
        self._profile_of = {profile: new for new, profile in enumerate(self.profiles)}
        known = self.profile.values >= 0
        self.profile.values[known] = np.searchsorted(kept, self.profile.values[known])

    def _keep_authors(self, left: set[int]) -> None:
        """Remove all authors except those with the numbers ``left``."""
        self._handles = [entry for entry in self._handles if entry[1] in left]
        self._authors = {
            prefix: {key: number for key, number in here.items() if number in left}
            for prefix, here in self._authors.items()
        }


def _microseconds(column: pa.ChunkedArray) -> Ints:
    import pyarrow as pa

    times: Ints = column.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy()
    return times


def _texts(table: pa.Table, quiet: list[bool]) -> Any:
    """Return the counted text of each row, see :func:`rtanalytics.terms.text_of`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    names, n = table.column_names, table.num_rows
    texts = table.column("text") if "text" in names else pa.nulls(n, pa.string())
    if not isinstance(texts, pa.ChunkedArray):
        texts = pa.chunked_array([texts])
    others = np.zeros(n, np.bool_)
    if "title" in names and table.column("title").null_count < n:
        others |= pc.is_valid(table.column("title")).to_numpy()
    for name in ("tags", "links"):
        if name in names:
            lengths = pc.fill_null(pc.list_value_length(table.column(name)), 0)
            others |= lengths.to_numpy() > 0
    others |= np.array(quiet, np.bool_)
    others |= pc.fill_null(pc.match_substring(texts, "`"), False).to_numpy()
    places = np.flatnonzero(others)
    if not len(places):
        return texts
    whole = texts.to_pylist()
    rows = (
        table.select([c for c in ("title", "text", "tags", "links") if c in names]).take(places).to_pylist()
    )
    for place, row in zip(places.tolist(), rows, strict=True):
        if quiet[place]:
            whole[place] = ""
            continue
        given = {name: value for name, value in row.items() if value is not None}
        whole[place] = text_of(Event(id="x:", source="", rev="-", created_at=EPOCH, **given))
    return [text or "" for text in whole]
