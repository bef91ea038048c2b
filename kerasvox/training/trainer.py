"""From a recipe and data to a trained preset."""

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import keras

from kerasvox import presets
from kerasvox.data.open_data import open_data
from kerasvox.errors import RecipeError, TrainingError, UsageError
from kerasvox.evaluation.quick import dev_scores, require_scorable
from kerasvox.models.separator import Separator
from kerasvox.training.averaged_weights import averaged_weights
from kerasvox.training.build import (
    build_batches,
    build_loss,
    build_separator,
    float32_twin,
)
from kerasvox.training.checkpoint import Checkpoint, load_checkpoint
from kerasvox.training.checkpoint_files import checkpoints
from kerasvox.training.clips import choose_clips
from kerasvox.training.dev_score_rules import dev_score_rules, stopped_early
from kerasvox.training.dev_scores import DevScores, Means
from kerasvox.training.distribution.one_device import OneDevice
from kerasvox.training.epoch_log import EpochLog
from kerasvox.training.finite_loss import FiniteLoss
from kerasvox.training.magnitude_training import MagnitudeTraining
from kerasvox.training.metrics import write_training_metrics
from kerasvox.training.model_card import write_card
from kerasvox.training.optimizer import build_optimizer
from kerasvox.training.progress import TrainingProgress
from kerasvox.training.recipe import read_recipe
from kerasvox.training.run_lock import RunLock
from kerasvox.training.run_state import FIRST_STAGE, run_facts, run_files, run_state
from kerasvox.training.tensorboard_log import tensorboard_log

_CHECKPOINTS = "checkpoints"
_LOGS = "logs"


