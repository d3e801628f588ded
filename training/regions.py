"""Draw the named regions on the average head, by anatomical rules from its eyeballs, palate, airway and skin.

All numbers are millimetres from the middle between the eyeballs of the average head (x right, y front, z up). The cut
is one smooth sheet, y = cut(x, z): it passes behind the eyeballs, behind the nasal cavity and the maxillary sinuses
(so that no opened cavity is left that still reads as a face), in front of the tongue, and behind the point of the
chin.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from label_maps import INTRACRANIAL, TISSUES, indices

NAMES = (
    "left_eye", "right_eye", "nose", "mouth", "chin", "left_cheek", "right_cheek", "brow", "left_ear", "right_ear",
    "brain", "left_temporalis", "right_temporalis", "tongue", "airway",
)  # fmt: skip
VALUE = {name: value for value, name in enumerate(NAMES, start=1)}

# Depth of the cut behind the eyeballs' centres, by height: (z, y in the middle |x| <= 34, y at the side |x| >= 46).
CUT = (
    (24.0, 8.0, 4.0),
    (10.0, -2.0, -6.0),
    (4.0, -16.0, -12.0),
    (-8.0, -18.0, -14.0),
    (-14.0, -40.0, -14.0),
    (-44.0, -40.0, -14.0),
    (-54.0, 0.0, -10.0),
    (-80.0, 0.0, -8.0),
    (-95.0, -8.0, -8.0),
    (-125.0, -14.0, -14.0),
)
TOP_MM, BOTTOM_MM, SIDE_MM = 24.0, -124.0, 62.0
"""The face's upper edge (above the brows), lower edge (under the chin) and half width."""
BROW_DEPTH_MM = 9.0
"""At the brow the cut follows the average skin at this depth; the brain is right behind."""
EAR_Y, EAR_Z = (-128.0, -52.0), (-62.0, 32.0)
"""Where ears lie behind, and below and above, the eyes; an auricle is about 65 x 35 mm, with room for posture."""
EAR_DEPTH_MM = 3.0


