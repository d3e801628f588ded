"""``efface bids ... group``: the report by risk, and what a person decides about what was refused."""

import json

import pytest

pytest.importorskip("bidsschematools")

from tiny import REFUSED, write_image, write_json

from efface.cli import main

T1 = "sub-02/anat/sub-02_T1w"
NAME = f"{T1}.nii.gz"


@pytest.fixture
def command(raw, fake, capsys):
    """Run ``efface bids`` on a dataset with one image that is refused; gives its exit status and what it said."""
    write_image(raw / NAME, REFUSED)

    def run(level, *more):
        out = raw.parent / "out"
        status = main(["bids", str(raw), str(out), level, "--workers", "1", *more])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def table(path):
    header, *rows = [line.split("\t") for line in path.read_text("utf-8").splitlines()]
    return [dict(zip(header, row, strict=True)) for row in rows]


def test_the_report_puts_what_was_refused_first(command, raw):
    assert command("participant")[0] == 3
    status, out, _ = command("group")
    work = raw.parent / "out_efface"
    assert status == 3
    assert NAME in out
    rows = table(work / "report.tsv")
    assert rows[0]["image"] == NAME
    assert rows[0]["status"] == "refused"
    assert {row["status"] for row in rows[1:]} == {"verified"}
    assert len(json.loads((work / "report.json").read_text("utf-8"))["images"]) == len(rows) == 6
    page = (work / "report.html").read_text("utf-8")
    assert "Tiny &lt;b&gt;heads&lt;/b&gt;" in page
    assert "<b>heads" not in page
    (queued,) = table(work / "review.tsv")
    assert queued["image"] == NAME
    assert queued["look_at"] == f"review/{T1}_private.html"
    for attempt in ("asked", "extent full", "template-mask"):
        assert f"{attempt}: refused: face_gone" in queued["tried"]


def decide(command, verb, *more):
    return command("group", f"--{verb}", NAME, "--by", "A. Person", "--reason", "no face in view\n<b>", *more)


def test_what_a_person_accepts_is_written_and_claims_nothing(command, raw):
    command("participant")
    assert decide(command, "accept")[0] == 0
    told = json.loads((raw.parent / "out" / f"{T1}.json").read_text("utf-8"))
    assert told["efface"]["verified"] is False
    assert told["efface"]["review"]["reason"] == "no face in view\n<b>"
    assert "A. Person" not in json.dumps(told)
    assert "DeidentificationMethodCodeSequence" not in told
    assert (raw.parent / "out" / NAME).is_file()
    assert "sub-02" in (raw.parent / "out" / "participants.tsv").read_text("utf-8")
    (queued,) = table(raw.parent / "out_efface" / "review.tsv")
    assert (queued["decided_by"], queued["status"]) == ("A. Person", "accepted")
    assert queued["decided"].endswith("+00:00")
    assert command("participant")[0] == 3, "verification still refuses it"
    assert (raw.parent / "out" / NAME).is_file()
    assert command("group")[0] == 0, "the decision is remembered"


