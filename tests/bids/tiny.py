"""Tiny images, and what stands for defacing them."""

import gzip
import json

import nibabel as nib
import numpy as np

from efface.deface_plan import DefacePlan, apply_plan
from efface.errors import SessionError, VerificationError
from efface.pipeline import Defaced
from efface.verdict import Check, Verdict

GOOD, REFUSED, HOPELESS, FACE = 10, 11, 12, 13
"""Value of an image's first voxel: what comes of it."""


def write_image(path, kind=GOOD, volumes=1, shift=0):
    """An image of 8 x 8 x 8 voxels, its gzip header as tools write it, with a name in it."""
    voxels = np.arange(512 * volumes, dtype=np.int16).reshape((8, 8, 8, volumes) if volumes > 1 else (8, 8, 8))
    voxels += np.int16(shift)
    voxels.flat[0] = kind
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file, gzip.GzipFile("Erika.nii", "wb", fileobj=file) as packed:
        packed.write(nib.Nifti1Image(voxels, np.diag([3.0, 3, 3, 1])).to_bytes())


def made(scan, options, session):
    kind = int(scan.stored.flat[0])
    if kind == HOPELESS:
        message = "no brain was found in this scan"
        raise VerificationError(message)
    mask = np.zeros(scan.grid.shape, np.uint8)
    mask[:, -2:, :] = 3
    value = np.array(int(options["fill"] != "zero"), np.int16)
    plan = DefacePlan(scan.grid, mask, {3: "nose"}, value, options["method"], options["fill"],
                      {"session": session}, {"efface": "0"})  # fmt: skip
    passed = kind != REFUSED or options.get("extent") == "never"
    margin = 0.5 + scan.grid.shape[0] / 100
    checks = (Check("face_gone", passed, margin if passed else 0.2, 0.5, "share", "It is gone."),)
    return Defaced(scan, None, plan, apply_plan(scan, plan), Verdict(checks))


def made_together(scans, **options):
    results, refusals = [], {}
    for place, scan in enumerate(scans):
        try:
            results.append(made(scan, options, len(scans)))
        except VerificationError as error:
            refusals[place] = error
    if refusals:
        message = "the session was refused"
        raise SessionError(message, refusals)
    return tuple(results)


def write_json(path, **fields):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(fields))
