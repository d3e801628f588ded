"""A worker beside others must not take all cores."""

import pytest

from efface.network.inference import _cores


@pytest.mark.parametrize(("asked", "fewest"), [("1", True), ("", False), ("0", False), ("many", False)])
def test_omp_num_threads_is_respected(monkeypatch, asked, fewest):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    everything = _cores()
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert _cores() == (1 if fewest else everything)
    monkeypatch.setenv("OMP_NUM_THREADS", "1000000")
    assert _cores() == everything
