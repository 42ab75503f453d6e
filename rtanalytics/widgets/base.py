"""The widget that all views are: it draws parts that a reader feeds, and stops when replaced."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import anywidget
import traitlets

from rtanalytics.feed import Feed
from rtanalytics.live import StatusLine, status_line, view_time
from rtanalytics.live.status import iso
from rtanalytics.schedule import Schedule
from rtanalytics.widgets import fallback
from rtanalytics.widgets.panels import Part
from rtanalytics.widgets.reader import PACER, Reader

__all__ = ["View", "Wire", "checked_mute", "open_views"]

_STATIC = Path(__file__).parent / "static"
_SCRIPTS = ("dom.js", "controls.js", "feed.js", "trending.js", "talks.js", "chat.js", "view.js")
_CONTROLS = ("pause", "resume", "seek", "speed")
_CLOCK = 0.5
_ALIVE = 5.0
"""Seconds after which a view that has nothing to say says so; a front end that hears nothing for
three times as long knows that the kernel is gone."""


@dataclass(frozen=True)
class Wire:
    """A feed and the parts that it feeds; ``recent`` earlier events are asked for."""

    feed: Feed
    parts: Sequence[Part]
    recent: int = 0


class View(anywidget.AnyWidget):
    """What all views have in common.

    Parameters
    ----------
    wires : sequence of Wire
        What is read for whom; the first one's feed is the one whose status is told.
    title : str
        Stands at the top.
    height : int
        Pixels.
    timezone : str, optional
        IANA name in which times are shown; the browser's otherwise.
    schedule : Schedule, optional
        Tells whether a running stream brings a conference that is on now.
    draws : sequence of str
        Names of the parts, in the front end's words.

    Raises
    ------
    ValueError
        If the time zone is unknown.

    Notes
    -----
    One front end draws all views, from real files under ``static/``. It gets one message at most
    every 50 ms: what changed since the last one, and its number. A front end that begins, or
    that missed a number, says hello and is sent everything; it draws what it gets meanwhile.

    A view replaces an older one of the same class that shows a feed of the same key, and those
    that an earlier run of the same notebook cell made: their threads and subscriptions end.
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
        # by name, because anywidget gives every instance a class of its own
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
        self._told: dict[str, Any] = {}
        self._clock_told = 0.0
        self._said = time.monotonic()
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
                view.close() if again else view.stop("shown elsewhere in this notebook now")
        PACER.add(self)

    # -- its life --------------------------------------------------------------------------

    def _replaces(self, other: View) -> bool:
        rerun = self._cell is not None and other._cell == self._cell and other._run != self._run
        return rerun or (other._kind == self._kind and other._key == self._key)

    def stop(self, why: str = "") -> None:
        """Read no further: the thread and the subscription end, what is shown stays."""
        with self._gate:
            if self._stopped is not None:
                return
            self._stopped = {"state": "stopped", "label": "stopped", "detail": why, "at": None}
            if self in self._open:
                self._open.remove(self)
        PACER.remove(self)
        for reader, wire in zip(self._readers, (w for w in self._wires if w.parts), strict=True):
            reader.detach(wire.parts)
        self._say("patch", self._heading())

    def close(self) -> None:
        """Stop, and take the view off the page."""
        if hasattr(self, "_stopped"):  # a constructor that failed has nothing to stop
            self.stop()
        super().close()

    def __del__(self) -> None:
        # The collector calls this in whatever thread it happens to run, even in one that another
        # waits for with the gate shut, so no lock may be taken. None is needed: a view that still
        # reads is in the list of open ones and is not collected.
        super().close()

    @property
    def status(self) -> StatusLine:
        """What the status line says."""
        if self._stopped is not None:
            return self._stopped
        error = next((reader.error for reader in self._readers if reader.error is not None), None)
        return status_line(self.feed.status, error)

    # -- what it says ----------------------------------------------------------------------

    def beat(self) -> bool:
        """Send what has changed; True while there may soon be more. Called by the pacer only."""
        going = [reader.go_on() for reader in self._readers]
        changes = self._changes()
        if changes:
            self._say("patch", changes)
        if self._wanted:
            self._wanted = False
            self._say("state", self._everything())
        if time.monotonic() - self._said >= _ALIVE:
            self._say("beat", {})
        return any(going) or bool(changes)

    def _say(self, kind: str, content: dict[str, Any]) -> None:
        self._said = time.monotonic()
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
            if self._told.get(name) != value:
                self._told[name] = message[name] = value
        clock = {"now": iso(moment), "wall": on_wall}
        wall_again = on_wall and self._told.get("clock", {}).get("wall")
        due = bool(message) or time.monotonic() - self._clock_told >= _CLOCK
        if due and not wall_again and clock != self._told.get("clock"):
            self._clock_told = time.monotonic()
            self._told["clock"] = message["clock"] = clock
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

    # -- what it hears ---------------------------------------------------------------------

    def _on_message(self, _: Any, content: Any, __: Any) -> None:
        """What the front end says; it may come in any thread of the kernel."""
        if not isinstance(content, Mapping):
            return
        kind = content.get("kind")
        if kind == "hello":
            if self._stopped is not None:
                self._say("state", self._everything())
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

    # -- without a browser -----------------------------------------------------------------

    def to_html(self) -> str:
        """What is shown, as static HTML without script, everything from outside escaped."""
        moment, _ = self._moment()
        parts = [part.html(moment) for wire in self._wires for part in wire.parts]
        return fallback.page(self.title or type(self).__name__, self.status, parts)

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        for reader in self._readers:
            reader.begun.wait(0.5)  # so that a saved notebook shows what the feed had before
        data, metadata = bundle
        return {**data, "text/html": self.to_html()}, metadata


def open_views() -> list[View]:
    """The views of this process that read a feed."""
    with View._gate:
        return list(View._open)


def _cell() -> tuple[str | None, str | None]:
    """The notebook cell that runs, and which run of it this is; None where there is no cell."""
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    parent: dict[str, Any] = getattr(shell, "get_parent", dict)() or {}
    cell = parent.get("metadata", {}).get("cellId")
    return cell, parent.get("header", {}).get("msg_id")


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"timezone {name!r} is unknown; write an IANA name such as Europe/Berlin") from None


def checked_mute(mute: Iterable[str] | str) -> list[str]:
    """Handles to mute; one alone is a mistake that would mute its letters."""
    if isinstance(mute, str):
        raise TypeError(f"mute is {mute!r}; give a list of handles")
    return list(mute)
