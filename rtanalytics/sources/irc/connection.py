"""Connection to an IRC server: registration, pings, rate limit, reading and writing of lines."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ipaddress
import secrets
import ssl
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

from irctokens.line import Line, build, tokenise

from rtanalytics.sources.base import AuthFailed, Blocked, Refused, Transient, printable
from rtanalytics.sources.irc.parse import folded, stamped
from rtanalytics.sources.public import is_public

__all__ = ["Connection", "split_text"]

WANTED = frozenset(
    "account-tag batch chghost draft/chathistory chathistory draft/message-redaction echo-message "
    "extended-join message-tags multi-prefix sasl server-time".split()
)
"""Capabilities to request if the server offers them."""

LONGEST = 16_384
"""Maximum length of a line in bytes; servers send at most 8,191 of tags and 512 of text."""

WAITING = 5_000
"""Maximum number of unprocessed lines; reading from the server pauses when it is reached."""

QUIET = 60.0
"""Seconds of silence before a ping, and from then until the connection is closed."""

BURST = 5
"""Number of lines that may be sent without a pause."""


def split_text(text: str, size: int) -> list[str]:
    """Split a text into parts of at most ``size`` bytes, at spaces if possible, never within a character.

    Examples
    --------
    >>> split_text("two words", 5), split_text("日本語", 4)
    (['two', 'words'], ['日', '本', '語'])
    """
    parts = []
    for line in text.splitlines():
        rest = line
        while len(rest.encode()) > size:
            part = rest.encode()[:size].decode(errors="ignore")
            at = part.rfind(" ")
            part = part[:at] if at > 0 and rest[len(part) : len(part) + 1] != " " else part
            parts.append(part)
            rest = rest[len(part) :].removeprefix(" ")
        if rest:
            parts.append(rest)
    return parts


class Connection:
    """Registered connection to an IRC server.

    Parameters
    ----------
    nick, user, password, realname : str
        Identity on the server; ``user`` and ``password`` are for SASL, empty without it.
    counts : Counter
        ``lines``, ``bytes``, ``overlong``, ``pings``.
    send_every : timedelta
        Time between two lines that are sent, after the first :data:`BURST`.

    Attributes
    ----------
    lines : asyncio.Queue of bytes
        Received lines with the time of arrival; None marks the end of the connection.
    caps : set of str
        Enabled capabilities.
    nick, mask : str
        Our nick, and our mask as others see it (``nick!user@host``), if known.
    """

    def __init__(
        self,
        nick: str,
        user: str,
        password: str,
        realname: str,
        counts: Counter[str],
        send_every: timedelta = timedelta(seconds=2),
    ) -> None:
        self._send_every = send_every.total_seconds()
        self.nick, self.mask = nick, ""
        self.caps: set[str] = set()
        self.features: dict[str, str] = {}
        self.lines: asyncio.Queue[bytes | None] = asyncio.Queue(WAITING)
        self._login = (user, password)
        token = base64.b64encode(f"{user}\0{user}\0{password}".encode())
        self._secrets = [token, password.encode()] if password else []
        self._realname = realname
        self._counts = counts
        self._offered: dict[str, str] = {}
        self._logged_in, self._refused_nicks = False, 0
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writer: asyncio.StreamWriter | None = None
        self.heard = time.monotonic()
        """Monotonic time of the last received data."""
        self._allowance, self._since = float(BURST), time.monotonic()
        self._pacing = asyncio.Lock()
        self._why = "the server closed the connection"

    @property
    def up(self) -> bool:
        """True if the connection is registered and open."""
        done = self._ready.done() and not self._ready.cancelled() and self._ready.exception() is None
        return done and self._task is not None and not self._task.done()

    @property
    def over(self) -> bool:
        """True if the connection has ended and all its lines have been taken."""
        return self._task is not None and self._task.done() and self.lines.empty()

    @property
    def why(self) -> str:
        """Reason why the connection ended."""
        return self._why

    async def open(
        self, host: str, port: int, *, tls: ssl.SSLContext | None, private: bool, within: timedelta
    ) -> None:
        """Connect and register.

        Raises
        ------
        Transient
            If the server could not be reached in time.
        Refused
            If its address is not public.
        AuthFailed, Blocked
            If the server refuses the login or bans us.
        """
        try:
            async with asyncio.timeout(within.total_seconds()):
                address = await _address(host, port, private=private)
                reader, self._writer = await asyncio.open_connection(
                    address, port, ssl=tls, server_hostname=host if tls else None, limit=4 * LONGEST
                )
                self._task = asyncio.create_task(self._listen(reader))
                self._write("CAP", "LS", "302")
                self._write("NICK", self.nick)
                self._write("USER", "rtanalytics", "0", "*", self._realname)
                await self._ready
        except TimeoutError:
            raise Transient(f"{host}:{port}: no answer within {within.total_seconds():g} s") from None
        except ssl.SSLError as error:
            raise Transient(f"no safe connection to {host}:{port}: {printable(error.reason)}") from None
        except OSError as error:
            raise Transient(
                f"no connection to {host}, port {port}: {printable(error.strerror or error)}"
            ) from None

    async def send(self, command: str, *words: str) -> None:
        """Send a line within the rate limit.

        Raises
        ------
        Transient
            If there is no connection.
        """
        async with self._pacing:
            now = time.monotonic()
            self._allowance = min(BURST, self._allowance + (now - self._since) / self._send_every)
            self._since = now
            if self._allowance < 1:
                await asyncio.sleep((1 - self._allowance) * self._send_every)
                self._allowance, self._since = 1.0, time.monotonic()
            self._allowance -= 1
            if not self.up or self._writer is None:
                raise Transient(f"not connected: {self._why}")
            self._write(command, *words)
            await self._writer.drain()

    async def close(self, message: str = "") -> None:
        """Send ``QUIT`` with a message and close the connection."""
        if self._writer is not None:
            with contextlib.suppress(OSError, RuntimeError):
                if self.up:
                    self._write("QUIT", message)
                self._writer.close()
                async with asyncio.timeout(2):
                    await self._writer.wait_closed()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if not self._ready.done():
            self._ready.cancel()

    # -- lines ---------------------------------------------------------------------------------

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        pinging = asyncio.create_task(self._keep_alive())
        try:
            rest, skipped = b"", False
            while chunk := await reader.read(65_536):
                self.heard = time.monotonic()
                self._counts["bytes"] += len(chunk)
                *whole, rest = (rest + chunk).split(b"\n")
                at = datetime.now(UTC)
                for line in whole[1:] if skipped and whole else whole:
                    await self._take(line.rstrip(b"\r"), at)
                skipped = skipped and not whole
                if len(rest) > LONGEST or skipped:
                    if not skipped:
                        self._counts["overlong"] += 1
                        await self.lines.put(self._scrubbed(rest[:LONGEST]))
                    rest, skipped = b"", True  # skip the rest of the line as well
        except (OSError, asyncio.IncompleteReadError) as error:
            self._why = f"the connection broke: {printable(error)}"
        finally:
            pinging.cancel()
            self._fail(Transient(self._why))
            with contextlib.suppress(asyncio.QueueFull):
                self.lines.put_nowait(None)

    async def _keep_alive(self) -> None:
        """Ping a silent server; abort the connection if it does not answer."""
        pinged = False
        while True:
            await asyncio.sleep(QUIET / 4)
            silent = time.monotonic() - self.heard
            if silent < QUIET:
                pinged = False
            elif silent > 2 * QUIET or self._writer is None:
                self._why = f"the server sent nothing for {silent:.0f} s"
                if self._writer is not None:
                    self._writer.transport.abort()
                return
            elif not pinged:
                pinged = True
                self._counts["pings"] += 1
                self._write("PING", "rtanalytics")

    async def _take(self, raw: bytes, at: datetime) -> None:
        if not raw:
            return
        self._counts["lines"] += 1
        raw = self._scrubbed(raw)
        try:
            line = tokenise(raw)
        except (ValueError, IndexError):
            await self.lines.put(raw)
            return
        handle = getattr(self, f"_on_{line.command.lower()}", None) if line.command.isalnum() else None
        if handle is not None:
            with contextlib.suppress(IndexError):  # too few parameters: the reader rejects the line
                handle(line.params, line)
        if line.command.upper() not in {"PING", "PONG", "CAP", "AUTHENTICATE"}:
            timed = line.tags and "time" in line.tags
            await self.lines.put(raw if timed else stamped(raw, at))

    def _scrubbed(self, raw: bytes) -> bytes:
        """Remove our password from a line, in any encoding."""
        for secret in self._secrets:
            raw = raw.replace(secret, b"***")
        return raw

    def _write(self, *words: str) -> None:
        if self._writer is None:
            return
        clean = [word.replace("\r", " ").replace("\n", " ").replace("\x00", "") for word in words]
        self._writer.write(build(clean[0], clean[1:]).format().encode() + b"\r\n")

    def _fail(self, error: Exception) -> None:
        if not self._ready.done():
            self._ready.set_exception(error)

    # -- registration --------------------------------------------------------------------------

    def _on_ping(self, words: list[str], _: Line) -> None:
        self._write("PONG", *words[-1:])

    def _on_cap(self, words: list[str], _: Line) -> None:
        verb = words[1].upper()
        if verb == "LS":
            for name in words[-1].split():
                self._offered[name.partition("=")[0]] = name.partition("=")[2]
            if words[2] == "*":
                return  # more capabilities follow in the next line
            wanted = WANTED & self._offered.keys()
            if not self._login[0]:
                wanted -= {"sasl"}
            elif "sasl" not in wanted:
                self._fail(
                    AuthFailed("the server offers no SASL; remove sasl_user, or choose another server")
                )
            if wanted:
                self._write("CAP", "REQ", " ".join(sorted(wanted)))
            else:
                self._write("CAP", "END")
        elif verb == "ACK":
            self.caps |= {name.lstrip("-~=") for name in words[-1].split()}
            if "sasl" in self.caps and self._login[0]:
                self._write("AUTHENTICATE", "PLAIN")
            else:
                self._write("CAP", "END")
        elif verb == "NAK":
            self._write("CAP", "END")
        elif verb == "DEL":
            self.caps -= set(words[-1].split())

    def _on_authenticate(self, words: list[str], _: Line) -> None:
        token = self._secrets[0].decode() if self._secrets else ""
        for start in range(0, len(token), 400):
            self._write("AUTHENTICATE", token[start : start + 400])
        if len(token) % 400 == 0:
            self._write("AUTHENTICATE", "+")

    def _on_903(self, words: list[str], _: Line) -> None:
        self._logged_in = True
        self._write("CAP", "END")

    def _on_904(self, words: list[str], _: Line) -> None:
        self._fail(
            AuthFailed(f"the login as {printable(self._login[0])} was refused; check sasl_user and password")
        )

    _on_902 = _on_905 = _on_908 = _on_904

    def _on_433(self, words: list[str], _: Line) -> None:
        if not self._ready.done():
            self._refused_nicks += 1
            # some servers cut nicks to nine letters, which also cuts off the _ added here
            short = f"{self.nick[:5].rstrip('_')}{secrets.randbelow(1000)}"
            self.nick = f"{self.nick[:28]}_" if self._refused_nicks < 3 else short
            self._write("NICK", self.nick)

    _on_436 = _on_437 = _on_433

    def _on_432(self, words: list[str], _: Line) -> None:
        self._fail(AuthFailed(f"the nick {printable(self.nick)} is not allowed here; choose another"))

    def _on_001(self, words: list[str], _: Line) -> None:
        self.nick = words[0]
        if self._login[0] and not self._logged_in:
            self._fail(AuthFailed("the server ignores the login; remove sasl_user"))
        if not self._ready.done():
            self._ready.set_result(None)

    def _on_005(self, words: list[str], _: Line) -> None:
        self.features |= {w.partition("=")[0]: w.partition("=")[2] for w in words[1:-1]}

    def _on_465(self, words: list[str], _: Line) -> None:
        self._why = f"the server bans us: {printable(words[-1])}"
        self._fail(Blocked(self._why))

    def _on_error(self, words: list[str], _: Line) -> None:
        self._why = f"the server closed the connection: {printable(words[-1])}"

    def _is_us(self, line: Line) -> bool:
        return line.source is not None and folded(line.hostmask.nickname) == folded(self.nick)

    def _on_nick(self, words: list[str], line: Line) -> None:
        if self._is_us(line):
            self.nick = words[0]
            self._update_mask(nick=words[0])

    def _on_chghost(self, words: list[str], line: Line) -> None:
        if self._is_us(line):
            self._update_mask(user=words[0], host=words[1])

    def _on_396(self, words: list[str], _: Line) -> None:
        self._update_mask(host=words[1].rpartition("@")[2])

    def _update_mask(self, *, nick: str = "", user: str = "", host: str = "") -> None:
        """Update our mask after a change, if it is known."""
        if self.mask:
            old_nick, _, rest = self.mask.partition("!")
            old_user, _, old_host = rest.partition("@")
            self.mask = f"{nick or old_nick}!{user or old_user}@{host or old_host}"

    def _on_join(self, words: list[str], line: Line) -> None:
        if self._is_us(line) and "!" in (line.source or ""):
            self.mask = line.source or ""


async def _address(host: str, port: int, *, private: bool) -> str:
    """Resolve a host; a private address is refused unless ``private`` is True."""
    entries = await asyncio.get_running_loop().getaddrinfo(host, port, type=1)
    addresses = [str(entry[4][0]) for entry in entries]
    if not private:
        addresses = [a for a in addresses if is_public(ipaddress.ip_address(a.split("%")[0]))]
        if not addresses:
            raise Refused(f"{printable(host)} is a private address; to allow it, write allow_private = true")
    return addresses[0]
