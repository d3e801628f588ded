"""Find the region that holds every face once brains are laid on one another: the envelope of the `anatomy` method.

    python training/build_envelope.py OUT_DIR [--people 160] [--seed 1]        after build_atlas.py

Synthetic people from newborn to adult are drawn from the bundled shape model. Of each, the atlas's brain structures and
brain surface are carried to the person, scattered as a network's are, and the atlas is laid on them by
`efface.spatial.placing`, which never sees the face. What must go (see `needed`) is then a set of points in the atlas's
frame. In front, the region is all that lies before a plain sheet, flat from side to side and bent once below the eyes:
a hole that follows orbits and sinuses looks like a face again. Per size of the brain, the sheet lies so deep that the
eyes of all but ``QUANTILE`` of the people are before it. Lips, chin and cheeks are far from the brain and differ most:
a sheet behind everybody's lips would take half of the tongue, so that some are left to the method's steps; below the
tongue it goes back under the jaw. Beside, the
region is what lies outside of all but ``QUANTILE`` of the people's ears. ``envelope.npz`` is written, and its
description into ``atlas.json``. The same inputs give the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy import ndimage

from efface.atlas import FACE, load_atlas, load_brain_distance
from efface.grid import Grid
from efface.phantom.shape import Shape, draw_shape
from efface.spatial.placing import Landmarks, Model, place
from stable_npz import npz_bytes

LOG = logging.getLogger("build_envelope")

QUANTILE = 0.005
"""A voxel belongs to the envelope if more than this share of people need it removed."""
SIZES = (0.0, 0.74, 0.86, 0.95)
"""Where the classes of brain size begin, beside the average adult: infant, small child, child, adult."""
CHILDREN = 0.4
"""Share of people who are not grown up, from newborn (0.62) on, evenly."""
ADULT_SPREAD, ADULT_LEAST = 0.045, 0.87
"""Standard deviation of adults' brain size, and the smallest: their faces are adults' all the same."""
SKIN_MM = 5.0
"""Skin and soft tissue that show the face reach this deep, at least."""
BACK_MM = 26.0
"""Skin that, seen from the front, lies farther back than this, atlas's y, is temple, jaw and neck and shows little."""
LIPS_QUANTILE = 0.3
"""Share of people whose lips reach behind the sheet before it takes a step."""
CHIN_QUANTILE = 0.25
"""Share of people whose chins end lower than where a chin is looked for; below are neck and throat."""
LIDS_MM, LIPS_MM = 46.0, 22.0
"""How far eyes and lips reach from the midplane, atlas's x."""
TEMPLE_X, TEMPLE_Y = 32.0, 47.0
"""Beyond this the sheet turns forward by 45 degrees, up to this: behind lies the temporalis muscle."""
EYES_Z, LIPS_Z = -40.0, -95.0
"""Heights between which the sheet passes from the depth of the eyes to that of the lips."""
CHIN_ABOVE_MM, CHIN_BACK_MM = 12.0, 12.0
"""From the lips down to so far above the middle of a class's chins it goes back by this much more, under the jaw."""
BROW_MM = 10.0
"""How far above the brow the sheet ends; without a step there is no ridge that looks like a brow."""
CHEEK_X, CHEEK_Z, CHEEK_RAMP_MM = 40.0, -52.0, 15.0
"""Beyond this and below this the sheet turns backward, as jaws do, by 45 degrees once the ramp is over."""
BALL_MM = 13.0
"""What a ball of this radius cannot reach from inside the head stands out, as ears do."""
WORK_MM = 3.0
CLOSED_MM, BLUR_MM = 10.0, 4.0
"""The region beside is closed by a ball of this radius, and its distance blurred, so that the cut is plain."""
STEP_MM, REACH_MM = 0.5, 40.0
"""Distances are kept in steps of this, up to ``REACH_MM``, as int8."""
NAMED_EVERY = 4
"""One person of so many says which region of the face is the nearest."""
SCATTER_MM = 1.0
"""How far off a network's structures are, along each axis."""
EARS = ("left_ear", "right_ear")


@dataclass(frozen=True, eq=False)
class Template:
    """What is carried from the atlas to each person."""

    model: Model
    structures: dict[str, np.ndarray]
    """Brain structure -> (N, 3) points."""
    surface: np.ndarray
    """(N, 3) points on the brain's surface."""
    needed: dict[str, np.ndarray]
    """Face region -> (N, 3) points that must go."""