def draw(tissues: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the region labels of an average head.

    Parameters
    ----------
    tissues : (I, J, K) uint8, index into ``TISSUES``; RAS axes, symmetric about x = 0
    affine : (4, 4) voxel to RAS+ mm

    Returns
    -------
    regions : (I, J, K) uint8, values of ``VALUE``; face regions go on through the air to the edge of the grid
    eyes : (3,) middle between the eyeballs, RAS+ mm
    """
    spacing = float(affine[0, 0])
    axes = [affine[a, 3] + spacing * np.arange(n) for a, n in enumerate(tissues.shape)]
    eyes = np.array([0.0, *(axes[a][np.nonzero(tissues == indices(("eye",))[0])[a]].mean() for a in (1, 2))])
    x, y, z = np.meshgrid(axes[0], axes[1] - eyes[1], axes[2] - eyes[2], indexing="ij", sparse=True)
    head = ndimage.binary_fill_holes(ndimage.binary_closing(tissues > 0, iterations=2))

    regions = np.zeros(tissues.shape, np.uint8)
    _draw_kept(regions, tissues, head, x, y, z, spacing)
    regions[inside_skull(tissues, spacing)] = VALUE["brain"]
    kept = regions.copy()

    face = (y > _cut(x, z, spacing)) & (z < TOP_MM) & (z > BOTTOM_MM) & (np.abs(x) < SIDE_MM + 0 * y)
    depth = ndimage.distance_transform_edt(head) * spacing
    face &= (z < 6) | (depth < BROW_DEPTH_MM)
    face |= ndimage.binary_dilation(tissues == indices(("eye",))[0], iterations=round(3 / spacing))
    _name_face(regions, face, x, z)
    for side, name in ((-1, "left_ear"), (1, "right_ear")):
        regions[_ear(head, x, y, z, side, spacing) & ~face] = VALUE[name]
    brain = kept == VALUE["brain"]
    regions[brain] = VALUE["brain"]
    return regions, eyes


def inside_skull(tissues: np.ndarray, spacing: float) -> np.ndarray:
    """Return the inside of the skull: largest piece of intracranial tissue above the foramen magnum, holes filled."""
    brainstem = np.nonzero(tissues == indices(("brainstem",))[0])[2].min()
    inside = np.isin(tissues, indices(INTRACRANIAL))
    inside[:, :, : brainstem + round(2 / spacing)] = False
    opened = ndimage.binary_opening(inside, iterations=2)
    pieces, _ = ndimage.label(opened)
    largest = pieces == np.bincount(pieces.ravel())[1:].argmax() + 1
    grown = ndimage.binary_dilation(largest, iterations=3) & inside
    return np.asarray(ndimage.binary_fill_holes(ndimage.binary_closing(grown, iterations=3)))


def _cut(x: np.ndarray, z: np.ndarray, spacing: float) -> np.ndarray:
    """Return the cut's depth y over (x, z), smooth."""
    table = np.array(CUT)[::-1]
    middle = np.interp(z.ravel(), table[:, 0], table[:, 1])
    side = np.interp(z.ravel(), table[:, 0], table[:, 2])
    weight = np.clip((np.abs(x.ravel()) - 34) / 12, 0, 1)[:, None]
    sheet = (1 - weight) * middle + weight * side
    smooth = ndimage.gaussian_filter(sheet, 2.5 / spacing, mode="nearest")
    return np.asarray(smooth[:, None, :])


def _name_face(regions: np.ndarray, face: np.ndarray, x: np.ndarray, z: np.ndarray) -> None:
    """Divide the removed space into named parts by height and distance from the middle."""
    wide = np.abs(x)
    left = x < 0
    nose_half_width = np.interp(z, [-46, -30, -12, 10], [24, 24, 15, 12])
    parts = {
        "chin": z <= -80,
        "mouth": (z > -80) & (z <= -46) & (wide < 32),
        "left_cheek": (z > -80) & (z <= -14) & left,
        "right_cheek": (z > -80) & (z <= -14) & ~left,
        "left_eye": (z > -14) & (z <= 10) & left,
        "right_eye": (z > -14) & (z <= 10) & ~left,
        "brow": z > 10,
        "nose": (z > -46) & (z <= 10) & (wide < nose_half_width),
    }
    order = ("left_cheek", "right_cheek", "left_eye", "right_eye", "brow", "mouth", "chin", "nose")
    for name in order:
        regions[face & parts[name]] = VALUE[name]


def _ear(head: np.ndarray, x: np.ndarray, y: np.ndarray, z: np.ndarray, side: int, spacing: float) -> np.ndarray:
    """Return everything lateral of the skull's skin where an ear may be, out to the edge of the grid."""
    smooth = ndimage.binary_opening(np.pad(head, 8), _ball(14.0 / spacing))[8:-8, 8:-8, 8:-8]
    outward = smooth if side > 0 else smooth[::-1]
    edge = outward.shape[0] - np.argmax(outward[::-1], axis=0) - 1.0
    edge = np.where(outward.any(axis=0), edge, np.nan)
    missing = np.isnan(edge)
    nearest = ndimage.distance_transform_edt(missing, return_distances=False, return_indices=True)
    edge = ndimage.gaussian_filter(edge[tuple(nearest)], 3.0 / spacing)
    index = np.arange(head.shape[0])
    index = index if side > 0 else index[::-1]
    lateral = index[:, None, None] > edge[None] - EAR_DEPTH_MM / spacing
    return lateral & (y > EAR_Y[0]) & (y < EAR_Y[1]) & (z > EAR_Z[0]) & (z < EAR_Z[1]) & (side * x > 50)


def _draw_kept(
    regions: np.ndarray,
    tissues: np.ndarray,
    head: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    z: np.ndarray,
    spacing: float,
) -> None:
    """Draw what studies need and the face does not: temporalis muscles, tongue, airway behind the teeth."""
    order = list(TISSUES)
    soft = tissues == order.index("soft_tissue")
    depth = ndimage.distance_transform_edt(head) * spacing
    muscle = ndimage.binary_opening(soft & (depth > 4), iterations=max(1, round(2 / spacing)))
    muscle &= (y > -75) & (y < -12) & (z > -32) & (z < 48) & (np.abs(x) > 40)
    regions[muscle & (x < 0)] = VALUE["left_temporalis"]
    regions[muscle & (x > 0)] = VALUE["right_temporalis"]
    regions[soft & (np.abs(x) < 22) & (y > -52) & (y < -2) & (z > -92) & (z < -52)] = VALUE["tongue"]
    inner = (tissues == 0) & (np.cumsum((tissues > 0)[:, ::-1], axis=1)[:, ::-1] > 0)  # air with tissue in front of it
    regions[inner & (np.abs(x) < 18) & (y > -95) & (y < -44) & (z < -22)] = VALUE["airway"]


def _ball(radius: float) -> np.ndarray:
    r = int(np.ceil(radius))
    grid = np.mgrid[-r : r + 1, -r : r + 1, -r : r + 1]
    return np.asarray((grid**2).sum(axis=0) <= radius**2)
