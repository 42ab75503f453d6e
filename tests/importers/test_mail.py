"""Mails as lists and people send them: encodings, parts, wrapped lines, and names written in many ways."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtanalytics.event import Event, decode, encode
from rtanalytics.importers import ImporterError, Options, open_events

BEGIN = b"From ada at x.example  Fri May 15 09:00:00 2026\n"
HEADERS = {
    "From": b"Ada <ada@x.example>", "Date": b"Fri, 15 May 2026 11:00:00 +0200", "Message-ID": b"<1@x.example>",
    "Subject": b"Hall",
}  # fmt: skip


def mail(body: bytes, **headers: bytes) -> bytes:
    """A mail with these headers besides the usual ones; an empty one leaves it out."""
    told = HEADERS | {name.replace("_", "-"): value for name, value in headers.items()}
    return b"".join(b"%s: %s\n" % (name.encode(), v) for name, v in told.items() if v) + b"\n" + body + b"\n"


def read(path: Path, data: bytes) -> Event:
    path.write_bytes(data)
    [event] = open_events(path, None, Options(private=True))
    assert isinstance(event, Event), event
    assert decode(encode(event)).id == event.id
    return event


def test_a_mail_alone_is_read_as_one_of_a_list(tmp_path: Path) -> None:
    """As a mail program saves it, without the line that begins it in an mbox."""
    alone, listed = read(tmp_path / "1.eml", mail(b"hi")), read(tmp_path / "1.mbox", BEGIN + mail(b"hi"))
    assert alone == listed
    assert (alone.id, alone.text, alone.handle) == ("mail::1@x.example", "hi", "Ada")
    assert alone.created_at == datetime(2026, 5, 15, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("sender", "name"),
    [
        (b"=?utf-8?q?Lovelace=2C_Ada?= <ada@x.example>", "Lovelace, Ada"),
        (b"ada at x.example (=?iso-8859-1?q?Ad=E9?=)", "Adé"),
        (b"ada(a)x.example (Ada)", "Ada"),
        (b"ada at x.example", "ada"),
        ("Adé <ada@x.example>".encode(), "Adé"),
        ("Adé <ada@x.example>".encode("latin-1"), "Adé"),
        (b"Ada via Users <users@lists.example>", "Ada"),
        (b'"ada@x.example" <ada@x.example>', "ada"),
    ],
)
def test_the_author_is_found_in_any_form_of_the_header(tmp_path: Path, sender: bytes, name: str) -> None:
    """Commas in encoded names, obfuscated addresses, bytes that no header may have, lists that write themselves."""
    event = read(tmp_path / "1.mbox", BEGIN + mail(b"hi", From=sender, List_Id=b"<users.lists.example>"))
    assert event.author is not None
    assert event.author.handle == name
    assert "x.example" not in repr(event.author)


@pytest.mark.parametrize(
    ("charset", "body"),
    [
        ("iso-8859-1", "“café” – 5 €".encode("cp1252")),
        ("iso-8859-1", "“café” – 5 €".encode()),
        ("us-ascii", "“café” – 5 €".encode()),
        ("no-such-thing", "“café” – 5 €".encode()),
        ("", "“café” – 5 €".encode()),
        ("gb2312", "“café” – 5 €".encode("gb18030")),
    ],
)
def test_a_text_is_read_as_it_was_meant(tmp_path: Path, charset: str, body: bytes) -> None:
    """Whatever it says about its encoding."""
    kind = b"text/plain; charset=" + charset.encode() if charset else b"text/plain"
    event = read(tmp_path / "1.eml", mail(body, Content_Type=kind, Content_Transfer_Encoding=b"8bit"))
    assert event.text == "“café” – 5 €"


def test_flowed_paragraphs_are_one_line_each(tmp_path: Path) -> None:
    """Also quoted ones; a signature's mark is none, and lines that are no paragraph stay (RFC 3676)."""
    flowed = b"text/plain; format=flowed"
    body = b"four \nfive\n From here\n\n-- \nAda"
    assert read(tmp_path / "1.eml", mail(body, Content_Type=flowed)).text == "four five\nFrom here"
    event = read(tmp_path / "3.eml", mail(b"> one \n> two\n>> three\n", Content_Type=flowed))
    assert event.text == "> one two\n>> three"
    kind = b"text/plain; format=flowed; delsp=yes"
    assert read(tmp_path / "2.eml", mail(b"to \ngether", Content_Type=kind)).text == "together"


