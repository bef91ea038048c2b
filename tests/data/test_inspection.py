import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasvox.data.inspection import inspect_clip, looks_swapped, pause_depth
from kerasvox.data.mir1k import MIR1K, SPLITS

RATE = 16000


def kinds(path):
    return [finding.kind for finding in inspect_clip(path, RATE).findings]


def test_a_good_clip_has_no_findings(write_clip):
    inspection = inspect_clip(write_clip("amy_1_01.wav"), RATE)
    assert inspection.findings == ()
    assert (inspection.rate, inspection.channels, inspection.samples) == (RATE, 2, 24000)


def with_channel(audio, channel, values):
    changed = audio.copy()
    changed[:, channel] = values
    return changed


@pytest.mark.parametrize(
    ("change", "rate", "expected"),
    [
        (lambda audio: audio, 44100, [("error", "rate")]),
        (lambda audio: audio[:, :1], RATE, [("error", "channels")]),
        (lambda audio: np.tile(audio, (1, 4)), RATE, [("error", "channels")]),
        (lambda audio: audio[:0], RATE, [("error", "empty")]),
        (lambda audio: with_channel(audio, 0, np.nan), RATE, [("error", "unreadable")]),
        (lambda audio: with_channel(audio, 1, -np.inf), RATE, [("error", "unreadable")]),
        (lambda audio: with_channel(audio, 0, 0), RATE, [("error", "silent")]),
        (lambda audio: with_channel(audio, 1, 1e-4), RATE, [("error", "silent")]),
        (lambda audio: audio[:, [0, 0]], RATE, [("error", "equal-channels")]),
        (lambda audio: audio[:, ::-1], RATE, [("warning", "swapped")]),
        (lambda audio: audio[:1], RATE, []),
        (lambda audio: audio * 1e30, RATE, [("warning", "clipped"), ("warning", "clipped")]),
    ],
)
def test_each_fault_is_found(write_clip, make_audio, change, rate, expected):
    path = write_clip("amy_1_01.wav", change(make_audio()), rate, subtype="FLOAT")
    findings = inspect_clip(path, RATE).findings
    assert [(finding.severity, finding.kind) for finding in findings] == expected
    assert all(finding.path == path for finding in findings)


def test_a_silent_channel_is_named(write_clip, make_audio):
    path = write_clip("amy_1_01.wav", with_channel(make_audio(), 1, 0))
    (finding,) = inspect_clip(path, RATE).findings
    assert str(finding) == f"error: {path}: vocals (right channel) is silent"


@pytest.mark.parametrize(("run", "found"), [(1, []), (2, []), (3, ["clipped"]), (40, ["clipped"])])
@pytest.mark.parametrize("value", [1.0, -1.0])
@pytest.mark.parametrize("place", [0, 1000, -1])
def test_clipping_is_a_run_of_full_scale_samples(write_clip, make_audio, run, found, value, place):
    audio = make_audio()
    start = place if place >= 0 else len(audio) - run
    audio[start : start + run, 1] = value
    assert kinds(write_clip("amy_1_01.wav", audio)) == found


def test_a_truncated_file_is_an_error(write_clip):
    path = write_clip("amy_1_01.wav")
    path.write_bytes(path.read_bytes()[:-4000])
    (finding,) = inspect_clip(path, RATE).findings
    assert (finding.severity, finding.kind) == ("error", "unreadable")
    assert "96000 bytes promised, 92000 found" in finding.message


def test_an_unreadable_file_is_an_error(tmp_path):
    path = tmp_path / "amy_1_01.wav"
    path.write_bytes(b"")
    inspection = inspect_clip(path, RATE)
    assert [finding.kind for finding in inspection.findings] == ["unreadable"]
    assert inspection.samples == inspection.rate == 0
    assert str(inspection.findings[0]).count(str(path)) == 1


def test_the_digest_is_that_of_the_samples_not_of_the_file(write_clip, make_audio):
    wav = inspect_clip(write_clip("amy_1_01.wav"), RATE)
    flac = inspect_clip(write_clip("amy_1_02.flac"), RATE)
    other = inspect_clip(write_clip("amy_1_03.wav", make_audio(seed=1)), RATE)
    assert wav.digest == flac.digest
    assert wav.digest != other.digest


@given(gain=st.floats(1e-3, 1e3), depth=st.floats(0, 50))
def test_pause_depth_measures_the_pauses_at_any_level(gain, depth):
    signal = np.random.default_rng(0).standard_normal(512 * 40)
    signal[512 * 20 :] *= 10 ** (-depth / 20)
    # Half of the frames are quieter by `depth`, which leaves the mean half that of the loud ones.
    expected = 10 * np.log10((1 + 10 ** (-depth / 10)) / 2) + depth
    assert pause_depth(gain * signal) == pytest.approx(expected, abs=0.7)


def test_pause_depth_of_silences():
    signal = np.ones(512 * 40)
    assert pause_depth(signal) == pytest.approx(0)
    assert pause_depth(np.zeros(512)) == 0
    signal[512 * 20 :] = 0
    assert pause_depth(signal) == pytest.approx(60)


@pytest.mark.mir1k
def test_the_order_of_real_clips_is_recognised(mir1k):
    dataset = MIR1K(mir1k)
    clips = [clip for split in SPLITS for clip in dataset.clips(split)]
    audios = [clip.sources(RATE)[::-1].T for clip in clips[::4]]
    assert not any(looks_swapped(audio) for audio in audios)
    swapped = [looks_swapped(audio[:, ::-1]) for audio in audios]
    assert np.mean(swapped) > 0.85
