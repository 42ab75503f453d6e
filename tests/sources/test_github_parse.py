"""GitHub's events as bytes: old and new shapes, recorded ones, and ones that are none."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtanalytics.importers import Options
from rtanalytics.importers.gharchive import GHARCHIVE
from rtanalytics.sources.base import Malformed, Meta
from rtanalytics.sources.github.parse import parse

NOW = datetime(2026, 5, 15, 9, tzinfo=UTC)
META = Meta(source="github", scope="repos/ada/notes", connector="github@1", received_at=NOW)


def event(kind: str, payload: object, **more: object) -> dict:
    return {
        "id": "42",
        "type": kind,
        "actor": {"id": 7, "login": "ada", "url": "https://api.github.com/users/ada"},
        "repo": {"id": 1, "name": "ada/notes", "url": "https://api.github.com/repos/ada/notes"},
        "payload": payload,
        "public": True,
        "created_at": "2026-05-15T08:59:00Z",
        **more,
    }


def one(told: dict):
    [made] = parse(json.dumps([told]).encode(), META).events
    return made


PUSH_OLD = {
    "ref": "refs/heads/main",
    "head": "0a1b2c3d4e",
    "commits": [
        {"sha": "1", "author": {"email": "ada@x.example", "name": "Ada"}, "message": "Fix #12, thanks @bob"},
        {
            "sha": "2",
            "author": {"email": "bob@x.example", "name": "Bob"},
            "message": "See https://x.example/a.",
        },
    ],
}
PUSH_NEW = {"repository_id": 1, "push_id": 2, "ref": "refs/heads/main", "head": "0a1b2c3d4e", "before": "9"}
PULL_OLD = {
    "action": "opened",
    "number": 5,
    "pull_request": {
        "number": 5,
        "title": "Speed",
        "body": "It is #fast",
        "html_url": "https://github.com/ada/notes/pull/5",
    },
}
PULL_NEW = {
    "action": "opened",
    "number": 5,
    "pull_request": {"id": 9, "number": 5, "url": "https://api.github.com/x"},
}
ISSUE = {
    "action": "opened",
    "issue": {
        "number": 3,
        "title": "Slow",
        "body": "very",
        "html_url": "https://github.com/ada/notes/issues/3",
    },
}
COMMENT = {
    **ISSUE,
    "comment": {"id": 1, "body": "me too", "html_url": "https://github.com/ada/notes/issues/3#c"},
}
RELEASE = {
    "action": "published",
    "release": {
        "tag_name": "v1",
        "name": "",
        "body": None,
        "html_url": "https://github.com/ada/notes/releases/v1",
    },
}


@pytest.mark.parametrize(
    ("kind", "payload", "expected"),
    [
        ("PushEvent", PUSH_OLD, ("commit", None, "Fix #12, thanks @bob\n\nSee https://x.example/a.", "/commit/0a1b2c3d4e")),
        ("PushEvent", PUSH_NEW, ("commit", "pushed to main", "", "/commit/0a1b2c3d4e")),
        ("PullRequestEvent", PULL_OLD, ("pull_request", "Speed", "It is #fast", "/pull/5")),
        ("PullRequestEvent", PULL_NEW, ("pull_request", "#5", "", "/pull/5")),
        ("IssuesEvent", ISSUE, ("issue", "Slow", "very", "/issues/3")),
        ("IssueCommentEvent", COMMENT, ("comment", "Slow", "me too", "/issues/3#c")),
        ("ReleaseEvent", RELEASE, ("release", "v1", "", "/releases/v1")),
        ("WatchEvent", {"action": "started"}, ("star", None, "", "")),
        ("CreateEvent", {"ref_type": "branch", "ref": "dev"}, ("create", "created branch dev", "", "")),
        ("SponsorEvent", {}, ("x:SponsorEvent", None, "", "")),
    ],
)  # fmt: skip
def test_events_in_full_and_as_they_are_since_october_2025(kind, payload, expected):
    """Type, title, text and address, of what is told and of what is left of it."""
    made = one(event(kind, payload))
    assert (made.type, made.title, made.text, made.url) == (
        *expected[:3],
        f"https://github.com/ada/notes{expected[3]}",
    )
    assert (made.id, made.channel, made.created_at.minute) == ("github::42", "ada/notes", 59)
    assert (made.author.handle, made.author.id, made.author.url) == ("ada", "7", "https://github.com/ada")


def test_the_same_event_from_gh_archive_is_the_same(tmp_path):
    """Id, type, revision and everything that is counted."""
    told = [
        event("PushEvent", PUSH_OLD),
        event("PullRequestEvent", PULL_OLD, id="43"),
        event("PushEvent", PUSH_NEW, id="44"),
    ]
    file = tmp_path / "hour.json"
    file.write_text("\n".join(map(json.dumps, told)))
    archived = list(GHARCHIVE.read(file, Options()))
    live = parse(json.dumps(told).encode(), META).events
    assert len(archived) == len(live) == 3
    for a, b in zip(archived, live, strict=True):
        same = (
            "id",
            "rev",
            "type",
            "author",
            "channel",
            "title",
            "text",
            "url",
            "tags",
            "links",
            "created_at",
        )
        assert [getattr(a, name) for name in same] == [getattr(b, name) for name in same]


def test_e_mail_addresses_are_not_kept():
    """They stand in commits; raw has the rest as delivered."""
    made = one(event("PushEvent", PUSH_OLD))
    assert b"@x.example" not in made.raw
    assert json.loads(made.raw)["payload"]["commits"][0]["message"].endswith("@bob")


def test_a_time_from_the_future_or_the_past_is_not_believed():
    """Said when received, with the claim kept where there is one."""
    late = one(event("WatchEvent", {}, created_at="2030-01-01T00:00:00Z"))
    assert (late.created_at, late.ingest.time_kind) == (NOW, "future")
    early = one(event("WatchEvent", {}, created_at="1970-01-01T00:00:00Z"))
    assert (early.created_at, early.ingest.time_kind, early.ingest.claimed_at.year) == (NOW, "observed", 1970)
    assert one(event("WatchEvent", {}, created_at=None)).ingest.time_kind == "observed"


def test_one_bad_event_costs_itself():
    """The others are there, the bad ones with reason and bytes; private ones are not told."""
    told = [
        event("WatchEvent", {}),
        {"id": "x"},
        3,
        event("ForkEvent", {}, id=None),
        event("WatchEvent", {}, id="9", public=False),
    ]
    parsed = parse(json.dumps(told).encode(), META)
    assert [e.id for e in parsed.events] == ["github::42"]
    assert [r.where for r in parsed.rejects] == ["event 2", "event 3", "event 4"]
    assert [json.loads(r.raw) for r in parsed.rejects[:2]] == told[1:3]
    assert parsed.counts["private"] == 1


def test_a_dead_letter_of_one_event_is_read_as_it_is():
    """As it stands in the list of dead letters."""
    assert parse(json.dumps(event("WatchEvent", {})).encode(), META).events[0].id == "github::42"


def test_a_github_of_ones_own_has_ids_of_its_own():
    """Its numbers are those of GitHub's for something else."""
    meta = msgspec.structs.replace(META, options={"host": "git.example"})
    assert parse(json.dumps(event("WatchEvent", {})).encode(), meta).events[0].id == "github:git.example:42"


