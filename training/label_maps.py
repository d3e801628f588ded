"""Read the whole-head label maps and sort their labels into the atlas's tissues.

The label maps are SynthSeg's training set (Billot et al. 2023, Medical Image Analysis 86:102789).
Brain labels are FreeSurfer's; the names of the others were read off position and volume.
"""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np

TISSUES: dict[str, tuple[int, ...]] = {
    "air": (0,),
    "skin": (511,),
    "soft_tissue": (507,),
    "bone": (515,),
    "marrow": (516,),
    "csf": (24,),
    "dura": (514,),
    "artery": (502,),
    "ventricles": (4, 5, 14, 15, 43, 44, 72, 31, 63),
    "cerebral_grey_matter": (3, 42),
    "cerebral_white_matter": (2, 41, 25, 57, 30, 62, 136, 137, 163, 164),
    "caudate": (11, 50),
    "putamen": (12, 51),
    "thalamus": (10, 49),
    "hippocampus": (17, 53),
    "other_deep_grey_matter": (13, 52, 18, 54, 26, 58, 28, 60),
    "brainstem": (16,),
    "cerebellar_grey_matter": (8, 47),
    "cerebellar_white_matter": (7, 46),
    "spinal_cord": (512,),
    "eye": (506,),
    "optic_nerve": (508, 530, 85),
    "nasal_cavity": (509,),
}
"""Tissue name -> label values; the order is the order of the atlas's probability maps."""

BRAIN = (
    "ventricles",
    "cerebral_grey_matter",
    "cerebral_white_matter",
    "caudate",
    "putamen",
    "thalamus",
    "hippocampus",
    "other_deep_grey_matter",
    "brainstem",
    "cerebellar_grey_matter",
    "cerebellar_white_matter",
)
"""Tissues that are brain."""

INTRACRANIAL = (*BRAIN, "csf", "dura")
"""Tissues inside the skull (the spinal canal's CSF, and neck veins, too)."""

COMPLETE_HEADS = (2, 5, 6, 8, 10, 11, 12, 14, 15, 16, 17, 18, 19)
"""Heads whose nose, mouth and chin are in the field of view."""


def read_tissues(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read one label map as tissue indices.

    Returns
    -------
    tissues : (I, J, K) uint8 array, axes R, A, S; index into ``TISSUES``
    affine : (4, 4) array, voxel to RAS+ mm
    """
    image = nib.as_closest_canonical(nib.load(path))
    labels = np.asanyarray(image.dataobj).astype(np.int32)
    lookup = np.full(int(labels.max()) + 1, 255, np.uint8)
    for index, values in enumerate(TISSUES.values()):
        for value in values:
            if value < len(lookup):
                lookup[value] = index
    tissues = lookup[labels]
    if (tissues == 255).any():
        unknown = sorted(set(labels[tissues == 255].tolist()))
        message = f"{path.name}: labels {unknown} belong to no tissue; add them to TISSUES"
        raise ValueError(message)
    return tissues, image.affine


def indices(names: tuple[str, ...]) -> list[int]:
    """Positions of the named tissues in ``TISSUES``."""
    order = list(TISSUES)
    return [order.index(name) for name in names]
