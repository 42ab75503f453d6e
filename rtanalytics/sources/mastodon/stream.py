"""Mastodon's streaming API: statuses, edits and deletions as they happen, beside the timeline."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any
from urllib.parse import urlencode

import msgspec

from rtanalytics.event import Event
from rtanalytics.sources.base import Batch, Meta, Parsed, Reject, SourceError, Transient, printable
from rtanalytics.sources.mastodon.timeline import MastodonSource, MastodonSpec
from rtanalytics.sources.streamed import Disconnected, PollWindow, StreamTimings, WebSocketSource

__all__ = ["MastodonStream", "MastodonTimings"]

MAX_MESSAGES = 500
"""Largest number of messages that one poll reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MastodonTimings(StreamTimings):
    """Times for reading a stream and the timeline beside it.

    Parameters
    ----------
    timeline : timedelta
        Time between two reads of the timeline while the stream is connected.
    """

    timeline: timedelta = timedelta(minutes=5)


class _Message(msgspec.Struct):
    event: str = ""
    payload: Any = None
    error: str = ""


class MastodonStream(WebSocketSource, MastodonSource):
    """Stream of a hashtag on one server, with its timeline for statuses that the stream missed.

    Parameters
    ----------
    spec : MastodonSpec
        Server and hashtags.
    counts : Counter
        ``streams`` (connections), their ``messages``, ``deletes_of_unknown``, and what the timeline counts.
    timings : MastodonTimings, optional
        How long to wait for messages, and how often to read the timeline.
    """

    timings: MastodonTimings

    def __init__(
        self, spec: MastodonSpec, counts: Counter[str], timings: MastodonTimings | None = None
    ) -> None:
        MastodonSource.__init__(self, spec, counts)
        WebSocketSource.__init__(self, counts, timings or MastodonTimings())
        self._waiting: deque[bytes] = deque()
        self._timeline_at = 0.0

    async def receive(self, cursor: bytes | None) -> Batch:
        """Return one page of the timeline if it is due, otherwise the messages of the stream."""
        if self.ws is None and self.may_connect():
            await self._connect()
        if self.ws is not None and monotonic() < self._timeline_at:
            return await self._read_stream(cursor)
        batch = await MastodonSource.poll(self, cursor)
        if batch.wait:
            longest = max(self.timings.timeline, batch.wait)
            self._timeline_at = monotonic() + longest.total_seconds()
        if self.ws is not None:
            batch = replace(batch, wait=timedelta(0))
        return replace(batch, problem=batch.problem or self.problem)

    async def rewind(self) -> None:
        """Disconnect; the timeline has the statuses that were received and not stored."""
        self._waiting.clear()
        await self.disconnect()

    async def close(self) -> None:
        """Close the connection and end the parser's process."""
        await self.rewind()
        await MastodonSource.close(self)

    async def _connect(self) -> None:
        spec, token = self.spec, self.secret("token")
        stream = "hashtag:local" if spec.local else "hashtag"
        query = urlencode({"stream": stream, "tag": spec.tag})
        try:
            base = await self._stream_address()
            self.ws = await self.http.websocket(
                f"{base}/api/v1/streaming?{query}",
                spec.max_bytes,
                spec.timeout,
                private={"Authorization": f"Bearer {token}"},
            )
            for tag in spec.any:
                await self.ws.send_json({"type": "subscribe", "stream": stream, "tag": tag})
        except (SourceError, ConnectionError) as error:
            await self.rewind()
            problem = f"no stream, so the timeline is read every {self.every.seconds} s: {error}"
            self.pause(self.timings.reconnect, problem)
        else:
            self.counts["streams"] += 1
            # statuses posted while there was no connection are in the timeline
            self._timeline_at, self.problem = 0.0, None

    async def _stream_address(self) -> str:
        """Return the address of the server's streams, which may be on another host."""
        own = self.spec.url.rstrip("/").replace("http", "ws", 1)
        try:
            answer = await self.ask(f"{self.spec.url.rstrip('/')}/api/v2/instance")
            address = msgspec.json.decode(answer.body)["configuration"]["urls"]["streaming"]
        except (SourceError, msgspec.DecodeError, UnicodeDecodeError, LookupError, TypeError):
            return own  # older servers and other software do not publish it
        return address.rstrip("/") if isinstance(address, str) and address.startswith("wss://") else own

    async def _read_stream(self, cursor: bytes | None) -> Batch:
        """Return the statuses, their edits, and the deletions of known statuses that the stream has sent."""
        await self._fill()
        state, messages, rejects = self.state(cursor), list[bytes](), list[Reject]()
        options: dict[str, str] = {}
        while self._waiting:
            raw = self._waiting[0]
            try:
                message = msgspec.json.decode(raw, type=_Message)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                rejects.append(Reject(reason=printable(error), raw=raw, where="stream"))
                self._waiting.popleft()
                continue
            if message.error:
                await self.rewind()
                error_text = f"{self.scope}: the stream reports {printable(message.error, 200)!r}"
                self.pause(self.timings.reconnect, error_text)
                raise Transient(error_text)
            if message.event == "delete":
                own = str(message.payload)
                if own in state.uris:
                    options[f"local/{own}"] = state.uris[own]
                elif messages:
                    break  # it may delete one of ``messages``, whose ids are known after this batch
            self._waiting.popleft()
            messages.append(raw)
        if not messages and not rejects:
            return Batch(heard=False)
        parsed = Parsed()
        if messages:
            about = msgspec.structs.replace(self.spec.meta(datetime.now(UTC)), options=options)
            parsed = await self._parse(b"[" + b",".join(messages) + b"]", about)
        self.counts.update(parsed.counts)
        events = [event for event in parsed.events if self._is_wanted(event)]
        self.remember_ids(state, events)
        events = self.fresh(state, events[::-1])  # pages list the newest first, and fresh expects that
        return Batch(events, msgspec.json.encode(state), [*rejects, *parsed.rejects])

    async def _parse(self, raw: bytes, about: Meta) -> Parsed:
        try:
            return await self._worker.parse(raw, about)
        except BaseException:
            await self.rewind()  # the timeline has the statuses taken from the stream
            raise

    async def _fill(self) -> None:
        """Wait for messages; if the stream has ended, those before its end are still used."""
        window = PollWindow(self.timings, started=bool(self._waiting))
        while len(self._waiting) < MAX_MESSAGES:
            try:
                frame = await self.next_frame(window)
            except TimeoutError:
                return
            except Disconnected as error:
                if self._waiting:
                    return  # the next poll handles the end
                await self.rewind()
                raise Transient(f"{self.scope}: {error}") from None
            window.shorten()
            self.counts["messages"] += 1
            self._waiting.append(self.credentials.scrub(frame))

    def _is_wanted(self, event: Event) -> bool:
        tags = {tag.casefold() for tag in event.tags}
        wanted = tags.issuperset(name.casefold() for name in self.spec.all)
        return event.op == "delete" or (wanted and tags.isdisjoint(n.casefold() for n in self.spec.none))
