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
from tests.sources.mutations import mutated, survives

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


def one(document: dict):
    [made] = parse(json.dumps([document]).encode(), META).events
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
    """Type, title, text and URL of events, complete and shortened."""
    made = one(event(kind, payload))
    assert (made.type, made.title, made.text, made.url) == (
        *expected[:3],
        f"https://github.com/ada/notes{expected[3]}",
    )
    assert (made.id, made.channel, made.created_at.minute) == ("github::42", "ada/notes", 59)
    assert (made.author.handle, made.author.id, made.author.url) == ("ada", "7", "https://github.com/ada")


def test_the_same_event_from_gh_archive_is_the_same(tmp_path):
    """Id, type, revision and everything that is counted."""
    document = [
        event("PushEvent", PUSH_OLD),
        event("PullRequestEvent", PULL_OLD, id="43"),
        event("PushEvent", PUSH_NEW, id="44"),
    ]
    file = tmp_path / "hour.json"
    file.write_text("\n".join(map(json.dumps, document)))
    archived = list(GHARCHIVE.read(file, Options()))
    live = parse(json.dumps(document).encode(), META).events
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
    """Others are read, bad ones are dead letters with reason and bytes; private ones give no event."""
    document = [
        event("WatchEvent", {}),
        {"id": "x"},
        3,
        event("ForkEvent", {}, id=None),
        event("WatchEvent", {}, id="9", public=False),
    ]
    parsed = parse(json.dumps(document).encode(), META)
    assert [e.id for e in parsed.events] == ["github::42"]
    assert [r.where for r in parsed.rejects] == ["event 2", "event 3", "event 4"]
    assert [json.loads(r.raw) for r in parsed.rejects[:2]] == document[1:3]
    assert parsed.counts["private"] == 1


def test_events_of_gh_archive_stand_one_a_line():
    """A line that is none is a dead letter."""
    lines = [json.dumps(event("WatchEvent", {})), "{broken", json.dumps(event("ForkEvent", {}, id="43"))]
    parsed = parse("\n".join(lines).encode(), META)
    assert [e.id for e in parsed.events] == ["github::42", "github::43"]
    assert [r.where for r in parsed.rejects] == ["event 2"]


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
    with pytest.raises(Malformed, match="invalid response of GitHub"):
        parse(raw, META)


REPO = {"id": 1, "full_name": "Ada/notes", "html_url": "https://github.com/Ada/notes", "private": False}
ADA = {"id": 7, "login": "ada", "type": "User"}
TIMES = {"created_at": "2026-05-15T08:00:00Z", "updated_at": "2026-05-15T08:00:00Z"}
PAGE = "https://github.com/Ada/notes"
TOPIC = {
    "id": 30,
    "number": 3,
    "title": "Slow",
    "body": "very #slow",
    "user": ADA,
    "html_url": f"{PAGE}/issues/3",
    **TIMES,
}
SAID = {"id": 9, "body": "me too", "user": ADA, **TIMES}
HOOKS = [
    ("issue", "ada/notes#3", "Slow", {"action": "opened", "issue": TOPIC}),
    ("pull_request", "ada/notes#3", "Slow", {"action": "opened", "number": 3, "pull_request": TOPIC}),
    ("discussion", "ada/notes#3", "Slow", {"action": "created", "discussion": TOPIC}),
    ("comment", "issuecomment-9", "Slow", {"action": "created", "issue": TOPIC, "comment": SAID | {"html_url": f"{PAGE}/issues/3#issuecomment-9"}}),
    ("comment", "discussion_r9", "Slow", {"action": "created", "pull_request": TOPIC, "comment": SAID | {"diff_hunk": "@@"}}),
    ("comment", "commitcomment-9", None, {"action": "created", "comment": SAID | {"commit_id": "0a1b2c3d"}}),
    ("comment", "discussioncomment-9", "Slow", {"action": "created", "discussion": TOPIC, "comment": SAID}),
    ("comment", "pullrequestreview-9", "Slow", {"action": "submitted", "pull_request": TOPIC, "review": SAID | {"submitted_at": "2026-05-15T08:00:00Z"}}),
    ("release", "release/9", "v1", {"action": "published", "release": {"id": 9, "tag_name": "v1", "name": "", "body": "it is", "author": ADA, "published_at": "2026-05-15T08:00:00Z"}}),
    ("fork", "fork/bob/notes", None, {"forkee": {"id": 2, "full_name": "bob/notes", "created_at": "2026-05-15T08:00:00Z", "owner": {"login": "bob"}}}),
    ("star", "star/ada/notes/ada", None, {"action": "created", "starred_at": "2026-05-15T08:00:00Z"}),
    ("star", "star/ada/notes/ada", None, {"action": "started"}),
    ("create", "create/ada/notes/dev", "created branch dev", {"ref": "dev", "ref_type": "branch", "master_branch": "main"}),
    ("remove", "remove/ada/notes/dev", "deleted branch dev", {"ref": "dev", "ref_type": "branch"}),
    ("create", "create/ada/notes/v1", "created tag v1", {"ref": "refs/tags/v1", "commits": [], "created": True}),
    ("join", "join/ada/notes/bob", "added bob", {"action": "added", "member": {"login": "bob", "id": 8}}),
    ("page", "page/ada/notes/Home/0a1b", "Home", {"pages": [{"page_name": "Home", "title": "Home", "sha": "0a1b", "summary": None, "html_url": f"{PAGE}/wiki/Home"}]}),
    ("public", "public/ada/notes", None, {}),
]  # fmt: skip


