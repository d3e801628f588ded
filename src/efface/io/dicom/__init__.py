"""DICOM series in and out (extra ``dicom``); nothing here is imported before a folder with DICOM files is met.

headers -> which files are one series -> frames -> stacked into a volume -> `efface.scan.Scan`
`Scan` and what was done -> the same files with other pixels, UIDs and a few attributes
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from efface.errors import UnsupportedImageError


def require(folder: Path) -> None:
    """Raise `UnsupportedImageError` unless DICOM can be read here."""
    if find_spec("pydicom") is None:
        message = f"{folder}: holds DICOM files, which need pydicom: pip install 'efface[dicom]'"
        raise UnsupportedImageError(message)
