"""Tokens and passwords: named in ``conference.toml``, kept in the environment.

The table of a source is shared and quoted, so it contains no secrets, only the names of environment
variables: ``token = "env:GITHUB_TOKEN"``. The variable is read when the source is opened, in the
process that reads the source.
"""

from __future__ import annotations

import os
import re

from rtanalytics.sources.base import AuthFailed

__all__ = ["check_secret", "secret"]

_REFERENCE = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]{0,199})")


def check_secret(value: str | None, key: str) -> None:
    """Check that a value is the name of a variable; messages never show a refused value.

    Parameters
    ----------
    value : str, optional
        As written in the table; None, for a missing key, is valid.
    key : str
        Its key, for the message.

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
    ValueError: token must not be in the file itself; write token = "env:TOKEN" and set that variable
    """
    if value is None or _REFERENCE.fullmatch(value):
        return
    name = re.sub(r"\W", "_", key, flags=re.ASCII).upper()
    if value.startswith("env:"):
        raise ValueError(
            f"{key} does not name a variable: only letters, digits and '_' may follow env: "
            f'(example: {key} = "env:{name}")'
        )
    raise ValueError(
        f'{key} must not be in the file itself; write {key} = "env:{name}" and set that variable'
    )


def secret(value: str, key: str) -> str:
    """Read a secret from the environment variable that a value of the table names.

    Parameters
    ----------
    value : str
        ``env:NAME``.
    key : str
        Its key, for the message, to which the caller adds the name of the source.

    Returns
    -------
    str
        The secret, without white space around it.

    Raises
    ------
    AuthFailed
        If the variable is not set, is empty, or has several lines; the message shows its name and never
        its value.
    ValueError
        If ``value`` is not ``env:NAME``.
    """
    check_secret(value, key)
    name = value.removeprefix("env:")
    value = os.environ.get(name, "").strip()
    if not value:
        raise AuthFailed(f"{key} is missing; set the environment variable {name} and start again")
    if any(c < " " or c == "\x7f" for c in value):
        raise AuthFailed(f"{key} in the environment variable {name} must be one line")
    return value
