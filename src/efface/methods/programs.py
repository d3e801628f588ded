"""The programs that are known: how each is called, where it is from and where to get it. See `efface.methods.external`.

Command lines are the programs' own, from their documentation; what is not listed here can be given as ``options``.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from efface.errors import UsageError
from efface.methods.base import Availability
from efface.methods.external import External

AfniMode = Literal["deface", "reface", "reface_plus"]
RadveilMode = Literal["adaptive", "blur", "cut", "block"]


@dataclass(frozen=True)
class Pydeface(External):
    """The program pydeface: a template's face mask, placed by FSL's FLIRT."""

    cost: str | None = None
    """FLIRT's cost function; pydeface's own default is mutualinfo."""
    template: Path | None = None
    """A head of your own to register."""
    mask_template: Path | None = None
    """The mask on it: 1 is kept, 0 removed."""

    key: ClassVar[str] = "external-pydeface"
    citation: ClassVar[str] = "Gulban et al. 2019, poldracklab/pydeface, doi:10.5281/zenodo.3524400"
    needs: ClassVar[str] = "pydeface and FSL"
    programs: ClassVar[tuple[str, ...]] = ("pydeface",)
    remedy: ClassVar[str] = "pip install pydeface, and install FSL"
    line: ClassVar[tuple[str, ...]] = (
        "{program} {in} --outfile {out} --force", "--cost {cost}", "--template {template}",
        "--facemask {mask_template}", "{options}",
    )  # fmt: skip


@dataclass(frozen=True)
class FslDeface(External):
    """The program fsl_deface: a mask with ears on a template with a large field of view, placed by FSL's FLIRT."""

    nudge_mm: tuple[float, ...] = ()
    """Moves the mask by x, y, z mm."""
    bet_fraction: float | None = None
    """BET's threshold; fsl_deface's own default is 0.5."""

    key: ClassVar[str] = "external-fsl-deface"
    citation: ClassVar[str] = "Alfaro-Almagro et al. 2018, NeuroImage 166:400 (FSL's fsl_deface)"
    needs: ClassVar[str] = "FSL 6"
    programs: ClassVar[tuple[str, ...]] = ("fsl_deface",)
    remedy: ClassVar[str] = "install FSL"
    line: ClassVar[tuple[str, ...]] = (
        "{program} {in} {out}", "-nud {nudge_mm}", "-f {bet_fraction}", "{options}",
    )  # fmt: skip


@dataclass(frozen=True)
class MriDeface(External):
    """The program mri_deface of FreeSurfer: probabilities of face and brain, and a protected shell."""

    brain_gca: Path | None = None
    """Atlas of the brain; by default FreeSurfer's talairach_mixed_with_skull.gca."""
    face_gca: Path | None = None
    """Atlas of the face; by default FreeSurfer's face.gca."""

    key: ClassVar[str] = "external-mri-deface"
    citation: ClassVar[str] = "Bischoff-Grethe et al. 2007, Hum Brain Mapp 28:892"
    needs: ClassVar[str] = "FreeSurfer with its two .gca files"
    programs: ClassVar[tuple[str, ...]] = ("mri_deface",)
    remedy: ClassVar[str] = "install FreeSurfer, and set FREESURFER_HOME"
    line: ClassVar[tuple[str, ...]] = ("{program} {in} {brain_gca} {face_gca} {out}", "{options}")

    def given(self, folder: Path) -> dict[str, Any]:
        """Return what stands for the names in the command line, with FreeSurfer's own atlases."""
        average = Path(os.environ.get("FREESURFER_HOME", "")) / "average"
        own = {"brain_gca": average / "talairach_mixed_with_skull.gca", "face_gca": average / "face.gca"}
        return super().given(folder) | own | self._paths()


@dataclass(frozen=True)
class Mideface(External):
    """The program mideface of FreeSurfer: a shell around the face's surface, filled with noise."""

    threads: int = 1
    """Processor cores that it may use."""

    key: ClassVar[str] = "external-mideface"
    citation: ClassVar[str] = "Greve et al., FreeSurfer 7.3 and later (MiDeFace)"
    needs: ClassVar[str] = "FreeSurfer 7.3 or later, 14 GB of memory"
    programs: ClassVar[tuple[str, ...]] = ("mideface",)
    remedy: ClassVar[str] = "install FreeSurfer"
    line: ClassVar[tuple[str, ...]] = (
        "{program} --i {in} --o {out} --odir {folder}/mideface --threads {threads}", "{options}",
    )  # fmt: skip


