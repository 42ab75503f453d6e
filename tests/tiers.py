"""Tests that ``make test`` leaves to the longer suite, by the beginning of their ids.

``make test`` protects what every change can break: reading each format, storing once, counting, scoring,
listing, views and commands. Left out is what repeats one promise for one more service, or proves it by
killing processes many times: one polled source (feeds), one recorder and one server stand for the others.
``.ci/run`` runs everything.
"""

from __future__ import annotations

__all__ = ["FULL"]

FULL = (
    # the contract of sources, once more for each service; the parsers of all of them stay
    "tests/sources/test_bitbucket.py",
    "tests/sources/test_bluesky.py",
    "tests/sources/test_contract.py::TestGitHub",
    "tests/sources/test_contract.py::TestSchedules",
    "tests/sources/test_feeds.py::test_a_document_over_its_budget",
    "tests/sources/test_discourse.py",
    "tests/sources/test_flickr.py",
    "tests/sources/test_hackernews.py",
    "tests/sources/test_irc.py",
    "tests/sources/test_limits.py",
    "tests/sources/test_mastodon.py",
    "tests/sources/test_polled.py",
    "tests/sources/test_matrix.py",
    "tests/sources/test_reddit.py",
    "tests/sources/test_stackexchange.py",
    "tests/sources/test_x.py",
    "tests/sources/test_x_stream.py",
    # processes that are killed at many moments
    "tests/archive/test_crash.py",
    "tests/ingest/test_collect.py",
    "tests/ingest/test_erasure.py",
    "tests/ingest/test_outbox_worker.py",
    "tests/ingest/test_recorder.py::test_a_recorder_killed_at_random_moments",
    "tests/streams/test_redis.py::test_a_frozen_server",
    "tests/streams/test_server.py",
    "tests/streams/test_viewers.py",
    # commands and notebooks that work through a whole recording
    "tests/cli/test_compare.py",
    "tests/cli/test_importing.py",
    "tests/cli/test_setup.py",
    "tests/cli/test_shown.py",
    "tests/cli/test_sources.py",
    "tests/cli/test_tune.py",
    "tests/cli/test_recordings.py::test_replay",
    "tests/cli/test_recordings.py::test_trending_explains",
    "tests/test_notebooks.py::test_a_notebook_runs_on_a_conference_of_ones_own",
    "tests/test_notebooks.py::test_a_replay",
    "tests/test_notebooks.py::test_comparing",
    "tests/test_notebooks.py::test_exploring",
    "tests/test_notebooks.py::test_the_chat",
    "tests/test_notebooks.py::test_the_report",
    "tests/test_notebooks.py::test_the_wall",
    "tests/test_report.py::test_the_command_writes_the_report_of_an_archive",
    "tests/test_report.py::test_what_is_wrong_is_said_in_one_line",
    "tests/test_shared_counts.py",
    "tests/test_topical.py",
    "tests/test_tune.py",
    # large inputs, and formats tried with invented files
    "tests/archive/test_importing.py::test_a_file_that_turns_bad",
    "tests/archive/test_state.py",
    "tests/archive/test_importing.py::test_more_rows_than_a_chunk",
    "tests/importers/test_mail.py::test_a_long_mail",
    "tests/importers/test_reading.py::test_a_large_file",
    "tests/schedules/test_fuzz.py",
    "tests/schedules/test_source.py",
    "tests/test_counts.py::test_a_message_without_an_author",
    "tests/test_architecture.py::test_a_planted_violation_is_caught",
    "tests/test_synthetic.py",
)
