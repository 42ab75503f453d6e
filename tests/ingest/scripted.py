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
    """A memory stream whose server can be unavailable, and that remembers the states reported to it.

    ``faults[method]`` lists what happens at its next calls: nothing (None), the server is unavailable
    ``before`` or ``after`` it has done its work, or it is unavailable after a function was called.
    """

    __test__ = False

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.faults: dict[str, list[Any]] = {}
        self.states: list[str] = []
        self.dead_letters = DeadLettersAtFault(self, self.dead_letters)
        self.health = HealthAtFault(self, self.health)

    def at_fault(self, method: str, call: Any, *args: Any, **more: Any) -> Any:
        faults = self.faults.get(method, [])
        fault = faults.pop(0) if faults else None
        if fault == "before":
            raise StreamUnavailable("away")
        result = call(*args, **more)
        if callable(fault):
            fault()
        if fault is not None:
            raise StreamUnavailable("away")
        return result

    def open_scope(self, *args):
        return self.at_fault("open_scope", super().open_scope, *args)

    def append(self, *args, **more):
        return self.at_fault("append", super().append, *args, **more)


class DeadLettersAtFault:
    def __init__(self, stream: TestedStream, part: Any) -> None:
        self._stream, self._part = stream, part
        self.read, self.remove = part.read, part.remove

    def add(self, *args):
        return self._stream.at_fault("dead_letters.add", self._part.add, *args)


class HealthAtFault:
    def __init__(self, stream: TestedStream, part: Any) -> None:
        self._stream, self._part = stream, part
        self.read = part.read

    def report(self, name, fields):
        self._stream.states.append(fields["state"])
        return self._stream.at_fault("health.report", self._part.report, name, fields)
