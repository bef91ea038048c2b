import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from kerasvox.errors import ExportError, UsageError
from kerasvox.export import saved_model
from kerasvox.export.artefact import Artefact
from kerasvox.export.metadata import metadata
from kerasvox.export.saved_model import export_saved_model, version_folder
from kerasvox.export.twin import export_twin


def contents(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def export(preset, model, excerpts, tmp_path):
    def run(version=None, output=tmp_path / "new" / "models"):
        facts = metadata(model, preset, max_seconds=1.0)
        return export_saved_model(model, facts, output, excerpts[:2], version)

    return run


@pytest.fixture
def perturbed(monkeypatch):
    """Let the exported weights differ from the model's."""

    def twin(separator, method):
        twin = export_twin(separator, method)
        twin.set_weights([weight * 1.01 for weight in twin.get_weights()])
        return twin

    monkeypatch.setattr(saved_model, "export_twin", twin)


def test_what_a_version_holds(exported):
    folder, _ = exported
    assert (folder.parent.name, folder.name) == ("small", "1")
    assert contents(folder) == [
        "assets.extra/metadata.json",
        "assets.extra/parity.json",
        "assets.extra/tf_serving_warmup_requests",
        "batching_params.pbtxt",
        "fingerprint.pb",
        "saved_model.pb",
        "variables/variables.data-00000-of-00001",
        "variables/variables.index",
    ]
    assert contents(folder.parents[1]) == [f"small/1/{each}" for each in contents(folder)]


def test_the_weights_are_there_once_and_nothing_of_keras(exported, model):
    folder, _ = exported
    size = (folder / "variables" / "variables.data-00000-of-00001").stat().st_size
    assert 4 * model.count_params() <= size < 4 * model.count_params() + 2000
    saved = (folder / "saved_model.pb").read_bytes()
    assert b"keras_metadata" not in saved
    assert b"_tf_keras" not in saved


def test_the_report_tells_every_signature(exported, excerpts):
    folder, report = exported
    assert json.loads((folder / "assets.extra" / "parity.json").read_text()) == report
    shapes = [(case["batch"], case["samples"]) for case in report["cases"]]
    assert shapes == [each.shape for each in excerpts]
    for case in [*report["cases"], *report["streaming"]["cases"]]:
        for stem in ("vocals", "accompaniment"):
            assert case["stems"][stem]["max_abs_difference"] <= 1e-4
            assert case["stems"][stem]["si_sdr"] >= 60
    assert report["wav_bytes"]["max_difference_lsb"] <= 1
    latency = report["latency"]["seconds"]
    assert latency["exported"] > 0
    assert report["latency"]["ratio_to_predict_on_batch"] == (
        latency["exported"] / latency["predict_on_batch"]
    )


def test_the_metadata(exported, model, preset):
    folder, _ = exported
    facts = json.loads((folder / "assets.extra" / "metadata.json").read_text())
    assert facts.pop("kerasvox")
    assert len(facts.pop("weights_sha256")) == 64
    assert facts == {
        "model_name": "small",
        "model_type": "DRNNSeparator",
        "version": 1,
        "sample_rate": 8000,
        "stems": ["vocals", "accompaniment"],
        "n_fft": 128,
        "hop": 64,
        "window": "sine",
        "licence": "Apache-2.0",
        "max_seconds": 1.0,
        "streaming_delay": model.streaming_delay,
    }


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        ("---\nlicense: apache-2.0\n---\n# a\n", "Apache-2.0"),
        ("---\nlicense: cc-by-4.0\n---\n# a\n", "cc-by-4.0"),
        ("# no front matter\n", "Apache-2.0"),
        ("---\n- a\n---\n", "Apache-2.0"),
    ],
)
def test_the_licence_is_that_of_the_card(tmp_path, card, licence):
    from kerasvox.export.metadata import licence as licence_of

    (tmp_path / "README.md").write_text(card)
    assert licence_of(tmp_path) == licence


