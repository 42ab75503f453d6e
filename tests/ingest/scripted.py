"""A kind of source that does what a script says, a line a poll; and a stream that fails when told to."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

from rtanalytics.sources.base import Batch, SourceSpec
from rtanalytics.streams import StreamUnavailable
from rtanalytics.streams.memory import MemoryStream

SCRIPTS: dict[str, list[Any]] = {}
"""By the spec's name: batches to give, errors to raise, functions that give either, in turn."""

POLLED: dict[str, list[bytes | None]] = {}
"""The cursors it was polled with."""

CLOSED: list[str] = []


class ScriptedSpec(SourceSpec, frozen=True, kw_only=True, tag_field="type", tag="scripted"):
    """Nothing but a name, and perhaps a host that it asks."""

    asks: str | None = None


Spec = ScriptedSpec


def script(name: str, *lines: Any, **fields: Any) -> ScriptedSpec:
    SCRIPTS[name], POLLED[name] = list(lines), []
    return ScriptedSpec(name=name, **fields)


def open_source(spec: ScriptedSpec, counts: Counter[str]) -> Scripted:  # the signature of all
    return Scripted(spec.name, spec.asks, counts)


class Scripted:
    bucket = "test"

    def __init__(self, name: str, host: str | None, counts: Counter[str]) -> None:
        self.scope = self._name = name
        self.host, self._counts = host, counts

    async def poll(self, cursor: bytes | None) -> Batch:
        POLLED[self._name].append(cursor)
        if self.host is not None:
            self._counts["requests"] += 1
        if not SCRIPTS[self._name]:
            return Batch(wait=timedelta(hours=1))
        line = SCRIPTS[self._name].pop(0)
        if callable(line):
            line = line()
        if line == "hang":
            await asyncio.sleep(3600)
        if isinstance(line, BaseException):
            raise line
        return line

    async def close(self) -> None:
        CLOSED.append(self._name)


class TestedStream(MemoryStream):
    """A memory stream whose server can be away, and that remembers the states it was told.

    ``faults[method]`` is what happens at its next calls: nothing (None), the server is away
    ``before`` or ``after`` it has done its work, or it is away after a function was called.
    """

    __test__ = False

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.faults: dict[str, list[Any]] = {}
        self.states: list[str] = []

    def _at_fault(self, method: str, *args: Any, **more: Any) -> Any:
        faults = self.faults.get(method, [])
        fault = faults.pop(0) if faults else None
        if fault == "before":
            raise StreamUnavailable("away")
        told = getattr(MemoryStream, method)(self, *args, **more)
        if callable(fault):
            fault()
        if fault is not None:
            raise StreamUnavailable("away")
        return told

    def open_scope(self, *args):
        return self._at_fault("open_scope", *args)

    def append(self, *args, **more):
        return self._at_fault("append", *args, **more)

    def dead(self, *args):
        return self._at_fault("dead", *args)

    def set_health(self, name, fields):
        self.states.append(fields["state"])
        return self._at_fault("set_health", name, fields)
