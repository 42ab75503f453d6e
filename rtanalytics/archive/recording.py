"""Reading an archive: as events, as a table, as a dataset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property, partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, Literal, ParamSpec, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rtanalytics.archive.columns import COLUMNS, from_table
from rtanalytics.archive.files import ArchiveError, damaged
from rtanalytics.archive.metadata import RecordingMeta, read_meta
from rtanalytics.archive.state import (
    VANISHING,
    ArchiveState,
    Reader,
    current_state,
    in_order,
    last_positions,
    vanishing,
)
from rtanalytics.archive.writer import ArchiveWriter
from rtanalytics.event import Event
from rtanalytics.schedule import ReferenceTopic, Schedule, read_truth
from rtanalytics.untrusted import safe
from rtanalytics.wording import counted

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow.dataset as ds

__all__ = ["Recording", "write_recording"]

P = ParamSpec("P")
T = TypeVar("T")


class Recording:
    """A recorded conference in its current state: each id once, after its last edit, without deleted ones.

    The archive is read on demand, one day at a time, so that recordings of millions of events fit
    into memory and one that is still being written shows its current events.

    Parameters
    ----------
    folder : str or Path
        The archive.
    damaged : {'error', 'skip'}
        What to do about a damaged segment: raise, or leave it out and name it in ``damaged``.
    meta : RecordingMeta, optional
        Replaces the archive's ``_recording.toml``, as for a recording of a ``conference.toml``.
    schedule : Schedule, optional
        Replaces the archive's ``_schedule.json``.

    Raises
    ------
    ArchiveError
        If there is no archive; from every method, if a file is damaged.

    Examples
    --------
    >>> import tempfile
    >>> from datetime import datetime, UTC
    >>> from rtanalytics.archive import write_recording
    >>> folder = tempfile.mkdtemp()
    >>> hello = Event(id="irc::1", source="irc", text="hello", created_at=datetime(2026, 5, 15, tzinfo=UTC))
    >>> recording = write_recording(folder, [hello])
    >>> [event.text for event in recording], len(recording)
    (['hello'], 1)
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        damaged: Literal["error", "skip"] = "error",
        meta: RecordingMeta | None = None,
        schedule: Schedule | None = None,
    ) -> None:
        self.folder = Path(folder)
        self._meta, self._schedule = meta, schedule
        self._reader = Reader(self.folder, skip=damaged == "skip")
        self._current: ArchiveState | None = None
        _, self._deleted = self._reader.refresh()

    def __repr__(self) -> str:
        return "\n".join([self._heading(), *(f"  {name:<9} {value}" for name, value in self._facts())])

    def _repr_html_(self) -> str:
        left = 'style="text-align:left"'
        rows = "".join(
            f"<tr><th {left}>{name}</th><td {left}>{escape(value)}</td></tr>" for name, value in self._facts()
        )
        return f"<b>{escape(self._heading())}</b><table><tbody>{rows}</tbody></table>"

    def _heading(self) -> str:
        title = self.meta.title
        return f"Recording {self.name!r}" + (f": {safe(title)}" if title else "")

    def _facts(self) -> list[tuple[str, str]]:
        """Return what ``repr`` shows: number of events, sources, period, and additional files."""
        table = self.table(["id", "source", "author", "author_id", "created_at"])
        if not table.num_rows:
            return [("messages", "none"), ("folder", str(self.folder))]
        sources: Counter[str] = Counter()
        for found in pc.value_counts(table.column("source")).to_pylist():
            sources[found["values"].partition(":")[0]] += found["counts"]
        # a person is an account of a platform, as in trends and reports
        platform = pc.list_element(pc.split_pattern(table.column("id"), ":", max_splits=1), 0)
        account = pc.coalesce(table.column("author_id"), pc.utf8_lower(table.column("author")))
        people = pc.count_distinct(pc.binary_join_element_wise(platform, account, "/")).as_py()
        first, last = (
            moment.as_py().astimezone(self.meta.zone)
            for moment in pc.min_max(table.column("created_at")).values()
        )
        number = sum(talk.kind != "break" for talk in self.schedule)
        talks = counted(number, "talk") if number else "no schedule"
        truth = f"{len(self.truth)} reference topics" if self.truth else "no ground truth"
        return [
            ("messages", f"{table.num_rows:,} by {people:,} authors"),
            ("from", ", ".join(f"{safe(name)} {count:,}" for name, count in sources.most_common())),
            ("posted", f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} ({self.meta.timezone})"),
            ("known", f"{talks}, {truth}"),
            ("folder", str(self.folder)),
        ]

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.folder.resolve().name

    @property
    def damaged(self) -> dict[Path, str]:
        """Damaged files that reading has skipped so far, with the reason."""
        return dict(self._reader.damaged)

    def __len__(self) -> int:
        return self._steadily(ArchiveState.rows)

    def __iter__(self) -> Iterator[Event]:
        """Yield the events sorted by ``received_at``; events with the same time in the order of recording."""
        try:
            for table in self._walk(_tables_of):
                yield from self._rebuilt(table)
        finally:
            # Arrow keeps freed memory, 30 MB and more, for later use
            pa.default_memory_pool().release_unused()

    def log(self) -> Iterator[Event]:
        """Yield every revision and delete not removed by compaction, sorted by ``received_at``."""
        for table in self._walk(_log_of):
            yield from self._rebuilt(table)

    @property
    def positions(self) -> dict[str, str]:
        """Position up to which each stream has been recorded.

        To continue with the live stream, get the positions before reading the recording: the
        stream then repeats at most what arrived meanwhile, and leaves nothing out.
        """
        return self._steadily(lambda state: last_positions(self._reader, state.segments, self._deleted))

    def table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the current state as an Arrow table sorted by ``received_at``.

        Parameters
        ----------
        columns : sequence of str, optional
            Names from :data:`~rtanalytics.archive.columns.COLUMNS`; default all except ``raw``.

        Raises
        ------
        ValueError
            If there is no such column.
        """
        wanted = [n for n in COLUMNS.names if n != "raw"] if columns is None else list(columns)
        unknown = [name for name in wanted if name not in COLUMNS.names]
        if unknown:
            raise ValueError(f"no column {unknown[0]!r}; there are {', '.join(COLUMNS.names)}")
        tables = list(self._walk(partial(_tables_of, columns=wanted)))
        return pa.concat_tables(tables) if tables else COLUMNS.empty_table().select(wanted)

    def to_pandas(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return its current state as a DataFrame, one row per event in order of ``received_at``.

        Parameters
        ----------
        columns : sequence of str, optional
            Names out of :data:`~rtanalytics.archive.columns.COLUMNS`; all but ``raw`` by default.

        Returns
        -------
        pandas.DataFrame
            With rows numbered from 0.

        Raises
        ------
        ValueError
            If there is no such column.
        """
        frame: pd.DataFrame = self.table(columns).to_pandas()
        return frame

    def dataset(self) -> ds.Dataset:
        """Return the current state as a pyarrow dataset.

        The dataset of a compacted archive reads the files on demand and can be larger than memory;
        otherwise it holds :meth:`table` in memory.
        """
        import pyarrow.dataset as ds  # imports pandas as well: a tenth of a second, 30 MB

        def files(state: ArchiveState) -> ds.Dataset | None:
            if not state.segments or not all(state.is_stored_as_is(day) for day in state.days):
                return None
            pages = ds.ParquetFragmentScanOptions(page_checksum_verification=True)
            return ds.dataset(
                [str(s.path) for s in sorted(state.segments, key=lambda s: (s.day, s.number))],
                schema=COLUMNS,
                format=ds.ParquetFileFormat(default_fragment_scan_options=pages),
            )

        return self._steadily(files) or ds.dataset(self.table(COLUMNS.names))

    @property
    def start(self) -> datetime | None:
        """Time at which the first event was received; None without events."""
        return self._edge(0)

    @property
    def end(self) -> datetime | None:
        """Time at which the last event was received; None without events."""
        return self._edge(-1)

    @cached_property
    def meta(self) -> RecordingMeta:
        """Title, time zone, own tags and accounts, from ``_recording.toml`` if they were not given."""
        return self._meta or read_meta(self.folder / "_recording.toml")

    @cached_property
    def schedule(self) -> Schedule:
        """Talks, from ``_schedule.json`` if they were not given."""
        if self._schedule is not None:
            return self._schedule
        path = self.folder / "_schedule.json"
        try:
            return Schedule.from_json(path.read_bytes())
        except FileNotFoundError:
            return Schedule()
        except OSError as error:
            raise ArchiveError(f"{path}: {error}") from None
        except ValueError as error:
            raise ArchiveError(
                f"{path} is not a list of talks as rtanalytics writes it ({error}); remove it, and name a"
                " schedule of another format with --schedule FILE, or with schedule = in a conference.toml"
            ) from None

    @cached_property
    def truth(self) -> list[ReferenceTopic]:
        """Reference topics, from ``_truth.csv``."""
        path = self.folder / "_truth.csv"
        try:
            return read_truth(path)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ArchiveError(f"{path}: {error.strerror}") from None
        except ValueError as error:
            raise ArchiveError(str(error)) from None

    def _state(self) -> ArchiveState:
        segments, self._deleted = self._reader.refresh()
        if self._current is None or self._current.segments != segments:
            self._current = current_state(self._reader, segments, self._deleted)
        return self._current

    def _steadily(
        self, ask: Callable[Concatenate[ArchiveState, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Call ``ask`` with the current state; repeat this if compaction has removed a file meanwhile."""
        for _ in range(VANISHING):
            try:
                return ask(self._state(), *args, **kwargs)
            except FileNotFoundError:
                self._current = None
        raise vanishing(self.folder)

    def _walk(self, read: Callable[[ArchiveState, str], Iterable[pa.Table]]) -> Iterator[pa.Table]:
        """Yield the tables of each day, as of now.

        If a day is compacted before its turn, its new files are read, up to the newest event at the
        start: otherwise a recording that grows past midnight would lack the end of one day and have
        the beginning of the next.
        """
        state, until = self._steadily(lambda state: (state, state.newest))
        last, failures = "", 0
        while days := [day for day in state.days if day > last]:
            try:
                tables = read(state, days[0])
            except FileNotFoundError:
                failures += 1
                if failures == VANISHING:
                    raise vanishing(self.folder) from None
                state = replace(self._steadily(lambda state: state), until=until)
                continue
            last, failures = days[0], 0
            yield from tables

    def _rebuilt(self, table: pa.Table) -> Iterator[Event]:
        try:
            yield from from_table(table)
        except (ValueError, pa.ArrowException) as error:
            raise damaged(self.folder, str(error)) from None

    def _edge(self, which: int) -> datetime | None:
        days = self._steadily(lambda state: state.days)
        for day in days if which == 0 else reversed(days):
            times = self._steadily(_received, day)
            if len(times):
                moment: datetime = (pc.min(times) if which == 0 else pc.max(times)).as_py()
                return moment.astimezone(UTC)
        return None


def write_recording(
    folder: str | Path,
    events: Iterable[Event],
    *,
    schedule: Schedule | None = None,
    truth: Sequence[ReferenceTopic] | None = None,
    meta: RecordingMeta | None = None,
) -> Recording:
    """Write a finished archive: compacted, and without lock file.

    The same events give the same tables.

    Parameters
    ----------
    folder : str or Path
        New or empty.
    events : iterable of Event
        In any order; events of the same ``received_at`` keep their order.
    schedule, truth, meta
        Metadata of the recorded conference.

    Raises
    ------
    ArchiveError
        If the folder has events already, or cannot be written.
    """
    with ArchiveWriter(folder) as writer:
        if writer.reader.refresh()[0]:
            raise ArchiveError(f"{folder} has events already; give a folder that is new or empty")
        with writer.transaction() as transaction:
            transaction.add(events)
        writer.compact()
        writer.describe(schedule=schedule, truth=truth, meta=meta or RecordingMeta())
        writer.close(tidy=True)
    return Recording(folder)


def _tables_of(state: ArchiveState, day: str, columns: Sequence[str] | None = None) -> Iterable[pa.Table]:
    mine = state.segments_of(day)
    if not state.is_stored_as_is(day):
        return [state.day(day, columns)]
    # Opened now and read later: an open file stays readable even if it is removed.
    opened = [state.reader.batches(state.segments[i], columns) for i in mine]
    return (batch for batches in opened for batch in batches)


def _received(state: ArchiveState, day: str) -> pa.ChunkedArray:
    return state.day(day, ["received_at"]).column(0)


def _log_of(state: ArchiveState, day: str) -> list[pa.Table]:
    table = pa.concat_tables([state.reader.table(state.segments[i]) for i in state.segments_of(day)])
    return [in_order(table, np.arange(table.num_rows))]
