"""Run a study: scans side by side, each with all its methods; what is done is not done again.

A scan is read, and its anatomy found, once for all methods. Every unit's record is written as soon as it is known, so
that a run that was stopped goes on where it was.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from efface.errors import DefaceError
from efface.methods import method_class
from efface.methods.base import availability_of
from efface.study.config import ORIGINAL, MethodEntry, ScanEntry, StudyConfig
from efface.study.knowing import Known, know
from efface.study.measuring import measure_method, measure_original
from efface.study.rescan import Rescan, measure_rescan, rescan_fingerprint, rescans_of
from efface.study.units import FAILED, forget_unit, is_done, read_record, unit_fingerprint, unit_path, write_record

LOG = logging.getLogger("efface")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS")
"""What tells libraries how many threads to use; with several processes, one each."""

Progress = Callable[[int, int, str], None]
"""Told how many units are done, of how many, and which came last."""


def silent(done: int, of: int, name: str) -> None:
    """Report no progress."""


@dataclass(frozen=True)
class Task:
    """What one process does at a time: all of a scan that is left, or one pair of scans."""

    scan: ScanEntry
    """The scan."""
    versions: tuple[MethodEntry | None, ...] = ()
    """What is left of it; None is the original."""
    pair: Rescan | None = None
    """The pair, if it is one."""

    @property
    def units(self) -> int:
        """How much it counts."""
        return 1 if self.pair else len(self.versions)


def ready_methods(config: StudyConfig) -> tuple[list[MethodEntry], dict[str, str]]:
    """Return the methods that can be used here, and why others cannot."""
    ready: list[MethodEntry] = []
    missing: dict[str, str] = {}
    for entry in config.methods:
        available = availability_of(method_class(entry.method)) if entry.method else None
        if available is None or available.ready:
            ready.append(entry)
        else:
            missing[entry.name] = available.remedy
    return ready, missing


def pending(config: StudyConfig, out: Path) -> list[Task]:
    """Return what is left to do."""
    methods = [None, *ready_methods(config)[0]]
    tasks = []
    for scan in config.scans:
        left = tuple(method for method in methods if not is_done(out, config, scan, method))
        tasks += [Task(scan, left)] if left else []
    return tasks + [Task(pair.first, pair=pair) for pair in rescans_of(config) if not _pair_done(out, config, pair)]


def run_units(config: StudyConfig, out: Path, progress: Progress = silent) -> None:
    """Measure every unit that is left; none that fails stops the others.

    Parameters
    ----------
    config : the study
    out : its folder
    progress : told after each scan
    """
    tasks = pending(config, out)
    total = sum(task.units for task in tasks)
    done = 0
    progress(done, total, "")
    for task in _finished(tasks, config, out):
        done += task.units
        progress(done, total, task.pair.name if task.pair else task.scan.name)


def _finished(tasks: Sequence[Task], config: StudyConfig, out: Path) -> Iterator[Task]:
    """Yield tasks as they end."""
    if config.options.workers == 1:
        for task in tasks:
            run_task(task, config, out)
            yield task
        return
    left = list(tasks)
    with _single_threaded():
        for task in _in_pool(left, config, out, config.options.workers):
            left.remove(task)
            yield task
        for task in list(left):  # a process died, of lack of memory perhaps: each that is left gets one of its own
            if not list(_in_pool([task], config, out, 1)):
                _record_death(task, config, out)
            yield task


def _in_pool(tasks: Sequence[Task], config: StudyConfig, out: Path, workers: int) -> Iterator[Task]:
    """Yield tasks as they end, in processes; stops early if a process dies."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        futures: dict[Future[None], Task] = {pool.submit(run_task, task, config, out): task for task in tasks}
        try:
            for future in as_completed(futures):
                future.result()
                yield futures[future]
        except BrokenProcessPool:
            LOG.warning("a process of the study ended without a word; what it did is tried again, alone")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