def test_a_sentence_that_begins_like_a_mail_does_begins_none(tmp_path: Path) -> None:
    """It has a time in it, and no day."""
    event = read(tmp_path / "1.mbox", BEGIN + mail(b"hi\n\nFrom what I saw at 10:30 it works"))
    assert event.text == "hi\n\nFrom what I saw at 10:30 it works"


@pytest.mark.parametrize("line", [b"\n", b"on \n", b"-- \n", b"> \n", b"_" * 50 + b"\n"])
def test_a_long_mail_costs_no_more_than_its_length(tmp_path: Path, line: bytes) -> None:
    """Of whatever lines: empty ones, one paragraph, rules."""
    path = tmp_path / "1.eml"
    path.write_bytes(mail(line * 150_000 + b"end", Content_Type=b"text/plain; format=flowed"))
    [event] = open_events(path, None, Options(private=True))
    assert isinstance(event, Event) or "bytes" in str(event)


def part(kind: str, body: str, more: str = "") -> str:
    return f"--b\nContent-Type: {kind}\n{more}\n{body}\n"


@pytest.mark.parametrize(
    ("kind", "parts", "text"),
    [
        ("alternative", [part("text/html", "<p>hi</p>"), part("text/plain", "hi there")], "hi there"),
        (
            "mixed",
            [part("text/html", "<p>hi</p>"), part("text/plain", "_" * 40 + "\nUsers mailing list")],
            "hi",
        ),
        (
            "mixed",
            [part("text/plain", "one"), part("image/png", "x"), part("text/plain", "two")],
            "one\n\ntwo",
        ),
        ("mixed", [part("text/plain", "one"), part("message/rfc822", "Subject: x\n\ninner")], "one"),
        ("mixed", [part("text/plain", "one"), part("text/plain; name=a.log", "log")], "one"),
        (
            "mixed",
            [part("text/plain", "one"), part("text/plain", "x", "Content-Disposition: attachment\n")],
            "one",
        ),
        ("mixed", [part("text/plain", "same"), part("text/html", "<p>same</p>")], "same"),
    ],
)
def test_the_text_is_what_was_written_and_nothing_that_came_with_it(
    tmp_path: Path, kind: str, parts: list[str], text: str
) -> None:
    """Not what the list puts below, no attachments, no other mail; of alternatives the plain one."""
    body = "".join(parts) + "--b--"
    event = read(
        tmp_path / "1.eml", mail(body.encode(), Content_Type=f"multipart/{kind}; boundary=b".encode())
    )
    assert event.text == text


NEXT = "-------------- next part --------------\n"
FOOTER = "_" * 47 + "\nUsers mailing list\n"


@pytest.mark.parametrize(
    "below",
    [
        FOOTER + "Users@lists.example\nhttps://lists.example/users\n",
        NEXT + "An HTML attachment was scrubbed...\nURL: <https://lists.example/1.htm>\n",
        (
            NEXT
            + "A non-text attachment was scrubbed...\nName: sig.asc\nType: application/pgp-signature\nSize: 833 bytes\n"
            "Desc: OpenPGP\nURL: <https://lists.example/1.bin>\n"
        ),
        NEXT + FOOTER,
    ],
)
def test_what_a_list_writes_below_a_mail_is_no_text_of_it(tmp_path: Path, below: str) -> None:
    """Its footer, and what stands for parts that it took away; what people write below stays."""
    assert read(tmp_path / "1.mbox", BEGIN + mail(b"hi\n\n" + below.encode())).text == "hi"
    event = read(tmp_path / "2.mbox", BEGIN + mail(b"hi\n-------------- next part --------------\nmore"))
    assert (event.text, event.links) == ("hi\nmore", [])


def test_bytes_of_a_header_are_read_as_the_text_is(tmp_path: Path) -> None:
    """Old mails say nothing about them."""
    event = read(tmp_path / "1.mbox", BEGIN + mail(b"hi", From="联想 <a@x.example>".encode("gb18030"),
                                                   Content_Type=b"text/plain; charset=gb2312"))  # fmt: skip
    assert event.handle == "联想"


