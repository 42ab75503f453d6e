"""Functions that run in a process of their own and send back messages and a result."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from rtanalytics.ingest.processes import start_shielded
from rtanalytics.session.errors import SessionError, expected_errors

__all__ = ["Worker"]


class Worker:
    """A spawned process that runs a function and returns its result, or the reason for its failure.

    Messages are kept in order until :meth:`poll` returns them, also those that arrive while
    :meth:`result` waits.

    Parameters
    ----------
    work : callable
        A function of a module. Its first argument is a function that sends a message to this
        process. Poll for messages, or a full pipe will block the function.
    *args
        Its further arguments.
    """

    def __init__(self, work: Callable[..., Any], *args: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe(duplex=False)
        self._process = context.Process(target=_run, args=(theirs, work, args), daemon=True)
        self._theirs = theirs
        self._messages: list[Any] = []
        self._end: tuple[str, Any] | None = None

    def start(self) -> None:
        """Start the process."""
        start_shielded(self._process)
        self._theirs.close()

    def poll(self) -> list[Any]:
        """Return the messages since the last call, without waiting.

        Raises
        ------
        SessionError
            If the process has failed, because no more messages will come.
        """
        while self._end is None and self._ours.poll():
            self._receive()
        if self._end is not None and self._end[0] == "failed":
            self.result()
        messages, self._messages = self._messages, []
        return messages

    def result(self) -> Any:
        """Wait for the end of the process and return its result.

        Raises
        ------
        SessionError
            If the process has failed.
        """
        while self._end is None:
            self._receive()
        self._process.join()
        kind, value = self._end
        if kind == "failed":
            raise SessionError(str(value))
        return value

    def _receive(self) -> None:
        """Wait for a message or the end."""
        try:
            kind, value = self._ours.recv()
        except EOFError:
            self._process.join()
            kind = "failed"
            value = f"a process ended with status {self._process.exitcode} and without a result"
        if kind == "message":
            self._messages.append(value)
        else:
            self._end = (kind, value)


def _run(pipe: Connection, work: Callable[..., Any], args: tuple[Any, ...]) -> None:
    try:
        end = ("done", work(lambda message: pipe.send(("message", message)), *args))
    except Exception as error:
        if not isinstance(error, expected_errors()):
            raise
        end = ("failed", str(error))
    pipe.send(end)
