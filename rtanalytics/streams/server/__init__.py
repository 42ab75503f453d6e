"""The embedded server: a Valkey or Redis server of the user, started on demand.

It listens on 127.0.0.1 only, requires a password, and keeps its data in its own folder.
:func:`ensure_server` finds the server running in a folder or starts it; like any service, it
keeps running when the process that started it ends. :class:`EmbeddedServer` is for a ``with``
block: it stops at the end of the block, and with the process however that ends.

The folder has ``server.json`` (port, password, pid; readable for the user only), ``server.log``
and the server's append-only file. A server that was killed is restarted with the same port and
password, so that clients need not change, and with its entries. The append-only file is
synchronised every second, and writes during that may be delayed: a kill can lose the last two
seconds, which is rare, and a crash of the machine will. These are read again from their sources,
because cursors are stored together with the entries.
"""

from rtanalytics.streams.server.embedded import (
    EmbeddedServer,
    Server,
    default_folder,
    ensure_server,
    resolve_url,
    stop_server,
)
from rtanalytics.streams.server.eviction import check_server
from rtanalytics.streams.server.process import NoServer, ServerError

__all__ = [
    "EmbeddedServer",
    "NoServer",
    "Server",
    "ServerError",
    "check_server",
    "default_folder",
    "ensure_server",
    "resolve_url",
    "stop_server",
]
