"""Arguments and options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "Algorithm",
    "AlgorithmNames",
    "Archive",
    "Archives",
    "ConferenceFile",
    "ConferenceOption",
    "MinCount",
    "TimeZone",
    "Top",
    "TopEvaluated",
    "TruthFiles",
]

Archive = Annotated[
    Path,
    typer.Argument(
        metavar="ARCHIVE",
        help="Folder of the recording, a conference.toml, or juniperconf-2026, the bundled recording.",
    ),
]
Archives = Annotated[
    list[Path], typer.Argument(metavar="ARCHIVE...", help="Folders of recordings, or juniperconf-2026.")
]
ConferenceFile = Annotated[
    Path, typer.Argument(metavar="CONFERENCE.TOML", help="File that describes the conference.")
]
ConferenceOption = Annotated[
    Path | None,
    typer.Option(metavar="CONFERENCE.TOML", help="Use its [trending], hashtags, accounts, ignore and mute."),
]
Algorithm = Annotated[str | None, typer.Option(metavar="NAME", help="Algorithm, such as poisson or ewma.")]
AlgorithmNames = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME...", help="Algorithms, such as poisson or ewma.  [default: all]"),
]
MinCount = Annotated[
    int | None,
    typer.Option(
        "--min-count",
        min=1,
        help="Number of people who must mention a topic.  [default: 2, or the conference's]",
    ),
]
TimeZone = Annotated[
    str | None,
    typer.Option(
        "--timezone",
        metavar="ZONE",
        help="Time zone, such as Europe/Berlin.  [default: the venue's]",
    ),
]
Top = Annotated[
    int | None,
    typer.Option(min=1, help="Maximum number of trends per bin.  [default: 10, or the conference's]"),
]
TopEvaluated = Annotated[int, typer.Option(min=1, help="Trends per bin that are evaluated.")]
TruthFiles = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FILE.csv...",
        help="Ground truth of each archive, in their order.  [default: their _truth.csv]",
    ),
]
