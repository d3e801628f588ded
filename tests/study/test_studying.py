"""A whole small study: run, stopped half-way, run again, with a scan that cannot be read."""

import json

import pandas as pd
import pytest

from efface.cli import main
from efface.methods import TABLE
from efface.rating.folder import read_folder
from efface.study import load_config, run_study
from efface.study.demo import METHODS, people_of
from efface.study.runner import run_units
from efface.study.units import unit_path


class Stopped(Exception):
    pass


def stop(done, of, name):
    if done:
        raise Stopped


@pytest.fixture(scope="module")
def finished(heads, anatomies, program, tmp_path_factory):
    """A study that was stopped after its first scan, and run again; with the times of all records."""
    folder = tmp_path_factory.mktemp("whole")
    out = folder / "out"
    table = heads.folder / "with_broken.tsv"
    broken = heads.folder / "broken.nii.gz"
    broken.write_bytes(b"this is no image")
    table.write_text(heads.table.read_text("utf-8") + "broken.nii.gz\tbert\t1\tT1w\tadult\t60\tM\n", "utf-8")
    path = heads.study(folder, program=program)
    path.write_text(path.read_text("utf-8").replace("scans.tsv", table.name), "utf-8")

    def locate(scan):
        return anatomies[tuple(scan.grid.affine.round(3).ravel())]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("efface.study.measuring.locate", locate)
        patch.setattr("efface.study.knowing.locate", locate)
        patch.setattr("efface.study.rescan.locate", locate)
        config = load_config(path)
        with pytest.raises(Stopped):
            run_units(config, out, stop)
        first = {each: each.stat().st_mtime_ns for each in out.rglob("units/**/*.json")}
        page = run_study(config, out)
    return config, out, page, first


def test_what_was_done_is_not_done_again(finished):
    _, out, _, first = finished
    assert {path.relative_to(out / "units").as_posix() for path in first} == {
        "anna_1/original.json", "anna_1/template-mask.json",
    }  # fmt: skip
    assert all(path.stat().st_mtime_ns == before for path, before in first.items())
    assert len(list(out.rglob("units/**/*.json"))) == 6


def test_a_scan_that_cannot_be_read_stops_nothing(finished):
    _, out, page, _ = finished
    problems = pd.read_csv(out / "tables" / "problems.tsv", sep="\t")
    assert set(problems["scan"]) == {"broken"}
    units = pd.read_csv(out / "tables" / "units.tsv", sep="\t").set_index(["scan", "method"])
    assert units["status"].to_dict() == {
        (scan, method): "failed" if scan == "broken" else "done"
        for scan in ("anna_1", "anna_2", "broken") for method in ("original", "template-mask")
    }  # fmt: skip
    assert "broken" in page.read_text("utf-8")


def test_units_are_measured(finished):
    _, out, _, _ = finished
    units = pd.read_csv(out / "tables" / "units.tsv", sep="\t").set_index(["scan", "method"])
    mine = units.loc[("anna_1", "template-mask")]
    assert (mine["outcome"], mine["brain_voxels_changed"]) == ("success", 0)
    assert json.loads(mine["parameters"])["clearance_mm"] == 4.0
    coverage = pd.read_csv(out / "tables" / "coverage.tsv", sep="\t")
    assert coverage["covered"].min() > 0.8
    dice = pd.read_csv(out / "tables" / "dice.tsv", sep="\t")
    assert set(dice["pipeline"]) == {"network", "split"}
    split = dice[(dice["pipeline"] == "split") & (dice["structure"] == "whole_brain")]["dice"]
    assert split.between(0.7, 0.9999).all()  # the program takes the face for brain, and the face is gone
    measures = pd.read_csv(out / "tables" / "measures.tsv", sep="\t")
    muscle = measures[(measures["measure"] == "left temporalis volume") & (measures["scan"] == "anna_1")]
    before, after = muscle.set_index("method")["value"][["original", "template-mask"]]
    assert 0.4 * before < after < before
    assert (measures["measure"] == "MeanThickness").sum() == 4
    rescans = pd.read_csv(out / "tables" / "rescan.tsv", sep="\t")
    assert set(rescans["version"]) == {"rescan (1-2)", "rescan (2-1)"}
    assert (out / "defaced" / "template-mask" / "anna_1.nii.gz").is_file()


