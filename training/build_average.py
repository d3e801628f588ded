"""Average the complete heads into a symmetric, unbiased template, by groupwise non-linear registration.

The construction is Avants et al. 2010 (NeuroImage 49:2457), on tissue maps in place of intensities: every head is
registered to the current template (Greedy, sum of squared differences over tissue channels), the warped heads are
averaged, the average is moved by the inverse mean displacement, and joined with its mirror image.
The frame is MNI's in rotation and origin; its size is the heads' own mean size.

    python training/build_average.py LABEL_MAPS MNI_TEMPLATE WORK_DIR
"""

from __future__ import annotations

import argparse
import logging
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK as sitk
from picsl_greedy import Greedy3D
from scipy.linalg import expm, logm, polar

from label_maps import BRAIN, COMPLETE_HEADS, TISSUES, indices, read_tissues

LOG = logging.getLogger("build_average")

LOW_MM = np.array([-93.0, -126.0, -159.0])
"""Lower corner of the atlas's field of view, RAS+ mm; symmetric in x."""
SIZE_MM = np.array([186.0, 246.0, 255.0])

# Channels that drive the registration, with weights: outer shape and what makes the face count more than folds.
CHANNELS: tuple[tuple[float, tuple[str, ...]], ...] = (
    (1.0, ("air",)),
    (0.7, (*BRAIN, "csf", "dura")),
    (0.7, ("bone", "marrow")),
    (0.5, ("cerebral_white_matter", "cerebellar_white_matter", "brainstem")),
    (0.7, ("ventricles",)),
    (0.7, ("caudate", "putamen", "thalamus", "hippocampus", "other_deep_grey_matter")),
    (1.0, ("eye",)),
    (0.8, ("nasal_cavity",)),
)

FLIP = np.diag([-1.0, -1.0, 1.0])
"""RAS+ to ITK's LPS+ and back."""


def template_grid(spacing_mm: float) -> sitk.Image:
    """Return an empty image on the atlas's grid (RAS axes, written in ITK's LPS frame)."""
    count = np.round(SIZE_MM / spacing_mm).astype(int) + 1
    image = sitk.Image([int(n) for n in count], sitk.sitkUInt8)
    image.SetSpacing([spacing_mm] * 3)
    image.SetDirection(FLIP.ravel())
    image.SetOrigin(FLIP @ LOW_MM)
    return image


def to_itk(array: np.ndarray, affine: np.ndarray) -> sitk.Image:
    """Wrap an (I, J, K) array with a RAS+ mm affine as an ITK image."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(array.T))
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((FLIP @ affine[:3, :3] / spacing).ravel())
    image.SetOrigin(FLIP @ affine[:3, 3])
    return image


def to_array(image: sitk.Image) -> np.ndarray:
    """Return an ITK image as an (I, J, K) or (I, J, K, C) array."""
    array = sitk.GetArrayFromImage(image)
    return np.moveaxis(array, (0, 1, 2), (2, 1, 0))


def t1_like(tissues: np.ndarray) -> np.ndarray:
    """Paint tissues with rough T1 intensities, for the affine registration to MNI only."""
    level = {"air": 0, "skin": 130, "soft_tissue": 90, "bone": 15, "marrow": 110, "csf": 25, "dura": 60, "artery": 60,
             "ventricles": 20, "cerebral_grey_matter": 85, "cerebral_white_matter": 125, "eye": 30,
             "nasal_cavity": 60}  # fmt: skip
    return np.array([level.get(name, 100) for name in TISSUES], np.float32)[tissues]


def align_affinely(mni: sitk.Image, head: sitk.Image) -> np.ndarray:
    """Register MNI to one head (12 parameters, mutual information); return MNI RAS+ mm -> head RAS+ mm, (4, 4)."""
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(48)
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentage(0.3)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetShrinkFactorsPerLevel([4, 2])
    method.SetSmoothingSigmasPerLevel([4, 2])
    method.SetSmoothingSigmasAreSpecifiedInPhysicalUnits(True)
    start = sitk.CenteredTransformInitializer(
        mni, head, sitk.Euler3DTransform(), sitk.CenteredTransformInitializerFilter.MOMENTS
    )
    transform = start
    for kind in (sitk.Similarity3DTransform, sitk.AffineTransform):
        wider = kind() if kind is sitk.Similarity3DTransform else kind(3)
        wider.SetCenter(transform.GetCenter())
        wider.SetMatrix(transform.GetMatrix())
        wider.SetTranslation(transform.GetTranslation())
        transform = wider
        method.SetInitialTransform(transform, inPlace=True)
        method.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-4, 300, relaxationFactor=0.6)
        method.SetOptimizerScalesFromPhysicalShift()
        method.Execute(mni, head)
    matrix = np.eye(4)
    linear = np.array(transform.GetMatrix()).reshape(3, 3)
    center = np.array(transform.GetCenter())
    matrix[:3, :3] = FLIP @ linear @ FLIP
    matrix[:3, 3] = FLIP @ (np.array(transform.GetTranslation()) + center - linear @ center)
    return matrix


def remove_mean_stretch(affines: list[np.ndarray]) -> list[np.ndarray]:
    """Give the template the heads' mean size: divide every affine by the stretch of their log-Euclidean mean."""
    mean = np.real(expm(np.mean([logm(a[:3, :3]) for a in affines], axis=0)))
    _, stretch = polar(mean)
    stretch = (stretch + np.diag([-1, 1, 1]) @ stretch @ np.diag([-1, 1, 1])) / 2
    fix = np.eye(4)
    fix[:3, :3] = np.linalg.inv(stretch)
    return [a @ fix for a in affines]


