"""IRC servers on free loopback ports: one of today, with ids and times, and one of the old kind."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

__all__ = ["IrcServer", "free_port"]

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
    """

    def __init__(self, program: str, folder: Path) -> None:
        found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        assert found, f"{program} is needed: apt-get install {program}"
        self.port, self._folder = free_port(), folder
        config = folder / "irc.conf"
        text = _INSPIRCD if program == "inspircd" else _NGIRCD
        config.write_text(text.format(port=self.port, folder=folder))
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
