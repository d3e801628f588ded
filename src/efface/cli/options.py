"""Options and arguments, each declared once. Lengths are in millimetres."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from efface.cli.logs import be_verbose

DEFAULT_METHOD = "anatomy"
"""The same as `efface.methods.DEFAULT`, which would load numpy."""


class Fill(str, Enum):
    """What is written into removed voxels; the same as `efface.fill.FILLS`."""

    zero = "zero"
    noise = "noise"
    reface = "reface"
    own = "own"


class ExtentKind(str, Enum):
    """How much is removed; the same as `efface.methods.anatomy.EXTENTS`."""

    face = "face"
    full = "full"


class Part(str, Enum):
    """What may be kept; the same as `efface.methods.limits.KEPT`."""

    ears = "ears"
    eyes = "eyes"


Source = Annotated[
    Path,
    typer.Argument(
        metavar="IN",
        help="Head MRI (.nii, .nii.gz, .mgh or .mgz; 3-D or 4-D), a folder of them, or a folder of DICOM files.",
        show_default=False,
    ),
]
Output = Annotated[
    Path,
    typer.Argument(
        metavar="OUT", help="Where to write it, in the same format; a folder for a folder.", show_default=False
    ),
]
Original = Annotated[Path, typer.Argument(metavar="ORIGINAL", help="The scan before defacing.", show_default=False)]
Defaced = Annotated[
    Path, typer.Argument(metavar="DEFACED", help="The scan after defacing, by any tool.", show_default=False)
]
DemoFolder = Annotated[
    Path, typer.Argument(metavar="[OUT_DIR]", help="Folder to write into; made if needed.", file_okay=False)
]
Method = Annotated[str, typer.Option(metavar="NAME", help="How to find the face; `efface methods` lists them.")]
FillWith = Annotated[
    Fill | None,
    typer.Option(
        "--fill",
        help="What to write into removed voxels: the scan's own background (default of most methods), its own noise, "
        "an average face, or what the method itself writes.",
        show_default=False,
    ),
]
Parameters = Annotated[
    list[str] | None,
    typer.Option(
        "--param",
        metavar="NAME=VALUE",
        help="A parameter of the method, as `efface methods` lists them; give it once for each.",
        show_default=False,
    ),
]
Template = Annotated[
    Path | None,
    typer.Option(
        "--template", metavar="FILE", help="Of methods that register a template: your own head.", show_default=False
    ),
]
MaskTemplate = Annotated[
    Path | None,
    typer.Option(
        "--mask-template", metavar="FILE", help="Of the same methods: the mask on your template.", show_default=False
    ),
]
ClearanceMm = Annotated[
    float | None,
    typer.Option(
        metavar="X",
        help="Keep every voxel within X mm of the inside of the skull, 2 to 20; by default the method's own.",
        show_default=False,
    ),
]
Extent = Annotated[
    ExtentKind | None,
    typer.Option(
        help="Of method anatomy: face (default) keeps temporalis and airway; full takes all in front of the brain.",
        show_default=False,
    ),
]
Keep = Annotated[
    list[Part] | None,
    typer.Option(
        help="Of method anatomy: keep what may stay though it shows who it is; give it once for each. Of other "
        "programs: do not judge it.",
        show_default=False,
    ),
]
Also = Annotated[
    list[Path] | None,
    typer.Option(
        "--also",
        metavar="OTHER OTHER_OUT ...",
        help="Other images of the same session, each with its output; all are written, or none.",
        show_default=False,
    ),
]
MaskFile = Annotated[
    Path | None,
    typer.Option(
        "--mask", metavar="FILE", help="Also write the face mask (.nii.gz, one label a region).", show_default=False
    ),
]
PlanFile = Annotated[
    Path | None,
    typer.Option(
        "--plan", metavar="FILE", help="Also write the plan (.npz); efface.load_plan reads it.", show_default=False
    ),
]
PlanGiven = Annotated[
    Path | None,
    typer.Option(
        "--plan",
        metavar="FILE",
        help="What was to be done (.npz, by efface deface --plan); a replaced face is refused without it.",
        show_default=False,
    ),
]
Strict = Annotated[
    bool,
    typer.Option(
        "--strict",
        help="Also ask two face detectors, which take some defaced heads for faces; needs efface[study].",
    ),
]
Report = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Also write a page and a picture that can be shared: they show the defaced head only.",
        show_default=False,
        file_okay=False,
    ),
]
PrivateReport = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Also write before and after, and a log that names the input. Shows the face: keep it private.",
        show_default=False,
        file_okay=False,
    ),
]
CleanHeaders = Annotated[
    bool,
    typer.Option(
        "--clean-headers",
        help="Of DICOM: also remove from the headers who the person is (PS3.15 Annex E, Basic Profile).",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Of a folder: processes at work; by default one a core, or one where efface[dask] is not installed.",
        show_default=False,
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS", help="Of a folder: use the workers of this Dask scheduler, tcp://...", show_default=False
    ),
]


class Queue(str, Enum):
    """Batch systems; the same as `efface.batch.where.QUEUES`."""

    slurm = "slurm"
    pbs = "pbs"
    sge = "sge"


BatchSystem = Annotated[
    Queue | None,
    typer.Option("--queue", help="Of a folder: start --workers as jobs of this batch system.", show_default=False),
]
Memory = Annotated[
    str,
    typer.Option("--memory", metavar="SIZE", help="Of a folder: memory of each worker; one that uses more is ended."),
]
DEFAULT_MEMORY = "2 GiB"
"""The same as `efface.batch.where.MEMORY`."""
TimeLimit = Annotated[
    float,
    typer.Option(
        "--time-limit", metavar="MINUTES", help="Of a folder: give a scan, or the scans of a session, up after that."
    ),
]
DEFAULT_TIME_LIMIT = 60.0
"""The same as `efface.batch.where.TIME_LIMIT_MIN`."""
WorkDir = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Of a folder: where logs and private reports go; by default OUT_efface, beside OUT.",
        show_default=False,
        file_okay=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would be removed; write nothing.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing outputs; never the input.")]
WriteFailed = Annotated[
    bool,
    typer.Option("--write-failed", help="Write a refused scan as *_FAILED, to look at; the exit status is still 3."),
]
Verbose = Annotated[
    bool,
    typer.Option("--verbose", "-v", help="Show steps with times, and tracebacks.", callback=be_verbose),
]
