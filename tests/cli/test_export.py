import json
import sys

import numpy as np
import pytest
import soundfile

from kerasvox.cli.main import main
from kerasvox.export import parity
from kerasvox.models.drnn.separator import DRNNSeparator


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("presets") / "tiny"
    DRNNSeparator(units=8, n_fft=128, hop=64).save_to_preset(folder)
    return folder


@pytest.fixture
def run(tmp_path, monkeypatch, capfd):
    """Run `kerasvox export` in `tmp_path`; return exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(parity, "CASES", ((0.1, 1), (0.2, 3)))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["kerasvox", "export", *map(str, arguments)])
        capfd.readouterr()
        try:
            main()
            code = 0
        except SystemExit as exit:
            code = exit.code
        captured = capfd.readouterr()
        return code or 0, captured.out, captured.err

    return run


def test_prints_the_folder_of_the_next_version(run, preset, tmp_path):
    (tmp_path / "models" / "tiny" / "1").mkdir(parents=True)
    code, out, err = run(preset)
    assert (code, out) == (0, "models/tiny/2\n")
    assert err.startswith("kerasvox: worst difference to the model ")
    assert err.count("\n") == 1
    assert (tmp_path / "models" / "tiny" / "2" / "saved_model.pb").is_file()
    assert [each.name for each in (tmp_path / "models").iterdir()] == ["tiny"]


def test_json_is_the_report(run, preset, tmp_path):
    code, out, err = run(preset, "--json", "--version", "7", "-o", "new/models")
    assert (code, err) == (0, "")
    result = json.loads(out)
    assert result["path"] == "new/models/tiny/7"
    assert [case["batch"] for case in result["report"]["cases"]] == [1, 3]


def test_a_version_that_exists_is_not_overwritten(run, preset, tmp_path):
    (tmp_path / "models" / "tiny" / "2").mkdir(parents=True)
    message = "models/tiny/2: exists already; leave the version out to get the next one"
    assert run(preset, "--version", "2") == (1, "", f"kerasvox: {message}\n")
    assert [each.name for each in (tmp_path / "models").rglob("*")] == ["tiny", "2"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--format", "tflite"], 2, "unknown format 'tflite'; formats are savedmodel, onnx"),
        (["--version", "0"], 2, "a version is a whole number from 1; received 0"),
        (["--version", "-3"], 2, "a version is a whole number from 1; received -3"),
        (["--opset", "16", "--format", "onnx"], 2, "opset is 17 or 18; received 16"),
        (["--opset", "19", "--format", "onnx"], 2, "opset is 17 or 18; received 19"),
        (["--dtype", "float16"], 2, "a SavedModel has float32 weights"),
        (["--dtype", "int8"], 2, "unknown dtype 'int8'; dtypes are float32, float16"),
        (["--format", "onnx", "--version", "1"], 2, "a version is for a SavedModel"),
        (["--max-seconds", "0"], 2, "max_seconds is above 0; received 0.0"),
        (["--max-seconds", "nan"], 2, "max_seconds is above 0; received nan"),
        (["--audio", "missing.wav"], 1, "missing.wav"),
        (["--audio", "nan.wav"], 1, "nan.wav: holds NaN or infinite samples"),
        (["-o", "nan.wav/models"], 1, "nan.wav/models: cannot be written"),
    ],
)
def test_what_cannot_be_done_is_one_line(run, preset, tmp_path, arguments, code, message):
    soundfile.write("nan.wav", np.full(100, np.nan), 8000, subtype="FLOAT")
    found, out, err = run(preset, *arguments)
    assert (found, out) == (code, "")
    assert err.startswith("kerasvox: ")
    assert message in err
    assert err.count("\n") == 1
    assert [each.name for each in tmp_path.iterdir()] == ["nan.wav"]


def test_an_unknown_preset(run, tmp_path):
    code, _, err = run("no_such_model")
    assert code == 1
    assert "no_such_model: is neither a folder nor a preset of the zoo" in err
    assert list(tmp_path.iterdir()) == []
