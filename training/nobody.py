"""Show that drawn faces are nobody's: their distance to the nearest training face, beside that between strangers.

    python training/nobody.py LABEL_MAPS WORK_DIR [--drawn 100] [--heads 2 5 ...]

Three distances: between face surfaces after the best rigid alignment of the two (mean distance both ways, a training
face being the skin of its label map), between corresponding points of two faces after the best rigid alignment (root
mean square), and between coefficients of the model's modes (root mean square, in standard deviations). A drawn face is
compared with every training face and its mirror image, a training face with all others and theirs. The exit status is 1
if drawn faces are nearer: their 5th percentile or their median is below the strangers'.
"""

from __future__ import annotations

import argparse
import logging
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy import ndimage
from scipy.spatial import KDTree

from build_shape_model import carry, deformations, read_warp, weights
from efface.atlas import load_atlas
from efface.phantom.deformation import draw_coefficients
from efface.phantom.shape import draw_shape
from efface.phantom.shape_model import load_shape_model, mirrored
from label_maps import COMPLETE_HEADS, read_tissues

LOG = logging.getLogger("nobody")

FACE = ("left_eye", "right_eye", "nose", "mouth", "chin", "left_cheek", "right_cheek", "brow")
NEAR_MM = 8.0
"""A point of a label map's skin belongs to the face within this distance of the face that the warp carried there."""
COMPARED = 1200
"""How many points of a surface look for their nearest on the other."""
ROUNDS = 10
MIRROR = np.array([-1.0, 1.0, 1.0])


@dataclass(frozen=True, eq=False)
class Face:
    """The surface of one face, in any frame."""

    points: np.ndarray = field(repr=False)
    """(N, 3) corresponding points, RAS mm."""
    skin: np.ndarray = field(repr=False)
    """(M, 3) points of the skin, dense, RAS mm."""
    tree: KDTree = field(repr=False)
    """Over ``skin``."""


def face_of(points: np.ndarray, skin: np.ndarray) -> Face:
    """Make a face of its points."""
    return Face(points, skin, KDTree(skin))


def skin_points(head: np.ndarray, affine: np.ndarray, finer: int) -> np.ndarray:
    """Return points of the surface between a head and the air around it, (N, 3) RAS mm, finer than the voxels."""
    closed = np.pad(ndimage.binary_closing(np.pad(head, 4), iterations=3)[4:-4, 4:-4, 4:-4], 1)
    parts, _ = ndimage.label(~closed)
    outside = (parts == parts[0, -1, -1])[1:-1, 1:-1, 1:-1]
    soft = ndimage.gaussian_filter(outside.astype(np.float32), 0.8)
    soft = ndimage.zoom(soft, finer, order=1, grid_mode=False) if finer > 1 else soft
    scale = (np.array(outside.shape) - 1) / (np.array(soft.shape) - 1)
    found = []
    for axis in range(3):
        low, high = (np.moveaxis(soft, axis, 0)[part] for part in (slice(None, -1), slice(1, None)))
        at = np.argwhere((low > 0.5) != (high > 0.5))
        first, second = low[tuple(at.T)], high[tuple(at.T)]
        place = at.astype(float)
        place[:, 0] += (0.5 - first) / (second - first)
        found.append(np.insert(place[:, 1:], axis, place[:, 0], axis=1))
    return np.concatenate(found) * scale @ affine[:3, :3].T + affine[:3, 3]


def atlas_face() -> np.ndarray:
    """Return points of the atlas's face, (N, 3) RAS+ mm; symmetric: point i's mirror image is point i + N / 2."""
    atlas = load_atlas()
    skin = skin_points(atlas.tissues > 0, atlas.grid.affine, 2)
    index = np.rint(atlas.grid.index(skin)).astype(int)
    index = np.clip(index, 0, np.array(atlas.grid.shape) - 1)
    inside = np.isin(atlas.regions[tuple(index.T)], [atlas.region(name) for name in FACE])
    half = skin[inside & (skin[:, 0] > 0)]
    return np.concatenate([half, half * MIRROR])


