import json
import os
import subprocess
import sys

import pytest

from kerasvox.data.check import check
from kerasvox.errors import DataError


def findings(report):
    """All but the counts: no data set made here is complete."""
    return [
        (finding.severity, finding.kind, finding.path)
        for finding in report.findings
        if finding.kind != "count"
    ]


def test_good_clips_are_counted(tmp_path, write_clip):
    for seed, name in enumerate(("train/amy_1_01.wav", "train/amy_1_02.flac", "dev/amy_9_08.wav")):
        write_clip(name, seed=seed)
    report = check(tmp_path)
    assert report.clips == {"train": 2, "dev": 1, "test": 0}
    assert report.seconds == {"train": 3.0, "dev": 1.5, "test": 0}
    assert report.rates == {16000: 3}
    assert report.channels == {2: 3}
    assert (report.errors, report.warnings) == (0, 3)
    assert [finding.message for finding in report.findings] == [
        "2 train clips, where the published split has 171",
        "1 dev clips, where the published split has 4",
        "0 test clips, where the published split has 825",
    ]


def test_the_findings_of_a_clip_are_reported_with_its_path(tmp_path, write_clip, make_audio):
    good = write_clip("amy_1_01.wav", seed=1)
    silent = make_audio()
    silent[:, 0] = 0
    bad = write_clip("amy_1_02.wav", silent)
    (tmp_path / "amy_1_03.wav").write_text("no audio")
    assert findings(check(tmp_path)) == [
        ("error", "silent", bad),
        ("error", "unreadable", tmp_path / "amy_1_03.wav"),
    ]
    assert good.exists()


def test_samples_under_two_names_are_an_error(tmp_path, write_clip):
    first = write_clip("amy_1_01.wav")
    second = write_clip("amy_2_01.flac")
    report = check(tmp_path)
    assert findings(report) == [("error", "duplicate", second)]
    assert str(first) in str(report.findings[-1])


def test_one_name_in_two_places_is_an_error(tmp_path, write_clip):
    write_clip("Wavfile/amy_1_01.wav", seed=1)
    second = write_clip("train/amy_1_01.wav", seed=2)
    report = check(tmp_path)
    assert findings(report) == [("error", "duplicate", second)]
    assert report.clips["train"] == 1


def test_a_clip_in_the_folder_of_another_split_is_a_warning(tmp_path, write_clip):
    misplaced = write_clip("train/Ani_1_01.wav")
    report = check(tmp_path)
    assert findings(report) == [("warning", "misplaced", misplaced)]
    assert report.clips == {"train": 0, "dev": 0, "test": 1}


def test_a_flat_folder_called_like_a_split_misplaces_nothing(tmp_path, write_clip):
    write_clip("test/amy_1_01.wav")
    assert findings(check(tmp_path / "test")) == []


def test_files_that_are_no_clips_are_warnings(tmp_path, write_clip):
    write_clip("train/amy_1_01.wav", seed=1)
    strange = write_clip("train/song.wav", seed=2)
    stranger = write_clip("train/someone_1_01.wav", seed=3)
    partial = tmp_path / "train" / "amy_1_02.wav.part"
    partial.write_bytes(b"")
    (tmp_path / "train" / "._amy_1_01.wav").write_bytes(b"")
    (tmp_path / "README.txt").write_text("notes beside the folders are fine")
    assert findings(check(tmp_path)) == [
        ("warning", "name", partial),
        ("warning", "name", stranger),
        ("warning", "name", strange),
    ]


def test_a_swapped_clip_among_others_is_flagged_by_itself(tmp_path, write_clip, make_audio):
    for seed in range(3):
        write_clip(f"amy_1_0{seed}.wav", seed=seed)
    swapped = write_clip("amy_1_09.wav", make_audio(seed=9)[:, ::-1])
    assert findings(check(tmp_path)) == [("warning", "swapped", swapped)]


def test_a_swapped_data_set_is_flagged_once(tmp_path, write_clip, make_audio):
    for seed in range(4):
        write_clip(f"amy_1_0{seed}.wav", make_audio(seed=seed)[:, ::-1])
    report = check(tmp_path)
    assert findings(report) == [("warning", "swapped", tmp_path)]
    assert "in 4 of 4 clips" in str(report.findings)


def test_a_single_swapped_clip_is_no_data_set(tmp_path, write_clip, make_audio):
    swapped = write_clip("amy_1_01.wav", make_audio()[:, ::-1])
    assert findings(check(tmp_path)) == [("warning", "swapped", swapped)]


def test_the_report_fits_into_json(tmp_path, write_clip):
    path = write_clip("amy_1_01.wav", rate=8000)
    report = json.loads(json.dumps(check(tmp_path).to_dict()))
    assert report["rates"] == {"8000": 1}
    assert report["splits"]["train"] == {"clips": 1, "published": 171, "seconds": 3.0}
    assert report["errors"] == 1
    assert report["findings"][-1] == {
        "severity": "error",
        "kind": "rate",
        "path": str(path),
        "message": "its rate is 8000 Hz, not 16000 Hz",
    }


def test_progress_sees_every_clip(tmp_path, write_clip):
    expected = [write_clip(f"amy_1_0{number}.wav") for number in range(3)]
    seen = []

    def progress(paths):
        for path in paths:
            seen.append(path)
            yield path

    check(tmp_path, progress)
    assert seen == expected


def test_paths_are_as_they_were_given(tmp_path, write_clip, monkeypatch):
    write_clip("set/amy_1_01.wav", rate=8000)
    monkeypatch.chdir(tmp_path)
    assert str(check("set").findings[-1].path) == "set/amy_1_01.wav"


def test_a_folder_without_clips_is_refused(tmp_path):
    with pytest.raises(DataError, match="holds no MIR-1K clip"):
        check(tmp_path)


@pytest.mark.mir1k
def test_real_data_has_no_errors(mir1k):
    report = check(mir1k)
    assert report.clips == {"train": 171, "dev": 4, "test": 165}
    assert report.errors == 0
    assert findings(report) == []
    assert report.seconds["train"] == pytest.approx(23.14 * 60, abs=1)


def test_files_of_any_name_can_be_printed(tmp_path, write_clip):
    write_clip("amy_1_01.wav", seed=1)
    folder = tmp_path.rename(tmp_path.with_name(os.fsdecode(b"d\xe9p\xf4t")))
    (folder / os.fsdecode(b"caf\xe9.wav")).write_text("no clip")
    (finding, *_) = [each for each in check(folder).findings if each.kind == "name"]
    assert str(finding).endswith(
        "d\\xe9p\\xf4t/caf\\xe9.wav: is not named as a MIR-1K clip; not used"
    )
    command = [sys.executable, "-m", "kerasvox.cli.main", "data", "check", str(folder)]
    for options in ([], ["--json"]):
        result = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        assert "Traceback" not in result.stderr
