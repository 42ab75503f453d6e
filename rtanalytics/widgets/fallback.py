"""Plain HTML of the views, for saved notebooks and places without widgets.

It contains no scripts, styles or images; text from outside is escaped, and links lead to http(s) URLs.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from rtanalytics.event import is_web_url
from rtanalytics.live import (
    ChatLine,
    ChatRoom,
    Counters,
    Row,
    StatusLine,
    TalkPatch,
    TalkRow,
    TrendPatch,
    appearance,
)
from rtanalytics.live.chat_rows import SPOKEN

__all__ = ["chat", "feed", "page", "talks", "trends"]

_ROWS = 50


def page(title: str, status: StatusLine, parts: Sequence[str]) -> str:
    """Join the HTML of panels under one heading."""
    status_text = " · ".join(
        escape(word) for word in (status["label"], status["detail"], _time(status["at"])) if word
    )
    head = f"<p><strong>{escape(title)}</strong> <em>{status_text}</em></p>"
    return "<div>" + head + "".join(parts) + "</div>"


def feed(rows: Sequence[Row], counters: Counters) -> str:
    """Render the newest rows as a table, with the counters."""
    counts = [f"{counters['total']:,} events"]
    counts += [f"{escape(appearance(s)['label'])} {n:,}" for s, n in counters["sources"].items()]
    if not rows:
        return f"<p>{' · '.join(counts)}</p>"
    lines = "".join(
        f"<tr><td>{escape(_time(row['created']))}</td><td>{escape(appearance(row['source'])['label'])}</td>"
        f"<td>{escape(row['author'])}</td><td>{_body(row)}</td></tr>"
        for row in rows[:_ROWS]
    )
    head = "<tr><th>time (UTC)</th><th>source</th><th>author</th><th>message</th></tr>"
    return f"<p>{' · '.join(counts)}</p><table><thead>{head}</thead><tbody>{lines}</tbody></table>"


def chat(rooms: Sequence[tuple[ChatRoom, Sequence[ChatLine]]]) -> str:
    """Render the newest lines of each room."""
    parts = []
    for room, lines in rooms:
        topic = f" {escape(room['topic'])}" if room["topic"] else ""
        items = "".join(
            f"<tr><td>{escape(_time(line['time']))}</td><td>{escape(line['nick'])}</td>"
            f"<td>{'' if line['type'] in SPOKEN else escape(line['type'])} {escape(line['text'])}</td></tr>"
            for line in lines[-_ROWS:]
        )
        parts.append(
            f"<p><strong>{escape(room['name'])}</strong>{topic}</p><table><tbody>{items}</tbody></table>"
        )
    return "".join(parts) or "<p>No messages yet.</p>"


def trends(patch: TrendPatch) -> str:
    """Render the ranking of the newest bin."""
    if patch["start"] is None:
        return "<p>No bin is complete yet.</p>"
    items = "".join(
        f"<li><strong>{escape(topic['label'])}</strong> "
        f"{topic['messages']:,} messages"
        + (f" by {topic['authors']:,} people" if topic["authors"] else "")
        + (
            f" · talk: {escape(topic['talk'])}"
            if topic["talk"] and topic["talk"] not in topic["label"]
            else ""
        )
        + "</li>"
        for topic in patch["topics"]
    )
    span = f"{_time(patch['start'])} – {_time(patch['end'])} UTC"
    body = f"<ol>{items}</ol>" if items else "<p>No topic stood out.</p>"
    return f"<p>Trending, {escape(span)}</p>{body}"


def talks(patch: TalkPatch) -> str:
    """Render the current and the next talks as two lists."""
    return _talks("On now", patch["now"]) + _talks("Next", patch["next"])


def _talks(heading: str, rows: Sequence[TalkRow]) -> str:
    if not rows:
        return f"<p>{heading}: nothing</p>"
    items = "".join(
        f"<li>{escape(_time(talk['start']))} {_link(talk['title'], talk['url'])}"
        + "".join(f" · {escape(word)}" for word in (", ".join(talk["speakers"]), talk["room"]) if word)
        + "</li>"
        for talk in rows
    )
    return f"<p>{heading}</p><ul>{items}</ul>"


def _body(row: Row) -> str:
    words = [_link(row["title"], row["url"])] if row["title"] else []
    if row["text"] and row["text"] != row["title"]:
        words.append(escape(row["text"]) if words else _link(row["text"], row["url"]))
    return "<br>".join(words)


def _link(text: str, url: str | None) -> str:
    if url is None or not is_web_url(url):
        return escape(text)
    return f'<a href="{escape(url, quote=True)}" rel="noopener noreferrer" target="_blank">{escape(text)}</a>'


def _time(moment: str | None) -> str:
    return moment[:16].replace("T", " ") if moment else ""