def test_rescans_are_named_as_in_the_paper_and_their_problems_told(finished, monkeypatch, tmp_path):
    """Gao et al. 2022, Figure 4: in Rescan(1-2), session 2 is laid on session 1."""
    from types import SimpleNamespace

    from efface.study import rescan

    def laid(still, moving, *_):
        return {"network": moving.entry.session}, {"split": "it broke", "elsewhere": "not run here"}

    monkeypatch.setattr(rescan, "_laid_and_segmented", laid)
    monkeypatch.setattr(rescan, "_rows", lambda still, found: [{"moving": found["network"]}])
    results = {"network": None, "split": None}
    one, two = (SimpleNamespace(entry=scan, results=results) for scan in finished[0].scans[:2])
    record = rescan.measure_rescan(one, two, finished[0], tmp_path)
    assert {row["version"]: row["moving"] for row in record["dice"]} == {"rescan (1-2)": "2", "rescan (2-1)": "1"}
    assert record["problems"] == {"rescan (1-2), split": "it broke", "rescan (2-1), split": "it broke"}


def test_another_parameter_is_another_result(finished, tmp_path):
    from dataclasses import replace

    from efface.study.runner import pending

    config, out, _, _ = finished
    left = {task.scan.name: task.units for task in pending(config, out)}
    assert left == {"broken": 2}  # what failed is tried again
    changed = replace(config.methods[0], parameters={"clearance_mm": 8.0})
    left = {task.scan.name: task.units for task in pending(replace(config, methods=(changed,)), out)}
    assert left == {"anna_1": 1, "anna_2": 1, "broken": 2}
    assert unit_path(out, "anna_1", "original").is_file()


