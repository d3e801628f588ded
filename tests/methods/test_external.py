"""The original programs through the same interface: the command line, what they leave, and what goes wrong."""

import importlib.util
import json
import os
import stat
import sys
import time
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import efface
from efface import phantom
from efface.atlas import FACE, load_atlas
from efface.errors import ProgramError, UsageError
from efface.io import read_scan
from efface.methods import TABLE, get_method, method_class, running
from efface.methods.base import availability_of, traits_of
from efface.methods.listing import listed_methods
from efface.methods.running import find_program

COARSE = (3.0, 3.0, 3.0)
EXTERNAL = [key for key in TABLE if key.startswith("external")]
LINES = {
    "external-pydeface": (
        {"cost": "corratio"},
        "pydeface F/scan.nii --outfile F/defaced.nii.gz --force --cost corratio",
    ),
    "external-fsl-deface": ({"nudge_mm": (1.0, -2.5, 0.0)}, "fsl_deface F/scan.nii F/defaced.nii.gz -nud 1 -2.5 0"),
    "external-mri-deface": (
        {},
        "mri_deface F/scan.nii H/average/talairach_mixed_with_skull.gca H/average/face.gca F/defaced.nii.gz",
    ),
    "external-mideface": (
        {"options": "--no-samseg --code 'a b'"},
        "mideface --i F/scan.nii --o F/defaced.nii.gz --odir F/mideface --threads 1 --no-samseg --code a b",
    ),
    "external-afni-refacer": (
        {"mode": "reface"},
        "@afni_refacer_run -input F/scan.nii -mode_reface -prefix F/defaced.nii.gz -no_images",
    ),
    "external-mri-reface": (
        {"image_type": "T1"},
        "run_mri_reface.sh F/scan.nii F/refaced -imType T1 -saveQCRenders 0",
    ),
    "external-quickshear": ({"buffer": 5.0}, "quickshear F/scan.nii F/brain.nii.gz F/defaced.nii.gz 5"),
}


@pytest.fixture(scope="module")
def scan():
    return read_scan(phantom.head("T1w", spacing_mm=COARSE, seed=3))


@pytest.fixture(scope="module")
def anatomy(scan):
    return efface.locate(scan)


@pytest.fixture
def program(tmp_path):
    """``program(text)`` makes an executable Python script and returns the command line that runs it."""

    def make(text):
        path = tmp_path / "prog.py"
        path.write_text(f"import sys, nibabel as nib, numpy as np\n{text}\n", "utf-8")
        return f"'{sys.executable}' '{path}' {{in}} {{out}}"

    return make


READ = "image = nib.load(sys.argv[1]); voxels = np.asarray(image.dataobj).copy()\n"
SAVE = "\nnib.save(nib.Nifti1Image(voxels, image.affine), sys.argv[2])"


def planned(scan, anatomy, command, **parameters):
    return efface.plan(scan, anatomy, method="external", command_line=command, **parameters)


@pytest.mark.parametrize("key", LINES)
def test_the_command_line_is_the_programs_own(monkeypatch, key):
    monkeypatch.setattr("efface.methods.external.find_program", lambda *names: None)
    monkeypatch.setenv("FREESURFER_HOME", "H")
    parameters, line = LINES[key]
    assert " ".join(method_class(key)(**parameters).command(Path("F"))) == line


def test_templates_of_ones_own_are_given_by_their_whole_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("head.nii", "mask.nii"):
        (tmp_path / name).write_bytes(b"")
    for key in ("external-pydeface", "external-niimath"):
        words = method_class(key)(template="head.nii", mask_template="mask.nii").command(Path("F"))
        assert {str(tmp_path / "head.nii"), str(tmp_path / "mask.nii")} <= set(words)


@pytest.mark.parametrize("runtime", ["docker", "podman", "apptainer", "singularity"])
def test_a_container_sees_one_folder_and_no_network(runtime):
    method = method_class("external-container")(image="lab/defacer", runtime=runtime, command_line="run {in} -o {out}")
    words = method.command(Path("F"))
    assert words[:2] == [runtime, "run"]
    assert words[-5:] == ["lab/defacer", "run", "/data/scan.nii", "-o", "/data/defaced.nii.gz"]
    assert "F:/data" in words
    assert words[words.index("--network") + 1] == "none"


