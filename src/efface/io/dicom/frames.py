"""What each image of a series says of itself: where it lies, how its values are scaled, which volume it is of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from efface.errors import UnsupportedImageError
from efface.grid import FloatArray

COMPONENTS = {"M": "magnitude", "P": "phase", "R": "real", "I": "imaginary"}
"""Third value of Image Type, as most makers write it."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One image: a file, or one of the frames of a file."""

    file: int
    """Which file."""
    number: int
    """Which of the file's frames, from 0."""
    position_mm: FloatArray
    """(3,) centre of the first pixel, LPS mm."""
    axes: FloatArray
    """(2, 3) directions in which columns and rows are counted (along a row, then down a column), LPS."""
    spacing_mm: tuple[float, float]
    """Between columns, then between rows."""
    scaling: tuple[float, float]
    """Slope and intercept."""
    component: str
    """Magnitude, phase, real or imaginary; empty where it is not said."""
    volume: tuple[float, ...]
    """Echo time, b-value, place in time: images of one volume share them."""
    order: tuple[float, ...]
    """Further numbers by which images at one place are sorted."""


def frames_of(dataset: Dataset, file: int, name: str) -> list[Frame]:
    """Return every image of a file.

    Parameters
    ----------
    dataset : the file's attributes
    file : what to call the file in `Frame.file`
    name : how messages call it

    Raises
    ------
    UnsupportedImageError
        An image does not say where it lies.
    """
    return [_frame(groups, file, number, name) for number, groups in enumerate(_sources(dataset))]


def _sources(dataset: Dataset) -> Iterator[list[Dataset]]:
    """Give for each frame the datasets in which its attributes are to be looked up, in this order."""
    shared = _group(dataset, "SharedFunctionalGroupsSequence")
    each = dataset.get("PerFrameFunctionalGroupsSequence")
    if not each:
        yield from [[dataset, *_inside(shared)]] * int(dataset.get("NumberOfFrames") or 1)
        return
    for own in each:
        yield [*_inside(own), *_inside(shared), dataset]


def _group(dataset: Dataset, keyword: str) -> Dataset:
    items = dataset.get(keyword)
    return items[0] if items else Dataset()


def _inside(groups: Dataset) -> list[Dataset]:
    """Return the items of functional groups: position, orientation, spacing, rescale, echo and so on."""
    return [each.value[0] for each in groups if each.VR == "SQ" and each.value and not each.tag.is_private]


def _frame(sources: list[Dataset], file: int, number: int, name: str) -> Frame:
    position = _numbers(sources, "ImagePositionPatient", 3)
    orientation = _numbers(sources, "ImageOrientationPatient", 6)
    spacing = _numbers(sources, "PixelSpacing", 2)
    lacking = [
        label
        for label, value in (("position", position), ("orientation", orientation), ("pixel spacing", spacing))
        if value is None
    ]
    if position is None or orientation is None or spacing is None:
        message = f"{name}: an image without {' and '.join(lacking)}, so nobody knows where it lies; export it again"
        raise UnsupportedImageError(message)
    return Frame(
        file=file,
        number=number,
        position_mm=position,
        axes=orientation.reshape(2, 3),
        spacing_mm=(float(spacing[1]), float(spacing[0])),
        scaling=(_number(sources, "RescaleSlope", 1.0), _number(sources, "RescaleIntercept", 0.0)),
        component=_component(sources),
        volume=(
            round(_number(sources, "EffectiveEchoTime", _number(sources, "EchoTime", 0.0)), 3),
            _number(sources, "DiffusionBValue", 0.0),
            _number(sources, "TemporalPositionIndex", _number(sources, "TemporalPositionIdentifier", 0.0)),
        ),
        order=(
            _number(sources, "AcquisitionNumber", 0.0),
            _number(sources, "TriggerTime", 0.0),
            _number(sources, "InstanceNumber", 0.0),
            float(number),
        ),
    )


def _component(sources: list[Dataset]) -> str:
    said = str(_value(sources, "ComplexImageComponent") or "").lower()
    if said:
        return said
    image_type = _value(sources, "ImageType") or ()
    words = [image_type] if isinstance(image_type, str) else [str(word).upper() for word in image_type]
    return next((COMPONENTS[word] for word in words[2:] if word in COMPONENTS), "")


def _value(sources: list[Dataset], keyword: str) -> Any:
    return next((value for source in sources if (value := source.get(keyword)) is not None), None)


def _numbers(sources: list[Dataset], keyword: str, count: int) -> FloatArray | None:
    value = _value(sources, keyword)
    if value is None or isinstance(value, str) or not hasattr(value, "__len__") or len(value) != count:
        return None
    return np.array([float(number) for number in value])


def _number(sources: list[Dataset], keyword: str, otherwise: float) -> float:
    value = _value(sources, keyword)
    return otherwise if value is None or value == "" or hasattr(value, "__len__") else float(value)
