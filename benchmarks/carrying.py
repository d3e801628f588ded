"""Does the face region move with the head? The same scan under random headers, poses, sizes and cuts.

    python benchmarks/carrying.py SCAN.nii.gz [...] [--draws 20] [--seed 1]

Each draw turns the scan by up to 30 degrees, scales it by 0.8 to 1.15, shifts it, stores it along random axes, and
cuts up to a tenth off random sides; voxels are resampled, so this is a new scan of the same head. The atlas's face
is carried by `efface.locate` on the original and on the draw; what is printed is how far the two are apart at points
all over the face, after undoing the known movement. Aim: within 2 mm for 95 % of draws.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from nibabel import orientations
from scipy.spatial.transform import Rotation

from efface.anatomy import locate
from efface.atlas import FACE, load_atlas
from efface.errors import DefaceError
from efface.grid import Grid
from efface.io import read_scan
from efface.scan import Scan, Source
from efface.spatial.resample import resample

ORIENTATIONS = ("RAS", "LPS", "LAS", "PIR", "ASL", "SPL", "IRP", "RSP")


def movement(rng: np.random.Generator, center: np.ndarray) -> np.ndarray:
    """Draw a (4, 4) turn, size and shift about a point."""
    matrix = np.eye(4)
    turn = Rotation.from_rotvec(np.deg2rad(rng.uniform(0, 30)) * _unit(rng)).as_matrix()
    matrix[:3, :3] = turn * rng.uniform(0.8, 1.15)
    matrix[:3, 3] = center + rng.uniform(-20, 20, 3) - matrix[:3, :3] @ center
    return matrix


def _unit(rng: np.random.Generator) -> np.ndarray:
    vector = rng.normal(size=3)
    return vector / np.linalg.norm(vector)


def moved_scan(scan: Scan, matrix: np.ndarray, rng: np.random.Generator) -> Scan:
    """Scan the same head again after a movement of the world, on a grid of its own."""
    values = scan.intensities()
    corners = scan.grid.ras(np.array(np.meshgrid(*[(0, n - 1) for n in scan.grid.shape])).reshape(3, -1).T)
    there = corners @ matrix[:3, :3].T + matrix[:3, 3]
    low, high = there.min(axis=0), there.max(axis=0)
    size = high - low
    for axis in range(3):
        if rng.random() < 0.5:
            cut = rng.uniform(0, 0.1) * size[axis]
            low[axis] += cut * (rng.random() < 0.5)
            high[axis] -= cut * (rng.random() < 0.5)
    spacing = np.maximum(np.sort(scan.grid.spacing_mm), 0.9)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = low
    shape = np.maximum(((high - low) / spacing).astype(int), 8)
    grid = Grid(tuple(shape.tolist()), affine)
    again = resample(values, scan.grid, grid, target_to_source=np.asarray(np.linalg.inv(matrix)))
    turn = orientations.ornt_transform(
        orientations.axcodes2ornt("RAS"), orientations.axcodes2ornt(str(rng.choice(ORIENTATIONS)))
    )
    stored = np.asfortranarray(orientations.apply_orientation(again, turn))
    turned = Grid(stored.shape, grid.affine @ orientations.inv_ornt_aff(turn, grid.shape))
    return Scan(stored, turned, 1.0, 0.0, Source("nifti", b""))


def face_points() -> np.ndarray:
    """Return (N, 3) points of the atlas's face, RAS+ mm."""
    atlas = load_atlas()
    face = np.isin(atlas.regions, [atlas.region(name) for name in FACE]) & (atlas.tissues > 0)
    return atlas.grid.ras(np.argwhere(face)[::500])


def errors(path: Path, draws: int, seed: int) -> list[float]:
    """Return, per draw, the largest distance over the face between what was carried and what should have been, mm."""
    scan, rng, points = read_scan(path), np.random.default_rng(seed), face_points()
    original = locate(scan).atlas_to_scan
    found = []
    for _ in range(draws):
        matrix = movement(rng, scan.grid.ras((np.array(scan.grid.shape) - 1) / 2))
        should = matrix @ original
        try:
            was = locate(moved_scan(scan, matrix, rng)).atlas_to_scan
        except DefaceError:
            found.append(float("inf"))
            continue
        apart = points @ (was - should)[:3, :3].T + (was - should)[:3, 3]
        found.append(float(np.linalg.norm(apart, axis=1).max() / np.cbrt(np.linalg.det(matrix[:3, :3]))))
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scans", type=Path, nargs="+")
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    print(f"{'scan':<28}{'median mm':>10}{'95 % mm':>10}{'worst mm':>10}{'within 2 mm':>13}")
    for path in arguments.scans:
        found = np.array(errors(path, arguments.draws, arguments.seed))
        middle, high = np.quantile(found, (0.5, 0.95), method="higher")
        within = f"{(found <= 2).mean():.0%}"
        print(f"{path.name[:27]:<28}{middle:>10.2f}{high:>10.2f}{found.max():>10.2f}{within:>13}", flush=True)


if __name__ == "__main__":
    main()
