"""Submit typed messages and commands to the outbox, in a thread."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

__all__ = ["Sender", "SendingStream", "packets"]

log = logging.getLogger(__name__)

HELP = "commands: /me, /join, /part, /topic, /nick and /msg; begin with // to send a slash"

_TRIED_FOR = 30.0
_LOOK = 5.0
_LINES = 20


class Outbox(Protocol):
    """Packets waiting to be sent."""

    def send(self, bucket: str, scope: str, packet: Mapping[str, str], key: str = "") -> str:
        """Submit a packet; submitting it again under the same key adds nothing."""
        ...


class HealthBoard(Protocol):
    """The latest health of each process."""

    def read(self) -> dict[str, dict[str, object]]:
        """Return the health of each process by its name."""
        ...


@runtime_checkable
class SendingStream(Protocol):
    """A stream to which packets can be submitted."""

    @property
    def outbox(self) -> Outbox:
        """Packets waiting to be sent."""
        ...

    @property
    def health(self) -> HealthBoard:
        """Health of the processes."""
        ...


def packets(text: str, room: str) -> list[dict[str, str]]:
    """Convert a typed text to packets of LeafyChat.

    Parameters
    ----------
    text : str
        One line, several lines, or a command.
    room : str
        The selected room.

    Raises
    ------
    ValueError
        If the command is unknown or incomplete, or the text has too many lines.

    Examples
    --------
    >>> packets("/me waves", "#python")
    [{'type': 'action', 'to': '#python', 'body': 'waves'}]
    """
    if text.startswith("/") and not text.startswith("//"):
        return [_command(text, room)]
    lines = [line.strip() for line in text.removeprefix("/" if text.startswith("//") else "").splitlines()]
    lines = [line for line in lines if line]
    if len(lines) > _LINES:
        raise ValueError(f"{len(lines)} lines are too many for one message (at most {_LINES})")
    if lines and not room:
        raise ValueError("no room selected (first write /join #room)")
    return [{"type": "message", "to": room, "body": line} for line in lines]


def _command(text: str, room: str) -> dict[str, str]:
    word, _, rest = text[1:].partition(" ")
    word, rest = word.lower(), " ".join(rest.split())
    first, _, more = rest.partition(" ")
    here = first[:1] in ("#", "&", "+", "!") and bool(first)
    if word == "me" and rest and room:
        return {"type": "action", "to": room, "body": rest}
    if word in ("join", "j") and first:
        return {"type": "join", "to": first if here else f"#{first}", "body": more}
    if word in ("part", "leave"):
        if here or room:
            return {"type": "part", "to": first if here else room, "body": more if here else rest}
    elif word == "topic" and rest and room:
        return {"type": "topic", "to": room, "body": rest}
    elif word == "nick" and first:
        return {"type": "nick", "to": "", "body": first}
    elif word in ("msg", "query") and more:
        return {"type": "message", "to": first, "body": more}
    elif word not in ("me", "join", "j", "topic", "nick", "msg", "query"):
        raise ValueError(f"unknown command /{word[:40]} ({HELP})")
    raise ValueError(f"incomplete command /{word} ({HELP})")


class Sender:
    """Submits packets; each is retried under its key for at most 30 seconds.

    Parameters
    ----------
    stream : SendingStream
        Stream that receives the packets.
    bucket : str
        Bucket of the packets.
    scope : str, optional
        Scope of the source; by default that of the only running source of the bucket.
    failed : callable
        Called with the key and the reason if a packet could not be submitted.
    learnt : callable
        Called with the health of the source, every few seconds.
    """

    def __init__(
        self,
        stream: SendingStream,
        bucket: str,
        scope: str | None,
        failed: Callable[[str, str], None],
        learnt: Callable[[Mapping[str, object]], None],
    ) -> None:
        self._stream, self._bucket, self._scope = stream, bucket, scope
        self._failed, self._learnt = failed, learnt
        self._queue: queue.Queue[tuple[str, dict[str, str]] | None] = queue.Queue()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rtanalytics-chat", daemon=True)
        self._thread.start()

    def send(self, key: str, packet: dict[str, str]) -> None:
        """Submit a packet in the thread."""
        self._queue.put((key, packet))

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        self._queue.put(None)

    def _run(self) -> None:
        self._look()
        looked = time.monotonic()
        while not self._closed.is_set():
            item = None
            with contextlib.suppress(queue.Empty):
                item = self._queue.get(timeout=max(0.05, _LOOK - (time.monotonic() - looked)))
            if item is not None:
                self._submit(*item)
            if time.monotonic() - looked >= _LOOK and not self._closed.is_set():
                self._look()
                looked = time.monotonic()

    def _submit(self, key: str, packet: dict[str, str]) -> None:
        until = time.monotonic() + _TRIED_FOR
        while True:
            try:
                self._stream.outbox.send(self._bucket, self._where(), packet, key)
            except (TypeError, ValueError, LookupError) as error:
                self._failed(key, str(error))
                return
            except Exception as error:  # noqa: BLE001
                # The errors of transports are unknown here, and the server may be unavailable for a
                # moment. Because of the key, retrying adds nothing twice.
                if self._closed.is_set() or time.monotonic() >= until:
                    log.warning("a message could not be submitted: %s", error)
                    self._failed(key, str(error))
                    return
                self._closed.wait(0.3)
            else:
                return

    def _where(self) -> str:
        if self._scope is None:
            found = self._sources()
            if len(found) != 1:
                names = ", ".join(repr(str(fields["scope"])) for fields in found) or "none is running"
                raise LookupError(f"several or no sources for bucket {self._bucket!r}: {names} (give scope=)")
            self._scope = str(found[0]["scope"])
        return self._scope

    def _sources(self) -> list[dict[str, object]]:
        health = (fields for name, fields in self._stream.health.read().items() if name.startswith("source:"))
        return [
            fields
            for fields in health
            if fields.get("bucket") == self._bucket
            and "scope" in fields
            and self._scope in (None, fields["scope"])
        ]

    def _look(self) -> None:
        try:
            found: list[dict[str, Any]] = self._sources()
        except Exception as error:  # noqa: BLE001
            # as above: the status line shows that the server is unavailable
            log.debug("reading the health of the source failed: %s", error)
            return
        if len(found) == 1:
            self._learnt(found[0])
        else:
            self._learnt({"state": "missing" if not found else "many"})
