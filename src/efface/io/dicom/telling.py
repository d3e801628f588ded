"""What the headers of a DICOM series tell of the person, and what else a user should know of it."""

from __future__ import annotations

from collections.abc import Iterator

from pydicom.dataset import Dataset

from efface.io.dicom.series import BROKEN, Series, leniently

NAMING = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientAddress", "PatientTelephoneNumbers", "OtherPatientIDs"),
    *("OtherPatientNames", "PatientMotherBirthName", "PatientComments", "AccessionNumber", "ReferringPhysicianName"),
    *(
        "PerformingPhysicianName",
        "OperatorsName",
        "InstitutionName",
        "InstitutionAddress",
        "StudyDate",
        "ImageComments",
    ),
)
"""The plainest of what the Basic Profile of PS3.15 removes."""
LOSSY = ("50", "51", "81", "91", "93", "203")
"""Ends of the transfer syntaxes below 1.2.840.10008.1.2.4 that may lose something."""


def series_warnings(series: Series, *, clean_headers: bool) -> Iterator[str]:
    """Say what to look at before a series is shared, without quoting it."""
    first = series.first
    with leniently():
        tags = list(first.keys())
        private = any(tag.is_private for tag in tags)
        said = (
            [] if _said(first, "PatientIdentityRemoved") == "YES" else [name for name in NAMING if _said(first, name)]
        )
        if (said or private) and not clean_headers:
            listed = ", ".join([*said[:4], *["..."] * (len(said) > 4), *["private elements"] * private])
            yield f"the headers may tell who the person is ({listed}); --clean-headers removes that"
        if _said(first, "BurnedInAnnotation") == "YES":
            yield "Burned In Annotation is YES: text is drawn into the pixels, and stays; look at the images"
        if not clean_headers and any(0x6000 <= tag.group <= 0x60FF for tag in tags):
            yield "an overlay lies over the images, and stays; look at it"
        syntax = first.file_meta.TransferSyntaxUID
        if syntax.startswith("1.2.840.10008.1.2.4.") and syntax.rsplit(".", 1)[1] in LOSSY:
            yield f"{syntax.name}: the images lost detail when they were compressed; they are written uncompressed"


def _said(dataset: Dataset, name: str) -> str:
    """Return an attribute as upper-case text; what cannot be understood may say anything."""
    try:
        return str(dataset.get(name) or "").upper()
    except BROKEN:
        return "?"