def needed() -> dict[str, np.ndarray]:
    """Return what must go of each region of the face, (N, 3) RAS+ mm: skin, eyeballs, auricles."""
    atlas = load_atlas()
    spacing = float(atlas.grid.spacing_mm[0])
    y = atlas.grid.affine[1, 3] + spacing * np.arange(atlas.grid.shape[1])
    head = filled_head(atlas.tissues > 0)
    first = np.where(head, y[None, :, None], -np.inf).max(axis=1, keepdims=True)
    first[first < BACK_MM] = np.inf
    eyes = ndimage.binary_dilation(atlas.tissues == atlas.tissue_names.index("eye"))
    out = head & ~ball_opened(head, BALL_MM / spacing)
    result = {}
    for name in FACE:
        inside = atlas.regions == atlas.region(name)
        skin = head & (y[None, :, None] > first - SKIN_MM) & inside.any(axis=1, keepdims=True)
        part = inside & out if name in EARS else skin | (inside & eyes)
        result[name] = atlas.grid.ras(np.argwhere(part))
    return result


def filled_head(tissue: np.ndarray) -> np.ndarray:
    """Return a head with its air: sinuses and airways, nostrils closed."""
    wide = np.pad(tissue, 6)
    closed = ndimage.binary_erosion(
        ndimage.binary_fill_holes(ndimage.binary_dilation(wide, iterations=4)), iterations=4
    )
    return (closed | wide)[6:-6, 6:-6, 6:-6]


def ball_opened(mask: np.ndarray, radius: float) -> np.ndarray:
    """Return what a ball of so many voxels reaches from inside; the mask is taken to go on below."""
    wide = np.pad(mask, ((0, 0), (0, 0), (round(radius) + 1, 0)), mode="edge")
    deep = ndimage.distance_transform_edt(wide) > radius
    return (ndimage.distance_transform_edt(~deep) <= radius)[:, :, round(radius) + 1 :]


