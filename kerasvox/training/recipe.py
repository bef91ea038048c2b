"""Recipes: what trains a preset, read from YAML and checked."""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kerasvox.errors import RecipeError


class Section(BaseModel):
    """A part of a recipe: no key that it does not know, no value of another type."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelSection(Section):
    """The separator: the arguments of `DRNNSeparator`."""

    system: Literal["drnn"] = "drnn"
    context: int = 3
    units: int = 1000
    depth: int = 3
    recurrent_layers: tuple[int, ...] = (2,)
    dropout: float = 0.0
    sample_rate: int = 16000
    n_fft: int = 1024
    hop: int = 512
    window: Literal["hann", "hamming", "sine"] = "sine"


class LossSection(Section):
    """The objective: the arguments of `DiscriminativeLoss`."""

    divergence: Literal["squared_error", "kl"] = "squared_error"
    gamma: float = Field(default=0.05, ge=0, le=1)


class DataSection(Section):
    """What a batch is made of: see `TrainingBatches`."""

    set: Literal["mir1k"] = "mir1k"
    held_out_songs: int = Field(
        default=0, ge=0, description="training songs that score beside the dev clips instead"
    )
    batch_size: int = Field(default=32, ge=1)
    seconds: float = Field(default=3.2, gt=0, description="length of an example")
    equal_singers: bool = Field(
        default=False, description="draw every singer equally often, however many clips there are"
    )
    circular_shift: bool = True
    remix: float = Field(default=0.0, ge=0, le=1)
    speed: float = Field(default=0.0, ge=0, lt=1)
    level: tuple[float, float] = (-20.0, -20.0)
    balance: float = Field(default=0.0, ge=0)


class OptimizerSection(Section):
    """Adam; its learning rate falls from the first to the last value along half a cosine."""

    learning_rate: float = Field(default=1e-3, gt=0)
    final_learning_rate: float = Field(default=2e-5, gt=0)
    clip_norm: float = Field(default=1.0, gt=0)


class Recipe(Section):
    """All that trains a preset besides the data."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    description: str = ""
    seed: int = Field(default=0, ge=0)
    steps: int = Field(ge=1)
    steps_per_epoch: int = Field(
        default=250, ge=1, description="steps between two dev scores and checkpoints"
    )
    model: ModelSection = ModelSection()
    loss: LossSection = LossSection()
    data: DataSection = DataSection()
    optimizer: OptimizerSection = OptimizerSection()


def read_recipe(path: str | Path) -> Recipe:
    """Read a recipe.

    Args:
        path: a YAML file.

    Raises:
        RecipeError: if the file cannot be read, is no YAML mapping, or holds an unknown key (the
            nearest right one is named) or a value out of its range. One line, every fault in it.
    """
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: cannot be read ({error})") from error
    except yaml.YAMLError as error:
        raise RecipeError(f"{path}: is no YAML ({' '.join(str(error).split())})") from error
    if not isinstance(content, dict):
        raise RecipeError(f"{path}: must be a mapping of keys to values, such as 'steps: 1000'")
    try:
        return Recipe(**content)
    except ValidationError as error:
        faults = "; ".join(_explain(fault) for fault in error.errors())
        raise RecipeError(f"{path}: {faults}") from error
    except TypeError as error:
        raise RecipeError(f"{path}: its keys must be words ({error})") from error


def _explain(fault: Any) -> str:
    *parents, key = fault["loc"]
    where = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        known = _keys(parents)
        near = get_close_matches(str(key), known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"keys are {', '.join(sorted(known))}"
        return f"unknown key {where!r}; {hint}"
    if fault["type"] == "missing":
        return f"{where!r} is missing"
    return f"{where} is {fault['input']!r}; {fault['msg']}"


def _keys(parents: Iterable[Any]) -> list[str]:
    section: Any = Recipe
    for parent in parents:
        section = section.model_fields[parent].annotation
    return list(section.model_fields)
