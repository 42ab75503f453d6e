"""The corpus of feedparser through our reader: what it says of each file, and what each file says is to be found."""

from __future__ import annotations

import ast
import io
import re
from calendar import timegm
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import feedparser
import msgspec
import pytest

from rtanalytics.event import Event, is_web_url
from rtanalytics.sources.base import Malformed, Meta, Parsed
from rtanalytics.sources.feeds.items import event_id
from rtanalytics.sources.feeds.parse import parse
from tests.build import BASE

pytestmark = [pytest.mark.data, pytest.mark.slow]

URL = "http://127.0.0.1:8097/feed.xml"  # where the files expect to be served
FIELDS = ("count", "id", "title", "link", "date")
DATES = ("published_parsed", "created_parsed", "updated_parsed")

AS_WRITTEN = "an id is compared as it is written (RFC 4287, 4.2.6.1); feedparser makes an address of it"
NO_BASE = "Content-Location is no base (RFC 9110, 8.7); feedparser takes it for one"
ALTERNATE = "the file demands the page and not the enclosure; feedparser 6.0.14 does not yet"
NO_PAGE = "an id that is no address is no page; feedparser joins it to the feed's address"
FRACTION = "feedparser drops the fraction of a second"
NOT_SHOWN = "what stands in script or title elements is not shown by a browser; feedparser keeps the latter's"

OTHERWISE = {
    "id": {
        "wellformed/atom10/entry_id_with_attributes.xml": AS_WRITTEN,
        "wellformed/base/http_entry_id_base_content_location.xml": AS_WRITTEN,
        "wellformed/base/http_entry_id_base_docuri.xml": AS_WRITTEN,
        "wellformed/lang/http_content_language_entry_title_inherit_2.xml": AS_WRITTEN,
        "wellformed/node_precedence/atom10_id.xml": AS_WRITTEN,
    },
    "link": {
        "wellformed/atom/entry_link_no_href_link_priority.xml": ALTERNATE,
        "wellformed/atom/entry_link_rel_enclosure_no_href.xml": ALTERNATE,
        "wellformed/atom10/entry_link_no_href_link_priority.xml": ALTERNATE,
        "wellformed/atom10/entry_link_rel_enclosure_no_href.xml": ALTERNATE,
        "wellformed/atom10/entry_id_with_attributes.xml": NO_PAGE,
        "wellformed/base/http_entry_id_base_content_location.xml": NO_PAGE,
        "wellformed/base/http_entry_link_base_content_location.xml": NO_BASE,
        "wellformed/base/http_item_link_base_content_location.xml": NO_BASE,
        "wellformed/lang/http_content_language_entry_title_inherit_2.xml": NO_PAGE,
    },
    "title": {"wellformed/sanitize/entry_title_crazy.xml": NOT_SHOWN},
    "date": {"wellformed/namespace/atomthreadingwithentry.xml": FRACTION},
}
"""Where we do on purpose what feedparser does not."""


class Shown(HTMLParser):
    """The text of a piece of HTML, by another parser than ours."""

    def __init__(self) -> None:
        super().__init__()
        self.payload: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._hidden += tag in {"script", "style"}

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in {"script", "style"}

    def handle_data(self, data: str) -> None:
        if self._hidden <= 0:
            self.payload.append(data)


def shown(html: str) -> str:
    parser = Shown()
    parser.feed(html)
    parser.close()
    return " ".join("".join(parser.payload).split())


