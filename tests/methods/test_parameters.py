"""Parameters given as text become what the method's fields hold."""

from pathlib import Path

import pytest

from efface.errors import UsageError
from efface.methods import method_class
from efface.methods.parameters import read_parameters


def read(key, *texts):
    return read_parameters(method_class(key), key, texts)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("level=3", 3.0),
        ("level = 2.5", 2.5),
        ("twice=yes", True),
        ("twice=False", False),
        ("parts=nose", ("nose",)),
        ("parts=nose, chin", ("nose", "chin")),
        ("nudge-mm=1,2,-3", (1.0, 2.0, -3.0)),
        ("side=right", "right"),
        ("count=none", None),
        ("count=4", 4),
        ("template=a=b.nii.gz", Path("a=b.nii.gz")),
    ],
)
def test_each_type(tiny_package, text, value):
    (read_value,) = read("tiny", text).values()
    assert read_value == value
    assert type(read_value) is type(value)


@pytest.mark.parametrize(
    ("texts", "word"),
    [
        (["level=much"], "not a number"),
        (["twice=maybe"], "true or false"),
        (["nudge_mm=1,2"], "parted by commas"),
        (["side=top"], "one of left, right"),
        (["count=few"], "a whole number or none"),
        (["size=3"], "it has: level, twice"),
        (["level"], "name=value"),
        (["=3"], "name=value"),
        (["level=1", "level=2"], "more than once"),
    ],
)
def test_what_is_wrong_is_said(tiny_package, texts, word):
    with pytest.raises(UsageError, match=word):
        read("tiny", *texts)


def test_ours(tiny_package):
    assert read("anatomy", "keep=ears,eyes", "max_steps=3") == {"keep": ("ears", "eyes"), "max_steps": 3}
