"""Work for jobs, fast enough to test what is around it; worker processes import it, too."""

import os
import signal
import sys
import time
from pathlib import Path

from efface.batch import Image, Job, Where, run_batch
from efface.batch.defacing import tell_nothing_written
from efface.batch.records import Status
from efface.batch.telling import guarded
from efface.batch.writing import recorded, write_new
from efface.errors import UnreadableImageError, VerificationError


def copy_job(job):
    """Write every image backwards; what its bytes say happens instead."""
    return guarded(job, _copy)


def slow_job(job):
    time.sleep(0.3)
    return copy_job(job)


def sidecar_job(job):
    """Write a second file beside every image."""

    def both(job, tell):
        for image in job.images:
            files = {image.output: image.source.read_bytes(), image.output.with_suffix(".json"): b'{"a": 1}'}
            write_new(files, replace=image.name in job.ours)
            tell(image, Status.VERIFIED, "verified", **recorded(files, image.output))

    return guarded(job, both)


def _copy(job, tell):
    for image in job.images:
        data = (
            image.source.read_bytes()
        )  # of a pipe that nobody writes to, it waits for ever, as on a share that stalls
        if data == b"poison":
            os.kill(os.getpid(), signal.SIGKILL)
        if data == b"bug":
            message = "first\nsecond"
            raise RuntimeError(message)
        if data == b"hungry":
            raise MemoryError
        if data == b"broken":
            tell_nothing_written(
                tell, image, Status.UNREADABLE, str(UnreadableImageError(f"{image.source}: truncated"))
            )
        elif data == b"face":
            tell_nothing_written(tell, image, Status.REFUSED, str(VerificationError("refused: the face shows")))
        else:
            files = {image.output: data[::-1]}
            write_new(files, replace=job.overwrite or image.name in job.ours)
            tell(image, Status.VERIFIED, "verified", **recorded(files, image.output))


def jobs_for(source, output, work=copy_job, overwrite=False, **options):
    """One job for each file of a folder."""
    return [
        Job((Image(path, output / path.name, path.name, path.name),), options, "folder", work, overwrite=overwrite)
        for path in sorted(source.iterdir())
    ]


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    run_batch(
        jobs_for(folder / "in", folder / "out", slow_job), folder / "out", folder / "logs", Where(int(sys.argv[2]))
    )
