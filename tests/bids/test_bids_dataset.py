"""``efface bids``: what gets into the new dataset, and what never does."""

import gzip
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

pytest.importorskip("bidsschematools")

from tiny import FACE, HOPELESS, REFUSED, write_image, write_json

from efface.batch import Where
from efface.bids.dataset import read_dataset
from efface.bids.forecast import foresee
from efface.bids.layouts import Layout, Wish, alternatives_to, jobs_of
from efface.bids.running import run_participants
from efface.errors import InputError, UsageError
from efface.io.codec import without_name

OPTIONS = {"method": "anatomy", "fill": "zero"}
VALIDATOR = Path(sys.executable).with_name("bids-validator-deno")
T1 = "sub-01/ses-1/anat/sub-01_ses-1_run-1_T1w"
BOLD = "sub-01/ses-1/func/sub-01_ses-1_task-rest_bold.nii.gz"


def wish(root, **more):
    return Wish(root.parent / "out", root.parent / "work", **{"options": OPTIONS, **more})


def run(root, asked=None, **choice):
    asked = asked or wish(root)
    return run_participants(read_dataset(root, **choice), asked, Where(1))


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def sidecar(root, name):
    return json.loads((root.parent / "out" / f"{name}.json").read_text("utf-8"))


def errors_in(folder):
    if not VALIDATOR.exists():
        pytest.skip("bids-validator-deno is not installed")
    done = subprocess.run([VALIDATOR, str(folder), "--json"], capture_output=True, text=True, check=False)
    return [issue for issue in json.loads(done.stdout)["issues"]["issues"] if issue["severity"] == "error"]


