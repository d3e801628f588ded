"""A session: several images of one person, each decided on its own, then checked against the others; all or none."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from efface.crossing import Movements, cross, movements, session_checks
from efface.deface_plan import DefacePlan, apply_plan
from efface.errors import SessionError, VerificationError
from efface.io import header_warnings, read_scan
from efface.io.atomic import Contents, write_all
from efface.methods import DEFAULT, get_method
from efface.outputs import AnyPath, Outputs, check_session
from efface.pipeline import Defaced, Progress, silent, write_reports
from efface.planning import decide, fill_of, plan_decided
from efface.scan import Scan
from efface.session_anatomy import Member, find_members
from efface.verdict import Verdict
from efface.verification import verify

LOG = logging.getLogger("efface")
HEADERS_AGREE_MM = 15.0
"""Headers that put one face farther apart than this hardly share a world: the brains decide, and it is said."""
CLEARANCE_MM = 4.0
"""For what the other images add, where the method has no such parameter."""
OWN = "decided on its own; what the session's other images remove was added"
TAKEN = "too little of the brain to decide: anatomy taken from the session's best image, as the headers lie"


def deface_session(
    images: Sequence[tuple[AnyPath, AnyPath]],
    *,
    report: AnyPath | None = None,
    private_report: AnyPath | None = None,
    overwrite: bool = False,
    write_failed: bool = False,
    progress: Progress = silent,
    **options: Any,
) -> tuple[Defaced, ...]:
    """Remove the face from all images of one person's session; they are written together, or none of them.

    Each image is decided on its own. What one image loses of the face is removed from the others too, wherever they
    show it; the head may have moved between them. An image that shows too little brain to be decided takes the region
    from the session's best image, and its plan says so.

    Parameters
    ----------
    images : pairs of a NIfTI or MGZ file, or a folder with one DICOM series, and the path to write
    report : also write a shareable page and picture of each image into this folder
    private_report : also write before and after, and logs that name the inputs, into this folder; keep it private
    overwrite : replace existing outputs; an input is never replaced
    write_failed : write the images that were refused as ``*_FAILED``; the session is refused all the same
    progress : called with the name of each step as it begins
    **options : method, fill and the method's own parameters; see `efface.plan`

    Returns
    -------
    results : in the order of ``images``

    Raises
    ------
    InputError
        An image cannot be read.
    UsageError
        The call cannot be done; nothing was started.
    OutputError
        An output cannot be written.
    SessionError
        An image was refused: nothing of the session was written as if it were fine.
    """
    outputs = check_session(
        images, overwrite=overwrite, write_failed=write_failed, reports=bool(report or private_report)
    )
    scans = read_session(images, outputs, progress)
    results = deface_scans(scans, progress=progress, **options)
    progress("write")
    refused = [place for place, result in enumerate(results) if not result.verdict.passed]
    for place in refused or range(len(results)):
        write_reports(results[place], Path(images[place][0]), outputs[place], report, private_report)
    if refused and write_failed:
        write_all(_contents(results, [output.failed for output in outputs], refused), overwrite=overwrite)
    if refused:
        raise _refused({place: _refusal(results[place]) for place in refused}, len(results))
    write_all(_contents(results, outputs, range(len(results))), overwrite=overwrite)
    return results


def read_session(
    images: Sequence[tuple[AnyPath, AnyPath]], outputs: Sequence[Outputs], progress: Progress = silent
) -> list[Scan]:
    """Read the images of a session; warn of what their headers tell.

    Raises
    ------
    InputError
        An image cannot be read.
    UsageError
        An output's name does not fit its image's format.
    """
    progress("read")
    scans = [read_scan(source) for source, _ in images]
    for scan, output, (source, _) in zip(scans, outputs, images, strict=True):
        output.check_format(scan)
        for warning in header_warnings(scan):
            LOG.warning("%s: %s", source, warning)
    return scans


def deface_scans(scans: Sequence[Scan], *, progress: Progress = silent, **options: Any) -> tuple[Defaced, ...]:
    """Deface a session in memory and judge it; a failed verdict raises nothing and nothing is written.

    Parameters
    ----------
    scans : images of one person
    progress : called with the name of each step as it begins
    **options : method, fill and the method's own parameters; see `efface.plan`

    Raises
    ------
    SessionError
        Of some image it cannot be said what to remove.
    """
    plans, members, moved = plan_session(scans, progress=progress, **options)
    progress("apply")
    made = [apply_plan(scan, decided) for scan, decided in zip(scans, plans, strict=True)]
    progress("verify")
    masks = [decided.changed for decided in plans]
    results = []
    for place, member in enumerate(members):
        alone = verify(member.scan, made[place], anatomy=member.anatomy, plan=plans[place])
        verdict = Verdict((*alone.checks, *session_checks(members, masks, moved, place)))
        results.append(Defaced(member.scan, member.anatomy, plans[place], made[place], verdict))
    return tuple(results)


def plan_session(
    scans: Sequence[Scan],
    *,
    method: str = DEFAULT,
    fill: str | None = None,
    progress: Progress = silent,
    **parameters: Any,
) -> tuple[list[DefacePlan], list[Member], Movements]:
    """Decide which voxels of each image change; touches none.

    Returns
    -------
    plans : in the order of ``scans``
    members : what is where in each image
    moved : how the head moved between them

    Raises
    ------
    SessionError
        Of some image it cannot be said what to remove.
    """
    chosen = get_method(method, **parameters)
    fill = fill_of(chosen, fill)
    progress("locate")
    members = _all_of(dict(enumerate(find_members(scans))))
    moved = movements(members)
    _warn(members, moved)
    progress("plan")
    decisions = [decide(chosen, member.scan, member.anatomy) for member in members]
    decisions = cross(members, decisions, moved, getattr(chosen, "clearance_mm", CLEARANCE_MM))
    plans: dict[int, DefacePlan | VerificationError] = {}
    for place, (member, decision) in enumerate(zip(members, decisions, strict=True)):
        how = {"session": TAKEN if member.taken else OWN} if len(members) > 1 else {}
        try:
            plans[place] = plan_decided(member.scan, member.anatomy, chosen, decision, fill, **how)
        except VerificationError as error:
            plans[place] = error
    return _all_of(plans), members, moved


def _all_of(found: Mapping[int, Any]) -> list[Any]:
    """Return what was found of every image, or raise what is wrong with some."""
    refusals = {place: each for place, each in found.items() if isinstance(each, VerificationError)}
    if refusals:
        raise _refused(refusals, len(found))
    return list(found.values())


def _refused(refusals: Mapping[int, VerificationError], images: int) -> SessionError:
    refused = f"the session was refused because of {len(refusals)} of its {images} images"
    message = f"{refused}; nothing of it was written as if it were fine"
    return SessionError(message, refusals)


def _refusal(result: Defaced) -> VerificationError:
    return VerificationError(result.verdict.summary(), result.verdict)


def _contents(results: Sequence[Defaced], outputs: Sequence[Outputs], places: Sequence[int]) -> dict[Path, Contents]:
    """Return the bytes of every file of some images."""
    files: dict[Path, Contents] = {}
    for place in places:
        result = results[place]
        files |= outputs[place].contents(result.scan, result.plan, result.verdict)
    return files


def _warn(members: Sequence[Member], moved: Movements) -> None:
    """Say where an image's anatomy is another's, and where headers disagree; images are called by their place."""
    for place, member in enumerate(members):
        if member.taken:
            LOG.warning("image %d shows too little of the brain: its region is the session's best image's", place + 1)
    for (here, there), found in moved.items():
        if here < there and found.moved_mm > HEADERS_AGREE_MM:
            LOG.warning(
                "images %d and %d: their headers put the face %.0f mm apart; the brains decide, look at the result",
                here + 1, there + 1, found.moved_mm,
            )  # fmt: skip
