"""The bundled recording is what the generator makes, and small."""

import importlib.util
from pathlib import Path

import pytest

from rtanalytics.archive import Recording, to_table
from rtanalytics.schedule import read_truth

ROOT = Path(__file__).resolve().parents[1]
RECORDINGS = ROOT / "data" / "fixtures" / "recordings"


@pytest.fixture(scope="module")
def made(make):
    """The conference of the bundled recording, made anew."""
    return make.build()


@pytest.fixture(scope="module")
def make():
    """The script that writes the bundled recording."""
    spec = importlib.util.spec_from_file_location("make_fixture", ROOT / "data" / "fixtures" / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_bundled_recording_is_what_the_generator_makes(make, made):
    """Every column of every event, the schedule, the truth, the decoys and the description."""
    folder = RECORDINGS / made.name
    recording = Recording(folder)
    fresh = to_table(made.events)
    bundled = recording.table(fresh.column_names)
    order = [("received_at", "ascending"), ("id", "ascending")]
    assert bundled.sort_by(order).equals(fresh.sort_by(order))
    assert recording.schedule == made.schedule
    assert recording.truth == made.truth
    assert [(t.start, t.end, t.keywords) for t in read_truth(folder / "_decoys.csv")] == [
        (t.start, t.end, t.keywords) for t in made.decoys
    ]
    assert recording.meta == make.meta(made)


def test_the_bundled_recording_is_small(made):
    """It is cloned and installed by everybody: less than 2 MB."""
    folder = RECORDINGS / made.name
    assert 100_000 < sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 2_000_000


def test_writing_the_recording_again_replaces_it(make, tmp_path):
    """The script can be run over its own result, and leaves nothing else behind."""
    folder = tmp_path / "again"
    make.write_fixture(folder)
    first = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert len(make.write_fixture(folder)) == 6000
    assert {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == first
    assert [path.name for path in tmp_path.iterdir()] == ["again"]