@pytest.mark.usefixtures("fake")
class TestRaw:
    def test_only_what_belongs_is_there(self, raw):
        outcome = run(raw)
        assert {record.status.value for record in outcome.records} == {"verified"}
        assert files(raw.parent / "out") == sorted([
            ".bidsignore", "README", "T1w.json", "dataset_description.json", "participants.json", "participants.tsv",
            "sub-01/ses-1/anat/sub-01_ses-1_FLAIR.json", "sub-01/ses-1/anat/sub-01_ses-1_FLAIR.nii.gz",
            f"{T1}.json", f"{T1}.nii.gz",
            "sub-01/ses-1/anat/sub-01_ses-1_run-2_T1w.json", "sub-01/ses-1/anat/sub-01_ses-1_run-2_T1w.nii.gz",
            "sub-01/ses-1/func/sub-01_ses-1_task-rest_bold.nii.gz",
            "sub-01/ses-1/func/sub-01_ses-1_task-rest_events.tsv",
            "sub-01/ses-1/sub-01_ses-1_scans.tsv",
            "sub-01/ses-2/anat/sub-01_ses-2_T2w.json", "sub-01/ses-2/anat/sub-01_ses-2_T2w.nii.gz",
            "sub-02/anat/sub-02_T1w.json", "sub-02/anat/sub-02_T1w.nii.gz", "task-rest_bold.json",
        ])  # fmt: skip
        for name in ("sourcedata/sub-01_T1w.nii.gz", "derivatives/x/sub-01_T1w.nii.gz", "code/run.sh",
                     "sub-02/anat/face.nii.gz", "sub-02/anat/sub-02_localizer.nii.gz", "extra/x.nii.gz",
                     "sub-02/figures/sub-02_T1w.png", "sub-02/anat/sub-02_mod-T1w_defacemask.nii.gz"):  # fmt: skip
            assert outcome.left_out[name]

    def test_sessions_are_done_together_and_apart_from_one_another(self, raw):
        together = {tuple(image.name for image in job.images) for job in jobs_of(read_dataset(raw), wish(raw))}
        assert sorted(map(len, together)) == [1, 1, 1, 3]
        run(raw)
        assert sidecar(raw, T1)["efface"]["parameters"]["session"] == 3

    def test_a_sidecar_keeps_its_fields_and_inherits_as_before(self, raw):
        run(raw)
        one, two = sidecar(raw, T1), sidecar(raw, T1.replace("run-1", "run-2"))
        assert (one["EchoTime"], one["PatientName"]) == (0.2, "Erika")
        assert (two["EchoTime"], two["PatientName"]) == (0.3, "Erika")
        assert "MagneticFieldStrength" not in one, "it is still inherited"
        assert one["DeidentificationMethod"][0].startswith("efface ")
        assert one["DeidentificationMethodCodeSequence"][0]["CodeValue"] == "113102"

    def test_what_was_done_before_stays_said(self, raw):
        write_json(raw / "sub-02" / "anat" / "sub-02_T1w.json", DeidentificationMethod=["dcm2niix"], Keep=1)
        run(raw)
        told = sidecar(raw, "sub-02/anat/sub-02_T1w")
        assert told["DeidentificationMethod"][0] == "dcm2niix"
        assert len(told["DeidentificationMethod"]) == 2
        assert told["Keep"] == 1

    def test_the_description_says_who_made_it_of_what(self, raw):
        run(raw)
        told = json.loads((raw.parent / "out" / "dataset_description.json").read_text("utf-8"))
        assert told["GeneratedBy"][-1]["Name"] == "efface"
        assert told["SourceDatasets"] == [{"DOI": "10.1/x"}]
        assert told["DatasetType"] == "raw"

    def test_the_validator_finds_no_error(self, raw):
        (raw / "participants.tsv").write_text("participant_id\tage\nsub-01\t80\nsub-02\t30\nsub-03\t89\n")
        run(raw)
        assert errors_in(raw.parent / "out") == []

    def test_voxels_of_what_is_copied_stay_and_no_name_is_in_the_file(self, raw):
        run(raw)
        name = "sub-01/ses-1/func/sub-01_ses-1_task-rest_bold.nii.gz"
        data = (raw.parent / "out" / name).read_bytes()
        assert b"Erika" not in data[:64]
        before, after = nib.load(raw / name), nib.load(raw.parent / "out" / name)
        np.testing.assert_array_equal(before.dataobj, after.dataobj)

    @pytest.mark.parametrize("kind", [REFUSED, HOPELESS, "truncated"])
    def test_what_is_not_verified_is_nowhere_in_the_output(self, raw, kind):
        path = raw / f"{T1}.nii.gz"
        if kind == "truncated":
            path.write_bytes(path.read_bytes()[:60])
        else:
            write_image(path, kind)
        outcome = run(raw)
        assert [record.output for record in outcome.records if record.status.value != "verified"] == [f"{T1}.nii.gz"]
        there = files(raw.parent / "out")
        assert not [name for name in there if name.startswith(T1)]
        scans = (raw.parent / "out" / "sub-01" / "ses-1" / "sub-01_ses-1_scans.tsv").read_text("utf-8")
        assert "run-1_T1w" not in scans
        assert "run-2_T1w" in scans
        assert "../x" not in scans

    def test_an_image_with_a_face_is_not_copied_nor_what_belongs_to_it(self, raw):
        write_image(raw / "sub-01/ses-1/func/sub-01_ses-1_task-rest_bold.nii.gz", FACE, volumes=2)
        outcome = run(raw)
        assert not [name for name in files(raw.parent / "out") if "rest" in name]
        assert "task-rest_bold.json" in outcome.left_out
        assert [r.status.value for r in outcome.records if "bold" in r.output] == ["refused"]

    def test_a_copy_goes_when_its_source_shows_a_face_later(self, raw):
        name = "sub-01/ses-1/func/sub-01_ses-1_task-rest_bold.nii.gz"
        run(raw)
        write_image(raw / name, FACE, volumes=2)
        run(raw)
        assert not [each for each in files(raw.parent / "out") if "rest" in each]

    def test_other_modalities_by_option(self, raw):
        write_image(raw / "sub-01/ses-1/func/sub-01_ses-1_task-rest_bold.nii.gz", FACE, volumes=2)
        run(raw, also=["func"])
        told = sidecar(raw, "sub-01/ses-1/func/sub-01_ses-1_task-rest_bold")
        assert told["efface"]["parameters"]["session"] == 4

    def test_modalities_that_a_person_knows_are_copied_without_a_look(self, raw):
        write_image(raw / "sub-01/ses-1/func/sub-01_ses-1_task-rest_bold.nii.gz", FACE, volumes=2)
        run(raw, carry=["func"])
        assert {"sub-01/ses-1/func/sub-01_ses-1_task-rest_bold.nii.gz", "task-rest_bold.json"} < {
            *files(raw.parent / "out")
        }

    @pytest.mark.parametrize("carry", [[], ["eeg"]])
    def test_what_efface_cannot_look_at_is_left_out_with_all_that_belongs_to_it(self, raw, carry):
        eeg = "sub-02/eeg/sub-02_task-rest_"
        for name in ("eeg.edf", "channels.tsv", "events.tsv", "eeg.json"):
            (raw / "sub-02" / "eeg").mkdir(exist_ok=True)
            (raw / f"{eeg}{name}").write_bytes(b"{}")
        write_json(raw / "task-rest_eeg.json", TaskName="rest")
        run(raw, carry=carry)
        there = files(raw.parent / "out")
        assert len([name for name in there if name.startswith(eeg)]) == (4 if carry else 0)
        assert ("task-rest_eeg.json" in there) == bool(carry)

    def test_one_participant_after_another_gives_the_same_dataset(self, raw):
        run(raw)
        whole = {name: (raw.parent / "out" / name).read_bytes() for name in files(raw.parent / "out")}
        shutil.rmtree(raw.parent / "out")
        shutil.rmtree(raw.parent / "work")
        run(raw, participants=["02"])
        assert "sub-01" not in (raw.parent / "out" / "participants.tsv").read_text("utf-8")
        run(raw, participants=["sub-01"])
        assert {name: (raw.parent / "out" / name).read_bytes() for name in files(raw.parent / "out")} == whole

    def test_masks(self, raw):
        run(raw, wish(raw, masks=True))
        mask = nib.load(raw.parent / "out" / T1.replace("run-1_T1w", "run-1_mod-T1w_defacemask.nii.gz"))
        assert set(np.unique(mask.dataobj)) == {0, 1}
        with pytest.raises(UsageError, match="may follow the face"):
            wish(raw, masks=True, options={"method": "mideface"})

    def test_nothing_names_the_person_or_the_machine(self, raw):
        (raw / f"{T1}.nii.gz").write_bytes(b"text")
        run(raw)
        for folder in ("out", "work"):
            for name in files(raw.parent / folder):
                assert str(raw.parent).encode() not in (raw.parent / folder / name).read_bytes()

    def test_the_input_is_as_it_was(self, raw):
        before = {name: (raw / name).read_bytes() for name in files(raw)}
        run(raw)
        assert {name: (raw / name).read_bytes() for name in files(raw)} == before


