"""The command line: where input and analysis meet.

Exit status: 0 done, 1 it could not be done (one line says why), 2 wrong usage, 130 ended by Ctrl-C.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

__all__ = ["main"]


def main() -> None:
    """Run a command; what cannot be done is said in one line."""
    # while the libraries are imported nothing is under way, and many of them turn an interrupt in
    # their midst into an error of their own
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    from rtanalytics.cli.commands import app
    from rtanalytics.cli.terminal import safe

    interrupted = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        interrupted = True
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, interrupt)
    try:
        app()
    except BrokenPipeError:
        # whoever read our output has stopped, as `head` does; nothing of it is left to be flushed
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except KeyboardInterrupt:  # it came before the library of the command line looked out for it
        sys.exit(130)
    except Exception as error:
        if interrupted:  # commands import what they need: the same again
            os._exit(130)
        if not isinstance(error, expected_errors()):
            raise
        message = " ".join(safe(str(error)).split())
        print(f"rtanalytics: {message}", file=sys.stderr)
        sys.exit(1)


def expected_errors() -> tuple[type[Exception], ...]:
    """What can go wrong without a mistake of ours; only what has been imported can have been raised."""
    from rtanalytics.cli.terminal import Failed

    names = (
        ("rtanalytics.archive", "ArchiveError"),
        ("rtanalytics.extras", "MissingExtraError"),
        ("rtanalytics.importers", "ImporterError"),
        ("rtanalytics.conference", "ConferenceError"),
        ("rtanalytics.schedules.common", "ScheduleError"),
        ("rtanalytics.series", "SeriesError"),
        ("rtanalytics.sources.base", "SourceError"),
        ("rtanalytics.streams", "StreamError"),
        ("rtanalytics.streams.server", "ServerError"),
    )
    found = [getattr(sys.modules[m], n) for m, n in names if m in sys.modules and hasattr(sys.modules[m], n)]
    return (Failed, OSError, *found)
