from kerasvox.training.progress import TrainingProgress


def test_an_epoch_is_one_line_of_a_log(capsys):
    progress = TrainingProgress(12, 0, 3)
    scores = {
        f"dev_{stem}_{name}": 1.0
        for stem in ("vocals", "accompaniment")
        for name in ("GNSDR", "GSIR", "GSAR")
    }
    progress.on_epoch_end(0, {"loss": 0.5, **scores})
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("step 3: loss 0.5, dev_vocals_GNSDR 1.00, ")
    assert line.endswith("dev_accompaniment_GSAR 1.00")
