"""``efface demo``: the main job on the bundled sample."""

import json

import pytest


@pytest.mark.slow
def test_demo_writes_what_it_names(efface, tmp_path):
    folder = tmp_path / "new" / "demo"
    said = efface("demo", folder)
    assert said.status == 0
    verdict, *lines = said.out.splitlines()
    assert verdict.startswith("verified: ")
    for line in lines:
        path, *_ = line.split("  ")[1:]
        assert (tmp_path / path).stat().st_size > 0
    assert len(lines) == 6
    assert json.loads((folder / "sample_T1w_defaced.json").read_text("utf-8"))["efface"]["verified"] is True
    assert len([path for path in folder.rglob("*") if path.is_file()]) == 7  # those six and the report's picture


def test_demo_into_a_file(efface, tmp_path):
    (tmp_path / "file").write_bytes(b"mine")
    said = efface("demo", tmp_path / "file")
    assert said.status == 2
    assert (tmp_path / "file").read_bytes() == b"mine"