def hook(**document: object) -> bytes:
    return json.dumps({**document, "repository": REPO, "sender": ADA}).encode()


@pytest.mark.parametrize(
    ("kind", "native", "title", "document"), HOOKS, ids=[f"{k[0]} {k[1]}" for k in HOOKS]
)
def test_the_body_of_a_webhook_is_the_event_of_its_thing(kind, native, title, document):
    """Each kind that people make: known by the thing, whose author and time it has."""
    [made] = parse(hook(**document), META).events
    assert (made.type, made.id, made.title) == (kind, f"github::{native}", title)
    assert (made.channel, made.author.handle, made.author.id, made.op) == ("Ada/notes", "ada", "7", "create")
    assert made.url.startswith(PAGE) or kind == "fork"
    if kind == "comment" and title:
        assert (made.thread, made.reply_to) == ("github::ada/notes#3", "github::ada/notes#3")


def test_a_push_is_a_commit_each():
    """With its own author, time and message; addresses of people are not kept."""
    commits = [
        {"id": "a" * 40, "message": "Fix #3\n\nSee https://x.example/a.", "timestamp": "2026-05-15T10:00:00+02:00",
         "url": f"{PAGE}/commit/{'a' * 40}", "author": {"name": "Ada L.", "email": "ada@x.example", "username": "ada"}},
        {"id": "b" * 40, "message": "More", "timestamp": "2026-05-15T08:01:00Z", "author": {"name": "Bob", "email": "b@x.example"}},
    ]  # fmt: skip
    first, second = parse(hook(ref="refs/heads/main", commits=commits, before="0", after="1"), META).events
    assert (first.id, first.title, first.text) == (
        f"github::commit/{'a' * 40}",
        "Fix #3",
        "See https://x.example/a.",
    )
    assert (first.created_at, first.url) == (NOW.replace(hour=8), f"{PAGE}/commit/{'a' * 40}")
    assert (first.links, first.tags, first.author.handle) == (["https://x.example/a"], [], "ada")
    assert second.author is None  # the name in git of someone without an account is not a login
    assert b"@x.example" not in first.raw + second.raw


def test_a_webhook_of_an_edit_or_a_deletion_is_about_the_same_event():
    """The edit has the new text and its time, the deletion no text at all."""
    page = {"html_url": f"{PAGE}/issues/3#issuecomment-9"}
    edited = SAID | page | {"body": "not me", "updated_at": "2026-05-15T08:30:00Z"}
    [edit] = parse(hook(action="edited", issue=TOPIC, comment=edited), META).events
    [gone] = parse(hook(action="deleted", issue=TOPIC, comment=edited), META).events
    assert edit.id == gone.id == "github::issuecomment-9"
    assert (edit.op, edit.text, edit.edited_at) == ("create", "not me", NOW.replace(hour=8, minute=30))
    assert (gone.op, gone.text, gone.edited_at) == ("delete", None, NOW)