def itk_affine(matrix: np.ndarray) -> sitk.AffineTransform:
    """Turn a RAS+ mm matrix (points of the output -> points of the input) into an ITK transform."""
    return sitk.AffineTransform((FLIP @ matrix[:3, :3] @ FLIP).ravel().tolist(), (FLIP @ matrix[:3, 3]).tolist())


def channels(tissues: np.ndarray, affine: np.ndarray, matrix: np.ndarray, grid: sitk.Image) -> list[sitk.Image]:
    """Resample the weighted registration channels of one head onto the template's grid."""
    spacing = grid.GetSpacing()[0]
    result = []
    for weight, names in CHANNELS:
        mask = np.isin(tissues, indices(names)).astype(np.float32) * weight
        smooth = sitk.SmoothingRecursiveGaussian(to_itk(mask, affine), 0.6 * spacing)
        outside = weight if names == ("air",) else 0.0
        result.append(sitk.Resample(smooth, grid, itk_affine(matrix), sitk.sitkLinear, outside, sitk.sitkFloat32))
    return result


def warp_between(fixed: list[sitk.Image], moving: list[sitk.Image], steps: str) -> sitk.Image:
    """Register one head (affinely placed) to the template; return the displacement field, LPS mm."""
    greedy = Greedy3D()
    pairs = {f"{side}{i}": image for side, images in (("f", fixed), ("m", moving)) for i, image in enumerate(images)}
    inputs = " ".join(f"-i f{i} m{i}" for i in range(len(fixed)))
    greedy.execute(f"{inputs} -o warp -m SSD -n {steps} -e 0.5 -s 3mm 1mm -threads 2 -V 0", warp=None, **pairs)
    return greedy["warp"]


def mirror(image: sitk.Image) -> sitk.Image:
    """Mirror an image left to right about x = 0 (the grid is symmetric)."""
    flipped = sitk.Flip(image, [True, False, False])
    flipped.CopyInformation(image)
    return flipped


def mirror_field(field: np.ndarray) -> np.ndarray:
    """Mirror a displacement field (I, J, K, 3)."""
    return field[::-1] * np.array([-1.0, 1.0, 1.0])


def mean_of(images: list[sitk.Image]) -> sitk.Image:
    """Average images on one grid."""
    total = sitk.Cast(images[0], sitk.sitkFloat32)
    for image in images[1:]:
        total = total + sitk.Cast(image, sitk.sitkFloat32)
    return total / float(len(images))


