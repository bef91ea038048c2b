"""The base of a recipe's sections."""

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator


class Section(BaseModel):
    """A part of a recipe: no key that it does not know, and numbers that are finite numbers.

    A number may be written as text, for that is what YAML takes `1e-3` for.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_no_number(cls, value: Any, field: ValidationInfo) -> Any:
        if (
            isinstance(value, bool)
            and cls.model_fields[str(field.field_name)].annotation is not bool
        ):
            raise ValueError(f"{str(value).lower()} is neither a number nor a word")
        return value
