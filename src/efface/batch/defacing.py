"""What a worker does: read the images of one job, deface and verify them, write what passed, and say what came of it.

Whatever happens becomes a record: one scan must not end the run of all others.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from efface.batch.attempts import Member, attempt_all
from efface.batch.jobs import Image, Job
from efface.batch.records import Record, Status, numbers
from efface.batch.runlog import stamp
from efface.errors import DefaceError, InputError, OutputError, OutputExistsError, UsageError
from efface.io import encode, header_warnings, read_scan
from efface.io.atomic import write_all
from efface.outputs import Outputs, mask_scan
from efface.pipeline import Defaced, write_reports
from efface.provenance import json_bytes

DEIDENTIFICATION = ("DeidentificationMethod", "DeidentificationMethodCodeSequence")
NO_MEMORY = "not enough memory for this scan; give each worker more (--memory), or start fewer (--workers)"


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
            tell(image, Status.UNREADABLE, str(error))
        else:
            members[image.name] = Member(scan)
    attempt_all(list(members.values()), job.options, job.alternatives)
    for image in job.images:
        member = members.get(image.name)
        if member is None:
            continue
        made = member.passed or member.refused
        facts: dict[str, Any] = {
            "tried": tuple(member.tried),
            "notes": header_warnings(member.scan),
            "checks": numbers(made.verdict) if made else (),
        }
        if made is not None:
            _report(job, image, made)
        if member.passed is None:
            tell(image, Status.REFUSED, str(member.refusal), **facts)
            continue
        try:
            written = write_defaced(job, image, member.passed)
        except DefaceError as error:
            tell(image, Status.ERROR, str(error), **facts)
        else:
            tell(image, Status.VERIFIED, member.passed.verdict.summary(), how=member.how, **facts, **written)


def write_defaced(job: Job, image: Image, made: Defaced) -> dict[str, Any]:
    """Write a result with its sidecar and, if asked for, its mask.

    Parameters
    ----------
    job, image : where to, and what is kept in the sidecar
    made : what was made

    Returns
    -------
    written : size and checksum of the file, for its record

    Raises
    ------
    OutputExistsError
        Something else is there already.
    OutputError
        It cannot be written.
    """
    files = defaced_files(image.output, image.fields, made)
    if image.mask is not None:
        mask = made.plan.changed.astype(np.uint8)
        files[image.mask] = encode(mask_scan(mask, made.plan.grid), image.mask.name)
        if image.mask_fields:
            files[Outputs(image.mask).sidecar] = json_bytes(image.mask_fields)
    write_new(files, replace=job.overwrite or image.name in job.ours)
    return recorded(files[image.output])


def defaced_files(path: Path, fields: Mapping[str, Any], made: Defaced) -> dict[Path, bytes]:
    """Return the bytes of a result and of its sidecar, which keeps the fields it had."""
    outputs = Outputs(path)
    files = outputs.contents(made.scan, made.plan, made.verdict)
    files[outputs.sidecar] = json_bytes(_merged(fields, json.loads(files[outputs.sidecar])))
    return files


def _merged(fields: Mapping[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    """Add to a sidecar what was done; what was done to the image before stays in its lists."""
    earlier = {key: fields[key] for key in DEIDENTIFICATION if isinstance(fields.get(key), list)}
    lists = {key: [*earlier.get(key, []), *told.get(key, [])] for key in DEIDENTIFICATION if key in {**earlier, **told}}
    return {**fields, **told, **lists}


def write_new(files: dict[Path, bytes], *, replace: bool) -> None:
    """Write files, their folders too. One that holds these very bytes is left as it is: a killed run wrote it.

    Raises
    ------
    OutputExistsError
        A file of other bytes is there and may not be replaced.
    OutputError
        Something cannot be written.
    """
    missing = {path: data for path, data in files.items() if not _holds(path, data)}
    if taken := [path for path in missing if path.exists() and not replace]:
        message = f"{taken[0]}: another file is there already; choose another folder, or --overwrite to replace it"
        raise OutputExistsError(message)
    for folder in {path.parent for path in missing}:
        make_folder(folder)
    write_all(missing, overwrite=replace)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, unless they are there.

    Raises
    ------
    OutputError
        It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"{folder}: the folder cannot be made ({error.strerror}); choose another or change its permissions"
        raise OutputError(message) from error


def recorded(data: bytes) -> dict[str, Any]:
    """Return what a record says of a file."""
    return {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}


def _holds(path: Path, data: bytes) -> bool:
    try:
        return path.stat().st_size == len(data) and path.read_bytes() == data
    except OSError:
        return False


def _report(job: Job, image: Image, made: Defaced) -> None:
    """Write the reports that were asked for; of what was refused also what a person needs to decide, and the result."""
    below = Path(image.name).parent
    report, private = (folder and folder / below for folder in job.reports)
    if not made.verdict.passed and job.look is not None:
        private = job.look / below
        write_new(defaced_files(refused_path(job.look, image.name), image.fields, made), replace=True)
    write_reports(made, image.source, Outputs(image.output), report, private)


def refused_path(look: Path, name: str) -> Path:
    """Return where the result that was refused is kept for a person to decide."""
    return Outputs(look / name).failed.scan


@dataclass
class Tell:
    """Collects one record for each image of a job."""

    job: Job
    start: float
    stamps: dict[str, tuple[int | None, int | None]]
    records: dict[str, Record]

    def __call__(self, image: Image, status: Status, message: str, **facts: Any) -> None:
        """Record what came of an image; paths in the message become relative."""
        size, changed = self.stamps[image.name]
        self.records[image.name] = Record(
            source=image.source_name,
            output=image.name,
            status=status,
            message=_relative(message, image),
            job=self.job.digest,
            source_size=size,
            source_mtime_ns=changed,
            seconds=round(time.monotonic() - self.start, 3),
            peak_mb=_peak_mb(),
            time=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            facts=self.job.facts,
            **facts,
        )


def guarded(job: Job, work: Callable[[Job, Tell], None]) -> list[Record]:
    """Do some work on a job; whatever it raises is the outcome of every image that has none yet."""
    tell = Tell(job, time.monotonic(), {image.name: stamp(image.source) for image in job.images}, {})
    failure = "nothing was said of this scan; please report it"
    try:
        work(job, tell)
    except MemoryError:
        failure = NO_MEMORY
    except DefaceError as error:
        failure = str(error)
    except Exception as error:  # noqa: BLE001 - whatever it is: it is this scan's outcome, and the others go on
        failure = f"unexpected {type(error).__name__}: {error}; please report it"
    return finished(job, tell, failure)


def finished(job: Job, tell: Tell, failure: str) -> list[Record]:
    """Return one record for each image, in order; an error for those that have none."""
    for image in job.images:
        if image.name not in tell.records:
            tell(image, Status.ERROR, failure)
    return [tell.records[image.name] for image in job.images]


def lost(job: Job, message: str) -> list[Record]:
    """Return the records of a job whose worker said nothing."""
    tell = Tell(job, time.monotonic(), {image.name: stamp(image.source) for image in job.images}, {})
    return finished(job, tell, message)


def _relative(message: str, image: Image) -> str:
    """Take from a message, on one line, where the folders lie: that may name people."""
    for path, name in ((image.source, image.source_name), (image.output, image.name)):
        root = str(path)[: -len(str(Path(name)))]
        message = message.replace(root, "") if len(root) > 1 else message
    return " ".join(message.removeprefix(f"{image.source_name}: ").split())


def _peak_mb() -> float | None:
    """Return the most memory this process has held so far; None where the system does not say."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1e6 if sys.platform == "darwin" else 1e3), 1)
