"""The images of one session in memory: together as asked for, then by named alternatives what was refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from efface.batch.jobs import Options
from efface.errors import SessionError, VerificationError
from efface.pipeline import Defaced, deface_scan
from efface.scan import Scan
from efface.session import deface_scans

ASKED = "asked"
"""Name of the attempt with the options that were asked for."""
TOGETHER = 30_000_000
"""Voxels of a session that are held at a time, two or three heads of 1 mm: one of 10 million takes 450 MB, each more
110."""
SESSION_CHECK = "session_"
"""How the names of checks against a session's other images begin."""


@dataclass
class Member:
    """One image on its way."""

    scan: Scan
    """As it was read."""
    passed: Defaced | None = None
    """What was made and verified."""
    refused: Defaced | None = None
    """What was made first and refused, to be looked at."""
    refusal: VerificationError | None = None
    """Why it was refused last; None once it passed."""
    how: str = ""
    """Name of the attempt that passed, and how many images were done together."""
    tried: list[dict[str, str]] = field(default_factory=list)
    """Attempts that were refused, and why."""


def attempt_all(members: Sequence[Member], options: Options, alternatives: Sequence[tuple[str, Options]]) -> None:
    """Deface images of one session in memory; each ends with a result that passed, or with a refusal.

    An image that is refused is left out, and the others are done again without it. Then the alternatives are tried on
    it, beside the images that passed. One that does not fit to the others is not tried again: by itself it would
    escape that very check.
    """
    left = list(members)
    while left:
        refused = _attempt(ASKED, left, left, options)
        if not refused:
            break
        left = [member for member in left if member not in refused]
        for member in left:
            member.passed = None  # what a refused image took from it must not stay
    for name, changed in alternatives:
        for member in members:
            if member.passed is None and not _unlike_others(member):
                beside = [other for other in members if other.passed is not None]
                _attempt(name, [*beside, member], [member], changed)


def _attempt(name: str, together: Sequence[Member], asked: Sequence[Member], options: Options) -> list[Member]:
    """Do some images together and keep what came of those asked for; return those of them that were refused."""
    refusals, results = _made(together, options)
    refused = []
    for place, member in enumerate(together):
        result = results[place] if results else None
        refusal = refusals.get(place)
        if not any(member is each for each in asked) or (result is None and refusal is None):
            continue
        if refusal is None:
            member.passed, member.refusal = result, None
            member.how = name if len(together) == 1 else f"{name}, {len(together)} images together"
            continue
        refused.append(member)
        member.refusal, member.refused = refusal, member.refused or result
        member.tried.append({"attempt": name, "message": str(refusal)})
    return refused


def _made(together: Sequence[Member], options: Options) -> tuple[dict[int, VerificationError], Sequence[Defaced]]:
    """Return why images were refused, by place, and what was made of all; nothing if it could not be decided."""
    scans = [member.scan for member in together]
    try:
        results = (deface_scan(scans[0], **options),) if len(scans) == 1 else deface_scans(scans, **options)
    except SessionError as error:
        return dict(error.refusals), ()
    except VerificationError as error:
        return {0: error}, ()
    return {
        place: VerificationError(result.verdict.summary(), result.verdict)
        for place, result in enumerate(results)
        if not result.verdict.passed
    }, results


def _unlike_others(member: Member) -> bool:
    verdict = member.refusal.verdict if member.refusal else None
    return verdict is not None and any(check.name.startswith(SESSION_CHECK) for check in verdict.failed)
