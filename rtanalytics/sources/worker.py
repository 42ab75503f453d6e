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

from rtanalytics.sources.base import Malformed, Meta, Parsed, Transient, printable

__all__ = ["ParseWorker"]

MAX_MEMORY = 220_000_000
"""Bytes of data that the child may have (where the system can hold it to that)."""

START = timedelta(seconds=30)
"""For the child to start: a busy machine is not the document's fault."""

_LENGTH = struct.Struct("!QQ")
_OK, _MALFORMED, _FAILED = b"P", b"M", b"F"


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
        """What the target makes of the bytes.

        Raises
        ------
        Malformed
            If it says so, exceeds its budget, needs too much memory, or fails in a way that its
            author did not foresee.
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
            raise Malformed(f"parsing ended its process (status {status})", raw) from None
        except asyncio.CancelledError:
            await self.close()  # half of an answer may be in the pipe
            raise
        if kind == _OK:
            return msgspec.msgpack.decode(answer, type=Parsed)
        raise Malformed(answer.decode(), raw)

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
    child.stdin.write(body)
    await child.stdin.drain()


async def _receive(child: asyncio.subprocess.Process) -> tuple[bytes, bytes]:
    if child.stdout is None:
        raise ConnectionError("the child has no output")
    head, body = _LENGTH.unpack(await child.stdout.readexactly(_LENGTH.size))
    return await child.stdout.readexactly(head), await child.stdout.readexactly(body)


def serve() -> None:
    """The child: read a document, answer with what it says, until the parent is gone."""
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
        return _OK, msgspec.msgpack.encode(parse(raw, meta))
    except Malformed as error:
        return _MALFORMED, str(error).encode("utf-8", "replace")
    except MemoryError:
        return _FAILED, b"parsing needed too much memory"
    except Exception as error:  # noqa: BLE001  # a document must not stop its source, whatever it does to us
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{os.path.basename(last.filename)}:{last.lineno}"  # noqa: PTH119  # a name from a traceback
        text = f"the parser failed: {type(error).__name__}: {error} ({where})"
        return _FAILED, printable(text).encode("utf-8", "replace")


def _write(output: BinaryIO, kind: bytes, answer: bytes) -> None:
    output.write(_LENGTH.pack(len(kind), len(answer)) + kind + answer)
    output.flush()


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # not on Windows
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = MAX_MEMORY if hard == resource.RLIM_INFINITY else min(MAX_MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
