"""Parsing of the part of an IRC log line after its time: messages, actions and client notices."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["IrcLine", "classify", "eggdrop", "parse_line", "uncoloured"]

_FORMATTING = re.compile(r"\x03(?:\d{1,2}(?:,\d{1,2})?)?|\x04[0-9A-Fa-f]{0,6}|[\x02\x0f\x11\x16\x1d\x1e\x1f]")
_NICK = r"(?P<nick>[^\s<>]{1,64})"
_HOST = r"(?: +[\[(<].*[\])>])? +"
_TOPIC = (
    r"(?:changes topic to|changed the topic(?: of \S+)? to:?|"
    r"has changed (?:the )?topic(?: for \S+)?(?: from .*?)? to:?)"
)
_NOTICES = [
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("join", rf"Joins: {_NICK}"),
        ("part", rf"Parts: {_NICK}"),
        ("quit", rf"Quits: {_NICK}"),
        ("join", rf"{_NICK}{_HOST}has joined(?: |$)"),
        ("part", rf"{_NICK}{_HOST}has left(?: |$)"),
        ("quit", rf"{_NICK}{_HOST}has quit(?: |$)"),
        ("nick", rf"{_NICK} is now known as \S+\s*$"),
        ("kick", rf"{_NICK} (?:was kicked|has kicked) "),
        ("topic", rf"{_NICK} {_TOPIC} ?(?P<topic>.*)$"),
        ("topic", rf"Topic unset by {_NICK}"),
        ("mode", rf"{_NICK} (?:sets mode|gives channel|removes channel|sets ban|removes ban)"),
        ("mode", r"(?:[Mm]ode/\S+ |Mode #|ServerMode/|Irssi: |Now talking |You are now known )"),
        (
            "mode",
            r"(?:Topic (?:for|is|set) |Users on |Channel (?:created|#)|Keepalive |Disconnected|Connected)",
        ),
        (
            "mode",
            r"(?:Set by \S+ on |Attempting to rejoin |Rejoined channel |Retrieving \S+ info|XChat here)",
        ),
        ("mode", r"You (?:are now talking|have (?:joined|left|been)|were kicked|left|joined) |XChat here$"),
    )
]
_MARKED = [
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("quit", rf"{_NICK}{_HOST}(?:[Qq]uit|(?:has )?left (?:IRC|irc|this server))(?:\W|$)"),
        ("join", rf"{_NICK}{_HOST}(?:has )?joined(?:\W|$)"),
        ("part", rf"{_NICK}{_HOST}(?:has )?(?:left|parted)(?:\W|$)"),
        ("nick", rf"{_NICK} (?:has )?changed (?:his |her |their )?nick(?:name)? to "),
        ("nick", rf"{_NICK} is now known as "),
        ("topic", rf"{_NICK} (?:has )?(?:changed|sets?) (?:the )?(?:channel )?topic to:? ?(?P<topic>.*)$"),
        ("mode", rf"{_NICK} sets? (?:channel )?mode"),
        ("kick", rf"{_NICK}{_HOST}(?:has )?(?:been )?(?:kicked|was kicked)(?:\W|$)"),
    )
]
"""Wordings that are client notices only after a mark such as ``***``, or if they contain a host."""

_WITH_HOST = re.compile(
    r"(?:[^\s<>]{1,64} +[\[(<][^\s@]{0,64}@\S{1,200}[\])>]|[^\s!<>]{1,64}![^\s@]{1,64}@\S+)(?: |$)"
)
"""A nick with its host, which only a client writes."""

_ATTACHED_HOST = re.compile(r"(?:\(\S*@\S*\)|!\S*@\S*)$")

_MARK = re.compile(r"(?:\*\*\*|===|-!-|--|-->|<--|<->|---|@|!!!)[ \t]+(.*)$")
_LABEL = re.compile(r"(?P<label>[A-Z][A-Za-z ]{2,20})\t(?P<text>.*)$")
"""Notice of the client Konversation: a label such as ``Join``, a tab, and the notice."""

_REPEATED = re.compile(r"(?:\*\*\* )?[Ll]ast message repeated (?P<times>\d{1,9}) time")
_EGGDROP = [
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("action", rf"Action: {_NICK} (?P<text>.*)$"),
        ("topic", r"Topic changed on \S+ by (?P<nick>[^\s!]{1,64})(?:!\S+)?: ?(?P<text>.*)$"),
        ("nick", rf"Nick change: {_NICK} -> "),
        ("join", rf"{_NICK} \(\S*\) (?:joined|returned to) [#&]"),
        ("part", rf"{_NICK} \(\S*\) left [#&]"),
        ("quit", rf"{_NICK} \(\S*\) (?:left irc|got netsplit|got lost in the net-split)"),
        ("kick", rf"{_NICK} kicked from [#&]"),
        ("mode", r"[#&]\S+: mode change '.*' by (?P<nick>[^\s!]{1,64})"),
    )
]
_ACTION = re.compile(r"\S+ has (?:joined|left|quit) (?![#&(\[]|IRC\b)")
"""An action of a person that begins like a client notice: ``* bob has left the building``."""


class IrcLine(NamedTuple):
    """Parsed line of a log: kind of event, nick and text."""

    kind: str
    nick: str
    text: str


def uncoloured(text: str) -> str:
    """Remove the control characters for colours and bold text."""
    return _FORMATTING.sub("", text) if not text.isprintable() else text


def classify(notice: str) -> IrcLine | None:
    """Parse a client notice (a join, a part, a new topic and so on); return None for other text."""
    for kind, pattern in _NOTICES:
        if found := pattern.match(notice):
            groups = found.groupdict()
            nick = _ATTACHED_HOST.sub("", groups.get("nick") or "")
            return IrcLine(kind, nick, (groups.get("topic") or "").strip("'\""))
    return None


def _notice(text: str) -> IrcLine:
    """Parse a text that is known to be a client notice."""
    if (line := classify(text)) is not None:
        return line
    for kind, pattern in _MARKED if not text.startswith("You ") else ():
        if found := pattern.match(text):
            topic = found.groupdict().get("topic") or ""
            return IrcLine(kind, _ATTACHED_HOST.sub("", found["nick"]), topic.strip("'\""))
    return IrcLine("mode", "", "")


def parse_line(rest: str) -> IrcLine | None:
    """Parse ``<nick> text``, ``* nick text``, ``-nick- text`` or a notice after ``***``.

    Return None for any other text.
    """
    if found := re.match(r"<[ @+%&~!]{0,5}([^>\s]{1,64}) ?>(?:[ \t](.*))?$", rest, re.DOTALL):
        return IrcLine("message", found[1], found[2] or "")
    if found := _REPEATED.match(rest):
        return IrcLine("repeat", "", found["times"])
    if found := _MARK.match(rest):
        return _notice(found[1])
    if found := re.match(r"(?: ?\*|-\*-|•)[ \t]+(\S{1,64})(?:[ \t](.*))?$|\*([^\s*]{1,64})[ \t](.+)$", rest):
        nick, text = (found[1], found[2]) if found[1] else (found[3], found[4])
        action = IrcLine("action", nick.lstrip("@+%&~"), text or "")
        text = f"{nick} {text or ''}"
        if _WITH_HOST.match(text):
            return _notice(text)
        return action if _ACTION.match(text) else classify(text) or action
    if found := re.match(r"-([^\s:(-][^\s:(]{0,63}?)(?:[:(]\S*)?-(?:[ \t](.*))?$", rest):
        return IrcLine("notice", found[1], found[2] or "")
    if (found := _LABEL.match(rest)) is not None:
        return parse_line(found["text"]) if found["label"] == "Notice" else _notice(found["text"])
    return _notice(rest) if _WITH_HOST.match(rest) else None


def eggdrop(notice: str) -> IrcLine | None:
    """Parse a notice in the wording of the bot Eggdrop; return None for other text."""
    for kind, pattern in _EGGDROP:
        if found := pattern.match(notice):
            groups = found.groupdict()
            return IrcLine(kind, groups.get("nick") or "", groups.get("text") or "")
    return None
