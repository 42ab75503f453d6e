"""Lines of IRC logs after their time: messages, actions, and notices of the client."""

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
        ("mode", r"Last message repeated \d+ time"),
    )
]
_ACTION = re.compile(r"\S+ has (?:joined|left|quit) (?![#&(\[]|IRC\b)")
"""An action that begins like a notice of the client: ``* bob has left the building``."""


class IrcLine(NamedTuple):
    """Parsed line: kind of event, nick and text."""

    kind: str
    nick: str
    text: str


def uncoloured(text: str) -> str:
    """Remove the control bytes for colours and bold text."""
    return _FORMATTING.sub("", text) if not text.isprintable() else text


def classify(notice: str) -> IrcLine | None:
    """Parse a notice of the client: a join, part, change of topic and so on; None if it is not one."""
    for kind, pattern in _NOTICES:
        if found := pattern.match(notice):
            groups = found.groupdict()
            return IrcLine(kind, groups.get("nick") or "", (groups.get("topic") or "").strip("'\""))
    return None


def parse_line(rest: str) -> IrcLine | None:
    """Parse ``<nick> text``, ``* nick text``, ``-nick- text`` and notices after ``***``; None for others."""
    if found := re.match(r"<[ @+%&~!]{0,5}([^>\s]{1,64}) ?>(?:[ \t](.*))?$", rest, re.DOTALL):
        return IrcLine("message", found[1], found[2] or "")
    if found := re.match(r"(?:\*\*\*|===|-!-|--|-->|<--|---)[ \t]+(.*)$", rest):
        return classify(found[1]) or IrcLine("mode", "", found[1])
    if found := re.match(r" ?\*[ \t]+(\S{1,64})(?:[ \t](.*))?$", rest):
        action = IrcLine("action", found[1].lstrip("@+%&~"), found[2] or "")
        text = rest.lstrip("* \t")
        return action if _ACTION.match(text) else classify(text) or action
    if found := re.match(r"-([^\s:(-][^\s:(]{0,63}?)(?:[:(]\S*)?-(?:[ \t](.*))?$", rest):
        return IrcLine("notice", found[1], found[2] or "")
    return None


def eggdrop(notice: str) -> IrcLine | None:
    """Parse a notice in the wording of Eggdrop; None if it is not one."""
    for kind, pattern in _EGGDROP:
        if found := pattern.match(notice):
            groups = found.groupdict()
            return IrcLine(kind, groups.get("nick") or "", groups.get("text") or "")
    return None