def field_image(array: np.ndarray, grid: sitk.Image) -> sitk.Image:
    """Make an (I, J, K, 3) array of LPS mm displacements an ITK vector image on the grid."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(np.moveaxis(array, (0, 1, 2), (2, 1, 0))), isVector=True)
    image.CopyInformation(grid)
    return sitk.Cast(image, sitk.sitkVectorFloat64)


def resample_by(image: sitk.Image, field: sitk.Image, outside: float) -> sitk.Image:
    """Warp an image by a displacement field."""
    transform = sitk.DisplacementFieldTransform(sitk.Image(field))
    return sitk.Resample(image, transform, sitk.sitkLinear, outside, sitk.sitkFloat32)


def resize_field(field: np.ndarray, grid: sitk.Image, source: sitk.Image) -> sitk.Image:
    """Carry a displacement field to another grid."""
    image = field_image(field, source)
    return sitk.Resample(image, grid, sitk.Transform(3, sitk.sitkIdentity), sitk.sitkLinear, 0.0)


def build(maps: Path, mni_path: Path, work: Path, heads: tuple[int, ...]) -> None:
    """Run the whole construction; leaves every head's affine and warp in ``work``."""
    work.mkdir(parents=True, exist_ok=True)
    mni_image = nib.load(mni_path)
    mni = to_itk(np.asanyarray(mni_image.dataobj).astype(np.float32), mni_image.affine)
    people = [read_tissues(maps / f"head_{h:02d}.nii.gz") for h in heads]
    affine_file = work / "affines.npy"
    if affine_file.exists():
        affines = list(np.load(affine_file))
    else:
        raw = [align_affinely(mni, to_itk(t1_like(tissues), affine)) for tissues, affine in people]
        affines = remove_mean_stretch(raw)
        np.save(affine_file, affines)
    LOG.info("scales %s", [np.round(np.linalg.norm(a[:3, :3], axis=0), 3).tolist() for a in affines])

    template: list[sitk.Image] | None = None
    stages = [
        (3.0, "150x150x60"),
        (2.0, "150x150x60"),
        (2.0, "150x150x60"),
        (1.5, "150x150x80x30"),
        (1.5, "150x150x80x30"),
    ]
    for stage, (spacing, steps) in enumerate(stages):
        grid = template_grid(spacing)
        placed = [
            channels(tissues, affine, matrix, grid) for (tissues, affine), matrix in zip(people, affines, strict=True)
        ]
        if template is None:
            template = [mean_of([p[c] for p in placed]) for c in range(len(CHANNELS))]
            template = [mean_of([c, mirror(c)]) for c in template]
        fixed = [sitk.Resample(c, grid, sitk.Transform(3, sitk.sitkIdentity), sitk.sitkLinear, 1.0 if i == 0 else 0.0)
                 for i, c in enumerate(template)]  # fmt: skip
        fields = []
        for head, moving in zip(heads, placed, strict=True):
            begin = time.time()
            fields.append(to_array(warp_between(fixed, moving, steps)).astype(np.float32))
            LOG.info("stage %d head %02d: %.0f s, mean displacement %.2f mm", stage, head, time.time() - begin,
                     np.linalg.norm(fields[-1], axis=-1).mean())  # fmt: skip
        mean_field = np.mean(fields, axis=0)
        mean_field = (mean_field + mirror_field(mean_field)) / 2
        LOG.info("stage %d: mean field %.3f mm", stage, np.linalg.norm(mean_field, axis=-1).mean())
        inverse = sitk.InvertDisplacementField(field_image(mean_field, grid), maximumNumberOfIterations=20)
        averaged = []
        for c, (weight, names) in enumerate(CHANNELS):
            outside = weight if names == ("air",) else 0.0
            warped = [resample_by(p[c], field_image(f, grid), outside) for p, f in zip(placed, fields, strict=True)]
            moved = resample_by(mean_of(warped), inverse, outside)
            averaged.append(mean_of([moved, mirror(moved)]))
        template = averaged
    for head, field in zip(heads, fields, strict=True):
        # composed: template point y -> y + inverse(y) -> affinely placed head
        first = field_image(field, grid)
        composed = sitk.TransformToDisplacementField(
            sitk.CompositeTransform([sitk.DisplacementFieldTransform(first),
                                     sitk.DisplacementFieldTransform(sitk.Image(inverse))]),
            sitk.sitkVectorFloat64, grid.GetSize(), grid.GetOrigin(), grid.GetSpacing(), grid.GetDirection(),
        )  # fmt: skip
        np.save(work / f"warp_{head:02d}.npy", to_array(composed).astype(np.float32))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("label_maps", type=Path)
    parser.add_argument("mni_template", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--heads", type=int, nargs="*", default=list(COMPLETE_HEADS))
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    build(arguments.label_maps, arguments.mni_template, arguments.work, tuple(arguments.heads))
