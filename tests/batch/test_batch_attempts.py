"""Images of a session: together, then by alternatives, and never past the check against each other."""

from dataclasses import dataclass

import pytest

import efface.batch.attempts as attempts
from efface.batch.attempts import Member, attempt_all
from efface.errors import SessionError, VerificationError
from efface.verdict import Check, Verdict

NO_BRAIN = "no brain was found"
ALTERNATIVES = (("wide", {"extent": "full"}), ("template", {"method": "template-mask"}))


@dataclass(frozen=True)
class Result:
    """Stands for what was made of a scan."""

    scan: str
    beside: tuple[str, ...]
    verdict: Verdict


def verdict(failing=None):
    return Verdict((Check(failing or "fine", failing is None, 1.0, 2.0, "mm", "It is."),))


@pytest.fixture
def fails(monkeypatch):
    """Scan's name -> (the check it fails, the options under which it passes)."""
    table = {}

    def one(scan, beside, options):
        check, passes = table.get(scan, (None, {}))
        return Result(scan, beside, verdict(None if check is None or options in passes else check))

    def together(scans, **options):
        lost = {place: VerificationError(NO_BRAIN) for place, scan in enumerate(scans) if scan == "lost"}
        if lost:
            raise SessionError(NO_BRAIN, lost)
        return tuple(one(scan, tuple(scans), options) for scan in scans)

    def alone(scan, **options):
        if scan == "lost":
            raise VerificationError(NO_BRAIN)
        return one(scan, (scan,), options)

    monkeypatch.setattr(attempts, "deface_scans", together)
    monkeypatch.setattr(attempts, "deface_scan", alone)
    return table


def attempted(*scans, alternatives=ALTERNATIVES):
    members = [Member(scan) for scan in scans]
    attempt_all(members, {}, alternatives)
    return dict(zip(scans, members, strict=True))


def test_a_good_session_is_done_once_together(fails):
    done = attempted("a", "b", "c")
    assert {member.how for member in done.values()} == {"asked, 3 images together"}
    assert all(member.tried == [] for member in done.values())


@pytest.mark.parametrize("name", ["lost", "bad"])
def test_one_refused_image_leaves_no_trace_in_the_others(fails, name):
    fails["bad"] = ("face", [])
    done = attempted("a", name, "b")
    assert done["a"].passed.beside == done["b"].passed.beside == ("a", "b")
    assert done[name].passed is None
    assert [each["attempt"] for each in done[name].tried] == ["asked", "wide", "template"]


def test_an_alternative_is_made_beside_those_that_passed(fails):
    fails["bad"] = ("face", [{"method": "template-mask"}])
    done = attempted("a", "bad")
    assert done["bad"].passed.beside == ("a", "bad")
    assert done["bad"].how == "template, 2 images together"
    assert done["bad"].refusal is None
    assert done["a"].passed.beside == ("a",)
    assert [each["attempt"] for each in done["bad"].tried] == ["asked", "wide"]


def test_an_image_that_does_not_fit_to_the_others_is_not_tried_alone(fails):
    fails["a"] = ("session_face_covered", [{"method": "template-mask"}, {"extent": "full"}])
    done = attempted("a", "b")
    assert done["a"].passed is None
    assert [each["attempt"] for each in done["a"].tried] == ["asked"]
    assert done["a"].refused.verdict.failed[0].name == "session_face_covered"


def test_what_was_made_first_is_kept_for_a_person_to_look_at(fails):
    fails["bad"] = ("face", [])
    assert attempted("bad")["bad"].refused.scan == "bad"
    assert attempted("lost")["lost"].refused is None
