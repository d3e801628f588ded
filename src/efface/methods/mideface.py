"""mideface: the template's skin swept in and out until it holds this head's skin, filled with noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from efface.anatomy import Anatomy
from efface.atlas import load_atlas
from efface.fill.kept import scaled
from efface.grid import FloatArray
from efface.methods.base import Decision
from efface.methods.head_shell import HeadShell, load_head_shell
from efface.methods.limits import check_limits
from efface.methods.regions import named_regions
from efface.methods.templates import bundled_template
from efface.scan import Scan
from efface.spatial.head_surface import Head, head_of
from efface.spatial.mask import within
from efface.spatial.resample import resample

LABELS = (
    ("mouth", "chin", "left_cheek", "right_cheek"),
    ("brow",),
    ("nose",),
    ("left_eye", "right_eye"),
    ("left_ear", "right_ear"),
)
"""Lower face, upper face, nose, eyes, ears: each is swept by its own distances."""
EXCLUDED = ("left_eye", "right_eye", "skull")
"""The network's classes that are never touched, beside all inside the skull."""
STEP_MM = 1.0
SEED = 53
"""The original's."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Mideface:
    """A shell around the template's skin, wide enough to hold this head's, filled with noise (mideface).

    The same as the original (FreeSurfer 7.3 and later): per label, places on the template's skin go inward until they
    meet the head and outward until they leave it; the 90th percentile of the former and the 100th of the latter,
    within 2-20 and 2-100 mm, are how far the skin is swept; brain, skull and eyeballs, dilated, are never touched;
    uniform noise with the tissue's mean and deviation within the template's skin, and with the background's outside.
    Different: the bundled average head and its regions are the template, laid on by mutual information instead of
    samseg; distance from the skin instead of swept triangles; brain, skull and eyes come from the network; no
    watermark.
    """

    ears: bool = True
    """Whether ears are swept, too."""
    inward_percentile: float = 90.0
    """Of the distances inward."""
    outward_percentile: float = 100.0
    """Of the distances outward."""
    inward_mm: tuple[float, float] = (2.0, 20.0)
    """Least and most that is swept inward, mm."""
    outward_mm: tuple[float, float] = (2.0, 100.0)
    """The same outward."""
    excluded_mm: float = 2.0
    """How far what is never touched is dilated, mm."""

    key: ClassVar[str] = "mideface"
    citation: ClassVar[str] = "Greve 2022, FreeSurfer's mideface, surfer.nmr.mgh.harvard.edu/fswiki/mideface"
    follows_face: ClassVar[bool] = True
    writes_own: ClassVar[bool] = True
    default_fill: ClassVar[str] = "own"

    def __post_init__(self) -> None:
        check_limits(
            self, inward_percentile=(0, 100), outward_percentile=(0, 100), inward_mm=(0, 200), outward_mm=(0, 200),
            excluded_mm=(0, 50),
        )  # fmt: skip

    def decide(self, scan: Scan, anatomy: Anatomy) -> Decision:
        """Choose the swept shell (see `DefaceMethod`)."""
        template_to_scan = bundled_template().lay_on(scan, anatomy)
        shell, head, to_atlas = load_head_shell(), head_of(scan), np.asarray(np.linalg.inv(template_to_scan))
        scale = float(np.cbrt(np.linalg.det(template_to_scan[:3, :3])))
        height, parts = (
            resample(each, shell.grid, scan.grid, target_to_source=to_atlas, order=order, outside=None)
            for each, order in ((shell.height_mm, 1), (shell.parts, 0))
        )
        swept = np.zeros(scan.grid.shape, bool)
        for values, inward, outward in self._distances(shell, head, template_to_scan):
            swept |= np.isin(parts, values) & (height * scale >= -inward) & (height * scale <= outward)
        swept &= ~self._excluded(swept, scan, anatomy)
        return Decision(named_regions(swept, anatomy), values=_noise(scan, head, swept, height < 0))

    def _distances(
        self, shell: HeadShell, head: Head, template_to_scan: FloatArray
    ) -> list[tuple[list[int], float, float]]:
        """Return for each label its regions, and how far it is swept inward and outward, mm."""
        atlas, found = load_atlas(), []
        for names in LABELS[: None if self.ears else -1]:
            values = [atlas.region(name) for name in names]
            here = np.isin(shell.names, values)
            inward, outward = _marched(shell.points[here], shell.outward[here], head, template_to_scan, self)
            found.append((
                values,
                float(np.clip(np.percentile(inward, self.inward_percentile), *self.inward_mm)),
                float(np.clip(np.percentile(outward, self.outward_percentile), *self.outward_mm)),
            ))  # fmt: skip
        return found

    def _excluded(self, swept: Mask, scan: Scan, anatomy: Anatomy) -> Mask:
        """Return what of the swept shell is never touched."""
        seen = anatomy.seen
        labelled = np.isin(seen.labels, [anatomy.classes.index(name) for name in EXCLUDED]).view(np.uint8)
        never = anatomy.brain | (resample(labelled, seen.grid, scan.grid, order=0) > 0)
        return within(swept, never, scan.grid, self.excluded_mm)


def _marched(
    points: FloatArray, outward: FloatArray, head: Head, to_scan: FloatArray, method: Mideface
) -> tuple[FloatArray, FloatArray]:
    """Walk from places on the template's skin to the head's.

    Returns
    -------
    inward : (N,) mm until the head is met; 0 for places in it
    outward : (N,) mm until the head is left; 0 for places outside
    """
    start = points @ to_scan[:3, :3].T + to_scan[:3, 3]
    along = outward @ np.linalg.inv(to_scan[:3, :3])
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    inside = _in_head(start, head)
    walks = []
    for sign, farthest, wanted in ((-1, method.inward_mm[1], True), (1, method.outward_mm[1], False)):
        steps = np.arange(0, farthest + STEP_MM, STEP_MM)
        hit = np.stack([_in_head(start + sign * step * along, head) == wanted for step in steps])
        reached = np.where(hit.any(axis=0), steps[hit.argmax(axis=0)], 0.0)
        walks.append(np.where(inside == wanted, 0.0, reached))
    return walks[0], walks[1]


def _in_head(points: FloatArray, head: Head) -> Mask:
    """Return whether (N, 3) points, RAS+ mm, lie in the head; beyond its grid is air."""
    mask, grid = head
    return np.asarray(ndimage.map_coordinates(mask.view(np.uint8), grid.index(points).T, order=0, cval=0) > 0)


def _noise(scan: Scan, head: Head, swept: Mask, in_template: Mask) -> NDArray[np.float32]:
    """Return what is written, (N,) or (N, T): the tissue's noise in the template's skin, the background's outside."""
    in_head = resample(head.mask.view(np.uint8), head.grid, scan.grid, order=0)[swept] > 0
    tissue, air = in_template[swept], ~in_template[swept]
    before = scaled(scan.stored[swept], scan).reshape(len(tissue), scan.volumes)
    before = np.where(np.isfinite(before), before, np.float32(0))
    draws = np.random.default_rng(SEED).random(len(tissue), dtype=np.float32) - np.float32(0.5)
    values = np.zeros_like(before)
    for volume in range(before.shape[1]):
        for where, sample, centre in ((tissue, tissue & in_head, np.mean), (air, air & ~in_head, _mode)):
            known = before[sample if sample.any() else where, volume]
            if known.size:
                values[where, volume] = np.abs(draws[where] * known.std() + centre(known))
    return values if scan.stored.ndim == 4 else values[:, 0]


def _mode(values: NDArray[np.float32]) -> float:
    """Return the middle of a histogram's highest bin."""
    counts, edges = np.histogram(values, 64)
    highest = int(counts.argmax())
    return float(edges[highest] + edges[highest + 1]) / 2
