"""Record, replay and explore what a conference says online, and compare trending-topic algorithms.

The names below are the public ones that most programs need; each is imported when it is first
used, so that ``import rtanalytics`` costs next to nothing. Everything else is one module away:
``from rtanalytics.replay import …``.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtanalytics.clock import Clock, PacedClock, WallClock
    from rtanalytics.conference import Conference, ConferenceError, read_conference
    from rtanalytics.event import Author, Event, Ingest, Media
    from rtanalytics.feed import Delivery, Feed, Recording, Reset, Snapshot, Status, Watermark, as_feed
    from rtanalytics.schedule import ReferenceTopic, Schedule, Talk, read_truth

__all__ = [
    "Author",
    "Clock",
    "Conference",
    "ConferenceError",
    "Delivery",
    "Event",
    "Feed",
    "Ingest",
    "Media",
    "PacedClock",
    "Recording",
    "ReferenceTopic",
    "Reset",
    "Schedule",
    "Snapshot",
    "Status",
    "Talk",
    "WallClock",
    "Watermark",
    "as_feed",
    "read_conference",
    "read_truth",
]

__version__ = "0.1.0.dev0"

_HOMES = {
    "clock": ("Clock", "PacedClock", "WallClock"),
    "conference": ("Conference", "ConferenceError", "read_conference"),
    "event": ("Author", "Event", "Ingest", "Media"),
    "feed": ("Delivery", "Feed", "Recording", "Reset", "Snapshot", "Status", "Watermark", "as_feed"),
    "schedule": ("ReferenceTopic", "Schedule", "Talk", "read_truth"),
}


if not TYPE_CHECKING:  # a type checker knows the names from above, and so finds a misspelt one

    def __getattr__(name: str) -> object:
        for home, names in _HOMES.items():
            if name in names:
                value = getattr(import_module(f"{__name__}.{home}"), name)
                globals()[name] = value  # asked once
                return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
