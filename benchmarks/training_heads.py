"""Deface people whose anatomy is known: the training label maps, painted as T1 and T2, and compare with the truth.

    python benchmarks/training_heads.py LABEL_MAPS [--pictures PRIVATE_DIR]

For every head: verdict, brain voxels changed, clearance to the brain, eyeballs and nasal cartilage left. The atlas
was built from 13 of these heads, so this checks geometry, not generality. The pictures show real faces: keep them
private.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage

sys.path.insert(0, str(Path(__file__).parent.parent / "training"))
from efface.evaluate.render import frame_of, render_views
from efface.io import read_scan
from efface.pipeline import deface_scan
from efface.report.figures import contact_sheet, png_bytes, slices_figure, views_figure
from label_maps import BRAIN, TISSUES, indices, read_tissues

T1 = {"air": 3, "skin": 170, "soft_tissue": 100, "bone": 18, "marrow": 110, "csf": 26, "dura": 70, "artery": 60,
      "ventricles": 22, "cerebral_grey_matter": 87, "cerebellar_grey_matter": 85, "cerebral_white_matter": 125,
      "cerebellar_white_matter": 122, "brainstem": 115, "eye": 40, "nasal_cavity": 60, "spinal_cord": 110}  # fmt: skip
T2 = {"air": 3, "skin": 90, "soft_tissue": 55, "bone": 15, "marrow": 70, "csf": 190, "dura": 50, "artery": 15,
      "ventricles": 200, "cerebral_grey_matter": 100, "cerebellar_grey_matter": 100, "cerebral_white_matter": 65,
      "cerebellar_white_matter": 68, "brainstem": 72, "eye": 210, "nasal_cavity": 130, "spinal_cord": 80}  # fmt: skip


def paint(tissues: np.ndarray, affine: np.ndarray, levels: dict[str, int], seed: int) -> nib.Nifti1Image:
    """Paint tissues with intensities, blur to a partial-volume edge, add a bias field and noise."""
    rng = np.random.default_rng(seed)
    values = np.array([levels.get(name, 90) for name in TISSUES], np.float32)[tissues]
    values = ndimage.gaussian_filter(values, 0.6)
    coarse = rng.normal(0, 0.2, (4, 4, 4)).astype(np.float32)
    bias = np.exp(ndimage.zoom(coarse, [n / 4 for n in values.shape], order=1))
    noisy = np.abs(values * bias + rng.normal(0, 3.0, values.shape))
    return nib.Nifti1Image(np.round(noisy).astype(np.int16), affine)


def judge(tissues: np.ndarray, image: nib.Nifti1Image) -> tuple[str, object]:
    """Deface one painted head and compare with its truth; return a table row and the result."""
    result = deface_scan(read_scan(image))
    changed = result.plan.changed
    brain = np.isin(tissues, indices(BRAIN))
    distance = ndimage.distance_transform_edt(~brain)
    eyes, nose = tissues == indices(("eye",))[0], tissues == indices(("nasal_cavity",))[0]
    front = nose & (np.arange(nose.shape[1])[None, :, None] > np.nonzero(eyes)[1].mean())
    kept = [100 * float((~changed[part]).mean()) if part.any() else float("nan") for part in (eyes, front)]
    row = (
        f"{'yes' if result.verdict.passed else 'NO':>8} {int((brain & changed).sum()):>13} "
        f"{distance[changed].min():>12.1f} {kept[0]:>10.1f} {kept[1]:>10.1f}   "
        f"{'' if result.verdict.passed else result.verdict.summary()}"
    )
    return row, result


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("label_maps", type=Path)
    parser.add_argument("--pictures", type=Path)
    arguments = parser.parse_args()
    print("head         verified brain changed clearance mm eyes left % nose left %")
    for path in sorted(arguments.label_maps.glob("head_*.nii.gz")):
        tissues, affine = read_tissues(path)
        for name, levels in (("T1", T1), ("T2", T2)):
            image = paint(tissues, affine, levels, seed=int(path.name[5:7]))
            row, result = judge(tissues, image)
            print(f"{path.name[:7]} {name:<4}{row}", flush=True)
            if arguments.pictures:
                _draw(result, arguments.pictures / f"{path.name[:7]}_{name}.png")


def _draw(result: object, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    before, after, grid = result.original.intensities(), result.scan.intensities(), result.plan.grid
    frame = frame_of(before, grid)
    rows = [views_figure(render_views(values, grid, frame=frame)) for values in (before, after)]
    path.write_bytes(png_bytes(contact_sheet(slices_figure(after, grid, result.plan.changed), *rows)))


if __name__ == "__main__":
    main()
