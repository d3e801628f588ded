"""A folder to be rated: three files of a coarse synthetic head stand for eighteen rows."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from efface.io import read_scan, write_scan
from efface.rating.desk import Desk
from efface.rating.folder import read_folder
from efface.rating.form import BUNDLED, load_form
from efface.rating.store import Store

SCANS = tuple(f"sub-{number:02d}" for number in range(9))
METHODS = ("quickshear", "anatomy")


def table(rows, columns=("scan", "method", "cohort", "original", "defaced", "person")):
    return "\n".join("\t".join(row) for row in (columns, *rows)) + "\n"


@pytest.fixture(scope="session")
def images(phantom_image, tmp_path_factory):
    """A head as it was, the same without its front, and two photographs (of nothing)."""
    folder = tmp_path_factory.mktemp("images")
    scan = read_scan(phantom_image)
    write_scan(scan, folder / "original.nii.gz")
    cut = np.array(scan.stored)
    cut[:, round(cut.shape[1] * 0.75) :] = 0
    write_scan(scan.with_stored(cut), folder / "cut.nii.gz")
    for name, grey in (("one.png", 90), ("two.jpg", 160)):
        Image.new("RGB", (80, 100), (grey, grey, grey)).save(folder / name)
    return folder


@pytest.fixture
def rated(images, tmp_path):
    """A folder with its tables: nine scans by two methods, of three people; photographs of two."""
    for image in images.iterdir():
        (tmp_path / image.name).symlink_to(image)
    rows = [
        (scan, method, "AB"[place % 2], "original.nii.gz", "cut.nii.gz", f"person-{place % 3}")
        for place, scan in enumerate(SCANS)
        for method in METHODS
    ]
    (tmp_path / "scans.tsv").write_text(table(rows))
    (tmp_path / "photographs.tsv").write_text("person\tfile\nperson-0\tone.png\nperson-1\ttwo.jpg\n")
    return tmp_path


@pytest.fixture
def folder(rated):
    return read_folder(rated)


@pytest.fixture
def store(rated):
    store = Store(rated)
    yield store
    store.close()


@pytest.fixture
def desk(folder, store):
    forms = {name: load_form(name, len(folder.photographs)) for name in BUNDLED}
    return Desk(folder, forms, store, seed="7")
