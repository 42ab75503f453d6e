"""Metadata of a recording: ``_recording.toml``."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import tomli_w

from rtanalytics.archive.files import ArchiveError
from rtanalytics.clock import zone_of
from rtanalytics.conference import ConferenceError, parse_toml

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
        return tomli_w.dumps(msgspec.to_builtins(self)).encode()


def read_meta(path: Path) -> RecordingMeta:
    """Read a ``_recording.toml``, ignoring unknown keys; return defaults if there is no file.

    Raises
    ------
    ArchiveError
        If it is not TOML, or a value has the wrong type.
    """
    try:
        meta = msgspec.convert(parse_toml(path.read_text(encoding="utf-8"), path), RecordingMeta)
        zone_of(meta.timezone)
    except FileNotFoundError:
        return RecordingMeta()
    except ConferenceError as error:
        raise ArchiveError(str(error)) from None
    except (OSError, ValueError) as error:
        raise ArchiveError(f"{path}: {error}") from None
    return meta
