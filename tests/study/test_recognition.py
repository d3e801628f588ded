"""What raters said in the recognition task arrives in the report as `efface rate` writes it."""

from dataclasses import replace

import pytest

pytest.importorskip("pandas")
pytest.importorskip("statsmodels")
pytest.importorskip("matplotlib")

from efface.errors import UsageError
from efface.rating.desk import Desk
from efface.rating.export import ratings_table
from efface.rating.folder import read_folder
from efface.rating.form import load_form
from efface.rating.store import Store
from efface.study.analyses.recognition import recognition
from efface.study.config import MethodEntry, Options, ScanEntry, StudyConfig
from efface.study.simulated_raters import write_simulated_ratings
from efface.study.tables import gather
from efface.study.units import private_folder, unit_path, write_record

PEOPLE = ("ann", "bob", "cleo")
SAFE, ROUGH = "anatomy", "quickshear"


@pytest.fixture
def rated(tmp_path):
    """Three people by two methods, photographs of two; a rater who knows all by one method, and originals."""
    (tmp_path / "image.nii.gz").write_bytes(b"nobody looks")
    rows = ["scan\tmethod\tdefaced\toriginal\tperson"]
    rows += [f"{who}_1\t{method}\timage.nii.gz\t{who}.nii\t{who}" for who in PEOPLE for method in (SAFE, ROUGH)]
    for who in PEOPLE:
        (tmp_path / f"{who}.nii").write_bytes(b"nobody looks")
    (tmp_path / "scans.tsv").write_text("\n".join(rows) + "\n")
    (tmp_path / "photographs.tsv").write_text("person\tfile\nbob\timage.nii.gz\nann\timage.nii.gz\n")
    folder, store = read_folder(tmp_path), Store(tmp_path)
    desk = Desk(folder, {"recognition": load_form("recognition", len(folder.photographs))}, store)
    right = {"bob_1": "photograph 1", "ann_1": "photograph 2", "cleo_1": "none"}
    while (shown := desk.place("R", "recognition").shown) is not None:
        said = "photograph 1" if shown.method == SAFE else right[shown.scan]
        desk.confirm("R", "recognition", shown.rating_id, {"person": said})
    desk.debrief("R", "recognition", {"familiarity_1": "known", "familiarity_2": "unknown", "difficulty": "4"})
    (tmp_path / "ratings.tsv").write_bytes(ratings_table(store.events(), desk.forms))
    store.close()
    return tmp_path


@pytest.fixture
def study(rated):
    scans = tuple(ScanEntry(f"{who}_1", rated / f"{who}.nii", who) for who in PEOPLE)
    methods = tuple(MethodEntry(name, name) for name in (SAFE, ROUGH))
    for scan in scans:
        for version in ("original", SAFE, ROUGH):
            write_record(unit_path(rated, scan.name, version), {"fingerprint": "x", "status": "done"})
    return gather(StudyConfig("x", scans, methods, (), options=Options(ratings=rated / "ratings.tsv")), rated)


def tables(study):
    return {item.key: item.frame for item in recognition(study)}


def test_answers_are_scored_by_the_photographs(study):
    found = tables(study)["theyers-recognition"].set_index("version")
    assert list(found.index) == ["original", SAFE, ROUGH]
    assert found.loc[SAFE, ["answers", "right %", "photographed", "recognised %"]].tolist() == pytest.approx(
        [3, 100 / 3, 2, 50]
    )
    assert found.loc[ROUGH, ["right %", "recognised %"]].tolist() == [100, 100]
    assert found.loc["original", "recognised %"] == 100
    assert found.loc[SAFE, "chance %"] == pytest.approx(100 / 3)  # two photographs, or none of them


def test_nobody_is_right_because_nobody_was_recognised(study):
    """Had all said "none of them", that would be wrong of the two people whose photographs were shown."""
    ratings = study["ratings"].assign(answer="none")
    found = {item.key: item.frame for item in recognition(replace(study, frames={**study.frames, "ratings": ratings}))}
    row = found["theyers-recognition"].set_index("version").loc[SAFE]
    assert row["right %"] == pytest.approx(100 / 3)
    assert row["recognised %"] == 0


def test_what_a_rater_knows_of_people_is_told_apart(study):
    found = tables(study)["theyers-recognition-familiarity"].set_index(["version", "familiarity"])
    assert found.loc[(SAFE, "known"), ["heads", "recognised %"]].tolist() == [1, 100]
    assert found.loc[(SAFE, "unknown"), ["heads", "recognised %"]].tolist() == [1, 0]
    said = tables(study)["theyers-recognition-debriefing"].set_index(["question", "answer"])
    assert said.loc[("difficulty", "4"), "raters"] == 1


def test_without_the_photographs_nothing_is_scored(study, rated):
    (rated / "photographs.tsv").unlink()
    with pytest.raises(UsageError, match=r"photographs\.tsv"):
        list(recognition(study))


def test_simulated_raters_know_faces_and_guess_without(tmp_path):
    """The demonstration's raters answer as people do on the page; of the last person there is no photograph."""
    people = [f"p{number}" for number in range(6)]
    scans = tuple(ScanEntry(f"{who}_{day}", tmp_path / "x.nii", who, day) for who in people for day in "12")
    for scan in scans:
        folder = private_folder(tmp_path, scan.name, "original")
        folder.mkdir(parents=True)
        (folder / "front.png").write_bytes(b"a picture")
        for version, covered in (("original", None), (SAFE, 1.0), (ROUGH, 0.1)):
            record = {"fingerprint": "x", "status": "done", "outcome": "success", "two_criteria": True, "coverage": []}
            record |= {"face_covered": covered} if covered is not None else {}
            write_record(unit_path(tmp_path, scan.name, version), record)
    methods = tuple(MethodEntry(name, name) for name in (SAFE, ROUGH))
    config = StudyConfig("x", scans, methods, (), options=Options(ratings=tmp_path / "ratings.tsv"))
    write_simulated_ratings(config, tmp_path)
    found = tables(gather(config, tmp_path))["theyers-recognition"].set_index("version")
    assert found.loc[["original", ROUGH], "recognised %"].min() > 70
    assert found.loc[SAFE, "recognised %"] < 40
    assert set(found["photographed"]) == {15}
    assert set(found["answers"]) == {18}
