"""``efface deface IN OUT --also OTHER OTHER_OUT ...``: what is written and said of a session, and with which status."""

import os

import nibabel as nib
import pytest

import efface.session_anatomy as session_anatomy
from efface import phantom
from efface.anatomy import locate
from efface.cli.also import spread
from efface.errors import VerificationError

SPACING = (3.5, 3.5, 3.5)


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """A T1w and a FLAIR of one person as files."""
    folder = tmp_path_factory.mktemp("Mustermann")
    for contrast, orientation in {"T1w": "RAS", "FLAIR": "LPS"}.items():
        image = phantom.head(contrast, spacing_mm=SPACING, seed=3, orientation=orientation)
        nib.save(image, folder / f"Erika_{contrast}.nii.gz")
    return folder / "Erika_T1w.nii.gz", folder / "Erika_FLAIR.nii.gz"


@pytest.fixture(scope="module", autouse=True)
def found_once():
    """Each scan's anatomy is found once; a ball has none."""
    found = {}

    def remembered(scan):
        if scan.grid.shape == (48, 48, 48):
            message = "no brain was found in this scan"
            raise VerificationError(message)
        key = (scan.grid.shape, scan.grid.affine.tobytes(), scan.stored.tobytes())
        if key not in found:
            found[key] = locate(scan)
        return found[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session_anatomy, "locate", remembered)
        yield


def test_every_path_after_also_belongs_to_it():
    told = ["deface", "a", "b", "--also", "c", "d", "e", "f", "--json", "--also", "g", "h"]
    assert spread(told).count("--also") == 6
    assert [each for each in spread(told) if each != "--also"] == [each for each in told if each != "--also"]
    assert spread(["deface", "a", "b", "--mask", "m"]) == ["deface", "a", "b", "--mask", "m"]


def test_a_session_is_written_and_described_in_one_document(efface, session, tmp_path):
    one, other = session
    said = efface("deface", one, tmp_path / "a.nii.gz", "--also", other, tmp_path / "b.nii.gz", "--json")
    assert said.status == 0
    assert said.err == ""
    assert names(tmp_path) == ["a.json", "a.nii.gz", "b.json", "b.nii.gz"]
    document = said.document
    assert [document["exit_status"], document["error"], document["verdict"]] == [0, None, None]
    assert [image["output"] for image in document["images"]] == [
        str(tmp_path / name) for name in ("a.nii.gz", "b.nii.gz")
    ]
    for image in document["images"]:
        assert image["verdict"]["passed"] is True
        assert "session_face_covered" in {check["name"] for check in image["verdict"]["checks"]}
        assert "on its own" in image["provenance"]["session"]
    assert "Erika" not in said.out
    assert "Erika" not in (tmp_path / "b.json").read_text("utf-8")


def test_dry_run_plans_every_image_and_writes_nothing(efface, session, tmp_path):
    one, other = session
    said = efface("deface", one, tmp_path / "a.nii.gz", "--also", other, tmp_path / "b.nii.gz", "--dry-run")
    assert said.status == 0
    assert said.out.count("plan for ") == 2
    assert said.out.endswith("dry run: nothing was written\n")
    assert names(tmp_path) == []


@pytest.fixture(scope="module")
def refused(efface, session, ball_file, tmp_path_factory):
    """A session with a ball in it, which is no head."""
    folder = tmp_path_factory.mktemp("refused")
    return folder, efface("deface", session[0], folder / "a.nii.gz", "--also", ball_file, folder / "b.nii.gz", "--json")


def test_one_refused_image_refuses_the_session(refused, ball_file):
    folder, said = refused
    assert said.status == 3
    assert names(folder) == []
    errors = [line for line in said.err.splitlines() if line.startswith("efface: error: ")]
    assert len(errors) == 2
    assert str(ball_file) in errors[0]
    assert "head_overlap" in errors[0]
    assert "nothing of it was written" in errors[1]


def test_the_document_says_which_image_was_refused(refused):
    document = refused[1].document
    assert document["exit_status"] == 3
    assert [image["image"] for image in document["images"]] == [2]
    assert "head_overlap" in document["images"][0]["error"]


@pytest.mark.parametrize(
    ("told", "word"),
    [
        (["x.nii.gz"], "no partner"),
        (["x.nii.gz", "y.nii.gz", "z.nii.gz"], "no partner"),
        (["IN", "y.nii.gz"], "given twice"),
        (["LINK", "y.nii.gz"], "given twice"),
        (["OTHER", "out.nii.gz"], "share a name"),
        (["OTHER", "./out.nii"], "share a name"),
        (["OTHER", "OTHER"], "never overwritten"),
        (["OTHER", "IN"], "never overwritten"),
        (["OTHER", "y.nii.gz", "--mask", "m.nii.gz"], "--mask"),
        (["OTHER", "y.nii.gz", "--plan", "p.npz"], "--plan"),
        (["OTHER", "y.nii.gz", "--method", "magic"], "template-mask"),
        (["OTHER", "y.mgz"], ".nii.gz"),
        (["OTHER", "sub/out.nii.gz", "--report", "qc"], "reports"),
    ],
)
def test_bad_calls_end_with_2_and_write_nothing(efface, session, tmp_path, monkeypatch, told, word):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    for name, source in zip(("one.nii.gz", "other.nii.gz"), session, strict=True):
        (tmp_path / name).write_bytes(source.read_bytes())
    os.link("one.nii.gz", "link.nii.gz")
    there = names(tmp_path)
    known = {"IN": "one.nii.gz", "OTHER": "other.nii.gz", "LINK": "link.nii.gz"}
    told = [known.get(each, each) for each in told]
    said = efface("deface", "one.nii.gz", "out.nii.gz", "--also", *told, "--overwrite")
    assert said.status == 2
    assert word in said.line
    assert names(tmp_path) == there
    assert (tmp_path / "other.nii.gz").read_bytes() == session[1].read_bytes()


def test_an_existing_output_is_refused_first(efface, session, tmp_path):
    (tmp_path / "b.nii.gz").write_bytes(b"mine")
    said = efface("deface", session[0], tmp_path / "a.nii.gz", "--also", session[1], tmp_path / "b.nii.gz")
    assert said.status == 2
    assert "--overwrite" in said.line
    assert names(tmp_path) == ["b.nii.gz"]


def test_an_unreadable_image_ends_with_4(efface, session, tmp_path):
    (tmp_path / "bad.nii.gz").write_bytes(b"not an image")
    said = efface("deface", session[0], tmp_path / "a.nii.gz", "--also", tmp_path / "bad.nii.gz", tmp_path / "b.nii.gz")
    assert said.status == 4
    assert "bad.nii.gz" in said.line
    assert names(tmp_path) == ["bad.nii.gz"]
