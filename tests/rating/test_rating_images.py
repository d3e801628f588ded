"""What a rater looks at: upright slices cut to the head, the original in the same place, and renders."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from efface.errors import InputError
from efface.rating.form import TURNED
from efface.rating.images import Pictures, _group, read_photograph, read_volume
from efface.report.figures import PLANES

SAGITTAL, CORONAL, AXIAL = PLANES


def pixels(png):
    with Image.open(BytesIO(png)) as image:
        return np.asarray(image.convert("L"), float)


@pytest.fixture(scope="module")
def volume(images):
    return read_volume(images / "original.nii.gz")


def test_planes_are_upright_and_show_the_head(volume):
    x, y, z = volume.grey.shape
    assert volume.counts() == {"sagittal": x, "coronal": y, "axial": z}
    sagittal, coronal, axial = (pixels(volume.slice_png(plane, volume.counts()[plane.name] // 2)) for plane in PLANES)
    assert (sagittal.shape, coronal.shape, axial.shape) == ((z, y), (z, x), (y, x))
    assert sagittal[: z // 8].mean() < sagittal[z // 4 : z // 2].mean()
    assert np.abs(coronal - coronal[:, ::-1]).mean() < 25


def test_slices_are_those_of_the_volume(volume):
    assert np.array_equal(pixels(volume.slice_png(AXIAL, 5)), volume.grey[:, :, 5].T[::-1])
    assert np.array_equal(pixels(volume.slice_png(SAGITTAL, 7)), volume.grey[7].T[::-1])


def test_the_original_is_shown_in_the_same_place_and_brightness(images):
    cut = read_volume(images / "cut.nii.gz")
    whole = read_volume(images / "original.nii.gz", cut)
    assert whole.grey.shape == cut.grey.shape
    back = slice(0, cut.grey.shape[1] // 2)
    assert np.array_equal(whole.grey[:, back], cut.grey[:, back])
    assert whole.grey[:, -12:].mean() > cut.grey[:, -12:].mean() + 10


def test_views_near_the_front_are_drawn_first():
    near, far = _group(0.0, TURNED), _group(90.0, TURNED)
    assert sorted(near) == [-15, 0, 15]
    assert sorted((*near, *far)) == sorted(TURNED)


def test_pictures_are_made_once_and_prepared(images):
    pictures, path = Pictures(), images / "cut.nii.gz"
    pictures.prepare(path, (0.0, 30.0))
    first = pictures.volume(path)
    assert pictures.volume(path) is first
    views = [pictures.view(path, angle, (0.0, 30.0)) for angle in (0.0, 30.0)]
    assert pictures.view(path, 0.0, (0.0, 30.0)) is views[0]
    assert views[0] != views[1]
    assert pictures.view(images / "original.nii.gz", 0.0, (0.0, 30.0), path) != views[0]
    assert pixels(views[0]).shape == (400, 400)
    pictures.close()


def test_a_scan_that_cannot_be_read_is_an_error_each_time(tmp_path):
    (tmp_path / "broken.nii.gz").write_bytes(b"no image")
    pictures = Pictures()
    pictures.prepare(tmp_path / "broken.nii.gz", (0.0,))
    for _ in range(2):
        with pytest.raises(InputError):
            pictures.volume(tmp_path / "broken.nii.gz")
    pictures.close()


def test_photographs_lose_what_cameras_write(tmp_path):
    image, exif = Image.new("RGB", (2000, 1000), (200, 100, 50)), Image.Exif()
    exif[0x010E] = "Erika Mustermann"
    image.save(tmp_path / "a.jpg", exif=exif)
    png = read_photograph(tmp_path / "a.jpg")
    assert b"Mustermann" not in png
    with Image.open(BytesIO(png)) as small:
        assert (small.format, small.size) == ("PNG", (600, 300))


def test_a_photograph_that_is_none_is_refused(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    with pytest.raises(InputError, match="not a picture"):
        read_photograph(tmp_path / "a.jpg")