class Trainer:
    """One training run in one folder.

    The folder ends as a preset: `config.json`, `model.weights.h5` (those of the best dev score,
    float16), `SHA256SUMS`, `recipe.yaml`, `metrics.json` and the card `README.md`; beside them
    stand `logs/` (CSV and TensorBoard), `checkpoints/`, and `.lock`, which keeps other processes
    out while this one trains. Of several workers, the chief alone scores and writes.

    Args:
        recipe: the recipe's YAML file.
        data: the folder of the data set.
        directory: the run's folder.
        resume: go on from the newest checkpoint of the folder, if it has one.
        profile: write a TensorBoard profile of a few steps.
        distribution: the devices that train, see `distribution.choose`; one by default.

    Raises:
        RecipeError: if the recipe cannot be used.
        DataError: if the data cannot be used.
        UsageError: if the folder holds another run, or the devices do not divide a batch.
        TrainingError: if a worker does not come, or has another recipe or other data.
    """

    def __init__(
        self,
        recipe: str | Path,
        data: str | Path,
        directory: str | Path,
        resume: bool = False,
        *,
        profile: bool = False,
        distribution: OneDevice | None = None,
    ):
        self.recipe = read_recipe(recipe)
        if profile and keras.config.backend() != "tensorflow":
            raise UsageError(
                f"TensorBoard's profile is TensorFlow's; the backend is {keras.config.backend()}: "
                "leave --profile out, or set KERAS_BACKEND=tensorflow"
            )
        self.directory = Path(directory)
        self.profile = profile
        self.checkpoints = self.directory / _CHECKPOINTS
        self.distribution = distribution or OneDevice()
        # All that can be wrong is found out before the folder is touched.
        with _faults_of(recipe):
            options = self.recipe.data
            self.data_set = open_data(data, options.set, options.split_seed)
            self.clips = choose_clips(self.recipe, self.data_set)
        self._check_directory(resume)
        self.state = run_state(self.checkpoints, self.recipe, self.clips)
        place = "checkpoint in the output folder, which all workers share"
        same = {
            **run_facts(self.recipe, self.clips),
            "files": run_files(self.clips),
            place: self.state["step"],
        }
        self.distribution.start(self.recipe, same)
        with _faults_of(recipe):
            with self.distribution.scope():
                # Initialisers draw their seeds when layers are made, so this comes first.
                keras.utils.set_random_seed(self.recipe.seed)
                self.separator = build_separator(self.recipe)
            self.loss = build_loss(self.recipe)
            self.batches = build_batches(self.recipe, self.separator, self.clips["train"])
        rate = self.separator.sample_rate
        self.dev = [(clip, clip.sources(rate)) for clip in self.clips["dev"]]
        require_scorable(self.dev)
        self._lock: RunLock | None = None
        if self.distribution.is_chief:
            self._lock = self._claim_directory(Path(recipe))

    def run(self) -> Path:
        """Train to the recipe's last step and write the preset; return its folder."""
        try:
            self.distribution.run(self._train)
        finally:
            self._lock = None
        return self.directory

    def _train(self) -> None:
        model = self._build_model()
        if self.state["step"]:
            load_checkpoint(model, self.checkpoints, self.state["step"])
        if self.state["epoch"] < self._epochs and not stopped_early(self.state):
            self._fit(model)
        if self.distribution.is_chief:
            if "best" not in self.state:
                fault = self.state.get("fault", "the best one is lost")
                raise TrainingError(f"{self.checkpoints}: no checkpoint could be saved ({fault})")
            load_checkpoint(model, self.checkpoints, self.state["best"]["step"])
            try:
                with averaged_weights(model):
                    self._write_preset()
            except OSError as error:
                raise TrainingError(
                    f"{self.directory}: cannot be written ({error}); --resume writes it again"
                ) from error
        self.distribution.finish()

    def _build_model(self) -> MagnitudeTraining:
        with self.distribution.scope():
            model = self.distribution.training_model(self.separator)
            model.compile(optimizer=build_optimizer(self.recipe), loss=self.loss)
            self.distribution.prepare_optimizer(model.optimizer)
            model.build()
            model.optimizer.build(model.trainable_variables)
        return model

    @property
    def _epochs(self) -> int:
        return self.recipe.steps // self.recipe.steps_per_epoch

    def _fit(self, model: MagnitudeTraining) -> None:
        steps_per_epoch = self.recipe.steps_per_epoch
        progress = TrainingProgress(
            self._epochs * steps_per_epoch, self.state["step"], steps_per_epoch
        )
        shown = [progress] if self.distribution.is_chief else []
        with closing(progress), self._faults_of_data():
            model.fit(
                self.distribution.feed(self.batches, self.state["step"]),
                initial_epoch=self.state["epoch"],
                epochs=self._epochs,
                steps_per_epoch=steps_per_epoch,
                callbacks=[*self._callbacks(), *shown, *self.distribution.callbacks()],
                shuffle=False,
                verbose=0,
            )

    @contextmanager
    def _faults_of_data(self) -> Iterator[None]:
        """Say which clip it was where Keras says only that there is no batch."""
        try:
            yield
        except Exception as error:
            if self.batches.fault is not None:
                raise self.batches.fault from error
            raise

    def _callbacks(self) -> list[keras.callbacks.Callback]:
        """Return what watches, scores, logs and saves, in the order in which they are called."""
        finite = FiniteLoss(self._clips_of, self.checkpoints)
        if not self.distribution.is_chief:
            return [finite]
        return [
            finite,
            DevScores(self._dev_scores, self.state),
            *dev_score_rules(self.recipe, self.state),
            EpochLog(self.directory / _LOGS / "training.csv", self.state),
            *tensorboard_log(self.directory / _LOGS / "tensorboard", profile_batch=self._profiled),
            Checkpoint(self.checkpoints, self.state),
        ]

    @property
    def _profiled(self) -> tuple[int, int] | int:
        """The first and the last step of the profile: after those that trace and warm up."""
        left = self._epochs * self.recipe.steps_per_epoch - self.state["step"]
        return (min(5, left), min(9, left)) if self.profile else 0

    def _clips_of(self, step: int) -> list[str]:
        return [self.clips["train"][number].name for number in self.batches.clips_of(step)]

    def _dev_scores(self) -> Means:
        return dev_scores(self.distribution.local(self.separator), self.dev)

    def _check_directory(self, resume: bool) -> None:
        """A folder that holds a run is for resuming it, with the same recipe."""
        kept = self.directory / presets.RECIPE
        if not resume and (kept.exists() or checkpoints(self.checkpoints)):
            raise UsageError(f"{self.directory}: holds a run; add --resume or take another folder")
        if kept.exists() and read_recipe(kept) != self.recipe:
            raise UsageError(
                f"{self.directory}: its run has another recipe; give {kept} or another folder"
            )

    def _claim_directory(self, recipe: Path) -> RunLock:
        """Make the run's folders, keep other processes out, and keep its recipe."""
        kept = self.directory / presets.RECIPE
        try:
            for folder in (self.directory / _LOGS, self.checkpoints):
                folder.mkdir(parents=True, exist_ok=True)
            lock = RunLock(self.directory)
            with tempfile.NamedTemporaryFile(dir=self.checkpoints):
                pass  # what cannot be written there must not be found out after an epoch
            presets.replace_text(kept, recipe.read_text(encoding="utf-8"))
        except OSError as error:
            raise UsageError(f"{self.directory}: cannot be written ({error})") from error
        return lock

    def _write_preset(self) -> None:
        float32_twin(self.recipe, self.separator).save_to_preset(self.directory)
        # Scored again from the file: half precision is what users get.
        stored = Separator.from_preset(self.directory)
        write_training_metrics(
            self.directory,
            recipe=self.recipe,
            step=self.state["best"]["step"],
            software=self.state["software"],
            data=self.clips,
            dev=dev_scores(stored, self.dev),
            first_stage_sha256=self.state["facts"][FIRST_STAGE],
        )
        write_card(self.directory)


@contextmanager
def _faults_of(recipe: str | Path) -> Iterator[None]:
    """Say in whose values the fault lies that a model or loss finds in its arguments."""
    try:
        yield
    except UsageError as error:
        raise RecipeError(f"{recipe}: {error}") from error