def test_rescans_lie_on_one_another(heads, anatomies):
    """Laid on the first scan, the second scan's brain is where the first's is, to about a voxel."""
    import numpy as np

    import efface
    from efface.study.rescan import register_affine

    scans = [efface.read_scan(heads.folder / f"anna_{session}.nii.gz") for session in "12"]
    found = [anatomies[tuple(scan.grid.affine.round(3).ravel())] for scan in scans]
    start = np.eye(4)
    matrix = register_affine(scans[0], found[0], scans[1], start)
    truth = found[1].atlas_to_scan @ np.linalg.inv(found[0].atlas_to_scan)
    points = scans[0].grid.ras(np.argwhere(found[0].brain)[::50])
    missed = points @ (matrix - truth)[:3, :3].T + (matrix - truth)[:3, 3]
    moved = points @ (truth - start)[:3, :3].T + (truth - start)[:3, 3]
    assert np.linalg.norm(moved, axis=1).mean() > 4
    assert np.linalg.norm(missed, axis=1).mean() < 2.5


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("study", "out"), "give CONFIG.toml OUT_DIR"),
        (("study", "--demo", "a", "b"), "give CONFIG.toml OUT_DIR"),
        (("study", "a.toml", "out", "--people", "3"), "--people goes with --demo"),
        (("study", "none.toml", "out"), "none.toml"),
    ],
)
def test_wrong_calls(arguments, told, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(list(arguments)) in (2, 4)
    assert told in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_command_goes_on_where_it_was(finished, known_anatomy, heads, capsys):
    """All is there; what failed is tried again, and the page written anew."""
    _, out, page, _ = finished
    before = page.stat().st_mtime_ns
    assert main(["study", str(out.parent / "study.toml"), str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["report"] == str(page)
    assert page.stat().st_mtime_ns > before


def test_the_demonstration_has_enough_methods_and_the_same_people():
    assert len({method.name for method in METHODS}) == len(METHODS) >= 8
    assert {method.method for method in METHODS} <= set(TABLE)
    assert people_of(3) == people_of(8)[:3]
    assert {person.cohort for person in people_of(8)} == {"child", "adult", "older adult"}


def test_raters_open_what_a_study_kept(finished):
    folder = read_folder(finished[1])
    assert {item.method for item in folder.items} == {"template-mask"}
    assert all(item.original is not None and item.original.is_file() for item in folder.items)
    assert {item.person for item in folder.items} == {"anna"}


def test_what_depends_on_files_is_measured_again_when_they_change(finished, tmp_path):
    """A label table, a method's own template and a network installed later change results as parameters do."""
    from dataclasses import replace

    from efface.study.units import unit_fingerprint

    config, _, _, _ = finished
    scan, table, template = config.scans[0], tmp_path / "mine.tsv", tmp_path / "head.nii"
    pipeline = replace(config.pipelines[1], labels=str(table))
    method = replace(config.methods[0], parameters={"template": template})
    changed = replace(config, pipelines=(pipeline,), methods=(method,))
    marks = [unit_fingerprint(changed, scan, method)]
    for path in (table, template):
        path.write_text("another")
        marks.append(unit_fingerprint(changed, scan, method))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("efface.study.units.attackers", lambda: ("somebody new",))
        marks.append(unit_fingerprint(changed, scan, method))
    assert len(set(marks)) == 4


def test_nothing_of_an_earlier_run_is_left_where_a_method_now_gives_nothing(finished, known_anatomy, tmp_path):
    """Else raters would be shown, and attacks made on, what other parameters made."""
    import shutil
    from dataclasses import replace

    from efface.errors import VerificationError
    from efface.study.units import defaced_path, private_folder

    config, out, _, _ = finished
    copy = tmp_path / "copy"
    shutil.copytree(out, copy)
    scan = config.scans[0]
    method = replace(config.methods[0], parameters={"clearance_mm": 8.0})
    changed = replace(config, scans=(scan,), methods=(method,), options=replace(config.options, rescan=False))
    folder = private_folder(copy, scan.name, method.name)
    assert (folder / "surface.npz").is_file()

    def refuse(*_, **__):
        message = "not this scan"
        raise VerificationError(message)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("efface.study.measuring.plan", refuse)
        run_study(changed, copy)
    assert not [path for path in folder.glob("*") if path.is_file()]
    assert not defaced_path(copy, scan, method.name).exists()
    assert (copy / "scans.tsv").read_text("utf-8").count("\n") == 1


def test_two_runs_on_one_folder_are_refused(finished):
    from efface.batch.locks import LockedError, locked

    config, out, _, _ = finished
    with locked(out, ["study"]), pytest.raises(LockedError, match="another run"):
        run_study(config, out)


def test_ratings_that_cannot_be_read_are_told_before_anything_is_measured(finished, tmp_path):
    from dataclasses import replace

    from efface.errors import UsageError

    config, _, _, _ = finished
    ratings = tmp_path / "ratings.tsv"
    ratings.write_text("rater,answer\nA,yes\n")
    with pytest.raises(UsageError, match="no column"):
        run_study(replace(config, options=replace(config.options, ratings=ratings)), tmp_path / "out")
    assert not (tmp_path / "out" / "units").exists()


def test_raters_are_not_shown_yardsticks(finished):
    """Another converter's image has its face: nobody is to say whether it was removed."""
    from dataclasses import replace

    from efface.study.rated import write_scans

    config, out, _, _ = finished
    write_scans(replace(config, methods=(replace(config.methods[0], yardstick=True),)), out)
    assert (out / "scans.tsv").read_text("utf-8").count("\n") == 1
    write_scans(config, out)
