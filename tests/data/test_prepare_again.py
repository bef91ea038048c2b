"""`prepare` into a folder that is not empty, and what it leaves when it fails."""

import json
import os
import re
import subprocess
import sys

import pytest

from kerasvox.data.check_set import check_set
from kerasvox.data.clip import Clip
from kerasvox.data.open_data import open_data
from kerasvox.data.shards.index import INDEX, is_sharded, read_index
from kerasvox.data.shards.lock import locked
from kerasvox.data.shards.prepare import prepare
from kerasvox.data.shards.seal import seal, unseal
from kerasvox.errors import DataError, UsageError
from kerasvox.presets import replace_text

SHARDS = [f"shard-{number:05d}.tfrecord" for number in range(3)]


@pytest.fixture
def clips(tmp_path, write_clip):
    """A folder of five MIR-1K clips: three that train, one that develops, one that tests."""
    names = ["abjones_1_01", "amy_1_01", "amy_1_02", "amy_9_08", "stool_1_01"]
    for seed, name in enumerate(names):
        write_clip(f"set/{name}.wav", seed=seed)
    return tmp_path / "set"


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "shards"
    path.mkdir()
    return path


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def stop_at(folder, name):
    """Have the disk be full as soon as a file is written."""
    (folder / name).symlink_to("/dev/full")


def prove(folder, number):
    """Put beside a shard what a run that was stopped leaves."""
    shard = read_index(folder).shards[number]
    (folder / f"{shard.name}.json").write_text(seal(shard.model_dump(mode="json")))


def reseal(text, **changes):
    return seal({**unseal(json.loads(text)), **changes})


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[:1000],
        lambda text: text.replace("abjones", "abjoned"),
        lambda text: reseal(text, version=9),
    ],
    ids=["empty", "cut", "changed", "another version"],
)
def test_a_damaged_index_is_made_anew(clips, folder, damage):
    prepare(clips, folder, workers=1)
    expected = contents(folder)
    prove(folder, 0)
    kept = (folder / SHARDS[0]).stat().st_mtime_ns
    (folder / INDEX).write_text(damage((folder / INDEX).read_text()))
    with pytest.raises(DataError, match="run `kerasvox data prepare` again"):
        open_data(folder)
    prepare(clips, folder, workers=1)
    assert contents(folder) == expected
    assert (folder / SHARDS[0]).stat().st_mtime_ns == kept


@pytest.mark.parametrize("text", ["[]", '{"name": "mine"}'])
def test_an_index_of_something_else_is_kept(clips, folder, text):
    (folder / INDEX).write_text(text)
    with pytest.raises(DataError, match="is no index of shards"):
        prepare(clips, folder, workers=1)
    assert contents(folder) == {INDEX: text.encode()}


def test_a_text_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(os.fstat(file)))
    replace_text(tmp_path / "text", "whole")
    (status,) = synced
    assert (status.st_ino, status.st_size) == ((tmp_path / "text").stat().st_ino, 5)


def test_halves_of_a_run_that_was_killed_go(clips, folder):
    # One of a larger plan is not written again, so only by being removed does it go.
    for name in (".shard-00007.tfrecord.json.partial", ".index.json.partial", SHARDS[2] + ".part"):
        (folder / name).write_text("half")
    (folder / ".DS_Store").write_text("the Finder's")
    prepare(clips, folder, workers=1)
    assert sorted(contents(folder)) == [".DS_Store", INDEX, *SHARDS]


@pytest.mark.parametrize(
    "name",
    ["shard-notes.part", "shard-list.json", "shard-00000.tfrecord.bak", "shard-0.tfrecord.part"],
)
def test_files_of_others_are_neither_removed_nor_overwritten(clips, folder, name):
    (folder / name).write_text("mine")
    (folder / "shard-00000.tfrecord.part").write_text("half")
    before = contents(folder)
    with pytest.raises(UsageError, match=f"holds {re.escape(name)}; take an empty folder"):
        prepare(clips, folder, workers=1)
    assert contents(folder) == before


def test_a_shard_that_no_run_left_is_kept(clips, folder):
    (folder / SHARDS[0]).write_text("mine")
    with pytest.raises(UsageError, match=f"holds {SHARDS[0]}; take an empty folder"):
        prepare(clips, folder, workers=1)
    assert contents(folder) == {SHARDS[0]: b"mine"}
    # Not even beside a damaged index are those taken for ours that this plan has not.
    (folder / SHARDS[0]).rename(folder / "shard-00009.tfrecord")
    (folder / INDEX).write_text("")
    with pytest.raises(UsageError, match=r"holds shard-00009.tfrecord; take an empty folder"):
        prepare(clips, folder, workers=1)


