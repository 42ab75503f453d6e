"""``python -m tests.golden``; see the package."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from rtanalytics.schedule import Talk
from tests.golden.tables import TABLES, folders, read, table


def main(what: str, *names: str) -> None:
    data = Path(os.environ.get("RTANALYTICS_DATA") or Path(__file__).parents[2].parent / "shared" / "data")
    found = {path.name: path for path in folders(data / "payloads")}
    if what == "write":
        for name in names or found:
            text = table(found[name])
            (TABLES / f"{name}.tsv").write_text(text, encoding="utf-8")
            print(text.partition("\n")[0])
        return
    for path in sorted(found[names[0]].iterdir()):
        if not all(part in path.name for part in names[1:]):
            continue
        got = read(path)
        print(f"==== {path.name}: {len(got.events)} parsed, {len(got.dead)} dead")
        for event in got.events:
            if isinstance(event, Talk):
                print(
                    f"{event.start} – {event.end} [{event.kind}] {event.title} | {event.speakers} | {event.room}"
                )
                continue
            who = event.author and (event.author.handle, event.author.name, event.author.id)
            print(f"-- {event.id} {event.op} {event.type} {event.created_at} by {who} in {event.channel}")
            for key in ("edited_at", "title", "text", "url", "lang", "tags", "mentions", "links", "reply_to",
                        "repost_of", "thread", "media"):  # fmt: skip
                if value := getattr(event, key):
                    print(f"   {key}: {value!r}")
        for reason in got.dead:
            print(f"** dead: {reason}")


if __name__ == "__main__":
    main(*sys.argv[1:])
