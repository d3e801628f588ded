"""One synthetic person, located once; every contrast and dtype of hers lies on the same grid."""

from dataclasses import dataclass

import numpy as np
import pytest

import efface
from efface import phantom
from efface.anatomy import Anatomy
from efface.fill import fill_values
from efface.fill.filling import Filling
from efface.io import read_scan
from efface.scan import Scan

SPACING_MM = 2.5


@dataclass(frozen=True)
class Person:
    """Where her face is, and her scans."""

    anatomy: Anatomy
    mask: np.ndarray
    head: np.ndarray

    def scan(self, contrast="T1w", **options) -> Scan:
        """Scan her; the grid is always the same."""
        return read_scan(phantom.head(contrast, seed=1, spacing_mm=(SPACING_MM,) * 3, **options))

    def filling(self, key, scan) -> Filling:
        """Fill her face."""
        return fill_values(key, scan, self.anatomy, self.mask)

    def filled(self, key, scan):
        """Return a scan's stored voxels with her face filled."""
        stored = scan.stored.copy()
        values = self.filling(key, scan).values
        stored[self.mask] = values
        return stored


@pytest.fixture(scope="session")
def person(phantom_scan):
    anatomy = efface.locate(phantom_scan)
    mask = efface.plan(phantom_scan, anatomy).changed
    truth = phantom.make("T1w", seed=1, spacing_mm=(SPACING_MM,) * 3)
    return Person(anatomy, mask, truth.where("head"))
