"""Images that are not defaced: copied, once they were looked at and show no face."""

from __future__ import annotations

from efface.auditing.findings import Kind
from efface.auditing.judging import judge
from efface.batch.defacing import tell_nothing_written
from efface.batch.jobs import Job
from efface.batch.records import Record, Status
from efface.batch.telling import Tell, guarded
from efface.batch.writing import recorded, write_new
from efface.errors import InputError
from efface.io import encode, header_warnings, read_scan

FACELESS = (Kind.REFACED, Kind.DEFACED, Kind.NO_FACE, Kind.STRIPPED, Kind.NO_HEAD)


def look_job(job: Job) -> list[Record]:
    """Look at a job's images, as `efface.audit` does, and copy those that show no face."""
    return guarded(job, _look)


def _look(job: Job, tell: Tell) -> None:
    for image in job.images:
        try:
            scan = read_scan(image.source)
            finding = judge(scan, image.source)
        except InputError as error:
            tell_nothing_written(tell, image, Status.UNREADABLE, str(error))
            continue
        if finding.kind not in FACELESS:
            told = f"not copied: {finding.kind.value}: {finding.reason}"
            told += "; see --also-modalities and --carry-modalities"
            tell_nothing_written(tell, image, Status.REFUSED, told)
            continue
        files = {image.output: encode(scan, image.output.name)}  # packed anew: nothing but header and voxels is in it
        write_new(files, replace=job.overwrite or image.name in job.ours)
        tell(image, Status.VERIFIED, f"copied: {finding.kind.value}: {finding.reason}", notes=header_warnings(scan),
             **recorded(files, image.output))  # fmt: skip
