"""Errors for HTTP status codes, and descriptions of library errors in plain words."""

from __future__ import annotations

import os
import re
from datetime import timedelta

import aiohttp

from rtanalytics.sources.base import (
    AuthFailed,
    Blocked,
    Gone,
    RateLimited,
    SourceError,
    Transient,
    printable,
    redact,
)

__all__ = ["describe_error", "error_for_status"]


def error_for_status(
    status: int, label: str, wait: timedelta | None, *, authenticated: bool, advice: str = ""
) -> SourceError:
    """Return the error for a status; ``authenticated`` is True if credentials were sent.

    ``advice`` is the message about a missing login, for kinds with credentials of their own.
    """
    message = f"{label}: status {status}"
    if status == 429 or (wait is not None and status in {403, 503}):
        asked = f"; asks to wait {wait.total_seconds():g} s" if wait is not None else ""
        return RateLimited(message + asked, wait)
    if status == 401:
        renew = "the credentials are not accepted; renew them and start again"
        login = (
            renew
            if authenticated
            else "the server requires a login; write the URL as https://user:password@…"
        )
        return AuthFailed(f"{message}: {advice or login}")
    if status == 410:
        return Gone(f"{message}: gone permanently; remove the source or write its new address")
    if status in {400, 402, 403, 405, 406, 407, 451}:
        return Blocked(message)
    if status == 404:
        return Transient(f"{message}: not found; check the address")
    if status >= 500:
        return Transient(f"{message}: an error of the server")
    return Transient(message)


def describe_error(error: BaseException) -> str:
    """Describe a library's error in one plain line, with addresses redacted."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"unknown host {printable(error.host)!r}; check the address and the network"
    if isinstance(error, (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError)):
        reason = getattr(error, "os_error", None) or getattr(error, "certificate_error", error)
        why = getattr(reason, "verify_message", "") or getattr(reason, "reason", "") or reason
        return f"no safe connection to {printable(error.host)}: {printable(str(why))}"
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno
        why = os.strerror(number).lower() if number else printable(error.strerror or "no answer")
        return f"no connection to {printable(error.host)}, port {error.port}: {why}"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the server closed the connection without an answer"
    text = re.sub(r"(?i)[a-z][a-z0-9+.-]*://[^\s'\"<>)]+", lambda m: redact(m[0]), str(error))
    return printable(text or type(error).__name__)