@pytest.mark.parametrize(
    ("pattern", "changed"),
    [
        (r'"samples":24000', '"samples":94000'),
        (r'"unit_gains":\[\[\d', '"unit_gains":[[9'),
        (r"(?<=,24000,)\d", "9"),
    ],
    ids=["samples", "gain", "offset"],
)
def test_a_changed_digit_of_the_index_is_seen(clips, folder, pattern, changed):
    prepare(clips, folder, workers=1)
    text = (folder / INDEX).read_text()
    damaged = re.sub(pattern, changed, text, count=1)
    assert json.loads(damaged) != json.loads(text)
    (folder / INDEX).write_text(damaged)
    with pytest.raises(DataError, match="is damaged; run `kerasvox data prepare` again") as caught:
        check_set(folder)
    assert str(caught.value).startswith(f"{folder / INDEX}: ")


def test_a_changed_digit_beside_a_shard_does_not_enter_the_index(clips, folder):
    prepare(clips, folder, workers=1)
    expected = contents(folder)
    prove(folder, 0)
    proof = folder / (SHARDS[0] + ".json")
    proof.write_text(proof.read_text().replace('"samples":24000', '"samples":94000'))
    (folder / INDEX).unlink()
    for name in SHARDS[1:]:
        (folder / name).unlink()
    prepare(clips, folder, workers=1)
    assert contents(folder) == expected


def test_the_index_may_be_laid_out_otherwise(clips, folder):
    prepare(clips, folder, workers=1)
    index = read_index(folder)
    content = json.loads((folder / INDEX).read_text())
    (folder / INDEX).write_text(json.dumps(content, indent=1, sort_keys=True))
    assert read_index(folder) == index


def test_a_finished_set_is_left_as_it_is(clips, folder):
    def states():
        paths = [folder, *folder.iterdir()]
        return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in paths}

    prepare(clips, folder, workers=1)
    before = states()
    prepare(clips, folder, workers=1)
    assert states() == before


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    ("name", "read"),
    [
        (SHARDS[0] + ".part", 1),
        (f".{SHARDS[0]}.json.partial", 3),
        (".index.json.partial", 5),
    ],
)
def test_a_full_disk_ends_the_run(clips, folder, monkeypatch, workers, name, read):
    names = []
    channels = Clip.channels
    monkeypatch.setattr(
        Clip, "channels", lambda clip, rate: names.append(clip.name) or channels(clip, rate)
    )
    stop_at(folder, name)
    with pytest.raises(DataError, match=r"cannot be written \(No space left on device\)"):
        prepare(clips, folder, workers=workers)
    assert len(names) == (read if workers == 1 else 0)
    assert not is_sharded(folder)
    prepare(clips, folder, workers=1)
    assert sorted(contents(folder)) == [INDEX, *SHARDS]
    assert not check_set(folder).errors


def test_a_finished_shard_that_cannot_be_read_is_named(clips, folder, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    prepare(clips, folder, workers=1)
    monkeypatch.setattr("kerasvox.data.shards.finished.sha256_of", refuse)
    with pytest.raises(DataError) as caught:
        prepare(clips, folder, workers=1)
    assert str(caught.value) == f"{folder / SHARDS[0]}: cannot be read (Permission denied)"


def test_a_folder_that_cannot_be_looked_into_is_named(tmp_path):
    folder = tmp_path / ("long" * 100)
    with pytest.raises(DataError, match=r"long: cannot be read \(File name too long\)"):
        check_set(folder)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_shards_of_a_stopped_run_with_other_options_go(clips, folder, monkeypatch):
    stop_at(folder, ".index.json.partial")
    with monkeypatch.context() as patch:
        patch.setattr("kerasvox.data.shards.prepare._MEGABYTE", 1 << 17)
        with pytest.raises(DataError, match="cannot be written"):
            prepare(clips, folder, shard_mb=1, workers=1)
    assert len(list(folder.glob("*.tfrecord"))) == 5
    prepare(clips, folder, workers=1)
    assert sorted(contents(folder)) == [INDEX, *SHARDS]
    assert not check_set(folder).errors


def test_a_changed_file_of_the_set_is_told(clips, folder):
    prepare(clips, folder, workers=1)
    os.utime(clips / "amy_1_01.wav", (0, 0))
    with pytest.raises(UsageError, match="or the set's files have changed since"):
        prepare(clips, folder, workers=1)


@pytest.mark.parametrize("open_", [check_set, open_data, lambda path: open_data(path, "mir1k")])
def test_unfinished_shards_are_called_so(clips, folder, open_):
    prepare(clips, folder, workers=1)
    (folder / INDEX).unlink()
    with pytest.raises(DataError) as caught:
        open_(folder)
    message = "holds unfinished shards; run `kerasvox data prepare` again"
    assert str(caught.value) == f"{folder}: {message}"


def test_a_second_run_stays_out_of_the_first_ones_folder(clips, folder):
    with locked(folder), pytest.raises(DataError, match="another `kerasvox data prepare` is at"):
        prepare(clips, folder, workers=1)
    assert not contents(folder)
    prepare(clips, folder, workers=1)


def test_stderr_stays_empty_without_a_terminal(clips, folder):
    for arguments in (["prepare", clips, "-o", folder, "--workers", "1"], ["check", folder]):
        command = [sys.executable, "-m", "kerasvox.cli.main", "data", *map(str, arguments)]
        result = subprocess.run(command, capture_output=True, text=True)
        assert (result.returncode, result.stderr) == (0, "")
