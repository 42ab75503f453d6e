"""The stream within one process keeps the contract."""

from __future__ import annotations

import uuid

import pytest

from rtanalytics.streams.memory import MemoryStream
from tests.contracts.stream import NewStream, StreamContract


class TestMemoryStream(StreamContract):
    """Every promise, without a server."""

    @pytest.fixture
    def new_stream(self) -> NewStream:
        name = uuid.uuid4().hex
        return lambda part="": MemoryStream(f"{name}/{part}")
