"""Images to a volume: their order, the grid they lie on, and a clear line where they are no volume.

DICOM's world is LPS; efface's is RAS, so x and y change sign. The first voxel axis runs along a row, the second down a
column, the third along their cross product, so that the slices' order does not depend on file names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from efface.errors import UnsupportedImageError
from efface.grid import FloatArray
from efface.io.dicom.frames import Frame

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
SAME_DIRECTION = 1e-3
"""Direction cosines of one series differ by less."""
SAME_SPACING_MM = 1e-3
TOGETHER_MM = 0.01
"""Images nearer to each other than this along the normal lie at one place."""
OFF_MM, OFF_SHARE = 0.05, 0.05
"""A slice may lie this far, plus this share of the step, off where an even stack has it: positions are rounded."""
GAP = 1.5
"""A step this much longer than the usual one is a gap."""


@dataclass(frozen=True, eq=False)
class Stack:
    """Where every image of a series goes."""

    affine: FloatArray
    """(4, 4) from column, row and slice to RAS+ mm."""
    slices: int
    """Places along the third axis."""
    volumes: int
    """Images at each place."""
    places: dict[tuple[int, int], tuple[int, int]]
    """(file, frame) -> (slice, volume)."""
    scaling: tuple[float, float]
    """Slope and intercept of all of them."""


def stacked(frames: Sequence[Frame], name: str) -> Stack:
    """Put images in order.

    Parameters
    ----------
    frames : every image of a series
    name : how messages call the series

    Raises
    ------
    UnsupportedImageError
        They are not one volume, or several on one grid.
    """
    _check_alike(frames, name)
    first = frames[0]
    normal = np.cross(*first.axes)
    depths = np.array([frame.position_mm @ normal for frame in frames])
    at = _places(depths)
    slices, volumes = int(at.max()) + 1, _volumes(at, name)
    order = sorted(range(len(frames)), key=lambda index: (at[index], frames[index].volume, frames[index].order))
    by_place = np.array(order).reshape(slices, volumes)
    _check_volumes(frames, by_place, name)
    positions = np.array([[frames[index].position_mm for index in row] for row in by_place])
    return Stack(
        affine=_affine(first, _step(positions, normal, name), positions[0, 0]),
        slices=slices,
        volumes=volumes,
        places={
            (frames[index].file, frames[index].number): (k, t)
            for k, row in enumerate(by_place.tolist())
            for t, index in enumerate(row)
        },
        scaling=first.scaling,
    )


def _check_alike(frames: Sequence[Frame], name: str) -> None:
    """Raise unless all images are parallel, of one spacing, one component and one scaling."""
    axes = np.array([frame.axes for frame in frames])
    turned = np.abs(axes - axes[0]).max(axis=(1, 2)) > SAME_DIRECTION
    if turned.any():
        message = f"{name}: images in several directions, as of a scout; give a series of parallel slices"
        raise UnsupportedImageError(message)
    lengths = np.linalg.norm(axes[0], axis=1)
    if np.abs(lengths - 1).max() > SAME_DIRECTION or abs(axes[0, 0] @ axes[0, 1]) > SAME_DIRECTION:
        message = f"{name}: the image orientation is no pair of right-angled directions; export the series again"
        raise UnsupportedImageError(message)
    spacings = np.array([frame.spacing_mm for frame in frames])
    if np.abs(spacings - spacings[0]).max() > SAME_SPACING_MM:
        message = f"{name}: pixels of several sizes ({spacings.min():g} to {spacings.max():g} mm); give each size alone"
        raise UnsupportedImageError(message)
    components = sorted({frame.component for frame in frames} - {""})
    if len(components) > 1:
        message = f"{name}: {' and '.join(components)} images in one series; give a folder with the magnitude alone"
        raise UnsupportedImageError(message)
    slopes = {frame.scaling for frame in frames}
    if len(slopes) > 1:
        message = f"{name}: {len(slopes)} different rescale slopes or intercepts, as in PET; convert it with dcm2niix"
        raise UnsupportedImageError(message)


def _places(depths: FloatArray) -> NDArray[np.intp]:
    """Return for each image at which place along the normal it lies, counted from 0."""
    order = np.argsort(depths, kind="stable")
    numbers = np.concatenate(([0], np.cumsum(np.diff(depths[order]) > TOGETHER_MM)))
    at = np.empty(len(depths), np.intp)
    at[order] = numbers
    return at


def _volumes(at: NDArray[np.intp], name: str) -> int:
    counts = np.bincount(at)
    usual = Counter(counts.tolist()).most_common(1)[0][0]
    odd = np.flatnonzero(counts != usual)
    if odd.size:
        message = (
            f"{name}: {len(at)} images at {len(counts)} places, {usual} at most of them but {counts[odd[0]]} at place "
            f"{odd[0] + 1}; images are missing or doubled, export the series again"
        )
        raise UnsupportedImageError(message)
    return int(usual)


def _check_volumes(frames: Sequence[Frame], by_place: NDArray[np.intp], name: str) -> None:
    """Raise unless the images that were put into one volume say that they are of one; places in time count in 4-D."""
    for column in by_place.T:
        said = {frames[index].volume[: None if by_place.shape[1] > 1 else -1] for index in column.tolist()}
        if len(said) > 1:
            message = f"{name}: echoes, b-values or time points differ within a volume; images are missing or doubled"
            raise UnsupportedImageError(message)


def _step(positions: FloatArray, normal: FloatArray, name: str) -> FloatArray:
    """Return the way from slice to slice, (3,) LPS mm.

    Parameters
    ----------
    positions : (K, T, 3) where each image lies
    normal : (3,) right-angled to the images
    name : how messages call the series
    """
    if len(positions) == 1:
        return normal
    step = np.asarray((positions[-1, 0] - positions[0, 0]) / (len(positions) - 1))
    even = positions[0, 0] + np.arange(len(positions))[:, None] * step
    room = OFF_MM + OFF_SHARE * float(np.linalg.norm(step))
    _check_even(positions[:, 0] @ normal, even @ normal, room, name)
    tilt = np.degrees(np.arccos(np.clip(step @ normal / np.linalg.norm(step), -1, 1)))
    sideways = np.linalg.norm(step - (step @ normal) * normal) * (len(positions) - 1)
    if sideways > room * 2 and tilt > 0.1:
        message = f"{name}: the slices are sheared by {tilt:.1f} degrees (gantry tilt); straighten it with dcm2niix"
        raise UnsupportedImageError(message)
    if np.linalg.norm(positions - even[:, None], axis=2).max() > room * 2:
        message = f"{name}: slices lie sideways of one another; they are not one volume, give each volume alone"
        raise UnsupportedImageError(message)
    return step


def _check_even(depths: FloatArray, even: FloatArray, room: float, name: str) -> None:
    if np.abs(depths - even).max() <= room:
        return
    steps = np.diff(depths)
    usual = float(np.median(steps))
    if steps.max() > GAP * usual:
        gap = int(steps.argmax())
        message = (
            f"{name}: slices are missing: {steps[gap]:.4g} mm from slice {gap + 1} to the next, where {usual:.4g} mm "
            "is usual; export the series again"
        )
        raise UnsupportedImageError(message)
    message = (
        f"{name}: slices at uneven distances ({steps.min():.4g} to {steps.max():.4g} mm); dcm2niix can make them even"
    )
    raise UnsupportedImageError(message)


def _affine(first: Frame, step: FloatArray, origin: FloatArray) -> FloatArray:
    lps = np.eye(4)
    lps[:3, 0] = first.axes[0] * first.spacing_mm[0]
    lps[:3, 1] = first.axes[1] * first.spacing_mm[1]
    lps[:3, 2] = step
    lps[:3, 3] = origin
    return np.asarray(LPS_TO_RAS @ lps)
