"""Fixtures for all tests. Each test has its own keys on one private server."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtanalytics.streams.server import EmbeddedServer, Server
from tests.tiers import FULL


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what ``make test`` leaves out."""
    for item in items:
        if item.nodeid.startswith(FULL):
            item.add_marker("full")


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of this session's own. A test that harms its server starts one for itself."""
    with EmbeddedServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis_url(redis_server: Server) -> str:
    """Its address."""
    return redis_server.url


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    """A name that no other test has, fit for a conference."""
    readable = re.sub(r"[^A-Za-z0-9]+", "-", request.node.name)[:60].strip("-")
    return f"{readable}-{secrets.token_hex(4)}"


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The recordings of others: ``RTANALYTICS_DATA``, or ``shared/data`` beside the repository."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("RTANALYTICS_DATA") or beside)
    if not folder.is_dir():
        message = f"{folder} is missing; set RTANALYTICS_DATA to the folder with the recordings"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    return folder