@pytest.mark.parametrize("key", EXTERNAL)
def test_a_program_that_is_missing_is_named(monkeypatch, key):
    monkeypatch.setattr("efface.methods.external.find_program", lambda *names: None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    method = method_class(key)
    available = availability_of(method)
    if key == "external":
        assert available.ready
        return
    assert not available.ready
    assert "install" in available.remedy or "get " in available.remedy
    with pytest.raises(UsageError, match=r"is not (on the PATH|installed)"):
        get_method(key)


@pytest.mark.parametrize("key", EXTERNAL)
def test_every_program_s_mask_is_private_and_its_fill_its_own(key):
    traits = traits_of(method_class(key))
    assert (traits.follows_face, traits.writes_own, traits.default_fill) == (True, True, "own")
    listed = {method.name: method for method in listed_methods()}[key]
    assert listed.needs != "nothing else"


def test_what_changed_is_the_mask_and_what_was_written_its_values(scan, anatomy, program):
    command = program(READ + "voxels[:, 40:] = 7\nvoxels[0, 0, 0] += 1" + SAVE)
    plan = planned(scan, anatomy, command)
    expected = np.zeros(scan.grid.shape, bool)
    expected[:, 40:] = scan.stored[:, 40:] != 7
    expected[0, 0, 0] = True
    assert np.array_equal(plan.changed, expected)
    result = efface.apply_plan(scan, plan)
    assert (result.stored[:, 40:] == 7).all()
    assert plan.fill == "own"
    assert plan.provenance["program"].startswith("python")


def test_another_fill_may_be_asked_for(scan, anatomy, program):
    plan = planned(scan, anatomy, program(READ + "voxels[:, 40:] = 7" + SAVE), fill="zero")
    assert (efface.apply_plan(scan, plan).stored[plan.changed] == 0).all()


def test_the_result_is_verified(scan, anatomy, program):
    face = [load_atlas().region(name) for name in FACE]
    blurred = program("from scipy.ndimage import gaussian_filter\n" + READ
                      + "voxels[:, 35:] = gaussian_filter(voxels, 1.5)[:, 35:]" + SAVE)  # fmt: skip
    plan = planned(scan, anatomy, blurred)
    verdict = efface.verify(scan, efface.apply_plan(scan, plan), anatomy=anatomy, plan=plan)
    assert "reversible" in {check.name for check in verdict.failed}
    assert set(np.unique(plan.mask)) & set(face)


CHANGED_GRIDS = {
    "reordered": "turn = np.array([[1, -1], [0, 1], [2, 1]])\n"
    "nib.save(nib.Nifti1Image(voxels, image.affine).as_reoriented(turn), sys.argv[2])",
    "cropped": "nib.save(nib.Nifti1Image(voxels, image.affine).slicer[:, :45], sys.argv[2])",
    "floats": "nib.save(nib.Nifti1Image(voxels.astype(np.float64), image.affine), sys.argv[2])",
}


@pytest.mark.parametrize("how", CHANGED_GRIDS)
def test_a_result_on_another_grid_is_brought_back(scan, anatomy, program, how):
    plan = planned(scan, anatomy, program(READ + "voxels[:, 40:] = 0\n" + CHANGED_GRIDS[how]))
    result = efface.apply_plan(scan, plan)
    assert not result.stored[:, 40:].any()
    assert np.array_equal(result.stored[:, :40], scan.stored[:, :40])


def test_the_program_sees_nothing_that_names_the_person(anatomy, scan, program, tmp_path):
    image = nib.Nifti1Image(scan.stored, scan.grid.affine)
    image.header["descrip"] = b"Erika Mustermann"
    nib.save(image, tmp_path / "Mustermann.nii.gz")
    text = READ + "print(sys.argv, bytes(image.header['descrip'].tobytes()))\nvoxels[:, 40:] = 0" + SAVE
    plan = planned(read_scan(tmp_path / "Mustermann.nii.gz"), anatomy, program(text))
    assert "scan.nii" in plan.provenance["program_said"]
    assert "Mustermann" not in json.dumps(dict(plan.provenance))


@pytest.mark.parametrize("kind", ["4-D", "float64 with NaN", "scaled"])
def test_other_scans_than_plain_ones(scan, anatomy, program, kind):
    voxels = scan.stored.astype(np.float64)
    voxels[0, 0] = np.nan
    image = {
        "4-D": nib.Nifti1Image(np.stack([scan.stored] * 2, axis=-1), scan.grid.affine),
        "float64 with NaN": nib.Nifti1Image(voxels, scan.grid.affine),
        "scaled": nib.Nifti1Image(scan.stored, scan.grid.affine),
    }[kind]
    other = read_scan(image)
    if kind == "scaled":
        other = replace(other, slope=0.25, inter=-3.0)
    plan = planned(other, anatomy, program(READ + "assert voxels.ndim == 3\nvoxels[:, 40:] = 5" + SAVE))
    assert plan.changed[:, 40:].mean() > 0.97  # some voxels of air are 5 already
    assert not plan.changed[:, :40].any()
    result = efface.apply_plan(other, plan).stored[plan.changed] * other.slope + other.inter
    assert np.allclose(result, 5, atol=0.13)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("print('no FSL here'); sys.exit(3)", "status 3; it said: no FSL here"),
        ("sys.exit(2)", "it said nothing"),
        ("pass", "left no defaced"),
        ("open(sys.argv[2], 'wb').write(b'rubbish')", "cannot be used"),
        (READ + "nib.save(nib.Nifti1Image(voxels, np.diag([1.0, 1, 1, 1])), sys.argv[2])", "cannot be used"),
        (READ + "voxels = np.stack([voxels] * 2, -1)" + SAVE, "cannot be used"),
    ],
)
def test_a_program_that_fails_is_told_with_its_last_words(scan, anatomy, program, text, word):
    with pytest.raises(ProgramError, match=word):
        planned(scan, anatomy, program(text))


