import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasvox.data.batches import TrainingBatches
from kerasvox.data.check_set import check_set
from kerasvox.data.mir1k import MIR1K
from kerasvox.data.open_data import open_data
from kerasvox.data.shards.crc32c import crc32c
from kerasvox.data.shards.example import encode_example
from kerasvox.data.shards.prepare import prepare
from kerasvox.data.shards.seal import seal, unseal
from kerasvox.data.shards.shard_set import ShardSet
from kerasvox.data.shards.tfrecord import frame, unframe
from kerasvox.data.stems import Stems
from kerasvox.errors import DataError, UsageError

RATE = 16000
OPTIONS = {"batch_size": 4, "samples": 3000, "seed": 5, "speed": 0.1, "equalization": 6.0}


def crc32c_bit_by_bit(data):
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


@pytest.fixture
def clips(tmp_path, write_clip):
    """A folder of six MIR-1K clips, of all splits."""
    names = ["abjones_1_01", "amy_1_01", "amy_1_02", "amy_9_08", "Ani_1_01", "stool_1_01"]
    for seed, name in enumerate(names):
        write_clip(f"set/{name}.wav", seed=seed)
    return tmp_path / "set"


@pytest.fixture
def tracks(tmp_path):
    """A folder of five stereo tracks, one of them mono and one over full scale, of 24 bits."""
    for number in range(5):
        folder = tmp_path / "tracks" / f"track {number}"
        folder.mkdir(parents=True)
        channels, level = (1 if number == 1 else 2), (3.0 if number == 2 else 0.1)
        for seed, stem in enumerate(("vocals", "drums", "bass", "other")):
            generator = np.random.default_rng([number, seed])
            audio = level * generator.uniform(-0.3, 0.3, (9000 + number, channels))
            soundfile.write(folder / f"{stem}.wav", audio, RATE, "PCM_24")
    return tmp_path / "tracks"


def batches(clips, downmix=True, **changes):
    sources = [clip.training_sources(RATE, downmix) for clip in clips]
    return TrainingBatches(sources, **{**OPTIONS, **changes})


def sources_by_split(data):
    return {
        split: {clip.name: clip.sources(RATE) for clip in data.clips(split)}
        for split in ("train", "dev", "test")
    }


@settings(deadline=None)
@given(data=st.binary(max_size=3000))
def test_the_checksum_is_crc_32c(data):
    assert crc32c(data) == crc32c_bit_by_bit(data)


def test_the_checksum_of_long_data():
    data = np.random.default_rng(0).bytes(70001)
    assert crc32c(data) == crc32c_bit_by_bit(data)
    assert crc32c(b"123456789") == 0xE3069283


@settings(deadline=None)
@given(data=st.binary(max_size=2000), place=st.integers(0), bit=st.integers(0, 7))
def test_a_record_with_a_flipped_bit_is_refused(data, place, bit):
    record = bytearray(frame(data))
    assert bytes(unframe(bytes(record))) == data
    record[place % len(record)] ^= 1 << bit
    with pytest.raises(ValueError, match="record"):
        unframe(bytes(record))


@pytest.mark.parametrize("length", [0, 1, 15])
def test_a_record_that_is_cut_short_is_refused(length):
    with pytest.raises(ValueError, match="cut short"):
        unframe(frame(b"")[:length])


def test_tensorflow_reads_the_shards(clips, tmp_path):
    tf = pytest.importorskip("tensorflow")
    folder = prepare(clips, tmp_path / "shards", workers=1)
    found = {}
    for path in sorted(folder.glob("*.tfrecord")):
        for record in tf.data.TFRecordDataset(str(path)):
            example = tf.train.Example.FromString(record.numpy()).features.feature
            attributes = {
                name: (feature.bytes_list.value or feature.int64_list.value)[0]
                for name, feature in example.items()
            }
            found[attributes.pop("name").decode()] = attributes
    clip = MIR1K(clips).clips("train")[0]
    attributes = found[clip.name]
    pair = np.stack(
        [np.frombuffer(attributes.pop(stem), "<i2") for stem in ("vocals", "accompaniment")]
    )
    np.testing.assert_array_equal(pair / np.float32(32768), clip.sources(RATE))
    assert attributes == {
        "song": b"abjones_1",
        "singer": b"abjones",
        "split": b"train",
        "rate": RATE,
        "start": 0,
        "samples": 24000,
        "channels": 1,
        "exponent": 0,
    }
    assert len(found) == 6


