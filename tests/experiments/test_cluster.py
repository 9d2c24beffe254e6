"""A scheduler with workers of its own gives the same bits."""

import warnings

import pytest

from lstmbook.experiments.report import report
from lstmbook.experiments.runner import run
from lstmbook.experiments.store import Store

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from distributed import Client, LocalCluster


@pytest.mark.filterwarnings("default")
def test_dask_with_two_workers_gives_the_same_bits(everything, tmp_path):
    here = run(everything, jobs=1, store=tmp_path / "here.sqlite")
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
        ) as cluster,
        Client(cluster) as client,
    ):
        executor = client.get_executor()
        there = run(everything, executor=executor, store=tmp_path / "there.sqlite")
        assert len(client.scheduler_info()["workers"]) == 2
    assert there == here
    with Store(tmp_path / "there.sqlite") as store:
        assert store.count() == len(here) == 26
    texts = {str(report(everything, tmp_path / f"{name}.sqlite")) for name in ("here", "there")}
    assert len(texts) == 1
