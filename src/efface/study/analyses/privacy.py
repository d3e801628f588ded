"""Attacks: do machines still find a face, and can they tell whose it is?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from efface.errors import UsageError
from efface.evaluate.attack import feature_distances, identify, surface_distances
from efface.study.analyses.drawing import grouped_boxes, legend_beside, new_figure
from efface.study.analyses.items import Figure, Item, NotRun, Section, Table, tried
from efface.study.config import ORIGINAL
from efface.study.looking import load_features, load_surface
from efface.study.statistics.many import wilson_interval
from efface.study.tables import StudyTables
from efface.study.units import private_folder

CITATION = (
    "Schwarz CG, Kremers WK, Wiste HJ, et al. Changing the face of neuroimaging research. NeuroImage 231:117845, 2021. "
    "doi:10.1016/j.neuroimage.2021.117845"
)
RANKS = (1, 5)

Distances = Callable[[Sequence[Any], Sequence[Any]], NDArray[np.float64]]


def section(tables: StudyTables) -> Section:
    """Return what attacks on this study's scans can do."""
    items = [
        *tried("privacy-detection", "Face detectors, by method", lambda: _detection(tables)),
        *tried("privacy-identification", "Identification, by method", lambda: _identification(tables)),
    ]
    return Section("Privacy", CITATION, tuple(items))


def _detection(tables: StudyTables) -> Iterator[Item]:
    if "detection" not in tables.config.options.attacks:
        message = "not asked for: attacks in [options] does not name detection"
        raise UsageError(message)
    frame = tables["detection"]
    ran = frame[frame["confidence"].notna()]
    for number, ((detector, reason), part) in enumerate(
        frame[frame["confidence"].isna()].groupby(["detector", "reason"])
    ):
        title = f"{detector} could not run on {len(part)} images"
        yield NotRun(f"privacy-{detector}-{number}", title, str(reason))
    if ran.empty:
        return
    per_scan = ran.assign(confidence=ran["confidence"].astype(float)).groupby(
        ["method", "detector", "scan"], sort=False
    )
    highest = per_scan.agg(highest=("confidence", "max"), outcome=("outcome", "first")).reset_index()
    order = [ORIGINAL, *tables.methods, *tables.yardsticks]
    rows = []
    for (method, detector), part in highest.groupby(["method", "detector"], sort=False):
        seen = int((part["outcome"] == "face").sum())
        low, high = wilson_interval(seen, len(part))
        rows.append({"version": method, "detector": detector, "scans": len(part), "face seen": seen,
                     "%": 100 * seen / len(part), "95 % low": 100 * low, "95 % high": 100 * high,
                     "highest confidence, median": part["highest"].median()})  # fmt: skip
    yield Table("privacy-detection", "Face detectors, by method", pd.DataFrame(rows),
                "Five renders a scan; a face is seen if it is seen in one of them. What a detector does not see in the "
                "original either proves nothing.")  # fmt: skip
    series = {
        str(detector): {name: list(part[part["method"] == name]["highest"]) for name in order}
        for detector, part in highest.groupby("detector", sort=False)
    }
    figure, axes = new_figure(9, 3.8)
    grouped_boxes(axes[0, 0], order, series, "highest confidence of five views")
    legend_beside(figure, axes[0, 0])
    yield Figure("privacy-detection-figure", "Confidence of face detectors, before and after", figure)


def _identification(tables: StudyTables) -> Iterator[Item]:
    asked: dict[str, tuple[Callable[..., Any], Distances]] = {}
    if "surface" in tables.config.options.attacks:
        asked["surface of the face"] = (load_surface, surface_distances)
        asked["vault of the skull, which is kept"] = (load_surface, lambda a, b: surface_distances(a, b, "kept"))
    if "recognition" in tables.config.options.attacks:
        asked["face recogniser on renders"] = (load_features, feature_distances)
    if not asked:
        message = "not asked for: attacks in [options] names neither surface nor recognition"
        raise UsageError(message)
    gallery, probes = _roles(tables)
    rows = []
    for attack, (load, compare) in asked.items():
        for method in [ORIGINAL, *tables.methods]:
            rows.append({"attack": attack, "version": method, **_rates(tables, gallery, probes, method, load, compare)})
    yield Table("privacy-identification", "Identification, by method", pd.DataFrame(rows),
                f"Gallery: one original of each of {len(gallery)} participants; probes: their other scans, before and "
                "after. Exact intervals (Clopper and Pearson), %. Could not run: nothing was left to compare, or the "
                "attack's packages are missing. The surface attack is told which voxels were replaced.")  # fmt: skip


def _roles(tables: StudyTables) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Return each participant's scan in the gallery, and all other scans with whose they are.

    Probes are of another session where there is one, so that no probe is the very image in the gallery.
    """
    ordered = tables["scans"].sort_values(["participant", "session", "contrast", "scan"])
    if tables.config.options.attack_contrasts:
        ordered = ordered[ordered["contrast"].isin(tables.config.options.attack_contrasts)]
    gallery = {str(who): str(part["scan"].iloc[0]) for who, part in ordered.groupby("participant", sort=True)}
    first_session = {str(who): part["session"].iloc[0] for who, part in ordered.groupby("participant", sort=True)}
    other = [(str(row.scan), str(row.participant)) for row in ordered.itertuples()
             if row.session != first_session[str(row.participant)]]  # fmt: skip
    if not other:
        other = [(str(row.scan), str(row.participant)) for row in ordered.itertuples()
                 if row.scan != gallery[str(row.participant)]]  # fmt: skip
    if len(gallery) < 2 or not other:
        message = f"{len(gallery)} participants, {len(other)} further scans; two people and a second scan are needed"
        raise UsageError(message)
    return gallery, other


def _rates(
    tables: StudyTables,
    gallery: dict[str, str],
    probes: list[tuple[str, str]],
    method: str,
    load: Callable[..., Any],
    compare: Distances,
) -> dict[str, Any]:
    known = {who: load(private_folder(tables.folder, scan, ORIGINAL)) for who, scan in gallery.items()}
    known = {who: each for who, each in known.items() if each is not None}
    seen = [(who, load(private_folder(tables.folder, scan, method))) for scan, who in probes]
    ran = [(who, each) for who, each in seen if each is not None and who in known]
    unable = len(seen) - len(ran)
    row: dict[str, Any] = {"probes": len(seen), "could not run": unable}
    if ran and len(known) > 1:
        distances = compare([each for _, each in ran], list(known.values()))
        found = identify(distances, [who for who, _ in ran], list(known))
        row["could not run"] = unable + found.could_not_run
        for rank in RANKS:
            rate = found.rate(rank)
            low, high = rate.interval()
            row |= {f"rank {rank} %": None if rate.share is None else 100 * rate.share, f"rank {rank} low": 100 * low,
                    f"rank {rank} high": 100 * high, f"rank {rank} chance": 100 * rate.chance}  # fmt: skip
    return row