def template() -> Template:
    """Prepare what is carried; points are thinned out."""
    atlas = load_atlas()
    distance, grid = load_brain_distance()
    model = Model(atlas.centroids, distance, grid)
    structures = {}
    for name in atlas.centroids:
        side, _, rest = name.partition("_")
        tissue = name if side not in ("left", "right") else {"other_brain": "other_deep_grey_matter"}.get(rest, rest)
        points = atlas.grid.ras(np.argwhere(atlas.tissues == atlas.tissue_names.index(tissue)))
        points = points if tissue == name else points[(points[:, 0] < 0) == (side == "left")]
        structures[name] = points[:: max(1, len(points) // 150)]
    zoom = np.asarray(np.linalg.inv(grid.affine) @ atlas.grid.affine)
    fine = ndimage.affine_transform(distance, zoom[:3, :3], zoom[:3, 3], atlas.grid.shape, order=1, mode="nearest")
    surface = atlas.grid.ras(np.argwhere(np.abs(fine) < 0.5))
    face = {name: points if name in EARS else thinned(points) for name, points in needed().items()}
    return Template(model, structures, surface[:: len(surface) // 1000], face)


def thinned(points: np.ndarray) -> np.ndarray:
    """Return every eighth of the atlas's voxels, evenly."""
    return points[(np.rint(points / load_atlas().grid.spacing_mm).astype(int) % 2 == 0).all(axis=1)]


def carried(person: Shape, base: Template, rng: np.random.Generator) -> tuple[dict[str, np.ndarray], float]:
    """Lay the atlas on a person's brain; return what must go, in the atlas's frame, and the brain's size."""
    names = list(base.structures)
    groups = [*(base.structures[name] for name in names), base.surface, *base.needed.values()]
    ends = np.cumsum([len(group) for group in groups])[:-1]
    there = np.split(person.to_scan(np.concatenate(groups)), ends)
    middles = {n: p.mean(axis=0) + SCATTER_MM * rng.standard_normal(3) for n, p in zip(names, there, strict=False)}
    placed = place(Landmarks(middles, there[len(names)]), base.model)
    if placed is None:
        message = "a synthetic brain could not be placed"
        raise RuntimeError(message)
    back = np.linalg.inv(placed.atlas_to_scan)
    face = {n: p @ back[:3, :3].T + back[:3, 3] for n, p in zip(base.needed, there[len(names) + 1 :], strict=True)}
    return face, float(np.cbrt(np.linalg.det(placed.atlas_to_scan[:3, :3])))


def work_grid() -> Grid:
    """Return the grid on which regions are drawn: the atlas's extent, coarser, symmetric about x = 0."""
    atlas = load_atlas().grid
    shape = np.ceil((np.array(atlas.shape) - 1) * atlas.spacing_mm / WORK_MM).astype(int) + 1
    affine = np.diag([WORK_MM] * 3 + [1.0])
    affine[:3, 3] = atlas.affine[:3, 3]
    return Grid(tuple(shape.tolist()), affine)


def reach(points: np.ndarray, name: str, grid: Grid) -> np.ndarray:
    """Return all that lies in front of points, for ears beside them, (X, Y, Z) bool."""
    index = np.rint(grid.index(points)).astype(int)
    index = np.clip(index, 0, np.array(grid.shape) - 1)
    axis, flip = (0, name == "left_ear") if name in EARS else (1, False)
    region = np.zeros(grid.shape, bool)
    region[tuple(index.T)] = True
    cross = np.ones([1 if a == axis else 3 for a in range(3)], bool)
    region = np.flip(region, axis) if flip else region
    region = ndimage.binary_closing(np.logical_or.accumulate(region, axis=axis), cross, border_value=0) | region
    region = np.logical_or.accumulate(region, axis=axis)
    return np.flip(region, axis) if flip else region


def signed(region: np.ndarray, spacing_mm: float = WORK_MM) -> np.ndarray:
    """Return the signed distance from a region's edge, mm, negative inside; the region goes on beyond the grid."""
    wide = np.pad(region, 4, mode="edge")
    outside, inside = ndimage.distance_transform_edt(~wide), ndimage.distance_transform_edt(wide)
    return (np.where(wide, 0.5 - inside, outside - 0.5) * spacing_mm)[4:-4, 4:-4, 4:-4].astype(np.float32)


def own_distances(regions: list[np.ndarray]) -> np.ndarray:
    """Return each region's own signed distance on every second voxel, (regions, X/2, Y/2, Z/2) mm."""
    return np.stack([signed(region[::2, ::2, ::2], 2 * WORK_MM) for region in regions])


def plain(distance: np.ndarray) -> np.ndarray:
    """Close a region by a ball and smooth it: a cut without ridges."""
    wide = signed(distance < CLOSED_MM)
    closed = np.minimum(distance, wide + CLOSED_MM)
    smooth = ndimage.gaussian_filter(signed(closed < 0), BLUR_MM / WORK_MM, mode="nearest")
    return np.asarray(smooth)


def mirrored(name: str) -> str:
    """Return the name on the other side."""
    return name.replace("left", "?").replace("right", "left").replace("?", "right")


@dataclass(frozen=True)
class Levels:
    """How far one person's face reaches, mm of the atlas."""

    eyes: float
    """Back of the eyes, y."""
    lips: float
    """Back of the lips, y."""
    brow_top: float
    """Top of the brow, z."""
    chin_middle: float
    """Middle of the chin, z."""
    chin_end: float
    """Lower end of the chin, z."""
    ear_end: float
    """Lower end of the ears, z."""


@dataclass(eq=False)
class SizeClass:
    """People whose brains are of about one size."""

    levels: list[Levels] = field(default_factory=list)
    """Of each person."""
    ears: list[np.ndarray] = field(default_factory=list)
    """(X, Y, Z) float16 signed distance of what lies beside each person's ears."""
    each: np.ndarray | float = 0.0
    """(regions, X/2, Y/2, Z/2) sum over some of them of each region's own signed distance."""


def draw(people: int, seed: int, base: Template) -> list[SizeClass]:
    """Draw people; return their fields, by class of brain size."""
    rng, grid = np.random.default_rng(seed), work_grid()
    classes = [SizeClass() for _ in SIZES]
    for number in range(people):
        child = rng.random() < CHILDREN
        size = float(rng.uniform(0.62, 1.0)) if child else float(rng.uniform(1.0, 1.06))
        face, brain = carried(draw_shape(100_000 * seed + number, size, (0.0, 0.0, 0.0)), base, rng)
        brain *= 1.0 if child else max(ADULT_LEAST, float(rng.normal(1.0, ADULT_SPREAD))) / size
        chosen = classes[int(np.searchsorted(SIZES, brain, side="right")) - 1]
        each = [reach(points, name, grid) for name, points in face.items()]
        if len(chosen.levels) % NAMED_EVERY == 0:
            chosen.each = chosen.each + own_distances(each)
        chosen.levels.append(levels(face))
        beside = np.logical_or.reduce([region for name, region in zip(face, each, strict=True) if name in EARS])
        chosen.ears.append(signed(beside).astype(np.float16))
        if number % 20 == 0:
            LOG.info("%d people, %s by size of brain", number + 1, [len(group.levels) for group in classes])
    return classes


def levels(face: dict[str, np.ndarray]) -> Levels:
    """Measure how far a person's face reaches."""
    eyes, lips, chin = np.concatenate([face["left_eye"], face["right_eye"]]), face["mouth"], face["chin"]
    eyes, lips = eyes[np.abs(eyes[:, 0]) < LIDS_MM], lips[np.abs(lips[:, 0]) < LIPS_MM]
    return Levels(
        eyes=float(np.quantile(eyes[:, 1], 0.01)),
        lips=float(np.quantile(lips[:, 1], 0.05)),
        brow_top=float(face["brow"][:, 2].max()),
        chin_middle=float(np.median(chin[:, 2])),
        chin_end=float(chin[:, 2].min()),
        ear_end=float(min(face[name][:, 2].min() for name in EARS)),
    )


def sheet(at: Levels) -> np.ndarray:
    """Return the signed distance from what lies before the sheet, (X, Y, Z) mm, negative in front."""
    grid = work_grid()
    x, y, z = np.moveaxis(grid.ras(np.moveaxis(np.indices(grid.shape), 0, -1)), -1, 0)
    chin_z = min(at.chin_middle + CHIN_ABOVE_MM, LIPS_Z - 1)
    depth = at.eyes + (at.lips - at.eyes) * np.clip((EYES_Z - z) / (EYES_Z - LIPS_Z), 0, 1)
    depth -= CHIN_BACK_MM * np.clip((LIPS_Z - z) / (LIPS_Z - chin_z), 0, 1)
    turned = np.clip((CHEEK_Z - z) / CHEEK_RAMP_MM, 0, 1)
    temple = np.clip(depth + np.abs(x) - TEMPLE_X, depth, np.maximum(depth, TEMPLE_Y))
    cheek = depth - np.maximum(np.abs(x) - CHEEK_X, 0)
    slope = np.where(np.abs(x) > CHEEK_X, 1, 0)
    depth = (1 - turned) * temple + turned * cheek
    return np.maximum((depth - y) / np.hypot(1, slope), z - at.brow_top - BROW_MM)


QUANTILES = {"eyes": QUANTILE, "lips": LIPS_QUANTILE, "brow_top": 1 - QUANTILE,
             "chin_middle": 0.5, "chin_end": CHIN_QUANTILE, "ear_end": QUANTILE}  # fmt: skip
"""Where among people the sheet lies."""


def envelope(group: SizeClass) -> tuple[np.ndarray, np.ndarray, Levels]:
    """Return the signed distance of the envelope and the atlas's region value, (X, Y, Z), and where faces end."""
    at = Levels(**{
        name: float(np.quantile([getattr(one, name) for one in group.levels], quantile))
        for name, quantile in QUANTILES.items()
    })  # fmt: skip
    LOG.info("the sheet lies at %s", at)
    both = np.stack([one for distance in group.ears for one in (distance, distance[::-1])])
    edge = np.stack([np.quantile(both[:, i].astype(np.float32), QUANTILE, axis=0) for i in range(both.shape[1])])
    zooms = np.array(edge.shape) / np.array(np.shape(group.each)[1:])
    each = np.stack([ndimage.zoom(one, zooms, order=1) for one in np.asarray(group.each)])
    order = [FACE.index(mirrored(name)) for name in FACE]
    nearest = (each + each[order][:, ::-1]).argmin(axis=0)
    region = np.minimum(plain(edge), sheet(at))
    values = np.array([load_atlas().region(name) for name in FACE], np.uint8)
    return region, values[nearest], at


def write(out: Path, people: int, seed: int) -> None:
    """Build the envelope, write it, and describe it in ``atlas.json``."""
    found = [envelope(group) for group in draw(people, seed, template())]
    grid = load_brain_distance()[1]
    at = work_grid().index(grid.ras(np.moveaxis(np.indices(grid.shape), 0, -1)))
    at = np.moveaxis(at, -1, 0)
    far = np.stack([ndimage.map_coordinates(distance, at, order=1, mode="nearest") for distance, _, _ in found])
    regions = np.stack([ndimage.map_coordinates(labels, at, order=0, mode="nearest") for _, labels, _ in found])
    steps = np.rint(np.clip(far, -REACH_MM, REACH_MM) / STEP_MM).astype(np.int8)
    data = npz_bytes(steps=steps, regions=regions)
    (out / "envelope.npz").write_bytes(data)
    description = json.loads((out / "atlas.json").read_text("utf-8"))
    description["envelope"] = {
        "affine": grid.affine.tolist(), "step_mm": STEP_MM, "sizes": list(SIZES), "people": people,
        "chin_ends_mm": [round(at.chin_end, 1) for _, _, at in found],
        "ear_ends_mm": [round(at.ear_end, 1) for _, _, at in found],
        "seed": seed, "quantile": QUANTILE, "made_by": "training/build_envelope.py",
    }  # fmt: skip
    description["sha256"]["envelope.npz"] = hashlib.sha256(data).hexdigest()
    (out / "atlas.json").write_text(json.dumps(description, indent=1) + "\n", "utf-8")
    LOG.info("%.0f kB", len(data) / 1e3)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="the folder that holds atlas.json")
    parser.add_argument("--people", type=int, default=160)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    write(arguments.out, arguments.people, arguments.seed)
