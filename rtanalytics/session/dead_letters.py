"""Dead letters of a conference: list them, and read them again after the fix."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from rtanalytics.event import Event
from rtanalytics.sources.base import Malformed, SourceSpec
from rtanalytics.sources.worker import ParseWorker
from rtanalytics.streams import DeadLetter, EventStream

__all__ = ["Retried", "dead_letters", "retry"]


@dataclass(frozen=True)
class Retried:
    """Result of reading a dead letter again.

    Parameters
    ----------
    bucket : str
        Its bucket.
    letter : DeadLetter
        The letter.
    events : list of Event
        Events that it contained; they are in the stream now.
    reason : str
        Why it stays a dead letter; empty if it does not.
    """

    bucket: str
    letter: DeadLetter
    events: list[Event]
    reason: str


def dead_letters(stream: EventStream, source: str | None = None) -> list[tuple[str, DeadLetter]]:
    """Return the dead letters of a stream, or of one of its sources, each with its bucket."""
    return [
        (bucket, letter)
        for bucket in stream.buckets()
        for letter in stream.dead_letters.read(bucket)
        if source is None or letter.source == source
    ]


async def retry(
    stream: EventStream, letters: Sequence[tuple[str, DeadLetter]], specs: Mapping[str, SourceSpec]
) -> AsyncIterator[Retried]:
    """Parse each letter again, in a process that may crash; append its events and drop the letter.

    A letter of which only a part can be read is kept; its events are duplicates on the next retry.
    """
    workers: dict[str, ParseWorker] = {}
    try:
        for bucket, letter in letters:
            spec = specs.get(letter.source)
            if spec is None:
                yield Retried(bucket, letter, [], "no source of this name is in the file")
                continue
            worker = workers.setdefault(spec.name, _worker(spec))
            try:
                parsed = await worker.parse(letter.raw, spec.meta(letter.at))
            except Malformed as error:
                yield Retried(bucket, letter, [], str(error))
                continue
            events = [event for event in parsed.events if event.bucket == bucket]
            stream.append(events)
            reason = parsed.rejects[0].reason if parsed.rejects else ""
            if not events and not reason:
                reason = "it contains no event"
            if not reason:
                stream.dead_letters.remove(bucket, [letter.id])
            yield Retried(bucket, letter, events, reason)
    finally:
        for worker in workers.values():
            await worker.close()


def _worker(spec: SourceSpec) -> ParseWorker:
    budget: Any = getattr(spec, "budget", timedelta(seconds=2))
    return ParseWorker(spec.parser, budget)
