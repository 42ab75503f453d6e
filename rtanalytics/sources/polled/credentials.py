"""Secrets of a polled source: their look-up, and their removal from what is stored."""

from __future__ import annotations

import re
from urllib.parse import quote

from rtanalytics.sources.polled.specs import PolledSpec, secrets_in
from rtanalytics.sources.secrets import secret

__all__ = ["Credentials"]

_MARK = re.compile(r"\*\*\*(\w+)\*\*\*")


class Credentials:
    """Secrets that the keys of a ``[[source]]`` table name, such as ``token = "env:NAME"``.

    Parameters
    ----------
    spec : PolledSpec
        The table.
    """

    def __init__(self, spec: PolledSpec) -> None:
        self._spec = spec
        self._references: dict[str, str | None] = {}  # key → "env:NAME"; None if the table does not have it
        self._secrets: dict[str, str] = {}
        self._in_address = secrets_in(spec.address)

    def look_up(self, key: str) -> str | None:
        """Return the secret that a key of the table names; None if the table does not have the key.

        Raises
        ------
        AuthFailed
            If the environment variable is not set.
        """
        reference = self._references[key] = getattr(self._spec, key)
        if reference is not None:
            self._secrets[key] = secret(reference, key)
        return self._secrets.get(key)

    def add(self, key: str, value: str) -> None:
        """Add a secret that a service has issued, such as an access token."""
        self._secrets[key] = value

    def advice(self) -> str:
        """Return what to do if a service requires a login; empty for a kind without secrets."""
        given = [f"{key} in {name.removeprefix('env:')}" for key, name in self._references.items() if name]
        if given:
            are, them = ("is", "it") if len(given) == 1 else ("are", "them")
            return f"the {' and '.join(given)} {are} not accepted; renew {them} and start again"
        if not self._references:
            return ""
        key, *others = self._references
        more = "".join(f", or {other} in the same way" for other in others)
        example = f'{key} = "env:{key.upper()}"'
        return f"a login is required; write {example} into the table{more}, and set that variable"

    def scrub(self, body: bytes, *, address: bool = False) -> bytes:
        """Replace the secrets in a text by ``***KEY***``, and those of the address by ``***``."""
        replacements = [(f"***{key}***", value) for key, value in self._secrets.items()]
        replacements += [("***", value) for value in self._in_address if address]
        for mark, value in replacements:
            for written in {value, quote(value, safe="")}:
                body = body.replace(written.encode(), mark.encode())
        return body

    def hide(self, url: str) -> str:
        """Replace the secrets in an address by ``***KEY***``, to store it in a cursor."""
        return self.scrub(url.encode("utf-8", "replace")).decode("utf-8", "replace")

    def reveal(self, url: str) -> str:
        """Undo :meth:`hide`."""
        for key in _MARK.findall(url):
            if key not in self._secrets and str(getattr(self._spec, key, "")).startswith("env:"):
                self.look_up(key)
        for key, value in self._secrets.items():
            url = url.replace(f"***{key}***", quote(value, safe=""))
        return url
