"""The command line: it parses arguments, calls :mod:`rtanalytics.session` and prints.

Exit status: 0 success, 1 failure (one line on stderr gives the reason), 2 wrong usage, 130 Ctrl-C.
"""

from __future__ import annotations

import os
import signal
import sys
import warnings
from types import FrameType
from typing import Any

__all__ = ["main"]


def main() -> None:
    """Run a command; print an expected error as one line."""
    # many libraries turn an interrupt during their import into an error of their own
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    from rtanalytics.cli.commands import app
    from rtanalytics.session.errors import expected_errors

    interrupted = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        interrupted = True
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, interrupt)
    warnings.showwarning = _show_warning
    try:
        app()
    except BrokenPipeError:
        # the reader of our output has stopped, as `head` does; nothing may be left to flush
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except KeyboardInterrupt:  # before typer handles it
        sys.exit(130)
    except Exception as error:
        if interrupted:  # Ctrl-C during an import of a command can surface as another exception
            os._exit(130)
        if not isinstance(error, expected_errors()):
            raise
        _print("", error)
        sys.exit(1)


def _show_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: Any, **__: Any
) -> None:
    if issubclass(category, UserWarning):
        _print("warning: ", message)
    else:
        sys.stderr.write(warnings.formatwarning(message, category, filename, lineno))


def _print(kind: str, message: object) -> None:
    from rtanalytics.cli.terminal import safe

    print(f"rtanalytics: {kind}{' '.join(safe(str(message)).split())}", file=sys.stderr)
