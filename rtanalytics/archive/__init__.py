"""Archives: received events in Parquet files that can be read without this package."""

from rtanalytics.archive.columns import COLUMNS, from_table, to_table
from rtanalytics.archive.files import ArchiveError
from rtanalytics.archive.importing import ImportReport, import_into
from rtanalytics.archive.metadata import RecordingMeta
from rtanalytics.archive.recording import Recording, write_recording
from rtanalytics.archive.writer import ArchiveWriter, Transaction

__all__ = [
    "COLUMNS",
    "ArchiveError",
    "ArchiveWriter",
    "ImportReport",
    "Recording",
    "RecordingMeta",
    "Transaction",
    "from_table",
    "import_into",
    "to_table",
    "write_recording",
]
