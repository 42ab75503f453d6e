"""Views for the notebook: the wall of a conference, live or replayed.

>>> from rtanalytics.widgets import Dashboard      # doctest: +SKIP
>>> Dashboard(stream.follow(), schedule)           # doctest: +SKIP
>>> Dashboard(replay(recording, speed=60), schedule)  # doctest: +SKIP

Every view takes a feed, whichever it is. It reads in a thread of its own, so that a long cell
does not freeze it, and sends the browser what changed, at most twenty times a second. What comes
from outside is drawn as text, never as markup.
"""

from rtanalytics.extras import extra

with extra("views"):
    from rtanalytics.widgets.base import View, open_views
    from rtanalytics.widgets.chat import ChatView
    from rtanalytics.widgets.dashboard import Dashboard
    from rtanalytics.widgets.feed_view import FeedView
    from rtanalytics.widgets.replay_controls import ReplayControls
    from rtanalytics.widgets.talks_view import TalksView
    from rtanalytics.widgets.trending_view import TrendingView

__all__ = [
    "ChatView",
    "Dashboard",
    "FeedView",
    "ReplayControls",
    "TalksView",
    "TrendingView",
    "View",
    "open_views",
]
