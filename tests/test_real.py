"""Real heads, where there are some: ``EFFACE_DATA``, or the data folder beside the checkout."""

import os
from pathlib import Path

import numpy as np
import pytest

from efface.io import read_scan
from efface.pipeline import deface_scan
from efface.verification import verify

DATA = Path(os.environ.get("EFFACE_DATA", Path(__file__).parents[2] / "shared" / "data"))
HEADS = sorted(path for pattern in ("*.nii", "*.nii.gz") for path in (DATA / "heads").rglob(pattern))

pytestmark = [pytest.mark.real, pytest.mark.skipif(not HEADS, reason="no real heads here; set EFFACE_DATA")]


def name(path):
    return "/".join(path.relative_to(DATA / "heads").parts)


@pytest.mark.parametrize("path", HEADS, ids=name)
def test_every_head_is_defaced_and_verified(path):
    scan = read_scan(path)
    result = deface_scan(scan)
    assert result.verdict.passed, result.verdict.summary()
    kept = ~result.plan.changed
    assert np.array_equal(result.scan.stored[kept], scan.stored[kept], equal_nan=scan.stored.dtype.kind == "f")
    assert not (result.plan.changed & result.anatomy.brain).any()


WEAK = [path for path in HEADS if "weakly_defaced" in path.name]


@pytest.mark.parametrize("weak", WEAK, ids=name)
def test_a_weakly_defaced_head_does_not_pass(weak):
    original = weak.with_name(weak.name.replace("_weakly_defaced", ""))
    verdict = verify(read_scan(original), read_scan(weak))
    assert {"left_eye_covered", "right_eye_covered", "left_ear_covered"} & {check.name for check in verdict.failed}
