"""Headers without the person: the Basic Profile of PS3.15 Annex E, by the package ``dicom-anonymizer``."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

from pydicom.dataset import Dataset, FileDataset

from efface.errors import UnsupportedImageError, UsageError
from efface.io.dicom.uids import NewUIDs, all_uids, instance_uids, replace_uids

EDITION = "dicomfields_2026c"
"""Of the standard."""
REFERENCES = ((0x0008, 0x1140), (0x0008, 0x2112))
"""Referenced and Source Image Sequence: the package would empty them; their UIDs are replaced like all others."""
MORE = (
    *((0x0010, 0x0033), (0x0010, 0x0034), (0x0040, 0x0400), (0x0008, 0x1190), (0x0008, 0x0407), (0x0008, 0x0408)),
    *((0x0008, 0x0409), (0x0008, 0x040B), (0x0040, 0x4073), (0x0040, 0xE010)),
)
"""Not in the package's table: birth and death in another calendar, comments, and addresses of archives."""
STATIONS = ("SourceApplicationEntityTitle", "SendingApplicationEntityTitle", "ReceivingApplicationEntityTitle",
            "SourcePresentationAddress", "SendingPresentationAddress", "ReceivingPresentationAddress",
            "PrivateInformationCreatorUID", "PrivateInformation")  # fmt: skip
"""In the file's own header: which machines passed it on, and what they wrote there."""


def clean(dataset: FileDataset, new: NewUIDs) -> None:
    """Remove or replace, in place, what the Basic Profile lists, at every depth, and all private elements.

    Parameters
    ----------
    dataset : the attributes of one file
    new : UIDs become these; the same ones in every file of a study

    Raises
    ------
    UsageError
        The package is not installed.
    UnsupportedImageError
        An element that the package cannot clean.
    """
    rules, anonymize = _package()
    known = {uid: new(uid) for uid in all_uids(dataset) | all_uids(dataset.file_meta)}
    others = {uid: known[uid] for uid in instance_uids(dataset)}
    mapping = _mapping()
    mapping.update(known)
    try:
        _clean(dataset, anonymize, rules)
    except NotImplementedError as error:
        message = f"an element of the header cannot be cleaned ({error}); remove it, or leave out --clean-headers"
        raise UnsupportedImageError(message) from error
    finally:
        mapping.clear()
    replace_uids(dataset, others)  # the profile does not list every attribute that refers to an image
    for name in STATIONS:
        if name in dataset.file_meta:
            del dataset.file_meta[name]


def _clean(dataset: Dataset, anonymize: Any, rules: Any) -> None:
    """Clean what lies within sequences first: the package looks at the top level alone."""
    dataset.remove_private_tags()
    for element in dataset:
        if element.VR == "UN":  # no dictionary knows what it is
            del dataset[element.tag]
        elif element.VR == "SQ":
            for item in element.value or ():
                _clean(item, anonymize, rules)
    anonymize(dataset, base_rules_gen=rules, delete_private_tags=False)


@lru_cache(maxsize=1)
def _package() -> tuple[Any, Any]:
    """Return the package's rules and the function that applies them."""
    try:
        from dicomanonymizer import simpledicomanonymizer as package
    except ImportError as error:
        message = "--clean-headers needs dicom-anonymizer: pip install 'efface[dicom]'"
        raise UsageError(message) from error
    rules = package.initialize_actions(EDITION)
    rules.update(dict.fromkeys(REFERENCES, package.keep))
    rules.update(dict.fromkeys(MORE, package.delete))
    return partial(dict, rules), package.anonymize_dataset


def _mapping() -> dict[str, str]:
    """Return the package's own table from old UID to new; what is in it is not drawn at random."""
    from dicomanonymizer import simpledicomanonymizer as package

    table: dict[str, str] = package.dictionary
    return table