def test_a_subject_that_is_no_base64_costs_nothing_but_itself(tmp_path: Path) -> None:
    """It stands as it was sent."""
    event = read(tmp_path / "1.mbox", BEGIN + mail(b"hi", Subject=b"=?utf-8?b?a?="))
    assert (event.title, event.text) == ("=?utf-8?b?a?=", "hi")


def test_a_line_that_an_mbox_had_to_mark_is_as_it_was(tmp_path: Path) -> None:
    """One mark is taken away; a quoted line keeps its own."""
    assert read(tmp_path / "1.mbox", BEGIN + mail(b"\n>From me\n>>From you\n> From him")).text == "From me"
    event = read(tmp_path / "2.mbox", BEGIN + mail(b"\n>>From you\n> From him"))
    assert event.text == ">From you\n> From him"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("Hi all,\n\n> the hall\n> is full\n\nyes\n>> and hot\nno", "Hi all,\n\nyes\nno"),
        ("On Fri, 15 May 2026, Bob wrote:\n> the hall\n\nyes", "yes"),
        ("On Fri, 15 May 2026 at 11:00, Bob Bobson\n<bob@x.example> wrote:\n\n> the hall\n\nyes", "yes"),
        ("Am 15.05.26 um 11:00 schrieb Bob:\n> der Saal\nja", "ja"),
        ("I wrote two notes:\n\n* one\n* two", "I wrote two notes:\n\n* one\n* two"),
        ("yes\n-- \nAda\nhttps://ada.example\n#me", "yes"),
        ("yes\n--\nAda", "yes"),
        ("one\n--\n" + "two\n" * 20, "one\n--\n" + "two\n" * 19 + "two"),
        ("Try this:\n>>> 1 + 1\n2\nGood?", "Try this:\n>>> 1 + 1\n2\nGood?"),
        ("> a\n>>> b\nc", "c"),
        ("> nothing else\n> at all", "> nothing else\n> at all"),
        ("-- \nAda", "-- \nAda"),
        ("a > b\n-> c", "a > b\n-> c"),
    ],
)
def test_a_mail_has_the_text_that_its_sender_wrote(tmp_path: Path, body: str, text: str) -> None:
    """Not what it quotes, nor who wrote that, nor a signature; a mail that is nothing else keeps it."""
    event = read(tmp_path / "1.eml", mail(body.encode()))
    assert event.text == text
    assert not event.links
    assert not event.tags


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ({"Date": b"Fri, 15 May 2026 11:00:00 CEST"}, "source"),
        ({"Date": b"Fri, 15 May 2026 18:00:00 (JST)"}, "source"),
        ({"Date": b"", "Received": b"from a by b; Fri, 15 May 2026 11:00:00 +0200"}, "observed"),
        ({"Date": b"", "Received": b"(qmail 1); 15 May 2026 09:00:00 -0000"}, "observed"),
    ],
)
def test_the_time_is_found_with_named_zones_or_from_receivers(
    tmp_path: Path, headers: dict[str, bytes], kind: str
) -> None:
    """Names that mean one zone only."""
    event = read(tmp_path / "1.eml", mail(b"hi", **headers))
    assert event.created_at == datetime(2026, 5, 15, 9, tzinfo=UTC)
    assert event.ingest is not None
    assert event.ingest.time_kind == kind


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=300),
    st.sampled_from(["alternative", "mixed", "digest", "signed"]),
    st.binary(max_size=40),
)
def test_any_mail_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, body: bytes, kind: str, odd: bytes
) -> None:
    """Events that a stream takes, or a reason; nothing else is raised."""
    path = tmp_path_factory.getbasetemp() / "odd.mbox"
    odd = odd.replace(b"\n", b" ").replace(b"\r", b" ")
    headers = {"From": odd, "Subject": odd, "Content_Type": f"multipart/{kind}; boundary=b".encode()}
    path.write_bytes(BEGIN + mail(b"--b\nContent-Type: " + odd + b"\n\n" + body + b"\n--b--", **headers))
    try:
        for event in open_events(path, None, Options(private=True)):
            assert decode(encode(event)) if isinstance(event, Event) else str(event)
    except ImporterError as error:
        assert str(error)
