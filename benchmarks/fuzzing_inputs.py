"""What is fuzzed: for every reader some sound inputs, ways to break them, and what reads them."""

from __future__ import annotations

import gzip
import json
import struct
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import nibabel as nib
import numpy as np

Files = Mapping[str, bytes]
"""Path below a folder -> contents."""
SIZE = (10, 9, 8)
NUMBERS = (0, 1, -1, 2, 7, 8, 127, 255, 348, 352, 540, 32767, -32768, 65535, 2**31 - 1, -(2**31), 2**32 - 1, 2**62)
FLOATS = (0.0, -1.0, 1e-30, 1e30, float("nan"), float("inf"), float("-inf"))
WORDS = (
    *(b"null", b"NaN", b"-Infinity", b"1e999", b"-1", b'""', b"[]", b"{}", b"true", b'"\\ud800"', b"9" * 5000),
    *(
        b"[" * 20000,
        b'{"a":' * 20000,
        b"\0",
        b"../../x",
        b"/etc/passwd",
        b"<script>",
        b"\xff\xfe",
        b"\n",
        b"\t",
        b"=1+1",
    ),
)
HEADER = 400
"""Bytes at the beginning in which most mutations fall."""


@dataclass(frozen=True)
class Reader:
    """One reader and what it is given."""

    sound: Callable[[], Sequence[Files]]
    """Inputs that it reads; made once."""
    read: Callable[[Path], object]
    """Reads a folder with the files of one input; may raise `DefaceError`."""
    words: bool = False
    """Whether its files are text."""


def broken(sound: Files, rng: np.random.Generator, *, words: bool) -> Files:
    """Return an input of which one to three files were changed at one to eight places."""
    made = dict(sound)
    for name in rng.choice(sorted(made), size=min(len(made), int(rng.integers(1, 4))), replace=False):
        data = made[str(name)]
        packed = data.startswith(b"\x1f\x8b") and rng.random() < 0.7
        data = bytearray(gzip.decompress(data) if packed else data)
        for _ in range(int(rng.integers(1, 9))):
            (_change_words if words and rng.random() < 0.7 else _change_bytes)(data, rng)
        made[str(name)] = gzip.compress(bytes(data), 1, mtime=0) if packed else bytes(data)
    return made


def _change_bytes(data: bytearray, rng: np.random.Generator) -> None:
    """Change a few bytes, as bits, bytes or numbers; cut, repeat, or put something in."""
    at = int(rng.integers(0, max(1, min(len(data), HEADER) if rng.random() < 0.6 else len(data))))
    kind = int(rng.integers(0, 9))
    if kind == 0 and data:
        data[at] ^= 1 << int(rng.integers(0, 8))
    elif kind == 1 and data:
        data[at] = int(rng.integers(0, 256))
    elif kind < 5:
        width, order = int(rng.choice([1, 2, 4, 8])), str(rng.choice(["little", "big"]))
        number = int(rng.choice(NUMBERS)) & (256**width - 1)
        data[at : at + width] = number.to_bytes(width, order)  # type: ignore[arg-type]
    elif kind == 5:
        data[at : at + 4] = struct.pack(str(rng.choice(["<f", ">f"])), rng.choice(FLOATS))
    elif kind == 6 and rng.random() < 0.3:
        del data[at:]
    elif kind == 7:
        length = int(rng.integers(1, 64))
        del data[at : at + length]
    elif kind == 8:
        data[at:at] = data[at : at + int(rng.integers(1, 200))] * int(rng.choice([1, 2, 50]))


def _change_words(data: bytearray, rng: np.random.Generator) -> None:
    """Put an odd word in place of another."""
    ends = [0, *(place for place, byte in enumerate(data) if byte in b' \t\n,:="[]{}'), len(data)]
    start = int(rng.integers(0, len(ends) - 1))
    data[ends[start] + (start > 0) : ends[start + 1]] = WORDS[int(rng.integers(0, len(WORDS)))]


def _voxels(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 900, shape or SIZE).astype(np.int16)


