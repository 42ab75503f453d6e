"""IRC servers on free loopback ports: one of today, with ids and times, and one of the old kind."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

__all__ = ["IrcServer", "Services", "free_port"]

_NGIRCD = """\
[Global]
Name = irc.test.example
Info = test
Listen = 127.0.0.1
Ports = {port}
[Limits]
MaxConnectionsIP = 0
MaxPenaltyTime = 0
[Options]
PAM = no
DNS = no
Ident = no
"""
_INSPIRCD = """\
<server name="irc.test.example" description="test" network="TestNet">
<admin name="a" nick="a" email="a@test.example">
<bind address="127.0.0.1" port="{port}" type="clients">
<connect name="main" allow="*" timeout="60" pingfreq="120" hardsendq="50M" softsendq="50M" recvq="10M"
  threshold="1000000" commandrate="1000000" fakelag="no" maxchans="60" localmax="1000" globalmax="1000"
  useident="no" resolvehostnames="no">
<cidr ipv4clone="32" ipv6clone="128">
<options defaultmodes="n">
<performance softlimit="1000" netbuffersize="65535">
<log method="file" type="*" level="default" target="{folder}/log">
<pid file="{folder}/pid">
<path configdir="{folder}" datadir="{folder}" logdir="{folder}" runtimedir="{folder}">
<module name="ircv3"><module name="cap"><module name="ircv3_servertime"><module name="ircv3_msgid">
<module name="ircv3_batch"><module name="ircv3_echomessage"><module name="ircv3_accounttag"><module name="namesx">
"""

_LINKED = """\
<bind address="127.0.0.1" port="{link}" type="servers">
<module name="spanningtree"><module name="services_account"><module name="sasl">
<module name="hidechans"><module name="servprotect"><module name="chghost"><module name="svshold">
<link name="services.test.example" ipaddr="127.0.0.1" port="{link}" allowmask="127.0.0.1/32"
  sendpass="between-us" recvpass="between-us">
<uline server="services.test.example" silent="yes">
<sasl target="services.test.example" requiressl="no">
"""
_SERVICES = """\
define {{ name = "services.host"  value = "services.test.example" }}
uplink {{ host = "127.0.0.1"  ipv6 = no  ssl = no  port = {link}  password = "between-us" }}
serverinfo {{ name = "services.test.example"  description = "services"  pid = "{folder}/anope.pid"  motd = "{folder}/motd" }}
networkinfo {{ networkname = "TestNet"  nicklen = 31  userlen = 10  hostlen = 64  chanlen = 32
  modelistsize = 100  vhost_chars = "abcdefghijklmnopqrstuvwxyz.-"  disallow_start_or_end = ".-" }}
options {{ casemap = "rfc1459"  strictpasswords = no  badpasslimit = 50  updatetimeout = 5m  expiretimeout = 30m
  readtimeout = 1s  warningtimeout = 4h  timeoutcheck = 1s  retrywait = 1s }}
module {{ name = "inspircd3" }}
module {{ name = "enc_sha256" }}
module {{ name = "db_flatfile"  database = "anope.db"  keepbackups = 0  fork = no }}
module {{ name = "m_sasl" }}
service {{ nick = "NickServ"  user = "services"  host = "services.test.example"  gecos = "nicks" }}
module {{ name = "nickserv"  client = "NickServ"  forceemail = no  defaults = "ns_secure"  regdelay = 0
  expire = 0  maxaliases = 16  enforceruser = "e"  enforcerhost = "services.test.example"  releasetimeout = 1m
  guestnickprefix = "Guest"  nonicknameownership = no  passlen = 32 }}
module {{ name = "ns_register"  registration = "none" }}
command {{ service = "NickServ"  name = "REGISTER"  command = "nickserv/register" }}
log {{ target = "services.log"  servers = "*"  users = "*"  other = "*"  commands = "*"  debug = yes }}
"""


def _program(name: str) -> str:
    """Path of a server's program; only tests marked ``slow`` or ``browser`` may need one."""
    found = shutil.which(name)
    assert found, f"{name} is not on the PATH: apt-get install {name}, and have /usr/sbin on the PATH"
    return found


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class IrcServer:
    """A server that can be killed and started again on its port.

    Parameters
    ----------
    program : {'inspircd', 'ngircd'}
        Which; both are packages of Debian.
    folder : Path
        For its files.
    link : int, optional
        The port on which it takes :class:`Services`.
    """

    def __init__(self, program: str, folder: Path, link: int | None = None) -> None:
        found = _program(program)
        self.port, self._folder = free_port(), folder
        config = folder / "irc.conf"
        text = _INSPIRCD if program == "inspircd" else _NGIRCD
        text += _LINKED if link is not None else ""
        config.write_text(text.format(port=self.port, folder=folder, link=link))
        root = ["--runasroot"] if os.geteuid() == 0 else []
        self._command = {
            "inspircd": [found, "--nofork", *root, "--config", str(config)],
            "ngircd": [found, "-n", "-f", str(config)],
        }[program]
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        with open(self._folder / "output", "wb") as output:
            self._process = subprocess.Popen(self._command, stdout=output, stderr=subprocess.STDOUT)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            assert self._process.poll() is None, (self._folder / "output").read_text(errors="replace")
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError(f"{self._command[0]} took no connection within 20 s")

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class Services:
    """Anope beside an inspircd: it knows accounts, and logs people in.

    Parameters
    ----------
    folder : Path
        For its files.
    link : int
        The port of the server for it.
    """

    def __init__(self, folder: Path, link: int) -> None:
        found = _program("anope")
        config = _SERVICES.format(link=link, folder=folder)
        # it wants each setting on a line of its own
        config = re.sub(r"\s{2,}|(?<=\{) | (?=\})| (?=\{)", "\n", config)
        (folder / "services.conf").write_text(config)
        self._log = folder / "services.output"
        with open(self._log, "wb") as output:
            self._process = subprocess.Popen(
                [
                    found, "--nofork", f"--confdir={folder}", f"--dbdir={folder}", f"--logdir={folder}",
                    "--modulesdir=/usr/lib/anope", "--localedir=/usr/share/anope/locale",
                ],
                stdout=output, stderr=subprocess.STDOUT, cwd=folder,
            )  # fmt: skip

    def said(self) -> str:
        """What it has printed, for a failure's message."""
        return self._log.read_text(errors="replace")

    def kill(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
