"""Events for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from rtanalytics.event import Author, Event

BASE = datetime(2026, 5, 15, 9, tzinfo=UTC)
"""Time of event 0."""


def event(n: int = 0, *, author: str | Author | None = "ada", **fields: Any) -> Event:
    """Return event ``n``: id ``test::n``, posted ``n`` seconds after :data:`BASE`, with the given fields."""
    defaults: dict[str, Any] = {
        "id": f"test::{n}",
        "source": "test",
        "created_at": BASE + timedelta(seconds=n),
        "author": Author(handle=author) if isinstance(author, str) else author,
        "text": f"event {n}",
    }
    return Event(**(defaults | fields))
