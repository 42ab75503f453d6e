"""Where the recordings and notebooks that come with the library are.

An installed wheel carries them inside the package; in a source checkout they lie where people
look for them, in ``data/fixtures/recordings`` and ``notebooks``.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["notebooks_folder", "recordings_folder"]

_PACKAGE = Path(__file__).resolve().parent


def recordings_folder() -> Path:
    """The folder of the bundled recordings, one archive a sub-folder.

    Returns
    -------
    Path
        An existing folder. Treat it as read-only: copy a recording before changing it.

    Raises
    ------
    FileNotFoundError
        If the installation lost it; the message names the places that were looked at.
    """
    return _folder("recordings", "data/fixtures/recordings")


def notebooks_folder() -> Path:
    """The folder of the notebooks.

    Returns
    -------
    Path
        An existing folder.

    Raises
    ------
    FileNotFoundError
        If the installation lost it; the message names the places that were looked at.
    """
    return _folder("notebooks", "notebooks")


def _folder(shipped: str, checkout: str) -> Path:
    places = (_PACKAGE / "_shipped" / shipped, _PACKAGE.parent / checkout)
    for place in places:
        if place.is_dir():
            return place
    looked = " nor ".join(map(str, places))
    raise FileNotFoundError(f"neither {looked} exists; install rtanalytics again")