def test_records_of_tensorflow_are_read(tmp_path):
    tf = pytest.importorskip("tensorflow")
    data = [b"", b"a", np.random.default_rng(0).bytes(5000)]
    with tf.io.TFRecordWriter(str(tmp_path / "file")) as writer:
        for item in data:
            writer.write(item)
    assert (tmp_path / "file").read_bytes() == b"".join(map(frame, data))


@given(
    name=st.text(max_size=300),
    number=st.integers(0, 2**63 - 1),
    payloads=st.tuples(st.binary(max_size=400), st.binary(max_size=400)),
)
def test_payloads_lie_where_the_offsets_say(name, number, payloads):
    named = dict(zip(("vocals", "accompaniment"), payloads, strict=True))
    message, offsets = encode_example({"name": name, "number": number}, named)
    for stem, payload in named.items():
        assert message[offsets[stem] :][: len(payload)] == payload


@pytest.mark.parametrize("shard_mb", [1, 256])
def test_shards_hold_the_set_to_the_bit(clips, tmp_path, shard_mb):
    folder = prepare(clips, tmp_path / "shards", shard_mb=shard_mb, workers=2)
    data = open_data(folder, "mir1k")
    expected, found = sources_by_split(MIR1K(clips)), sources_by_split(data)
    for split, sources in expected.items():
        assert list(found[split]) == list(sources)
        for name, pair in sources.items():
            np.testing.assert_array_equal(found[split][name], pair)
    for clip, other in zip(MIR1K(clips).clips("train"), data.clips("train"), strict=True):
        assert (clip.name, clip.song, clip.singer) == (other.name, other.song, other.singer)


def test_batches_from_shards_are_those_from_memory(clips, tmp_path):
    folder = prepare(clips, tmp_path / "shards", workers=1)
    expected = batches(MIR1K(clips).clips("train"))
    for step in (0, 7, 10**6):
        found = batches(ShardSet(folder).clips("train"))  # a run that is resumed at the step
        (first,) = next(found.stream(step, worker=0, workers=2))
        (second,) = next(found.stream(step, worker=1, workers=2))
        np.testing.assert_array_equal(np.concatenate([first, second]), expected.batch(step))
        assert found.clips_of(step) == expected.clips_of(step)


@pytest.mark.parametrize("downmix", [True, False])
def test_tracks_of_shards_differ_by_rounding_alone(tracks, tmp_path, downmix):
    folder = prepare(tracks, tmp_path / "shards", workers=1)
    data, stems = open_data(folder, "stems"), Stems(tracks)
    names = [clip.name for clip in stems.clips("train")]
    assert [clip.name for clip in data.clips("train")] == names
    assert [clip.name for clip in data.clips("dev")] == [clip.name for clip in stems.clips("dev")]
    for clip, other in zip(data.clips("train"), stems.clips("train"), strict=True):
        np.testing.assert_allclose(clip.channels(RATE), other.channels(RATE), atol=2**-14)
    changes = {"channel_swap": 0.0 if downmix else 0.3, "polarity": 0.2}
    found = batches(data.clips("train"), downmix, **changes).batch(3)
    expected = batches(stems.clips("train"), downmix, **changes).batch(3)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_a_clip_may_span_records(tmp_path, write_clip, monkeypatch):
    monkeypatch.setattr("kerasvox.data.shards.shard_writer._RECORD", 1000)
    write_clip("set/amy_1_01.wav", seed=1)
    clip = MIR1K(tmp_path / "set").clips("train")[0]
    (found,) = ShardSet(prepare(tmp_path / "set", tmp_path / "shards", workers=1)).clips("train")
    expected = clip.sources(RATE)
    np.testing.assert_array_equal(found.sources(RATE), expected)
    signal_ = found.training_sources(RATE).signal(1, 0)
    for start, stop in (
        (0, 24000),
        (999, 1001),
        (1000, 2000),
        (1500, 5500),
        (23990, 30000),
        (5, 5),
    ):
        np.testing.assert_array_equal(signal_[start:stop], expected[1, start:stop])


