"""Parsers for the worker's tests that do what hostile documents make real ones do."""

from __future__ import annotations

import os
import signal

from rtanalytics.sources.base import Malformed, Meta, Parsed, Reject
from rtanalytics.sources.worker import MAX_ITEMS, MAX_RESPONSE


def parse(raw: bytes, meta: Meta) -> Parsed:
    """Does what the document says."""
    match raw.partition(b" ")[0]:
        case b"loop":
            while True:
                pass
        case b"crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case b"eat":
            hoard = []
            while True:
                hoard.append(bytearray(1_000_000))
        case b"bug":
            raise KeyError("no such\x1b[31m\nkey")
        case b"many":
            return Parsed(rejects=[Reject(reason="", raw=b"")] * (MAX_ITEMS + 1))
        case b"long":
            return Parsed(rejects=[Reject(reason="", raw=bytes(64_000))] * (MAX_RESPONSE // 64_000 + 1))
        case b"print":
            print("in between")
        case b"malformed":
            raise Malformed("not a feed")
    return Parsed(title=f"{len(raw)} {meta.scope}")
