"""What a rater looks at: slices in three planes and renders, as PNG."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from efface.errors import UnreadableImageError
from efface.evaluate.render import Frame, frame_of, render_views
from efface.grid import Grid
from efface.io import read_scan
from efface.report.figures import PLANES, Plane, grey_window
from efface.scan import Scan
from efface.spatial.head_surface import head_mask
from efface.spatial.resample import ras_grid, resample

FINEST_MM, COARSEST_MM = 0.8, 2.0
"""Limits of the spacing of what is shown; within them it is the scan's own."""
MARGIN_MM = 10.0
"""Air shown around the head."""
LOOK_MM = 4.0
"""How finely the head is looked for."""
RENDER_PX, RENDER_MM = 400, 1.25
"""Size of renders, and how finely the surface of scans as fine as that is found."""
NEAR_DEGREES = 15.0
"""Views no farther from the front are drawn first, all others once the rater looks already."""
PHOTOGRAPH_PX = 600
"""Photographs are shown no larger."""
KEPT = 40
"""So many sets of pictures are kept in memory: of ten scans or so, some 10 MB each."""


@dataclass(frozen=True, eq=False)
class Volume:
    """A head as it is shown, slice by slice."""

    grey: NDArray[np.uint8] = field(repr=False)
    """(X, Y, Z), along the world's axes, cut to the head."""
    window: tuple[float, float]
    """Intensities that are drawn black and white."""
    grid: Grid
    """Where its voxels lie."""
    frame: Frame
    """What renders show."""

    def slice_png(self, plane: Plane, place: int) -> bytes:
        """Return one slice; places run along the axis through the plane."""
        picture = np.moveaxis(self.grey, (plane.up, plane.across, plane.through), (0, 1, 2))[::-1, :, place]
        return _png(np.ascontiguousarray(picture))

    def counts(self) -> dict[str, int]:
        """Return how many slices each plane has."""
        return {plane.name: self.grey.shape[plane.through] for plane in PLANES}


def read_volume(path: Path, like: Volume | None = None) -> Volume:
    """Read a scan to be shown.

    Parameters
    ----------
    path : the scan
    like : show it in this one's place, window and frame, so that both can be compared
    """
    scan = read_scan(path)
    values = scan.intensities()
    if like is None:
        window, grid, frame = grey_window(values), _shown_grid(scan), frame_of(values, scan.grid)
    else:
        window, grid, frame = like.window, like.grid, like.frame
    black, white = window
    shown = resample(values, scan.grid, grid, outside=black)
    grey = np.clip((shown - black) / (white - black), 0, 1) ** np.float32(0.8)
    return Volume((255 * grey).astype(np.uint8), window, grid, frame)


def read_views(path: Path, angles: Sequence[float], frame: Frame) -> dict[float, bytes]:
    """Draw a head from several sides; see `efface.evaluate.render`."""
    scan = read_scan(path)
    spacing = float(np.clip(scan.grid.spacing_mm.min(), RENDER_MM, COARSEST_MM))
    named = {str(angle): angle for angle in angles}
    drawn = render_views(scan.intensities(), scan.grid, named, size_px=RENDER_PX, spacing_mm=spacing, frame=frame)
    return {named[name]: _png(picture) for name, picture in drawn.items()}


def read_photograph(path: Path) -> bytes:
    """Return a photograph as a small PNG, without what cameras write into files."""
    try:
        with Image.open(path) as image:
            small = image.convert("RGB")
    except OSError as error:
        message = f"{path}: not a picture ({error}); give PNG or JPEG"
        raise UnreadableImageError(message) from error
    small.thumbnail((PHOTOGRAPH_PX, PHOTOGRAPH_PX))
    return _png(np.asarray(small))


def _shown_grid(scan: Scan) -> Grid:
    """Return the grid on which a scan is shown: isotropic, along the world's axes, around the head."""
    spacing = float(np.clip(scan.grid.spacing_mm.min(), FINEST_MM, COARSEST_MM))
    whole = ras_grid(scan.grid, spacing)
    mask, ras = head_mask(scan.intensities(), scan.grid, LOOK_MM)
    if not mask.any():
        return whole
    places = ras.ras(np.argwhere(mask))
    corners = [whole.index(places.min(axis=0) - MARGIN_MM), whole.index(places.max(axis=0) + MARGIN_MM)]
    low = np.clip(np.floor(corners[0]), 0, None).astype(int).tolist()
    high = np.minimum(np.ceil(corners[1]).astype(int) + 1, whole.shape).tolist()
    return whole.part((slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2])))


def _png(pixels: NDArray[np.uint8]) -> bytes:
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


class Pictures:
    """Volumes and renders, made once, ahead of time where it is known what comes next."""

    def __init__(self) -> None:
        self._made: OrderedDict[Any, Future[Any]] = OrderedDict()
        self._lock = Lock()
        self._workers = ThreadPoolExecutor(2, thread_name_prefix="efface-rate")

    def volume(self, path: Path, beside: Path | None = None) -> Volume:
        """Return a scan's volume; in the place of another's (``beside``) if it is to be compared with that."""
        volume: Volume = self._once(("volume", path, beside), self._read_volume, path, beside).result()
        return volume

    def view(self, path: Path, angle: float, angles: Sequence[float], beside: Path | None = None) -> bytes:
        """Return one of a scan's renders."""
        frame = self.volume(beside or path).frame
        views: dict[float, bytes] = self._begin_views(path, _group(angle, angles), frame).result()
        return views[angle]

    def prepare(self, path: Path, angles: Sequence[float]) -> None:
        """Begin to make what will be asked for soon."""

        def go_on(done: Future[Any]) -> None:
            if not done.cancelled() and done.exception() is None:
                for group in dict.fromkeys(_group(angle, angles) for angle in sorted(angles, key=abs)):
                    self._begin_views(path, group, done.result().frame)

        self._once(("volume", path, None), self._read_volume, path, None).add_done_callback(go_on)

    def close(self) -> None:
        """Give up what is not made yet."""
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _begin_views(self, path: Path, angles: tuple[float, ...], frame: Frame) -> Future[Any]:
        return self._once(("views", path, angles), read_views, path, angles, frame)

    def _read_volume(self, path: Path, beside: Path | None) -> Volume:
        return read_volume(path, None if beside is None else read_volume(beside))

    def _once(self, key: Any, make: Any, *arguments: Any) -> Future[Any]:
        with self._lock:
            if key not in self._made:
                self._made[key] = self._workers.submit(make, *arguments)
            self._made.move_to_end(key)
            while len(self._made) > KEPT:
                self._made.popitem(last=False)
            return self._made[key]


def _group(angle: float, angles: Sequence[float]) -> tuple[float, ...]:
    """Return the views that are drawn together with one: those near the front, or all others."""
    return tuple(each for each in angles if (abs(each) <= NEAR_DEGREES) == (abs(angle) <= NEAR_DEGREES))
