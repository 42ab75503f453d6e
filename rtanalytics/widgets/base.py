"""Base class of all views: a widget that draws panels and stops when it is replaced."""

from __future__ import annotations

import inspect
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import anywidget
import traitlets

from rtanalytics.feed import Feed
from rtanalytics.live import StatusLine, status_line, view_time
from rtanalytics.live.status import iso
from rtanalytics.schedule import Schedule
from rtanalytics.settings import Settings, TrendOptions
from rtanalytics.widgets import fallback
from rtanalytics.widgets.panels import Part
from rtanalytics.widgets.reader import PACER, Reader

__all__ = ["View", "Wire", "checked_mute", "open_views", "trend_settings"]

_STATIC = Path(__file__).parent / "static"
_SCRIPTS = ("dom.js", "controls.js", "feed.js", "trending.js", "talks.js", "chat.js", "view.js")
_CONTROLS = ("pause", "resume", "seek", "speed")
_CLOCK = 0.5
_ALIVE = 5.0
"""Seconds after which a view without changes sends a heartbeat; without one for three times as long, the
front end reports that the kernel has stopped."""


@dataclass(frozen=True)
class Wire:
    """A feed and the panels that read it; ``recent`` is the number of earlier events to load."""

    feed: Feed
    parts: Sequence[Part]
    recent: int = 0


