"""What a recipe may say: its sections, and a recipe for each system."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from kerasvox.training.optimizer_section import EarlyStoppingSection, OptimizerSection
from kerasvox.training.section import Section

_STEPS_PER_EPOCH = 250
Window = Literal["hann", "hamming", "sine"]
Weight = Annotated[float, Field(ge=0)]


class DRNNSection(Section):
    """The arguments of `DRNNSeparator`."""

    system: Literal["drnn"] = "drnn"
    context: int = 3
    units: int = 1000
    depth: int = 3
    recurrent_layers: tuple[int, ...] = (2,)
    dropout: float = 0.0
    sample_rate: int = 16000
    n_fft: int = 1024
    hop: int = 512
    window: Window = "sine"


class DiscriminativeSection(Section):
    """The arguments of `DiscriminativeLoss`."""

    divergence: Literal["squared_error", "kl"] = "squared_error"
    gamma: float = Field(default=0.05, ge=0, le=1)


class TwoHeadBiLSTMSection(Section):
    """The arguments of `TwoHeadBiLSTM`."""

    units: int = 1024
    depth: int = 2
    mapping_activation: str = "relu"
    masking_activation: str = "sigmoid"
    compression: float = 1.0
    dropout: float = 0.0


class EmbeddingSection(Section):
    """The arguments of an `Embedding`; `key` is one of `SeparateInfoEmbedding` alone."""

    units: int = 1024
    heads: int = 8
    key_size: int | None = None
    residual: bool = True
    normalization: bool = True
    compression: float = 1.0
    dropout: float = 0.0
    key: str = "mapping"


class TwoHeadSection(Section):
    """The arguments of `TwoHeadSeparator`."""

    system: Literal["two_head_bilstm"]
    first_stage: TwoHeadBiLSTMSection = TwoHeadBiLSTMSection()
    output: str = "linear_fusion"
    phase: str = "linear_fusion"
    phase_iterations: int = 1
    gain_exponent: float = 1.0
    sample_rate: int = 16000
    n_fft: int = 512
    hop: int = 256
    window: Window = "hamming"


class MultiTaskSection(Section):
    """The arguments of `MultiTaskLoss`."""

    alpha: Weight = 1.0


class FusionSection(Section):
    """The arguments of `SpectrogramFusionSeparator`."""

    system: Literal["spectrogram_fusion"]
    embedding: str = "all_info"
    first_stage: TwoHeadBiLSTMSection = TwoHeadBiLSTMSection()
    second_stage: EmbeddingSection = EmbeddingSection()
    selection: str = "first_stage"
    output: str = "fusion"
    binary_masks: bool = False
    phase: str = "linear_fusion"
    phase_iterations: int = 1
    gain_exponent: float = 1.0
    sample_rate: int = 16000
    n_fft: int = 512
    hop: int = 256
    window: Window = "hamming"


class MinimumDifferenceMaskSection(Section):
    """The arguments of `MinimumDifferenceMaskLoss`."""

    beta: Weight = 1.0
    gamma: Weight = 0.0
    first_stage: Weight = 0.0
    alpha: Weight = 1.0


class StagesSection(Section):
    """How the stages of a fusion system train: one after the other, or at once.

    With a preset, the first stage starts as that preset's, and is frozen or fine-tuned. Without
    one, both stages start fresh and train jointly; the loss then needs a weight for the first.
    """

    first: str | None = Field(
        default=None, description="preset, by name or folder, that the first stage comes from"
    )
    freeze_first: bool = True


class DataSection(Section):
    """What a batch is made of: see `TrainingBatches`."""

    set: Literal["mir1k", "stems"] = Field(
        default="mir1k", description="clips of MIR-1K, or tracks whose stems are files"
    )
    decoder: Literal["default", "tfio"] = Field(
        default="default", description="tfio decodes and resamples files in the tf.data graph"
    )
    split_seed: int = Field(
        default=0, ge=0, description="chooses the split of tracks that no folder chooses"
    )
    held_out_songs: int = Field(
        default=0, ge=0, description="training songs that score beside the dev clips instead"
    )
    held_out_singer: str | None = Field(
        default=None, description="training singer whose clips score instead of the dev clips"
    )
    batch_size: int = Field(default=32, ge=1)
    seconds: float = Field(default=3.2, gt=0, description="length of an example")
    equal_singers: bool = Field(
        default=False, description="draw every singer equally often, however many clips there are"
    )
    channels: Literal["downmix", "random"] = Field(
        default="downmix",
        description="train on the mean of a stereo track's channels, or on one drawn at random",
    )
    channel_swap: float = Field(default=0.0, ge=0, le=1)
    circular_shift: bool = True
    remix: float = Field(default=0.0, ge=0, le=1)
    speed: float = Field(default=0.0, ge=0, lt=1)
    equalization: float = Field(default=0.0, ge=0)
    polarity: float = Field(default=0.0, ge=0, le=1)
    level: tuple[float, float] = (-20.0, -20.0)
    balance: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _channels_to_swap(self) -> "DataSection":
        if self.channel_swap and self.channels == "downmix":
            raise ValueError("channel_swap needs channels: random; a downmix has none to swap")
        return self


class Recipe(Section):
    """All that trains a preset besides the data; each system has its own model and loss."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    description: str = ""
    seed: int = Field(default=0, ge=0, lt=2**32)
    steps: int = Field(ge=1)
    steps_per_epoch: int = Field(
        default=_STEPS_PER_EPOCH,
        ge=1,
        description="steps between two dev scores and checkpoints; a shorter run is one epoch",
    )
    model: DRNNSection | TwoHeadSection | FusionSection
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = Field(
        default="float32", description="of the layers' sums while training; weights are float32"
    )
    data: DataSection = DataSection()
    optimizer: OptimizerSection = OptimizerSection()
    early_stopping: EarlyStoppingSection = EarlyStoppingSection()

    @model_validator(mode="before")
    @classmethod
    def _a_short_run_is_an_epoch(cls, values: dict[str, Any]) -> dict[str, Any]:
        steps = values.get("steps")
        short = isinstance(steps, int) and 0 < steps < _STEPS_PER_EPOCH
        return {"steps_per_epoch": steps, **values} if short else values

    @model_validator(mode="after")
    def _epochs_are_whole(self) -> "Recipe":
        if self.steps % self.steps_per_epoch:
            more = -(-self.steps // self.steps_per_epoch) * self.steps_per_epoch
            raise ValueError(
                f"steps is {self.steps}; it must be a multiple of steps_per_epoch, "
                f"{self.steps_per_epoch}, such as {more}"
            )
        return self

    @model_validator(mode="after")
    def _warmup_ends(self) -> "Recipe":
        warmup = self.optimizer.warmup_steps
        if warmup is not None and warmup >= self.steps:
            raise ValueError(
                f"optimizer.warmup_steps is {warmup}; it must be below steps, {self.steps}"
            )
        return self


class DRNNRecipe(Recipe):
    """A recipe for the deep recurrent network."""

    model: DRNNSection = DRNNSection()
    loss: DiscriminativeSection = DiscriminativeSection()


class TwoHeadRecipe(Recipe):
    """A recipe for the first stage of spectrogram fusion."""

    model: TwoHeadSection
    loss: MultiTaskSection = MultiTaskSection()


class FusionRecipe(Recipe):
    """A recipe for spectrogram fusion, or for its second stage."""

    model: FusionSection
    loss: MinimumDifferenceMaskSection = MinimumDifferenceMaskSection()
    stages: StagesSection = StagesSection()

    @model_validator(mode="after")
    def _first_stage_learns(self) -> "FusionRecipe":
        if self.stages.first is None and not self.loss.first_stage:
            raise ValueError(
                "nothing trains the first stage: give stages.first a preset that has it, or "
                "loss.first_stage a weight to train both at once"
            )
        return self


RECIPES: dict[str, type[Recipe]] = {
    "drnn": DRNNRecipe,
    "two_head_bilstm": TwoHeadRecipe,
    "spectrogram_fusion": FusionRecipe,
}
