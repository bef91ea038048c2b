"""From a recipe and data to a trained preset."""

import math
from pathlib import Path

import keras
import numpy as np

from kerasvox import presets
from kerasvox.data.batches import TrainingBatches
from kerasvox.data.clip import Clip
from kerasvox.data.mir1k import MIR1K
from kerasvox.errors import DataError, UsageError
from kerasvox.evaluation.quick import dev_scores
from kerasvox.models.drnn.discriminative_loss import DiscriminativeLoss
from kerasvox.models.drnn.separator import DRNNSeparator
from kerasvox.training.checkpoint import Checkpoint, load_checkpoint, newest_state
from kerasvox.training.dev_scores import DevScores
from kerasvox.training.epoch_log import EpochLog
from kerasvox.training.magnitude_training import MagnitudeTraining
from kerasvox.training.metrics import write_training_metrics
from kerasvox.training.model_card import write_card
from kerasvox.training.progress import TrainingProgress
from kerasvox.training.provenance import software
from kerasvox.training.recipe import Recipe, read_recipe

_CHECKPOINTS = "checkpoints"
_LOGS = "logs"


class Trainer:
    """One training run in one folder.

    The folder ends as a preset: `config.json`, `model.weights.h5` (those of the best dev score,
    float16), `SHA256SUMS`, `recipe.yaml`, `metrics.json` and the card `README.md`; beside them
    stand `logs/` (CSV and TensorBoard) and `checkpoints/`.

    Args:
        recipe: the recipe's YAML file.
        data: the folder of the data set.
        directory: the run's folder.
        resume: go on from the newest checkpoint of the folder, if it has one.

    Raises:
        RecipeError: if the recipe cannot be used.
        DataError: if the data cannot be used.
        UsageError: if the folder holds another run.
    """

    def __init__(
        self, recipe: str | Path, data: str | Path, directory: str | Path, resume: bool = False
    ):
        self.recipe = read_recipe(recipe)
        self.directory = Path(directory)
        self.checkpoints = self.directory / _CHECKPOINTS
        self._claim_directory(Path(recipe), resume)
        self.data_set = MIR1K(data)
        self.state = newest_state(self.checkpoints) or {
            "epoch": 0,
            "step": 0,
            "software": software(),
        }

    def run(self) -> Path:
        """Train to the recipe's last step and write the preset; return its folder."""
        keras.utils.set_random_seed(self.recipe.seed)
        separator = build_separator(self.recipe)
        model = MagnitudeTraining(separator)
        model.compile(optimizer=build_optimizer(self.recipe), loss=build_loss(self.recipe))
        model.build()
        model.optimizer.build(model.trainable_variables)
        if self.state["step"]:
            load_checkpoint(model, self.checkpoints, self.state["step"])
        if self.state["epoch"] < self._epochs:
            self._fit(model)
        load_checkpoint(model, self.checkpoints, self.state["best"]["step"])
        self._write_preset(separator)
        return self.directory

    @property
    def _epochs(self) -> int:
        return math.ceil(self.recipe.steps / self.recipe.steps_per_epoch)

    def _fit(self, model: MagnitudeTraining) -> None:
        recipe = self.recipe
        dev = self._dev_clips()
        progress = TrainingProgress(
            self._epochs * recipe.steps_per_epoch, self.state["step"], recipe.steps_per_epoch
        )
        callbacks = [
            DevScores(lambda: dev_scores(model.separator, dev), self.state),
            EpochLog(self.directory / _LOGS / "training.csv", self.state),
            keras.callbacks.TensorBoard(self.directory / _LOGS / "tensorboard", write_graph=False),
            Checkpoint(self.checkpoints, self.state),
            progress,
        ]
        try:
            model.fit(
                self._batches().stream(start=self.state["step"]),
                initial_epoch=self.state["epoch"],
                epochs=self._epochs,
                steps_per_epoch=recipe.steps_per_epoch,
                callbacks=callbacks,
                shuffle=False,
                verbose=0,
            )
        finally:
            progress.close()

    def _batches(self) -> TrainingBatches:
        data, rate = self.recipe.data, self.recipe.model.sample_rate
        hop = self.recipe.model.hop
        return TrainingBatches(
            [self._sources(clip) for clip in self._clips("train")],
            batch_size=data.batch_size,
            samples=max(1, round(data.seconds * rate / hop)) * hop,
            seed=self.recipe.seed,
            circular_shift=data.circular_shift,
            remix=data.remix,
            speed=data.speed,
            level=data.level,
            balance=data.balance,
        )

    def _dev_clips(self) -> list[tuple[Clip, np.ndarray]]:
        return [(clip, self._sources(clip)) for clip in self._clips("dev")]

    def _sources(self, clip: Clip) -> np.ndarray:
        return clip.sources(self.recipe.model.sample_rate)

    def _clips(self, split: str) -> list[Clip]:
        clips = self.data_set.clips(split)
        if not clips:
            raise DataError(f"{self.data_set.directory}: holds no clip of the {split} split")
        return clips

    def _claim_directory(self, recipe: Path, resume: bool) -> None:
        """Make the run's folder, and keep its recipe: a resumed run must have the same one."""
        kept = self.directory / presets.RECIPE
        if kept.exists() and not resume:
            raise UsageError(f"{self.directory}: holds a run; add --resume or take another folder")
        if kept.exists() and read_recipe(kept) != self.recipe:
            raise UsageError(
                f"{self.directory}: its run has another recipe; give {kept} or another folder"
            )
        try:
            (self.directory / _LOGS).mkdir(parents=True, exist_ok=True)
            presets.replace_text(kept, recipe.read_text(encoding="utf-8"))
        except OSError as error:
            raise UsageError(f"{self.directory}: cannot be written ({error})") from error

    def _write_preset(self, separator: DRNNSeparator) -> None:
        separator.save_to_preset(self.directory)
        # Scored again from the file: half precision is what users get.
        stored = DRNNSeparator.from_preset(self.directory)
        write_training_metrics(
            self.directory,
            seed=self.recipe.seed,
            step=self.state["best"]["step"],
            software=self.state["software"],
            data={split: self._clips(split) for split in ("train", "dev")},
            dev=dev_scores(stored, self._dev_clips()),
        )
        write_card(self.directory)


def build_separator(recipe: Recipe) -> DRNNSeparator:
    """Return the untrained separator of a recipe."""
    return DRNNSeparator(**recipe.model.model_dump(exclude={"system"}), name=recipe.name)


def build_loss(recipe: Recipe) -> keras.losses.Loss:
    """Return the objective of a recipe."""
    return DiscriminativeLoss(**recipe.loss.model_dump())


def build_optimizer(recipe: Recipe) -> keras.optimizers.Optimizer:
    """Return Adam with the recipe's learning rates along half a cosine and its clip norm."""
    options = recipe.optimizer
    rates = keras.optimizers.schedules.CosineDecay(
        options.learning_rate,
        decay_steps=recipe.steps,
        alpha=options.final_learning_rate / options.learning_rate,
    )
    return keras.optimizers.Adam(rates, global_clipnorm=options.clip_norm)
