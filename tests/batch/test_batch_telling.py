"""What is recorded of a scan names no folder of the person who ran it."""

from pathlib import Path

from fake_work import jobs_for

from efface.batch.telling import guarded
from efface.errors import ProgramError


def test_what_a_program_said_of_the_home_folder_is_not_recorded(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "home", lambda: Path("/home/erika"))
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "one.nii").write_bytes(b"x")
    (job,) = jobs_for(tmp_path / "in", tmp_path / "out")

    def work(job, tell):
        message = f"prog failed; it said: /home/erika/licence is missing | {tmp_path}/in/one.nii"
        raise ProgramError(message)

    (record,) = guarded(job, work)
    assert record.message == "prog failed; it said: ~/licence is missing | one.nii"
