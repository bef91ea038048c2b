import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kerasvox import presets
from kerasvox.cli.main import main
from kerasvox.evaluation.perceptual import METRICS


@pytest.fixture(scope="module")
def preset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from kerasvox.models.drnn.separator import DRNNSeparator

    separator = DRNNSeparator(units=8)
    separator(np.zeros((1, 4096), "float32"))
    folder = tmp_path_factory.mktemp("presets") / "tiny"
    separator.save_to_preset(folder)
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    random = np.random.default_rng(0)
    for name in ("amy_9_08", "amy_9_09"):
        soundfile.write(folder / f"{name}.wav", 0.1 * random.standard_normal((16000, 2)), 16000)
    return folder


@pytest.fixture
def run(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["kerasvox", "evaluate", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            main()
        return exit_.value.code or 0, *capsys.readouterr()

    return run


def test_a_table_and_a_report(run, preset, data, tmp_path):
    output = tmp_path / "report.json"
    code, table, errors = run(
        preset, "--data", data, "--split", "dev", "-o", output, "--processes", 1
    )
    assert (code, errors) == (0, "")
    report = json.loads(output.read_text())
    assert f"{report['means']['vocals']['GNSDR']:.2f}" in table
    assert "tiny, data dev: 2 clips, dB" in table
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "report.json"]


def test_json_and_one_bad_clip(run, preset, data, tmp_path):
    (data / "amy_9_09.wav").write_bytes(b"RIFF")
    code, out, errors = run(preset, "--data", data, "--split", "dev", "--json", "--processes", 1)
    report = json.loads(out)
    assert code == 1
    assert errors.splitlines()[0].startswith("kerasvox: amy_9_09.wav: is not audio")
    assert errors.splitlines()[1:] == ["kerasvox: 1 of 2 clips failed: amy_9_09"]
    assert [clip["clip"] for clip in report["clips"]] == ["amy_9_08"]
    assert report["failed"][0]["clip"] == "amy_9_09"
    assert list(tmp_path.iterdir()) == [data]


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--split", "all"], 2, "unknown split 'all'"),
        (["--processes", "0"], 2, "processes must be at least 1; received 0"),
        (["--split", "train"], 1, "holds no clip of the train split"),
        (["--split", "dev", "-o", "missing/report.json"], 1, "missing does not exist"),
        (["--split", "dev", "-o", "."], 1, ".: is a folder"),
    ],
)
def test_wrong_requests_are_one_line(run, preset, data, options, code, message):
    found, out, errors = run(preset, "--data", data, *options)
    assert (found, out) == (code, "")
    assert message in errors
    assert errors.count("\n") == 1


def test_an_unknown_preset_and_a_missing_folder(run, preset, data):
    assert run("drnn", "--data", data)[0] == 1
    code, _, errors = run(preset, "--data", data / "missing")
    assert code == 1
    assert errors == f"kerasvox: {data / 'missing'}: is not a folder; give that of a data set\n"


def test_perceptual_scores_are_printed_and_recorded(run, data, tmp_path):
    for package in ("pesq", "pystoi"):
        pytest.importorskip(package, reason="needs the extra 'perceptual'")
    folder = tmp_path / "copy"
    shutil.copytree(presets.preset_directory("drnn_mir1k"), folder)
    noise = 0.1 * np.random.default_rng(1).standard_normal((4800, 2))
    soundfile.write(data / "amy_9_09.wav", noise, 16000)  # 0.3 s: enough for PESQ, not for STOI
    output = tmp_path / "report.json"
    options = ["--split", "dev", "-o", output, "--processes", 1, "--perceptual", "--record"]
    code, table, errors = run(folder, "--data", data, *options)
    assert code == 0
    assert errors == "kerasvox: amy_9_09: has no STOI, 0.300 s are shorter than STOI's 0.4096 s\n"
    report = json.loads(output.read_text())
    means = report["means"]["vocals"]
    assert f"{means['STOI']:.3f}" in table
    assert all(heading in table for heading in ("PESQ-NB (2)", "PESQ-WB (2)", "STOI (1)"))

    entry = json.loads((folder / presets.METRICS).read_text())["scores"]["dev"]
    assert entry["means"] == report["means"]
    assert entry["perceptual"]["clips"] == {"PESQ-NB": 2, "PESQ-WB": 2, "STOI": 1}
    assert entry["perceptual"]["versions"]["pesq"] == report["protocol"]["versions"]["pesq"]
    card = (folder / presets.CARD).read_text()
    assert "| clips | stem | GNSDR | GSIR | GSAR | PESQ-NB | PESQ-WB | STOI |" in card
    values = " | ".join(f"{means[name]:.4f}" for name in ("GNSDR", "GSIR", "GSAR", *METRICS))
    assert f"| dev (2) | vocals | {values} |" in card
    assert "metrics of speech" in card


def test_a_missing_package_is_one_line(run, preset, data, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pystoi", None)
    output = tmp_path / "report.json"
    code, out, errors = run(preset, "--data", data, "--split", "dev", "--perceptual", "-o", output)
    assert (code, out) == (2, "")
    assert errors.startswith("kerasvox: PESQ and STOI need two more packages: pip install pesq py")
    assert errors.count("\n") == 1
    assert list(tmp_path.iterdir()) == [data]
