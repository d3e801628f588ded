"""Learned masks: the face as a network sees it, in the three ways that were published.

The originals' networks know adult T1w scans, or need an hour; here efface's own network, which knows any contrast,
plays their part. All three follow the person's own face, which is why `anatomy` uses the network's view of it only as
a check.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from efface.anatomy import Anatomy
from efface.atlas import FEATURES
from efface.errors import VerificationError
from efface.grid import Grid
from efface.methods.base import Decision
from efface.methods.limits import TIME_OUT_S, check_limits
from efface.methods.nnunet import check_model, nnunet_mask
from efface.methods.regions import named_regions
from efface.scan import Scan
from efface.spatial.head_surface import head_of
from efface.spatial.mask import within
from efface.spatial.resample import resample

FACE_CLASSES = ("left_eye", "right_eye", "nose", "mouth", "chin")
EAR_CLASSES = ("left_ear", "right_ear")
GROWN_MM = (0.0, 100.0)

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class DeepDefacer:
    """A network's mask of the whole face (DeepDefacer).

    The same as the original (Khazane et al. 2022): one mask of the face, ears not in it, by a network; what it covers
    is emptied. Different: efface's network, which labels eyes, nose, mouth and chin, takes the place of the
    original's U-Net; the mask is their union, with the gaps between them closed; the network's brain is never
    touched; the header stays.
    """

    closed_mm: float = 16.0
    """Gaps between the labelled parts up to twice this are closed, mm."""
    grown_mm: float = 8.0
    """How far the mask is grown, mm."""

    key: ClassVar[str] = "deepdefacer"
    citation: ClassVar[str] = "Khazane et al. 2022, DeepDefacer, arXiv:2205.15536"
    follows_face: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_limits(self, closed_mm=GROWN_MM, grown_mm=GROWN_MM)

    def decide(self, scan: Scan, anatomy: Anatomy) -> Decision:  # noqa: ARG002 - what the network saw is in anatomy
        """Choose what the network calls face (see `DefaceMethod`)."""
        return Decision(_whole_face(anatomy, FACE_CLASSES, self.closed_mm, self.grown_mm))


@dataclass(frozen=True)
class Pediatric:
    """A network's mask of face and ears, for four contrasts and children (the paediatric nnU-Net).

    The same as the original (Familiar et al. 2024): one mask of face and ears by a network, any of T1w, T1w with
    contrast, T2w and FLAIR, from newborns on; what it covers is emptied. Different: efface's network takes the place
    of the original's nnU-Net, unless ``model_folder`` names a trained nnU-Net v2 model, which is then run (`nnunetv2`
    must be installed).
    """

    closed_mm: float = 20.0
    """Gaps between the labelled parts up to twice this are closed, mm."""
    grown_mm: float = 10.0
    """How far the mask is grown, mm."""
    model_folder: Path | None = None
    """Folder of a trained nnU-Net v2 model; every label that it gives is removed."""
    timeout_s: float = 7200.0
    """Such a model is stopped after so many seconds."""

    key: ClassVar[str] = "pediatric"
    citation: ClassVar[str] = "Familiar et al. 2024, AJNR, doi:10.3174/ajnr.A8581"
    needs: ClassVar[str] = "nothing else; for a model of your own, nnU-Net: pip install nnunetv2"
    follows_face: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_limits(self, closed_mm=GROWN_MM, grown_mm=GROWN_MM, timeout_s=TIME_OUT_S)
        if self.model_folder is not None:
            object.__setattr__(self, "model_folder", Path(self.model_folder))
            check_model(Path(self.model_folder))

    def decide(self, scan: Scan, anatomy: Anatomy) -> Decision:
        """Choose what the network calls face or ear (see `DefaceMethod`)."""
        if self.model_folder is not None:
            return Decision(named_regions(nnunet_mask(scan, self.model_folder, self.timeout_s, self.key), anatomy))
        return Decision(_whole_face(anatomy, (*FACE_CLASSES, *EAR_CLASSES), self.closed_mm, self.grown_mm))


@dataclass(frozen=True)
class Defacer:
    """The surface inside of boxes around eyes, nose, mouth and ears (Defacer).

    The same as the original (Jeong et al. 2020): a network labels eyes, nose, mouth and ears, the largest piece of each
    counts, and within its bounding box the head's surface is removed; if one eye or the nose is not found, the scan is
    refused. Different: efface's network; what is not in the field of view is passed over, the original refuses any
    missing part.
    """

    surface_mm: float = 8.0
    """How deep the surface is removed, mm."""
    room_mm: float = 4.0
    """How far boxes are widened, mm."""

    key: ClassVar[str] = "defacer"
    citation: ClassVar[str] = "Jeong et al. 2020, J Med Internet Res 22:e22739, doi:10.2196/22739"
    follows_face: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_limits(self, surface_mm=(0.5, 100), room_mm=GROWN_MM)

    def decide(self, scan: Scan, anatomy: Anatomy) -> Decision:
        """Choose the surface in the boxes (see `DefaceMethod`)."""
        boxes = self._boxes(anatomy)
        head, grid = head_of(scan)
        depth = ndimage.distance_transform_edt(np.pad(head, 1), sampling=float(grid.spacing_mm[0]))[1:-1, 1:-1, 1:-1]
        surface = resample(((depth > 0) & (depth <= self.surface_mm)).view(np.uint8), grid, scan.grid, order=0) > 0
        inside = resample(boxes.view(np.uint8), anatomy.seen.grid, scan.grid, order=0) > 0
        return Decision(named_regions(surface & inside & ~anatomy.brain, anatomy))

    def _boxes(self, anatomy: Anatomy) -> Mask:
        """Return (X, Y, Z) True in the boxes, on the network's grid."""
        seen, found = anatomy.seen, []
        boxes = np.zeros(seen.labels.shape, bool)
        room = int(np.ceil(self.room_mm / float(seen.grid.spacing_mm[0])))
        for name in FEATURES:
            pieces, count = ndimage.label(seen.labels == anatomy.classes.index(name))
            if count == 0:
                continue
            found.append(name)
            largest = 1 + int(np.bincount(pieces.ravel())[1:].argmax())
            box = ndimage.find_objects((pieces == largest).view(np.uint8))[0]
            boxes[tuple(slice(max(0, side.start - room), side.stop + room) for side in box)] = True
        missing = {"left_eye", "right_eye", "nose"} - set(found)
        if missing:
            message = f"Defacer needs both eyes and the nose; not found: {', '.join(sorted(missing)).replace('_', ' ')}"
            raise VerificationError(message)
        return boxes


