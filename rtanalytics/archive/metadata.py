"""Metadata of a recording: ``_recording.toml``."""

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
    """Metadata of a recorded conference; all of it is optional.

    Parameters
    ----------
    title : str, optional
        Title for people.
    timezone : str
        IANA name of the venue's time zone, in which days and talks are shown.
    hashtags, accounts : list of str
        The conference's own, which never trend.
    ignore : list of str
        Terms that are never topics.
    url, licence, note : str, optional
        Where it comes from, its licence, and remarks.
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
        """Time zone of the venue."""
        return ZoneInfo(self.timezone)

    def to_toml(self) -> bytes:
        """Return the metadata in the format of :func:`read_meta`."""
        lines = [f"{key} = {_toml(value)}\n" for key, value in msgspec.to_builtins(self).items()]
        return "".join(lines).encode()


def read_meta(path: Path) -> RecordingMeta:
    """Read a ``_recording.toml``, ignoring unknown keys; return defaults if there is no file.

    Raises
    ------
    ArchiveError
        If it is not TOML, or a value has the wrong type.
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
    # A JSON string is a TOML string, except that TOML requires DEL to be escaped as well.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
