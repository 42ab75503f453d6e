"""Folders of the bundled recordings and notebooks.

An installed wheel has them inside the package; a source checkout has them in
``data/fixtures/recordings`` and ``notebooks``.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["notebooks_folder", "recordings_folder"]

_PACKAGE = Path(__file__).resolve().parent


def recordings_folder() -> Path:
    """Return the folder of the bundled recordings, one archive per sub-folder.

    Returns
    -------
    Path
        An existing folder. Treat it as read-only: copy a recording before changing it.

    Raises
    ------
    FileNotFoundError
        If it is missing; the message names the paths that were tried.
    """
    return _folder("recordings", "data/fixtures/recordings")


def notebooks_folder() -> Path:
    """Return the folder of the notebooks.

    Returns
    -------
    Path
        An existing folder.

    Raises
    ------
    FileNotFoundError
        If it is missing; the message names the paths that were tried.
    """
    return _folder("notebooks", "notebooks")


def _folder(shipped: str, checkout: str) -> Path:
    places = (_PACKAGE / "_shipped" / shipped, _PACKAGE.parent / checkout)
    for place in places:
        if place.is_dir():
            return place
    tried = " nor ".join(map(str, places))
    raise FileNotFoundError(f"neither {tried} exists; install rtanalytics again")
