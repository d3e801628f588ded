"""Which attributes a defaced copy must change, and to what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence

from efface.io.dicom.pixels import Pixels
from efface.provenance import CLEAN_RECOGNIZABLE_VISUAL_FEATURES, Claim

BASIC_PROFILE = {
    "CodeValue": "113100",
    "CodeMeaning": "Basic Application Confidentiality Profile",
    "CodingSchemeDesignator": "DCM",
}
"""DICOM CID 7050, for headers that were cleaned."""
ICONS = "IconImageSequence"
"""A small picture of the image, the face included."""
PIXEL_GROUPS = range(0x7F00, 0x7FE1)
"""Where pixels lie: those of other types, of retired elements, and of items within sequences too."""
PROVIDER, PADDING = 0x00287FE0, 0xFFFCFFFC
"""An address where the original pixels are, and bytes behind everything that could be anything."""
SIGNED = ("DigitalSignaturesSequence", "MACParametersSequence")
"""Signatures of what is no more."""
COMPRESSION = ("ExtendedOffsetTable", "ExtendedOffsetTableLengths", "EncapsulatedPixelDataValueTotalLength")
"""What describes compressed pixels, and nothing once they are not."""
EXTREMES = ("SmallestImagePixelValue", "LargestImagePixelValue")
SERIES_EXTREMES = ("SmallestPixelValueInSeries", "LargestPixelValueInSeries")
MAY_CHANGE = frozenset(
    (
        *("SOPInstanceUID", "SeriesInstanceUID", "ImageType", "FrameType", "DerivationDescription"),
        *("DeidentificationMethod", "DeidentificationMethodCodeSequence", "RecognizableVisualFeatures"),
        *("PixelData", ICONS, *SIGNED, *COMPRESSION, *EXTREMES, *SERIES_EXTREMES),
    )
)
"""Top-level attributes that a defaced copy changes; besides them, references to the series' own UIDs."""
TEXT = 1024
"""Longest Derivation Description."""


def say_derived(dataset: Dataset, claim: Claim) -> None:
    """Say of an image that it is no original any more, and what was done."""
    for item in image_type_items(dataset):
        for name in ("ImageType", "FrameType"):
            value = item.get(name)
            if value:
                first, *rest = value if isinstance(value, MultiValue) else [value]
                if first != "DERIVED":
                    item[name].value = ["DERIVED", *rest]
    if not dataset.get("ImageType"):
        dataset.ImageType = ["DERIVED", "PRIMARY"]
    before = str(dataset.get("DerivationDescription") or "")
    said = f"face removed by {claim.method}"
    dataset.DerivationDescription = f"{before}; {said}"[-TEXT:] if before else said


def say_deidentified(dataset: Dataset, claim: Claim, *, clean_headers: bool) -> None:
    """Say how the person was hidden; no more than was verified."""
    before = dataset.get("DeidentificationMethod")
    methods = list(before) if isinstance(before, MultiValue) else [before] if before else []
    if claim.method not in methods:
        dataset.DeidentificationMethod = [*methods, claim.method] if methods else claim.method
    if claim.features_clean:
        dataset.RecognizableVisualFeatures = "NO"
        _add_code(dataset, CLEAN_RECOGNIZABLE_VISUAL_FEATURES)
    if clean_headers:
        dataset.PatientIdentityRemoved = "YES"
        dataset.LongitudinalTemporalInformationModified = "REMOVED"
        _add_code(dataset, BASIC_PROFILE)


def _add_code(dataset: Dataset, code: dict[str, str]) -> None:
    codes = list(dataset.get("DeidentificationMethodCodeSequence") or [])
    if any(item.get("CodeValue") == code["CodeValue"] for item in codes):
        return
    item = Dataset()
    for name, value in code.items():
        setattr(item, name, value)
    dataset.DeidentificationMethodCodeSequence = Sequence([*codes, item])


def remove_copies(dataset: Dataset) -> None:
    """Remove pictures of the image, wherever they are, and signatures.

    Parameters
    ----------
    dataset : attributes of a file, its own pixels taken out
    """
    for name in SIGNED:
        if name in dataset:
            del dataset[name]
    for item in _sequence_items(dataset):
        remove_copies(item)
    for tag in list(dataset.keys()):
        if tag.group in PIXEL_GROUPS or tag in (PROVIDER, PADDING):
            del dataset[tag]
    if ICONS in dataset:
        del dataset[ICONS]


def _sequence_items(dataset: Dataset) -> Iterator[Dataset]:
    for tag in list(dataset.keys()):
        if dataset.get_item(tag).VR in ("SQ", None) and dataset[tag].VR == "SQ":
            yield from dataset[tag].value or ()


def image_type_items(dataset: Dataset) -> Iterator[Dataset]:
    """Give the dataset and, of multi-frame ones, what holds each frame's type."""
    yield dataset
    for name in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        for groups in dataset.get(name) or ():
            yield from groups.get("MRImageFrameTypeSequence") or ()


def restate_extremes(dataset: Dataset, pixels: Pixels, extremes: tuple[int, int]) -> None:
    """Say again what the smallest and largest pixels are, where that was said and is no longer so.

    Parameters
    ----------
    dataset : one file's attributes
    pixels : the file's pixels as they are now
    extremes : smallest and largest of the whole series now
    """
    own = (int(pixels.min()), int(pixels.max()))
    for names, values in ((EXTREMES, own), (SERIES_EXTREMES, extremes)):
        for name, value in zip(names, values, strict=True):
            if name in dataset:
                _set_number(dataset, name, value)


def _set_number(dataset: Dataset, name: str, value: int) -> None:
    element: Any = dataset[name]
    if element.value != value:
        element.VR = "SS" if dataset.get("PixelRepresentation") else "US"
        element.value = value
