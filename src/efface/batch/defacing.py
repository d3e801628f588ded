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
            withdraw(job, image, None)
            tell(image, Status.UNREADABLE, str(error))
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
            "notes": header_warnings(member.scan),
            "checks": numbers(made.verdict) if made else (),
        }
        try:
            written = _write(job, image, member)
        except DefaceError as error:
            tell(image, Status.ERROR, str(error), **facts)
        else:
            status = Status.VERIFIED if member.passed else Status.REFUSED
            message = member.passed.verdict.summary() if member.passed else str(member.refusal)
            tell(image, status, message, how=member.how, **facts, **written)


def _write(job: Job, image: Image, member: Member) -> dict[str, Any]:
    """Write what came of an image, and the reports on it; return what its record says of the files."""
    below = Path(image.name).parent
    report, private = (folder and folder / below for folder in job.reports)
    if member.passed is not None:
        write_reports(member.passed, image.source, Outputs(image.output), report, private)
        return _write_passed(job, image, member.passed)
    kept = None
    if member.refused is not None:
        looked_at = job.look / below if job.look is not None else private
        write_reports(member.refused, image.source, Outputs(image.output), report, looked_at)
        kept = _keep(job.look, image, member.refused) if job.look is not None else None
    withdraw(job, image, kept)
    return {"kept": kept}


def _write_passed(job: Job, image: Image, made: Defaced) -> dict[str, Any]:
    """Write a result with its sidecar and, if asked for, its mask."""
    files = _defaced_files(image.output, image.fields, made)
    if image.mask is not None:
        mask = made.plan.changed.astype(np.uint8)
        files[image.mask] = encode(mask_scan(mask, made.plan.grid), image.mask.name)
        if image.mask_fields:
            files[Outputs(image.mask).sidecar] = json_bytes(image.mask_fields)
    write_new(files, replace=job.overwrite or image.name in job.ours)
    return recorded(files[image.output])


def _keep(look: Path, image: Image, made: Defaced) -> str:
    """Keep a result that was refused outside of the output, for a person to decide; return its checksum."""
    path = refused_path(look, image.name)
    files = _defaced_files(path, image.fields, made)
    write_new(files, replace=True)
    return str(recorded(files[path])["sha256"])


def refused_path(look: Path, name: str) -> Path:
    """Return where the result that was refused is kept."""
    return Outputs(look / name).failed.scan


def withdraw(job: Job, image: Image, kept: str | None) -> None:
    """Remove what an earlier run made of an older source; what a person accepted is the refused result itself."""
    outputs = Outputs(image.output)
    if image.name not in job.ours or not outputs.scan.is_file():
        return
    if hashlib.sha256(outputs.scan.read_bytes()).hexdigest() != kept:
        for path in (outputs.scan, outputs.sidecar, image.mask):
            if path is not None:
                path.unlink(missing_ok=True)


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