def test_of_several_webhooks_about_one_thing_the_last_is_told():
    """One a line, as whoever receives them keeps them, whichever comes first; what is deleted stays deleted."""
    message = hook(action="created", issue=TOPIC, comment=SAID)
    edit = hook(
        action="edited", issue=TOPIC, comment=SAID | {"body": "no", "updated_at": "2026-05-15T08:30:00Z"}
    )
    gone = hook(action="deleted", issue=TOPIC, comment=SAID)
    for hooks, op, text in (([message, edit], "create", "no"), ([edit, message], "create", "no"),
                            ([message, gone], "delete", None), ([gone, edit], "delete", None)):  # fmt: skip
        parsed = parse(b"\n".join(hooks), META)
        assert [(e.op, e.text) for e in parsed.events] == [(op, text)]
        assert parsed.counts == {"entries": 2, "repeated": 1}


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({"zen": "Keep it simple.", "hook": {}}, "unsupported webhook: hook, zen"),
        ({"action": "completed", "check_run": {"id": 1}}, "unsupported webhook: check_run"),
        (
            {"action": "opened", "issue": TOPIC, "repository": REPO | {"private": True}},
            "repository is private",
        ),
        (
            TOPIC | {"repository": REPO | {"private": True}, "sender": None},  # of a list of one's own issues
            "repository is private",
        ),
    ],
)
def test_a_webhook_that_has_nothing_to_tell_says_so(document, why):
    """Pings, machines at work, and what is not public."""
    with pytest.raises(Malformed, match=why):
        parse(json.dumps({"repository": REPO, "sender": ADA, **document}).encode(), META)


ANSWERS = [
    ("issue", "ada/notes#3", [TOPIC]),
    ("pull_request", "ada/notes#3", {"total_count": 1, "items": [TOPIC | {"pull_request": {"url": "https://x"}}]}),
    ("comment", "issuecomment-9", [SAID | {"html_url": f"{PAGE}/issues/3#issuecomment-9"}]),
    ("comment", "discussion_r9", [SAID | {"html_url": f"{PAGE}/pull/3#discussion_r9", "in_reply_to_id": 8}]),
    ("commit", f"commit/{'a' * 40}", [{"sha": "a" * 40, "html_url": f"{PAGE}/commit/{'a' * 40}", "author": ADA,
        "commit": {"message": "Go", "committer": {"date": "2026-05-15T08:00:00Z"}, "author": {"name": "Ada L."}}}]),
    ("star", "star/ada/notes/2026-05-15T08:00:00Z", [{"starred_at": "2026-05-15T08:00:00Z", "repo": REPO}]),
    ("action", "action/5", [{"id": 5, "event": "closed", "actor": ADA, "issue": TOPIC, "created_at": "2026-05-15T08:00:00Z"}]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "native", "document"), ANSWERS, ids=[a[0] + " " + a[1] for a in ANSWERS])
def test_an_answer_of_the_rest_api_is_read_too(kind, native, document):
    """Under the ids that webhooks have."""
    [made] = parse(json.dumps(document).encode(), META).events
    assert (made.type, made.id, made.created_at) == (kind, f"github::{native}", NOW.replace(hour=8))
    assert made.channel == "Ada/notes"


MILESTONE = {"number": 1, "title": "v1", "open_issues": 3, "description": "", "creator": ADA}


def test_what_an_answer_has_that_nobody_said_is_a_dead_letter_with_a_reason():
    """Repositories, accounts and milestones are no events; GraphQL is another language."""
    document = [REPO, {"login": "ada", "id": 7}, MILESTONE, {"id": 1, "color": "red"}]
    reasons = [r.reason for r in parse(json.dumps(document).encode(), META).rejects]
    assert reasons == [
        *(f"unsupported: {what}" for what in ("a repository", "an account", "a milestone")),
        "not an item of GitHub; its members are color, id",
    ]
    with pytest.raises(Malformed, match="GraphQL"):
        parse(b'{"data": {"repository": {}}}', META)
    with pytest.raises(Malformed, match="unsupported webhook: the action archived"):
        parse(hook(action="archived"), META)


def test_who_starred_a_repository_is_told_by_what_was_asked():
    """The answer does not name it."""
    [star] = parse(json.dumps([{"starred_at": "2026-05-15T08:00:00Z", "user": ADA}]).encode(), META).events
    assert (star.id, star.handle, star.channel) == ("github::star/ada/notes/ada", "ada", "ada/notes")


def test_a_comment_of_an_answer_says_in_its_address_what_it_is_about():
    """Also one of somebody who is no longer there."""
    document = {k: v for k, v in SAID.items() if k != "user"} | {
        "issue_url": "https://api.github.com/repos/Ada/notes/issues/3"
    }
    [made] = parse(json.dumps([document]).encode(), META).events
    assert (made.thread, made.reply_to, made.author) == ("github::ada/notes#3", "github::ada/notes#3", None)


def test_a_comment_on_a_gist_is_about_no_repository():
    """Its number is one of gists' comments."""
    document = SAID | {"url": "https://api.github.com/gists/1/comments/9"}
    [made] = parse(json.dumps([document]).encode(), META).events
    assert (made.id, made.channel, made.thread) == ("github::gistcomment-9", None, None)


