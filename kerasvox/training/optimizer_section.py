"""What a recipe may say of the optimiser, its learning rate, and when to stop."""

from typing import Literal

from pydantic import Field, model_validator

from kerasvox.training.section import Section

# Keys that one value of another key gives a meaning to: (key, that other key, its values).
_MEANT_FOR = (
    ("final_learning_rate", "schedule", ("cosine", "warmup_cosine", "plateau")),
    ("warmup_steps", "schedule", ("warmup_cosine",)),
    ("plateau", "schedule", ("plateau",)),
    ("weight_decay", "name", ("adamw",)),
    ("momentum", "name", ("sgd",)),
)


class PlateauSection(Section):
    """How the rate falls where the dev score does not improve; the papers' authors halve it."""

    factor: float = Field(default=0.5, gt=0, lt=1)
    patience: int = Field(default=1, ge=1, description="epochs without a better dev score")


class OptimizerSection(Section):
    """The optimiser and the schedule of its learning rate.

    The schedules: `cosine`, from the first to the last rate along half a cosine over all steps;
    `warmup_cosine`, the same after a straight rise from 0; `constant`; `plateau`, the first rate
    until the dev score does not improve, then a factor less each time, down to the last one.

    Steps are batches, also where several of them make one update.
    """

    name: Literal["adam", "adamw", "sgd"] = "adam"
    learning_rate: float = Field(default=1e-3, gt=0)
    final_learning_rate: float = Field(default=2e-5, gt=0)
    schedule: Literal["cosine", "warmup_cosine", "constant", "plateau"] = "cosine"
    warmup_steps: int | None = Field(default=None, ge=1)
    plateau: PlateauSection = PlateauSection()
    clip_norm: float = Field(default=1.0, gt=0)
    gradient_accumulation_steps: int = Field(
        default=1, ge=1, description="batches whose mean gradient makes one update"
    )
    ema_momentum: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="of the weights' moving average, an update; the average is scored and kept",
    )
    weight_decay: float = Field(default=0.004, ge=0, description="of adamw")
    momentum: float = Field(default=0.9, ge=0, lt=1, description="of sgd")

    @model_validator(mode="after")
    def _keys_have_a_meaning(self) -> "OptimizerSection":
        for key, other, values in _MEANT_FOR:
            if key in self.model_fields_set and getattr(self, other) not in values:
                raise ValueError(
                    f"{key} has no meaning with {other} {getattr(self, other)}, but with "
                    f"{' or '.join(values)}; leave it out"
                )
        if self.schedule != "constant" and self.final_learning_rate > self.learning_rate:
            raise ValueError(
                f"final_learning_rate is {self.final_learning_rate:g}, above learning_rate, "
                f"{self.learning_rate:g}; give a lower one, or schedule: constant"
            )
        if self.schedule == "warmup_cosine" and self.warmup_steps is None:
            raise ValueError("schedule warmup_cosine needs warmup_steps")
        return self


class EarlyStoppingSection(Section):
    """When a run ends before its last step; by default it does not."""

    patience: int | None = Field(
        default=None, ge=1, description="epochs without a better dev score of the vocals, GNSDR"
    )