def _whole_face(anatomy: Anatomy, names: tuple[str, ...], closed_mm: float, grown_mm: float) -> NDArray[np.uint8]:
    """Return a mask, (I, J, K) region values: the union of classes, closed and grown, brain left alone."""
    seen = anatomy.seen
    union = np.isin(seen.labels, [anatomy.classes.index(name) for name in names])
    face = resample(_closed(union, seen.grid, closed_mm, grown_mm).view(np.uint8), seen.grid, anatomy.grid, order=0) > 0
    brain = within(face, anatomy.brain, anatomy.grid, float(anatomy.grid.spacing_mm.mean()))
    return named_regions(face & ~brain, anatomy)


def _closed(mask: Mask, grid: Grid, closed_mm: float, grown_mm: float) -> Mask:
    """Return a mask dilated, then eroded, so that gaps close and it ends ``grown_mm`` larger."""
    step = float(grid.spacing_mm[0])
    wide = np.pad(mask, int(closed_mm / step) + 2)
    reach = closed_mm + grown_mm
    grown = ndimage.distance_transform_edt(~wide, sampling=step) <= reach
    closed = ndimage.distance_transform_edt(grown, sampling=step) > closed_mm
    edge = int(closed_mm / step) + 2
    return np.asarray(closed[(slice(edge, -edge),) * 3])
