import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from kerasvox import presets
from kerasvox.errors import DataError, KerasvoxError, PresetError, UsageError
from kerasvox.evaluation.evaluate import evaluate
from kerasvox.evaluation.scores import weighted_means

CLIPS = ["Ani_1_01", "Ani_1_02", "Ani_1_03", "Ani_1_04", "bug_2_01"]
TIMEOUT = 120


@pytest.fixture(scope="module")
def bad_data(data: Path, tmp_path_factory) -> Path:
    """The clips, and two that cannot be read."""
    folder = tmp_path_factory.mktemp("bad") / "clips"
    shutil.copytree(data, folder)
    (folder / "Ani_1_05.wav").write_bytes((folder / "Ani_1_01.wav").read_bytes()[:20])
    (folder / "bug_2_02.wav").touch()
    return folder


@pytest.fixture(scope="module")
def output(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("reports") / "report.json"


@pytest.fixture(scope="module")
def progress() -> list[tuple[int, int]]:
    return []


@pytest.fixture(scope="module")
def report(preset, bad_data, output, progress) -> dict:
    return evaluate(
        preset,
        bad_data,
        processes=2,
        baselines=True,
        output=output,
        progress=lambda rows, total: progress.append((len(rows), total)),
    )


def test_the_report_is_strict_json_without_paths_and_the_partial_is_gone(report, output):
    def refuse(constant):
        raise AssertionError(f"the report holds {constant}")

    text = output.read_text()
    assert json.loads(text, parse_constant=refuse) == report
    assert list(output.parent.iterdir()) == [output]
    assert str(output.parent.parent) not in text


def test_where_the_scores_come_from(report, preset):
    assert report["preset"] == {
        "name": "small",
        "weights_sha256": presets.sha256(preset / presets.WEIGHTS),
    }
    assert report["data"]["directory"] == "clips"
    assert (report["data"]["split"], report["data"]["clips"]) == ("test", 7)
    assert report["protocol"]["filter_length"] == 512
    assert report["protocol"]["versions"].keys() >= {"museval", "numpy", "scipy", "kerasvox"}


def test_bad_and_silent_clips_are_named_and_the_others_scored(report):
    assert [clip["clip"] for clip in report["clips"]] == CLIPS
    assert report["scored"] == 4
    assert [entry["clip"] for entry in report["failed"]] == ["Ani_1_05", "bug_2_02"]
    assert report["failed"][0]["error"].startswith("Ani_1_05.wav: is not audio")
    assert report["undefined"] == [{"clip": "bug_2_01", "reason": "the source of vocals is silent"}]
    assert report["clips"][-1]["accompaniment"]["SDR"] is None


def test_means_follow_from_the_table(report):
    for section in (report, *report["baselines"].values()):
        means = weighted_means((clip["samples"], clip) for clip in section["clips"])
        for stem, values in means.items():
            assert section["means"][stem] == pytest.approx(values, abs=1e-4)


def test_baselines(report):
    baselines = report["baselines"]
    oracles = [f"oracle {mask}" for mask in ("binary", "magnitude ratio", "power ratio")]
    assert list(baselines) == ["mixture", *oracles]
    assert baselines["mixture"]["means"]["vocals"]["GNSDR"] == 0
    assert all(baselines[name]["means"]["vocals"]["GNSDR"] > 2 for name in oracles)


def test_progress_counts_every_clip(report, progress):
    assert progress == [(done, 7) for done in range(8)]


def test_one_process_scores_exactly_as_two_do(report, preset, data):
    # Another order of the clips in the process, too: the longest is the first that it gets.
    alone = evaluate(preset, data, processes=1, names=CLIPS[2:])
    assert alone["clips"] == report["clips"][2:]
    assert "OMP_NUM_THREADS" not in os.environ or os.environ["OMP_NUM_THREADS"] != "1"


def start(preset, data, output, **options) -> subprocess.Popen:
    command = [sys.executable, "-m", "kerasvox.cli.main", "evaluate", preset, "--data", data]
    return subprocess.Popen(
        [*command, "-o", output, "--processes", "1", "--baselines"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **options,
    )


def wait_for_rows(partial: Path, rows: int, report: Path | None = None) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not (report and report.exists()) and (
        not partial.exists() or partial.read_bytes().count(b"\n") <= rows
    ):
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.slow
def test_an_interrupt_and_a_kill_leave_what_a_later_run_takes_over(
    preset, bad_data, report, tmp_path
):
    output = tmp_path / "report.json"
    partial = tmp_path / "report.json.partial"

    for _ in range(5):  # on a busy machine the run may end before its first row is noticed
        interrupted = start(preset, bad_data, output)
        wait_for_rows(partial, 1, output)
        interrupted.send_signal(signal.SIGINT)
        _, errors = interrupted.communicate(timeout=TIMEOUT)
        if not output.exists():
            break
        output.unlink()
    assert interrupted.returncode == 130
    assert f"run again to go on from {partial}" in errors
    assert "Traceback" not in errors
    after_interrupt = partial.read_bytes().count(b"\n") - 1
    assert 1 <= after_interrupt < len(CLIPS)

    killed = start(preset, bad_data, output)
    wait_for_rows(partial, after_interrupt + 1)
    children = psutil.Process(killed.pid).children(recursive=True)
    killed.kill()
    killed.communicate(timeout=TIMEOUT)
    assert psutil.wait_procs(children, timeout=TIMEOUT)[1] == []  # none is left without a parent
    with partial.open("ab") as file:
        file.write(b'{"clip": "Ani_')

    seen = []
    resumed = evaluate(
        preset,
        bad_data,
        processes=1,
        baselines=True,
        output=output,
        progress=lambda rows, total: seen.append(len(rows)),
    )
    assert seen[0] > after_interrupt
    assert resumed == report
    assert list(tmp_path.iterdir()) == [output]


@pytest.mark.slow
def test_ctrl_c_while_the_processes_start_is_one_line(preset, data, tmp_path):
    output = tmp_path / "report.json"
    process = start(preset, data, output, start_new_session=True)
    deadline = time.monotonic() + TIMEOUT
    # The tracker of locks comes first, then the process that scores.
    while len(psutil.Process(process.pid).children()) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 130
    assert errors == f"kerasvox: run again to go on from {output}.partial\n"


def test_other_weights_do_not_take_over_the_partial(preset, data, tmp_path):
    output = tmp_path / "report.json"
    partial = tmp_path / "report.json.partial"
    partial.write_text('{"weights_sha256": "other"}\n')
    with pytest.raises(
        KerasvoxError, match=r"report\.json\.partial: belongs to another evaluation"
    ):
        evaluate(preset, data, output=output)
    assert partial.read_text() == '{"weights_sha256": "other"}\n'


def test_what_is_wrong_is_said_before_any_work(preset, data, tmp_path):
    with pytest.raises(PresetError, match="no_such: is neither a folder nor a preset"):
        evaluate("no_such", data)
    with pytest.raises(DataError, match="missing: is not a folder"):
        evaluate(preset, tmp_path / "missing")
    with pytest.raises(DataError, match="holds no clip of the train split"):
        evaluate(preset, data, "train")
    with pytest.raises(UsageError, match="unknown split 'all'"):
        evaluate(preset, data, "all")
    with pytest.raises(DataError, match="the test split holds no clip amy_9_08"):
        evaluate(preset, data, names=["amy_9_08", "Ani_1_01"])
    with pytest.raises(UsageError, match="at least 1; received 0"):
        evaluate(preset, data, processes=0)
    with pytest.raises(KerasvoxError, match="does not exist"):
        evaluate(preset, data, output=tmp_path / "missing" / "report.json")


def test_damaged_weights_are_refused(preset, data, tmp_path):
    damaged = tmp_path / "damaged"
    shutil.copytree(preset, damaged)
    weights = bytearray((damaged / presets.WEIGHTS).read_bytes())
    weights[-1] ^= 1
    (damaged / presets.WEIGHTS).write_bytes(weights)
    with pytest.raises(PresetError, match="is damaged"):
        evaluate(damaged, data)
