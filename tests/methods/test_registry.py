"""The table of methods: other packages add theirs, and each says what it needs and whether it is here."""

import importlib.metadata
from types import SimpleNamespace

import numpy as np
import pytest

import efface
from efface.errors import UsageError, VerificationError
from efface.methods import DEFAULT, TABLE, get_method, method_class, method_keys
from efface.methods.base import Decision, traits_of
from efface.methods.listing import listed_methods
from efface.planning import decide, plan_decided


def test_every_key_of_the_table_is_its_class_s():
    for key in TABLE:
        assert method_class(key).key == key


def test_another_packages_method_is_used_by_its_key(tiny_package):
    added = {"tiny", "absent", "broken", "no-method", "sloppy", "misnamed", "explodes"}
    assert set(method_keys()) - set(TABLE) == added
    assert get_method("tiny", level=3.0).level == 3.0


def test_a_key_of_our_own_stays_ours(tiny_package):
    assert method_class("anatomy").__module__ == "efface.methods.anatomy"


@pytest.mark.parametrize(
    ("key", "word"),
    [
        ("broken", "no_such_module"),
        ("no-method", "no dataclass"),
        ("absent", "moonprog"),
        ("magic", "tiny"),
        ("misnamed", "calls itself tiny"),
        ("explodes", "libgpu"),
    ],
)
def test_what_cannot_be_used_says_why(tiny_package, key, word):
    with pytest.raises(UsageError, match=word):
        get_method(key)


@pytest.mark.parametrize("how", ["shape", "dtype", "unknown", "values", "volumes"])
def test_a_decision_that_fits_no_scan_names_the_method(tiny_package, phantom_scan, how):
    """Another package's mistake is no traceback of efface's."""
    method = get_method("sloppy", how=how)
    nothing_found = SimpleNamespace(choices={}, grid=phantom_scan.grid)
    with pytest.raises(UsageError, match=r"method sloppy.*(mask|values)"):
        plan_decided(phantom_scan, nothing_found, method, decide(method, phantom_scan, nothing_found), "zero")


def test_a_wrong_parameter_lists_the_right_ones():
    with pytest.raises(UsageError, match=r"no parameter size; it has: extent, keep, clearance_mm"):
        get_method("anatomy", size=1)


def test_the_list_tells_what_is_ready_and_what_is_private(tiny_package):
    listed = {method.name: method for method in listed_methods()}
    assert listed[DEFAULT].default
    assert listed[DEFAULT].availability.ready
    assert listed["tiny"].availability.ready
    assert listed["tiny"].follows_face
    assert listed["tiny"].fill == "own"
    assert listed["tiny"].parameters["side"] == "left"
    for name, word in {"absent": "moonprog", "broken": "no_such_module"}.items():
        assert not listed[name].availability.ready
        assert word in listed[name].availability.remedy


def test_the_default_method_looks_for_no_other_package(monkeypatch, phantom_file, tmp_path):
    def refuse(**options):
        message = "all installed packages were looked through"
        raise AssertionError(message)

    monkeypatch.setattr(importlib.metadata, "entry_points", refuse)

    def reached(*scan, **options):
        message = "no brain was found"
        raise VerificationError(message)

    monkeypatch.setattr("efface.pipeline.deface_scan", reached)
    with pytest.raises(VerificationError):
        efface.deface(phantom_file, tmp_path / "out.nii.gz", mask=tmp_path / "mask.nii.gz")
    assert get_method(DEFAULT).key == DEFAULT


def test_a_class_that_says_nothing_is_public_and_writes_zero():
    traits = traits_of(method_class("template-mask"))
    assert (traits.default_fill, traits.writes_own, traits.follows_face) == ("zero", False, False)


def test_values_follow_their_voxels_when_the_mask_changes():
    mask = np.zeros((3, 3, 3), np.uint8)
    mask[0, 0, :2] = 3
    wider = mask.copy()
    wider[0, 0, 0], wider[2, 2, 2] = 0, 3
    decision = Decision(mask, values=np.array([[5.0, 6.0], [7.0, 8.0]])).with_mask(wider, lambda: -1.0)
    assert np.array_equal(decision.values, [[7.0, 8.0], [-1.0, -1.0]])
    assert Decision(mask).with_mask(wider, lambda: -1.0).values is None
