"""What does one scan show? Nothing is known of it but its voxels.

The network finds the brain, also where the face is gone; the brain says where the face would be; intensity alone says
whether anything is there. Whatever does not fit together is not judged: a person must look.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from efface.anatomy import Anatomy, locate
from efface.atlas import FEATURES
from efface.auditing.bundled_face import share_of_bundled
from efface.auditing.features import shown_features
from efface.auditing.findings import Finding, Kind
from efface.errors import VerificationError
from efface.evaluate.surface_change import nose_tip
from efface.scan import Scan
from efface.spatial.head_surface import Head, head_mask, head_of
from efface.spatial.resample import resample
from efface.verification import placement_checks

SHOWS = 0.5
"""A feature shows if skin lies in this share of its place; see `benchmarks/auditing.py` for how far apart both are."""
BUNDLED = 0.7
"""Share of the face on the bundled one from which it is that one."""
FACE_FOR_SURE = 3
"""So many features do not show by chance where the brain was not found for sure."""
HEAD_ML = 300.0
"""Whatever stands out from the background and is smaller than this is no head, not even a newborn's."""
AROUND_MM, STRIPPED = 8.0, 0.12
"""A head of which less than this share lies farther than this from the brain has been stripped."""
MASK_VALUES, LABELS = 2, 32
"""An image of no more different values is a mask; of no more whole numbers, most of them 0, a map of labels."""


def judge(scan: Scan, path: Path) -> Finding:
    """Judge one scan.

    Parameters
    ----------
    scan : any image; a mask is judged by its outline
    path : what to call it
    """
    if _is_mask(scan):
        return _judge_mask(scan, path)
    head = head_of(scan)
    if _ml(head) < HEAD_ML:
        return Finding(path, Kind.NO_HEAD, "nothing as large as a head stands out from the background")
    try:
        anatomy = locate(scan)
    except VerificationError:
        return _without_brain(head, path)
    if _is_stripped(head, anatomy):
        return Finding(path, Kind.STRIPPED, "there is a brain and hardly anything around it")
    doubts = [check.name for check in placement_checks(head, anatomy) if check.passed is False]
    shares = shown_features(head, anatomy)
    features = tuple(name for name, share in shares.items() if name in FEATURES and (share or 0.0) >= SHOWS)
    if "confidence" in doubts or (doubts and len(features) < FACE_FOR_SURE):
        return Finding(path, Kind.UNSURE, f"the brain was not found for sure ({', '.join(doubts)})", (), shares)
    if features:
        return _face_or_bundled(scan, anatomy, path, features, shares)
    return _without_face(path, shares)


def _face_or_bundled(
    scan: Scan, anatomy: Anatomy, path: Path, features: tuple[str, ...], shares: dict[str, float | None]
) -> Finding:
    share = share_of_bundled(scan, anatomy)
    if share is not None and share >= BUNDLED:
        return Finding(path, Kind.REFACED, "the face is the average one that efface writes", (), shares)
    return Finding(path, Kind.FACE, f"skin lies where it is expected at: {_named(features)}", features, shares)


def _without_face(path: Path, shares: dict[str, float | None]) -> Finding:
    unseen = [name for name in FEATURES if shares[name] is None]
    if len(unseen) == len(FEATURES):
        return Finding(path, Kind.NO_FACE, "eyes, nose, mouth and ears lie outside the field of view", (), shares)
    rest = f"; not in view: {_named(unseen)}" if unseen else ""
    return Finding(path, Kind.DEFACED, f"no skin lies where a face's would{rest}", (), shares)


def _without_brain(head: Head, path: Path) -> Finding:
    """Judge a head in which no brain was found: by its outline."""
    if nose_tip(*head) is not None:
        return Finding(path, Kind.FACE, "no brain was found, but something stands out as a nose does", ("nose",))
    return Finding(path, Kind.UNSURE, "something is as large as a head, but no brain was found in it")


def _is_mask(scan: Scan) -> bool:
    """Whether a scan is a mask or a map of labels: what it shows is its outline."""
    stored = scan.stored if scan.stored.ndim == 3 else scan.stored[..., 0]
    sample = stored.ravel(order="K")
    some = sample[:: max(1, sample.size // 50_000)]  # most scans are told from masks by these alone
    return len(np.unique(some)) <= LABELS and _few_values(sample)


def _few_values(values: NDArray[Any]) -> bool:
    found, counts = np.unique(values, return_counts=True)
    if len(found) <= MASK_VALUES:
        return True
    whole = bool((found == np.rint(found)).all())
    return whole and len(found) <= LABELS and bool(counts[0] > values.size / 2)  # the air of scans is noisy


def _judge_mask(scan: Scan, path: Path) -> Finding:
    """Look for a nose on a mask, or on all labels, and on what they leave: what follows the skin shows the face."""
    values = (scan.intensities() > scan.intensities().min()).astype(np.float32)
    for part in (values, 1 - values):
        head = head_mask(part, scan.grid)
        if _ml(head) >= HEAD_ML and nose_tip(*head) is not None:
            return Finding(path, Kind.FACE, "a mask whose outline has a nose", ("nose",))
    return Finding(path, Kind.NO_FACE, "a mask; no nose stands out from its outline")


def _is_stripped(head: Head, anatomy: Anatomy) -> bool:
    mask, ras = head
    brain = resample(anatomy.brain.astype(np.uint8), anatomy.grid, ras, order=0) > 0
    near = ndimage.binary_dilation(brain, iterations=round(AROUND_MM / float(ras.spacing_mm[0])))
    return bool((mask & ~near).sum() < STRIPPED * mask.sum())


def _ml(head: Head) -> float:
    mask, ras = head
    return float(mask.sum() * np.prod(ras.spacing_mm)) / 1000


def _named(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(name.replace("_", " ") for name in names)
