"""A worker beside others must not take all cores."""

import pytest

from efface.batch import Where
from efface.threads import cores, threads


@pytest.mark.parametrize(("asked", "fewest"), [("1", True), ("", False), ("0", False), ("many", False)])
def test_omp_num_threads_is_respected(monkeypatch, asked, fewest):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    everything = threads(1000)
    assert everything == cores()
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert threads(1000) == (1 if fewest else everything)
    monkeypatch.setenv("OMP_NUM_THREADS", "1000000")
    assert threads(1000) == everything
    assert threads(1) == 1


@pytest.mark.parametrize(("of", "workers", "each"), [(8, 1, 8), (8, 3, 2), (8, 8, 1), (2, 4, 1)])
def test_workers_share_the_cores(monkeypatch, of, workers, each):
    pytest.importorskip("distributed")
    monkeypatch.setattr("efface.batch.where.cores", lambda: of)
    assert Where(workers).threads(100) == each
    assert Where(workers).threads(1) == of, "one job is one worker's"
