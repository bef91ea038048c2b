"""The errors that a user can cause, each told in one line."""


class KerasvoxError(Exception):
    """A failure that one line explains: what was received, and what would be right.

    The command line prints that line and exits with `exit_code`; `--debug` adds the traceback.
    """

    exit_code = 1


class UsageError(KerasvoxError, ValueError):
    """The request itself is wrong (an unknown option value, clashing outputs)."""

    exit_code = 2


class AudioError(KerasvoxError):
    """An audio file that cannot be read, or a stem that cannot be written."""


class DataError(KerasvoxError):
    """A data set, or a clip of it, that cannot be used."""


class PresetError(KerasvoxError):
    """A preset that is unknown, incomplete or damaged."""


class RecipeError(UsageError):
    """A recipe with a key or value that cannot be used."""


class TrainingError(KerasvoxError):
    """A training run that cannot go on."""


class ExportError(KerasvoxError):
    """An export that cannot be made, or that differs from the model."""


class ServingError(KerasvoxError):
    """A model server that cannot start, or a request that it did not fulfil."""
