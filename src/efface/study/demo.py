"""A study of synthetic people, which nobody is: all that a study does, without any data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from efface.errors import UsageError
from efface.io import read_scan, write_scan
from efface.study.config import NETWORK, MethodEntry, Options, PipelineEntry, ScanEntry, StudyConfig

SPACING_MM = (2.0, 2.0, 2.0)
"""Voxels of the demonstration's scans: an eighth of the work of 1 mm."""
CONTRASTS = ("T1w", "T2w")
SESSIONS = ("1", "2")
METHODS = (
    MethodEntry("anatomy", "anatomy"),
    MethodEntry("anatomy-reface", "anatomy", "reface"),
    MethodEntry("template-mask", "template-mask"),
    MethodEntry("pydeface", "pydeface"),
    MethodEntry("quickshear", "quickshear"),
    MethodEntry("mri-deface", "mri-deface"),
    MethodEntry("mideface", "mideface"),
    MethodEntry("afni-refacer", "afni-refacer"),
)
"""One of each published kind, and efface's own; all of the table would take twice as long."""
COHORTS = (("child", 0.92, (6, 12)), ("adult", 1.0, (20, 45)), ("older adult", 1.02, (55, 85)))
"""Name, size of the head, and years between which an age is drawn."""


@dataclass(frozen=True)
class Person:
    """A synthetic person; age, sex and site are drawn at random and mean nothing."""

    number: int
    """From 0."""
    cohort: str
    """Of `COHORTS`."""
    size: float
    """Of the head, adult 1."""
    age: float
    """Years."""
    sex: str
    """F or M."""
    site: str
    """A or B."""


def people_of(number: int) -> list[Person]:
    """Draw people; the same ones each time."""
    rng = np.random.default_rng(2022)
    people = []
    for each in range(number):
        cohort, size, (low, high) = COHORTS[(each + 1) % len(COHORTS)]
        age, sex, site = round(float(rng.uniform(low, high)), 1), str(rng.choice(["F", "M"])), "AB"[each % 2]
        people.append(Person(each, cohort, size, age, sex, site))
    return people


def demo_config(
    out: Path, people: int, *, workers: int = 2, methods: Sequence[MethodEntry] | None = None
) -> StudyConfig:
    """Make the demonstration's scans, where they are not there yet, and return its study.

    Parameters
    ----------
    out : the study's folder; scans go into ``demo`` in it
    people : synthetic people, each scanned in two contrasts on two days
    workers : processes
    methods : by default `METHODS`

    Raises
    ------
    UsageError
        Nobody is to be scanned.
    """
    if people < 1:
        message = f"{people} people cannot be studied; give at least 1"
        raise UsageError(message)
    folder = out / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    persons = people_of(people)
    make = partial(_make, folder)
    if workers == 1:
        groups = [make(person) for person in persons]
    else:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            groups = list(pool.map(make, persons))
    return StudyConfig(
        title=f"Demonstration on {people} synthetic people",
        scans=tuple(scan for group in groups for scan in group),
        methods=tuple(methods or METHODS),
        pipelines=(PipelineEntry(NETWORK),),
        options=Options(
            workers=workers,
            attack_contrasts=CONTRASTS[:1],
            show_originals=True,
            groups=("sex", "site"),
            ratings=folder / "ratings.tsv",
        ),
        synthetic=True,
    )


def _make(folder: Path, person: Person) -> list[ScanEntry]:
    return list(_scans(folder, person))


def _scans(folder: Path, person: Person) -> Iterator[ScanEntry]:
    """Yield a person's scans; those that are not there yet are made, with the truth about the face."""
    for day, session in enumerate(SESSIONS):
        for contrast in CONTRASTS:
            who = f"person{person.number + 1:02d}"
            name = f"{who}_ses-{session}_{contrast}"
            path, mask = folder / f"{name}.nii.gz", folder / f"{name}_face.nii.gz"
            if not (path.is_file() and mask.is_file()):
                _scan(person, contrast, day, path, mask)
            facts = {"sex": person.sex, "site": person.site}
            yield ScanEntry(name, path, who, session, contrast, person.cohort, person.age, facts, mask)


def _scan(person: Person, contrast: str, day: int, path: Path, mask: Path) -> None:
    import nibabel as nib

    from efface.atlas import FACE, load_atlas
    from efface.phantom import make

    made = make(contrast, seed=5000 + person.number, scan=day, spacing_mm=SPACING_MM, size=person.size, noise=0.03)
    face = np.isin(made.regions, [load_atlas().region(name) for name in FACE])
    truth = nib.Nifti1Image(face.astype(np.uint8), made.grid.affine)
    write_scan(read_scan(truth), mask, overwrite=True)
    write_scan(read_scan(made.image), path, overwrite=True)