def test_reading_batches_holds_no_clip_in_memory(clips, tmp_path):
    folder = prepare(clips, tmp_path / "shards", workers=1)
    reader = batches(ShardSet(folder).clips("train"))
    for path in folder.glob("*.tfrecord"):  # what is read now comes from the file, not from memory
        path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(DataError):
        reader.batch(0)


def flip(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 4
    path.write_bytes(content)


def test_a_flipped_byte_is_a_data_error_that_names_the_shard(clips, tmp_path):
    folder = prepare(clips, tmp_path / "shards", workers=1)
    (shard,) = {clip.path for clip in ShardSet(folder).clips("train")}
    flip(shard, shard.stat().st_size // 2)
    stream = batches(ShardSet(folder).clips("train"), batch_size=16)
    with pytest.raises(DataError) as caught:
        list(zip(range(4), stream.stream(), strict=False))
    assert str(caught.value) == f"{shard}: the checksum of a record is wrong; prepare it again"
    # Batches are made ahead: another thread may have met the same fault.
    assert str(stream.fault) == str(caught.value)
    report = check_set(folder)
    assert [(finding.kind, finding.path) for finding in report.findings] == [("damaged", shard)]
    # Made anew, it replaces the damaged one; the others are kept.
    others = {path: path.stat().st_mtime_ns for path in folder.glob("*.tfrecord") if path != shard}
    prepare(clips, folder, workers=1)
    assert not check_set(folder).findings
    assert {path: path.stat().st_mtime_ns for path in others} == others


def test_a_shard_that_is_cut_short_or_missing_is_named(clips, tmp_path):
    folder = prepare(clips, tmp_path / "shards", workers=1)
    shard = min(folder.glob("*.tfrecord"))
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"shard-00000.tfrecord: has \d+ bytes, \d+ by the index"):
        ShardSet(folder)
    shard.unlink()
    with pytest.raises(DataError, match=r"shard-00000.tfrecord: cannot be read \(No such file"):
        ShardSet(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda index: index.update(version=9), "is of version 9, this kerasvox reads 1"),
        (lambda index: index.update(rate="fast"), "is damaged; run `kerasvox data prepare` again"),
        (lambda index: index.update(format="other"), "is no index of shards"),
    ],
)
def test_an_index_that_does_not_fit_is_named(clips, tmp_path, change, message):
    path = prepare(clips, tmp_path / "shards", workers=1) / "index.json"
    index = unseal(json.loads(path.read_text()))
    change(index)
    path.write_text(seal(index))
    with pytest.raises(DataError, match=message) as caught:
        ShardSet(path.parent)
    assert str(caught.value).startswith(f"{path}: ")
    path.write_text("{")
    with pytest.raises(DataError, match="is damaged"):
        ShardSet(path.parent)


def test_shards_of_another_set_or_rate_are_refused(clips, tmp_path):
    folder = prepare(clips, tmp_path / "shards", workers=1)
    with pytest.raises(DataError, match=r"made of the set mir1k; the recipe's data.set is stems"):
        open_data(folder, "stems")
    with pytest.raises(DataError, match="prepare them with --rate 8000"):
        ShardSet(folder).clips("train")[0].sources(8000)
    with pytest.raises(UsageError, match="holds shards already"):
        prepare(folder, tmp_path / "again")


