"""The notebooks run from top to bottom, say what is so, and are committed as they should be."""

import json
import os
import shutil
import textwrap
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path

import msgspec
import nbformat
import pytest
from nbclient import NotebookClient

from rtanalytics.resources import notebooks_folder
from rtanalytics.session import open_conference
from rtanalytics.streams.redis import RedisStream
from rtanalytics.topics import trends
from tests.build import event

ROOT = Path(__file__).resolve().parents[1]
FOLDER = notebooks_folder()
NAMES = ["01_live", "02_explore", "03_compare_and_tune", "04_replay", "05_report", "06_chat"]
FIRST = 'CONFERENCE = None  # or "conference.toml"'

UNTIL = """
import json, threading, time
def until(holds, seconds=60):
    last = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < last, "it did not come to that"
        threading.Event().wait(0.02)
def answer(**values):
    print("ANSWER" + json.dumps(values, default=str))
"""


def read(name):
    """A notebook as it is committed."""
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def code_of(name):
    """Its code cells, in order."""
    return [cell for cell in read(name).cells if cell.cell_type == "code"]


@pytest.fixture
def execute(tmp_path, monkeypatch):
    """Run a notebook in a folder and a kernel of its own, then ask it; what it answers."""
    monkeypatch.delenv("REDIS_URL", raising=False)
    environment = os.environ | {
        "RTANALYTICS_HOME": str(tmp_path / "home"),
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
        "PYTHONPATH": str(ROOT),
    }

    def run(name, ask, first=FIRST):
        notebook = read(name)
        start = next(cell for cell in notebook.cells if cell.cell_type == "code")
        start.source = start.source.replace(FIRST, first)
        last = nbformat.v4.new_code_cell(UNTIL + textwrap.dedent(ask))
        notebook.cells.append(last)
        client = NotebookClient(
            notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
        )
        client.execute(env=environment)
        said = "".join(output.text for output in last.outputs if output.output_type == "stream")
        return json.loads(said.split("ANSWER", 1)[1])

    return run


# -- as they are committed ----------------------------------------------------------------------


def test_every_notebook_of_the_folder_is_tested_here():
    """One that is added has to be added here too; the wheel ships what the folder holds."""
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == NAMES
    named = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in NAMES if f'execute(\n        "{name}"' not in named] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_committed_without_outputs(name):
    """No output, no execution count, nothing of the machine that it was last run on."""
    notebook = read(name)
    nbformat.validate(notebook)
    assert [cell.outputs for cell in code_of(name) if cell.outputs] == []
    assert [cell.execution_count for cell in code_of(name) if cell.execution_count is not None] == []
    assert [cell.metadata for cell in notebook.cells if cell.metadata] == []
    assert "widgets" not in notebook.metadata


@pytest.mark.parametrize("name", NAMES)
def test_the_first_line_is_the_one_to_change(name):
    """The first code cell begins with the line that points to one's own conference.toml."""
    assert code_of(name)[0].source.splitlines()[0] == FIRST


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_begins_with_its_story_and_leads_to_files_that_exist(name):
    """It opens with a heading, and each notebook that it links to is there."""
    cells = read(name).cells
    assert cells[0].cell_type == "markdown"
    assert cells[0].source.startswith(f"# {int(name[:2])} · ")
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    linked = [part.split(")")[0] for part in text.split("](")[1:]]
    assert [link for link in linked if not (FOLDER / link).is_file()] == []


# -- as they run --------------------------------------------------------------------------------


def test_the_wall_shows_the_stream_and_the_replay_shows_the_same(execute):
    """Played to the end, both walls count every message of the stretch, and end with the same trends."""
    said = execute(
        "01_live",
        """
        def state(view, which):
            return view._wires[0].parts[which].state
        def labels(view):
            shown = state(view, -1).everything()
            return [[topic["label"] for topic in shown[when]] for when in ("topics", "earlier")]
        player.speed = "max"
        again.feed.speed = "max"
        total = sum(begin <= event.received_at < end for event in conference.recording)
        until(lambda: all(state(view, 0).counters["total"] == total for view in (wall, again)))
        until(lambda: again.status["state"] == "ended" and labels(wall) == labels(again))
        answer(
            counted=[state(view, 0).counters["total"] for view in (wall, again)],
            sources=[state(view, 0).counters["sources"] for view in (wall, again)],
            newest=state(again, 0).newest()[0]["id"],
            stretch=[begin.isoformat(), end.isoformat()],
            trends=labels(wall),
            table=len(newest),
            live=conference.live,
        )
        """,
    )
    start, end = map(datetime.fromisoformat, said["stretch"])
    conference = open_conference(None)
    events = [e for e in conference.recording if start <= e.received_at < end]
    assert said["counted"] == [len(events)] * 2
    assert said["sources"] == [Counter(e.source for e in events)] * 2
    assert said["newest"] == events[-1].id
    told = list(trends(events, conference.settings))
    now, earlier = said["trends"]
    assert now == [trend.label for trend in told[-1].trends]
    assert earlier
    assert set(earlier) <= {trend.label for bin in told[:-1] for trend in bin.trends}
    assert 0 <= said["table"] <= 5
    assert said["live"] is False


