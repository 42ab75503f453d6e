"""Notebook widgets that show a conference, live or replayed.

>>> import rtanalytics as rta                      # doctest: +SKIP
>>> rta.Dashboard(stream.follow())                 # doctest: +SKIP
>>> rta.Dashboard(rta.play(recording, speed=60))   # doctest: +SKIP

Each view takes a feed. It reads the feed in a thread, so that it stays up to date during a long cell, and
sends changes to the browser at most twenty times per second. Text from outside is inserted as text, never
as markup.
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
