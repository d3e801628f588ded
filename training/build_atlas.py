"""Write the bundled atlas from the average that ``build_average.py`` made.

    python training/build_atlas.py LABEL_MAPS WORK_DIR OUT_DIR

Writes ``labels.npz`` (most probable tissue, named regions), ``probabilities.npz``, ``brain_distance.npz``
and ``atlas.json``. The same inputs give the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

import landmarks
import regions
from build_average import field_image, itk_affine, template_grid, to_array, to_itk
from label_maps import COMPLETE_HEADS, TISSUES, read_tissues
from stable_npz import npz_bytes

LOG = logging.getLogger("build_atlas")

SPACING_MM = 1.5
STEP = 8
"""Probabilities are kept in steps of 8/255: what they are used for (painting, priors) needs no more."""


def average_tissues(maps: Path, work: Path, heads: tuple[int, ...]) -> np.ndarray:
    """Return the mean tissue maps of all heads where they are in view, joined with their mirror image.

    Returns
    -------
    probabilities : (I, J, K, tissues) float32 array, sums to 1
    """
    grid = template_grid(SPACING_MM)
    affines = np.load(work / "affines.npy")
    total = np.zeros((*grid.GetSize(), len(TISSUES)), np.float32)
    for head, matrix in zip(heads, affines, strict=True):
        tissues, affine = read_tissues(maps / f"head_{head:02d}.nii.gz")
        field = field_image(np.load(work / f"warp_{head:02d}.npy"), grid)
        transform = sitk.CompositeTransform([itk_affine(matrix), sitk.DisplacementFieldTransform(field)])
        for index in range(len(TISSUES)):
            one = to_itk((tissues == index).astype(np.float32), affine)
            # Air goes on beyond a head's field of view in front and above, but not where the neck was cut off.
            warped = sitk.Resample(one, grid, transform, sitk.sitkLinear, 0.0, sitk.sitkFloat32)
            total[..., index] += to_array(warped)
        LOG.info("head %02d averaged", head)
    total = total + total[::-1]
    seen = total.sum(axis=-1, keepdims=True)
    total[..., 0:1] += np.where(seen < 1e-3, 1.0, 0.0)
    return total / np.maximum(seen, 1e-3)


def quantise(probabilities: np.ndarray) -> np.ndarray:
    """Return probabilities as uint8 in 1/255, in coarse steps, (tissues, I, J, K)."""
    steps = np.round(probabilities * 255 / STEP) * STEP
    return np.moveaxis(np.minimum(steps, 255).astype(np.uint8), -1, 0)


def write(probabilities: np.ndarray, affine: np.ndarray, out: Path, heads: tuple[int, ...]) -> None:
    """Draw the regions and write all files of the atlas."""
    smooth = ndimage.gaussian_filter(probabilities, (0.5, 0.5, 0.5, 0))
    tissues = smooth.argmax(axis=-1).astype(np.uint8)
    labels, eyes = regions.draw(tissues, affine)
    brain = np.argwhere(labels == regions.VALUE["brain"]).mean(axis=0)
    distance, coarse = landmarks.brain_distance(labels == regions.VALUE["brain"], affine)
    files = {
        "labels.npz": npz_bytes(tissues=tissues, regions=labels),
        "probabilities.npz": npz_bytes(maps=quantise(probabilities)),
        "brain_distance.npz": npz_bytes(steps=distance),
    }
    description = {
        "affine": affine.tolist(),
        "tissues": list(TISSUES),
        "regions": {str(value): name for name, value in regions.VALUE.items()},
        "brain_center": np.round(affine[:3, :3] @ brain + affine[:3, 3], 2).tolist(),
        "between_eyes": np.round(eyes, 2).tolist(),
        "centroids": landmarks.centroids(tissues, affine),
        "brain_distance": {"affine": coarse.tolist(), "step_mm": landmarks.STEP_MM},
        "heads": len(heads),
        "made_by": "training/build_average.py and training/build_atlas.py",
        "from": "SynthSeg training label maps (Billot et al. 2023), Apache-2.0; frame of MNI152",
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (out / name).write_bytes(data)
        LOG.info("%s: %.2f MB", name, len(data) / 1e6)
    (out / "atlas.json").write_text(json.dumps(description, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("label_maps", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--heads", type=int, nargs="*", default=list(COMPLETE_HEADS))
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    chosen = tuple(arguments.heads)
    maps = average_tissues(arguments.label_maps, arguments.work, chosen)
    world = np.diag([SPACING_MM, SPACING_MM, SPACING_MM, 1.0])
    world[:3, 3] = (-93.0, -126.0, -159.0)
    write(maps, world, arguments.out, chosen)