class View(anywidget.AnyWidget):
    """Base class of all views.

    Parameters
    ----------
    wires : sequence of Wire
        Feeds and the panels that read them; the status line shows the status of the first feed.
    title : str
        Title at the top.
    height : int
        Height in pixels.
    timezone : str, optional
        IANA name of the time zone in which times are shown; by default that of the browser.
    schedule : Schedule, optional
        Talks; they show whether a live stream contains a current or a recorded conference.
    draws : sequence of str
        Names of the panels to draw.

    Raises
    ------
    ValueError
        If the time zone is unknown.

    Notes
    -----
    One front end, from the files in ``static/``, draws all views. It receives at most one message per
    50 ms, with the changes since the last message and a number. A new front end, or one that missed a
    number, sends "hello" and receives the complete state.

    A view replaces older views of the same class on a feed with the same key, and views that an earlier
    run of the same notebook cell created; their threads and subscriptions end.
    """

    _esm = "\n".join((_STATIC / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    _css = "\n".join((_STATIC / name).read_text(encoding="utf-8") for name in ("view.css", "chat.css"))

    draws = traitlets.List(traitlets.Unicode()).tag(sync=True)
    title = traitlets.Unicode("").tag(sync=True)
    height = traitlets.Int(640).tag(sync=True)
    timezone = traitlets.Unicode("").tag(sync=True)
    replays = traitlets.Bool(False).tag(sync=True)

    _open: ClassVar[list[View]] = []
    _gate: ClassVar[threading.RLock] = threading.RLock()

    def __init__(
        self,
        wires: Sequence[Wire],
        *,
        draws: Sequence[str],
        title: str = "",
        height: int = 640,
        timezone: str | None = None,
        schedule: Schedule | None = None,
    ) -> None:
        if timezone is not None:
            _check_zone(timezone)
        feed = wires[0].feed
        # by name, because anywidget creates a class per instance
        self._kind = f"{type(self).__module__}.{type(self).__qualname__}"
        super().__init__(
            draws=list(draws),
            title=title,
            height=height,
            timezone=timezone or "",
            replays=all(hasattr(feed, name) for name in _CONTROLS),
        )
        self.feed = feed
        self._wires = list(wires)
        self._schedule = schedule
        self._cell, self._run = _cell()
        self._sent: dict[str, Any] = {}
        self._clock_sent = 0.0
        self._sent_at = time.monotonic()
        self._number = 0
        self._wanted = False
        self._stopped: StatusLine | None = None
        self._key = feed.key
        self.on_msg(self._on_message)
        with self._gate:
            replaced = [view for view in self._open if self._replaces(view)]
            for view in replaced:
                PACER.remove(view)
            old = [part for view in replaced for wire in view._wires for part in wire.parts]
            self._readers = [
                Reader.attach(wire.feed, wire.parts, wire.recent, old) for wire in wires if wire.parts
            ]
            self._open.append(self)
            for view in replaced:
                again = view._cell is not None and view._cell == self._cell
                view.close() if again else view.stop("replaced by a newer view")
        PACER.add(self)

    # -- life cycle --------------------------------------------------------------------------

    def _replaces(self, other: View) -> bool:
        rerun = self._cell is not None and other._cell == self._cell and other._run != self._run
        return rerun or (other._kind == self._kind and other._key == self._key)

    def stop(self, why: str = "") -> None:
        """Stop reading the feed; the view keeps showing its last state."""
        with self._gate:
            if self._stopped is not None:
                return
            self._stopped = {"state": "stopped", "label": "stopped", "detail": why, "at": None}
            if self in self._open:
                self._open.remove(self)
        PACER.remove(self)
        for reader, wire in zip(self._readers, (w for w in self._wires if w.parts), strict=True):
            reader.detach(wire.parts)
        self._emit("patch", self._heading())

    def close(self) -> None:
        """Stop, and remove the view from the page."""
        if hasattr(self, "_stopped"):  # after a failed constructor there is nothing to stop
            self.stop()
        super().close()

    def __del__(self) -> None:
        # The garbage collector may call this in a thread that holds or waits for the lock, so no lock
        # may be taken. None is needed: a view that still reads is in the list of open views and is
        # not collected.
        super().close()

    @property
    def status(self) -> StatusLine:
        """Content of the status line."""
        if self._stopped is not None:
            return self._stopped
        error = next((reader.error for reader in self._readers if reader.error is not None), None)
        return status_line(self.feed.status, error)

    # -- sending ----------------------------------------------------------------------

    def beat(self) -> bool:
        """Send changes; return True if more may follow soon. Only the pacer calls this."""
        going = [reader.go_on() for reader in self._readers]
        changes = self._changes()
        if changes:
            self._emit("patch", changes)
        if self._wanted:
            self._wanted = False
            self._emit("state", self._everything())
        if time.monotonic() - self._sent_at >= _ALIVE:
            self._emit("beat", {})
        return any(going) or bool(changes)

    def _emit(self, kind: str, content: dict[str, Any]) -> None:
        self._sent_at = time.monotonic()
        self._number += kind == "patch"
        self.send({"kind": kind, "v": self._number, **content})

    def _changes(self) -> dict[str, Any]:
        moment, on_wall = self._moment()
        message: dict[str, Any] = {}
        for wire in self._wires:
            for part in wire.parts:
                if (patch := part.patch(moment)) is not None:
                    message[part.name] = patch
        for name, value in self._heading().items():
            if self._sent.get(name) != value:
                self._sent[name] = message[name] = value
        clock = {"now": iso(moment), "wall": on_wall}
        wall_again = on_wall and self._sent.get("clock", {}).get("wall")
        due = bool(message) or time.monotonic() - self._clock_sent >= _CLOCK
        if due and not wall_again and clock != self._sent.get("clock"):
            self._clock_sent = time.monotonic()
            self._sent["clock"] = message["clock"] = clock
        return message

    def _everything(self) -> dict[str, Any]:
        moment, on_wall = self._moment()
        message: dict[str, Any] = {**self._heading(), "clock": {"now": iso(moment), "wall": on_wall}}
        for wire in self._wires:
            for part in wire.parts:
                if (everything := part.everything(moment)) is not None:
                    message[part.name] = everything
        return message

    def _heading(self) -> dict[str, Any]:
        heading: dict[str, Any] = {"status": {**self.status, "at": None}}
        if self.replays:
            speed = float(getattr(self.feed, "speed"))  # noqa: B009 - Feed does not have it, Replay does
            heading["replay"] = {
                "playing": self.feed.status.state == "replay",
                "speed": speed if speed < float("inf") else "max",
            }
        return heading

    def _moment(self) -> tuple[datetime, bool]:
        latest = max((r.latest for r in self._readers if r.latest is not None), default=None)
        return view_time(self.feed.status, latest, datetime.now(UTC), self._schedule)

    # -- receiving ---------------------------------------------------------------------

    def _on_message(self, _: Any, content: Any, __: Any) -> None:
        """Handle a message of the front end; it may arrive in any thread of the kernel."""
        if not isinstance(content, Mapping):
            return
        kind = content.get("kind")
        if kind == "hello":
            if self._stopped is not None:
                self._emit("state", self._everything())
            self._wanted = True
        elif kind == "replay" and self.replays and self._stopped is None:
            self._control(content)
        else:
            for wire in self._wires:
                for part in wire.parts:
                    part.command(content)
        PACER.wake()

    def _control(self, content: Mapping[str, Any]) -> None:
        feed: Any = self.feed
        action, value = content.get("action"), content.get("value")
        if action in ("pause", "resume"):
            getattr(feed, action)()
        elif action == "speed" and (value == "max" or (isinstance(value, int | float) and value > 0)):
            feed.speed = value
        elif action == "jump" and isinstance(value, int | float) and abs(value) < 1e8:
            moment, _ = self._moment()
            feed.seek(datetime.fromtimestamp(moment.timestamp() + value, UTC))

    # -- static output -----------------------------------------------------------------

    def to_html(self) -> str:
        """Return the current state as static HTML without scripts; text from outside is escaped."""
        moment, _ = self._moment()
        parts = [part.html(moment) for wire in self._wires for part in wire.parts]
        return fallback.page(self.title or type(self).__name__, self.status, parts)

    def __repr__(self) -> str:
        status = self.status
        parts = [self.title, f"{status['label']} {status['detail']}".strip()]
        parts += [part.summary() for wire in self._wires for part in wire.parts]
        return f"<{self._kind.rpartition('.')[2]} {self._key}: {', '.join(filter(None, parts))}>"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        for reader in self._readers:
            reader.begun.wait(0.5)  # so that a saved notebook contains the earlier events
        data, metadata = bundle
        return {**data, "text/html": self.to_html()}, metadata


def open_views() -> list[View]:
    """Return the open views of this process."""
    with View._gate:
        return list(View._open)


def _cell() -> tuple[str | None, str | None]:
    """Return the id of the running notebook cell and of this run; None outside of a notebook."""
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    parent: dict[str, Any] = getattr(shell, "get_parent", dict)() or {}
    cell = parent.get("metadata", {}).get("cellId")
    return cell, parent.get("header", {}).get("msg_id")


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"unknown time zone {name!r} (use an IANA name such as Europe/Berlin)") from None


def trend_settings(view: type[View], settings: Settings | None, options: TrendOptions) -> Settings:
    """Return the settings of the trends of a view, with single settings applied.

    Raises
    ------
    TypeError
        If a keyword is a misspelt parameter of the view.
    ValueError
        If a setting is unknown or invalid.
    """
    parameters = list(inspect.signature(view.__init__).parameters)
    for name in options:
        close = get_close_matches(name, parameters, 1)
        if name not in TrendOptions.__annotations__ and close:
            raise TypeError(f"unknown parameter {name!r} of {view.__name__}; did you mean {close[0]!r}?")
    return Settings.of(settings, options)


def checked_mute(mute: Iterable[str] | str) -> list[str]:
    """Return the handles to mute as a list; reject a single string."""
    if isinstance(mute, str):
        raise TypeError(f"invalid mute {mute!r} (give a list of handles)")
    return list(mute)
