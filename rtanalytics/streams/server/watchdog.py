"""Stop a private server when the process that owns it has ended.

Run as a script, ``watchdog.py FOLDER RUN_ID``, with a pipe from that process as standard input: a
byte means that the server has been stopped already; the end of the pipe means that the process
and its forks have ended, perhaps by SIGKILL. It blocks without polling, and imports nothing before
it is needed.
"""

import sys


def main() -> None:
    """Wait until the owning process ends, then stop the server unless a byte was received."""
    if sys.stdin.buffer.read(1):
        return
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).parents[3]))
    from rtanalytics.streams.server import stop_server

    stop_server(Path(sys.argv[1]), run_id=sys.argv[2])


if __name__ == "__main__":
    main()
