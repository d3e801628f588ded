"""Brain that the second look is not shown is not protected, so cells that may hold some are shown."""

import numpy as np

from efface import phantom
from efface.anatomy import locate
from efface.atlas import load_atlas
from efface.io import read_scan
from efface.planning import plan


def test_a_low_frontal_lobe_loses_nothing():
    """The first look saw 0.7 ml of brain in hidden cells; 85 voxels inside the skull were removed, 6 of them cortex."""
    person = phantom.make(
        "FLAIR", spacing_mm=(1.5,) * 3, size=0.9129445493471438, turn_deg=(7.05266, 1.85882, -4.79805), seed=71007
    )
    scan = read_scan(person.image)
    changed = plan(scan, locate(scan)).changed
    names = load_atlas().tissue_names
    inside = person.where("brain") & (person.tissues != names.index("dura"))
    assert changed.any()
    assert np.count_nonzero(changed & inside) == 0