def test_a_program_that_hangs_is_stopped_with_its_children(scan, anatomy, program, tmp_path):
    child = f"import time; time.sleep(3); open({str(tmp_path / 'late')!r}, 'w').write('x')"
    text = f"import subprocess, time\nprint('busy', flush=True)\nsubprocess.run([sys.executable, '-c', {child!r}])"
    with pytest.raises(ProgramError, match=r"stopped after 1 s.*busy"):
        planned(scan, anatomy, program(text), timeout_s=1.0)
    time.sleep(3)
    assert not (tmp_path / "late").exists()


def test_what_a_program_leaves_running_is_stopped(scan, anatomy, program, tmp_path):
    child = f"import time; time.sleep(2); open({str(tmp_path / 'late')!r}, 'w').write('x')"
    text = f"import subprocess\nsubprocess.Popen([sys.executable, '-c', {child!r}])\n"
    planned(scan, anatomy, program(text + READ + "voxels[:, 40:] = 0" + SAVE))
    time.sleep(2.5)
    assert not (tmp_path / "late").exists()


def test_a_container_that_takes_too_long_is_removed_by_its_name(scan, anatomy, tmp_path, monkeypatch):
    """Stopping docker's client leaves the container running: its daemon must be told."""
    docker = tmp_path / "docker"
    docker.write_text(f'#!/bin/sh\necho "$@" >> "{tmp_path}/told"\n[ "$1" = rm ] || sleep 20\n', "utf-8")
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path), os.environ["PATH"]]))
    with pytest.raises(ProgramError, match=r"stopped after 0\.5 s"):
        efface.plan(scan, anatomy, method="external-container", image="lab/defacer", runtime="docker", timeout_s=0.5)
    run, remove = (tmp_path / "told").read_text("utf-8").splitlines()
    name = run.split("--name ")[1].split()[0]
    assert remove == f"rm --force {name}"


def test_temporary_files_of_the_program_go_with_its_folder(scan, anatomy, program, tmp_path):
    text = f"import tempfile; open({str(tmp_path / 'where')!r}, 'w').write(tempfile.mkdtemp())\n"
    planned(scan, anatomy, program(text + READ + "voxels[:, 40:] = 0" + SAVE))
    assert not Path((tmp_path / "where").read_text()).exists()


def test_nothing_is_left_behind(scan, anatomy, program, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "work"))
    (tmp_path / "work").mkdir()
    planned(scan, anatomy, program(READ + "voxels[:, 40:] = 0" + SAVE))
    with pytest.raises(ProgramError):
        planned(scan, anatomy, program("sys.exit(1)"))
    assert list((tmp_path / "work").iterdir()) == []


@pytest.mark.parametrize(
    ("command", "word"),
    [
        ("prog {in}", "no {out}"),
        ("no-such-prog {in} {out}", "not on the PATH"),
        ("prog 'x {in} {out}", "quotes"),
        ("", "no {in} and no {out}"),
        ("cp {in} {out} {options}", "options = 'b: No closing quotation"),
    ],
)
def test_a_wrong_command_line_is_refused_at_once(command, word):
    with pytest.raises(UsageError, match=word):
        get_method("external", command_line=command, options="'b" if "{options}" in command else "")


