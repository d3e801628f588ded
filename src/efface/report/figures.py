"""Pictures for reports: slices with the face mask's outline, rows of renders, contact sheets.

Every function draws only the arrays it is given. What is to be shared is drawn from the *defaced* voxels;
`before_after_figure` alone shows a face, and belongs in private reports. So does any picture of a mask that follows the
face: its outline is the profile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from efface.evaluate.render import STANDARD_VIEWS, Picture, frame_of, render_views
from efface.grid import FloatArray, Grid
from efface.spatial.head_surface import head_mask, head_threshold
from efface.spatial.resample import check_shape

Volume = NDArray[np.float32]
Mask = NDArray[np.bool_]

WIDTH_PX = 1296
"""Width of every row, so that rows can be stacked."""
GAP_PX = 6
"""Dark space between panels."""
MARGIN_MM = 8.0
"""Air shown around the head."""
BACKGROUND, TEXT, OUTLINE = (13, 15, 18), (176, 184, 194), (255, 146, 28)
"""Colours: near black, soft grey, orange."""
VIEW_CAPTIONS = {
    "left_45": "45° left", "left_30": "30° left", "front": "front", "right_30": "30° right", "right_45": "45° right",
    "profile_left": "left profile", "profile_right": "right profile",
}  # fmt: skip


@dataclass(frozen=True)
class Plane:
    """One of the three standard planes, as it is drawn."""

    name: str
    """Caption."""
    across: int
    """World axis (0 x, 1 y, 2 z) that grows to the picture's right."""
    up: int
    """World axis that grows to the picture's top."""
    ends: tuple[str, str]
    """What lies at the picture's left and right edge."""

    @property
    def through(self) -> int:
        """World axis at right angles to the plane."""
        return 3 - self.across - self.up


PLANES = (
    Plane("sagittal", 1, 2, ("P", "A")),
    Plane("coronal", 0, 2, ("L", "R")),
    Plane("axial", 0, 1, ("L", "R")),
)
"""Sagittal with the front to the right, coronal and axial with the person's right to the right."""


@dataclass(frozen=True, eq=False)
class Look:
    """What slices show; shared between figures that are to be compared."""

    black: float
    """Intensity drawn black."""
    white: float
    """Intensity drawn white."""
    centre_mm: FloatArray
    """(3,) point in RAS+ mm in the middle of every panel."""
    crossing_mm: FloatArray
    """(3,) point in RAS+ mm through which the three planes pass."""
    pixel_mm: float
    """Size of a pixel."""


def slices_figure(values: Volume, grid: Grid, mask: Mask) -> Image.Image:
    """Draw three slices through the middle of the face mask, with its outline.

    Parameters
    ----------
    values : (I, J, K) float32 array
        What is shown: the defaced scan, in anything that is shared.
    grid : Grid
        Where the voxels lie; any orientation. Slices lie in the world's planes, in true proportions.
    mask : (I, J, K) bool array
        True where voxels were changed. Without any, slices pass through the middle of the head.

    Returns
    -------
    figure : Image
        RGB, `WIDTH_PX` wide.

    Raises
    ------
    GridMismatchError
        The volume or the mask does not have the grid's shape.
    """
    return _slices(values, grid, mask, _look(values, grid, mask))


def views_figure(renders: Mapping[str, Picture], width_px: int = WIDTH_PX) -> Image.Image:
    """Draw renders side by side with captions.

    Parameters
    ----------
    renders : mapping of str to (H, W) uint8 array
        As `efface.evaluate.render.render_views` returns them.
    width_px : int
        Width of the row.

    Returns
    -------
    figure : Image
        RGB, ``width_px`` wide.
    """
    side = _panel_side(len(renders), width_px)
    panels = []
    for name, picture in renders.items():
        panel = Image.fromarray(picture).resize((side, side), Image.Resampling.LANCZOS).convert("RGB")
        lifted = Image.fromarray(np.maximum(np.asarray(panel), np.array(BACKGROUND, np.uint8)))
        panels.append(_captioned(lifted, VIEW_CAPTIONS.get(name, name)))
    return _row(panels, width_px)