def test_the_wall_follows_a_running_conference(execute, tmp_path, redis_url, prefix):
    """With one's own conference.toml it shows what is in the stream and what comes, and the trender's trends."""
    shutil.copytree(open_conference(None).folder, tmp_path / "archive")
    (tmp_path / "conference.toml").write_text(
        f'name = "{prefix}"\ntitle = "Ours"\nstream = "{redis_url}/{prefix}"\narchive = "archive"\n', "utf-8"
    )
    stream = RedisStream(redis_url, prefix)
    now = datetime.now(UTC)
    stream.append([event(n, created_at=now, received_at=now) for n in range(3)])
    told = next(b for b in trends(open_conference(None).recording) if b.trends)
    stream.channels.publish("trends", "1", msgspec.json.encode(told))
    said = execute(
        "01_live",
        """
        from datetime import UTC, datetime
        from rtanalytics.event import Event
        state = wall._wires[0].parts[0].state
        until(lambda: state.counters["total"] == 3)
        now = datetime.now(UTC)
        stream.append([Event(id="test::new", source="test", text="and now this", created_at=now, received_at=now)])
        until(lambda: state.counters["total"] == 4)
        trending = wall._wires[1].parts[0].state
        until(lambda: trending.everything()["topics"])
        answer(
            newest=state.newest()[0]["id"],
            trends=[topic["label"] for topic in trending.everything()["topics"]],
            state=wall.status["state"],
            table=list(pd.DataFrame([d.event.id for d in stream.snapshot(5).deliveries])[0]),
        )
        """,
        first='CONFERENCE = "conference.toml"',
    )
    assert said["newest"] == "test::new"
    assert said["trends"] == [trend.label for trend in told.trends]
    assert said["state"] == "live"
    assert said["table"] == ["test::0", "test::1", "test::2", "test::new"]


def test_exploring_finds_what_counting_by_hand_finds(execute):
    """Volume, people, pairs of tags, the topic and the talks agree with the recording's own events."""
    said = execute(
        "02_explore",
        """
        answer(
            volume=int(volume.to_numpy().sum()),
            sources={name: int(n) for name, n in volume.sum().items()},
            people=[[name, int(n)] for name, n in people["messages"].items()],
            pairs=[[one, other, n] for (one, other), n in pairs.items()],
            topic=TOPIC,
            about=list(about["id"]),
            why=str(why),
            pictured=len(plot.explanation(why).axes),
            peak=peak.isoformat(),
            on=[talk.title for talk in on],
            talks=[[title, int(n)] for title, n in zip(talks["talk"], talks["messages meanwhile"])],
        )
        """,
    )
    conference = open_conference(None)
    events = list(conference.recording)
    assert said["volume"] == 6000
    assert said["sources"] == Counter(e.source for e in events)
    assert dict(said["people"]) == Counter(e.author.handle for e in events if not e.author.bot)
    assert [n for _, n in said["people"]] == sorted((n for _, n in said["people"]), reverse=True)
    pairs = Counter()
    for e in events:
        pairs.update(combinations(sorted({t.casefold() for t in e.tags} - conference.settings.own_tags), 2))
    assert {(one, other): n for one, other, n in said["pairs"]} == pairs
    best = max((t for b in trends(events, conference.settings) for t in b.trends), key=lambda t: t.score)
    assert said["topic"] == best.terms[0]
    assert said["why"].startswith(f"“{best.label}”")
    assert f"“{best.terms[0]}”" in said["why"]
    assert f"{best.observed} people" in said["why"]
    assert said["pictured"] == 2
    assert set(said["about"]) == {
        e.id for e in events if best.terms[0].casefold() in f"{e.title or ''} {e.text}".casefold()
    }
    assert said["on"] == [t.title for t in conference.schedule.on(datetime.fromisoformat(said["peak"]))]
    meanwhile = [
        [talk.title, sum(talk.start <= e.created_at < talk.end for e in events)]
        for talk in conference.schedule
    ]
    assert sorted(said["talks"]) == sorted(meanwhile)


