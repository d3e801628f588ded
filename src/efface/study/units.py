"""One unit of work: one version of one scan, and the file in which what was measured of it is kept."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from efface.evaluate.attack import CenterFace, DlibRecognizer, OpenCvSsd
from efface.io.atomic import write_whole
from efface.study.config import ORIGINAL, MethodEntry, ScanEntry, StudyConfig, fingerprint, path_of
from efface.version import __version__

DONE, REFUSED, FAILED = "done", "refused", "failed"
"""A unit was measured; the method refused the scan; something went wrong, and is tried again by the next run."""


def unit_path(out: Path, scan: str, version: str) -> Path:
    """Return where a unit's record is kept."""
    return out / "units" / scan / f"{version}.json"


def private_folder(out: Path, scan: str, version: str) -> Path:
    """Return where a unit keeps what may show a face."""
    return out / "private" / scan / version


def defaced_path(out: Path, scan: ScanEntry, version: str) -> Path:
    """Return where a defaced image is kept for raters and other programs."""
    ending = ".nii.gz" if ".nii" in scan.path.name.lower() else ".mgz"
    return out / "defaced" / version / f"{scan.name}{ending}"


def unit_fingerprint(config: StudyConfig, scan: ScanEntry, method: MethodEntry | None) -> str:
    """Return what a unit's record depends on, as one sha256; the same means that nothing need be done again.

    Files count with their times, so that a result that comes later is seen, and a template that was changed.
    """
    options, version = config.options, method.name if method else ORIGINAL
    files = [scan.path, *([scan.reference_mask] if scan.reference_mask else [])]
    if method:
        files += [path_of(method.results, scan)] if method.results else []
        files += [value for value in method.parameters.values() if isinstance(value, Path)]
    for pipeline in config.pipelines:
        files += [path_of(each, scan, version) for each in (pipeline.results, *pipeline.measures) if each]
        files += [Path(pipeline.labels)] if pipeline.labels.endswith(".tsv") else []
    return fingerprint(
        {
            "efface": __version__,
            "scan": scan.name,
            "files": [(path, *_state(path)) for path in files],
            "attackers": attackers() if attacked(config, scan) else (),
            "method": asdict(method) if method else ORIGINAL,
            "pipelines": [asdict(pipeline) for pipeline in config.pipelines],
            "attacks": options.attacks if attacked(config, scan) else (),
            "limits": (options.brain_tolerance_ml, options.untouched_below),
            "keep_images": options.keep_images,
        }
    )


def _state(path: Path) -> tuple[int, int]:
    """Return a file's size and time; -1 where it is not there."""
    try:
        state = path.stat()
    except OSError:
        return -1, -1
    return state.st_size, state.st_mtime_ns


@lru_cache(maxsize=1)
def attackers() -> tuple[str, ...]:
    """Return what is installed of what attacks need: what comes later is then used."""
    weights = (OpenCvSsd.WEIGHTS, CenterFace.WEIGHTS, DlibRecognizer.WEIGHTS)
    return (
        *(each.package for each in weights if each.path() is not None),
        *(name for name in ("cv2", "dlib") if find_spec(name) is not None),
    )


def attacked(config: StudyConfig, scan: ScanEntry) -> bool:
    """Return whether a scan's contrast is one that is attacked."""
    wanted = config.options.attack_contrasts
    return bool(config.options.attacks) and (not wanted or scan.contrast in wanted)


def read_record(path: Path) -> dict[str, Any] | None:
    """Return a record; None where there is none, or it was not written by a study."""
    try:
        record = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and "fingerprint" in record else None


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    """Write a record, whole or not at all; numbers that are none become null."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, (json.dumps(plain(record), indent=1) + "\n").encode(), overwrite=True)


def plain(value: Any) -> Any:
    """Return JSON values: numpy's numbers as Python's, NaN and infinity as null."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def forget_unit(out: Path, scan: ScanEntry, version: str) -> None:
    """Remove a unit's record, and whatever was kept of an earlier run; not what pipelines' commands made."""
    unit_path(out, scan.name, version).unlink(missing_ok=True)
    defaced_path(out, scan, version).unlink(missing_ok=True)
    for path in private_folder(out, scan.name, version).glob("*"):
        if path.is_file():
            path.unlink()


def is_done(out: Path, config: StudyConfig, scan: ScanEntry, method: MethodEntry | None) -> bool:
    """Return whether a unit was measured, with everything as it is now.

    What failed is not done, and neither is a unit for which a pipeline's command gave nothing.
    """
    record = read_record(unit_path(out, scan.name, method.name if method else ORIGINAL))
    if record is None or record["status"] == FAILED:
        return False
    commands = {pipeline.name for pipeline in config.pipelines if pipeline.command}
    if commands & set(record.get("problems") or ()):
        return False
    return bool(record["fingerprint"] == unit_fingerprint(config, scan, method))
