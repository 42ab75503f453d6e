"""Optional libraries: which extra installs each, and what to say when one is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

__all__ = ["EXTRAS", "MissingExtraError", "extra", "require"]

EXTRAS = {
    "compare": ("scipy", "sklearn", "threadpoolctl"),
    "sources": ("aiohttp", "feedparser", "irctokens", "nh3", "yarl"),
    "dumps": ("zstandard",),
    "views": ("anywidget", "ipywidgets", "matplotlib", "traitlets"),
    "lab": ("jupyterlab", "ipykernel"),
}
"""The top-level modules that each extra of the package installs."""


class MissingExtraError(ImportError):
    """An optional library is not installed; the message has the line that installs it."""


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Import optional libraries, and answer a missing one with the line that installs it.

    Parameters
    ----------
    name : str
        An extra out of :data:`EXTRAS`.

    Raises
    ------
    MissingExtraError
        If a module of this extra is not installed. Other import errors pass through.

    Examples
    --------
    >>> with extra("views"):
    ...     raise ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib")
    Traceback (most recent call last):
    ...
    rtanalytics.extras.MissingExtraError: matplotlib is not installed: pip install 'rtanalytics[views]'
    """
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in EXTRAS[name]:
            raise
        raise _missing(name, missing) from None


def require(name: str) -> None:
    """Check that the libraries of an extra are installed, without importing them.

    Raises
    ------
    MissingExtraError
        If one is missing.
    """
    for module in EXTRAS[name]:
        if find_spec(module) is None:
            raise _missing(name, module)


def _missing(name: str, module: str) -> MissingExtraError:
    message = f"{module} is not installed: pip install 'rtanalytics[{name}]'"
    return MissingExtraError(message, name=module)
