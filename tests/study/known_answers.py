"""Records of a study whose answers are known; there are no images."""

import numpy as np

from efface.study.analyses.drawing import plain_drawing
from efface.study.analyses.items import Table
from efface.study.config import ORIGINAL, MethodEntry, Options, PipelineEntry, ScanEntry, StudyConfig
from efface.study.keeping import BRAIN_MAP
from efface.study.looking import FEATURES
from efface.study.outcomes import FEATURES as FACE
from efface.study.ratings import COLUMNS
from efface.study.rescan import rescans_of
from efface.study.runner import rescan_path
from efface.study.tables import gather
from efface.study.units import private_folder, unit_path, write_record

PEOPLE, CONTRASTS, SESSIONS = 6, ("T1w", "T2w"), ("1", "2")
SAFE, ROUGH = "anatomy", "template-mask"


def dice(value):
    kinds = {"whole": ["whole_brain"], "region": ["caudate", "cerebral_grey_matter"], "label": ["left_caudate"]}
    return [
        {"pipeline": "network", "kind": kind, "structure": name, "dice": value}
        for kind, names in kinds.items()
        for name in names
    ]


def measures(scale, thickness=None):
    rows = [
        ("network", "whole_brain volume", 1200.0, "ml"),
        ("network", "caudate volume", 7.0, "ml"),
        ("network", "subcortical_grey volume", 40.0, "ml"),
        ("network", "intracranial volume", 1500.0, "ml"),
        ("fs", "eTIV", 1.5e6, "mm^3"),
        ("network", "cnr", 1.4, ""),
        ("atlas", "left temporalis area", 340.0 * scale, "mm2"),
    ]
    rows += [("fs", "lh.MeanThickness", thickness, "mm")] if thickness else []
    return [dict(zip(("pipeline", "measure", "value", "unit"), row, strict=True)) for row in rows]


def scaled(rows, factor):
    return [{**row, "value": row["value"] * factor} for row in rows]


def detection(confidence):
    common = {"detector": "opencv-ssd", "seen_above": 0.5, "reason": "", "view": "front", "confidence": confidence}
    return [{**common, "outcome": "face" if confidence > 0.5 else "no face"}]


def known_study(out):
    """Six people: ``anatomy`` is fine everywhere, ``template-mask`` removes brain in T2w and a tenth of a muscle."""
    rng = np.random.default_rng(0)
    scans = tuple(
        ScanEntry(f"p{who}_{session}_{contrast}", out / "x.nii", f"p{who}", session, contrast,
                  "young" if who < 3 else "old", 20.0 + 10 * who, {"sex": "FM"[who % 2]})
        for who in range(PEOPLE) for session in SESSIONS for contrast in CONTRASTS
    )  # fmt: skip
    ratings = out / "ratings.tsv"
    config = StudyConfig(
        "Known answers", scans, (MethodEntry(SAFE, SAFE), MethodEntry(ROUGH, ROUGH)), (PipelineEntry("network"),),
        options=Options(ratings=ratings, groups=("sex",), permutations=50),
    )  # fmt: skip
    identity = rng.normal(size=(PEOPLE, 128))
    answers = []
    for scan in scans:
        who = int(scan.participant[1:])
        size = 1 + 0.05 * who
        base = scaled(measures(1.0, 2.5), size)
        records = {
            ORIGINAL: {"status": "done", "voxels_mm": "1 x 1 x 1.2", "measures": base, "detection": detection(0.99)}
        }
        for method, area, thin in ((SAFE, 1.0, 2.5), (ROUGH, 0.9, 2.5 - 0.01 * who)):
            hurt = method == ROUGH and scan.contrast == "T2w"
            shown = 0.9 - 0.05 * who if method == ROUGH and scan.contrast == "T1w" else 1.0
            noise = rng.normal(0, 0.002)
            records[method] = {
                "status": "done", "seconds": 2.0, "verified": not hurt, "registration_mm": 0.2,
                "outcome": "failure II" if hurt else "success", "two_criteria": not hurt,
                "strict": shown == 1 and not hurt,
                "brain_tissue_ml": 5.0 if hurt else 0.0, "parameters": {"clearance_mm": 4.0},
                "coverage": [{"feature": name, "covered": shown} for name in FACE],
                "dice": dice(0.99 + noise if method == SAFE else 0.97), "detection": detection(0.2),
                "overlap": [{"pipeline": "network", "tissue": "white", "overlap": 0.98}],
                "measures": scaled(measures(area * (1 + noise), thin), size),
            }  # fmt: skip
            for rater in ("r1", "r2", "r3"):
                said, nose = "no" if hurt and rater != "r3" else "yes", "0.75" if hurt else "1"
                answers.append((rater, "two-criterion", "pass", scan.name, method, scan.cohort, said, "0"))
                answers.append((rater, "coverage", "nose", scan.name, method, scan.cohort, nose, "0"))
                outcome = "failure II" if hurt else "success"
                answers.append((rater, "outcome", "outcome", scan.name, method, scan.cohort, outcome, "0"))
        for version, record in records.items():
            write_record(unit_path(out, scan.name, version), {"fingerprint": "x", **record})
            folder = private_folder(out, scan.name, version)
            folder.mkdir(parents=True)
            grey = np.full(40, 100 + who, np.uint8)
            grey[:4] -= 40 if version == ROUGH else 0
            np.savez(folder / BRAIN_MAP, grey=grey)
            seen = identity[who] if version != ROUGH else identity[(who + 1) % PEOPLE]
            if version != SAFE:
                np.savez(folder / FEATURES, front=seen + rng.normal(0, 0.01, 128))
    for pair in rescans_of(config):
        rows = [{"version": "rescan (1-2)", **row} for row in dice(0.95)]
        write_record(rescan_path(out, pair), {"fingerprint": "x", "status": "done", "dice": rows})
    lines = ["\t".join(COLUMNS), *("\t".join((str(n), *row)) for n, row in enumerate(answers))]
    ratings.write_text("\n".join(lines) + "\n", "utf-8")
    return gather(config, out)


def part(paper, study):
    """One paper's section alone."""
    with plain_drawing():
        return paper.section(study)


def frame(found, key):
    assert isinstance(found[key], Table), found[key]
    return found[key].frame