def training_faces(maps: Path, work: Path, heads: tuple[int, ...]) -> list[Face]:
    """Return the faces of the training heads, in their own frames."""
    template, faces = atlas_face(), []
    for head, matrix in zip(heads, np.load(work / "affines.npy"), strict=True):
        tissues, affine = read_tissues(maps / f"head_{head:02d}.nii.gz")
        points = carry(template, read_warp(work, head), matrix)
        skin = skin_points(tissues > 0, affine, 1)
        distance, _ = KDTree(points).query(skin, distance_upper_bound=NEAR_MM)
        faces.append(face_of(points, skin[np.isfinite(distance)]))
        LOG.info("head %02d: its skin is %.2f mm from the warped atlas's (median)", head,
                 np.median(faces[-1].tree.query(points)[0]))  # fmt: skip
    return faces


def drawn_face(seed: int) -> Face:
    """Return the face of one person of the phantom."""
    points = draw_shape(seed, 1.0, (0.0, 0.0, 0.0)).to_scan(atlas_points())
    return face_of(points, points)


def atlas_points() -> np.ndarray:
    """Return `atlas_face`; read once."""
    if not hasattr(atlas_points, "kept"):
        atlas_points.kept = atlas_face()
    return atlas_points.kept


def twin(face: Face) -> Face:
    """Return a face's mirror image, its points in the same order on the head."""
    half = len(face.points) // 2
    order = np.concatenate([np.arange(half, 2 * half), np.arange(half)])
    return face_of(face.points[order] * MIRROR, face.skin * MIRROR)