@pytest.mark.usefixtures("fake")
def test_derivatives(raw):
    (raw / "participants.tsv").write_text("participant_id\tage\nsub-01\t80\nsub-02\t30\n")
    run(raw, wish(raw, layout=Layout.DERIVATIVES, masks=True))
    out = raw.parent / "out"
    assert "sub-01/ses-1/anat/sub-01_ses-1_run-1_desc-defaced_T1w.nii.gz" in files(out)
    assert not [name for name in files(out) if "bold" in name or "scans" in name]
    told = sidecar(raw, "sub-01/ses-1/anat/sub-01_ses-1_run-1_desc-defaced_T1w")
    assert told["SkullStripped"] is False
    assert (told["MagneticFieldStrength"], told["EchoTime"]) == (3, 0.2), "nothing to inherit from lies here"
    described = json.loads((out / "dataset_description.json").read_text("utf-8"))
    assert described["DatasetType"] == "derivative"
    assert errors_in(out) == []


def test_forecast(raw):
    (raw / "sub-02" / "anat" / "sub-02_T2w.nii.gz").symlink_to("/etc/hostname")
    told = foresee(read_dataset(raw), wish(raw), Where(1))
    assert len(told.scans) == 5
    assert told.looked_at == ("sub-01/ses-1/func/sub-01_ses-1_task-rest_bold.nii.gz",)
    assert told.over_89 == ("sub-01",)
    assert told.identifying == {"sub-01/ses-1/anat/sub-01_ses-1_T1w.json": ["PatientName"]}
    assert "leads out" in told.left_out["sub-02/anat/sub-02_T2w.nii.gz"]
    assert told.free_gb > 0
    assert told.minutes > 0
    assert not (raw.parent / "out").exists()


