"""Recorded payloads as the parsers get them: responses extracted from recorded exchanges."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import yaml

__all__ = ["bodies"]


def bodies(path: Path) -> list[bytes]:
    """Return the responses in a file: the file itself, or those of a recorder of exchanges."""
    raw = path.read_bytes()
    if path.suffix in {".yaml", ".json"}:
        try:
            document = yaml.safe_load(raw) if path.suffix == ".yaml" else json.loads(raw)
        except ValueError:
            return [raw]
        if (
            isinstance(document, list)
            and document
            and all(isinstance(x, dict) and {"scope", "response"} <= x.keys() for x in document)
        ):
            return [
                json.dumps(exchange["response"]).encode() for exchange in document if exchange["response"]
            ]
        if isinstance(document, dict) and isinstance(document.get("interactions"), list):
            return [
                body
                for exchange in document["interactions"]
                for body in _bodies_of_response(exchange["response"])
            ]
    if path.suffix == ".txt" and "ReplayData" in path.name:
        return [line for line in raw.split(b"\n") if line.startswith((b"[{", b"{", b"[]"))][-1:]
    return [raw]


def _bodies_of_response(response: dict[str, dict[str, str | bytes]]) -> list[bytes]:
    """Return the body; each event of a stream of server-sent events as a WebSocket would send it."""
    body = response["body"].get("string") or b""
    raw = body if isinstance(body, bytes) else body.encode()
    raw = gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw
    if "event-stream" not in str(response["headers"]):
        return [raw] if raw else []
    frames = []
    for block in raw.decode().split("\n\n"):
        fields = dict(re.findall(r"(?m)^(event|data): ?(.*)$", block))
        if "event" in fields:
            frames.append(json.dumps({"event": fields["event"], "payload": fields.get("data")}).encode())
    return frames
