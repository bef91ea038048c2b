import json
import os
import shutil
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

import kerasvox
from kerasvox import presets
from kerasvox.cli.doctor import doctor
from kerasvox.doctor import devices, packages
from kerasvox.doctor.decoders import check_decoders
from kerasvox.doctor.devices import _check, check_devices
from kerasvox.doctor.diagnose import configured_backend, diagnose
from kerasvox.doctor.finding import Finding
from kerasvox.doctor.packages import _fits, _parse, check_packages
from kerasvox.doctor.zoo import check_presets

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


def lines_with_backend(backend, before=""):
    """Return what doctor prints, run where Keras is set to a backend that does not start."""
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = "import typer; from kerasvox.cli.doctor import doctor; typer.run(doctor)"
    done = subprocess.run(
        [sys.executable, "-c", before + command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    lines = done.stdout.splitlines()
    assert any(line.startswith("ok      decoder wav") for line in lines)
    assert any(line.startswith("ok      preset") for line in lines)
    assert not any("self-test" in line for line in lines)
    return lines


def test_a_backend_that_is_not_installed_is_broken():
    lines = lines_with_backend("jax", "import sys; sys.modules['jax'] = None; ")
    (backend,) = [line for line in lines if line.startswith("broken  backend jax")]
    assert "KERAS_BACKEND" in backend
    assert any(line.startswith("broken  package jax") for line in lines)


@pytest.mark.parametrize(
    ("backend", "found"),
    [
        ("tensorlfow", "is no backend of Keras (chosen by KERAS_BACKEND)"),
        ("numpy", "is not supported (chosen by KERAS_BACKEND)"),
        ("torch", "is not supported (chosen by KERAS_BACKEND)"),
    ],
)
def test_another_backend_is_told_once_and_nothing_of_its_name_advised(backend, found):
    lines = lines_with_backend(backend)
    (broken,) = [line for line in lines if line.startswith("broken")]
    assert broken.startswith(f"broken  backend {backend}")
    assert broken.endswith(f"{found} -> set KERAS_BACKEND to tensorflow or jax")
    assert not any("pip install" in line for line in lines)


def test_devices_that_cannot_be_listed_are_broken(monkeypatch):
    import keras

    def fail():
        raise RuntimeError("no driver")

    monkeypatch.setattr(keras.distribution, "list_devices", fail)
    (finding,) = check_devices()
    assert finding.status == "broken"
    assert finding.found == "cannot list its devices (RuntimeError: no driver)"


def test_a_product_that_is_not_a_number_is_valid_json(monkeypatch):
    factors = np.ones((2, 1024, 1024), np.float32)
    broken = np.full((1024, 1024), np.nan)
    monkeypatch.setattr(devices, "_multiply", lambda device, factors: (broken, device, 1.0))
    monkeypatch.setattr(
        "kerasvox.doctor.diagnose.diagnose",
        lambda: iter([_check("cpu:0", factors, np.matmul(*factors))]),
    )
    app = typer.Typer()
    app.command()(doctor)
    done = CliRunner().invoke(app, ["--json"])
    assert done.exit_code == 1, done.output
    (finding,) = json.loads(done.stdout, parse_constant=pytest.fail)["findings"]
    assert finding["status"] == "broken"
    assert finding["data"]["difference"] is None
    assert finding["data"]["seconds"] == 1.0


def test_values_that_are_not_finite_are_none_in_reports():
    data = {"levels": {"vocals": float("inf"), "accompaniment": 0.5}, "bytes": 3}
    reported = Finding("self-test", "a", "ok", "b", data=data).to_dict()["data"]
    assert reported == {"levels": {"vocals": None, "accompaniment": 0.5}, "bytes": 3}


def test_a_preset_that_lost_a_file_is_broken(tmp_path, monkeypatch):
    monkeypatch.setattr(presets, "zoo_directory", lambda: tmp_path)
    files = (presets.CONFIG, presets.WEIGHTS, presets.SUMS, presets.METRICS)
    for lost in files[:3]:
        (tmp_path / lost).mkdir()
        for file in files:
            (tmp_path / lost / file).write_text(file)
        presets.write_sums(tmp_path / lost)
        (tmp_path / lost / lost).unlink()
    (tmp_path / "to_be_trained").mkdir()
    (tmp_path / "to_be_trained" / presets.RECIPE).touch()
    findings = list(check_presets())
    assert [finding.subject for finding in findings] == sorted(files[:3])
    for finding in findings:
        assert finding.status == "broken"
        assert str(tmp_path / finding.subject / finding.subject) in finding.found


TFIO = [
    "numpy>=1.26",
    "tensorflow>=2.17",
    "tensorflow<2.18,>=2.17; python_version < '3.13' and extra == 'tfio'",
    "tensorflow-io>=0.37; python_version < '3.13' and extra == 'tfio'",
    "numpy<2; extra == 'tfio'",
]


@pytest.fixture
def with_tfio(monkeypatch):
    """Return a function that examines the extra tfio, given versions of what is installed."""

    def examine(**versions):
        monkeypatch.setattr(packages.metadata, "requires", lambda name: TFIO)
        monkeypatch.setattr(packages, "_version", lambda name: versions.get(name.replace("-", "_")))
        (finding,) = of(check_packages("tensorflow"), "extra")
        assert finding.subject == "tfio"
        return finding

    monkeypatch.setitem(sys.modules, "tensorflow_io", types.ModuleType("tensorflow_io"))
    return examine


def test_an_extra_is_held_to_the_versions_of_all_its_members(with_tfio):
    finding = with_tfio(tensorflow="2.21.0", tensorflow_io="0.37.1", numpy="1.26.4")
    assert finding.status == "broken"
    assert finding.found == "tensorflow is of version 2.21.0; tfio needs <2.18,>=2.17"
    finding = with_tfio(tensorflow="2.17.1", tensorflow_io="0.37.1", numpy="2.4.6")
    assert finding.found == "numpy is of version 2.4.6; tfio needs <2"
    assert finding.advice == 'pip install "kerasvox[tfio]"'


def test_an_extra_that_is_not_installed_is_no_fault(with_tfio):
    finding = with_tfio(tensorflow="2.21.0", numpy="2.4.6")
    assert (finding.status, finding.found) == ("warning", "is not installed")


def test_tensorflow_io_has_to_decode(with_tfio, monkeypatch):
    pytest.importorskip("tensorflow")

    def decode(content, dtype):
        raise NotImplementedError("undefined symbol")

    monkeypatch.setattr(sys.modules["tensorflow_io"], "__version__", "0.37.1", raising=False)
    audio = types.SimpleNamespace(decode_flac=decode)
    monkeypatch.setattr(sys.modules["tensorflow_io"], "audio", audio, raising=False)
    finding = with_tfio(tensorflow="2.17.1", tensorflow_io="0.37.1", numpy="1.26.4")
    assert finding.status == "broken"
    assert "tensorflow-io 0.37.1 does not decode with TensorFlow" in finding.found


def test_the_backend_is_held_to_the_version_that_its_extra_asks_for(monkeypatch):
    monkeypatch.setattr(packages.metadata, "requires", lambda name: ["jax>=99; extra == 'jax'"])
    monkeypatch.setattr(packages, "_import_fault", lambda name: None)
    monkeypatch.setattr(packages, "_version", lambda name: "0.4.20")
    (finding,) = check_packages("jax")
    assert finding.found == "is of version 0.4.20; kerasvox needs >=99"


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
