"""Worker that sends the packets of the outbox while the source is being polled.

A source that can send has ``async def send(packet, key)``. While its optional property ``sending`` is False,
for example without a connection, packets stay in the outbox until they lapse. Each packet is sent once. If
that fails, a dead letter is stored with the reason, and an event of type ``error`` whose id ends with the
key of the packet is added to the bucket, so that the author sees it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from rtanalytics.event import Event, Ingest
from rtanalytics.ingest.health import Health
from rtanalytics.sources.base import Source, SourceError, printable
from rtanalytics.streams import DeadLetter, EventStream, Fenced, Scope, StreamUnavailable

if TYPE_CHECKING:
    from rtanalytics.streams import Outgoing

__all__ = ["OutboxWorker", "Sends"]

log = logging.getLogger(__name__)

_TAKE_WAIT = timedelta(milliseconds=500)
"""How long one read of the outbox waits for packets; a stop is delayed by that at most."""

_PAUSE = 0.05
_SEND_TIMEOUT = 60.0
_ROOMS = ("#", "&", "!", "+")
"""First characters of room names; a packet to any other name is for a person."""


@runtime_checkable
class Sends(Protocol):
    """Source that can send messages."""

    async def send(self, packet: dict[str, str], key: str) -> None:
        """Send a packet once, without retrying.

        Parameters
        ----------
        packet : dict of str
            ``type`` (``message``, ``action``, ``join``, ``part``, ``topic``, ``nick``), ``to``, ``body``.
        key : str
            Key of the packet, by which its author finds the result.

        Raises
        ------
        SourceError
            If it was not sent, or perhaps not; the message is shown to the author.
        """
        ...


class OutboxWorker:
    """Worker that takes packets from the outbox of a source's scope and passes them to the source.

    Parameters
    ----------
    source : Source
        Source that implements :class:`Sends`.
    stream : EventStream
        Stream that has the outbox.
    health : Health
        Counts ``sent`` and ``unsent``.
    scope : callable
        Returns the scope that was opened last, or None before that.
    """

    def __init__(
        self, source: Source, stream: EventStream, health: Health, scope: Callable[[], Scope | None]
    ) -> None:
        self._source: Any = source
        self._stream, self._health, self._scope = stream, health, scope
        self._ending = asyncio.Event()
        self._begin = True
        self._settled: list[str] = []

    async def run(self) -> None:
        """Send packets until :meth:`end` is called; retry while the stream is unavailable."""
        while not self._ending.is_set():
            scope = self._scope()
            if scope is None:
                await self._pause()
                continue
            try:
                await self._round(scope)
            except StreamUnavailable as error:
                # a response with packets may have been lost; the next take returns these packets again
                self._begin = True
                log.debug("%s: outbox: %s", self._health.name, printable(error))
                await self._pause()
            except Fenced:
                await self._pause()  # the runner has reopened the scope, or will get the same error

    async def end(self, task: asyncio.Task[None]) -> None:
        """Wait up to 3 s until packets already taken are sent, then end ``task``, which runs this worker."""
        self._ending.set()
        await asyncio.wait({task}, timeout=3)
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error

    async def _round(self, scope: Scope) -> None:
        await self._settle(scope)
        ready = bool(getattr(self._source, "sending", True))
        # one at a time: after a crash at most one packet is in doubt
        take = partial(self._stream.outbox.take, scope, int(ready), wait=_TAKE_WAIT, begin=self._begin)
        taken = await asyncio.to_thread(take)
        self._begin = False
        for out in taken:
            if out.lapsed:
                await self._report_unsent(out, out.lapsed)
            else:
                await self._send(out)
                self._settled.append(out.id)
                await self._settle(scope)
        if not ready and not taken:
            await self._pause()

    async def _settle(self, scope: Scope) -> None:
        await asyncio.to_thread(self._stream.outbox.settle, scope, self._settled)
        self._settled = []

    async def _send(self, out: Outgoing) -> None:
        try:
            async with asyncio.timeout(_SEND_TIMEOUT):
                await self._source.send(out.packet, out.key)
        except SourceError as error:
            reason = printable(error)
        except TimeoutError:
            reason = f"no answer within {_SEND_TIMEOUT:.0f} s: it is unknown whether it was sent"
        except Exception as error:
            # a packet that makes the source fail must not end the source
            log.exception("%s: sending a packet failed", self._health.name)
            reason = f"{type(error).__name__}: {printable(error)}"
        else:
            self._health.counts["sent"] += 1
            return
        raw = json.dumps(out.packet).encode()
        letter = DeadLetter("outbox", self._source.scope, reason, raw, datetime.now(UTC))
        await self._until_stored(lambda: self._stream.dead_letters.add(self._source.bucket, letter))
        await self._report_unsent(out, reason)

    async def _report_unsent(self, out: Outgoing, reason: str) -> None:
        self._health.counts["unsent"] += 1
        bucket, scope, to = self._source.bucket, self._source.scope, out.packet.get("to") or None
        room = to if to is not None and to.startswith(_ROOMS) else None
        now = datetime.now(UTC)
        event = Event(
            id=f"{bucket}:{scope}:unsent/{out.key}",
            source=f"{bucket}:{room}" if room else bucket,
            type="error",
            channel=room,
            to=None if room else to,  # the recipient of a private message must not become public
            text=f"not sent: {reason}",
            created_at=now,
            received_at=now,
            ingest=Ingest(via="stream", connector="outbox@1", id_kind="derived", time_kind="observed"),
        )
        await self._until_stored(lambda: self._stream.append([event]))

    async def _until_stored(self, call: Callable[[], object]) -> None:
        """Repeat a call until the server answers; :meth:`end` cancels it after a timeout."""
        while True:
            try:
                await asyncio.to_thread(call)
            except StreamUnavailable:
                await asyncio.sleep(_PAUSE)
            else:
                return

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(_PAUSE):
                await self._ending.wait()
        except TimeoutError:
            return
