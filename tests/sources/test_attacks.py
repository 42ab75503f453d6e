"""Known attacks in every place of every kind's answers where people write: nothing that acts comes out."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import msgspec
import pytest
from bleach._vendor import html5lib

from rtanalytics.event import Event, is_web_url
from rtanalytics.sources.base import Malformed
from tests.golden.tables import parser
from tests.recorded import bodies
from tests.sources.test_clean import dangers
from tests.sources.test_hackernews import HackerNews

pytestmark = [pytest.mark.data, pytest.mark.slow]

FOLDERS = {
    "bitbucket": "bitbucket", "bluesky": "bluesky", "discourse": "discourse", "github": "github",
    "hackernews": None, "mastodon": "mastodon", "matrix": "matrix", "reddit": "reddit",
    "stackexchange": "stackexchange", "x": "twitter_v2",
}  # fmt: skip
"""Kinds that read JSON, and where what was recorded of them lies."""

WRITTEN = re.compile(
    r"(?i)(^|_)(html|text|body|title|content|cooked|raw|excerpt|summary|description|name|label|topic|note|message"
    r"|markdown|blurb|spoiler|displayname|display_name|username|alt|caption|fancy_title|story|comment)(_|$|html|text)"
)
"""Members whose value a person has written."""

NATIVE = {"reddit": {"name"}}
"""Members that are called as if a person had written them, and are ids."""

WITH_HTML = {"bitbucket", "discourse", "hackernews", "mastodon", "matrix", "reddit", "stackexchange"}
"""Kinds whose events have HTML."""

SAFE = {"http", "https", "mailto"}


@pytest.fixture(scope="module")
def vectors(data_folder: Path) -> list[str]:
    """The HTML5 security cheat sheet, one attack each, and the naughty strings."""
    suites = data_folder / "suites"
    sheet = (suites / "h5sc" / "vectors.txt").read_text(encoding="utf-8")
    attacks = [part for part in re.split(r"(?=<div id=\"\d+\">)", sheet) if part.startswith("<div id")]
    assert len(attacks) >= 130
    return attacks + [v for v in msgspec.json.decode((suites / "blns" / "blns.json").read_bytes()) if v]


@cache
def acts(html: str) -> tuple[str, ...]:
    """What could do something, by a parser of HTML5 as browsers have and by a lenient one."""
    found = dangers(html.replace("<![", "<! ["))  # the lenient one breaks off there
    for element in html5lib.parseFragment(html, treebuilder="etree", namespaceHTMLElements=False).iter():
        tag = str(element.tag)
        if tag in {"script", "style", "iframe", "img", "form", "object", "embed", "base", "meta", "link"}:
            found.append(tag)
        for name, value in element.attrib.items():
            if str(name).startswith("on") or name in {"style", "srcdoc", "background", "poster"}:
                found.append(f"{tag} {name}")
            if (
                name in {"href", "src", "action", "formaction", "xlink:href", "cite"}
                and _scheme(value) not in SAFE
            ):
                found.append(f"{tag} {name}={value}")
    return tuple(found)


def _scheme(address: str) -> str:
    return re.sub(r"[\x00-\x20]", "", address).lower().partition(":")[0]


def harm(event: Event) -> list[str]:
    """What of an event could do something to whoever is shown it."""
    found = list(acts(event.html or ""))
    author = event.author
    addresses = [event.url, *event.links, *(m.url for m in event.media), author.url if author else None]
    found += [f"address {a}" for a in addresses if a and not is_web_url(a)]
    lines = [event.title, author.handle if author else None, author.name if author else None, *event.tags]
    found += [f"line {line!r}" for line in lines if line and re.search(r"[\x00-\x1f\x7f]", line)]
    return found


def written(value: Any, attack: str, kept: Collection[str] = (), member: str = "") -> Any:
    """A document in which the attack stands wherever a person has written."""
    if isinstance(value, dict):
        return {k: written(v, attack, kept, k) for k, v in value.items()}
    if isinstance(value, list):
        return [written(v, attack, kept, member) for v in value]
    return attack if isinstance(value, str) and WRITTEN.search(member) and member not in kept else value


def trimmed(value: Any) -> Any:
    """The same with at most two things in each list."""
    if isinstance(value, dict):
        return {k: trimmed(v) for k, v in value.items()}
    return [trimmed(v) for v in value[:2]] if isinstance(value, list) else value


def documents(data_folder: Path, kind: str) -> Iterator[Any]:
    """Recorded answers of a kind; of two kinds with the texts that nobody has recorded."""
    folder = FOLDERS[kind]
    if folder is None:
        said = {"comment_text": "said", "story_text": "said"}
        yield {"hits": [HackerNews().hit(n) | said for n in range(2)], "nbHits": 2, "hitsPerPage": 100}
        return
    for path in sorted((data_folder / "payloads" / folder).iterdir()):
        for raw in bodies(path):
            try:
                value = json.loads(raw)
            except ValueError:
                continue
            if isinstance(value, (dict, list)):
                yield value
            if kind == "stackexchange":
                yield {**value, "items": [{**item, "body": "said"} for item in value["items"]]}


@pytest.mark.parametrize("kind", sorted(FOLDERS))
def test_nothing_that_acts_comes_out_of_any_kind(kind: str, data_folder: Path, vectors: list[str]) -> None:
    """Every attack, as it is and escaped, wherever people write: bodies, titles, names, labels, descriptions."""
    parse, meta = parser(kind)
    found = [trimmed(value) for value in documents(data_folder, kind)]
    assert found
    events = shown = titled = 0
    for attack in vectors:
        for form in (attack, escape(attack)):
            for document in found:
                try:
                    parsed = parse(
                        json.dumps(written(document, form, NATIVE.get(kind, ()))).encode("utf-8", "replace"),
                        meta,
                    )
                except Malformed:
                    continue
                for event in parsed.events:
                    assert harm(event) == [], (kind, attack, event)
                    events += 1
                    shown += event.html is not None
                    titled += event.title is not None
    print(f"\n{kind}: {len(vectors)} attacks in {len(found)} answers: {events:,} events,", end=" ")
    print(f"{shown:,} with HTML, {titled:,} with a title")
    assert events > len(vectors)
    assert (shown > len(vectors)) == (kind in WITH_HTML)


@pytest.mark.parametrize("kind", ["rss", "atom", "json"])
def test_nothing_that_acts_comes_out_of_feeds(kind: str, vectors: list[str]) -> None:
    """As content and title, author and category of each format."""
    parse, meta = parser("feed")
    shown = 0
    for attack in vectors:
        for form in (attack, escape(attack)):
            for event in parse(FEEDS[kind](form).encode("utf-8", "replace"), meta).events:
                assert harm(event) == [], (kind, attack, event)
                shown += event.html is not None
    assert shown > len(vectors)


def _rss(attack: str) -> str:
    said = escape(_characters(attack))
    return (
        f"<rss version='2.0'><channel><title>{said}</title><item><guid>1</guid><title>{said}</title>"
        f"<description>{said}</description><author>{said}</author><category>{said}</category>"
        f"<link>{said}</link><enclosure url='{said}' type='{said}'/></item></channel></rss>"
    )


def _atom(attack: str) -> str:
    said = escape(_characters(attack))
    return (
        f"<feed xmlns='http://www.w3.org/2005/Atom'><title type='html'>{said}</title><entry><id>1</id>"
        f"<title type='html'>{said}</title><content type='html'>{said}</content><category term='{said}'/>"
        f"<author><name>{said}</name><uri>{said}</uri></author><link href='{said}'/></entry></feed>"
    )


def _json(attack: str) -> str:
    item = {
        "id": "1", "title": attack, "content_html": attack, "url": attack, "image": attack, "tags": [attack],
        "authors": [{"name": attack, "url": attack}], "attachments": [{"url": attack, "mime_type": attack}],
    }  # fmt: skip
    return json.dumps({"version": "https://jsonfeed.org/version/1.1", "title": attack, "items": [item]})


def _characters(text: str) -> str:
    """Without what XML cannot hold at all."""
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", text)


FEEDS = {"rss": _rss, "atom": _atom, "json": _json}


def test_the_oracle_sees_the_attacks(vectors: list[str]) -> None:
    """Most of them act before they are cleaned, so that finding nothing afterwards says something."""
    seen = sum(bool(acts(vector)) for vector in vectors)
    print(f"\n{seen} of {len(vectors)} act as they are")
    assert seen >= 323


def test_talk_of_irc_is_text(vectors: list[str]) -> None:
    """A line is never markup, and has no control characters."""
    parse, meta = parser("irc")
    for vector in vectors:
        line = " ".join(vector.split())
        raw = f":ada!a@h PRIVMSG #pycon :{line}\r\n:ada!a@h TOPIC #pycon :{line}\r\n"
        for event in parse(raw.encode("utf-8", "replace"), meta).events:
            assert event.html is None
            assert harm(event) == [], vector
