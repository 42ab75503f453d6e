"""Parsing in a process of its own, which is killed when it takes too long or too much.

Libraries that read what strangers wrote can be made to work for a minute on a megabyte. So the
bytes go to a child over a pipe, and the events come back; a child that exceeds its budget is
killed and replaced, and the source goes on. The child is a plain subprocess: it needs no
permission to have children of its own, and ends by itself when its parent is gone.
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
"""Bytes of data that the child may have (where the system can hold it to that)."""

MAX_ANSWER, MAX_ITEMS = 45_000_000, 45_000
"""Bytes and events of what a document says: whoever receives it takes several times as much."""

GROWN = 4_000_000
"""Bytes of a document or of what it says, from which on a child keeps more memory than it is worth."""

_SLICE = 1_000_000
_FEWER = "if there is an address that gives fewer items, write that one"

START = timedelta(seconds=30)
"""For the child to start: a busy machine is not the document's fault."""

_LENGTH = struct.Struct("!QQ")
_OK, _MALFORMED, _LARGE, _FAILED = b"P", b"M", b"L", b"F"


class ParseWorker:
    """A child that parses, started when it is first needed.

    Parameters
    ----------
    target : str
        ``module:function`` of a ``parse(raw: bytes, meta: Meta) -> Parsed``.
    budget : timedelta
        The time one document may take, on the clock.
    """

    def __init__(self, target: str, budget: timedelta = timedelta(seconds=2)) -> None:
        self._target = target
        self._budget = budget
        self._child: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """The child's process id, if there is one now."""
        return None if self._child is None else self._child.pid

    async def parse(self, raw: bytes, meta: Meta) -> Parsed:
        """Parse the bytes in the child process.

        Raises
        ------
        TooLarge
            If it needs too much memory, or says too much to be taken at once.
        Malformed
            If it says so, exceeds its budget, or fails in a way that its author did not foresee.
        Transient
            If the child cannot be started.
        """
        child = await self._started()
        try:
            async with asyncio.timeout(self._budget.total_seconds()):
                head = msgspec.json.encode(meta)
                await _send(child, head, raw)
                kind, answer = await _receive(child)
        except TimeoutError:
            await self.close()
            raise Malformed(
                f"parsing took more than {self._budget.total_seconds():g} s and was stopped; "
                "if the document is sound, raise the source's budget",
                raw,
            ) from None
        except (asyncio.IncompleteReadError, ConnectionError):
            status = await child.wait()
            self._child = None
            ended = f"parsing ended its process (status {status})"
            if len(raw) > GROWN:  # not every library lives to say so
                raise TooLarge(f"{ended}; {_too_large(len(raw))}", raw) from None
            raise Malformed(ended, raw) from None
        except asyncio.CancelledError:
            await self.close()  # half of an answer may be in the pipe
            raise
        if kind == _LARGE or max(len(raw), len(answer)) > GROWN:
            await self.close()  # before we take several times as much for what it says
        if kind == _OK:
            return msgspec.msgpack.decode(answer, type=Parsed)
        raise (TooLarge if kind == _LARGE else Malformed)(answer.decode(), raw)

    async def close(self) -> None:
        """End the child."""
        child, self._child = self._child, None
        if child is not None:
            if child.returncode is None:
                child.kill()
            await child.wait()
            if child.stdout is not None:
                await child.stdout.read()  # to its end, so that the loop lets go of the pipe

    async def _started(self) -> asyncio.subprocess.Process:
        if self._child is not None and self._child.returncode is None:
            return self._child
        await self.close()
        # The child finds this package where we found it, installed or not.
        paths = os.pathsep.join(p for p in sys.path if p)
        self._child = child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            "from rtanalytics.sources.worker import serve; serve()",
            self._target,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            process_group=0,  # Ctrl-C is for us; the child ends with its input
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
    for start in range(0, len(body), _SLICE):  # what cannot be written yet is copied
        child.stdin.write(body[start : start + _SLICE])
        await child.stdin.drain()


async def _receive(child: asyncio.subprocess.Process) -> tuple[bytes, bytes]:
    if child.stdout is None:
        raise ConnectionError("the child has no output")
    head, body = _LENGTH.unpack(await child.stdout.readexactly(_LENGTH.size))
    return await child.stdout.readexactly(head), await child.stdout.readexactly(body)


def serve() -> None:
    """Serve as the child process: parse documents until the parent is gone."""
    # What a library prints must not get between the answers.
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
            _write(output, *_answer(parse, requests.read(body), meta))


def _answer(parse: Any, raw: bytes, meta: Meta) -> tuple[bytes, bytes]:
    try:
        parsed = parse(raw, meta)
        items, answer = len(parsed.events) + len(parsed.rejects), msgspec.msgpack.encode(parsed)
    except Malformed as error:
        return _MALFORMED, str(error).encode("utf-8", "replace")
    except MemoryError:
        return _LARGE, _too_large(len(raw)).encode()
    except Exception as error:  # noqa: BLE001  # a document must not stop its source, whatever it does to us
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{os.path.basename(last.filename)}:{last.lineno}"  # noqa: PTH119  # a name from a traceback
        text = f"the parser failed: {type(error).__name__}: {error} ({where})"
        return _FAILED, printable(text).encode("utf-8", "replace")
    if items > MAX_ITEMS or len(answer) > MAX_ANSWER:
        said = f"it says {items:,} items in {len(answer):,} bytes"
        most = f"at once {MAX_ITEMS:,} in {MAX_ANSWER:,} bytes can be taken"
        return _LARGE, f"{said}; {most}; {_FEWER}".encode()
    return _OK, answer


def _too_large(size: int) -> str:
    return f"its {size:,} bytes need more memory than a parser may have ({MAX_MEMORY:,} bytes); {_FEWER}"


def _write(output: BinaryIO, kind: bytes, answer: bytes) -> None:
    output.write(_LENGTH.pack(len(kind), len(answer)) + kind)
    output.write(answer)  # by itself: there may be no memory for a copy
    output.flush()


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # not on Windows
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = MAX_MEMORY if hard == resource.RLIM_INFINITY else min(MAX_MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