class _single_threaded:  # noqa: N801 - used as a word in a with statement
    """While processes start, tell libraries in them to use one thread each."""

    def __enter__(self) -> None:
        self._before = {name: os.environ.get(name) for name in THREADS}
        os.environ.update(dict.fromkeys(THREADS, "1"))

    def __exit__(self, *_: object) -> None:
        for name, value in self._before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def run_task(task: Task, config: StudyConfig, out: Path) -> None:
    """Measure what is left of one scan, or a pair; errors become records."""
    if task.pair is not None:
        measure = partial(_pair, task.pair, config, out)
        _record(rescan_path(out, task.pair), rescan_fingerprint(config, task.pair), measure)
        return
    scan, shared = task.scan, _Once(partial(know, task.scan, config, out))
    for method in task.versions:
        _stop_with_parent()
        version = method.name if method else ORIGINAL
        forget_unit(out, scan, version)
        mark = unit_fingerprint(config, scan, method)
        _record(unit_path(out, scan.name, version), mark, partial(_measure, shared, method, config, out))


def _stop_with_parent() -> None:
    """End this process if the one that started it was killed; nobody waits for what it would do."""
    parent = multiprocessing.parent_process()
    if parent is not None and not parent.is_alive():
        os._exit(1)


def _measure(shared: _Once, method: MethodEntry | None, config: StudyConfig, out: Path) -> dict[str, Any]:
    known = shared.get()
    return measure_original(known, config, out) if method is None else measure_method(known, method, config, out)


def _pair(pair: Rescan, config: StudyConfig, out: Path) -> dict[str, Any]:
    first, second = (know(scan, config, out) for scan in (pair.first, pair.second))
    return measure_rescan(first, second, config, out)


@dataclass
class _Once:
    """What is found in an original, found once for all methods; if that fails, it fails once."""

    find: Callable[[], Known]
    known: Known | None = None
    error: DefaceError | None = None

    def get(self) -> Known:
        if self.error is not None:
            raise self.error
        if self.known is None:
            try:
                self.known = self.find()
            except DefaceError as error:
                self.error = error
                raise
        return self.known


def _record(path: Path, mark: str, measure: Callable[[], dict[str, Any]]) -> None:
    """Write what measuring gives; whatever goes wrong is written instead, so that other units go on."""
    try:
        record = measure()
    except DefaceError as error:
        record = {"status": FAILED, "reason": str(error)}
    except Exception as error:  # a study of a thousand scans must not end at the first surprise
        LOG.warning("%s: %s: %s", path.stem, type(error).__name__, error)
        LOG.debug("where it happened", exc_info=True)
        record = {"status": FAILED, "reason": f"{type(error).__name__}: {error}"}
    write_record(path, {"fingerprint": mark, **record})


def _record_death(task: Task, config: StudyConfig, out: Path) -> None:
    """Record what is not done of a task whose process died twice."""
    reason = "its process ended twice without a word, perhaps for lack of memory; use fewer workers"
    if task.pair is not None:
        mark = rescan_fingerprint(config, task.pair)
        write_record(rescan_path(out, task.pair), {"fingerprint": mark, "status": FAILED, "reason": reason})
    for method in task.versions:
        if not is_done(out, config, task.scan, method):
            path = unit_path(out, task.scan.name, method.name if method else ORIGINAL)
            mark = unit_fingerprint(config, task.scan, method)
            write_record(path, {"fingerprint": mark, "status": FAILED, "reason": reason})


def rescan_path(out: Path, pair: Rescan) -> Path:
    """Return where a pair's record is kept."""
    return out / "rescans" / f"{pair.name}.json"


def _pair_done(out: Path, config: StudyConfig, pair: Rescan) -> bool:
    """Return whether a pair was measured by every pipeline, with everything as it is now."""
    record = read_record(rescan_path(out, pair))
    if record is None or record["status"] == FAILED or record.get("problems"):
        return False
    return bool(record["fingerprint"] == rescan_fingerprint(config, pair))
