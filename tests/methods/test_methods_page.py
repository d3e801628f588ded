"""What docs/methods.md says of methods is so."""

import re
from pathlib import Path

import numpy as np
import pytest

from efface.methods import TABLE
from efface.methods.base import Traits

PAGE = Path(__file__).parents[2] / "docs" / "methods.md"
pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="installed without its docs")


def test_it_lists_every_key_and_trait():
    named = set(re.findall(r"^\| `([\w-]+)", PAGE.read_text("utf-8"), re.MULTILINE))
    assert named >= set(TABLE)
    assert named - set(TABLE) == {"availability", *Traits.__dataclass_fields__}


def test_each_published_family_has_its_weakness_and_its_picture():
    text = PAGE.read_text("utf-8").partition("### Published weaknesses")[2].partition("\n## ")[0]
    families = {key for key in TABLE if not key.startswith("external")} - {"anatomy", "template-mask"}
    assert set(re.findall(r"^\| `([\w-]+)", text, re.MULTILINE)) == families
    (picture,) = re.findall(r"\((images/[\w.-]+)\)", text)
    assert 0 < (PAGE.parent / picture).stat().st_size < 60_000


def test_its_example_is_a_method(phantom_scan):
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    names = {}
    exec(compile(code, "methods.md", "exec"), names)
    brain = np.zeros(phantom_scan.grid.shape, bool)
    brain[30:40, 20:50, 40:60] = True

    class Found:
        labels = np.zeros(phantom_scan.grid.shape, np.uint8)

    Found.brain = brain
    mask = names["FrontOfBrain"](room_mm=5.0).decide(phantom_scan, Found).mask
    assert not (mask[:, :50] > 0).any()
    assert (mask[:, 53:] > 0).all()
