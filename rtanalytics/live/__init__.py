"""What a view shows: plain state that folds deliveries, and messages for whoever draws it.

No widget in here. A state takes what a feed delivers (from a thread of its own, as fast as it
comes) and tells, a few times a second, what has changed since it was last asked, as JSON-able
dictionaries. A front end that applies these patches in order shows exactly the state; one that
missed some asks for all of it.

* :class:`FeedState`: the newest messages, in their current form, with exact counters;
* :class:`TrendState`: the topics of the newest bin, and how they came there;
* :class:`TalkState`: the talks that are on, and the next ones;
* :class:`PublishedTrends`: the trends that a conference's trender publishes;
* :class:`ChatState`: the rooms of a chat, who is in them and what is said;
* :func:`view_time`: what time it is for somebody who watches a feed.
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
