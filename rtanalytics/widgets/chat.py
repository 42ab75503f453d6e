"""Chat view: rooms as tabs, users on the right, and an input for messages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol, cast, runtime_checkable

from rtanalytics.feed import Delivery, Item, Reset, Snapshot, Status
from rtanalytics.live import ChatState
from rtanalytics.live.status import iso
from rtanalytics.widgets import fallback
from rtanalytics.widgets.base import View, Wire
from rtanalytics.widgets.chat_sending import Sender, SendingStream, packets
from rtanalytics.widgets.panels import Part
from rtanalytics.widgets.reader import PACER, Sink, as_source

__all__ = ["ChatPart", "ChatView"]

_KEY = re.compile(r"[A-Za-z0-9-]{1,64}")
_TYPED = 8_000


@runtime_checkable
class _Followed(Protocol):
    def follow(self, *, private: bool = ...) -> Any: ...


class _OneBucket:
    """Feed of a stream, limited to one bucket."""

    def __init__(self, feed: Any, bucket: str) -> None:
        self._feed, self._bucket = feed, bucket
        self.key = f"{feed.key}/{bucket}"

    @property
    def status(self) -> Status:
        return cast("Status", self._feed.status)

    def snapshot(self, n: int = 100) -> Snapshot:
        return cast("Snapshot", self._feed.snapshot(n, self._bucket))

    def __iter__(self) -> Iterator[Item]:
        for item in self._feed:
            if not isinstance(item, Delivery) or item.event.bucket == self._bucket:
                yield item

    def __aiter__(self) -> Any:
        raise TypeError(f"{self.key} is read by a thread; follow the stream itself instead")

    def close(self) -> None:
        self._feed.close()


class ChatPart(Part):
    """Panel with the rooms of a chat.

    Parameters
    ----------
    nick, bucket, cap
        See :class:`~rtanalytics.live.ChatState`.
    stream : SendingStream, optional
        Stream that receives submitted lines; without one, the panel is read-only.
    scope : str, optional
        Scope of the source that sends them.
    """

    name = "chat"

    def __init__(
        self, nick: str, bucket: str, cap: int, stream: SendingStream | None = None, scope: str | None = None
    ) -> None:
        super().__init__()
        self.state = ChatState(nick, bucket, cap)
        self._settings = (nick, bucket, cap, scope, stream is not None)
        self._note = self._sent_note = ""
        self._keys: dict[str, None] = {}
        self._heard = self._sent_heard = ""
        self._sender = (
            None if stream is None else Sender(stream, bucket, scope, self._not_submitted, self._learn)
        )

    def begin(self, items: list[Any]) -> None:
        super().begin(items)
        with self.lock:
            self.state.read_all()

    def take(self, item: Any) -> None:
        if isinstance(item, Delivery | Reset):
            with self.lock:
                self.state.take((item,))

    def inherit(self, other: Sink) -> bool:
        if not isinstance(other, ChatPart) or other._settings != self._settings:
            return False
        self.lock = other.lock
        with self.lock:
            self.state = other.state
            self.state.redraw()
        return True

    def close(self) -> None:
        """Stop submitting lines."""
        if self._sender is not None:
            self._sender.close()

    def patch(self, moment: datetime) -> Mapping[str, Any] | None:
        with self.lock:
            self.state.age()
            if not self.state.dirty and (self._note, self._heard) == (self._sent_note, self._sent_heard):
                return None
            self._sent_note, self._sent_heard = self._note, self._heard
            return {**self.state.patch(), **self._frame()}

    def everything(self, moment: datetime) -> Mapping[str, Any] | None:
        with self.lock:
            return {**self.state.everything(), **self._frame()}

    def _frame(self) -> dict[str, Any]:
        return {"writable": self._sender is not None, "note": self._note, "heard": self._heard}

    def command(self, content: Mapping[str, Any]) -> None:
        kind, room, key = content.get("kind"), content.get("room"), content.get("key")
        if not isinstance(room, str) or len(room) > 200:
            return
        if kind == "room":
            with self.lock:
                self.state.look(room)
        elif kind == "write" and isinstance(key, str) and _KEY.fullmatch(key):
            text = content.get("text")
            if isinstance(text, str) and self._sender is not None:
                self._write(self._sender, text[:_TYPED], room, key)
        elif kind == "forget" and isinstance(key, str):
            with self.lock:
                self.state.forget(key)

    def _write(self, sender: Sender, text: str, room: str, key: str) -> None:
        """Submit a typed text; a repeated message of the front end has the same key and is ignored."""
        with self.lock:
            self._heard = key
            if key in self._keys:
                return
            self._keys[key] = None
            if len(self._keys) > 10_000:
                del self._keys[next(iter(self._keys))]
            at = iso(datetime.now(UTC))
            try:
                submitted = packets(text, room)
            except ValueError as error:
                self.state.sent(key, room or "*", text, "message", at)
                self.state.failed(key, str(error))
                return
            for n, packet in enumerate(submitted):
                own = f"{key}.{n}" if n else key
                if packet["type"] in ("message", "action"):
                    self.state.sent(own, packet["to"], packet["body"], packet["type"], at)
                elif packet["type"] == "join":
                    self.state.open(packet["to"])
                sender.send(own, packet)

    def _not_submitted(self, key: str, why: str) -> None:
        with self.lock:
            self.state.failed(key, why)
        PACER.wake()

    def _learn(self, fields: Mapping[str, object]) -> None:
        """Read nick and status from the health of the source."""
        state, nick, error = (str(fields.get(name) or "") for name in ("state", "nick", "error"))
        at = fields.get("at")
        with self.lock:
            if nick and nick != self.state.me:
                # health is published every few seconds; the event of a change may arrive first
                self.state.rename(nick, datetime.fromisoformat(at) if isinstance(at, str) else None)
            if state == "missing":
                note = "no source is running for this chat; messages are kept for ten minutes"
            elif state in ("ok", "starting", "many", ""):
                note = ""
            else:
                note = f"the source is {state}" + (f": {error}" if error else "")
            self._note = note[:300]

    def summary(self) -> str:
        with self.lock:
            return f"{len(self.state.rooms())} rooms"

    def html(self, moment: datetime) -> str:
        with self.lock:
            return fallback.chat([(room, self.state.lines(room["key"])) for room in self.state.rooms()])


class ChatView(View):
    """Rooms of a chat, with an input for messages.

    Parameters
    ----------
    stream : EventStream, Feed or iterable of Event
        A stream is followed, including private messages, and submitted lines go to its outbox. A feed
        (such as a replay) is shown read-only.
    nick : str
        Your nick; a nick reported by the source takes precedence.
    bucket : str
        Bucket of the events of the chat.
    scope : str, optional
        Scope of the source that sends (listed in its health; by default its name). Needed only if several
        sources write to the bucket.
    cap : int
        Maximum number of lines per room; the counters count all.
    recent : int
        Number of earlier events to load.
    title, height, timezone
        See :class:`~rtanalytics.widgets.base.View`.
    key : str
        Key of the feed if it is a plain iterable.

    Raises
    ------
    TypeError
        If ``stream`` is none of these.
    ValueError
        If ``cap`` is below 1 or the time zone unknown.

    Examples
    --------
    >>> ChatView(stream, nick="ada")  # doctest: +SKIP
    """

    def __init__(
        self,
        stream: Any,
        nick: str = "",
        *,
        bucket: str = "irc",
        scope: str | None = None,
        cap: int = 500,
        recent: int = 2_000,
        title: str = "",
        height: int = 560,
        timezone: str | None = None,
        key: str = "chat",
    ) -> None:
        feed = _OneBucket(stream.follow(private=True), bucket) if isinstance(stream, _Followed) else stream
        source = as_source(feed, key)
        part = ChatPart(nick, bucket, cap, stream if isinstance(stream, SendingStream) else None, scope)
        self._chat_part = part
        try:
            super().__init__(
                [Wire(source, (part,), recent)], draws=["chat"], title=title, height=height, timezone=timezone
            )
        except BaseException:
            part.close()
            raise

    @property
    def state(self) -> ChatPart:
        """The panel with the state of the chat."""
        return self._chat_part

    def stop(self, why: str = "") -> None:
        self._chat_part.close()
        super().stop(why)
