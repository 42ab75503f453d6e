"""Tokens and passwords: named in ``conference.toml``, kept in the environment.

A table that people send to one another, and that tests and reports quote, holds no secret:
``token = "env:GITHUB_TOKEN"`` says where it is. It is looked up when the source is opened, in the
process that reads the source.
"""

from __future__ import annotations

import os
import re

from rtanalytics.sources.base import AuthFailed

__all__ = ["check_secret", "secret"]

_REFERENCE = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]{0,199})")


def check_secret(value: str | None, key: str) -> None:
    """Refuse anything but the name of a variable; nothing of a refused value is shown.

    Parameters
    ----------
    value : str, optional
        As written in the table; None, where the key was left out, is fine.
    key : str
        Its key.

    Raises
    ------
    ValueError
        If it is not ``env:NAME``.

    Examples
    --------
    >>> check_secret("env:GITHUB_TOKEN", "token")
    >>> check_secret("ghp_0123", "token")
    Traceback (most recent call last):
    ...
    ValueError: token may not stand in the file itself; write token = "env:TOKEN" and set that variable
    """
    if value is None or _REFERENCE.fullmatch(value):
        return
    name = re.sub(r"\W", "_", key, flags=re.ASCII).upper()
    if value.startswith("env:"):
        raise ValueError(
            f"{key} names no variable: letters, digits and '_' may follow env:, "
            f'such as {key} = "env:{name}"'
        )
    raise ValueError(
        f'{key} may not stand in the file itself; write {key} = "env:{name}" and set that variable'
    )


def secret(value: str, key: str) -> str:
    """Read the secret that a value of the table names from the environment.

    Parameters
    ----------
    value : str
        ``env:NAME``.
    key : str
        Its key, for the message; the caller adds the name of the source.

    Returns
    -------
    str
        Without white space around it.

    Raises
    ------
    AuthFailed
        If the variable is not set, empty, or no single line; the message names it, and shows
        nothing of what is in it.
    ValueError
        If ``value`` is not ``env:NAME``.
    """
    check_secret(value, key)
    name = value.removeprefix("env:")
    found = os.environ.get(name, "").strip()
    if not found:
        raise AuthFailed(f"{key} is missing; set the environment variable {name} and start again")
    if any(c < " " or c == "\x7f" for c in found):
        raise AuthFailed(f"{key} in the environment variable {name} must be one line")
    return found