def test_the_batching_file_keeps_rows_apart(exported):
    text = (exported[0] / "batching_params.pbtxt").read_text()
    fields = dict(line.split(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert fields["enable_large_batch_splitting"] == "{ value: true }"
    assert fields["max_execution_batch_size"] == "{ value: 1 }"
    assert fields["pad_variable_length_inputs:"] == "false"


def test_runs_where_keras_cannot_be_imported(exported, model, excerpts):
    with Artefact(exported[0]) as artefact:
        outputs, seconds = artefact.run({"waveform": excerpts[1]}, repeats=2)
        assert len(seconds) == 2
        np.testing.assert_allclose(outputs["vocals"], model(excerpts[1])["vocals"], atol=1e-5)
        with pytest.raises(ExportError, match="waveform has a batch of 0"):
            artefact.run({"waveform": np.zeros((0, 5), np.float32)})
        artefact.run({"waveform": excerpts[0]})  # still there


def test_versions_count_up_and_are_never_overwritten(tmp_path):
    assert version_folder(tmp_path, None).name == "1"
    for name in ("3", "10", "notes", ".partial-x"):
        (tmp_path / name).mkdir()
    assert version_folder(tmp_path, None).name == "11"
    assert version_folder(tmp_path, 4).name == "4"
    with pytest.raises(ExportError, match="3: exists already; leave the version out"):
        version_folder(tmp_path, 3)
    for version in (0, -1):
        with pytest.raises(UsageError, match=f"from 1; received {version}"):
            version_folder(tmp_path, version)


def test_an_artefact_that_differs_is_not_kept(export, perturbed, tmp_path):
    with pytest.raises(ExportError, match="serving_default: differs from the model by"):
        export()
    assert contents(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("place", ["check_graph", "publish"])
def test_nothing_is_left_of_an_export_that_stops(export, monkeypatch, tmp_path, error, place):
    def stop(*_):
        raise error

    monkeypatch.setattr(saved_model, place, stop)
    monkeypatch.setattr(saved_model, "saved_model_parity", lambda *_: {})
    (tmp_path / "new" / "models" / "other").mkdir(parents=True)
    with pytest.raises(error):
        export()
    assert contents(tmp_path) == []
    assert [each.name for each in (tmp_path / "new" / "models").iterdir()] == ["other"]


def test_a_folder_that_cannot_be_written(export, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="file/models: cannot be written"):
        export(output=tmp_path / "file" / "models")
    assert contents(tmp_path) == ["file"]


def test_without_the_serving_api_it_says_what_to_install(export, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tensorflow_serving.apis.prediction_log_pb2", None)
    with pytest.raises(ExportError, match=r'pip install "kerasvox\[serve\]"'):
        export()
    assert list(tmp_path.iterdir()) == []


def test_raw_tensorflow_names_inputs_and_outputs(exported):
    signatures = tf.saved_model.load(str(exported[0])).signatures
    assert set(signatures) == {"serving_default", "wav_bytes", "streaming"}
    default = signatures["serving_default"]
    assert default.structured_input_signature[1] == {
        "waveform": tf.TensorSpec([None, None], tf.float32, "waveform")
    }
    assert set(default.structured_outputs) == {"vocals", "accompaniment"}
    wav = signatures["wav_bytes"]
    assert wav.structured_input_signature[1] == {
        "wav_bytes": tf.TensorSpec([None], tf.string, "wav_bytes")
    }
    assert {name: each.dtype for name, each in wav.structured_outputs.items()} == {
        "vocals_bytes": tf.string,
        "accompaniment_bytes": tf.string,
    }
    streaming = signatures["streaming"]
    states = {name for name in streaming.structured_outputs if name.startswith("state_")}
    assert states
    assert set(streaming.structured_input_signature[1]) == {"waveform", "end", *states}
    assert set(streaming.structured_outputs) == {"vocals", "accompaniment", *states}


def test_importing_the_package_imports_no_tensorflow():
    code = "import kerasvox, kerasvox.export, kerasvox.export.options, kerasvox.cli.export, sys;"
    code += "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