def test_events_of_old_about_no_repository_have_no_address_of_one():
    """Old archives have gists and followers in this form."""
    document = {"gist": {"id": "5", "html_url": "https://gist.github.com/5"}}
    gist = one(event("GistEvent", document, repo={"id": 0, "name": "/", "url": "x"}))
    follow = one(event("FollowEvent", {"target": {"login": "bob"}}, repo={"name": "/"}))
    assert (gist.channel, gist.url) == (None, "https://gist.github.com/5")
    assert (follow.channel, follow.url, follow.title) == (None, None, "bob")


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


@settings(max_examples=300, deadline=None)
@given(
    mutated([json.loads(hook(**document)) for *_, document in HOOKS] + [document for *_, document in ANSWERS])
)
def test_whatever_shape_a_webhook_has_nothing_undeclared_is_raised(document):
    """Nor is anything made that could not be stored."""
    survives(parse, json.dumps(document).encode(), META)


@settings(max_examples=150, deadline=None)
@given(st.lists(broken(), max_size=3))
def test_whatever_shape_an_event_has_nothing_undeclared_is_raised(document):
    """Each is an event, a dead letter, private or a repetition."""
    parsed = parse(json.dumps(document).encode(), META)
    counts = parsed.counts
    assert len(parsed.events) + len(parsed.rejects) + counts.get("private", 0) + counts.get(
        "repeated", 0
    ) == len(document)
    for made in parsed.events:
        msgspec.json.encode(made)


RECORDED = {  # events, dead letters of entries, of documents: most of the folder is answers to other questions
    "PyGithub__tests__ReplayData__Event.setUp.txt": (30, 0, 0),
    "PyGithub__tests__ReplayData__Github.testGetEvents.txt": (30, 0, 0),
    "PyGithub__tests__ReplayData__Repository.testGetIssuesEvents.txt": (30, 0, 0),
    "fixtures__scenarios__api.github.com__paginate-issues__raw-fixture.json": (0, 20, 0),
    "fixtures__scenarios__api.github.com__release-assets__raw-fixture.json": (0, 10, 0),
    "fixtures__scenarios__api.github.com__search-issues__raw-fixture.json": (0, 5, 0),
    "github-to-sqlite__tests__releases.json": (5, 0, 0),
    "github-to-sqlite__tests__starred.json": (1, 0, 0),
    "grimoirelab-perceval__tests__data__github__abuse_rate_limit": (0, 0, 1),
    "grimoirelab-perceval__tests__data__github__github_events_page_1": (0, 0, 1),
    "grimoirelab-perceval__tests__data__github__github_events_page_2": (0, 0, 1),
    "grimoirelab-perceval__tests__data__github__github_events_page_3": (0, 0, 1),
    "grimoirelab-perceval__tests__data__github__github_issue_1": (1, 0, 0),
    "huginn__spec__data_fixtures__github_rss.atom": (0, 0, 1),
    "rss-parser__tests__corpus__atom__cpython_releases__data.xml": (0, 0, 1),
    "webhooks__payload-examples__api.github.com__discussion__created.payload.json": (1, 0, 0),
    "webhooks__payload-examples__api.github.com__fork__payload.json": (1, 0, 0),
    "webhooks__payload-examples__api.github.com__issue_comment__created.payload.json": (1, 0, 0),
    "webhooks__payload-examples__api.github.com__issues__opened.payload.json": (1, 0, 0),
    "webhooks__payload-examples__api.github.com__pull_request__opened.payload.json": (1, 0, 0),
    "webhooks__payload-examples__api.github.com__push__payload.json": (1, 0, 0),
    "webhooks__payload-examples__api.github.com__release__published.payload.json": (1, 0, 0),
    "webhooks__payload-examples__api.github.com__watch__started.payload.json": (1, 0, 0),
}


@pytest.mark.data
def test_every_recorded_answer_is_events_or_dead_letters(data_folder):
    """All of the folder's files, the bodies of the recorded answers taken out of their transcripts."""
    document = {}
    for file in sorted((data_folder / "payloads" / "github").iterdir()):
        data = file.read_bytes()
        bodies = [x for x in data.split(b"\n") if x.startswith(b"[{")] if file.suffix == ".txt" else [data]
        counts = [0, 0, 0]
        for body in bodies:
            try:
                parsed = parse(body, META)
            except Malformed as error:
                assert str(error).startswith("invalid response of GitHub")
                counts[2] += 1
                continue
            counts[0] += len(parsed.events)
            counts[1] += len(parsed.rejects)
        document[file.name] = tuple(counts)
    assert document == RECORDED


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
