"""What others recorded, as the parsers get it: answers taken out of the transcripts in which they were kept."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import yaml

__all__ = ["bodies"]


def bodies(path: Path) -> list[bytes]:
    """What servers answered in a file: itself, or what a recorder of exchanges has kept in it."""
    raw = path.read_bytes()
    if path.suffix in {".yaml", ".json"}:
        try:
            told = yaml.safe_load(raw) if path.suffix == ".yaml" else json.loads(raw)
        except ValueError:
            return [raw]
        if (
            isinstance(told, list)
            and told
            and all(isinstance(x, dict) and {"scope", "response"} <= x.keys() for x in told)
        ):
            return [json.dumps(made["response"]).encode() for made in told if made["response"]]
        if isinstance(told, dict) and isinstance(told.get("interactions"), list):
            return [body for made in told["interactions"] for body in _answer(made["response"])]
    if path.suffix == ".txt" and "ReplayData" in path.name:
        return [line for line in raw.split(b"\n") if line.startswith((b"[{", b"{", b"[]"))][-1:]
    return [raw]


def _answer(response: dict[str, dict[str, str | bytes]]) -> list[bytes]:
    """The body; of a stream of server-sent events, each event as a WebSocket would have it."""
    told = response["body"].get("string") or b""
    raw = told if isinstance(told, bytes) else told.encode()
    raw = gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw
    if "event-stream" not in str(response["headers"]):
        return [raw] if raw else []
    frames = []
    for block in raw.decode().split("\n\n"):
        fields = dict(re.findall(r"(?m)^(event|data): ?(.*)$", block))
        if "event" in fields:
            frames.append(json.dumps({"event": fields["event"], "payload": fields.get("data")}).encode())
    return frames
