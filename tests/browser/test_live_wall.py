"""From a feed on the web to the wall: collect runs, a notebook is open, somebody publishes."""

import re
import time
from datetime import timedelta

import pytest

from tests.browser.lab import Notebook
from tests.ingest.test_collect import Collect, FeedServer

pytestmark = pytest.mark.browser

CELL = """
from rtanalytics.live import PublishedTrends
from rtanalytics.streams.redis import RedisStream
from rtanalytics.widgets import Dashboard

stream = RedisStream({url!r}, {name!r})
Dashboard(stream.follow(), trends=PublishedTrends(stream))
"""
QUIET = ["coffee", "the network", "seats", "lunch", "badges"]
REMARKS = [
    "Wilma Walrus has slides drawn by hand",
    "I did not expect Wilma Walrus to begin with a song",
    "Wilma Walrus: measure first, then guess",
    "so good to see Wilma Walrus in the big hall",
    "question to Wilma Walrus about the cache, and what an answer",
    "note to self: read what Wilma Walrus wrote on queues",
    "Wilma Walrus just deleted production on stage and got applause",
    "my favourite part of Wilma Walrus was the ending",
    "everybody around me writes down what Wilma Walrus says",
    "who else is here only because of Wilma Walrus?",
    "thank you Wilma Walrus for saying it out loud",
    "three rules by Wilma Walrus, and I break all of them",
]
SHOWN = "[...document.querySelectorAll('.rta-row')].some((row) => row.textContent.includes(it))"
TREND = (
    "[...document.querySelectorAll('.rta-topic')].some((row) => row.textContent.toLowerCase().includes(it))"
)
TIMES = "[...document.querySelectorAll('.rta-row')].filter((row) => row.textContent.includes(it)).length"


@pytest.fixture
def feed():
    """A feed on a free port."""
    server = FeedServer()
    yield server
    server.server.shutdown()


def test_an_item_that_is_published_reaches_the_wall_within_a_poll_and_a_second(
    lab, context, feed, redis_server, prefix, tmp_path
):
    """Once, in two tabs; and what many say about it trends at the next bin."""
    for n in range(40):
        # what is said all the time is what makes the rest stand out
        feed.add(n, f"quiet remark number {n} on {QUIET[n % 5]}", ago=timedelta(seconds=15 * (44 - n)))
    collect = Collect(tmp_path, feed, f"{redis_server.url}/{prefix}")
    try:
        name = lab.write(f"{prefix}.ipynb", [CELL.format(url=redis_server.url, name=prefix)])
        first = Notebook.open(lab, context, name, workspace=f"{prefix}1")
        first.run_all()
        first.until(SHOWN, "quiet remark number 39", 60)
        first.command("docmanager:save")
        tabs = [first, Notebook.open(lab, context, name, workspace=f"{prefix}2")]
        tabs[1].until(SHOWN, "quiet remark number 39", 30)
        feed.add(100, "a speaker takes the stage")
        published = time.monotonic()
        tabs[0].until(SHOWN, "a speaker takes the stage", 10)
        # polls are a second apart, and the wall has one more
        assert time.monotonic() - published < 2.5
        tabs[1].until(SHOWN, "a speaker takes the stage", 5)
        for n, remark in enumerate(REMARKS, 101):
            feed.add(n, remark)
        tabs[0].until(SHOWN, REMARKS[-1], 10)
        for tab in tabs:
            tab.until(TREND, "walrus", 150)
            counted = tab.page.evaluate(f"(it) => {TIMES}", "a speaker takes the stage")
            assert counted == 1
            assert re.sub(r"\D", "", tab.text(".rta-total")) == "53"
    finally:
        collect.end()
        lab.stop_kernels()
