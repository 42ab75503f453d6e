"""Settings: one typed value from the door to the score, and errors that name the key."""

from __future__ import annotations

import pickle
from dataclasses import fields
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from rtanalytics.schedule import Schedule
from rtanalytics.settings import (
    Settings,
    SettingsError,
    SettingsOptions,
    TopicFilter,
    TopicFilterOptions,
)
from rtanalytics.topics import Trender, trends


@pytest.mark.parametrize(
    ("kind", "options"),
    [(Settings, SettingsOptions), (TopicFilter, TopicFilterOptions)],
)
def test_every_field_is_a_keyword(kind: Any, options: Any) -> None:
    """Type checkers and the class know the same names."""
    assert {f.name for f in fields(kind)} == options.__optional_keys__


@pytest.mark.parametrize(
    "length",
    ["30min", "0.5h", timedelta(minutes=30), pd.Timedelta("30min"), pd.offsets.Minute(30)],
)
def test_durations_are_text_timedelta_or_offset(length: Any) -> None:
    """All become the same plain timedelta."""
    settings = Settings(bin=length, topic_filter={"window": length})
    assert settings.bin == settings.topic_filter.window == timedelta(minutes=30)
    assert type(settings.bin) is timedelta


@pytest.mark.parametrize(
    ("options", "key", "words"),
    [
        ({"own_tag": []}, "own_tag", "unknown setting 'own_tag'; did you mean 'own_tags'?"),
        ({"least": 3}, "least", "it is now called 'min_score'"),
        ({"taste": {}}, "taste", "it is now called 'topic_filter'"),
        ({"zzz": 1}, "zzz", "there are algorithm, parameters, bin"),
        ({"topic_filter": {"stay": 0.1}}, "topic_filter.stay", "'topic_filter.keep_probability'"),
        ({"topic_filter": {"min_probability": 2}}, "topic_filter.min_probability", "above 0 and at most 1"),
        ({"topic_filter": {"topic_model": {"bias": "x"}}}, "topic_filter.topic_model.bias", "a number, not"),
        ({"topic_filter": 5}, "topic_filter", "a table of min_probability"),
        ({"own_tags": "#pycon"}, "own_tags", "a list of texts, not '#pycon'"),
        ({"mute": [5]}, "mute", "a list of texts, not 5"),
        ({"bin": 15}, "bin", "bin: invalid duration 15 (examples: 5min, 1h)"),
        ({"bin": timedelta(0)}, "bin", "invalid duration"),
        ({"horizon": "1h"}, "horizon", "at least 1d"),
        ({"top": True}, "top", "a whole number"),
        ({"channel": "loud"}, "channel", "one of messages, authors, deduped"),
        ({"algorithm": 3}, "algorithm", "the name of an algorithm"),
        ({"parameters": 3}, "parameters", "a table"),
        ({"schedule": 3}, "schedule", "a Schedule"),
    ],
)
def test_a_mistake_is_named_by_its_key(options: Any, key: str, words: str) -> None:
    """As keyword arguments and wherever they are passed on; errors survive pickling."""
    for call in (Settings, Settings().replace, Trender, lambda **given: trends([], **given)):
        with pytest.raises(SettingsError) as caught:
            call(**options)
        assert caught.value.key == key
        assert words in str(caught.value)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.key, str(again)) == (key, str(caught.value))


@pytest.mark.parametrize(
    ("options", "key"),
    [({"algorithm": "poison"}, "algorithm"), ({"parameters": {"luck": 1}}, "parameters.luck")],
)
def test_what_only_the_algorithm_knows_has_a_key_too(options: Any, key: str) -> None:
    """The registry is asked where trends begin, not where settings are read."""
    with pytest.raises(SettingsError) as caught:
        Trender(Settings(**options))
    assert caught.value.key == key


def test_a_table_gives_what_keywords_give() -> None:
    """And what settings write down is read as the same settings."""
    table = {"bin": "5min", "algorithm": "poisson", "parameters": {"history": 4}, "top": 3}
    table |= {"topic_filter": {"min_probability": 0.1, "topic_model": {"bias": -3.0}}}
    settings = Settings.from_table(table)
    assert settings == Settings(**table)
    assert settings.topic_filter.keep_probability == 0.1
    assert Settings.from_table(settings.to_table()) == settings
    assert Settings.from_table(Settings().to_table()) == Settings()
    assert hash(settings) == hash(pickle.loads(pickle.dumps(settings)))
    with pytest.raises(SettingsError, match="'hashtags' and 'accounts' at the top"):
        Settings.from_table({"own_tags": ["x"]})


def test_replacing_keeps_the_rest() -> None:
    """Tables replace single values; parameters stay with the algorithm that they belong to."""
    settings = Settings(algorithm="poisson", parameters={"history": 4}, topic_filter={"min_people": 5})
    changed = settings.replace(topic_filter={"window": "1h"}, top=3)
    assert (changed.topic_filter.min_people, changed.top, changed.parameters) == (5, 3, {"history": 4})
    assert settings.replace(algorithm="ewma").parameters == {}
    assert repr(settings.replace(algorithm="ewma")) == (
        "Settings(algorithm='ewma', topic_filter=TopicFilter(min_people=5))"
    )


def test_a_recording_brings_its_own_tags_and_talks() -> None:
    """Breaks are not among the talks."""
    meta = SimpleNamespace(hashtags=["#Conf26"], accounts=["@conf"], ignore=["Lunch"])
    talks = [SimpleNamespace(kind=kind, start=0, end=0, id=kind) for kind in ("talk", "break")]
    settings = Settings.of_recording(SimpleNamespace(meta=meta, schedule=talks))
    assert (settings.own_tags, settings.ignore) == ({"conf26", "conf"}, {"lunch"})
    assert [talk.kind for talk in settings.schedule] == ["talk"]
    assert Settings.of_recording([]) == Settings(schedule=Schedule())