def test_comparing_measures_what_is_known(execute):
    """What one algorithm told is what it tells here, and its recall is that of counting overlaps by hand."""
    said = execute(
        "03_compare_and_tune",
        """
        answer(
            names=NAMES,
            labels=[[trend.label for trend in bin.trends] for bin in results["poisson"]],
            recall={name: float(r) for name, r in compared["recall"].items()},
            minutes=[int(m) for m in widths.index],
            swept=list(swept.index),
            usual=[float(swept["recall"].iloc[-1]), float(widths["recall"][30])],
            calibrated=[calibrated.n, int(calibrated.to_frame()["n"].sum()), calibrated.error],
            quiet=[threshold.alarms, threshold.hours, threshold.probability],
            delay={int(m): float(d) for m, d in widths["latency_median_min"].items()},
        )
        """,
    )
    conference = open_conference(None)
    settings = conference.settings.replace(algorithm="poisson", bin="30min")
    bins = list(trends(conference.recording, settings))
    assert said["labels"] == [[trend.label for trend in bin.trends] for bin in bins]
    assert sorted(said["recall"]) == sorted(said["names"])
    assert all(0.5 < recall <= 1 for recall in said["recall"].values())
    # the same algorithm at the same width, measured in three places
    assert said["usual"] == [said["recall"]["poisson"]] * 2
    known = [(t, {k.casefold() for k in t.keywords}) for t in conference.recording.truth]
    named = sum(
        any(
            topic.start < bin.end and bin.start < topic.end + timedelta(hours=1)
            for bin in bins
            if any(keywords & {term.casefold() for term in trend.terms} for trend in bin.trends)
        )
        for topic, keywords in known
    )
    # by hand a trend may stand for several topics, which the measure does not allow
    assert said["recall"]["poisson"] <= named / len(known) + 0.05
    assert said["minutes"] == [5, 10, 15, 30, 60]
    assert len(said["swept"]) == 6
    assert said["delay"]["5"] < said["delay"]["60"]
    everything, binned, error = said["calibrated"]
    assert everything == binned > 100
    assert 0 <= error < 0.5
    alarms, hours, probability = said["quiet"]
    assert alarms <= 0.5 * hours
    assert 0 < probability < 1


def test_a_replay_is_moved_stepped_and_shifted(execute):
    """The wall's replay went on from the second hour; steps are the next messages; the shift is whole days."""
    said = execute(
        "04_replay",
        """
        player.speed = "max"
        until(lambda: wall.status["state"] == "ended")
        answer(
            begin=begin.isoformat(),
            end=end.isoformat(),
            counted=wall._wires[0].parts[0].state.counters["total"],
            first=[item.event.id for item in first if isinstance(item, Delivery)],
            stepped=[event.id for event in stepped],
            rehearsal=[[event.id, event.created_at.isoformat()] for event in rehearsal],
        )
        """,
    )
    begin, end = (datetime.fromisoformat(said[edge]) for edge in ("begin", "end"))
    events = [e for e in open_conference(None).recording if begin <= e.received_at < end]
    assert said["counted"] == len(events)  # those before the second hour are shown as well
    assert said["first"]
    assert said["first"] + said["stepped"] == [e.id for e in events[: len(said["first"]) + 3]]
    assert [id for id, _ in said["rehearsal"]] == [e.id for e in events]
    moved = {
        datetime.fromisoformat(at) - e.created_at
        for (_, at), e in zip(said["rehearsal"], events, strict=True)
    }
    assert len(moved) == 1
    assert moved.pop() % timedelta(days=1) == timedelta(0)


def test_the_report_lies_where_the_notebook_says(execute, tmp_path):
    """One file beside the notebook, whole, that fetches nothing and tells of the topics it lists."""
    said = execute(
        "05_report",
        """
        answer(path=path.resolve(), topics=[topic.label for topic in recap.topics], markdown=markdown)
        """,
    )
    path = Path(said["path"])
    assert path.parent == tmp_path.resolve()
    page = path.read_text(encoding="utf-8")
    assert page.rstrip().endswith("</html>")
    assert "JuniperConf 2026" in page
    assert "<script" not in page
    assert " src=" not in page.replace(' src="data:', "")
    assert said["topics"]
    assert [label for label in said["topics"][:5] if label not in page] == []
    assert said["markdown"].startswith("# JuniperConf 2026")


def test_the_chat_of_the_recording_is_played_room_by_room(execute):
    """Every line of the stretch is in its room, in order; the tables tell of the same people."""
    said = execute(
        "06_chat",
        """
        rooms = chat.state.state
        feed.speed = "max"
        until(lambda: chat.status["state"] == "ended")
        answer(
            begin=begin.isoformat(),
            end=end.isoformat(),
            rooms={room["key"]: [line["text"] for line in rooms.lines(room["key"])] for room in rooms.rooms()},
            most=lines.nlargest(1, "lines")["lines"].item(),
        )
        """,
    )
    begin, end = (datetime.fromisoformat(said[edge]) for edge in ("begin", "end"))
    chat = [e for e in open_conference(None).recording if e.bucket == "irc"]
    told = {}
    for e in chat:
        if begin <= e.received_at < end:
            told.setdefault(e.channel, []).append(e.text)
    assert len(told) >= 2
    assert {room: texts[-400:] for room, texts in told.items()} == {
        room: texts[-400:] for room, texts in said["rooms"].items()
    }
    assert said["most"] == max(Counter((e.channel, e.handle) for e in chat).values())


@pytest.mark.parametrize("name", ["02_explore", "03_compare_and_tune", "05_report", "06_chat"])
def test_a_notebook_runs_on_a_conference_of_ones_own(execute, tmp_path, name):
    """A short recording without talks, truth or trends is no reason to stop."""
    from rtanalytics.archive import write_recording

    write_recording(tmp_path / "archive", [event(n, text="hello there") for n in range(3)])
    (tmp_path / "conference.toml").write_text('name = "ours"\narchive = "archive"\n', encoding="utf-8")
    said = execute(
        name,
        "answer(messages=len(conference.recording), live=conference.live)",
        first='CONFERENCE = "conference.toml"',
    )
    assert said == {"messages": 3, "live": True}