def views_sheet(renders: Mapping[str, Picture]) -> Image.Image:
    """Draw renders in their own size with captions: the standard views in a row, all others in a second.

    Parameters
    ----------
    renders : mapping of str to (H, W) uint8 array
        As `efface.evaluate.render.render_views` returns them, all of one size.

    Returns
    -------
    sheet : Image
        RGB.
    """
    standard = {name: picture for name, picture in renders.items() if name in STANDARD_VIEWS}
    others = {name: picture for name, picture in renders.items() if name not in STANDARD_VIEWS}
    return contact_sheet(*(views_figure(row, _row_width(row)) for row in (standard, others) if row))


def _row_width(renders: Mapping[str, Picture]) -> int:
    """Return the width of a row of renders in their own size, pixels."""
    return sum(int(picture.shape[1]) for picture in renders.values()) + GAP_PX * (len(renders) - 1)


def contact_sheet(*rows: Image.Image, captions: Sequence[str] = ()) -> Image.Image:
    """Stack rows of pictures into one, the first on top.

    Parameters
    ----------
    *rows : Image
        Such as a `slices_figure` and a `views_figure`.
    captions : sequence of str
        Text above each row; none where it is empty or missing.

    Returns
    -------
    sheet : Image
        RGB.
    """
    titles = [*captions, *[""] * len(rows)][: len(rows)]
    strips = [_titled(row, title) if title else row for row, title in zip(rows, titles, strict=True)]
    height = sum(strip.height for strip in strips) + GAP_PX * max(len(strips) - 1, 0)
    sheet = Image.new("RGB", (max((s.width for s in strips), default=WIDTH_PX), max(height, 1)), BACKGROUND)
    top = 0
    for strip in strips:
        sheet.paste(strip, ((sheet.width - strip.width) // 2, top))
        top += strip.height + GAP_PX
    return sheet


def before_after_figure(before: Volume, after: Volume, grid: Grid, mask: Mask) -> Image.Image:
    """Draw slices and renders of a scan before and after defacing, alike in window, place and scale.

    PRIVATE: this shows a face.

    Parameters
    ----------
    before, after : (I, J, K) float32 array
        The original and the defaced scan.
    grid : Grid
        Where the voxels of both lie.
    mask : (I, J, K) bool array
        True where voxels were changed.

    Returns
    -------
    figure : Image
        RGB, `WIDTH_PX` wide.
    """
    look = _look(before, grid, mask)
    frame = frame_of(before, grid)
    rows = []
    for values in (before, after):
        rows += [_slices(values, grid, mask, look), views_figure(render_views(values, grid, frame=frame))]
    return contact_sheet(*rows, captions=("BEFORE (private)", "", "AFTER"))


def png_bytes(image: Image.Image) -> bytes:
    """Encode as PNG: the same bytes for the same pixels, and no metadata."""
    bare = Image.frombytes(image.mode, image.size, image.tobytes())
    buffer = BytesIO()
    bare.save(buffer, "PNG", compress_level=9)
    return buffer.getvalue()


def _look(values: Volume, grid: Grid, mask: Mask) -> Look:
    """Choose what slices show: the head and the mask with a margin, cut through the mask's middle."""
    check_shape(values, grid)
    check_shape(mask, grid)
    corners = np.concatenate([_corners(*head_mask(values, grid, 4.0)), _corners(mask, grid)])
    if not len(corners):
        corners = _corners(np.ones(grid.shape, bool), grid)
    low, high = corners.min(axis=0), corners.max(axis=0)
    pixel_mm = float((high - low).max() + 2 * MARGIN_MM) / _panel_side(len(PLANES))
    centre_mm = (low + high) / 2
    crossing_mm = _middle(mask, grid) if mask.any() else centre_mm
    return Look(*grey_window(values), centre_mm, crossing_mm, pixel_mm)


def grey_window(values: Volume) -> tuple[float, float]:
    """Return the intensities drawn black and white: low in the air, and nearly the brightest of the head."""
    sample = values[tuple(slice(None, None, max(1, n // 96)) for n in values.shape)]
    head = sample[sample > head_threshold(values)]
    black = float(np.percentile(sample, 2))
    white = float(np.percentile(head, 99)) if head.size else black
    return black, white if white > black else black + 1


def _corners(mask: Mask, grid: Grid) -> FloatArray:
    """Return the world places of the corners of a mask's bounding box, (8, 3) mm; none for an empty mask."""
    spans = [np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    if not spans[0].size:
        return np.empty((0, 3))
    ends = [(span[0] - 0.5, span[-1] + 0.5) for span in spans]
    return grid.ras(np.array(np.meshgrid(*ends)).reshape(3, -1).T)


def _middle(mask: Mask, grid: Grid) -> FloatArray:
    """Return the middle of the mask's width and the height and depth of its centroid, (3,) mm."""
    counts = [mask.sum(axis=tuple({0, 1, 2} - {axis})) for axis in range(3)]
    centroid = grid.ras([np.average(np.arange(len(count)), weights=count) for count in counts])
    width = _corners(mask, grid)[:, 0]
    return np.array([(width.min() + width.max()) / 2, centroid[1], centroid[2]])


def _slices(values: Volume, grid: Grid, mask: Mask, look: Look) -> Image.Image:
    """Draw the three planes as a row of square panels at one scale."""
    return _row([_panel(plane, values, grid, mask, look) for plane in PLANES])


def _panel(plane: Plane, values: Volume, grid: Grid, mask: Mask, look: Look) -> Image.Image:
    """Draw one plane: grey values in the window, the mask's outline, letters at the edges."""
    index = _plane_index(plane, grid, look)
    sampled = ndimage.map_coordinates(values, index, order=1, mode="grid-constant", cval=look.black, output=np.float32)
    grey = np.clip((sampled - look.black) / (look.white - look.black), 0, 1) ** np.float32(0.8)
    base = np.array(BACKGROUND, np.float32)
    pixels = (base + grey[..., None] * (np.float32(242) - base)).astype(np.uint8)
    covered = ndimage.map_coordinates(mask, index, order=1, mode="grid-constant", output=np.float32) > 0.5
    pixels[outline(covered)] = OUTLINE
    return _captioned(_lettered(Image.fromarray(pixels), plane), plane.name)


def _plane_index(plane: Plane, grid: Grid, look: Look) -> FloatArray:
    """Return the voxel indices, (3, side, side), that the square picture of a plane samples."""
    side = _panel_side(len(PLANES))
    offsets = (np.arange(side) - (side - 1) / 2) * look.pixel_mm
    world = np.empty((side, side, 3))
    world[..., plane.across] = look.centre_mm[plane.across] + offsets
    world[..., plane.up] = (look.centre_mm[plane.up] - offsets)[:, None]
    world[..., plane.through] = look.crossing_mm[plane.through]
    return np.moveaxis(grid.index(world), -1, 0)


def outline(covered: Mask) -> Mask:
    """Return the two pixels inside the border of a (H, W) bool picture; the picture's own edge is no border."""
    return np.asarray(covered & ~ndimage.binary_erosion(covered, iterations=2, border_value=1))


def _panel_side(count: int, width_px: int = WIDTH_PX) -> int:
    """Return the side of ``count`` square panels that fill a row, pixels."""
    return (width_px - GAP_PX * (count - 1)) // max(count, 1)


def _row(panels: Sequence[Image.Image], width_px: int = WIDTH_PX) -> Image.Image:
    """Put panels side by side."""
    row = Image.new("RGB", (width_px, max((p.height for p in panels), default=1)), BACKGROUND)
    left = 0
    for panel in panels:
        row.paste(panel, (left, 0))
        left += panel.width + GAP_PX
    return row


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return Pillow's own font, so that pictures are alike on every machine."""
    return ImageFont.load_default(size)


def _captioned(panel: Image.Image, text: str) -> Image.Image:
    """Put a caption under a panel."""
    whole = Image.new("RGB", (panel.width, panel.height + 26), BACKGROUND)
    whole.paste(panel)
    ImageDraw.Draw(whole).text((panel.width // 2, panel.height + 17), text, TEXT, _font(15), anchor="ms")
    return whole


def _lettered(panel: Image.Image, plane: Plane) -> Image.Image:
    """Write which side is which at a panel's left and right edge."""
    draw, font, half = ImageDraw.Draw(panel), _font(16), panel.height // 2
    for text, at, anchor in ((plane.ends[0], 8, "lm"), (plane.ends[1], panel.width - 8, "rm")):
        draw.text((at, half), text, TEXT, font, anchor=anchor, stroke_width=2, stroke_fill=BACKGROUND)
    return panel


def _titled(row: Image.Image, title: str) -> Image.Image:
    """Put a line of text above a row."""
    strip = Image.new("RGB", (row.width, row.height + 34), BACKGROUND)
    strip.paste(row, (0, 34))
    ImageDraw.Draw(strip).text((10, 24), title, TEXT, _font(18), anchor="ls")
    return strip
