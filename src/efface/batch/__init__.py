"""Many scans: over processes, machines or one after another, with a log that a killed run goes on from.

jobs -> lock the outputs -> what is left to do -> work -> one line of a log for each scan
"""

from efface.batch.engine import Progress, Tally, run_batch, silent
from efface.batch.jobs import Image, Job
from efface.batch.records import Record, Status, exit_status
from efface.batch.where import Where

__all__ = ["Image", "Job", "Progress", "Record", "Status", "Tally", "Where", "exit_status", "run_batch", "silent"]
