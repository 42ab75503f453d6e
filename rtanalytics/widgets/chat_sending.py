"""From what a person types to packets in the outbox, in a thread of its own."""

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

HELP = "known are /me, /join, /part, /topic, /nick and /msg; // at the beginning sends a slash"

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
    """What a typed text asks for, as LeafyChat's packets.

    Parameters
    ----------
    text : str
        As typed: a line, several lines, or a command.
    room : str
        Which room it was typed in.

    Raises
    ------
    ValueError
        If it is no command that is known, or says too little or too much; the message is for the
        person.

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
        raise ValueError(f"{len(lines)} lines at once are too many for a chat; {_LINES} are allowed")
    if lines and not room:
        raise ValueError("there is no room to say it in; write /join #room first")
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
        raise ValueError(f"/{word[:40]} is not known here; {HELP}")
    raise ValueError(f"/{word} says too little: {HELP}")


class Sender:
    """Hands packets in, each under its key until it is known that it is in, for half a minute.

    Parameters
    ----------
    stream : SendingStream
        Stream that receives the packets.
    bucket : str
        Whose.
    scope : str, optional
        Of which source; that of the only one that runs for the bucket, unless given.
    failed : callable
        Told the key and the reason of what could not be handed in.
    learnt : callable
        Told what the source says about itself, every few seconds.
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
        """Hand a packet in soon."""
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
                self._hand_in(*item)
            if time.monotonic() - looked >= _LOOK and not self._closed.is_set():
                self._look()
                looked = time.monotonic()

    def _hand_in(self, key: str, packet: dict[str, str]) -> None:
        until = time.monotonic() + _TRIED_FOR
        while True:
            try:
                self._stream.outbox.send(self._bucket, self._where(), packet, key)
            except (TypeError, ValueError, LookupError) as error:
                self._failed(key, str(error))
                return
            except Exception as error:  # noqa: BLE001
                # Transports have errors of their own, which a view does not know: the server may be
                # away for a moment. The key makes trying again harmless.
                if self._closed.is_set() or time.monotonic() >= until:
                    log.warning("a line could not be handed in: %s", error)
                    self._failed(key, str(error))
                    return
                self._closed.wait(0.3)
            else:
                return

    def _where(self) -> str:
        if self._scope is None:
            found = self._sources()
            if len(found) != 1:
                names = ", ".join(repr(str(fields["scope"])) for fields in found) or "none runs"
                raise LookupError(f"which source sends? For bucket {self._bucket!r}: {names}; give scope=")
            self._scope = str(found[0]["scope"])
        return self._scope

    def _sources(self) -> list[dict[str, object]]:
        told = (fields for name, fields in self._stream.health.read().items() if name.startswith("source:"))
        return [
            fields
            for fields in told
            if fields.get("bucket") == self._bucket
            and "scope" in fields
            and self._scope in (None, fields["scope"])
        ]

    def _look(self) -> None:
        try:
            found: list[dict[str, Any]] = self._sources()
        except Exception as error:  # noqa: BLE001
            # as above: the view's status line says that the server is away
            log.debug("the health of the source is not known: %s", error)
            return
        if len(found) == 1:
            self._learnt(found[0])
        else:
            self._learnt({"state": "missing" if not found else "many"})
