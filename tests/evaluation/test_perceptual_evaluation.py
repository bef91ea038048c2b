import sys
from importlib import metadata

import numpy as np
import pytest

from kerasvox.data.mir1k import MIR1K
from kerasvox.errors import KerasvoxError, UsageError
from kerasvox.evaluation.evaluate import evaluate
from kerasvox.evaluation.perceptual import METRICS, perceptual_scores

pytest.importorskip("pesq", reason="needs the extra 'perceptual'")
pytest.importorskip("pystoi", reason="needs the extra 'perceptual'")


@pytest.fixture(scope="module")
def report(preset, data) -> dict:
    return evaluate(preset, data, processes=2, baselines=True, perceptual=True)


def test_vocals_have_perceptual_scores_and_the_accompaniment_has_none(report):
    for section in (report, *report["baselines"].values()):
        for table in (*section["clips"], section["means"]):
            assert set(METRICS) <= set(table["vocals"])
            assert not set(METRICS) & set(table["accompaniment"])


def test_the_mixture_is_scored_against_the_vocals(report, data):
    sources = MIR1K(data).clips("test")[0].sources(16000)
    expected = perceptual_scores(sources[0], sources.sum(axis=0), 16000).values
    first = report["baselines"]["mixture"]["clips"][0]
    assert {metric: first["vocals"][metric] for metric in METRICS} == pytest.approx(
        expected, abs=1e-4
    )
    mixture, oracle = (
        report["baselines"][method]["means"]["vocals"]
        for method in ("mixture", "oracle magnitude ratio")
    )
    assert all(mixture[metric] < oracle[metric] for metric in METRICS)


def test_undefined_scores_are_counted_listed_and_left_out_of_the_means(report):
    listed = [{"clip": "bug_2_01", "reason": "the source of vocals is silent"}]
    assert report["perceptual"] == {
        metric: {"scored": 4, "undefined": listed} for metric in METRICS
    }
    clips, silent = report["clips"][:-1], report["clips"][-1]
    weights = [clip["samples"] for clip in clips]
    for metric in METRICS:
        assert silent["vocals"][metric] is None
        mean = np.average([clip["vocals"][metric] for clip in clips], weights=weights)
        assert report["means"]["vocals"][metric] == pytest.approx(mean, abs=1e-4)


def test_the_protocol_says_how(report):
    versions = report["protocol"]["versions"]
    for package in ("pesq", "pystoi", "soxr"):
        assert versions[package] == metadata.version(package)
    assert report["protocol"]["perceptual"]["stem"].startswith("vocals only")


class StopError(Exception):
    pass


def test_one_process_stopped_and_resumed_scores_exactly_as_two(report, preset, data, tmp_path):
    def stop(rows, total):
        if len(rows) == 1:
            raise StopError

    clips, counts = report["clips"][2:], []
    choice = {"names": [clip["clip"] for clip in clips], "processes": 1, "perceptual": True}
    choice["output"] = tmp_path / "report.json"
    with pytest.raises(StopError):
        evaluate(preset, data, progress=stop, **choice)
    resumed = evaluate(
        preset, data, progress=lambda rows, total: counts.append(len(rows)), **choice
    )
    assert counts == [1, 2, 3]
    assert resumed["clips"] == clips
    assert resumed["perceptual"]["STOI"] == report["perceptual"]["STOI"] | {"scored": 2}


def test_a_report_without_is_as_before(report, preset, data):
    without = evaluate(preset, data, names=[report["clips"][2]["clip"]], processes=1)
    assert "perceptual" not in without | without["protocol"]
    assert "pesq" not in without["protocol"]["versions"]
    assert set(without["means"]["vocals"]) == {"GNSDR", "GSIR", "GSAR"}
    vocals = report["clips"][2]["vocals"].items()
    assert without["clips"][0]["vocals"] == {k: v for k, v in vocals if k not in METRICS}


@pytest.mark.parametrize("perceptual", [True, False])
def test_a_partial_without_is_never_taken_for_one_with(preset, data, tmp_path, perceptual):
    def stop(rows, total):
        raise StopError

    output = tmp_path / "report.json"
    with pytest.raises(StopError):
        evaluate(preset, data, output=output, perceptual=not perceptual, progress=stop)
    before = (tmp_path / "report.json.partial").read_text()
    with pytest.raises(KerasvoxError, match=r"belongs to another evaluation \(its perceptual, "):
        evaluate(preset, data, output=output, perceptual=perceptual)
    assert (tmp_path / "report.json.partial").read_text() == before


def test_a_missing_package_is_said_before_any_work(preset, data, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pesq", None)
    with pytest.raises(UsageError, match="pip install pesq pystoi"):
        evaluate(preset, data, output=tmp_path / "report.json", perceptual=True)
    assert list(tmp_path.iterdir()) == []
