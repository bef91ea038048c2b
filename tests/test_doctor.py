import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import kerasvox
from kerasvox import presets
from kerasvox.cli.doctor import doctor
from kerasvox.doctor.decoders import check_decoders
from kerasvox.doctor.devices import _check, check_devices
from kerasvox.doctor.diagnose import configured_backend, diagnose
from kerasvox.doctor.packages import _fits, _parse

SMALLEST, LARGER = "two_head_bilstm_mir1k", "drnn_mir1k"


@pytest.fixture(scope="module")
def examined():
    return list(diagnose())


@pytest.fixture(scope="module")
def broken_installation(tmp_path_factory) -> Path:
    """A copy of the package with one preset damaged, and a soundfile that finds no library."""
    folder = tmp_path_factory.mktemp("broken")
    source = Path(kerasvox.__file__).parent
    ignored = shutil.ignore_patterns("zoo", "__pycache__")
    shutil.copytree(source, folder / "kerasvox", ignore=ignored)
    for name in (SMALLEST, LARGER):
        shutil.copytree(presets.preset_directory(name), folder / "kerasvox" / "zoo" / name)
    weights = folder / "kerasvox" / "zoo" / SMALLEST / presets.WEIGHTS
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    (folder / "soundfile.py").write_text("raise OSError('sndfile library not found')\n")
    return folder


def of(findings, check):
    return [finding for finding in findings if finding.check == check]


def test_a_sound_installation_has_nothing_broken(examined):
    assert [finding for finding in examined if finding.status == "broken"] == []
    checks = ["version", "package", "backend", "device", "decoder", "metric", "preset"]
    checks += ["self-test"]
    found = [finding.check for finding in examined if finding.check != "extra"]
    assert list(dict.fromkeys(found)) == checks


def test_every_finding_is_one_line_and_says_what_to_do(examined):
    for finding in examined:
        assert "\n" not in finding.found + finding.advice
        assert finding.found
        assert bool(finding.advice) == (finding.status != "ok")
    json.dumps([finding.to_dict() for finding in examined], allow_nan=False)


def test_every_preset_is_verified_and_the_smallest_separates(examined):
    assert [finding.subject for finding in of(examined, "preset")] == kerasvox.list_presets()
    (separation,) = of(examined, "self-test")
    assert separation.subject == SMALLEST
    assert separation.data["difference"] < 1e-5


def test_a_matmul_runs_on_every_device():
    findings = list(check_devices())
    assert findings
    for finding in findings:
        assert finding.subject in finding.data["ran_on"].lower()
        assert finding.data["difference"] < 1e-4
        assert finding.data["flops"] > 0


def test_a_device_that_is_not_there_is_broken():
    import numpy as np

    factors = np.ones((2, 1024, 1024), np.float32)
    finding = _check("gpu:77", factors, np.matmul(*factors))
    assert finding.status == "broken"
    assert "\n" not in finding.found


def test_all_formats_are_decoded():
    findings = list(check_decoders())
    assert {finding.subject for finding in findings} == {"wav", "flac", "ogg", "mp3", "m4a"}
    assert {finding.status for finding in findings} == {"ok"}


def test_text_has_a_line_a_finding():
    app = typer.Typer()
    app.command()(doctor)
    done = CliRunner().invoke(app, [])
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1] == "nothing is broken"
    assert any(line.startswith("ok      device cpu:0") for line in done.stdout.splitlines())


def test_what_is_broken_is_told_and_the_rest_is_still_examined(broken_installation):
    command = "import typer; from kerasvox.cli.doctor import doctor; typer.run(doctor)"
    environment = {**os.environ, "PYTHONPATH": str(broken_installation)}
    done = subprocess.run(
        [sys.executable, "-c", command, "--json"],
        env=environment,
        cwd=broken_installation,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    broken = {
        (each["check"], each["subject"]): each
        for each in report["findings"]
        if each["status"] == "broken"
    }
    assert report["broken"] == len(broken)
    preset = broken.pop(("preset", SMALLEST))
    assert "is damaged, its sha256 is" in preset["found"]
    assert "pip install" in preset["advice"]
    package = broken.pop(("package", "soundfile"))
    assert package["found"] == "cannot be imported (OSError: sndfile library not found)"
    assert "pip install --force-reinstall" in package["advice"]
    # What soundfile takes with it: each is told by itself, with the reason.
    assert all("sndfile library not found" in each["found"] for each in broken.values())
    assert {check for check, _ in broken} == {"decoder", "metric", "self-test"}
    fine = {each["subject"] for each in report["findings"] if each["status"] == "ok"}
    assert {LARGER, "cpu:0", "keras", "numpy", "museval"} <= fine


def test_a_backend_that_is_not_installed_is_broken():
    environment = {**os.environ, "KERAS_BACKEND": "torch", "PYTHONPATH": os.pathsep.join(sys.path)}
    blocked = "import sys; sys.modules['torch'] = None; "
    command = "import typer; from kerasvox.cli.doctor import doctor; typer.run(doctor)"
    done = subprocess.run(
        [sys.executable, "-c", blocked + command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    (backend,) = [line for line in lines if line.startswith("broken  backend torch")]
    assert "KERAS_BACKEND" in backend
    assert any(line.startswith("broken  package torch") for line in lines)
    assert any(line.startswith("ok      decoder wav") for line in lines)
    assert not any("self-test" in line for line in lines)


def test_the_backend_is_read_as_keras_does(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    assert configured_backend() == ("tensorflow", "Keras' default")
    (tmp_path / "keras.json").write_text('{"backend": "jax"}')
    assert configured_backend() == ("jax", str(tmp_path / "keras.json"))
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert configured_backend() == ("torch", "KERAS_BACKEND")


@pytest.mark.parametrize(
    ("line", "parsed"),
    [
        ("av>=12", ("av", ">=12", None)),
        ("tf2onnx>=1.17; extra == 'onnx'", ("tf2onnx", ">=1.17", "onnx")),
        (
            'Tensorflow-IO ; extra == "tfio" and python_version < "3.13"',
            ("tensorflow-io", "", "tfio"),
        ),
        ("numpy<3,>=1.26", ("numpy", "<3,>=1.26", None)),
    ],
)
def test_requirements_are_taken_apart(line, parsed):
    assert tuple(_parse(line)) == parsed


def test_versions_are_compared():
    assert _fits("3.15.1", ">=3.15")
    assert not _fits("3.9", ">=3.15")
    assert _fits("1.0", "")
