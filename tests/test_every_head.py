"""Every kind of head and header: the face goes, the brain stays, judged by the phantom's own truth."""

from dataclasses import dataclass, field

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from efface import phantom
from efface.io import read_scan
from efface.pipeline import deface_scan

COARSE = (3.0, 3.0, 3.0)
COLUMN_MM = 4.0
STANDS_OUT_MM = 13.0
"""What a ball of this radius cannot reach from inside the head stands out."""


@dataclass(frozen=True)
class Head:
    """A head to scan, and what to do to its header."""

    options: dict = field(default_factory=dict)
    header: str = "true"
    contrast: str = "T1w"


CASES = {
    "plain": Head(),
    "posterior, inferior, right": Head({"orientation": "PIR"}),
    "mirrored storage": Head({"orientation": "LAS"}),
    "superior first": Head({"orientation": "SLP"}),
    "origin in a corner": Head(header="corner"),
    "wrong axes": Head({"orientation": "PIR"}, header="identity"),
    "oblique": Head({"turn_deg": (12, -8, 20)}, header="oblique"),
    "nose up by 30": Head({"turn_deg": (30, 0, 0)}),
    "nose down by 30": Head({"turn_deg": (-30, 0, 0)}),
    "tilted by 30": Head({"turn_deg": (0, 30, 0)}),
    "looking aside by 30": Head({"turn_deg": (0, 0, -30)}),
    "no chin": Head({"field_of_view": "no_chin"}),
    "no crown": Head({"field_of_view": "no_crown"}),
    "nose cut off": Head({"field_of_view": "no_nose"}),
    "thick axial slices, T2w": Head({"spacing_mm": (0.9, 0.9, 5.0)}, contrast="T2w"),
    "thick sagittal slices, FLAIR": Head({"spacing_mm": (5.0, 1.0, 1.0), "orientation": "ASL"}, contrast="FLAIR"),
    "small head": Head({"size": 0.8}),
    "large head, contrast agent": Head({"size": 1.1}, contrast="T1wCE"),
    "proton density": Head({"spacing_mm": (2.0, 2.0, 3.0)}, contrast="PDw"),
}


def scanned(case: Head, seed: int = 7):
    """Return the phantom and its image with the case's header."""
    person = phantom.make(case.contrast, **{"spacing_mm": COARSE, "seed": seed} | case.options)
    affine = person.grid.affine.copy()
    if case.header == "corner":
        affine[:3, 3] = 0
    elif case.header == "identity":
        affine = np.diag([*person.grid.spacing_mm, 1.0])
    elif case.header == "oblique":
        turn = np.eye(4)
        turn[:3, :3] = Rotation.from_euler("xyz", case.options["turn_deg"], degrees=True).as_matrix()
        affine = np.linalg.inv(turn) @ affine
    return person, nib.Nifti1Image(np.asarray(person.image.dataobj), affine)


def brain_tissue(person):
    """Return the brain itself, without the fluid and bone that touch it."""
    return person.where("brain") & ~person.where("csf") & ~person.where("bone")


def shown(person, part):
    """Return what of a part shows who it is: what stands out from the head (ears), or lies within 5 mm of the front."""
    head, spacing = ndimage.binary_fill_holes(person.tissues > 0), person.grid.spacing_mm
    if part.endswith("ear"):
        deep = ndimage.distance_transform_edt(head, sampling=spacing) > STANDS_OUT_MM
        return person.where(part) & (ndimage.distance_transform_edt(~deep, sampling=spacing) > STANDS_OUT_MM + 1)
    x, y, z = person.shape.to_atlas(person.grid.ras(np.argwhere(head))).T
    column = np.rint(np.array([x, z]) / COLUMN_MM).astype(int) + 100
    front = np.full((200, 200), -np.inf)
    np.maximum.at(front, tuple(column), y)
    seen = np.zeros(head.shape, bool)
    seen[head] = y > front[tuple(column)] - 5
    return person.where(part) & seen


@pytest.mark.parametrize("name", CASES)
def test_face_goes_and_brain_stays(name):
    person, image = scanned(CASES[name])
    result = deface_scan(read_scan(image))
    changed = result.plan.changed
    assert result.verdict.passed, result.verdict.summary()
    assert not (changed & brain_tissue(person)).any()
    assert changed[person.where("eye")].mean() > 0.95
    for part, least in (("nose", 0.94), ("mouth", 0.95), ("left_ear", 0.85), ("right_ear", 0.85)):
        where = shown(person, part)
        assert where.sum() < 10 or changed[where].mean() > least, part


def test_a_narrow_head_with_its_brow_far_back_keeps_its_brain():
    person, image = scanned(Head({"seed": 5}))
    assert not (deface_scan(read_scan(image)).plan.changed & brain_tissue(person)).any()


def test_brain_only_view_removes_no_brain():
    person, image = scanned(Head({"field_of_view": "brain_only"}))
    result = deface_scan(read_scan(image))
    touched = int((result.plan.changed & brain_tissue(person)).sum())
    assert touched == 0 or not result.verdict.passed


@pytest.mark.parametrize("orientation", ["LPS", "ASR", "IRP"])
def test_storage_order_does_not_change_what_is_removed(orientation):
    whole = {}
    for code in ("RAS", orientation):
        image = phantom.head("T1w", spacing_mm=COARSE, seed=7, orientation=code)
        mask = nib.Nifti1Image(deface_scan(read_scan(image)).plan.mask, image.affine)
        whole[code] = np.asarray(nib.as_closest_canonical(mask).dataobj)
    assert np.mean(whole["RAS"] != whole[orientation]) < 0.002