@dataclass(frozen=True)
class AfniRefacer(External):
    """The program @afni_refacer_run of AFNI: a shell around the average head, emptied or replaced by its face."""

    mode: AfniMode = "deface"
    """deface empties, reface replaces face and ears, reface_plus the skull's outside too."""
    shell: str | None = None
    """Name of another of AFNI's shells."""

    key: ClassVar[str] = "external-afni-refacer"
    citation: ClassVar[str] = "Cox & Taylor, AFNI; Theyers et al. 2021, Front Psychiatry 12:617997"
    needs: ClassVar[str] = "AFNI"
    programs: ClassVar[tuple[str, ...]] = ("@afni_refacer_run",)
    remedy: ClassVar[str] = "install AFNI"
    line: ClassVar[tuple[str, ...]] = (
        "{program} -input {in} -mode_{mode} -prefix {out} -no_images", "-shell {shell}", "{options}",
    )  # fmt: skip


@dataclass(frozen=True)
class MriReface(External):
    """The program mri_reface: the average face in the scan's contrast, placed by a non-linear registration."""

    image_type: str = "AUTO"
    """T1, T2, FLAIR, FDG, PIB, FBP, TAU, CT, or AUTO, which guesses from the file's name."""

    key: ClassVar[str] = "external-mri-reface"
    citation: ClassVar[str] = "Schwarz et al. 2021, NeuroImage 231:117845"
    needs: ClassVar[str] = "mri_reface, from NITRC"
    programs: ClassVar[tuple[str, ...]] = ("run_mri_reface.sh", "run_mri_reface_docker.sh")
    remedy: ClassVar[str] = "get mri_reface from nitrc.org and put its folder on the PATH"
    line: ClassVar[tuple[str, ...]] = (
        "{program} {in} {folder}/refaced -imType {image_type} -saveQCRenders 0", "{options}",
    )  # fmt: skip
    result: ClassVar[str] = "refaced/*deFaced*.nii*"


@dataclass(frozen=True)
class QuickshearProgram(External):
    """The program quickshear: all in front of a plane under the brain; gets its brain mask from efface."""

    buffer: float = 10.0
    """Distance of the plane from the brain, in voxels, as the program counts."""

    key: ClassVar[str] = "external-quickshear"
    citation: ClassVar[str] = "Schimke & Hale 2011, USENIX HealthSec"
    needs: ClassVar[str] = "quickshear"
    programs: ClassVar[tuple[str, ...]] = ("quickshear",)
    remedy: ClassVar[str] = "pip install quickshear"
    line: ClassVar[tuple[str, ...]] = ("{program} {in} {brain} {out} {buffer}", "{options}")


@dataclass(frozen=True)
class Niimath(External):
    """The program niimath -deface: your template's mask, placed by its affine registration."""

    template: Path | None = None
    """A head to register; it must be given."""
    mask_template: Path | None = None
    """The mask on it: 1 is kept, 0 removed; it must be given."""
    cost: str | None = None
    """Its cost function; niimath's own default is fast."""

    key: ClassVar[str] = "external-niimath"
    citation: ClassVar[str] = "Rorden et al. 2024, Aperture Neuro 4 (niimath)"
    needs: ClassVar[str] = "niimath; a head template and its mask"
    programs: ClassVar[tuple[str, ...]] = ("niimath",)
    remedy: ClassVar[str] = "pip install niimath"
    line: ClassVar[tuple[str, ...]] = (
        "{program} {in} -deface {template} {mask_template}", "-cost {cost}", "{options}", "{out}",
    )  # fmt: skip
    sample: ClassVar[str] = (
        "efface deface T1w.nii.gz T1w_defaced.nii.gz --method external-niimath --template head.nii.gz "
        "--mask-template mask.nii.gz"
    )

    def __post_init__(self) -> None:
        if self.template is None or self.mask_template is None:
            message = "method external-niimath ships no template; give --template FILE and --mask-template FILE"
            raise UsageError(message)
        super().__post_init__()


@dataclass(frozen=True)
class Radveil(External):
    """The package radveil: finds the face in renders, blurs, cuts or covers it, and looks again."""

    mode: RadveilMode = "adaptive"
    """How the face is hidden."""

    key: ClassVar[str] = "external-radveil"
    citation: ClassVar[str] = "radveil 0.1 (2026), pypi.org/project/radveil"
    needs: ClassVar[str] = "radveil"
    called: ClassVar[str] = "radveil"
    remedy: ClassVar[str] = "pip install radveil"
    line: ClassVar[tuple[str, ...]] = ("{python} -c {script} {in} {out} {mode}",)
    script: ClassVar[str] = (
        "import sys, radveil; "
        "told = radveil.deface_auto(sys.argv[1], sys.argv[2], mode=sys.argv[3]); "
        "print('radveil', sys.argv[3], 'faces left:', told.get('residual_detections'))"
    )

    @classmethod
    def availability(cls) -> Availability:
        """Return whether the package is here: it has no command of its own."""
        found = importlib.util.find_spec("radveil") is not None
        return Availability(found, "" if found else f"radveil is not installed; {cls.remedy}")

    def given(self, folder: Path) -> dict[str, Any]:
        """Return what stands for the names in the command line."""
        return super().given(folder) | {"python": sys.executable, "script": self.script}