def test_what_is_rejected_later_is_taken_away(command, raw):
    command("participant")
    decide(command, "accept")
    assert decide(command, "reject")[0] == 0
    assert not (raw.parent / "out" / NAME).exists()
    assert not (raw.parent / "out" / f"{T1}.json").exists()
    decisions = (raw.parent / "out_efface" / "decisions.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["verb"] for line in decisions] == ["accepted", "rejected"]


def test_a_decision_about_one_result_says_nothing_of_another(command, raw):
    command("participant")
    decide(command, "reject")
    write_json(raw / f"{T1}.json", EchoTime=0.4)
    assert command("participant", "--fill", "noise")[0] == 1, "what lies there was made with another fill"
    assert command("participant", "--fill", "noise", "--overwrite")[0] == 3
    assert command("group")[0] == 3


def test_a_decision_does_not_outlive_its_source(command, raw):
    command("participant")
    decide(command, "accept")
    accepted = (raw.parent / "out" / NAME).read_bytes()
    write_image(raw / NAME, REFUSED, shift=1)
    assert command("participant")[0] == 3
    assert not (raw.parent / "out" / NAME).exists(), "nobody has looked at the new result"
    assert command("group")[0] == 3
    decide(command, "accept")
    assert (raw.parent / "out" / NAME).read_bytes() != accepted


def test_an_output_whose_new_source_is_refused_is_taken_away(command, raw):
    write_image(raw / NAME)
    assert command("participant")[0] == 0
    (raw / NAME).write_bytes(b"broken")
    assert command("participant")[0] == 4
    assert not (raw.parent / "out" / NAME).exists()
    assert not (raw.parent / "out" / f"{T1}.json").exists()


@pytest.mark.parametrize(
    ("level", "more", "word"),
    [
        ("group", ["--accept", NAME], "--by"),
        ("group", ["--accept", NAME, "--by", "me"], "--reason"),
        ("group", ["--accept", "sub-01/anat/x.nii.gz", "--by", "me", "--reason", "so"], "not in the review queue"),
        ("group", ["--accept", "../../etc/passwd", "--by", "me", "--reason", "so"], "not in the review queue"),
        ("participant", ["--accept", NAME], "group"),
        ("group", ["--dry-run"], "participant"),
        ("participant", ["--work-dir", "OUT/logs"], "shared"),
        ("participant", ["--masks", "--method", "magic"], "template-mask"),
        ("participant", ["--workers", "0"], "--workers"),
    ],
)
def test_bad_calls_end_with_2(command, raw, level, more, word):
    command("participant")
    before = sorted((raw.parent / "out").rglob("*"))
    status, _, err = command(level, *[each.replace("OUT", str(raw.parent / "out")) for each in more])
    assert status == 2
    assert word in err
    assert sorted((raw.parent / "out").rglob("*")) == before


@pytest.mark.parametrize("damage", ["cut", "another"])
def test_what_changed_since_it_was_looked_at_is_not_accepted(command, raw, damage):
    command("participant")
    (kept,) = (raw.parent / "out_efface" / "review").rglob("*_FAILED.nii.gz")
    kept.write_bytes(kept.read_bytes()[:100] if damage == "cut" else (raw / NAME).read_bytes())
    status, _, err = decide(command, "accept")
    assert status == 2
    assert "changed" in err
    assert not (raw.parent / "out" / NAME).exists()


def test_what_nobody_verified_in_the_new_dataset_is_told(command, raw):
    write_image(raw / NAME)
    assert command("participant")[0] == 0
    assert command("group")[0] == 0
    out = raw.parent / "out"
    stray = "sub-07/anat/sub-07_T1w.nii.gz"
    write_image(out / stray)
    status, said, _ = command("group")
    assert status == 3
    assert stray in said
    assert stray in (raw.parent / "out_efface" / "report.html").read_text("utf-8")
    assert command("group", "--participant-label", "01")[0] == 3
    (out / stray).unlink()
    assert command("group", "--participant-label", "01")[0] == 0


@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_file_that_was_changed_since_is_told(command, raw, damage):
    write_image(raw / NAME)
    command("participant")
    path = raw.parent / "out" / NAME
    path.unlink() if damage == "gone" else path.write_bytes(b"cut")
    status, said, _ = command("group")
    assert status == 1
    assert NAME in said
    assert command("participant")[0] == 0
    assert command("group")[0] == 0


def test_an_image_of_which_nothing_was_made_cannot_be_accepted(command, raw):
    from tiny import HOPELESS

    write_image(raw / NAME, HOPELESS)
    command("participant")
    status, _, err = decide(command, "accept")
    assert status == 2
    assert "nothing was made" in err


def test_the_output_is_never_in_the_input(raw, capsys):
    assert main(["bids", str(raw), str(raw / "derivatives" / "efface"), "participant"]) == 2
    assert "elsewhere" in capsys.readouterr().err


def test_ages_are_warned_of_whenever_they_are_copied(command):
    for level in ("participant", "group"):
        assert "sub-01: older than 89" in command(level)[2]


def test_one_json_document(command, raw):
    status, out, _ = command("participant", "--json", "--participant-label", "01", "02")
    document = json.loads(out)
    assert document["exit_status"] == status == 3
    assert document["counts"] == {"verified": 5, "refused": 1}
    status, out, _ = command("participant", "--json", "--dry-run", "--participant_label", "02")
    assert json.loads(out)["scans"] == [NAME]
    status, out, _ = command("group", "--json")
    assert json.loads(out)["counts"] == {"refused": 1, "verified": 5}
