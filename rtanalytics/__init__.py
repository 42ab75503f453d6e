"""Record, replay and explore what a conference says online, and compare trending-topic algorithms.

>>> import rtanalytics as rta
>>> recording = rta.open_recording("juniperconf-2026")
>>> rta.trends(recording, bin="1h", top=3)[0].label
'#firstcoffee'

Each name is imported when it is first used, so that ``import rtanalytics`` takes a few milliseconds.
Everything else is one module away: ``from rtanalytics.plot import volume``.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtanalytics.api import compare, open_recording, open_stream, play, trends, write_report
    from rtanalytics.archive import Recording
    from rtanalytics.event import Event
    from rtanalytics.results import Trends
    from rtanalytics.schedule import Schedule, Talk
    from rtanalytics.settings import Settings, TopicFilter
    from rtanalytics.trend import Trend
    from rtanalytics.widgets import Dashboard

__all__ = [
    "Dashboard",
    "Event",
    "Recording",
    "Schedule",
    "Settings",
    "Talk",
    "TopicFilter",
    "Trend",
    "Trends",
    "compare",
    "open_recording",
    "open_stream",
    "play",
    "trends",
    "write_report",
]

__version__ = "0.1.0"

_HOMES = {
    "api": ("compare", "open_recording", "open_stream", "play", "trends", "write_report"),
    "archive": ("Recording",),
    "event": ("Event",),
    "results": ("Trends",),
    "schedule": ("Schedule", "Talk"),
    "settings": ("Settings", "TopicFilter"),
    "trend": ("Trend",),
    "widgets": ("Dashboard",),
}


if not TYPE_CHECKING:  # a type checker knows the names from above, and so finds a misspelt one

    def __getattr__(name: str) -> object:
        for home, names in _HOMES.items():
            if name in names:
                value = getattr(import_module(f"{__name__}.{home}"), name)
                globals()[name] = value
                return value
        raise AttributeError(_unknown(name))

    def _unknown(name: str) -> str:
        from difflib import get_close_matches

        close = get_close_matches(name, __all__, 1)
        return f"module {__name__!r} has no attribute {name!r}" + (
            f"; did you mean {close[0]!r}?" if close else ""
        )


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
