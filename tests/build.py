"""The shortest way to say what a test needs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from rtanalytics.event import Author, Event

BASE = datetime(2026, 5, 15, 9, tzinfo=UTC)
"""When event 0 was said."""


def event(n: int = 0, *, author: str | Author | None = "ada", **fields: Any) -> Event:
    """Event number ``n``: id ``test::n``, said ``n`` seconds after :data:`BASE`, and what else is given."""
    defaults: dict[str, Any] = {
        "id": f"test::{n}",
        "source": "test",
        "created_at": BASE + timedelta(seconds=n),
        "author": Author(handle=author) if isinstance(author, str) else author,
        "text": f"event {n}",
    }
    return Event(**(defaults | fields))