def _nifti() -> Sequence[Files]:
    affine = np.diag([2.0, 2, 3, 1])
    images = [
        nib.Nifti1Image(_voxels(), affine), nib.Nifti2Image(_voxels().astype(np.float32), affine),
        nib.Nifti1Image(_voxels(*SIZE, 3).astype(np.uint8), affine),
        nib.Nifti1Image(_voxels(), affine, nib.Nifti1Header(endianness=">")),
    ]  # fmt: skip
    images[0].header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"somebody was here"))
    plain = [{"a.nii": image.to_bytes()} for image in images]
    return [*plain, *({"a.nii.gz": gzip.compress(each["a.nii"], mtime=0)} for each in plain)]


def _mgh() -> Sequence[Files]:
    plain = [{"a.mgh": nib.MGHImage(_voxels(*shape), np.eye(4)).to_bytes()} for shape in (SIZE, (*SIZE, 3))]
    return [*plain, *({"a.mgz": gzip.compress(each["a.mgh"], mtime=0)} for each in plain)]


def _read_image(folder: Path) -> None:
    from efface.io import encode, header_warnings, read_scan

    (path,) = folder.iterdir()
    scan = read_scan(path)
    header_warnings(scan)
    scan.intensities()
    encode(scan, path.name)


def _dicom() -> Sequence[Files]:
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    import pydicom
    from making_dicom import Making, write_enhanced, write_series

    with tempfile.TemporaryDirectory() as temporary:
        made = [
            write_series(Path(temporary) / syntax, _voxels().astype(np.uint16), np.eye(4), Making(syntax=syntax))
            for syntax in ("explicit", "implicit", "big", "rle")
        ]
        made.append(write_enhanced(Path(temporary) / "enhanced", _voxels().astype(np.uint16), np.eye(4)))
        made *= 3  # a process is started for each that is compressed as pictures are, so these come seldom
        made.append(write_series(Path(temporary) / "jpeg", _voxels(64, 64, 8).astype(np.uint16), np.eye(4)))
        for path in made[-1].iterdir():
            dataset = pydicom.dcmread(path)
            dataset.compress(pydicom.uid.JPEG2000Lossless, encoding_plugin="pylibjpeg")
            dataset.save_as(path)
        return [{path.name: path.read_bytes() for path in sorted(folder.iterdir())} for folder in made]


def _read_dicom(folder: Path) -> None:
    from efface.dicom_folder import look_over
    from efface.io import header_warnings, read_scan
    from efface.io.dicom.writing import series_contents
    from efface.provenance import Claim

    look_over(folder)
    scan = read_scan(folder)
    header_warnings(scan)
    for clean in (False, True):
        series_contents(scan, Claim("efface", features_clean=True, recipe=""), clean_headers=clean)


def _surfaces() -> Sequence[Files]:
    around = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    up = np.linspace(0.1, np.pi - 0.1, 12)
    points = np.array([(80 * np.cos(a) * np.sin(b), 95 * np.sin(a) * np.sin(b), 100 * np.cos(b))
                       for b in up for a in around], np.float32)  # fmt: skip
    first = np.arange(len(points) - 24).reshape(-1, 24)
    triangles = np.stack([first, np.roll(first, -1, axis=1), first + 24], axis=-1).reshape(-1, 3).astype(np.int32)
    arrays = [
        nib.gifti.GiftiDataArray(points, "pointset"), nib.gifti.GiftiDataArray(triangles, "triangle"),
    ]  # fmt: skip
    whole = nib.gifti.GiftiImage(darrays=arrays).to_bytes()
    lines = [f"v {x} {y} {z}" for x, y, z in points] + [f"f {a + 1} {b + 1} {c + 1}" for a, b, c in triangles]
    return [{"a.surf.gii": whole}, {"a.obj": "\n".join(lines).encode()}]


def _read_surface(folder: Path) -> None:
    from efface.auditing.surfaces import judge_surface

    (path,) = folder.iterdir()
    judge_surface(path)


