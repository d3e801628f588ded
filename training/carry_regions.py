"""Carry the atlas's named regions to every head of the training set, by non-linear registration.

    python training/carry_regions.py LABEL_MAPS OUT_DIR [--average AVERAGE_DIR] [--heads 1 2 ...]

Heads that ``build_average.py`` registered (``--average``: its work folder) reuse its warps. Every other head, partial
views included, is placed by the centroids of its brain structures and then registered to the bundled atlas (Greedy),
with the parts of the atlas that the view cut off masked out. Writes ``regions_XX.npz`` per head: regions on the label
map's grid, axes R, A, S. These files are derived from real people: keep them out of the project.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from picsl_greedy import Greedy3D

from build_average import CHANNELS, channels, field_image, itk_affine, template_grid, to_array, to_itk
from efface.atlas import load_atlas, load_probabilities
from head_landmarks import in_view, place
from label_maps import COMPLETE_HEADS, indices, read_tissues

LOG = logging.getLogger("carry_regions")

SPACING_MM = 1.5
STEPS = "100x100x60x20"


def atlas_channels(grid: sitk.Image) -> list[sitk.Image]:
    """Return the atlas's registration channels, made like those of a head."""
    maps = load_probabilities().astype(np.float32)
    maps /= maps.sum(axis=-1, keepdims=True)
    images = []
    for weight, names in CHANNELS:
        image = sitk.GetImageFromArray(np.ascontiguousarray((weight * maps[..., indices(names)].sum(axis=-1)).T))
        image.CopyInformation(grid)
        images.append(sitk.SmoothingRecursiveGaussian(image, 0.6 * SPACING_MM))
    return images


def register(fixed: list[sitk.Image], tissues: np.ndarray, affine: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Register the atlas to one affinely placed head; return the displacement, (I, J, K, 3) LPS mm."""
    grid = template_grid(SPACING_MM)
    moving = channels(tissues, affine, matrix, grid)
    view = to_itk(in_view(tissues > 0).astype(np.float32), affine)
    mask = sitk.Resample(view, grid, itk_affine(matrix), sitk.sitkLinear, 0.0, sitk.sitkFloat32) > 0.5
    greedy = Greedy3D()
    pairs = {f"{side}{i}": image for side, images in (("f", fixed), ("m", moving)) for i, image in enumerate(images)}
    inputs = " ".join(f"-i f{i} m{i}" for i in range(len(fixed)))
    command = f"{inputs} -gm mask -o warp -m SSD -n {STEPS} -e 0.5 -s 3mm 1mm -threads 2 -V 0"
    greedy.execute(command, warp=None, mask=sitk.Cast(mask, sitk.sitkFloat32), **pairs)
    return to_array(greedy["warp"]).astype(np.float32)


def carry(field: np.ndarray, matrix: np.ndarray, shape: tuple[int, int, int], affine: np.ndarray) -> np.ndarray:
    """Bring the atlas's regions onto a head's grid, through the inverse of (affine after displacement)."""
    atlas = load_atlas()
    inverse = sitk.InvertDisplacementField(field_image(field, template_grid(SPACING_MM)), maximumNumberOfIterations=30)
    transform = sitk.CompositeTransform([
        sitk.DisplacementFieldTransform(inverse), itk_affine(np.linalg.inv(matrix)),
    ])  # fmt: skip
    head = to_itk(np.zeros(shape, np.uint8), affine)
    regions = to_itk(atlas.regions, atlas.grid.affine)
    return to_array(sitk.Resample(regions, head, transform, sitk.sitkNearestNeighbor, 0, sitk.sitkUInt8))


def carry_all(maps: Path, out: Path, average: Path | None, heads: tuple[int, ...]) -> None:
    """Write the regions of every head."""
    out.mkdir(parents=True, exist_ok=True)
    known = {} if average is None else dict(zip(COMPLETE_HEADS, np.load(average / "affines.npy"), strict=True))
    fixed = atlas_channels(template_grid(SPACING_MM))
    for head in heads:
        tissues, affine = read_tissues(maps / f"head_{head:02d}.nii.gz")
        if head in known and average is not None:
            matrix, field = known[head], np.load(average / f"warp_{head:02d}.npy")
        else:
            matrix = place(tissues, affine)
            field = register(fixed, tissues, affine, matrix)
        regions = carry(field, matrix, tissues.shape, affine)
        np.savez_compressed(out / f"regions_{head:02d}.npz", regions=regions)
        LOG.info("head %02d: mean displacement %.1f mm, %s", head, np.linalg.norm(field, axis=-1).mean(),
                 np.bincount(regions.ravel(), minlength=16).tolist())  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("label_maps", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--average", type=Path)
    parser.add_argument("--heads", type=int, nargs="*", default=list(range(1, 21)))
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    carry_all(arguments.label_maps, arguments.out, arguments.average, tuple(arguments.heads))
