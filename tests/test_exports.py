"""A public name is a promise: it can be imported, lazily, and the README names it."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import efface

README = Path(__file__).parent.parent / "README.md"


@pytest.mark.parametrize("name", efface.__all__)
def test_every_name_can_be_imported(name):
    assert getattr(efface, name) is not None
    assert name in dir(efface)


def test_every_lazy_name_is_promised_and_comes_from_its_home():
    assert sorted([*efface._HOME, "__version__"]) == sorted(efface.__all__)
    for name, home in efface._HOME.items():
        assert getattr(efface, name) is getattr(importlib.import_module(f"efface.{home}"), name)


def test_functions_are_not_hidden_by_modules():
    for name in ("deface", "locate", "plan", "apply_plan", "verify", "read_scan", "write_scan"):
        assert callable(getattr(efface, name))


def test_an_unknown_name():
    with pytest.raises(AttributeError, match="nose"):
        _ = efface.nose


def test_import_is_light():
    code = "import sys, efface; print([name for name in ('numpy', 'nibabel', 'SimpleITK') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_readme_names_exactly_the_public_names():
    if not README.exists():
        pytest.skip("installed without its README")
    text = README.read_text("utf-8")
    used = set(re.findall(r"\befface\.(\w+)", text)) - {"phantom", "egg"}
    assert used == set(efface.__all__) - {"__version__"}