def _bids() -> Sequence[Files]:
    image = gzip.compress(nib.Nifti1Image(_voxels(), np.eye(4)).to_bytes(), mtime=0)
    fields = {"EchoTime": 0.1, "PatientName": "X", "DeidentificationMethod": ["a"], "global": {"const": {"a": 1}}}
    return [{
        "raw/dataset_description.json": json.dumps(
            {"Name": "x", "BIDSVersion": "1.10.0", "GeneratedBy": [{"Name": "y"}], "DatasetDOI": "10.1/x"}
        ).encode(),
        "raw/participants.tsv": b"participant_id\tage\tsex\nsub-01\t93\tF\nsub-02\t20\tM\n",
        "raw/participants.json": b'{"age": {"Units": "year"}}',
        "raw/.bidsignore": b"*_localizer.*\nextra/\n!keep\nsub-[!1]*/**/x?\n",
        "raw/T1w.json": json.dumps(fields).encode(),
        "raw/phenotype/scores.tsv": b"participant_id\tscore\nsub-01\t3\nsub-02\t4\n",
        "raw/sub-01/sub-01_scans.tsv": b"filename\tacq_time\nanat/sub-01_T1w.nii.gz\t1999-01-01\n",
        "raw/sub-01/anat/sub-01_T1w.json": json.dumps(fields).encode(),
        "raw/sub-01/anat/sub-01_T1w.nii.gz": image, "out/sub-01/anat/sub-01_T1w.nii.gz": image,
        "work/logs/sub-01.jsonl": b'{"source": "a", "output": "b", "status": "verified", "message": "", "job": "1", '
                                  b'"tried": [], "checks": [], "notes": []}\n',
        "work/decisions.jsonl": b'{"name": "b", "verb": "accepted", "by": "c", "reason": "d", "time": "e", '
                                b'"kept": null}\n',
    }]  # fmt: skip


def _read_bids(folder: Path) -> None:
    from efface.batch import Where
    from efface.bids.dataset import read_dataset
    from efface.bids.forecast import foresee
    from efface.bids.layouts import Wish, jobs_of
    from efface.bids.overview import look_over, write_overview

    wish = Wish(folder / "out", folder / "work", {"method": "anatomy", "fill": "zero"})
    dataset = read_dataset(folder / "raw")
    for job in jobs_of(dataset, wish):
        assert job.digest  # noqa: S101 - it is made of what sidecars say
    foresee(dataset, wish, Where(1))
    write_overview(look_over(dataset, wish), "a title", folder / "work")


def _toml() -> Sequence[Files]:
    study = (
        b'title = "x"\n[scans]\ntable = "scans.tsv"\n[[methods]]\nname = "a"\nmethod = "anatomy"\n'
        b'[[methods]]\nname = "b"\nresults = "b/{scan}.nii.gz"\n[options]\nseed = 1\n'
    )
    table = b"scan\tpath\tparticipant\tage\na\ta.nii.gz\tp\t3\n"
    forms = [each.read_bytes() for each in (files("efface.rating") / "forms").iterdir() if each.name.endswith(".toml")]
    return [{"study.toml": study, "scans.tsv": table}, *({"form.toml": form} for form in forms)]


def _read_toml(folder: Path) -> None:
    from efface.rating.form import load_form
    from efface.study.reading import load_config

    if (folder / "study.toml").exists():
        load_config(folder / "study.toml")
    else:
        load_form(str(folder / "form.toml"))


def _plans() -> Sequence[Files]:
    from efface.deface_plan import DefacePlan
    from efface.grid import Grid

    mask = np.zeros(SIZE, np.uint8)
    mask[:, -2:] = 1
    values = np.array(0, np.int16)
    plan = DefacePlan(Grid(SIZE, np.eye(4)), mask, {1: "nose"}, values, "anatomy", "zero", {}, {"efface": "0"})
    return [{"plan.npz": plan.to_bytes()}]


def _read_plan(folder: Path) -> None:
    from efface.deface_plan import load_plan

    load_plan(folder / "plan.npz").region_volumes_ml()


READERS: Mapping[str, Reader] = {
    "NIfTI": Reader(cache(_nifti), _read_image),
    "MGH": Reader(cache(_mgh), _read_image),
    "DICOM": Reader(cache(_dicom), _read_dicom),
    "surfaces": Reader(cache(_surfaces), _read_surface, words=True),
    "BIDS dataset": Reader(cache(_bids), _read_bids, words=True),
    "TOML": Reader(cache(_toml), _read_toml, words=True),
    "plan": Reader(cache(_plans), _read_plan),
}