@pytest.mark.parametrize("label", ["04", "../sub-01", "", "01/../02", "*"])
def test_unknown_participants(raw, label):
    with pytest.raises(UsageError, match="no participant"):
        read_dataset(raw, [label])


@pytest.mark.parametrize("text", [None, "no json", "[]"])
def test_no_dataset(raw, text):
    (raw / "dataset_description.json").unlink()
    if text:
        (raw / "dataset_description.json").write_text(text)
    with pytest.raises(InputError, match=r"dataset_description\.json"):
        read_dataset(raw)


def test_a_dataset_without_images(raw):
    for path in raw.rglob("*.nii.gz"):
        path.unlink()
    with pytest.raises(InputError, match="no anatomical image"):
        run(raw)
    assert not (raw.parent / "out").exists()


def test_anatomy_is_never_copied_as_it_is(raw):
    with pytest.raises(UsageError, match="never copied"):
        read_dataset(raw, carry=["anat"])
    with pytest.raises(UsageError, match="not both"):
        read_dataset(raw, carry=["pet"], also=["pet"])


def test_alternatives_never_remove_less():
    assert [name for name, _ in alternatives_to(OPTIONS)] == ["extent full", "template-mask"]
    assert alternatives_to({"method": "template-mask", "fill": "noise"}) == ()
    assert [name for name, _ in alternatives_to({**OPTIONS, "extent": "full"})] == ["template-mask"]
    assert [name for name, _ in alternatives_to({**OPTIONS, "keep": ("ears",)})] == ["extent full"]


def test_a_session_that_is_too_large_is_split(raw, monkeypatch):
    monkeypatch.setattr("efface.bids.layouts.TOGETHER", 1100)
    jobs = jobs_of(read_dataset(raw, ["01"]), wish(raw))
    assert [len(job.images) for job in jobs if "anat" in job.images[0].name] == [1, 2, 1]
    assert jobs[0].facts["groups"] == 2


@pytest.mark.parametrize("flags", [0, 2, 4, 8, 16, 30])
def test_gzip_headers_lose_what_tools_wrote(flags):
    import gzip

    packed = gzip.compress(b"voxels", mtime=0)
    more = b"".join(part for flag, part in ((4, b"\2\0xx"), (8, b"Erika\0"), (16, b"no\0"), (2, b"??")) if flags & flag)
    named = packed[:3] + bytes([flags]) + b"1234" + packed[8:10] + more + packed[10:]
    assert without_name(named) == packed
    assert without_name(b"plain") == b"plain"


