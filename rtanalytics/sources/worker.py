"""Parsing in a child process, which is killed when it takes too much time or memory.

A malicious document of a megabyte can keep a parser busy for a minute. So a child process receives the bytes
over a pipe and sends the events back; a child that exceeds its budget is killed and replaced. It is a plain
subprocess, because a daemonic process may start no other kind, and it ends when its parent has ended.
"""

from __future__ import annotations

import asyncio
import os
import struct
import sys
import traceback
from datetime import timedelta
from importlib import import_module
from typing import Any, BinaryIO

import msgspec

from rtanalytics.sources.base import Malformed, Meta, Parsed, TooLarge, Transient, printable

__all__ = ["ParseWorker"]

MAX_MEMORY = 190_000_000
"""Largest number of bytes of data of the child (on systems that can limit it)."""

MAX_RESPONSE, MAX_ITEMS = 45_000_000, 45_000
"""Bytes and items of a response; decoding it takes several times as much memory."""

LARGE = 4_000_000
"""Bytes of a document or response after which the child is restarted, to release its memory."""

_SLICE = 1_000_000
_FEWER = "use an address that gives fewer items, if there is one"

START = timedelta(seconds=30)
"""Longest time to start the child; not part of the budget, because the machine may be busy."""

_LENGTH = struct.Struct("!QQ")
_OK, _MALFORMED, _LARGE, _FAILED = b"P", b"M", b"L", b"F"


class ParseWorker:
    """Child process that parses documents, started when it is first needed.

    Parameters
    ----------
    target : str
        ``module:function`` of a ``parse(raw: bytes, meta: Meta) -> Parsed``.
    budget : timedelta
        Longest time for one document (wall-clock time).
    """

    def __init__(self, target: str, budget: timedelta = timedelta(seconds=2)) -> None:
        self._target = target
        self._budget = budget
        self._child: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the child, or None if none is running."""
        return None if self._child is None else self._child.pid

    async def parse(self, raw: bytes, meta: Meta) -> Parsed:
        """Parse a document in the child process.

        Raises
        ------
        TooLarge
            If it needs too much memory, or its response is too large.
        Malformed
            If the parser raises it, fails with another error, or exceeds its budget.
        Transient
            If the child cannot be started.
        """
        child = await self._started()
        try:
            async with asyncio.timeout(self._budget.total_seconds()):
                head = msgspec.json.encode(meta)
                await _send(child, head, raw)
                kind, response = await _receive(child)
        except TimeoutError:
            await self.close()
            raise Malformed(
                f"parsing took more than {self._budget.total_seconds():g} s and was stopped; "
                "if the document is valid, increase the source's budget",
                raw,
            ) from None
        except (asyncio.IncompleteReadError, ConnectionError):
            status = await child.wait()
            self._child = None
            ended = f"the parser's process ended (status {status})"
            if len(raw) > LARGE:  # some libraries crash instead of raising MemoryError
                raise TooLarge(f"{ended}; {_too_large(len(raw))}", raw) from None
            raise Malformed(ended, raw) from None
        except asyncio.CancelledError:
            await self.close()  # part of a response may be in the pipe
            raise
        if kind == _LARGE or max(len(raw), len(response)) > LARGE:
            await self.close()  # before decoding, which takes several times as much memory
        if kind == _OK:
            return msgspec.msgpack.decode(response, type=Parsed)
        raise (TooLarge if kind == _LARGE else Malformed)(response.decode(), raw)

    async def close(self) -> None:
        """Kill the child process."""
        child, self._child = self._child, None
        if child is not None:
            if child.returncode is None:
                child.kill()
            await child.wait()
            if child.stdout is not None:
                await child.stdout.read()  # to its end, so that the event loop closes the pipe

    async def _started(self) -> asyncio.subprocess.Process:
        if self._child is not None and self._child.returncode is None:
            return self._child
        await self.close()
        # The child must find this package even if it is not installed.
        paths = os.pathsep.join(p for p in sys.path if p)
        self._child = child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            "from rtanalytics.sources.worker import serve; serve()",
            self._target,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            process_group=0,  # Ctrl-C reaches only the parent; the child ends with its input
            env={**os.environ, "PYTHONPATH": paths},
        )
        try:
            async with asyncio.timeout(START.total_seconds()):
                await _receive(child)
        except (TimeoutError, asyncio.IncompleteReadError, ConnectionError) as error:
            await self.close()
            raise Transient(f"the parser of {self._target} did not start: {type(error).__name__}") from None
        except asyncio.CancelledError:
            await self.close()
            raise
        return child


async def _send(child: asyncio.subprocess.Process, head: bytes, body: bytes) -> None:
    if child.stdin is None:
        raise ConnectionError("the child has no input")
    child.stdin.write(_LENGTH.pack(len(head), len(body)) + head)
    for start in range(0, len(body), _SLICE):  # in slices, because write() copies what cannot be sent yet
        child.stdin.write(body[start : start + _SLICE])
        await child.stdin.drain()


async def _receive(child: asyncio.subprocess.Process) -> tuple[bytes, bytes]:
    if child.stdout is None:
        raise ConnectionError("the child has no output")
    head, body = _LENGTH.unpack(await child.stdout.readexactly(_LENGTH.size))
    return await child.stdout.readexactly(head), await child.stdout.readexactly(body)


def serve() -> None:
    """Run as the child process: parse documents until the parent has ended."""
    # Output that a library prints must not mix with the responses.
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    module, _, name = sys.argv[1].partition(":")
    parse = getattr(import_module(module), name)
    _limit_memory()
    with output, os.fdopen(os.dup(0), "rb") as requests:
        _write(output, b"", b"")
        while True:
            lengths = requests.read(_LENGTH.size)
            if len(lengths) < _LENGTH.size:
                return
            head, body = _LENGTH.unpack(lengths)
            meta = msgspec.json.decode(requests.read(head), type=Meta)
            _write(output, *_respond(parse, requests.read(body), meta))


def _respond(parse: Any, raw: bytes, meta: Meta) -> tuple[bytes, bytes]:
    try:
        parsed = parse(raw, meta)
        items, response = len(parsed.events) + len(parsed.rejects), msgspec.msgpack.encode(parsed)
    except Malformed as error:
        return _MALFORMED, str(error).encode("utf-8", "replace")
    except MemoryError:
        return _LARGE, _too_large(len(raw)).encode()
    except Exception as error:  # noqa: BLE001  # no document may stop its source
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{os.path.basename(last.filename)}:{last.lineno}"  # noqa: PTH119  # a name from a traceback
        text = f"the parser failed: {type(error).__name__}: {error} ({where})"
        return _FAILED, printable(text).encode("utf-8", "replace")
    if items > MAX_ITEMS or len(response) > MAX_RESPONSE:
        size = f"{items:,} items in {len(response):,} bytes"
        limit = f"the limit is {MAX_ITEMS:,} items in {MAX_RESPONSE:,} bytes"
        return _LARGE, f"{size}; {limit}; {_FEWER}".encode()
    return _OK, response


def _too_large(size: int) -> str:
    return f"its {size:,} bytes need more memory than the limit of {MAX_MEMORY:,} bytes; {_FEWER}"


def _write(output: BinaryIO, kind: bytes, response: bytes) -> None:
    output.write(_LENGTH.pack(len(kind), len(response)) + kind)
    output.write(response)  # separately: there may be no memory for a copy
    output.flush()


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = MAX_MEMORY if hard == resource.RLIM_INFINITY else min(MAX_MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
