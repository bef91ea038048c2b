import errno
import hashlib
import json
import os
import subprocess

import keras
import numpy as np
import pytest
from file_limit import no_file_above

import kerasvox
from kerasvox import presets
from kerasvox.errors import PresetError
from kerasvox.models.drnn.separator import DRNNSeparator
from kerasvox.models.separator import Separator


@pytest.fixture
def separator() -> DRNNSeparator:
    keras.utils.set_random_seed(0)
    model = DRNNSeparator(units=8, n_fft=64, hop=32, recurrent_layers=(1, 3))
    model.build()
    return model


@pytest.fixture
def folder(separator, tmp_path):
    separator.save_to_preset(tmp_path / "mine")
    return tmp_path / "mine"


def test_round_trip_through_a_folder(separator, folder, noise):
    twin = Separator.from_preset(folder)
    assert type(twin) is DRNNSeparator
    assert twin.get_config() == separator.get_config()
    assert (twin.preset, twin.weights_sha256) == ("mine", presets.weights_sha256(folder))
    for one, other in zip(separator.weights, twin.weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(twin(noise)["vocals"], separator(noise)["vocals"], atol=2e-3)


def test_float32_weights_are_exact(separator, tmp_path, noise):
    separator.save_to_preset(tmp_path / "exact", dtype="float32")
    twin = DRNNSeparator.from_preset(tmp_path / "exact")
    np.testing.assert_array_equal(twin(noise)["vocals"], separator(noise)["vocals"])


def test_weights_take_two_bytes_each(tmp_path):
    model = DRNNSeparator(units=200)
    model.save_to_preset(tmp_path)
    size = (tmp_path / presets.WEIGHTS).stat().st_size
    assert 2 * model.count_params() < size < 2 * model.count_params() + 50_000


def test_sums_are_readable_by_sha256sum(folder):
    done = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=folder, capture_output=True)
    assert done.returncode == 0
    digest = hashlib.sha256((folder / "model.weights.h5").read_bytes()).hexdigest()
    assert presets.weights_sha256(folder) == digest


def test_saving_leaves_only_the_files(folder):
    assert sorted(path.name for path in folder.iterdir()) == [
        "SHA256SUMS",
        "config.json",
        "model.weights.h5",
    ]


def test_loading_without_weights_starts_afresh(folder, separator):
    twin = Separator.from_preset(folder, load_weights=False)
    assert not hasattr(twin, "weights_sha256")
    assert np.abs(np.array(twin.weights[0]) - np.array(separator.weights[0])).max() > 1e-3


@pytest.mark.parametrize("file", ["config.json", "model.weights.h5"])
def test_every_flipped_byte_is_noticed(folder, file):
    content = bytearray((folder / file).read_bytes())
    for position in (0, len(content) // 2, len(content) - 1):
        damaged = bytearray(content)
        damaged[position] ^= 1
        (folder / file).write_bytes(damaged)
        with pytest.raises(PresetError, match=f"{file}: is damaged"):
            Separator.from_preset(folder)


@pytest.mark.parametrize("file", ["config.json", "model.weights.h5", "SHA256SUMS"])
def test_missing_file_is_named(folder, file):
    (folder / file).unlink()
    with pytest.raises(PresetError, match=file):
        Separator.from_preset(folder)


def test_unknown_name_lists_what_there_is():
    with pytest.raises(PresetError, match="dnn_mir2k: is neither a folder nor a preset"):
        Separator.from_preset("dnn_mir2k")


def test_wrong_class_is_refused(folder):
    class Other(Separator):
        pass

    with pytest.raises(PresetError, match="holds a DRNNSeparator, not a Other"):
        Other.from_preset(folder)


def test_a_preset_imports_no_foreign_module(folder):
    config = json.loads((folder / "config.json").read_text())
    config.update(module="antigravity", **{"class": "foreign>Thing"})
    (folder / "config.json").write_text(json.dumps(config))
    presets.write_sums(folder)
    with pytest.raises(PresetError, match="foreign>Thing is not registered"):
        Separator.from_preset(folder)
    import sys

    assert "antigravity" not in sys.modules


def test_unwritable_folder_is_named(separator, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PresetError, match="file: cannot be written"):
        separator.save_to_preset(tmp_path / "file")


@pytest.mark.parametrize("size", [100, 5000, 40_000])
def test_a_full_disk_is_one_line_and_leaves_the_preset(separator, folder, size):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with no_file_above(size), pytest.raises(PresetError) as caught:
        separator.save_to_preset(folder)
    reason = f"[Errno {errno.EFBIG}] {os.strerror(errno.EFBIG)}"
    assert str(caught.value) == f"{folder}: cannot be written ({reason})"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_the_room_for_an_optimizer_is_found_out_too(separator, folder):
    separator.compile(keras.optimizers.Adam())
    separator.optimizer.build(separator.trainable_variables)
    with no_file_above(130_000), pytest.raises(PresetError, match=os.strerror(errno.EFBIG)):
        separator.save_to_preset(folder)


def test_what_a_kill_left_is_removed(separator, folder):
    (folder / ".partial-preset-abc").mkdir()
    (folder / ".partial-preset-abc" / "model.weights.h5").write_bytes(b"half")
    (folder / ".partial-export").mkdir()  # at work meanwhile, in the same folder
    separator.save_to_preset(folder)
    assert [path.name for path in folder.glob(".*")] == [".partial-export"]


def test_every_listed_preset_loads():
    for name in kerasvox.list_presets():
        model = kerasvox.Separator.from_preset(name)
        assert model.preset == name
        directory = presets.preset_directory(name)
        assert {path.name for path in directory.iterdir()} >= {
            presets.CARD,
            presets.METRICS,
            presets.RECIPE,
            presets.SUMS,
        }


def test_equal_weights_have_equal_files(tmp_path):
    digests = set()
    for name in ("one", "two"):
        model = DRNNSeparator(units=8, n_fft=64, hop=32, name="same")
        model.build()
        for weight in model.weights:
            weight.assign(np.ones(weight.shape))
        model.save_to_preset(tmp_path / name)
        digests.add(presets.weights_sha256(tmp_path / name))
    assert len(digests) == 1
