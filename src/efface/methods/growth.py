"""How many fixed steps a region must grow until it holds what is seen of the face: all that the face may decide."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from efface.anatomy import Anatomy
from efface.atlas import FEATURES, SHOWN
from efface.evaluate.coverage import JAW, visible_skin
from efface.grid import FloatArray
from efface.scan import Scan
from efface.spatial.head_surface import head_of

GROUPS: dict[str, tuple[str, ...]] = {
    "eyes": ("left_eye", "right_eye", "brow"),
    "nose": ("nose",),
    "mouth": ("mouth",),
    "chin": ("chin",),
    "cheeks": ("left_cheek", "right_cheek"),
    "left_ear": ("left_ear",),
    "right_ear": ("right_ear",),
}
"""Regions that grow together."""
ENOUGH_SKIN, ENOUGH_AROUND_EAR, ENOUGH_JAW = 0.985, 0.97, 0.88
ENOUGH_EYE, ENOUGH_LABELLED, ENOUGH_EAR = 0.92, 0.8, 0.6
"""Share of what is seen of a feature that must lie in the region: by intensity; around an ear, where scalp begins
somewhere, of chin and cheeks, where neck does; and by the network, of which eyeballs must go as a whole, and which
calls too much around an ear an ear."""
COLUMN_MM = 4.0
"""Of what the network calls nose, mouth or ear, the outermost counts in each column of this width."""

Distance = Callable[[FloatArray], FloatArray]
"""Signed distance of (N, 3) points, RAS+ mm of the atlas, from a region; negative in it."""
Seen = Mapping[str, list[tuple[FloatArray, float]]]


def seen_face(scan: Scan, anatomy: Anatomy) -> Seen:
    """Return what a region must hold: for each group, sets of (N, 3) points of the atlas and the share that must be in.

    Parameters
    ----------
    scan, anatomy : the scan, and what was found in it
    """
    skin = visible_skin(head_of(scan), anatomy, SHOWN)
    seen: dict[str, list[tuple[FloatArray, float]]] = {group: [] for group in GROUPS}
    for group, names in GROUPS.items():
        for name in names:
            if name in SHOWN:
                seen[group].append((skin.grid.ras(skin.first[name]), _enough_skin(name)))
            if name in FEATURES:
                seen[group].append((_labelled(anatomy, name), _enough_labelled(name)))
    return seen


def _enough_skin(name: str) -> float:
    if name in JAW:
        return ENOUGH_JAW
    return ENOUGH_AROUND_EAR if name.endswith("ear") else ENOUGH_SKIN


def _enough_labelled(name: str) -> float:
    if name.endswith("eye"):
        return ENOUGH_EYE
    return ENOUGH_EAR if name.endswith("ear") else ENOUGH_LABELLED


def steps_needed(
    seen: Seen, grown: Callable[[Mapping[str, int]], Distance], groups: tuple[str, ...], max_steps: int
) -> dict[str, int]:
    """Let groups grow step by step until each holds enough of what is seen of it.

    Parameters
    ----------
    seen : what `seen_face` found; what would need more than ``max_steps`` is not counted
    grown : the region after so many steps of each group
    groups : which of them may grow
    max_steps : most steps

    Returns
    -------
    steps : group -> 0 to ``max_steps``
    """
    farthest = grown(dict.fromkeys(GROUPS, max_steps))
    within = {group: [(points[farthest(points) <= 0], enough) for points, enough in seen[group]] for group in groups}
    steps = dict.fromkeys(GROUPS, 0)
    for _ in range(max_steps * len(groups)):
        distance = grown(steps)
        short = [group for group in groups if not _held(within[group], distance)]
        short = [group for group in short if steps[group] < max_steps]
        if not short:
            break
        steps.update({group: steps[group] + 1 for group in short})
    return steps


def _held(sets: list[tuple[FloatArray, float]], distance: Distance) -> bool:
    """Return whether a region holds enough of each set of points."""
    return all(len(points) == 0 or float((distance(points) <= 0).mean()) >= enough for points, enough in sets)


def _labelled(anatomy: Anatomy, name: str) -> FloatArray:
    """Return (N, 3) points, RAS+ mm of the atlas, where the network saw a feature: eyes whole, others' outside."""
    seen = anatomy.seen
    where = np.argwhere(seen.labels == anatomy.classes.index(name))
    back = np.linalg.inv(anatomy.atlas_to_scan)
    points = np.asarray(seen.grid.ras(where) @ back[:3, :3].T + back[:3, 3])
    return points if name.endswith("eye") else _outermost(points, axis=0 if name.endswith("ear") else 1)


def _outermost(points: FloatArray, axis: int) -> FloatArray:
    """Return one of (N, 3) points for each column along an axis: the farthest in front, or from the midplane."""
    outward = np.argsort(-np.abs(points[:, axis]) if axis == 0 else -points[:, axis], kind="stable")
    columns = np.rint(np.delete(points[outward], axis, axis=1) / COLUMN_MM)
    _, first = np.unique(columns, axis=0, return_index=True)
    return points[outward[first]]
