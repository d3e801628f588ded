"""Does a surface file (GIFTI, FreeSurfer) show a face? By its outline: a head is filled in and searched for a nose."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.freesurfer.io import read_geometry
from nibabel.gifti.gifti import GiftiImage
from scipy import ndimage

from efface.auditing.findings import Finding, Kind
from efface.evaluate.surface_change import nose_tip
from efface.grid import FloatArray, Grid
from efface.spatial.head_surface import SPACING_MM

BROKEN: Any = (ExpatError, ImageFileError, OSError, ValueError, LookupError, AssertionError, AttributeError, TypeError,
               struct.error, zlib.error)  # fmt: skip
"""What nibabel raises where a file contradicts itself."""
FARTHEST_MM, WIDEST_MM, LONGEST_MM = 2000.0, 600.0, 100.0
"""No head's surface reaches farther from the origin, is wider, or has triangles as long; filling them would not end."""
HEAD_MM = (120.0, 140.0)
"""A head is wider and longer than this, a hemisphere narrower; a child's may pass for a brain."""
ROOM = 4


def judge_surface(path: Path) -> Finding:
    """Judge one surface file; what is neither GIFTI nor FreeSurfer's is not read, and may show anything."""
    read = next((reader for endings, reader in READERS.items() if path.name.lower().endswith(endings)), None)
    if read is None:
        return Finding(path, Kind.UNSURE, "a surface that efface does not read; look at it, or convert it to GIFTI")
    try:
        points, triangles = _sound(*read(path))
    except BROKEN as error:
        return Finding(path, Kind.UNREADABLE, f"not a surface ({error}); convert it again")
    if len(points) == 0 or len(triangles) == 0:
        return Finding(path, Kind.NO_HEAD, "a file without a surface")
    width, length = np.ptp(points, axis=0)[:2]
    if np.ptp(points, axis=0).max() > WIDEST_MM or np.ptp(points[triangles], axis=1).max() > LONGEST_MM:
        return Finding(path, Kind.UNSURE, "a surface wider or coarser than a head's; look at it")
    if width < HEAD_MM[0] or length < HEAD_MM[1]:
        return Finding(path, Kind.NO_HEAD, "a surface smaller than a head")
    if nose_tip(*_filled(points, triangles)) is not None:
        return Finding(path, Kind.FACE, "a surface with a nose", ("nose",))
    return Finding(path, Kind.UNSURE, "a surface as large as a head, on which no nose stands out; look at it")


def _read_gifti(path: Path) -> tuple[FloatArray, np.ndarray]:
    image = GiftiImage.from_filename(path)
    parts = (image.agg_data(name) for name in ("pointset", "triangle"))
    points, triangles = (np.asarray(part) if len(part) else np.zeros((0, 3)) for part in parts)
    return np.asarray(points, float), np.asarray(triangles, int)


def _sound(points: FloatArray, triangles: np.ndarray) -> tuple[FloatArray, np.ndarray]:
    """Return what was read; a file may say anything."""
    shaped = points.shape[1:] == triangles.shape[1:] == (3,)
    if not shaped or not (np.abs(points) < FARTHEST_MM).all():
        message = "its points are no places in millimetres"
        raise ValueError(message)
    if triangles.size and not 0 <= triangles.min() <= triangles.max() < len(points):
        message = "its triangles have corners that are not there"
        raise ValueError(message)
    return points, triangles


def _read_freesurfer(path: Path) -> tuple[FloatArray, np.ndarray]:
    points, triangles = read_geometry(path)
    return np.asarray(points, float), np.asarray(triangles, int)


READERS = {(".gii", ".gii.gz"): _read_gifti, (".seghead", ".surf"): _read_freesurfer}
"""Endings -> what reads points (N, 3), mm, and triangles (M, 3)."""


def _filled(points: FloatArray, triangles: np.ndarray) -> tuple[np.ndarray, Grid]:
    """Return the head inside a surface, on a 2 mm grid along the world's axes."""
    corners = points[triangles]
    count = int(np.ceil(np.linalg.norm(np.ptp(corners, axis=1), axis=1).max() / SPACING_MM)) + 1
    shares = [(i / count, j / count) for i in range(count + 1) for j in range(count + 1 - i)]
    low = points.min(axis=0) - ROOM * SPACING_MM
    shape = np.ceil((points.max(axis=0) - low) / SPACING_MM).astype(int) + ROOM
    mask = np.zeros(shape, bool)
    for a, b in shares:
        dots = corners[:, 0] + a * (corners[:, 1] - corners[:, 0]) + b * (corners[:, 2] - corners[:, 0])
        mask[tuple(np.rint((dots - low) / SPACING_MM).astype(int).T)] = True
    affine = np.diag([SPACING_MM] * 3 + [1.0])
    affine[:3, 3] = low
    return ndimage.binary_fill_holes(ndimage.binary_closing(mask, iterations=2) | mask), Grid(mask.shape, affine)