@pytest.mark.parametrize(
    "raw", [b"", b"{", b'{"message": "Not Found"}', b"3", b"null", b"[" * 100_000, b"\xff"]
)
def test_what_is_no_page_is_malformed(raw):
    """With what GitHub says, where it says something."""
    with pytest.raises(Malformed, match="no events"):
        parse(raw, META)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
SHAPES = [event("PushEvent", PUSH_OLD), event("PullRequestEvent", PULL_OLD), event("IssueCommentEvent", COMMENT),
          event("ReleaseEvent", RELEASE), event("GollumEvent", {"pages": [{"title": "Home"}]}),
          event("PushEvent", {"shas": [["1", "a@x", "said", "Ada"]]}, actor="ada", repository={"name": "n", "owner": "ada"})]  # fmt: skip


@st.composite
def broken(draw):
    """An event of which some parts are missing or something else."""
    whole = json.loads(json.dumps(draw(st.sampled_from(SHAPES))))
    for _ in range(draw(st.integers(1, 3))):
        spot = whole
        while isinstance(spot, (dict, list)) and spot:
            key = draw(st.sampled_from(sorted(spot) if isinstance(spot, dict) else range(len(spot))))
            if draw(st.booleans()) or not isinstance(spot[key], (dict, list)) or not spot[key]:
                if isinstance(spot, dict) and draw(st.booleans()):
                    del spot[key]
                else:
                    spot[key] = draw(values)
                break
            spot = spot[key]
    return whole