class Case:
    """A file: what its comment says, what feedparser says and what we say."""

    def __init__(self, path: Path, name: str) -> None:
        raw = path.read_bytes()
        self.name = name
        payload = self._comment(raw)
        self.headers = {m[1].lower(): m[2].strip() for m in re.finditer(r"Header:\s+([\w-]+):(.*)", payload)}
        expect = re.search(r"Expect:\s*(.*)", payload)
        self.expect = expect[1].removesuffix("-->").strip() if expect else ""
        sent = {"content-location": URL, "content-type": "application/xml", **self.headers}
        self.theirs = feedparser.parse(io.BytesIO(raw), response_headers=sent)
        meta = Meta(
            source="feeds:corpus",
            scope="corpus",
            connector="feed@1",
            received_at=BASE,
            url=URL,
            content_type=self.headers.get("content-type", ""),
            language=self.headers.get("content-language", ""),
        )
        try:
            self.ours = parse(raw, meta)
        except Malformed:
            self.ours = Parsed(complete=False)
            self.refused = True
        else:
            self.refused = False

    @staticmethod
    def _comment(raw: bytes) -> str:
        for encoding in ("utf-8", "utf-16", "utf-16-be", "utf-32", "utf-32-be", "utf-7", "cp037"):
            text = raw.decode(encoding, "replace")
            if "Expect:" in text:
                return text.partition("-->")[0]
        return ""

    @property
    def message(self) -> int:
        """Entries that we tell of, as events or with the reason why not."""
        return len(self.ours.events) + len(self.ours.rejects) + self.ours.counts.get("repeated", 0)

    def pairs(self) -> Iterator[tuple[int, dict[str, Any], Event]]:
        """Each entry that became an event: which, what they say, what we say."""
        left = {reject.where for reject in self.ours.rejects}
        events = self.ours.events
        if self.ours.counts.get("repeated"):
            assert len(events) == 1  # word for word the same is one event
            events = events * len(self.theirs.entries)
        payload = iter(events)
        for number, entry in enumerate(self.theirs.entries):
            if f"entry {number + 1}" not in left:
                yield number, dict(entry), next(payload)

    def differing(self) -> dict[str, list[tuple[object, object]]]:
        """What we say and what they say, by field, where it is not the same."""
        found: dict[str, list[tuple[object, object]]] = defaultdict(list)
        if self.message != len(self.theirs.entries):
            found["count"].append((self.message, len(self.theirs.entries)))
            return found
        for _, theirs, ours in self.pairs():
            link = theirs.get("link")
            payload = {
                "id": (identity(ours), named(theirs["id"]) if theirs.get("id") else (ours.id, "derived")),
                "title": (ours.title or "", self.title(theirs, theirs.get("title", ""))),
                "link": (ours.url, link if link and is_web_url(link) else None),
                "date": (when(ours), next((utc(theirs[d]) for d in DATES if theirs.get(d)), None)),
            }
            for field, (we, they) in payload.items():
                if we != they:
                    found[field].append((we, they))
        return found

    def title(self, entry: dict[str, Any], value: str) -> str:
        """A title as text: of Atom that says so it is text already."""
        kind = (entry.get("title_detail") or {}).get("type")
        literal = str(self.theirs.version).startswith("atom") and kind == "text/plain"
        return " ".join(value.split()) if literal else shown(value)

    def expected(self) -> Iterator[tuple[int, str, Any]]:
        """What the comment says of entries: which, the field and its value."""
        try:
            tree = ast.parse(self.expect, mode="eval")
        except SyntaxError:
            return
        for compared in ast.walk(tree):
            if not isinstance(compared, ast.Compare) or not all(isinstance(o, ast.Eq) for o in compared.ops):
                continue
            parts = [compared.left, *compared.comparators]
            values = [p for p in parts if isinstance(p, (ast.Constant, ast.Tuple))]
            for part in parts if values else ():
                where = re.fullmatch(
                    r"entries\[(\d)\](?:\.|\[')(id|guid|title|link|\w+_parsed)(?:'\])?", ast.unparse(part)
                )
                where = where or re.fullmatch(
                    r"entries\[(\d)\]\['(title)_detail'\]\['value'\]", ast.unparse(part)
                )
                if where and where[2] in {"id", "guid", "title", "link", *DATES}:
                    yield int(where[1]), where[2].replace("guid", "id"), ast.literal_eval(values[0])

    def disappointed(self) -> tuple[int, list[tuple[str, object, object]]]:
        """How many of the comment's demands are about our fields, and those that are not met."""
        events = {number: event for number, _, event in self.pairs()}
        asked, unmet = 0, []
        for number, field, value in self.expected():
            if number not in events:
                continue  # refused with a reason, or repeated
            event = events[number]
            asked += 1
            if field in DATES:
                we, they = {when(event), event.edited_at}, utc(value)
                met = they in we
            elif field == "title":
                we, they = event.title or "", self.title(dict(self.theirs.entries[number]), value)
                met = we == they
            elif field == "link":
                we, they = event.url, value if is_web_url(value) else None
                met = we == they
            else:
                we, they = identity(event), named(value)
                met = we == they
            if not met:
                unmet.append((field, we, they))
        return asked, unmet


def identity(event: Event) -> tuple[str, str]:
    """Return the id of an event, and whether it is the entry's own or derived."""
    return event.id, "derived" if event.ingest is None else event.ingest.id_kind


def named(native: str) -> tuple[str, str]:
    """Return the id of an event for an entry with its own id."""
    return event_id("feeds", "corpus", native), "native"


