"""Stops a private server when the process that it belongs to is gone.

Run as a script of its own, ``watchdog.py FOLDER RUN_ID``, with a pipe from that process as its
standard input: a byte means that the server has been stopped already, the end of the pipe that
the process has died, be it by SIGKILL, and its forks with it. It waits in the kernel, not in a
loop, and imports nothing before there is something to do.
"""

import sys


def main() -> None:
    """Wait for the owner's end, and stop the server unless told that it is done."""
    if sys.stdin.buffer.read(1):
        return
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).parents[3]))
    from rtanalytics.streams.server import stop_server

    stop_server(Path(sys.argv[1]), run_id=sys.argv[2])


if __name__ == "__main__":
    main()