@settings(max_examples=150, deadline=None)
@given(st.lists(broken(), max_size=3))
def test_whatever_shape_an_event_has_nothing_undeclared_is_raised(told):
    """Each is an event, a dead letter, private or a repetition."""
    parsed = parse(json.dumps(told).encode(), META)
    counts = parsed.counts
    assert len(parsed.events) + len(parsed.rejects) + counts.get("private", 0) + counts.get(
        "repeated", 0
    ) == len(told)
    for made in parsed.events:
        msgspec.json.encode(made)


RECORDED = {  # events, dead letters of entries, of documents: most of the folder is answers to other questions
    "PyGithub__tests__ReplayData__Event.setUp.txt": (30, 0, 0),
    "PyGithub__tests__ReplayData__Github.testGetEvents.txt": (30, 0, 0),
    "PyGithub__tests__ReplayData__Repository.testGetIssuesEvents.txt": (0, 30, 0),
    "fixtures__scenarios__api.github.com__paginate-issues__raw-fixture.json": (0, 20, 0),
    "fixtures__scenarios__api.github.com__release-assets__raw-fixture.json": (0, 10, 0),
    "fixtures__scenarios__api.github.com__search-issues__raw-fixture.json": (0, 5, 0),
    "github-to-sqlite__tests__releases.json": (0, 5, 0),
    "github-to-sqlite__tests__starred.json": (0, 1, 0),
    "grimoirelab-perceval__tests__data__github__abuse_rate_limit": (0, 0, 1),
    "grimoirelab-perceval__tests__data__github__github_events_page_1": (0, 0, 1),
    "grimoirelab-perceval__tests__data__github__github_events_page_2": (0, 0, 1),
    "grimoirelab-perceval__tests__data__github__github_events_page_3": (0, 0, 1),
    "grimoirelab-perceval__tests__data__github__github_issue_1": (0, 1, 0),
    "huginn__spec__data_fixtures__github_rss.atom": (0, 0, 1),
    "rss-parser__tests__corpus__atom__cpython_releases__data.xml": (0, 0, 1),
    "webhooks__payload-examples__api.github.com__discussion__created.payload.json": (0, 0, 1),
    "webhooks__payload-examples__api.github.com__fork__payload.json": (0, 0, 1),
    "webhooks__payload-examples__api.github.com__issue_comment__created.payload.json": (0, 0, 1),
    "webhooks__payload-examples__api.github.com__issues__opened.payload.json": (0, 0, 1),
    "webhooks__payload-examples__api.github.com__pull_request__opened.payload.json": (0, 0, 1),
    "webhooks__payload-examples__api.github.com__push__payload.json": (0, 0, 1),
    "webhooks__payload-examples__api.github.com__release__published.payload.json": (0, 0, 1),
    "webhooks__payload-examples__api.github.com__watch__started.payload.json": (0, 0, 1),
}


@pytest.mark.data
def test_every_recorded_answer_is_events_or_dead_letters(data_folder):
    """All of the folder's files, the bodies of the recorded answers taken out of their transcripts."""
    told = {}
    for file in sorted((data_folder / "payloads" / "github").iterdir()):
        data = file.read_bytes()
        bodies = [x for x in data.split(b"\n") if x.startswith(b"[{")] if file.suffix == ".txt" else [data]
        counts = [0, 0, 0]
        for body in bodies:
            try:
                parsed = parse(body, META)
            except Malformed as error:
                assert str(error).startswith("no events")
                counts[2] += 1
                continue
            counts[0] += len(parsed.events)
            counts[1] += len(parsed.rejects)
        told[file.name] = tuple(counts)
    assert told == RECORDED


@pytest.mark.data
def test_recorded_events_say_what_github_showed(data_folder):
    """Spot checks: ids, times, people, texts and addresses."""
    file = data_folder / "payloads" / "github" / "PyGithub__tests__ReplayData__Github.testGetEvents.txt"
    [body] = [x for x in file.read_bytes().split(b"\n") if x.startswith(b"[{")]
    first = parse(body, META).events[0]
    assert (first.id, first.type, first.handle) == ("github::12155213000", "commit", "fengjixuchui")
    assert first.created_at == datetime(2020, 4, 25, 12, 7, tzinfo=UTC)
    assert first.channel == "fengjixuchui/EmbeddedSystem"
    assert first.url.endswith("/commit/695a871ac905dd524ab033f1fc7c270e15bfc27d")
    assert first.text.startswith("[update] Prepare training")
    assert b"@qq.com" not in first.raw
