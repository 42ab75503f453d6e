"""The embedded server: a Valkey or Redis of the user's own, started when it is needed.

It listens on 127.0.0.1 only, asks for a password, and keeps its data in a folder that it does
not share with another server. :func:`ensure_server` finds the one that runs in a folder or starts
it; it stays, like any service, when the process that started it ends. :class:`EmbeddedServer` is
for a block: it goes with the block, and with the process however that ends.

The folder has ``server.json`` (port, password, pid; for the user's eyes only), ``server.log`` and
the server's append-only file. A server that was killed comes back with the port and the password
it had, so that clients need not be told anything, and with its entries. The append-only file is
synchronised every second, and what comes in during that may be held back: a kill can cost the last
two seconds, rarely, and a crash of the machine will. Those are read again from their sources,
whose cursors share the entries' fate.
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
