"""State of the live views, without widgets: each class turns items of a feed into patches for a page.

A state object takes the items of a feed and returns a patch: the changes since the last patch, as
dictionaries for JSON. A front end that applies all patches in order shows exactly the state; if it
missed a patch, it requests the complete state. Calls can come from any thread, but only one at a time.

* :class:`FeedState`: the newest messages with all edits applied, and exact counters;
* :class:`TrendState`: the topics of the newest bin, with their recent history;
* :class:`TalkState`: the current talks and the next ones;
* :class:`PublishedTrends`: the trends that a conference's trender publishes;
* :class:`ChatState`: the rooms of a chat, with their users and lines;
* :func:`view_time`: the time that a view shows.
"""

from rtanalytics.live.appearance import Appearance, appearance
from rtanalytics.live.chat_rows import ChatLine, ChatPatch, ChatRoom, ChatUser
from rtanalytics.live.chat_state import ChatState
from rtanalytics.live.feed_state import Counters, FeedState, Patch, Row, row_of
from rtanalytics.live.published import PublishedTrends
from rtanalytics.live.status import StatusLine, status_line, view_time
from rtanalytics.live.talk_state import TalkPatch, TalkRow, TalkState
from rtanalytics.live.trend_state import TopicRow, TrendPatch, TrendState

__all__ = [
    "Appearance",
    "ChatLine",
    "ChatPatch",
    "ChatRoom",
    "ChatState",
    "ChatUser",
    "Counters",
    "FeedState",
    "Patch",
    "PublishedTrends",
    "Row",
    "StatusLine",
    "TalkPatch",
    "TalkRow",
    "TalkState",
    "TopicRow",
    "TrendPatch",
    "TrendState",
    "appearance",
    "row_of",
    "status_line",
    "view_time",
]
