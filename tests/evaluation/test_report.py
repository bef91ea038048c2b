import json

import pytest

from kerasvox.errors import KerasvoxError
from kerasvox.evaluation.report import build_report, check_writable, write_report
from kerasvox.evaluation.scores import undefined_scores

STEM = {"NSDR": 6.0, "SDR": 6.1, "SIR": 9.0, "SAR": 8.0}
SCORES = {"vocals": STEM, "accompaniment": STEM}
ORIGIN = {"preset": {"name": "small"}, "data": {"split": "test"}}


def row(clip, scores, **undefined):
    return {"clip": clip, "samples": 100, "scores": scores, "undefined": undefined}


def test_clips_without_scores_are_named_and_left_out_of_the_means():
    rows = [
        row("a_1_01", {"separator": SCORES}),
        {"clip": "a_1_02", "error": "a_1_02.wav: is no audio"},
        row(
            "a_1_03", {"separator": undefined_scores()}, separator="the source of vocals is silent"
        ),
    ]
    report = build_report(ORIGIN, rows)
    assert report["means"]["vocals"] == {"GNSDR": 6.0, "GSIR": 9.0, "GSAR": 8.0}
    assert report["scored"] == 1
    assert report["undefined"] == [{"clip": "a_1_03", "reason": "the source of vocals is silent"}]
    assert report["failed"] == [{"clip": "a_1_02", "error": "a_1_02.wav: is no audio"}]
    assert [clip["clip"] for clip in report["clips"]] == ["a_1_01", "a_1_03"]
    assert report["clips"][1]["vocals"]["SIR"] is None
    assert "baselines" not in report


def test_baselines_have_a_section_of_their_own():
    report = build_report(ORIGIN, [row("a_1_01", {"separator": SCORES, "mixture": SCORES})])
    assert list(report["baselines"]) == ["mixture"]
    assert report["baselines"]["mixture"]["means"] == report["means"]
    assert report["baselines"]["mixture"]["clips"] == report["clips"]


def test_a_report_without_any_score_is_still_a_report(tmp_path):
    report = build_report(ORIGIN, [{"clip": "a_1_02", "error": "a_1_02.wav: is no audio"}])
    assert report["means"]["vocals"]["GNSDR"] is None
    write_report(report, tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text()) == report


def test_a_number_that_json_cannot_hold_is_never_written(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_report({"means": float("nan")}, tmp_path / "report.json")
    assert not list(tmp_path.iterdir())


def test_paths_that_cannot_become_a_report(tmp_path):
    with pytest.raises(KerasvoxError, match=r"is a folder; give the report a file name"):
        check_writable(tmp_path)
    with pytest.raises(KerasvoxError, match=r"the folder .*missing does not exist"):
        check_writable(tmp_path / "missing" / "report.json")
    check_writable(tmp_path / "report.json")
