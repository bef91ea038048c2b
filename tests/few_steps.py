"""Ten steps of training from given weights: run in two processes, it compares two backends.

    KERAS_BACKEND=jax python few_steps.py PRESET DATA OUTPUT

trains the preset PRESET on the clips of the folder DATA and writes OUTPUT/losses.json, the trained
preset OUTPUT/preset (float32) and what it separates from noise, OUTPUT/vocals.npy.
"""

import json
import sys
from pathlib import Path

import numpy as np

STEPS = 10


def noise() -> np.ndarray:
    return np.random.default_rng(1).normal(0, 0.1, (2, 16000)).astype("float32")


def few_steps(preset: Path, data: Path, output: Path) -> None:
    import keras

    from kerasvox.data.batches import TrainingBatches
    from kerasvox.data.mir1k import MIR1K
    from kerasvox.models.drnn.discriminative_loss import DiscriminativeLoss
    from kerasvox.models.drnn.separator import DRNNSeparator
    from kerasvox.models.separator import Separator
    from kerasvox.models.spectrogram_fusion.multi_task_loss import MultiTaskLoss
    from kerasvox.training.magnitude_training import MagnitudeTraining

    separator = Separator.from_preset(preset)
    sources = [clip.sources(separator.sample_rate) for clip in MIR1K(data).clips("train")]
    batches = TrainingBatches(sources, batch_size=4, samples=8192, seed=5, speed=0.1)
    loss = DiscriminativeLoss() if isinstance(separator, DRNNSeparator) else MultiTaskLoss()
    training = MagnitudeTraining(separator)
    training.compile(keras.optimizers.Adam(0.003, global_clipnorm=1.0), loss)
    losses = [float(training.train_on_batch(batches.batch(step))) for step in range(STEPS)]
    separator.save_to_preset(output / "preset", dtype="float32")
    np.save(output / "vocals.npy", separator.predict_on_batch(noise())["vocals"])
    (output / "losses.json").write_text(json.dumps(losses))


if __name__ == "__main__":
    few_steps(*map(Path, sys.argv[1:]))
