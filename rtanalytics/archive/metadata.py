"""What an archive is a recording of: ``_recording.toml``."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from rtanalytics.archive.files import ArchiveError

__all__ = ["RecordingMeta"]


class RecordingMeta(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What is known of a recorded event besides its messages; all of it may be missing.

    Parameters
    ----------
    title : str, optional
        For people.
    timezone : str
        IANA name of the venue's zone; days and talks are shown in it.
    hashtags, accounts : list of str
        The event's own: they never trend.
    ignore : list of str
        Terms that are no topics.
    url, licence, note : str, optional
        Where it comes from, what may be done with it, and what else is to be known.
    """

    title: str | None = None
    timezone: str = "UTC"
    hashtags: list[str] = []
    accounts: list[str] = []
    ignore: list[str] = []
    url: str | None = None
    licence: str | None = None
    note: str | None = None

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the venue."""
        return ZoneInfo(self.timezone)

    def to_toml(self) -> bytes:
        """What :func:`read_about` reads."""
        lines = [f"{key} = {_toml(value)}\n" for key, value in msgspec.to_builtins(self).items()]
        return "".join(lines).encode()


def read_about(path: Path) -> RecordingMeta:
    """Read a ``_recording.toml``; defaults if there is none. What it does not know it passes over.

    Raises
    ------
    ArchiveError
        If it is no TOML, or something in it has the wrong type.
    """
    try:
        meta = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), RecordingMeta)
        ZoneInfo(meta.timezone)
    except FileNotFoundError:
        return RecordingMeta()
    except (OSError, ValueError) as error:
        raise ArchiveError(f"{path}: {error}") from None
    except KeyError:
        raise ArchiveError(
            f"{path}: timezone {meta.timezone!r} is unknown; write an IANA name such as Europe/Berlin"
        ) from None
    return meta


def _toml(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    # A JSON string is a TOML string, except that TOML wants DEL to be escaped as well.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
