"""The base of a recipe's sections."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A part of a recipe: no key that it does not know, no value of another type."""

    model_config = ConfigDict(extra="forbid", frozen=True)
