"""From a recipe and data to a trained preset."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np

from kerasvox import presets
from kerasvox.data.clip import Clip
from kerasvox.data.holdout import hold_out, hold_out_singer
from kerasvox.data.mir1k import MIR1K
from kerasvox.errors import DataError, RecipeError, UsageError
from kerasvox.evaluation.quick import dev_scores
from kerasvox.models.separator import Separator
from kerasvox.training.build import (
    build_batches,
    build_loss,
    build_optimizer,
    build_separator,
    first_stage_sha256,
)
from kerasvox.training.checkpoint import Checkpoint, load_checkpoint, newest_state
from kerasvox.training.dev_scores import DevScores
from kerasvox.training.epoch_log import EpochLog
from kerasvox.training.finite_loss import FiniteLoss
from kerasvox.training.magnitude_training import MagnitudeTraining
from kerasvox.training.metrics import write_training_metrics
from kerasvox.training.model_card import write_card
from kerasvox.training.progress import TrainingProgress
from kerasvox.training.provenance import software
from kerasvox.training.recipe import read_recipe

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
        self.data_set = MIR1K(data)
        # All that can be wrong is found out before the folder is touched.
        with _faults_of(recipe):
            # Initialisers draw their seeds when layers are made, so this comes first.
            keras.utils.set_random_seed(self.recipe.seed)
            self.separator = build_separator(self.recipe)
            self.loss = build_loss(self.recipe)
            self.clips = self._choose_clips()
            self.batches = build_batches(
                self.recipe, self.separator, self.clips["train"], self._sources("train")
            )
        self.dev = list(zip(self.clips["dev"], self._sources("dev"), strict=True))
        self._claim_directory(Path(recipe), resume)
        self.state = newest_state(self.checkpoints) or {
            "epoch": 0,
            "step": 0,
            "software": software(),
        }

    def run(self) -> Path:
        """Train to the recipe's last step and write the preset; return its folder."""
        model = MagnitudeTraining(self.separator)
        model.compile(optimizer=build_optimizer(self.recipe), loss=self.loss)
        model.build()
        model.optimizer.build(model.trainable_variables)
        if self.state["step"]:
            load_checkpoint(model, self.checkpoints, self.state["step"])
        if self.state["epoch"] < self._epochs:
            self._fit(model)
        load_checkpoint(model, self.checkpoints, self.state["best"]["step"])
        self._write_preset()
        return self.directory

    @property
    def _epochs(self) -> int:
        return math.ceil(self.recipe.steps / self.recipe.steps_per_epoch)

    def _fit(self, model: MagnitudeTraining) -> None:
        steps_per_epoch = self.recipe.steps_per_epoch
        progress = TrainingProgress(
            self._epochs * steps_per_epoch, self.state["step"], steps_per_epoch
        )
        callbacks = [
            FiniteLoss(),
            DevScores(lambda: dev_scores(self.separator, self.dev), self.state),
            EpochLog(self.directory / _LOGS / "training.csv", self.state),
            keras.callbacks.TensorBoard(self.directory / _LOGS / "tensorboard", write_graph=False),
            Checkpoint(self.checkpoints, self.state),
            progress,
        ]
        try:
            model.fit(
                self.batches.stream(start=self.state["step"]),
                initial_epoch=self.state["epoch"],
                epochs=self._epochs,
                steps_per_epoch=steps_per_epoch,
                callbacks=callbacks,
                shuffle=False,
                verbose=0,
            )
        finally:
            progress.close()

    def _sources(self, split: str) -> list[np.ndarray]:
        return [clip.sources(self.separator.sample_rate) for clip in self.clips[split]]

    def _choose_clips(self) -> dict[str, list[Clip]]:
        """Return the clips that train, and those that score: dev clips and what is held out."""
        clips = {split: self.data_set.clips(split) for split in ("train", "dev")}
        for split in clips:
            if not clips[split]:
                raise DataError(f"{self.data_set.directory}: holds no clip of the {split} split")
        if self.recipe.data.held_out_songs:
            kept, held_out = hold_out(clips["train"], self.recipe.data.held_out_songs)
            clips = {"train": kept, "dev": [*clips["dev"], *held_out]}
        if self.recipe.data.held_out_singer:
            everything = [*clips["train"], *clips["dev"]]
            kept, held_out = hold_out_singer(everything, self.recipe.data.held_out_singer)
            clips = {"train": [clip for clip in kept if clip in clips["train"]], "dev": held_out}
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

    def _write_preset(self) -> None:
        self.separator.save_to_preset(self.directory)
        # Scored again from the file: half precision is what users get.
        stored = Separator.from_preset(self.directory)
        write_training_metrics(
            self.directory,
            seed=self.recipe.seed,
            step=self.state["best"]["step"],
            software=self.state["software"],
            data=self.clips,
            dev=dev_scores(stored, self.dev),
            first_stage_sha256=first_stage_sha256(self.recipe),
        )
        write_card(self.directory)


@contextmanager
def _faults_of(recipe: str | Path) -> Iterator[None]:
    """Say in whose values the fault lies that a model or loss finds in its arguments."""
    try:
        yield
    except UsageError as error:
        raise RecipeError(f"{recipe}: {error}") from error