@pytest.mark.usefixtures("fake")
class TestWhatMustNotLeak:
    def test_rows_of_people_who_are_not_there(self, raw):
        write_image(raw / "sub-02/anat/sub-02_T1w.nii.gz", REFUSED)
        (raw / "phenotype").mkdir()
        (raw / "phenotype" / "scores.tsv").write_text("participant_id\tscore\nsub-01\t3\nsub-02\t4\nsub-09\t5\n")
        run(raw)
        assert (raw.parent / "out/phenotype/scores.tsv").read_text() == "participant_id\tscore\nsub-01\t3\n"

    @pytest.mark.parametrize(
        "table", [b"id\tage\nsub-01\t93\nsub-02\t4\n", "participant_id\tage\nsub-02\t4\n".encode("utf-16"), b""]
    )
    def test_a_table_whose_rows_cannot_be_told_apart(self, raw, table):
        run(raw)
        (raw / "participants.tsv").write_bytes(table)
        outcome = run(raw)
        assert "participant_id" in outcome.left_out["participants.tsv"]
        assert not (raw.parent / "out" / "participants.tsv").exists(), "an earlier run copied it"

    @pytest.mark.parametrize("value", ["/etc/hostname", "a" * 300, "\0", "../../README"])
    def test_rows_that_lead_elsewhere(self, raw, value):
        scans = "sub-01/ses-1/sub-01_ses-1_scans.tsv"
        (raw / scans).write_text(f"filename\n{value}\nanat/sub-01_ses-1_FLAIR.nii.gz\n")
        run(raw)
        assert (raw.parent / "out" / scans).read_text() == "filename\nanat/sub-01_ses-1_FLAIR.nii.gz\n"

    def test_what_follows_the_voxels_of_an_image_that_is_copied(self, raw):
        path = raw / BOLD
        whole = gzip.decompress(path.read_bytes())
        second = io.BytesIO()
        with gzip.GzipFile("Erika.nii", "wb", fileobj=second) as packed:
            packed.write(b"another image with a face")
        path.write_bytes(gzip.compress(whole) + second.getvalue())
        run(raw)
        made = (raw.parent / "out" / BOLD).read_bytes()
        assert b"Erika" not in made
        assert gzip.decompress(made) == whole

    def test_text_in_headers_and_sidecars_is_told_of(self, raw):
        write_json(raw / f"{T1}.json", **{"global": {"const": {"PatientName": "Erika"}}})
        image = nib.load(raw / BOLD)
        image.header["descrip"] = b"Erika"
        nib.save(image, raw / BOLD)
        notes = {record.output: " ".join(record.notes) for record in run(raw).records}
        assert "PatientName" in notes[f"{T1}.nii.gz"]
        assert "descrip" in notes[BOLD]
        assert "Erika" not in " ".join(notes.values())

    def test_links_in_the_output_are_not_followed(self, raw):
        (raw.parent / "out").mkdir()
        (raw.parent / "elsewhere").mkdir()
        (raw.parent / "out" / "phenotype").symlink_to(raw.parent / "elsewhere")
        (raw / "phenotype").mkdir()
        (raw / "phenotype" / "scores.tsv").write_text("participant_id\tscore\nsub-01\t3\n")
        with pytest.raises(UsageError, match="link"):
            run(raw)
        assert files(raw.parent / "elsewhere") == []


@pytest.mark.parametrize(
    ("column", "age", "old"),
    [("age", "89", False), ("age", "90", True), ("Age", "91+", True), ("age_years", "095Y", True),
     ("age", "90+", False), ("age", "102 years", True), ("age", "n/a", False), ("age", "1100m", True),
     ("age", "95-99", True), ("sage", "95", False), ("PatientAge", "091Y", True), ("age", "089Y", False)],
)  # fmt: skip
def test_ages_above_89_are_told_however_they_are_written(raw, column, age, old):
    (raw / "participants.tsv").write_text(f"participant_id\t{column}\nsub-01\t{age}\n")
    assert foresee(read_dataset(raw), wish(raw), Where(1)).over_89 == (("sub-01",) if old else ())


def test_ages_are_looked_for_in_sessions_too(raw):
    (raw / "participants.tsv").write_text("participant_id\nsub-01\n")
    (raw / "sub-01" / "sub-01_sessions.tsv").write_text("session_id\tage\nses-1\t93\n")
    assert foresee(read_dataset(raw), wish(raw), Where(1)).over_89 == ("sub-01",)


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize(
    ("name", "data"),
    [("dataset_description.json", b'{"Name": "x", "BIDSVersion": "1.10.0", "GeneratedBy": null}'),
     (".bidsignore", b"[z-a]\n"), ("participants.tsv", b"participant_id\tage\nsub-01\t9" + b"x" * 200_000 + b"\n"),
     (f"{T1}.json", b"[" * 100_000), (f"{T1}.json", b'{"EchoTime": NaN, "x": 1e999}')],
)  # fmt: skip
def test_odd_text_ends_no_run(raw, name, data):
    (raw / name).write_bytes(data)
    foresee(read_dataset(raw), wish(raw), Where(1))
    assert {record.status.value for record in run(raw).records} == {"verified"}


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("at", [70, 110, 0])
def test_one_header_that_lies_ends_no_run(raw, at):
    path = raw / "sub-02/anat/sub-02_T1w.nii.gz"
    whole = bytearray(gzip.decompress(path.read_bytes()))
    whole[at : at + 2] = b"\xff\x7f"
    path.write_bytes(gzip.compress(bytes(whole)))
    came = [record.status.value for record in run(raw).records]
    assert came.count("verified") == len(came) - (at > 0)
