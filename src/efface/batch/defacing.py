"""What a worker does: read the images of one job, deface and verify them, and write what passed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from efface.batch.attempts import Member, attempt_all
from efface.batch.jobs import Image, Job
from efface.batch.records import Record, Status, numbers
from efface.batch.telling import Tell, guarded
from efface.batch.writing import recorded, write_new
from efface.errors import DefaceError, InputError, UsageError
from efface.io import encode, header_warnings, read_scan
from efface.outputs import Outputs, mask_scan
from efface.pipeline import Defaced, write_reports
from efface.provenance import json_bytes

DEIDENTIFICATION = ("DeidentificationMethod", "DeidentificationMethodCodeSequence")


def deface_job(job: Job) -> list[Record]:
    """Deface the images of a job together; see `efface.batch.attempts`. Images that cannot be read are left out."""
    return guarded(job, _deface)


def _deface(job: Job, tell: Tell) -> None:
    members: dict[str, Member] = {}
    for image in job.images:
        try:
            scan = read_scan(image.source)
            Outputs(image.output).check_format(scan)
        except (InputError, UsageError) as error:
            tell_nothing_written(tell, image, Status.UNREADABLE, str(error))
        else:
            members[image.name] = Member(scan)
    attempt_all(list(members.values()), job.options, job.alternatives)
    for image in job.images:
        if image.name not in members:
            continue
        member = members[image.name]
        made = member.passed or member.refused
        facts: dict[str, Any] = {
            "tried": tuple(member.tried),
            "notes": (*header_warnings(member.scan), *image.notes),
            "checks": numbers(made.verdict) if made else (),
        }
        try:
            if member.passed is not None:
                written = _write_passed(job, image, member.passed)
                tell(image, Status.VERIFIED, member.passed.verdict.summary(), how=member.how, **facts, **written)
            else:
                kept = _keep(job, image, member.refused) if member.refused is not None else None
                tell_nothing_written(tell, image, Status.REFUSED, str(member.refusal), kept, **facts)
        except DefaceError as error:
            tell(image, Status.ERROR, str(error), **facts)


def _write_passed(job: Job, image: Image, made: Defaced) -> dict[str, Any]:
    """Write a result with its sidecar, its reports and, if asked for, its mask."""
    write_reports(made, image.source, Outputs(image.output), *_reports(job, image))
    files = _defaced_files(image.output, image.fields, made)
    if image.mask is not None:
        mask = made.plan.changed.astype(np.uint8)
        files[image.mask] = encode(mask_scan(mask, made.plan.grid), image.mask.name)
        if image.mask_fields:
            files[Outputs(image.mask).sidecar] = json_bytes(image.mask_fields)
    write_new(files, replace=job.overwrite or image.name in job.ours)
    return recorded(files, image.output)


def _reports(job: Job, image: Image) -> tuple[Path | None, Path | None]:
    """Return where an image's shareable and private report go."""
    below = Path(image.name).parent
    report, private = job.reports
    return report and report / below, private and private / below


def _keep(job: Job, image: Image, made: Defaced) -> str | None:
    """Keep a result that was refused outside of the output, for a person to decide; return its checksum."""
    report, private = _reports(job, image)
    if job.look is None:
        write_reports(made, image.source, Outputs(image.output), report, private)
        return None
    write_reports(made, image.source, Outputs(image.output), report, job.look / Path(image.name).parent)
    path = refused_path(job.look, image.name)
    files = _defaced_files(path, image.fields, made)
    write_new(files, replace=True)
    return str(recorded(files, path)["sha256"])


def refused_path(look: Path, name: str) -> Path:
    """Return where the result that was refused is kept."""
    return Outputs(look / name).failed.scan


def tell_nothing_written(
    tell: Tell, image: Image, status: Status, message: str, kept: str | None = None, **facts: Any
) -> None:
    """Record that an image is not in the output, once that is so: what an earlier run made of it is removed.

    What a person accepted is the refused result itself, ``kept``, and stays. What somebody else put there also stays,
    and that is an error: who reads that a scan was refused believes that nothing of it lies there.
    """
    outputs = Outputs(image.output)
    there = outputs.scan.is_file() and hashlib.sha256(outputs.scan.read_bytes()).hexdigest()
    if there and there != kept:
        if image.name not in tell.job.ours:
            foreign = "but a file of this name lies in the output, and nobody verified it"
            advice = "remove it, or if an earlier run wrote it, --overwrite"
            tell(image, Status.ERROR, f"{message}; {foreign}; {advice}", **facts)
            return
        for path in (outputs.scan, outputs.sidecar, image.mask):
            if path is not None:
                path.unlink(missing_ok=True)
    tell(image, status, message, kept=kept, **facts)


def _defaced_files(path: Path, fields: Mapping[str, Any], made: Defaced) -> dict[Path, bytes]:
    """Return the bytes of a result and of its sidecar, which keeps the fields it had."""
    outputs = Outputs(path)
    contents = outputs.contents(made.scan, made.plan, made.verdict)
    files = {each: data for each, data in contents.items() if isinstance(data, bytes)}  # no folders: NIfTI and MGZ
    files[outputs.sidecar] = json_bytes(_merged(fields, json.loads(files[outputs.sidecar])))
    return files


def _merged(fields: Mapping[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    """Add to a sidecar what was done; what was done to the image before stays in its lists."""
    earlier = {key: fields[key] for key in DEIDENTIFICATION if isinstance(fields.get(key), list)}
    lists = {key: [*earlier.get(key, []), *told.get(key, [])] for key in DEIDENTIFICATION if key in {**earlier, **told}}
    return {**fields, **told, **lists}