def rigid(moving: np.ndarray, fixed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the turn (3, 3) and shift (3,) that bring points nearest to others (Kabsch 1976)."""
    a, b = moving.mean(axis=0), fixed.mean(axis=0)
    u, _, v = np.linalg.svd((moving - a).T @ (fixed - b))
    turn = v.T @ np.diag([1, 1, np.sign(np.linalg.det(v.T @ u.T))]) @ u.T
    return turn, b - turn @ a


def point_distance(one: Face, other: Face) -> float:
    """Return the root mean square distance of corresponding points, mm, at best."""
    turn, shift = rigid(one.points, other.points)
    return float(np.sqrt(((one.points @ turn.T + shift - other.points) ** 2).sum(axis=1).mean()))


def surface_distance(one: Face, other: Face) -> float:
    """Return the mean distance between two surfaces, both ways, mm, after iterated closest points."""
    some, others = one.skin[:: max(1, len(one.skin) // COMPARED)], other.skin[:: max(1, len(other.skin) // COMPARED)]
    turn, shift = rigid(one.points, other.points)
    for _ in range(ROUNDS):
        there, nearest = other.tree.query(some @ turn.T + shift)
        back, nearest_back = one.tree.query((others - shift) @ turn)
        keep, keep_back = there <= np.quantile(there, 0.95), back <= np.quantile(back, 0.95)  # the edges of both
        turn, shift = rigid(
            np.concatenate([some[keep], one.skin[nearest_back[keep_back]]]),
            np.concatenate([other.skin[nearest[keep]], others[keep_back]]),
        )
    there, _ = other.tree.query(some @ turn.T + shift)
    back, _ = one.tree.query((others - shift) @ turn)
    return float((there.mean() + back.mean()) / 2)


def coefficients_of(work: Path, heads: tuple[int, ...]) -> np.ndarray:
    """Return how much of each mode the training heads' deformations have, (heads, modes), of unit spread."""
    model, weight = load_shape_model(), np.sqrt(weights())[..., None]
    shifts, _ = deformations(work, heads)
    count = len(model.modes)
    basis = (model.modes * weight).reshape(count, -1)
    found = np.linalg.lstsq(basis.T, (shifts * weight).reshape(len(shifts), -1).T, rcond=None)[0].T
    flipped = np.linalg.lstsq(basis.T, (mirrored(shifts) * weight).reshape(len(shifts), -1).T, rcond=None)[0].T
    both = np.concatenate([found, flipped])
    return (both - both.mean(axis=0)) / both.std(axis=0)


def nearest(distances: np.ndarray) -> np.ndarray:
    """Return each row's smallest value."""
    return np.nanmin(distances, axis=1)


def compare(maps: Path, work: Path, heads: tuple[int, ...], drawn: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return, for each distance, that of drawn faces and that of training faces to the nearest training face."""
    people = training_faces(maps, work, heads)
    pairs = [(face, twin(face)) for face in people]
    seeds = range(1000, 1000 + drawn)
    result = {}
    strangers = {name: np.full((len(people), len(people)), np.nan) for name in MEASURES}
    for i, person in enumerate(people):
        for j, pair in enumerate(pairs):
            for name, measure in MEASURES.items():
                strangers[name][i, j] = np.nan if i == j else min(measure(person, face) for face in pair)
    others = {name: np.empty((drawn, len(people))) for name in MEASURES}
    for i, seed in enumerate(seeds):
        face = drawn_face(seed)
        for name, measure in MEASURES.items():
            others[name][i] = [min(measure(face, one) for one in pair) for pair in pairs]
    for name in MEASURES:
        result[name] = nearest(others[name]), nearest(strangers[name])
    result["coefficients, standard deviations"] = _coefficient_distances(work, heads, seeds)
    return result


def _coefficient_distances(work: Path, heads: tuple[int, ...], seeds: range) -> tuple[np.ndarray, np.ndarray]:
    """Compare coefficients: of a drawn face, the part of it that is nearest to a training head."""
    both = coefficients_of(work, heads)
    people = len(heads)
    gaps = np.sqrt(((both[:people, None] - both[None]) ** 2).mean(axis=-1))
    gaps[:, :people][np.eye(people, dtype=bool)] = np.nan
    gaps[:, people:][np.eye(people, dtype=bool)] = np.nan
    drawn = [draw_coefficients(np.random.default_rng([seed, 2])) for seed in seeds]
    near = [np.sqrt(((one[:, None] - both[None]) ** 2).mean(axis=-1)).mean(axis=0).min() for one in drawn]
    return np.array(near), nearest(gaps)


MEASURES = {"surface, mm": surface_distance, "corresponding points, mm": point_distance}


def table(result: dict[str, tuple[np.ndarray, np.ndarray]]) -> tuple[list[str], bool]:
    """Return the lines to print, and whether drawn faces are as far away as strangers in everything."""
    lines = [f"{'distance to the nearest training face':<38} {'least':>7} {'5 %':>7} {'median':>7} {'95 %':>7}"]
    fine = True
    for name, (drawn, strangers) in result.items():
        for who, values in ((f"drawn ({len(drawn)})", drawn), (f"strangers ({len(strangers)})", strangers)):
            numbers = (values.min(), *np.quantile(values, [0.05, 0.5, 0.95]))
            lines.append(f"{name + ', ' + who:<52}"[:54] + " ".join(f"{number:7.2f}" for number in numbers))
        fine &= all(np.quantile(drawn, q) >= np.quantile(strangers, q) for q in (0.05, 0.5))
    return lines, bool(fine)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("label_maps", type=Path)
    parser.add_argument("work", type=Path, help="where build_average.py left affines and warps")
    parser.add_argument("--drawn", type=int, default=100)
    parser.add_argument("--heads", type=int, nargs="*", default=list(COMPLETE_HEADS))
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    chosen = tuple(arguments.heads)
    text, passed = table(compare(arguments.label_maps, arguments.work, chosen, arguments.drawn))
    print("\n".join(text))
    sys.exit(0 if passed else 1)