def test_a_folder_with_something_else_is_left_alone(clips, tracks, tmp_path):
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards" / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"holds thesis.txt; take an empty folder"):
        prepare(clips, tmp_path / "shards")
    prepare(clips, tmp_path / "other", workers=1)
    with pytest.raises(UsageError, match="holds shards of another set"):
        prepare(tracks, tmp_path / "other", workers=1)
    assert open_data(tmp_path / "other", "mir1k").clips("dev")


@pytest.mark.parametrize(
    ("options", "named"),
    [({"shard_mb": 0}, "shard-mb"), ({"rate": 0}, "rate"), ({"workers": 0}, "workers")],
)
def test_options_out_of_range_are_named(clips, tmp_path, options, named):
    with pytest.raises(UsageError, match=named):
        prepare(clips, tmp_path / "shards", **options)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_bad_clip_is_named_and_the_other_shards_are_kept(clips, tmp_path, workers):
    bad = clips / "amy_1_02.wav"
    whole = bad.read_bytes()
    audio = soundfile.read(bad)[0]
    audio[5] = np.nan
    soundfile.write(bad, audio, RATE, "FLOAT")
    with pytest.raises(DataError, match="NaN") as caught:
        prepare(clips, tmp_path / "shards", workers=workers)
    assert str(caught.value).startswith(f"{bad}: ")
    assert str(caught.value).endswith("2 finished shard(s) are kept")
    with pytest.raises(DataError):
        open_data(tmp_path / "shards", "mir1k")
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "shards").glob("*.tfrecord")}
    assert len(kept) == 2
    bad.write_bytes(whole)
    folder = prepare(clips, tmp_path / "shards", workers=workers)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert sorted(path.name for path in folder.iterdir()) == [
        "index.json",
        *(f"shard-{number:05d}.tfrecord" for number in range(3)),
    ]


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_stopped_goes_on(tmp_path, write_clip, death):
    source, folder = tmp_path / "set", tmp_path / "shards"
    noise = np.random.default_rng(0).standard_normal((10 * RATE, 2)).astype(np.float32) / 10
    for number in range(60):
        write_clip(f"set/amy_{number}_01.wav", noise * (1 + number / 100))
    command = [sys.executable, "-m", "kerasvox.cli.main", "data", "prepare", source, "-o", folder]
    command += ["--shard-mb", "2", "--workers", "2"]
    for _ in range(5):  # on a busy machine a run may end before it is noticed that it goes
        process = subprocess.Popen(
            list(map(str, command)), stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        deadline = time.monotonic() + 60
        while len(list(folder.glob("*.tfrecord.json"))) < 3 and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        if process.poll() is None:
            os.killpg(process.pid, death)
        _, messages = process.communicate(timeout=60)
        if process.returncode != 0:
            break
        shutil.rmtree(folder)
    assert process.returncode == (130 if death == signal.SIGINT else -signal.SIGKILL)
    assert "Traceback" not in messages
    assert not (folder / "index.json").exists()
    kept = [path.name.removesuffix(".json") for path in folder.glob("*.tfrecord.json")]
    kept = {folder / name: (folder / name).stat().st_mtime_ns for name in kept}
    counts = []
    prepare(source, folder, shard_mb=2, workers=1, progress=lambda *count: counts.append(count))
    assert counts[0][0] >= 3
    assert counts[-1] == (60, 60)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert not check_set(folder).errors
    assert not list(folder.glob("*.part"))
    assert len(ShardSet(folder).clips("train")) + len(ShardSet(folder).clips("dev")) == 60


def test_the_command_prints_the_folder_alone(clips, tmp_path):
    command = [sys.executable, "-m", "kerasvox.cli.main", "data", "prepare"]
    result = subprocess.run(
        [*command, str(clips), "-o", "shards", "--workers", "1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stdout) == (0, "shards\n")
    assert result.stderr == ""
    missing = subprocess.run(
        [*command, "nowhere", "-o", "other"], cwd=tmp_path, capture_output=True, text=True
    )
    assert missing.returncode == 1
    assert (
        missing.stderr.strip()
        .splitlines()[-1]
        .endswith("nowhere: is not a folder; give that of a data set")
    )
    assert not (tmp_path / "other").exists()