def when(event: Event) -> datetime | None:
    return event.created_at if event.ingest is not None and event.ingest.time_kind == "source" else None


def utc(parts: Any) -> datetime:
    return datetime.fromtimestamp(timegm(tuple(parts)), UTC)


@pytest.fixture(scope="module")
def cases(data_folder: Path) -> list[Case]:
    """All files of XML, those that are about what an entry says first."""
    root = data_folder / "suites" / "feedparser" / "tests"
    files = sorted(root.rglob("*.xml"), key=lambda f: (f.relative_to(root).parts[0] < "illformed", f))
    return [Case(f, f.relative_to(root).as_posix()) for f in files]


def test_entries_are_those_that_feedparser_finds_and_say_the_same(cases):
    """Number, id, title, address and time, file by file; what is otherwise is named with its reason."""
    same = {True: Counter(), False: Counter()}
    otherwise: dict[str, set[str]] = defaultdict(set)
    for case in cases:
        row = same[case.name.startswith(("wellformed", "illformed"))]
        differing = case.differing()
        row.update(field for field in FIELDS if field not in differing)
        row["files"] += 1
        row["entries"] += len(case.theirs.entries)
        row["refused with a reason"] += len(case.ours.rejects)
        row["word for word the same"] += case.ours.counts.get("repeated", 0)
        for field in differing:
            otherwise[field].add(case.name)
    for name, row in zip(("wellformed, illformed", "encoding, entities"), same.values(), strict=True):
        print(f"\n{name}:", ", ".join(f"{what} {count:,}" for what, count in row.items()))
    assert otherwise == {field: set(files) for field, files in OTHERWISE.items()}
    assert [same[True][f] for f in ("files", *FIELDS)] == [1_768, 1_768, 1_763, 1_767, 1_759, 1_767]
    assert [same[False][f] for f in ("files", *FIELDS)] == [338] * 6


def test_entries_are_what_their_files_demand(cases):
    """Each demand about an id, a title, an address or a time is met, but for those whose reason is named."""
    asked, unmet = 0, []
    for case in cases:
        demands, left = case.disappointed()
        asked += demands
        unmet += [(case.name, field) for field, _, _ in left]
    print(f"\ndemands about our fields {asked}, met {asked - len(unmet)}")
    assert sorted(unmet) == [
        ("wellformed/base/http_entry_id_base_content_location.xml", "id"),
        ("wellformed/base/http_entry_id_base_docuri.xml", "id"),
        ("wellformed/base/http_item_link_base_content_location.xml", "link"),
    ]
    assert all(name in OTHERWISE[field] for name, field in unmet)
    assert asked >= 172


def test_what_is_refused_has_nothing_to_be_known_by(cases):
    """An entry of one element that names nothing; documents without entries that say not even what they are."""
    reasons = Counter(reject.reason for case in cases for reject in case.ours.rejects)
    assert set(reasons) <= {
        "it has no id, link, title or text",
        "it has the id of an earlier item, but other content",
    }
    assert sum(reasons.values()) <= 638
    for case in cases:
        for reject in case.ours.rejects:
            entry = case.theirs.entries[int(reject.where.removeprefix("entry ")) - 1]
            page = next((x for x in entry.get("links", ()) if x.get("rel") in {"alternate", "enclosure"}), {})
            named = entry.get("id"), shown(entry.get("title", "")), page.get("href")
            assert not any(named) or "its id" in reject.reason, (case.name, named)
    documents = {case.name: len(case.theirs.entries) for case in cases if case.refused}
    assert set(documents.values()) == {0}
    assert len(documents) == 8  # one that is empty, and channels of CDF without an item


def test_json_that_lies_among_them_is_read(data_folder):
    """Its demand: two entries and a title."""
    path = data_folder / "suites" / "feedparser" / "tests" / "json" / "example.json"
    raw = path.read_bytes()
    assert "len(entries) == 2" in msgspec.json.decode(raw)["__TEST__"]
    meta = Meta(source="feeds:corpus", scope="corpus", connector="feed@1", received_at=BASE, url=URL)
    parsed = parse(raw, meta)
    assert (parsed.title, parsed.rejects) == ("My Example Feed", [])
    first, second = parsed.events
    assert [identity(first), identity(second)] == [named("2"), named("1")]
    assert [first.text, second.text] == ["This is a second item.", "Hello, world!"]
    assert [first.url, second.url] == ["https://example.org/second-item", "https://example.org/initial-post"]