@pytest.mark.parametrize(
    ("key", "parameters", "word"),
    [
        ("external", {"command_line": "cp {in} {out}", "timeout_s": 0}, "timeout_s"),
        ("external", {"command_line": "cp {in} {out}", "keep": "nose"}, "ears"),
        ("external-container", {}, "no image"),
        ("external-niimath", {}, "--mask-template"),
        ("external-niimath", {"template": "no.nii", "mask_template": "no.nii"}, "no such file"),
    ],
)
def test_wrong_parameters_are_refused_at_once(monkeypatch, key, parameters, word):
    monkeypatch.setattr("efface.methods.external.find_program", lambda *names: "/bin/prog")
    with pytest.raises(UsageError, match=word):
        get_method(key, **parameters)


def test_a_program_beside_python_is_found(tmp_path, monkeypatch):
    name = tmp_path / "efface-test-prog"
    name.write_text("#!/bin/sh\n", "utf-8")
    name.chmod(name.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", os.defpath)
    assert find_program("efface-test-prog") is None
    monkeypatch.setattr(running.sys, "executable", str(tmp_path / "python"))
    assert find_program("no-such-prog", "efface-test-prog") == str(name)


@pytest.mark.parametrize("command", ["{} {{options}} {{in}} {{out}}", "{} {{keep}} {{in}} {{out}} {{program}}"])
def test_a_command_line_may_name_what_is_not_given(command):
    method = get_method("external", command_line=command.format(sys.executable), options="")
    assert method.command(Path("F"))[:3] == [sys.executable, "F/scan.nii", "F/defaced.nii.gz"]
    twice = get_method("external", command_line=command.format(sys.executable), options="-v")
    assert twice.command(Path("F")).count("-v") == 1


def test_a_program_beside_oneself_is_found(scan, anatomy, program, tmp_path, monkeypatch):
    """It runs in another folder: a path is the one that the person sees."""
    command = program(READ + "voxels[:, 40:] = 0" + SAVE)
    (tmp_path / "mine.sh").write_text(f"#!/bin/sh\n{command.replace('{in} {out}', '')} $@\n", "utf-8")
    (tmp_path / "mine.sh").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    assert planned(scan, anatomy, "./mine.sh {in} {out}").changed.any()


def needs(key):
    ready = availability_of(method_class(key)).ready
    return pytest.mark.skipif(not ready, reason=f"{key} is not installed")


@needs("external-quickshear")
def test_quickshear_cuts_the_nose_and_leaves_ears(scan, anatomy):
    plan = efface.plan(scan, anatomy, method="external-quickshear", buffer=3)
    share = covered(scan, anatomy, plan)
    assert share["nose_covered"] > 0.95
    assert share["left_ear_covered"] < 0.2
    assert not (plan.changed & anatomy.brain).any()
    assert plan.provenance["program"] == "quickshear"


@needs("external-quickshear")
def test_what_a_program_leaves_is_not_judged_on_request(scan, anatomy):
    plan = efface.plan(scan, anatomy, method="external-quickshear", buffer=3, keep="ears")
    verdict = efface.verify(scan, efface.apply_plan(scan, plan), anatomy=anatomy, plan=plan)
    assert {check.passed for check in verdict.checks if "ear_" in check.name or check.name.endswith("_ear")} == {None}


@needs("external-niimath")
def test_niimath_places_a_template_of_ones_own(scan, anatomy, tmp_path):
    template = phantom.make("T1w", spacing_mm=COARSE, seed=0)
    face = np.isin(template.regions, [load_atlas().region(name) for name in FACE])
    nib.save(template.image, tmp_path / "head.nii.gz")
    nib.save(nib.Nifti1Image((~face).astype(np.uint8), template.image.affine), tmp_path / "mask.nii.gz")
    files = {"template": tmp_path / "head.nii.gz", "mask_template": tmp_path / "mask.nii.gz"}
    plan = efface.plan(scan, anatomy, method="external-niimath", **files)
    assert covered(scan, anatomy, plan)["nose_covered"] > 0.95
    assert plan.parameters["template"] == "head.nii.gz"


@needs("external-radveil")
def test_a_blur_by_radveil_that_leaves_ears_is_refused(scan, anatomy):
    plan = efface.plan(scan, anatomy, method="external-radveil", mode="blur")
    verdict = efface.verify(scan, efface.apply_plan(scan, plan), anatomy=anatomy, plan=plan)
    assert {"left_ear_covered", "right_ear_covered"} <= {check.name for check in verdict.failed}
    assert plan.values.ndim == 1
    assert plan.provenance["program"] == "radveil"
    assert plan.provenance["program_said"].startswith("radveil blur")


def covered(scan, anatomy, plan):
    verdict = efface.verify(scan, efface.apply_plan(scan, plan), anatomy=anatomy, plan=plan)
    return {check.name: check.value for check in verdict.checks if check.name.endswith("_covered")}
